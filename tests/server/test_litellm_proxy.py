"""A real LiteLLM proxy, configured by the lines that `stillhunt serve` prints.

LiteLLM takes about 750 MB, so it is no part of the environment of these tests. To run them, install it beside:

    python -m venv elsewhere && elsewhere/bin/pip install 'litellm[proxy]' opentelemetry-sdk opentelemetry-exporter-otlp
    LITELLM_PROGRAM=elsewhere/bin/litellm python -m pytest tests/server/test_litellm_proxy.py
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import stillhunt
from server.serving import Running, free_port, serving
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.spool.parts import closed_parts, open_parts
from stillhunt_server.commands.pasteable import PASTE_LITELLM
from stillhunt_server.tokens import INGEST, make_token

pytestmark = pytest.mark.service
PROGRAM = os.environ.get("LITELLM_PROGRAM") or shutil.which("litellm")
MODELS = """\
model_list:
  - model_name: small
    litellm_params: {model: openai/small-1, api_key: none, mock_response: "A short answer."}
general_settings:
  custom_auth: keys.check
"""
KEYS = '''\
"""Stands in for LiteLLM's table of keys: the key sk-user-NAME belongs to user-NAME."""
from litellm.proxy._types import ProxyException, UserAPIKeyAuth

async def check(request, api_key: str) -> UserAPIKeyAuth:
    name = api_key.removeprefix("sk-")
    if not name.startswith("user-"):
        raise ProxyException(message="unknown key", type="auth_error", param="key", code=401)
    return UserAPIKeyAuth(api_key=api_key, user_id=name)
'''
QUESTIONS = [(f"user-{user}", f"Question {number} of user {user}?") for user in range(3) for number in range(4)]


@dataclass(frozen=True)
class Proxy:
    """A running proxy."""

    port: int

    def ask(self, user: str, question: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = {"model": "small", "messages": [{"role": "user", "content": question}], "temperature": 0.5}
        headers = {"Authorization": f"Bearer sk-{user}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        status = connection.getresponse().status
        connection.close()
        return status


@contextmanager
def proxy(folder: Path, config: str, **environment: str) -> Iterator[Proxy]:
    if PROGRAM is None:
        pytest.skip("litellm is not installed (750 MB): the head of this file says how to run this")
    folder.mkdir()
    (folder / "keys.py").write_text(KEYS)
    (folder / "config.yaml").write_text(config)
    port = free_port()
    given = {"LITELLM_MASTER_KEY": f"sk-{secrets.token_urlsafe(24)}", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            [PROGRAM, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env={**os.environ, **given, **environment},
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: _answers(port), 120)
        yield Proxy(port)
    finally:
        running.terminate()
        running.wait(30)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/liveliness")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def until(held: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not held():
        assert time.monotonic() < end, "it did not happen in time"
        threading.Event().wait(0.2)


def records(running: Running, source: str) -> list[Path]:
    """Parts of one source, whether closed or not."""
    parts = [*closed_parts(running.folder.spool), *open_parts(running.folder.spool)]
    return [part for part in parts if part.parent.parent.name == source]


def prompts(running: Running, source: str) -> list[str]:
    """What was asked in the records of LiteLLM's callback that are on disk."""
    lines = b"".join(part.read_bytes() for part in records(running, source)).splitlines()
    return [json.loads(line)["messages"][-1]["content"] for line in lines]


def test_calls_arrive_also_those_made_while_the_server_was_away(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    database = WatchDatabase("", DataFolder(data).database)
    token = make_token(database, "proxy", frozenset((INGEST,)), "proxy")
    database.close()
    pasted = PASTE_LITELLM.format(address=f"127.0.0.1:{port}", token=token)
    first, second = QUESTIONS[:6], QUESTIONS[6:]
    with proxy(tmp_path / "proxy", MODELS + pasted) as gateway:
        with serving(data, port=port) as running:
            assert [gateway.ask(*question) for question in first] == [200] * 6
            assert gateway.ask("nobody", "Who is there?") == 401
            until(lambda: {text for _, text in first} <= set(prompts(running, "proxy")), 60)
        assert [gateway.ask(*question) for question in second] == [200] * 6
        threading.Event().wait(8)  # it posts within five seconds, in vain
        with serving(data, port=port) as running:
            until(lambda: {text for _, text in QUESTIONS} <= set(prompts(running, "proxy")), 60)
    case = stillhunt.hunt([str(part) for part in closed_parts(running.folder.spool)])
    counts = case.run["counts"]
    assert (counts["rejects"], counts["duplicates"]) == (0, 0)
    accounts = {row["account_id"]: row["requests"] for row in case.accounts.to_pylist()}
    assert {name: number for name, number in accounts.items() if name.startswith("user-")} == {
        f"user-{user}": 4 for user in range(3)
    }


def test_spans_of_its_opentelemetry_callback_arrive(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as running:
        token = make_token(running.database, "spans", frozenset((INGEST,)), "spans")
        config = MODELS + "litellm_settings: {callbacks: [otel], global_disable_no_log_param: true}\n"
        sent = {
            "OTEL_EXPORTER": "otlp_http",
            "OTEL_ENDPOINT": f"http://127.0.0.1:{running.port}/v1/traces",
            "OTEL_HEADERS": f"Authorization=Bearer {token}",
            "USE_OTEL_LITELLM_REQUEST_SPAN": "true",
        }
        with proxy(tmp_path / "proxy", config, **sent) as gateway:
            assert {gateway.ask(*question) for question in QUESTIONS} == {200}
            until(lambda: running.traffic.records["spans"] >= len(QUESTIONS), 60)
            threading.Event().wait(6)  # the last batch
    case = stillhunt.hunt([str(part) for part in records(running, "spans")])
    assert case.run["counts"]["rejects"] == 0
    assert {row["account_id"]: row["requests"] for row in case.accounts.to_pylist()} == {
        f"user-{user}": 4 for user in range(3)
    }
