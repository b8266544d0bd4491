"""E-mail through a real SMTP server on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from pydantic import ValidationError

from stillhunt.base.config_alerts import AlertSettings, EmailSettings
from stillhunt.watch.alerts.mail import MailServer, message_of
from stillhunt.watch.alerts.outbox import Due
from stillhunt.watch.alerts.receivers import EMAIL
from stillhunt.watch.alerts.sender import send_due
from stillhunt.watch.alerts.sending import DeliveryError
from watch.alert_scenes import FAST, START, alerts, database, event, record, waiting_and_lost
from watch.certificates import server_context

(ALERT,) = alerts([event("born")])
DUE = Due(ALERT.alert_id, ALERT.at, ALERT.body, 0)
NOW = START / 1e6
ADDRESSES = {"sender": "stillhunt@example.com", "to": ("soc@example.com", "lead@example.com")}

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


class Inbox:
    """Keeps messages; refuses some recipients."""

    def __init__(self, refused: tuple[str, ...] = ()) -> None:
        self.messages: list[tuple[list[str], bytes]] = []
        self.refused = refused

    async def handle_RCPT(  # noqa: N802 - the server finds it by this name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return "550 nobody of this name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the server finds it by this name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        self.messages.append((list(envelope.rcpt_tos), envelope.original_content))
        return "250 taken"

    def only(self) -> EmailMessage:
        ((_, content),) = self.messages
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        return message


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def smtp(inbox: Inbox, port: int | None = None, **options: Any) -> Iterator[int]:
    controller = Controller(inbox, hostname="127.0.0.1", port=port or free_port(), **options)
    controller.start()
    try:
        yield int(controller.port)
    finally:
        controller.stop()


def mail(port: int, **settings: Any) -> MailServer:
    known = {"host": "127.0.0.1", "port": port, "tls": "none", **ADDRESSES}
    return MailServer(EmailSettings(**{**known, **settings}), timeout=5.0)


def test_a_message_says_what_the_alert_says() -> None:
    inbox = Inbox()
    with smtp(inbox) as port:
        assert mail(port).deliver(DUE, NOW) == ""
    message = inbox.only()
    assert inbox.messages[0][0] == list(ADDRESSES["to"])
    assert message["Subject"] == f"[stillhunt] {ALERT.body['title']}"
    assert (message["From"], message["To"]) == ("stillhunt@example.com", "soc@example.com, lead@example.com")
    assert message["Message-ID"] == f"<{ALERT.alert_id}@stillhunt.invalid>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    assert message.get_content().replace("\r\n", "\n").strip() == ALERT.body["text"]


def test_a_server_that_is_down_gets_the_alert_when_it_is_back(tmp_path: Path) -> None:
    inbox, port = Inbox(), free_port()
    settings = AlertSettings(email={"host": "127.0.0.1", "port": port, "tls": "none", **ADDRESSES})
    clock = [NOW]
    with database(tmp_path) as store:
        record(store, [ALERT], settings)
        for _ in range(3):
            assert send_due(store, mail(port), lambda: clock[0], FAST) == 0
            clock[0] += 3600
        assert waiting_and_lost(store) == {EMAIL: (1, 0)}
        with smtp(inbox, port):
            assert send_due(store, mail(port), lambda: clock[0], FAST) == 1
            assert send_due(store, mail(port), lambda: clock[0], FAST) == 0
        assert waiting_and_lost(store) == {}
    assert inbox.only()["Message-ID"] == f"<{ALERT.alert_id}@stillhunt.invalid>"


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_encryption_verifies_the_server_and_carries_the_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    context, certificate = server_context(tmp_path)
    logins: list[Any] = []

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"hush", handled=False)

    options: dict[str, Any] = {"authenticator": check, "auth_required": True}
    if mode == "tls":
        options |= {"ssl_context": context, "auth_require_tls": False}
    else:
        options |= {"tls_context": context, "require_starttls": True}
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # the controller's own first connection needs it, too
    inbox, login = Inbox(), {"user": "stillhunt", "password": "hush"}
    with smtp(inbox, **options) as port:
        assert mail(port, tls=mode, **login).deliver(DUE, NOW) == ""
        with pytest.raises(DeliveryError, match="answered 535") as refused:
            mail(port, tls=mode, **{**login, "password": "wrong"}).deliver(DUE, NOW)
        assert "wrong" not in str(refused.value)
        monkeypatch.delenv("SSL_CERT_FILE")
        logins.clear()
        with pytest.raises(DeliveryError, match="SSL"):
            mail(port, tls=mode, **login).deliver(DUE, NOW)
        assert not logins, "no password for a server that nobody knows"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert len(inbox.messages) == 1


def test_a_server_without_starttls_gets_nothing() -> None:
    inbox = Inbox()
    with smtp(inbox) as port, pytest.raises(DeliveryError, match="cannot be used"):
        mail(port, tls="starttls").deliver(DUE, NOW)
    assert not inbox.messages


def test_one_refused_recipient_does_not_hold_up_the_others() -> None:
    inbox = Inbox(refused=("soc@example.com",))
    with smtp(inbox) as port:
        assert mail(port).deliver(DUE, NOW) == "1 recipient refused"
        assert inbox.messages[0][0] == ["lead@example.com"]
        inbox.refused = ADDRESSES["to"]
        with pytest.raises(DeliveryError, match="refused all recipients"):
            mail(port).deliver(DUE, NOW)


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\x00", "\x85", "\u2028", "\x0b"])
def test_a_title_can_add_no_header(break_: str) -> None:
    body = {"title": f"Early sign{break_}Bcc: evil@example.org", "text": "Text\n.\nQUIT\n"}
    settings = EmailSettings(host="h", **ADDRESSES)
    message = message_of(Due("0" * 32, START, body, 0), settings, NOW)
    read = message_from_bytes(message.as_bytes(), policy=default)
    assert read["Bcc"] is None
    assert set(read.keys()) == set(message.keys())
    inbox = Inbox()
    with smtp(inbox) as port:
        mail(port).deliver(Due("0" * 32, START, body, 0), NOW)
    assert len(inbox.messages) == 1
    assert inbox.messages[0][0] == list(ADDRESSES["to"])
    assert inbox.only().get_content().splitlines()[:3] == ["Text", ".", "QUIT"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": ("a@example.com\r\nBcc: b@example.com",)},
        {"to": ("a@example.com, b@example.com",)},
        {"to": ("nobody",)},
        {"to": ()},
        {"sender": "x@example.com\nBcc: b@example.com"},
        {"sender": ""},
        {"password": "hush", "tls": "none"},
    ],
)
def test_settings_that_could_do_harm_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EmailSettings(**{"host": "h", **ADDRESSES, **wrong})
