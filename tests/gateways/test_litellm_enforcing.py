"""A real LiteLLM proxy that enforces what stillhunt decided: by URL, and with the guardrail inside the proxy.

LiteLLM takes about 750 MB, so it is no part of the environment of these tests. To run them, install it beside:

    python -m venv elsewhere && elsewhere/bin/pip install 'litellm[proxy]'
    LITELLM_PROGRAM=elsewhere/bin/litellm python -m pytest tests/gateways/test_litellm_enforcing.py

What needs no LiteLLM is in tests/server/test_litellm_guardrail.py.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from gateways.services import APPEALS, REQUESTS_PER_MINUTE, Stillhunt, ended, until
from server.serving import free_port
from stillhunt.base.config import Config
from stillhunt.decide.actions import ACTIONS
from stillhunt_server.api.gateways import Gateways
from stillhunt_server.enforcing.answers import Answers, GatewayAnswer
from stillhunt_server.enforcing.inline_matcher import AskedRequest
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.server import dispatcher, server_of
from stillhunt_server.tokens import KnownTokens

pytestmark = pytest.mark.service
ROOT = Path(__file__).parents[2]
PROGRAM = os.environ.get("LITELLM_PROGRAM") or shutil.which("litellm")
TIMEOUT = 1.0
"""Seconds in place of the 0.2 that we ship, since these machines are busy."""
URL_KINDS = ("by_url", "in_proxy")
KEYS = '''\
"""Stands in for LiteLLM's table of keys: sk-user-NAME belongs to user-NAME, and sk-key-NAME to nobody."""
from litellm.proxy._types import UserAPIKeyAuth

async def check(request, api_key: str) -> UserAPIKeyAuth:
    name = api_key.removeprefix("sk-")
    return UserAPIKeyAuth(api_key=api_key, user_id=name if name.startswith("user-") else None)
