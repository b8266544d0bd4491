"""What customers and models get through real gateways while stillhunt answers."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateways.proxies import Answer, Around, Gateway, gateway, program_of
from gateways.services import APPEALS, REQUESTS_PER_MINUTE, until
from stillhunt.decide.actions import REASON_TEXTS
from stillhunt_server.api.gateways import ENVOY_PATH, TOKEN_HEADER

pytestmark = pytest.mark.service
SPOOFED = {
    "x-account-id": "block",
    "x-stillhunt-action": "mine",
    "x-stillhunt-reason": "mine",
    "x-stillhunt-decision": "mine",
    "x-stillhunt-token": "mine",
    "x-envoy-auth-failure-mode-allowed": "mine",  # means nothing at nginx, and is not taken away there
}
"""What a client may send to be taken for somebody else, or to be trusted."""
PATHS = (
    "/",
    "/v1/x?key=1&y=%20",
    "/a%2Fb",
    "/a/../v1/decide",
    "/a//double",
    "/%ff%c3",
    "/*",
    "/a;b,c",
    "/x?" + "y" * 4000,
)


@pytest.fixture(scope="module")
def running(around: Around, name: str) -> Iterator[Gateway]:
    with gateway(name, around.setup(patient=True)) as made:
        yield made


def message(decision: int) -> str:
    return f"{REASON_TEXTS['operator_decision']} Decision {decision}. You can appeal: {APPEALS}"


def check_refusal(answer: Answer, decision: int) -> None:
    """A refusal says why, by which decision and where to appeal, and nothing else."""
    error = {"message": message(decision), "type": "access_restricted", "code": "operator_decision"}
    assert answer.json == {"error": {**error, "decision": decision}}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-stillhunt-reason"] == "operator_decision"
    assert answer.headers["x-stillhunt-decision"] == str(decision)
    assert not {"x-stillhunt-action", "x-stillhunt-message", "x-stillhunt-token"} & answer.headers.keys()


@pytest.mark.parametrize("action", ["observe", "tag", "limit"])
def test_what_is_let_through_is_marked_for_the_model(running: Gateway, around: Around, action: str) -> None:
    answer = running.ask(action, headers=SPOOFED)
    assert answer.status == 200
    seen = answer.json["headers"]
    assert seen["x-account-id"] == seen["x-stillhunt-action"] == action
    assert (seen["x-stillhunt-reason"], seen["x-stillhunt-decision"]) == (
        "operator_decision",
        str(around.decisions[action]),
    )
    assert not {"x-stillhunt-token", "authorization"} & seen.keys()
    assert running.name == "nginx" or "x-envoy-auth-failure-mode-allowed" not in seen
    assert not any(header.startswith("x-stillhunt") for header in answer.headers)


@pytest.mark.parametrize("account", ["nobody-knows-me", "ümläut", "a b/c?d"])
def test_an_account_without_a_decision_passes(running: Gateway, account: str) -> None:
    seen = running.ask(account, headers=SPOOFED).json["headers"]
    assert seen["x-stillhunt-action"] == "none"
    assert seen["x-account-id"].encode("latin-1").decode() == account
    assert not {"x-stillhunt-reason", "x-stillhunt-decision", "x-stillhunt-token"} & seen.keys()


@pytest.mark.parametrize("action", ["step_up", "block"])
def test_whoever_is_refused_learns_why_and_the_model_is_not_asked(
    running: Gateway, around: Around, action: str
) -> None:
    before = len(around.model.asked)
    answer = running.ask(action, method="POST", body=b"{}", headers={"x-account-id": "nobody"})
    assert answer.status == 403
    check_refusal(answer, around.decisions[action])
    assert "retry-after" not in answer.headers
    assert len(around.model.asked) == before


def test_a_throttled_account_waits(running: Gateway, around: Around) -> None:
    account, before = f"throttle-{running.name}", len(around.model.asked)
    answers = [running.ask(account) for _ in range(2 * REQUESTS_PER_MINUTE + 1)]  # a minute may end in between
    passed = [answer for answer in answers if answer.status == 200]
    (waits, *_) = refused = [answer for answer in answers if answer.status == 429]
    assert len(passed) + len(refused) == len(answers)
    assert len(passed) >= REQUESTS_PER_MINUTE
    assert len(around.model.asked) == before + len(passed)
    check_refusal(waits, around.decisions[account])
    assert 1 <= int(waits.headers["retry-after"]) <= 60
    assert passed[0].json["headers"]["x-stillhunt-action"] == "throttle"


def test_models_of_the_policy_are_refused_where_the_gateway_names_the_model(around: Around, name: str) -> None:
    with gateway(name, around.setup(patient=True, names_model=True)) as naming:
        assert naming.ask("limit", headers={"x-ai-eg-model": "small-1"}).status == 200
        check_refusal(naming.ask("limit", headers={"x-ai-eg-model": "large-1"}), around.decisions["limit"])


def test_a_client_does_not_name_the_model(running: Gateway) -> None:
    assert running.ask("limit", headers={"x-ai-eg-model": "large-1"}).status == 200


def test_an_undone_decision_lets_the_account_through(running: Gateway, around: Around) -> None:
    account = f"block-{running.name}"
    assert running.ask(account).status == 403
    around.stillhunt.undo(around.decisions[account])
    until(lambda: running.ask(account).status == 200, 3, "the account is let through")


def test_large_requests_pass(running: Gateway, around: Around) -> None:
    body = b"a" * 5_000_000
    assert running.ask("nobody", method="POST", body=body).json["length"] == len(body)
    before = len(around.model.asked)
    assert refusal_of(running, body).status == 403
    assert len(around.model.asked) == before


def refusal_of(running: Gateway, body: bytes) -> Answer:
    """A refusal comes before the body was read, and then the gateway closes: a client that still sends may see the
    connection reset before it reads the answer (RFC 9112, section 9.6), and asks again."""
    for _ in range(5):
        try:
            return running.ask("block", method="POST", body=body)
        except ConnectionError:
            continue
    raise AssertionError("every refusal of a large request was a reset")


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE", "OPTIONS"])
def test_all_methods_are_treated_alike(running: Gateway, around: Around, method: str) -> None:
    assert running.ask("tag", method=method).status == 200
    assert around.model.asked[-1]["method"] == method
    assert around.model.asked[-1]["headers"]["x-stillhunt-action"] == "tag"
    answer = running.ask("block", method=method)
    assert answer.status == 403
    assert bool(answer.body) is (method != "HEAD")


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_all_paths_are_treated_alike(running: Gateway, around: Around, path: str) -> None:
    before = len(around.model.asked)
    assert running.ask("nobody", path).status == 200
    assert running.ask("block", path).status == 403
    (seen,) = around.model.asked[before:]
    assert seen["path"] == ("/v1/decide" if running.name == "envoy" and ".." in path else path)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_what_the_model_answers_is_left_alone(running: Gateway, status: int) -> None:
    answer = running.ask("nobody", f"/status/{status}")
    assert (answer.status, answer.json["path"]) == (status, f"/status/{status}")
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("line", [b"GET /\xc3\xbc\xff", b"OPTIONS *", b"GET http://x/y", b"GET /a/../../b"])
def test_odd_requests_get_past_no_decision(running: Gateway, around: Around, line: bytes) -> None:
    """The gateway may refuse them itself, with 400 or 404."""
    before = len(around.model.asked)
    for account, decided in (("nobody", b"200"), ("block", b"403")):
        head = f" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.key_of(account)}\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as client:
            client.sendall(line + head.encode())
            with client.makefile("rb") as answer:
                assert answer.readline().split()[1] in {decided, b"400", b"404"}
    assert len(around.model.asked) <= before + 1


def test_an_older_envoy_sends_the_path(around: Around) -> None:
    """And whatever it is, stillhunt answers about the account."""
    program_of("envoy")
    older = ("path_override: /v1/gateway/envoy/", "path_prefix: /v1/gateway/envoy")
    with gateway("envoy", replace(around.setup(patient=True), changes=(older,))) as made:
        for path in PATHS:
            assert made.ask("nobody", path).status == 200
            assert made.ask("block", path).status == 403


@pytest.mark.parametrize("appended", ["/", "*", "", "/a/b", "//", "?x=1"])
def test_whatever_envoy_appends_to_its_prefix_is_answered(around: Around, appended: str) -> None:
    """Each other answer, such as 404, would refuse the customer."""
    connection = http.client.HTTPConnection("127.0.0.1", around.stillhunt.port, timeout=10)
    headers = {TOKEN_HEADER.decode(): around.stillhunt.token, "x-account-id": "nobody"}
    connection.request("GET", ENVOY_PATH + appended, headers=headers)
    assert connection.getresponse().status == 200
    connection.close()


def test_the_question_cannot_be_asked_from_outside(running: Gateway) -> None:
    """The path by which nginx asks is its own and says nothing; at Envoy it is one of the model's, like any other."""
    answer = running.ask("block", "/_stillhunt")
    assert answer.status == (204 if running.name == "nginx" else 403)
    assert not (running.name == "nginx" and (answer.body or "x-stillhunt-action" in answer.headers))


def test_a_request_without_a_customer_goes_no_further(running: Gateway, around: Around) -> None:
    before = len(around.model.asked)
    for key in ("", "Bearer unknown", "Basic unknown"):
        answer = running.ask("nobody", headers={"Authorization": key, "x-account-id": "nobody"})
        assert (answer.status, len(around.model.asked)) == (401, before)
        assert "x-stillhunt-reason" not in answer.headers


@pytest.mark.parametrize("fail_open", [True, False])
def test_a_wrong_token_is_a_failure_and_no_refusal(around: Around, name: str, fail_open: bool) -> None:
    setup = replace(around.setup(fail_open=fail_open, patient=True), token="stillhunt_wrong")
    with gateway(name, setup) as mistaken:
        for account in ("nobody", "block"):
            assert mistaken.ask(account).status == (200 if fail_open else 503)
