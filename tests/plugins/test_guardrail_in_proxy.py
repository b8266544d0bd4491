"""The guardrail that runs inside a LiteLLM proxy, without LiteLLM.

tests/gateways/test_litellm_enforcing.py runs it in a real proxy.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import shutil
import socket
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.serving import Running, free_port, serving
from stillhunt.collect.formats.litellm.calls import customer_of
from stillhunt.decide.actions import Action
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person
from stillhunt_server.api.questions import GatewayQuestion
from stillhunt_server.enforcing.asked_texts import texts_of_messages
from thoroughness import examples

NAME = "stillhunt.plugins.litellm_guardrail"
SOURCE = Path(__file__).parents[2] / "packages/stillhunt/src/stillhunt/plugins/litellm_guardrail.py"


class HTTPException(Exception):  # noqa: N818 - its name in FastAPI
    """As FastAPI's."""

    def __init__(self, status_code: int, detail: Any = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status_code, self.detail, self.headers = status_code, detail, headers


class CustomGuardrail:
    """As LiteLLM's."""

    def __init__(self, **options: Any) -> None:
        self.options = options


def stand_ins() -> dict[str, types.ModuleType]:
    names = ("fastapi", "litellm", "litellm.integrations", "litellm.integrations.custom_guardrail", "litellm.types")
    made = {name: types.ModuleType(name) for name in (*names, "litellm.types.guardrails")}
    made["fastapi"].HTTPException = HTTPException  # type: ignore[attr-defined]  # a module made here
    made[names[3]].CustomGuardrail = CustomGuardrail  # type: ignore[attr-defined]  # a module made here
    hooks = types.SimpleNamespace(pre_call="pre_call")
    made["litellm.types.guardrails"].GuardrailEventHooks = hooks  # type: ignore[attr-defined]  # a module made here
    return made


@pytest.fixture(scope="module")
def plugin() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        for name, module in stand_ins().items():
            patch.setitem(sys.modules, name, module)
        patch.delitem(sys.modules, NAME, raising=False)
        yield importlib.import_module(NAME)
        sys.modules.pop(NAME, None)


def key(user: str | None = "user-1", api_key: str = "a" * 64) -> Any:
    return types.SimpleNamespace(user_id=user, api_key=api_key)


def bucket(**own: Any) -> dict[str, Any]:
    return {"model": "small", "metadata": {"user_api_key_hash": "a" * 64, **own}}


def hook(guardrail: Any, user: Any = None, data: Any = None, call_type: str = "acompletion", times: int = 1) -> Any:
    """What comes of the last of some calls: data, or the refusal."""

    async def run() -> Any:
        try:
            for _ in range(times):
                found = await guardrail.async_pre_call_hook(
                    user or key(), None, bucket() if data is None else data, call_type
                )
            return found
        except HTTPException as refusal:
            return refusal
        finally:
            if guardrail._client is not None:
                await guardrail._client.aclose()
                guardrail._client = None

    return asyncio.run(run())


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "policy.toml").write_text('[throttle]\nrequests_per_minute = 0\n[limit]\nmodels = ["large-*"]\n')
    with serving(tmp_path) as made:
        yield made


