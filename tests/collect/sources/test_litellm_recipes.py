"""The configurations of docs/howto/litellm.md, each with a log that LiteLLM 1.108.7 wrote with it.

`litellm_recipes/NAME` has the configuration that was run and the log of seven calls. The page shows the same text; if
you change one, run LiteLLM with it and keep its new log. The tests do without LiteLLM, because to install it takes a
minute and 750 MB.
"""

from __future__ import annotations

import asyncio
import gzip
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from litellm_records import payload
from reading import Read, hashed_address, read_logs

ROOT = Path(__file__).parents[3]
RECIPES = Path(__file__).parent / "litellm_recipes"
PAGE = (ROOT / "docs" / "howto" / "litellm.md").read_text(encoding="utf-8")
STAND_INS = ("  custom_auth: custom_auth.check  # stands in for the database of keys\n", ", spend_rows.spend_rows")
"""What the runs had in place of LiteLLM's database."""
LOGS = {
    "file": "calls.jsonl.gz",
    "http": "calls.jsonl.gz",
    "opentelemetry": "spans.pb.gz",
    "opentelemetry_v2": "spans.pb.gz",
    "database": "spend_logs.csv.gz",
}
ASKED = {
    "Which tree grows fastest?": ("one", "203.0.113.7"),
    "And a longer one?": ("customer-1", "203.0.113.8"),
    "Count to three.": ("one", "203.0.113.7"),
    "please fail": ("one", "203.0.113.7"),
    "Keep this call out of the log.": ("customer-1", "203.0.113.8"),
    "Keep this text out of the log.": ("customer-1", "203.0.113.8"),
    "Who is there?": ("unknown", None),
}
"""Prompt -> who asked it, and from where: the fifth call had `"no-log": true`, the sixth the header of redaction."""
MISSING = {"database": {"please fail", "Who is there?"}, "opentelemetry_v2": {"Who is there?"}}
ONE = "5e80f1b1da521ab8fd2e03a26bca38f309e12094aec2ba72b7d14c3424b8f015"
"""Hash of the key that belongs to no user."""


