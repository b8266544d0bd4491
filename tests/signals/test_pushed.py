"""Bodies that webhooks push: kept on the disk before they are acknowledged, read as signals, refused with a reason."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.serving import serving
from stillhunt.base.config import Config
from stillhunt_signals import gateway_inlet
from stillhunt_signals.signals.declared import declared_signals
from stillhunt_signals.signals.values import read_values

SECRET = "-".join(("whsec", "test"))
CHARGE = {
    "id": "evt_1", "type": "charge.succeeded", "created": 1_793_613_600,
    "data": {"object": {"metadata": {"account_id": "acct-1"}, "outcome": {"risk_score": 71}}},
}  # fmt: skip


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path, Config]]:
    folder = tmp_path_factory.mktemp("pushed")
    radar = {"ready": "stripe-radar-score", "from": str(folder / "charges.jsonl"), "secret": SECRET}
    table = {"from": str(folder / "marks.csv"), "column": "mark", "kind": "flag", "about": "harvest"}
    config = Config.model_validate({"signals": {"radar": radar, "marks": table}})
    with (
        serving(folder / "data", config) as running,
        httpx.Client(base_url=f"http://127.0.0.1:{running.port}") as client,
    ):

        def push(
            body: bytes, signal: str = "radar", token: str = running.admin, signed: str | bytes = ""
        ) -> httpx.Response:
            proof = {"stripe-signature": signed} if signed else {"authorization": f"Bearer {token}"}
            headers = {**proof, "content-type": "application/json"}
            return client.post(f"/v1/gateway/signals?signal={signal}", content=body, headers=headers)

        yield push, folder / "charges.jsonl", config


def test_what_a_webhook_pushes_is_a_signal(pushed: Any) -> None:
    push, path, config = pushed
    other = json.loads(json.dumps(CHARGE).replace("acct-1", "acct-2").replace("71", "5"))
    assert push(json.dumps(CHARGE, indent=2).encode()).json() == {"kept": True}
    assert push(json.dumps(other).encode()).status_code == 200
    assert [json.loads(line) for line in path.read_text().splitlines()] == [CHARGE, other]
    (signal,) = (one for one in declared_signals(config) if one.name == "radar")
    values = read_values(signal, None)
    assert dict(zip(values.ids.to_pylist(), values.numbers, strict=True)) == {"acct-1": 71.0, "acct-2": 5.0}


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (400, {"body": b"no json"}),
        (400, {"body": b"[" * 100_000}),
        (400, {"body": b"{}", "signal": "marks"}),
        (400, {"body": b"{}", "signal": "../etc/passwd"}),
        (401, {"body": b"{}", "token": "wrong"}),
        (413, {"body": b'"' + b"x" * (1 << 20) + b'"'}),
    ],
)
def test_what_is_none_is_refused_and_changes_nothing(pushed: Any, status: int, asked: dict[str, Any]) -> None:
    push, path, _ = pushed
    before = path.read_bytes() if path.exists() else b""
    answered = push(**asked)
    assert (answered.status_code, "error" in answered.json()) == (status, True)
    assert (path.read_bytes() if path.exists() else b"") == before


def signature(body: bytes, at: float, secret: str = SECRET) -> str:
    """As https://docs.stripe.com/webhooks/signatures describes it."""
    payload = str(int(at)).encode() + b"." + body
    return f"t={int(at)},v1={hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()},v0=00"


def test_stripe_pushes_by_its_signature(pushed: Any) -> None:
    push, path, _ = pushed
    body, now = json.dumps(CHARGE, indent=1).encode(), time.time()
    before = path.read_bytes() if path.exists() else b""
    assert push(body, signed=signature(body, now)).json() == {"kept": True}
    rolled = f"{signature(body, now, 'whsec_new')},{signature(body, now).split(',')[1]}"
    assert push(body, signed=rolled).status_code == 200
    wrong = [
        signature(body, now, "whsec_other"), signature(body + b" ", now), signature(body, now - 330),
        signature(body, now + 330), "t=,v1=", "v1=00", "t=1", f"t={'9' * 5000},v1=é",
        signature(body, now).replace("v1", "v0"),
    ]  # fmt: skip
    for one in wrong:
        assert push(body, signed=one.encode("latin-1")).status_code == 401, one
    assert push(body, "marks", signed=signature(body, now, "")).status_code == 401, "it has no secret"
    assert push(body, "nobody", signed=signature(body, now)).status_code == 401, "strangers learn no names"
    assert path.read_bytes() == before + 2 * (json.dumps(CHARGE, separators=(",", ":")).encode() + b"\n")


def test_nothing_is_acknowledged_that_a_full_disk_did_not_take(pushed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    push, path, _ = pushed
    body, write = json.dumps(CHARGE).encode(), os.write
    assert push(body).status_code == 200
    before = path.read_bytes()

    def fill_up(handle: int, content: Any) -> int:
        if Path(f"/proc/self/fd/{handle}").readlink() != path:
            return write(handle, content)
        if os.fstat(handle).st_size > len(before):
            raise OSError(28, "No space left on device")
        return write(handle, bytes(content)[:7])

    monkeypatch.setattr(os, "write", fill_up)
    answered = push(body)
    assert (answered.status_code, "not kept" in answered.json()["error"]) == (503, True)
    assert "No space left" in answered.json()["error"]
    assert path.read_bytes() == before
    monkeypatch.undo()
    assert push(body).status_code == 200
    monkeypatch.setattr(gateway_inlet, "MOST_FILE_BYTES", len(before))
    assert push(body).status_code == 503