def decide(running: Running, account: str, action: Action) -> int:
    entry = decide_as_person(
        running.database, account, action, DecisionAuthor("tester", "a test"), DecisionSpan(time.time_ns() // 1000, 1.0)
    )
    running.decisions.look()
    return entry.seq


def test_each_action_at_a_real_service(plugin: Any, running: Running) -> None:
    address = f"http://127.0.0.1:{running.port}/"
    guardrail = plugin.StillhuntGuardrail(address, running.admin, 5.0, "closed", guardrail_name="x", default_on=True)
    assert guardrail.options == {"supported_event_hooks": ["pre_call"], "guardrail_name": "x", "default_on": True}
    assert hook(guardrail)["metadata"]["x-stillhunt-action"] == "none"
    for action in ("observe", "tag", "limit"):
        decide(running, f"user-{action}", action)
        assert hook(guardrail, key(f"user-{action}"))["metadata"]["x-stillhunt-action"] == action
    large = {**bucket(), "model": "large-1"}
    statuses: dict[Action, int] = {"step_up": 403, "block": 403, "throttle": 429, "limit": 403}
    for action, status in statuses.items():
        number = decide(running, f"user-{action}", action)
        refusal = hook(guardrail, key(f"user-{action}"), large)
        told = f"Our staff reviewed this account and limited its use. Decision {number}."
        error = {"message": told, "type": "access_restricted", "code": "operator_decision", "decision": number}
        assert (refusal.status_code, refusal.detail, refusal.message) == (status, {"error": error}, told)
        wait = refusal.headers.pop("retry-after", "")
        assert refusal.headers == {"x-stillhunt-reason": "operator_decision", "x-stillhunt-decision": str(number)}
        assert bool(wait) == (status == 429)
    decide(running, "a" * 64, "block")
    assert hook(guardrail, key("default_user_id")).status_code == 403


def answered(plugin: Any, answer: Callable[[httpx.Request], httpx.Response], fail: str, **options: Any) -> Any:
    guardrail = plugin.StillhuntGuardrail("http://stillhunt", "TOKEN", 0.2, fail, **options)
    guardrail._client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return guardrail


NO_ANSWERS: dict[str, Callable[[httpx.Request], httpx.Response]] = {
    "token": lambda _: httpx.Response(401, json={"error": "send a token of this server"}),
    "not ready": lambda _: httpx.Response(503, json={"error": "the decisions were not read yet"}),
    "another server": lambda _: httpx.Response(200, text="<html>"),
    "another form": lambda _: httpx.Response(200, json={"action": "block"}),
    "a list": lambda _: httpx.Response(200, json=[]),
    "another status": lambda _: httpx.Response(200, json={"status": 500}),
    "moved": lambda _: httpx.Response(302, headers={"location": "http://elsewhere"}),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_answer(plugin: Any, name: str) -> None:
    data = bucket(**{"x-stillhunt-action": "of the client"})
    assert hook(answered(plugin, NO_ANSWERS[name], "open"), data=data) == bucket()
    refusal = hook(answered(plugin, NO_ANSWERS[name], "closed"))
    error = {"message": "Try again in a moment.", "type": "service_unavailable", "code": None, "decision": None}
    assert (refusal.status_code, refusal.detail, refusal.headers) == (503, {"error": error}, {"retry-after": "1"})


@pytest.mark.parametrize(("fail", "status"), [("open", None), ("closed", 503)])
def test_a_service_that_is_away_or_hangs(plugin: Any, fail: str, status: int | None) -> None:
    gone = plugin.StillhuntGuardrail(f"http://127.0.0.1:{free_port()}", "TOKEN", 0.2, fail)
    assert getattr(hook(gone), "status_code", None) == status
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hung = plugin.StillhuntGuardrail(f"http://127.0.0.1:{silent.getsockname()[1]}", "TOKEN", 0.2, fail)
        begun = time.monotonic()
        assert getattr(hook(hung), "status_code", None) == status
        assert 0.15 < time.monotonic() - begun < 5


def test_failures_are_said_once_in_a_while(plugin: Any, caplog: pytest.LogCaptureFixture) -> None:
    guardrail = answered(plugin, NO_ANSWERS["token"], "open")
    with caplog.at_level(logging.WARNING, "stillhunt"):
        hook(guardrail, times=5)
    (line,) = caplog.messages
    assert line.startswith("stillhunt did not answer 1 requests, which were let through; the last one: ValueError: ")
    assert "status 401" in line
    assert "TOKEN" not in line


def test_questions_without_an_answer_are_told_once(plugin: Any, running: Running) -> None:
    guardrail = plugin.StillhuntGuardrail(
        api_base=f"http://127.0.0.1:{running.port}", api_key=running.admin, timeout=10
    )
    right = guardrail._address
    for times in (3, 1):
        guardrail._address = f"http://127.0.0.1:{free_port()}/v1/decide"
        assert hook(guardrail, times=times) == bucket()  # it fails open
        guardrail._address = right
        assert hook(guardrail, times=2)["metadata"][plugin.ACTION] == "none"
    assert dict(running.traffic.calls.unanswered) == {"default": 4}
    assert dict(running.traffic.calls.questions) == {"default": 4}


def test_what_the_model_is_told(plugin: Any) -> None:
    def tagged(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"status": 200, "action": "tag"})

    own = bucket(**{"x-stillhunt-action": "of the client"})
    assert hook(answered(plugin, tagged, "open"), data=own) == bucket(**{"x-stillhunt-action": "tag"})
    told = hook(answered(plugin, tagged, "open", tell_model=True), data={**bucket(), "extra_headers": {"a": "b"}})
    assert told["extra_headers"] == {"a": "b", "x-stillhunt-action": "tag"}
    for data, call_type in ((bucket(), "pass_through_endpoint"), ({"metadata": {"of": "the client"}}, "acompletion")):
        before = json.dumps(data)
        assert json.dumps(hook(answered(plugin, tagged, "open", tell_model=True), None, data, call_type)) == before


def test_who_has_no_account_is_not_asked_about(plugin: Any) -> None:
    def never(_: httpx.Request) -> httpx.Response:
        raise AssertionError

    assert hook(answered(plugin, never, "closed"), types.SimpleNamespace()) == bucket()


USERS = (None, "", "default_user_id", "default_user", "None", "user-1")


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("api_key", [None, "sk-made-up", "a" * 64])
def test_the_account_is_that_of_the_logs(plugin: Any, user: str | None, api_key: str | None) -> None:
    assert plugin.account_of(user, api_key) == customer_of(user, api_key)[0]


ONE = [{"role": "user", "content": "One?"}]
OTHER = [{"role": "user", "content": "something else"}]
CALLS: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
    ("acompletion", {"messages": ONE, "input": OTHER, "prompt": "x"}, ("", "One?")),
    ("anthropic_messages", {"system": [{"type": "text", "text": "Short."}], "messages": ONE}, ("Short.", "One?")),
    ("aresponses", {"instructions": "Short.", "input": "One?", "messages": OTHER}, ("Short.", "One?")),
    ("aresponses", {"input": [{"role": "user", "content": [{"type": "input_text", "text": "One?"}]}]}, ("", "One?")),
    ("atext_completion", {"prompt": "One?", "messages": OTHER}, ("", "One?")),
    ("atext_completion", {"prompt": ["Short.", "One?"]}, ("Short.", "One?")),
    ("atext_completion", {"prompt": [1, 2, 3]}, ("", "")),
    ("aembedding", {"input": ["One?"]}, ("", "One?")),
    ("agenerate_content", {"contents": [{"role": "user", "parts": [{"text": "One?"}]}]}, ("", "One?")),
    ("aimage_generation", {"prompt": "One?"}, ("", "One?")),
    ("pass_through_endpoint", {"messages": ONE}, ("", "One?")),
    ("arerank", {"query": "One?"}, ("", "")),
]


