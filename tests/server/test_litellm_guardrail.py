"""What a LiteLLM proxy asks by its Generic Guardrail API, in bodies that one sent, and how it is answered.

`litellm_bodies.json` was recorded from LiteLLM 1.108.7 with a mocked model. `tests/gateways/test_litellm_enforcing.py`
runs a real proxy.
"""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from gateways.services import until
from server.serving import Running, serving
from stillhunt.decide.actions import Action
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person
from stillhunt_server.api.gateways import LITELLM_PATH, MOST_GUARDED_BYTES
from stillhunt_server.api.questions import GatewayQuestion, Guarded, asked_by_litellm
from stillhunt_server.enforcing.asked_texts import texts_of_messages
from stillhunt_server.tokens import DECIDE, make_token

BODIES: dict[str, Any] = json.loads((Path(__file__).parent / "litellm_bodies.json").read_text(encoding="utf-8"))
TOLD = {
    "chat": ("Be short.", "Two?"),
    "image": ("", "What is this?\n[images: 1, id_8fa92cb017de]"),
    "tools": ("", "Sunny."),
    "messages": ("Be short.", "Hello?"),
    "responses": ("Be short.", "Hello?"),
    "completions": ("One?", "Two?"),
    "image generation": ("", "A cat."),
    "key without a user": ("", "Hello?"),
    "session": ("", "Hello?"),
    "emptied": ("Be short.", "Two?\nThree?"),
    "developer": ("Be short.", ""),
}
KEY_HASH = BODIES["key without a user"]["request_data"]["user_api_key_hash"]


def asked(body: Any) -> GatewayQuestion | None:
    return asked_by_litellm(msgspec.json.decode(json.dumps(body), type=Guarded))


@pytest.mark.parametrize("name", [name for name in BODIES if not name.startswith("answer")])
def test_questions_are_read(name: str) -> None:
    question = asked(BODIES[name])
    assert question is not None
    assert question.account_id == (KEY_HASH if name == "key without a user" else "user-1")
    assert question.model == ("claude" if name == "messages" else "small")
    assert question.user_agent == "a-client/1"
    assert question.conversation_id == BODIES[name]["litellm_trace_id"]
    assert texts_of_messages(*question.read()) == TOLD[name]


def test_a_session_that_the_client_named_is_the_conversation() -> None:
    question = asked(BODIES["session"])
    assert question is not None
    assert question.conversation_id == "session-1"


@pytest.mark.parametrize("name", [name for name in BODIES if name.startswith("answer")])
def test_answers_of_models_are_no_questions(name: str) -> None:
    assert asked(BODIES[name]) is None


def test_anything_may_be_null_or_missing() -> None:
    body = BODIES["chat"]
    for name in body:
        for changed in ({**body, name: None}, {other: value for other, value in body.items() if other != name}):
            question = asked(changed)
            assert (question is None) == (name == "request_data")
    assert asked({**body, "request_data": {"user_api_key_user_id": None, "user_api_key_hash": None}}) is None
    assert asked({}) is None


DOCUMENT_LOST: list[tuple[list[Any], list[str], list[str]]] = [
    ([[]], ["One?"], ["One?"]),
    ([["Two?"]], ["One?", "Two?"], ["One?\nTwo?"]),
    ([[], "Yes.", []], ["One?", "Yes.", "Two?"], ["One?", "Yes.", "Two?"]),
    (["One?", "Yes.", ["Three?"]], ["One?", "Yes.", "Two?", "Three?"], ["One?", "Yes.", "Two?\nThree?"]),
    ([[], []], ["One?", "Two?"], ["One?\nTwo?", ""]),
    (["One?"], ["One?", "of another field"], ["One?"]),
    ([["One?"]], ["One?"], ["One?"]),
    ([[]], [], [""]),
]


