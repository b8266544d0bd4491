"""Outlets: nothing is told before a person switched it on; what is undone, over or switched off is taken back."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stillhunt import Config, ConfigError, OutputError
from stillhunt.cli.app import app
from stillhunt.watch.alerts.webhook import signature
from stillhunt.watch.known_database import open_database
from stillhunt_signals.outlets.declared import OutletError, ToldDecision, declared_outlets, send_to
from stillhunt_signals.outlets.telling import TellingLedger

NOW, LATER = 1_774_000_000, 1_774_086_400
KINDS = ("litellm", "webhook", "radar", "crowdsec", "misp")


@dataclass
class Listener:
    """A server that takes what all five systems take, as their documentation says, and keeps it."""

    url: str = ""
    status: int = 200
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        self.seen.append((method, path, headers, body))
        if path == "/v1/watchers/login":
            return 200, {"code": 200, "token": "jwt"}
        if path == "/v1/alerts":
            return self.status, ["77"]
        if path == "/v1/radar/value_list_items":
            return self.status, {"id": "rsli_1", "object": "radar.value_list_item"}
        return self.status, {}

    def calls(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path, _, _ in self.seen if "login" not in path]


@pytest.fixture
def listener() -> Iterator[Listener]:
    one = Listener()

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = one.answer(self.command, self.path, dict(self.headers), body)
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_DELETE = _take  # noqa: N815 - as http.server names them

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield one
    server.shutdown()
    server.server_close()


def outlets(listener: Listener, **more: str) -> Any:
    tables = {
        kind: {"kind": kind, "url": listener.url, "key": "m:secret", "list_id": "rsl_1", **more} for kind in KINDS
    }
    return declared_outlets(Config(plugins={"write_back": tables}))


def wanted(*accounts: str) -> dict[str, dict[str, ToldDecision]]:
    return {kind: {one: ToldDecision(one, f"v-{one}", "block", LATER) for one in accounts} for kind in KINDS}


def test_what_each_system_is_sent_and_how_it_is_undone(listener: Listener, tmp_path: Path) -> None:
    ledger, declared = TellingLedger(tmp_path), outlets(listener)
    assert list(ledger.reconcile(declared, wanted("a"), NOW)) == []
    assert listener.seen == [], "nobody switched anything on"
    for name in KINDS:
        ledger.switch(name, "Ada", "", NOW, on=True)
    assert len(list(ledger.reconcile(declared, wanted("a"), NOW))) == 5
    assert list(ledger.reconcile(declared, wanted("a"), NOW)) == [], "what was told is not told again"
    bodies = {path: (headers, body) for _, path, headers, body in listener.seen}
    assert json.loads(bodies["/key/block"][1]) == {"key": "v-a"}
    assert bodies["/key/block"][0]["Authorization"] == "Bearer m:secret"
    assert bodies["/v1/radar/value_list_items"][1] == b"value_list=rsl_1&value=v-a"
    (alert,) = json.loads(bodies["/v1/alerts"][1])
    assert (alert["decisions"][0]["value"], alert["decisions"][0]["duration"]) == ("v-a", "86400s")
    assert bodies["/v1/alerts"][0]["Authorization"] == "Bearer jwt"
    assert json.loads(bodies["/sightings/add"][1])["type"] == "0"
    headers, body = bodies["/"]
    assert headers["X-Stillhunt-Signature"] == signature("m:secret", body, NOW)
    listener.seen.clear()
    list(ledger.reconcile(declared, wanted(), NOW + 5))
    assert sorted(listener.calls()) == [
        ("DELETE", "/v1/alerts/77"),
        ("DELETE", "/v1/radar/value_list_items/rsli_1"),
        ("POST", "/"),
        ("POST", "/key/unblock"),
        ("POST", "/sightings/add"),
    ]
    assert list(ledger.reconcile(declared, wanted(), NOW + 9)) == []


def test_switching_off_takes_everything_back(listener: Listener, tmp_path: Path) -> None:
    ledger, declared = TellingLedger(tmp_path), outlets(listener)
    ledger.switch("litellm", "Ada", "", NOW, on=True)
    list(ledger.reconcile(declared, wanted("a", "b"), NOW))
    ledger.switch("litellm", "Bo", "wrong list", NOW, on=False)
    found = list(ledger.reconcile(declared, wanted("a", "b"), NOW))
    assert [(one.event, one.account_id) for one in found] == [("ended", "a"), ("ended", "b")]
    assert ledger.switched_on() == {}


def test_what_an_outlet_was_told_that_is_declared_no_more_is_said(listener: Listener, tmp_path: Path) -> None:
    """It still stands in the other system, and nobody can take it back before the outlet is declared again."""
    ledger, declared = TellingLedger(tmp_path), outlets(listener)
    ledger.switch("litellm", "Ada", "", NOW, on=True)
    list(ledger.reconcile(declared, wanted("a"), NOW))
    rest = {name: outlet for name, outlet in declared.items() if name != "litellm"}
    (found,) = ledger.reconcile(rest, wanted("a"), NOW)
    assert (found.outlet, found.event, found.account_id) == ("litellm", "ended", "a")
    assert "declare it again" in found.problem
    assert [one.problem for one in ledger.reconcile(declared, wanted(), NOW)] == [""], "then it is taken back"


def test_what_is_not_taken_is_tried_again_and_never_told_twice(listener: Listener, tmp_path: Path) -> None:
    ledger, declared = TellingLedger(tmp_path), outlets(listener)
    ledger.switch("radar", "Ada", "", NOW, on=True)
    listener.status = 500
    (failed,) = ledger.reconcile(declared, wanted("a"), NOW)
    assert failed.problem == "it answered 500"
    listener.status = 200
    assert [one.problem for one in ledger.reconcile(declared, wanted("a"), NOW)] == [""]
    listener.status = 500
    longer = {"radar": {"a": ToldDecision("a", "v-a", "block", LATER + 60)}}
    assert [one.event for one in ledger.reconcile(declared, longer, NOW)] == ["ended"], "the old one has to end first"
    listener.status = 404
    assert [(one.event, bool(one.problem)) for one in ledger.reconcile(declared, longer, NOW)] == [
        ("ended", False),
        ("told", True),
    ]


def test_what_cannot_be_kept_is_taken_back_at_once(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its receipt in the ledger, nobody could undo it later."""
    ledger, declared = TellingLedger(tmp_path), {"radar": outlets(listener)["radar"]}
    ledger.switch("radar", "Ada", "", NOW, on=True)
    before = (tmp_path / "told.jsonl").read_bytes()

    def fill_up(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", fill_up)
    with pytest.raises(OutputError, match="No space left"):
        list(ledger.reconcile(declared, wanted("a"), NOW))
    monkeypatch.undo()
    items = "/v1/radar/value_list_items"
    assert listener.calls() == [("POST", items), ("DELETE", f"{items}/rsli_1")]
    assert (tmp_path / "told.jsonl").read_bytes() == before
    assert len(list(ledger.reconcile(declared, wanted("a"), NOW))) == 1


def test_no_address_and_no_key_is_in_an_error() -> None:
    tables = {"x": {"kind": "webhook", "url": "http://127.0.0.1:1/secret", "key": "hidden"}}
    one = declared_outlets(Config(plugins={"write_back": tables}))["x"]
    with pytest.raises(OutletError, match="no answer") as caught:
        send_to(one, ToldDecision("a", "a", "block", LATER), NOW, ends=False)
    assert "secret" not in str(caught.value)
    assert "hidden" not in repr(one)


@pytest.mark.parametrize("table", [{"kind": "fax", "url": "http://x"}, {"kind": "misp", "url": "file:///etc"}, "x"])
def test_outlets_that_cannot_be_used_are_refused(table: Any) -> None:
    with pytest.raises(ConfigError, match=r"plugins\.write_back\.one"):
        declared_outlets(Config(plugins={"write_back": {"one": table}}))


def test_a_decision_is_told_and_its_undo_too(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    open_database(tmp_path / "data", "").close()
    (tmp_path / "stillhunt.toml").write_text(
        f'[plugins.write_back.proxy]\nkind = "litellm"\nurl = "{listener.url}"\nkey = "sk-1"\nsubjects = "keys.csv"\n'
    )
    (tmp_path / "keys.csv").write_text("account_id,value\nacc-1,hash-1\n")
    run = CliRunner()

    def told(*arguments: str) -> str:
        done = run.invoke(app, [*arguments, "--data", "data"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    for account in ("acc-1", "acc-2"):
        told("decisions", "add", account, "block", "--by", "Ada", "--days", "2")
    told("decisions", "add", "acc-3", "throttle", "--by", "Ada", "--days", "2")
    assert "told 0" in told("outlets", "run")
    assert "off" in told("outlets", "list")
    nowhere = run.invoke(app, ["outlets", "on", "proxy", "--by", "Ada", "--data", "dat"])
    assert nowhere.exit_code != 0
    assert not (tmp_path / "dat").exists(), "a folder that is not there is said, and not made"
    told("outlets", "on", "proxy", "--by", "Ada")
    assert "told 1, ended 0" in told("outlets", "run")
    assert [json.loads(body) for *_, body in listener.seen] == [{"key": "hash-1"}], "acc-2 has no key, acc-3 no block"
    assert "on, by Ada" in told("outlets", "list")
    told("decisions", "undo", "1", "--by", "Bo")
    assert "told 0, ended 1" in told("outlets", "run")
    assert listener.calls()[-1] == ("POST", "/key/unblock")
