"""Alerts as e-mail: plain text, through one SMTP server."""

import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from stillhunt.base import formatting
from stillhunt.base.config_alerts import EmailSettings
from stillhunt.watch.alerts.parameters import LIMITS_OF_SENDING
from stillhunt.watch.alerts.sending import AlertChannel, DeliveryError, Due

_ANSWER_CHARS = 160


class MailServer:
    """The mail server that takes alerts."""

    name = "email"

    def __init__(self, settings: EmailSettings, timeout: float = LIMITS_OF_SENDING.timeout) -> None:
        self._settings, self._timeout, self.kinds = settings, timeout, settings.kinds

    def deliver(self, due: Due, now: float) -> str:
        """Send one alert.

        Returns how many of the recipients the server refused; empty where none. Raises DeliveryError: the server cannot
        be reached, or took it for nobody.
        """
        try:
            with self._connect_to_server() as server:
                if self._settings.user:
                    server.login(self._settings.user, self._settings.password)
                refused = server.send_message(message_of(due, self._settings, now))
        except smtplib.SMTPResponseException as error:
            answer = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
            shown = formatting.shorten(answer.decode("utf-8", "replace"), _ANSWER_CHARS)
            raise DeliveryError(f"the mail server answered {error.smtp_code} {shown}") from None
        except smtplib.SMTPRecipientsRefused:
            raise DeliveryError("the mail server refused all recipients") from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise DeliveryError(f"the mail server cannot be used ({type(error).__name__})") from None
        return f"{formatting.plural(len(refused), 'recipient')} refused" if refused else ""

    def _connect_to_server(self) -> smtplib.SMTP:
        host, port = self._settings.host, self._settings.port
        if self._settings.tls == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=self._timeout, context=ssl.create_default_context())
        server = smtplib.SMTP(host, port, timeout=self._timeout)
        if self._settings.tls == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server


def message_of(due: Due, settings: EmailSettings, now: float) -> EmailMessage:
    """One alert as a message; its id is the same for every try, so that mail programs drop repeats."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = formatting.escape_controls(f"[stillhunt] {due.body['title']}")
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    message["Date"] = formatdate(now)
    message["Message-ID"] = f"<{due.alert_id}@stillhunt.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(due.body["text"] + "\n")
    return message


EMAIL = AlertChannel(
    "email",
    "e-mail through an SMTP server",
    lambda settings: [MailServer(settings.email)] if settings.email.host else [],
)