@pytest.mark.parametrize(("call_type", "data", "told"), CALLS)
def test_what_signatures_are_matched_with(
    plugin: Any, call_type: str, data: dict[str, Any], told: tuple[str, str]
) -> None:
    question = question_of(plugin, data, call_type)
    assert texts_of_messages(*question.read()) == told


def question_of(plugin: Any, data: dict[str, Any], call_type: str = "acompletion") -> GatewayQuestion:
    return msgspec.json.decode(plugin.question_of("user-1", data, call_type), type=GatewayQuestion)


def test_images_stay_where_they_are(plugin: Any) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 3_000_000}}
    sound = {"type": "input_audio", "input_audio": {"data": "A" * 3_000_000, "format": "wav"}}
    data = {"messages": [{"role": "user", "content": [{"type": "text", "text": "One?"}, image, sound]}]}
    assert len(plugin.question_of("user-1", data, "acompletion")) < 1000
    question = question_of(plugin, data)
    assert texts_of_messages(question.read()[0]).prompt == "One?\n[images: 1]"


def test_a_request_that_is_too_long_is_asked_about_by_its_account(plugin: Any) -> None:
    long = {"model": "small", "messages": [{"role": "user", "content": "word " * 1_000_000}]}
    question = question_of(plugin, long)
    assert (question.account_id, question.model, question.read()) == ("user-1", "small", ([], []))
    named = {"model": "m" * 10_000_000, "metadata": {"session_id": "s" * 10_000_000}}
    assert len(plugin.question_of("user-1", named, "acompletion")) < 2000


