"""Alerts as HTTP posts, signed; and as text that Slack, Mattermost and others take."""

import hashlib
import hmac
import json
from urllib.parse import urlsplit

from stillhunt._version import __version__
from stillhunt.base.config_alerts import WebhookSettings
from stillhunt.watch.alerts.parameters import LIMITS_OF_SENDING
from stillhunt.watch.alerts.sending import AlertChannel, DeliveryError, Due, shown_name

SIGNATURE_HEADER = "X-Stillhunt-Signature"


class Webhook:
    """One web address; redirects are not followed, certificates are verified, and answers are not read."""

    def __init__(self, settings: WebhookSettings, timeout: float = LIMITS_OF_SENDING.timeout) -> None:
        self._settings, self._timeout = settings, timeout
        self.name, self.kinds = webhook_name(settings.url), settings.kinds

    def deliver(self, due: Due, now: float) -> str:
        """Post one alert, signed with the time (seconds since 1970). Raises DeliveryError: no answer, or no success."""
        import httpx  # 0.2 s, which hunts do without

        payload = {"text": slack_text(due.body["text"])} if self._settings.form == "slack" else due.body
        body = json.dumps(payload).encode()
        headers = {"Content-Type": "application/json", "User-Agent": f"stillhunt/{__version__}"}
        if self._settings.secret:
            headers[SIGNATURE_HEADER] = signature(self._settings.secret, body, int(now))
        try:
            with (
                httpx.Client(timeout=self._timeout, follow_redirects=False) as client,
                client.stream("POST", self._settings.url, content=body, headers=headers) as answer,
            ):
                status = answer.status_code  # its body is left unread, however long it is
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            # Texts of these errors may quote the address, and the address of a webhook may be a secret.
            raise DeliveryError(f"no answer ({type(error).__name__})") from None
        if not 200 <= status < 300:
            raise DeliveryError(f"the answer was HTTP status {status}")
        return ""


def webhook_name(url: str) -> str:
    """Name of a webhook: its host, and a digest of the address, which may be secret itself."""
    return shown_name("webhook", urlsplit(url).hostname or "", url)


WEBHOOKS = AlertChannel(
    "webhooks",
    "signed HTTP posts, for Slack and others, too",
    lambda settings: [Webhook(one) for one in settings.webhooks],
)


def signature(secret: str, body: bytes, at: int) -> str:
    """The value of the signature header; with the seconds since 1970 a receiver can refuse old requests."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def slack_text(text: str) -> str:
    """Text in which nothing mentions a user or a channel or makes a link; Slack reads all three between < and >."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
