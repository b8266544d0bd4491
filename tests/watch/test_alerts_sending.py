"""Alerts reach their receivers: webhooks over real connections, files, retries, and what a crash leaves."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from stillhunt.base.config_alerts import AlertFile, AlertSettings, WebhookSettings
from stillhunt.watch.alerts.lines import LineFile
from stillhunt.watch.alerts.outbox import Due, due_for, record_alerts
from stillhunt.watch.alerts.receivers import file_name, receivers_of, webhook_name
from stillhunt.watch.alerts.sender import Sender, receivers_with, send_due
from stillhunt.watch.alerts.sending import DeliveryError
from stillhunt.watch.alerts.webhook import SIGNATURE_HEADER, Webhook, slack_text
from stillhunt.watch.database.tables import DELIVERIES
from stillhunt.watch.folder import DataFolder
from watch.alert_scenes import ACT, FAST, START, Told, alerts, database, event, record, some_alert, waiting_and_lost
from watch.certificates import server_context

ROOT = Path(__file__).parents[2]
NOW = 1_772_500_060.0
SECRET = "hu" + "sh"
DUE = Due("0" * 32, START, some_alert().body, 0)


class Answers(BaseHTTPRequestHandler):
    """Keeps what was posted, and answers as the test says."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server: Any = self.server
        server.posts.append((self.path, dict(self.headers), body))
        status, headers = server.answers.pop(0) if server.answers else (204, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if status == 200:
            self.endless_body()

    def endless_body(self) -> None:
        """A body that ends only when the client hangs up."""
        try:
            while True:
                self.wfile.write(b"x" * 65_536)
        except OSError:
            self.server.hung_up.set()

    def handle(self) -> None:
        with suppress(OSError):  # a client that hangs up, or refuses the certificate
            super().handle()

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def web() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.posts, server.answers, server.hung_up = [], [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_address[1]}/hook?token=hush"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def hook(url: str, **settings: Any) -> Webhook:
    return Webhook(WebhookSettings(url=url, **settings), timeout=2.0)


def documented_check() -> Any:
    """The function that `docs/howto/alerts.md` gives to receivers."""
    page = (ROOT / "docs" / "howto" / "alerts.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?def is_genuine.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the code of our own page
    return names["is_genuine"]


def test_a_webhook_is_signed_as_the_page_says() -> None:
    is_genuine = documented_check()
    with web() as server:
        assert hook(server.url, secret=SECRET).deliver(DUE, NOW) == ""
        ((path, headers, body),) = server.posts
    assert path == "/hook?token=hush"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == DUE.body
    assert json.loads(body)["alert_id"]
    signed = headers[SIGNATURE_HEADER]
    assert is_genuine(SECRET, signed, body, now=NOW)
    assert not is_genuine(SECRET, signed, body + b" ", now=NOW)
    assert not is_genuine("other", signed, body, now=NOW)
    assert not is_genuine(SECRET, signed, body, now=NOW + 301)
    for broken in ("", "t=,v1=", "t=" + "9" * 5000 + ",v1=00", "t=1", "v1=00", signed.replace("v1=", "v1=0")):
        assert not is_genuine(SECRET, broken, body, now=NOW)


def test_a_webhook_without_secret_has_no_signature() -> None:
    with web() as server:
        hook(server.url).deliver(DUE, NOW)
        assert SIGNATURE_HEADER not in server.posts[0][1]


@pytest.mark.parametrize("status", [300, 301, 302, 307, 400, 404, 429, 500])
def test_any_other_answer_than_success_is_a_failure_and_redirects_are_not_followed(status: int) -> None:
    with web() as server, web() as elsewhere:
        server.answers = [(status, {"Location": elsewhere.url, "Content-Length": "0"})]
        with pytest.raises(DeliveryError, match=r"HTTP status [345]"):
            hook(server.url).deliver(DUE, NOW)
        assert not elsewhere.posts


def test_an_endless_answer_is_not_read() -> None:
    with web() as server:
        server.answers = [(200, {})]
        assert hook(server.url).deliver(DUE, NOW) == ""
        assert server.hung_up.wait(5)


def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        slow = Webhook(WebhookSettings(url=f"http://127.0.0.1:{silent.getsockname()[1]}/"), timeout=0.1)
        with pytest.raises(DeliveryError, match="Timeout"):
            slow.deliver(DUE, NOW)


def test_a_certificate_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = server_context(tmp_path)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with web() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        address = server.url.replace("http://", "https://")
        with pytest.raises(DeliveryError) as failure:
            hook(address).deliver(DUE, NOW)
        assert "hush" not in str(failure.value)
        assert not server.posts
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert hook(address).deliver(DUE, NOW) == ""
        assert len(server.posts) == 1


def test_slack_text_mentions_nobody_and_makes_no_link() -> None:
    hostile = "<!channel> <@U123> <https://evil.example|click> a & b &lt;!here&gt;"
    shown = slack_text(hostile)
    assert not set("<>") & set(shown)
    assert shown.startswith("&lt;!channel&gt;")
    assert "&amp;lt;!here&amp;gt;" in shown
    with web() as server:
        hook(server.url, form="slack").deliver(Due("0" * 32, START, {"text": hostile}, 0), NOW)
        assert json.loads(server.posts[0][2]) == {"text": shown}


def test_names_of_receivers_show_no_secret() -> None:
    settings = AlertSettings(
        webhooks=({"url": "https://user:pw@hooks.example/T000/secret-token", "secret": "hush"},),
        files=({"path": "/var/log/stillhunt/alerts.jsonl"},),
    )
    names = list(receivers_of(settings))
    assert names == [one.name for one in receivers_with(settings)]
    assert names[0].startswith("webhook:hooks.example:")
    assert names[1].startswith("file:alerts.jsonl:")
    assert not re.search("secret|hush|pw", " ".join(names))


def test_each_receiver_gets_the_kinds_that_it_wants(tmp_path: Path) -> None:
    every, some = "https://a.example/", "https://b.example/"
    settings = AlertSettings(webhooks=({"url": every}, {"url": some, "kinds": ["campaign_new"]}))
    with database(tmp_path) as store:
        record(store, [*alerts([event("born")]), some_alert()], settings)
        assert len(due_for(store, webhook_name(every), START, FAST)) == 2
        (only,) = due_for(store, webhook_name(some), START, FAST)
        assert only.body["kind"] == "campaign_new"


def test_what_was_sent_is_not_sent_again_and_each_receiver_is_on_its_own(tmp_path: Path) -> None:
    settings = AlertSettings(files=({"path": "/a"}, {"path": "/b"}))
    good, bad = Told(file_name("/a")), Told(file_name("/b"), refusals=100)
    with database(tmp_path) as store:
        record(store, alerts([event("born")]), settings)
        for _ in range(3):
            for one in (good, bad):
                send_due(store, one, lambda: START / 1e6, FAST)
        assert [body["campaign"]["id"] for body in good.bodies] == [ACT]
        assert waiting_and_lost(store) == {bad.name: (1, 0)}


def test_waits_double_up_to_a_limit_and_end(tmp_path: Path) -> None:
    limits = FAST._replace(first_wait=5.0, longest_wait=60.0, most_tries=8)
    bad, clock, waits = Told(file_name("/b"), refusals=10**6), [START / 1e6], []
    with database(tmp_path) as store:
        record(store, [some_alert()], AlertSettings(files=({"path": "/b"},)))
        while waiting_and_lost(store)[bad.name] == (1, 0):
            send_due(store, bad, lambda: clock[0], limits)
            (row,) = store.read(select(DELIVERIES))
            if row["next_try"] is not None:
                waits.append(round(row["next_try"] / 1e6 - clock[0]))
                clock[0] = row["next_try"] / 1e6
        assert waits == [5, 10, 20, 40, 60, 60, 60]
        assert (row["tries"], row["failure"]) == (8, "not now")
        assert waiting_and_lost(store) == {bad.name: (0, 1)}


def test_a_clock_that_jumps_back_puts_no_try_off_for_ever(tmp_path: Path) -> None:
    flaky, year = Told(file_name("/b"), refusals=1), 365 * 86_400
    with database(tmp_path) as store:
        record(store, [some_alert(START + year * 1_000_000)], AlertSettings(files=({"path": "/b"},)))
        send_due(store, flaky, lambda: START / 1e6 + year, FAST)
        assert send_due(store, flaky, lambda: START / 1e6, FAST) == 1


def test_a_crash_after_sending_sends_again_under_the_same_id(tmp_path: Path) -> None:
    class Crash(BaseException):
        pass

    class Dies(Told):
        def deliver(self, due: Any, now: float) -> str:
            super().deliver(due, now)
            raise Crash

    dies, lives = Dies(file_name("/b")), Told(file_name("/b"))
    with database(tmp_path) as store:
        record(store, [some_alert()], AlertSettings(files=({"path": "/b"},)))
        with pytest.raises(Crash):
            send_due(store, dies, lambda: START / 1e6, FAST)
    with database(tmp_path) as store:
        assert send_due(store, lives, lambda: START / 1e6, FAST) == 1
    assert dies.bodies == lives.bodies


def test_a_change_that_is_not_recorded_is_not_told(tmp_path: Path) -> None:
    """The alert is in the transaction of the change: both are there, or neither."""
    settings = AlertSettings(files=({"path": "/b"},))
    with database(tmp_path) as store:

        def fail_after_it() -> None:
            with store.write() as connection:
                assert record_alerts(connection, [some_alert()], settings)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_after_it()
        assert not due_for(store, file_name("/b"), START, FAST)
        assert record(store, [some_alert()], settings)


def test_an_error_nobody_thought_of_stops_no_other_alert(tmp_path: Path) -> None:
    class Odd(Told):
        def deliver(self, due: Any, now: float) -> str:
            if due.body["kind"] == "disk_limit":
                raise KeyError("odd")
            return super().deliver(due, now)

    odd = Odd(file_name("/b"))
    with database(tmp_path) as store:
        record(store, [some_alert(), *alerts([event("born")])], AlertSettings(files=({"path": "/b"},)))
        assert send_due(store, odd, lambda: START / 1e6, FAST) == 1
        assert {row["failure"] for row in store.read(select(DELIVERIES))} == {None, "KeyError"}


def wait_until(condition: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    waiting = threading.Event()
    while not condition():
        assert time.monotonic() < end
        waiting.wait(0.01)


def test_the_sender_sends_and_another_one_takes_over(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    name = file_name("/b")
    with database(tmp_path) as store:
        first, second = Told(name), Told(name)
        senders = [Sender(folder, store, [one], FAST) for one in (first, second)]
        senders[0].start()
        record(store, [some_alert()], AlertSettings(files=({"path": "/b"},)))
        wait_until(lambda: first.bodies)
        senders[1].start()
        senders[0].stop()
        record(store, alerts([event("born")]), AlertSettings(files=({"path": "/b"},)))
        wait_until(lambda: second.bodies)
        senders[1].stop()
        assert [len(first.bodies), len(second.bodies)] == [1, 1]


def test_a_slow_receiver_holds_up_no_other(tmp_path: Path) -> None:
    class Slow(Told):
        free = threading.Event()

        def deliver(self, due: Any, now: float) -> str:
            self.free.wait(20)
            return super().deliver(due, now)

    slow, quick = Slow(file_name("/a")), Told(file_name("/b"))
    with database(tmp_path) as store:
        record(store, [some_alert()], AlertSettings(files=({"path": "/a"}, {"path": "/b"})))
        sender = Sender(DataFolder(tmp_path), store, [slow, quick], FAST)
        sender.start()
        wait_until(lambda: quick.bodies)
        assert not slow.bodies
        slow.free.set()
        wait_until(lambda: slow.bodies)
        sender.stop()


def test_lines_are_appended_and_the_file_may_be_rotated(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    lines = LineFile(AlertFile(path=str(path)))
    lines.deliver(DUE, NOW)
    path.rename(tmp_path / "alerts.jsonl.1")
    lines.deliver(DUE, NOW)
    lines.deliver(DUE, NOW)
    assert [len(path.read_text().splitlines()) for path in sorted(tmp_path.iterdir())] == [2, 1]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b'{"class_uid": 20')
    LineFile(AlertFile(path=str(path), form="ecs")).deliver(DUE, NOW)
    torn, whole = path.read_text().splitlines()
    assert json.loads(whole)["event"]["kind"] == "alert"
    assert torn == '{"class_uid": 20'


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "target"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path = path / "below"
    with pytest.raises(DeliveryError, match="cannot be written"):
        LineFile(AlertFile(path=str(path))).deliver(DUE, NOW)