def test_client_and_session_are_told(plugin: Any) -> None:
    data = {"metadata": {"session_id": "one"}, "proxy_server_request": {"headers": {"user-agent": "a-client/1"}}}
    question = question_of(plugin, data)
    assert (question.user_agent, question.conversation_id) == ("a-client/1", "one")
    data = {"proxy_server_request": {"headers": {"x-litellm-session-id": "two"}}}
    assert question_of(plugin, data).conversation_id == "two"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SAID_IN = ("messages", "input", "prompt", "contents", "system", "instructions")
FIELDS = ("model", *SAID_IN, "metadata", "proxy_server_request")


@settings(derandomize=True, max_examples=examples(60, 1000), deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.sampled_from(["acompletion", "aresponses", "other", ""]))
def test_whatever_a_client_sends_is_asked_about(plugin: Any, data: dict[str, Any], call_type: str) -> None:
    assert question_of(plugin, data, call_type).account_id == "user-1"


def test_nesting_without_end_is_asked_about(plugin: Any) -> None:
    value: Any = "deep"
    for _ in range(50_000):
        value = [value]
    assert question_of(plugin, {"messages": [{"role": "user", "content": value}]}).account_id == "user-1"


def test_wrong_settings_are_said_at_the_start(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LITELLM_STILLHUNT_TOKEN", raising=False)
    for options, said in (
        ({}, "needs a token"),
        ({"api_key": "TOKEN", "fail": "maybe"}, "open or closed"),
        ({"api_key": "TOKEN", "timeout": 0}, "above 0"),
    ):
        with pytest.raises(ValueError, match=said):
            plugin.StillhuntGuardrail(**options)
    monkeypatch.setenv("LITELLM_STILLHUNT_TOKEN", "TOKEN")
    plugin.StillhuntGuardrail()


def test_without_litellm_it_says_what_is_missing() -> None:
    code = f"import sys; sys.modules['litellm'] = None; import {NAME}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stderr.rstrip().endswith("which is not here: pip install 'litellm[proxy]'")


def test_the_file_works_by_itself_and_the_module_loads_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "stand_ins").mkdir()
    for path, text in {
        "fastapi.py": "class HTTPException(Exception): pass",
        "litellm/integrations/custom_guardrail.py": "class CustomGuardrail: pass",
        "litellm/types/guardrails.py": "class GuardrailEventHooks: pre_call = 'pre_call'",
    }.items():
        made = tmp_path / "stand_ins" / path
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(text)
    shutil.copy(SOURCE, tmp_path)
    ours = ("stillhunt", "numba", "pyarrow", "pydantic")
    told = f"print(sorted(name for name in sys.modules if name.partition('.')[0] in {ours}))"
    for module, expected in (
        ("litellm_guardrail", []),
        (
            NAME,
            [
                "stillhunt",
                "stillhunt._facade",
                "stillhunt._kernel_cache",
                "stillhunt._version",
                "stillhunt.plugins",
                NAME,
            ],
        ),
    ):
        code = f"import sys; sys.path[:0] = ['stand_ins', '.']; import {module}; {told}"
        words = [sys.executable, "-c", code]
        result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        assert result.stdout.strip() == str(sorted(expected))