def shown(kind: str) -> list[str]:
    """The blocks of code of the page in one language."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def tried(recipe: str) -> str:
    """The configuration that was run, without the models and what stood in for a database."""
    text = (RECIPES / recipe / "config.yaml").read_text(encoding="utf-8")
    text = text[text.index("litellm_settings:") :]
    for stand_in in STAND_INS:
        text = text.replace(stand_in, "")
    return text


@pytest.mark.parametrize("recipe", LOGS)
def test_the_page_shows_the_configuration_that_was_tried(recipe: str) -> None:
    assert tried(recipe) in shown("yaml")
    environment = RECIPES / recipe / "environment"
    assert not environment.exists() or environment.read_text(encoding="utf-8") in shown("sh")


def test_the_page_shows_nothing_else() -> None:
    logging = [block for block in shown("yaml") if "guardrails:" not in block]  # others hold those to what we ship
    assert len(logging) == len({tried(recipe) for recipe in LOGS})
    assert sorted(shown("python")) == sorted(path.read_text(encoding="utf-8") for path in RECIPES.glob("*.py"))


@pytest.fixture(scope="module", params=LOGS)
def capture(request: pytest.FixtureRequest) -> tuple[str, Read]:
    return request.param, read_logs(RECIPES / request.param / LOGS[request.param])


def test_every_call_arrives_with_its_account_and_text(capture: tuple[str, Read]) -> None:
    recipe, read = capture
    assert not read.rejects
    expected = ASKED.keys() - MISSING.get(recipe, set())
    assert sorted(row["prompt"] for row in read.rows) == sorted(expected)
    for row in read.rows:
        who, address = ASKED[row["prompt"]]
        assert row["account_id"] == {"one": ONE, "customer-1": "customer-1"}.get(who, row["api_key_id"])
        assert row["model"] == "small"
        if recipe == "opentelemetry_v2":
            assert row["client_ip"] is row["user_agent"] is None
        else:
            assert row["client_ip"] == (None if address is None else hashed_address(address))
            assert (row["user_agent"] is None) == (address is None)


def test_what_a_call_carries_arrives(capture: tuple[str, Read]) -> None:
    _, read = capture
    by_prompt = read.by("prompt")
    first, second = by_prompt["Which tree grows fastest?"], by_prompt["And a longer one?"]
    assert (first["system_prompt"], first["temperature"], first["max_tokens"]) == ("Be brief.", pytest.approx(0.4), 60)
    assert (second["conversation_id"], second["end_user_id"], second["turn"]) == ("chat-1", "reader-7", 1)
    answered = [row for prompt, row in by_prompt.items() if prompt not in ("please fail", "Who is there?")]
    for row in answered:
        assert row["response"]
        assert row["input_tokens"] > 0
        assert row["status"] == 200
    assert all(row["conversation_id"] is None for row in answered if row is not second)
    if "please fail" in by_prompt:
        assert by_prompt["please fail"]["status"] == 429


def loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of the page, with LiteLLM's base class replaced by `object`."""
    base = ModuleType("litellm.integrations.custom_logger")
    base.__dict__["CustomLogger"] = object
    for package in ("litellm", "litellm.integrations"):
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
    monkeypatch.setitem(sys.modules, base.__name__, base)
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_callback_writes_successes_and_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALL_LOG_FOLDER", str(tmp_path / "new" / "log"))
    log = loaded("call_log", monkeypatch).call_log
    asyncio.run(log.async_log_success_event({"standard_logging_object": payload(1)}, None, None, None))
    asyncio.run(log.async_log_failure_event({"standard_logging_object": payload(2)}, None, None, None))
    asyncio.run(log.async_log_failure_event({}, None, None, None))
    (file,) = (tmp_path / "new" / "log").iterdir()
    assert [row["request_id"] for row in read_logs(file).rows] == ["call-1", "call-2"]


@pytest.mark.parametrize("part", ["metadata", "litellm_metadata"])
def test_the_header_of_redaction_is_taken_away(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = loaded("keep_texts", monkeypatch).keep_texts
    headers = {"user-agent": "acme", "x-litellm-enable-message-redaction": "true"}
    data = asyncio.run(texts.async_pre_call_hook(None, None, {part: {"headers": headers}, "model": "m"}, "completion"))
    assert data == {part: {"headers": {"user-agent": "acme"}}, "model": "m"}


@contextmanager
def receiving(folder: Path) -> Iterator[str]:
    """The page's receiver; its address."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    environment = {**os.environ, "CALL_LOG_FOLDER": str(folder), "PORT": str(port)}
    with subprocess.Popen([sys.executable, str(RECIPES / "receiver.py")], env=environment) as process:
        try:
            yield f"http://127.0.0.1:{port}/calls"
        finally:
            process.kill()


def post(address: str, body: bytes, kind: str) -> None:
    """Post once the receiver listens."""
    request = urllib.request.Request(address, body, {"Content-Type": kind})  # noqa: S310 - the address is our own
    for _ in range(10_000):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the same
                assert answer.status == 200
                return
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
    raise AssertionError("the receiver does not listen")


def test_the_receiver_keeps_what_is_posted(tmp_path: Path) -> None:
    spans = gzip.decompress((RECIPES / "opentelemetry" / "spans.pb.gz").read_bytes())
    with receiving(tmp_path) as address:
        for calls in ([payload(1), payload(2)], [payload(3)]):
            post(address, "\n".join(map(json.dumps, calls)).encode(), "application/x-ndjson")
        post(address, spans, "application/x-protobuf")
        post(address, spans, "application/x-protobuf")
    kinds: dict[str, Any] = {path.suffix: path for path in tmp_path.iterdir()}
    assert [row["request_id"] for row in read_logs(kinds[".jsonl"]).rows] == [f"call-{n}" for n in range(1, 4)]
    assert len(read_logs(kinds[".pb"]).rows) == 7