@pytest.mark.parametrize(("contents", "texts", "expected"), DOCUMENT_LOST)
def test_texts_that_litellm_lost_come_back(contents: list[Any], texts: list[str], expected: list[str]) -> None:
    parts = [one if isinstance(one, str) else [{"type": "text", "text": text} for text in one] for one in contents]
    messages = [{"role": "user", "content": part} for part in parts]
    question = asked({**BODIES["chat"], "structured_messages": messages, "texts": texts})
    assert question is not None
    found = [texts_of_messages([message]).prompt for message in question.read()[0]]
    assert found == expected


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "policy.toml").write_text('[throttle]\nrequests_per_minute = 2\n[limit]\nmodels = ["large-*"]\n')
    with serving(tmp_path) as made:
        yield made


def decide(running: Running, account: str, action: Action) -> int:
    entry = decide_as_person(
        running.database, account, action, DecisionAuthor("tester", "a test"), DecisionSpan(time.time_ns() // 1000, 1.0)
    )
    running.decisions.look()
    return entry.seq


def post(running: Running, body: bytes, token: str, length: int | None = None) -> tuple[int, Any]:
    """Status and JSON of an answer to a body, or to the announcement of one of some length."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    headers = {"x-api-key": token, "content-type": "application/json"}
    connection.request("POST", LITELLM_PATH, body, headers | ({"content-length": str(length)} if length else {}))
    response = connection.getresponse()
    found = response.status, json.loads(response.read())
    connection.close()
    return found


def test_litellm_is_answered_in_its_form(running: Running) -> None:
    token, chat = make_token(running.database, "litellm", frozenset((DECIDE,))), json.dumps(BODIES["chat"]).encode()
    until(lambda: post(running, chat, token)[0] == 200, 10, "a new token counts")
    for name, body in BODIES.items():
        assert post(running, json.dumps(body).encode(), token) == (200, {"action": "NONE"}), name
    number = decide(running, "user-1", "step_up")
    text = f"Our staff reviewed this account and limited its use. Decision {number}."
    for name, body in BODIES.items():
        passes = name.startswith("answer") or name == "key without a user"
        expected = {"action": "NONE"} if passes else {"action": "BLOCKED", "blocked_reason": text}
        assert post(running, json.dumps(body).encode(), token) == (200, expected), name
    number = decide(running, KEY_HASH, "throttle")
    answers = [post(running, json.dumps(BODIES["key without a user"]).encode(), token)[1] for _ in range(6)]
    refused = [answer["blocked_reason"] for answer in answers if answer["action"] == "BLOCKED"]
    assert refused
    assert all(re.match(r"Try again in \d+ seconds\. Our staff .* Decision \d+\.$", one) for one in refused)


def test_what_litellm_asks_is_bounded(running: Running) -> None:
    padded = {**BODIES["chat"], "images": ["A" * (9 << 20)]}  # more than other gateways may send
    assert post(running, json.dumps(padded).encode(), running.admin)[0] == 200
    assert post(running, b"", running.admin, MOST_GUARDED_BYTES + 1)[0] == 503
    assert post(running, json.dumps(BODIES["chat"]).encode(), "unknown")[0] == 503
    assert post(running, json.dumps(BODIES["chat"]).encode(), running.token)[0] == 503
    assert post(running, b"{", running.admin)[0] == 503


def test_the_guide_says_what_we_ship() -> None:
    root = Path(__file__).parents[2]
    shipped = yaml.safe_load((root / "deploy" / "gateways" / "litellm.yaml").read_text(encoding="utf-8"))
    guide = (root / "docs" / "howto" / "litellm.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)]
    by_url, in_proxy = [block["guardrails"][0]["litellm_params"] for block in blocks if "guardrails" in block]
    assert by_url == shipped["guardrails"][0]["litellm_params"]
    assert (by_url["unreachable_fallback"], by_url["fail_on_error"], in_proxy["fail"]) == ("fail_open", False, "open")
    module, _, name = in_proxy["guardrail"].rpartition(".")
    source = (root / "packages" / "stillhunt" / "src" / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    assert f"class {name}(" in source
    assert f"{MOST_GUARDED_BYTES >> 20} MB" in guide