'''
MODELS = """\
model_list:
  - model_name: small
    litellm_params: {model: openai/small, api_key: none, mock_response: "A short answer."}
  - model_name: large-1
    litellm_params: {model: openai/large-1, api_key: none, mock_response: "A short answer."}
general_settings:
  custom_auth: keys.check
"""
REFUSED = {"by_url": 400, "in_proxy": 403}
AWAY = {"by_url": 500, "in_proxy": 503}
KEY = "sk-key-block"


@dataclass(frozen=True)
class Answer:
    """What a customer gets."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found


@dataclass(frozen=True)
class Proxy:
    """A running proxy in front of a service.

    Attributes:
        way: by_url or in_proxy.
        fails: open or closed.
        port: on 127.0.0.1.
        service: stillhunt.
        decided: number of the decision about the user with an action's name.
    """

    way: str
    fails: str
    port: int
    service: Stillhunt
    decided: dict[str, int]

    def ask(self, key: str, path: str = "/v1/chat/completions", **body: Any) -> Answer:
        if path == "/v1/chat/completions":
            body = {"model": "small", "messages": [{"role": "user", "content": "Hello?"}], **body}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "User-Agent": "a-client/1"}
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, found, response.read())
        connection.close()
        return answer

    @property
    def while_away(self) -> int:
        """Status of requests while stillhunt does not answer."""
        return 200 if self.fails == "open" else AWAY[self.way]


def configuration(way: str, fails: str, port: int) -> str:
    """What we ship and what the guide says, but for the address, the time, and how it fails."""
    changes = {"127.0.0.1:8686": f"127.0.0.1:{port}", "timeout: 1\n": f"timeout: {TIMEOUT}\n"}
    if way == "by_url":
        shipped = (ROOT / "deploy" / "gateways" / "litellm.yaml").read_text(encoding="utf-8")
        text = shipped[shipped.index("guardrails:") : shipped.index("general_settings:")]
        if fails == "closed":
            changes |= {
                "unreachable_fallback: fail_open": "unreachable_fallback: fail_closed",
                "fail_on_error: false": "fail_on_error: true",
            }
    else:
        guide = (ROOT / "docs" / "howto" / "litellm.md").read_text(encoding="utf-8")
        blocks = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
        (text,) = [block for block in blocks if "StillhuntGuardrail" in block]
        if fails == "closed":
            changes["fail: open"] = "fail: closed"
    for old, new in changes.items():
        assert text.count(old) == 1, f"{text.count(old)} times {old!r}"
        text = text.replace(old, new)
    return MODELS + text


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stillhunt, dict[str, int]]]:
    if PROGRAM is None:
        pytest.skip("litellm is not installed (750 MB): the head of this file says how to run this")
    running = Stillhunt(tmp_path_factory.mktemp("data"))
    try:
        decided: dict[str, int] = {action: running.decide(f"user-{action}", action) for action in ACTIONS}
        running.decide(hashlib.sha256(KEY.encode()).hexdigest(), "block")
        running.start()
        yield running, decided
    finally:
        running.kill()
        running.database.close()


@pytest.fixture(
    scope="module",
    params=[(way, fails) for way in URL_KINDS for fails in ("open", "closed")],
    ids=lambda it: "-".join(it),
)
def started(
    request: pytest.FixtureRequest,
    service: tuple[Stillhunt, dict[str, int]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    way, fails = request.param
    running, decided = service
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    (folder / "keys.py").write_text(KEYS)
    (folder / "config.yaml").write_text(configuration(way, fails, running.port))
    given = {
        "LITELLM_MASTER_KEY": f"sk-{secrets.token_urlsafe(24)}",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_STILLHUNT_TOKEN": running.token,
        "PYTHONPATH": str(ROOT / "packages" / "stillhunt" / "src"),  # as after 'pip install --no-deps stillhunt'
    }
    words = [str(PROGRAM), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, env={**os.environ, **given}, stdout=log, stderr=log)
    try:
        until(lambda: lives(port) or process.poll() is not None, 120, "LiteLLM listens")
        assert process.poll() is None, (folder / "log").read_text()[-2000:]
        yield Proxy(way, fails, port, running, decided)
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            ended(process)


def lives(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/liveliness")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@pytest.fixture
def proxy(started: Proxy) -> Proxy:
    """A proxy whose stillhunt is there and answers."""
    if not started.service.ready():
        started.service.kill()
        started.service.start()
    until(lambda: started.ask("sk-user-block").status == REFUSED[started.way], 30, "it enforces")
    return started


def test_each_action_has_its_status_and_text(proxy: Proxy) -> None:
    statuses = {action: proxy.ask(f"sk-user-{action}").status for action in proxy.decided if action != "throttle"}
    refused = REFUSED[proxy.way]
    assert statuses == {"observe": 200, "tag": 200, "step_up": refused, "limit": 200, "block": refused}
    assert proxy.ask("sk-user-limit", model="large-1").status == refused
    assert proxy.ask("sk-user-tag", model="large-1").status == 200
    for key in ("sk-user-new", "sk-key-new"):
        assert proxy.ask(key).status == 200
    assert proxy.ask(KEY).status == refused
    answer = proxy.ask("sk-user-step_up")
    number = proxy.decided["step_up"]
    told = f"Our staff reviewed this account and limited its use. Decision {number}. You can appeal: {APPEALS}"
    assert answer.error["message"] == told
    if proxy.way == "in_proxy":
        assert answer.headers["x-stillhunt-decision"] == str(number)
        fields = answer.error["provider_specific_fields"]["error"]
        expected = {"message": told, "type": "access_restricted", "code": "operator_decision", "decision": number}
        assert fields == expected


def test_a_throttled_account_is_told_to_wait(proxy: Proxy) -> None:
    user = f"user-often-{proxy.way}-{proxy.fails}"
    number = proxy.service.decide(user, "throttle")
    passed, answer = 0, proxy.ask(f"sk-{user}")
    end = time.monotonic() + 30
    while answer.status == 200 and time.monotonic() < end:  # the decision counts after a second
        threading.Event().wait(0.1)
        passed, answer = passed + 1, proxy.ask(f"sk-{user}")
    assert passed >= REQUESTS_PER_MINUTE
    assert answer.status == {"by_url": 400, "in_proxy": 429}[proxy.way]
    assert f"Decision {number}." in answer.error["message"]
    wait = answer.headers.get("retry-after") or re.findall(r"Try again in (\d+) seconds", answer.error["message"])[0]
    assert 0 < int(wait) <= 60


def test_streams_are_refused_before_they_begin(proxy: Proxy) -> None:
    refused = proxy.ask("sk-user-block", stream=True)
    assert (refused.status, refused.headers["content-type"]) == (REFUSED[proxy.way], "application/json")
    assert "limited its use" in refused.error["message"]
    passed = proxy.ask("sk-user-new", stream=True)
    assert passed.headers["content-type"].startswith("text/event-stream")
    assert passed.body.rstrip().endswith(b"[DONE]")


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
ODD_TOOL = {"messages": [{"role": "user", "content": "Hello?"}], "tools": [{"name": "no-type"}]}


def test_what_is_asked_about(proxy: Proxy) -> None:
    """The table in docs/howto/litellm.md: LiteLLM does not send all requests to a guardrail by URL."""
    refused = REFUSED[proxy.way]
    for path, body in {
        "/v1/messages": {"max_tokens": 5, "messages": [{"role": "user", "content": "Hello?"}]},
        "/v1/responses": {"input": "Hello?"},
        "/v1/completions": {"prompt": "Hello?"},
        "/v1/embeddings": {"input": ["Hello?"]},
    }.items():
        assert proxy.ask("sk-user-block", path, model="small", **body).status == refused, path
    asked_anyway = refused if proxy.way == "in_proxy" else 200
    assert proxy.ask("sk-user-block", messages=[{"role": "user", "content": [IMAGE]}]).status == asked_anyway
    assert proxy.ask("sk-user-block", "/v1/completions", model="small", prompt=[1, 2]).status == asked_anyway
    assert proxy.ask("sk-user-block", **ODD_TOOL).status == (refused if proxy.way == "in_proxy" else proxy.while_away)


def test_a_killed_service(proxy: Proxy) -> None:
    proxy.service.kill()
    for user in ("sk-user-block", "sk-user-new"):
        assert proxy.ask(user).status == proxy.while_away
        assert proxy.ask(user, stream=True).status == proxy.while_away


def test_a_hung_service_costs_the_time_that_is_set(proxy: Proxy) -> None:
    with proxy.service.hung():
        for user in ("sk-user-block", "sk-user-new"):
            begun = time.monotonic()
            assert proxy.ask(user).status == proxy.while_away
            assert TIMEOUT * 0.9 < time.monotonic() - begun < TIMEOUT * 3
    until(lambda: proxy.ask("sk-user-block").status == REFUSED[proxy.way], 10, "it enforces again")


def test_a_restarting_service(proxy: Proxy) -> None:
    proxy.service.kill()
    proxy.service.start(wait=False)
    seen = {proxy.ask("sk-user-block").status}
    until(lambda: seen.add(proxy.ask("sk-user-block").status) or REFUSED[proxy.way] in seen, 60, "it enforces again")
    assert seen == {proxy.while_away, REFUSED[proxy.way]}


class StandIn(BaseHTTPRequestHandler):
    """Refuses everybody, after a time, or answers with a status that is no answer."""

    seconds: ClassVar[float] = 0.0
    status: ClassVar[int] = 200
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        threading.Event().wait(self.seconds)
        told = {"message": "No.", "reason": "operator_decision", "decision": 1, "retry_after": None}
        blocked = {"action": "BLOCKED", "blocked_reason": "No."}
        body = json.dumps(blocked if "litellm" in self.path else {"action": "block", "status": 403, **told}).encode()
        try:
            self.send_response(self.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")  # else the proxy asks this one when stillhunt is back
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # nobody waits any more

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def stand_in(service: Stillhunt) -> Iterator[type[StandIn]]:
    """In the place of stillhunt."""
    StandIn.seconds, StandIn.status = 0.0, 200
    with ThreadingHTTPServer(("127.0.0.1", service.port), StandIn) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield StandIn
        finally:
            server.shutdown()
            thread.join()


def test_a_slow_service(proxy: Proxy) -> None:
    proxy.service.kill()
    with stand_in(proxy.service) as slow:
        for seconds, status in ((TIMEOUT / 10, REFUSED[proxy.way]), (TIMEOUT * 2, proxy.while_away)):
            slow.seconds = seconds
            assert proxy.ask("sk-user-new").status == status


def test_a_service_that_does_not_take_the_question(proxy: Proxy) -> None:
    proxy.service.kill()
    with stand_in(proxy.service) as other:
        for status in (400, 401, 403, 413, 500, 503):
            other.status = status
            assert proxy.ask("sk-user-new").status == proxy.while_away, status


class Texts:
    """Stands in for signatures, and keeps what it is asked."""

    armed = True

    def __init__(self) -> None:
        self.asked: list[AskedRequest] = []

    def answer(self, asked: AskedRequest, known: GatewayAnswer, _answers: Answers) -> GatewayAnswer:
        self.asked.append(asked)
        return known


@contextmanager
def served_here(service: Stillhunt, texts: Texts) -> Iterator[None]:
    """The same service in this process."""
    tokens = KnownTokens(service.database)
    decisions = LiveDecisions(service.database, lambda: None)
    decisions.look()
    gateways = Gateways(decisions, tokens, Config().decide, texts)  # type: ignore[arg-type]  # stands in
    server = server_of(dispatcher(None, _nothing, gateways), f"127.0.0.1:{service.port}")
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until(lambda: server.started, 10, "it listens")
        yield
    finally:
        server.should_exit = True
        thread.join()


async def _nothing(_scope: Any, _receive: Callable[..., Any], _send: Callable[..., Any]) -> None:
    """No pages."""


def test_signatures_get_the_texts(proxy: Proxy) -> None:
    proxy.service.kill()
    texts = Texts()
    before = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "Yes."}]
    system = [{"role": "system", "content": "Be short."}]
    asked = {"role": "user", "content": [{"type": "text", "text": "Two?"}, IMAGE]}
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "none"}}
    hidden = {"role": "user", "content": [{"type": "text", "text": "Three?"}, document]}
    with served_here(proxy.service, texts):
        for message in (asked, hidden):
            assert proxy.ask("sk-user-new", messages=[*system, *before, message]).status == 200
        for path, body in {
            "/v1/responses": {"instructions": "Be short.", "input": "Four?"},
            "/v1/messages": {
                "max_tokens": 5,
                "system": "Be short.",
                "messages": [{"role": "user", "content": "Five?"}],
            },
        }.items():
            assert proxy.ask("sk-user-new", path, model="small", **body).status == 200
    found = [(one.account_id, one.system_prompt, one.prompt.partition("\n")[0], one.model) for one in texts.asked]
    assert found == [("user-new", "Be short.", f"{word}?", "small") for word in ("Two", "Three", "Four", "Five")]
    assert {one.user_agent for one in texts.asked} == {"a-client/1"}
