"""The API: every route with every scope, what it does, and what hostile calls get."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from server.serving import Running, serving
from stillhunt_server.api import api_routes
from stillhunt_server.api.gateway_home import SIGN_UP_PATH
from stillhunt_server.api.gateways import DECIDE_PATH, LITELLM_PATH, NGINX_PATH
from stillhunt_server.api.openapi import openapi
from stillhunt_server.api.operations import API_ROUTES
from stillhunt_server.api.questions import GatewayQuestion
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.tokens import SCOPES

ROUTES = [(one.method, one.path, one.scope) for one in API_ROUTES]
OTHER_ROUTES = [
    ("GET", "/v1/status", "admin"),
    ("POST", "/v1/hunts", "admin"),
    ("POST", DECIDE_PATH, "decide"),
    ("POST", "/v1/traces", "ingest"),
    ("POST", "/v1/logs", "ingest"),
    ("POST", "/v1/ingest/jsonl", "ingest"),
    ("POST", "/v1/ingest/litellm", "ingest"),
]
NOT_FOR_ADMINISTRATORS = "ingest"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("api") / "data") as server:
        yield server


def call(
    running: Running, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
) -> tuple[int, Any, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    text = running.admin if token is None else token
    sent = {"Authorization": f"Bearer {text}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, path, body if isinstance(body, bytes | None) else json.dumps(body), sent)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    return answer.status, json.loads(content) if is_json and content else content, answer.headers


def token_of(running: Running, scope: str) -> str:
    text: str = call(running, "POST", "/v1/tokens", {"name": scope, "scopes": [scope]})[1]["token"]
    return text


def decided(running: Running, account: str, action: str = "block", by: str = "Ada") -> int:
    status, entry, _ = call(running, "POST", "/v1/decisions", {"account_id": account, "action": action, "by": by})
    assert status == 201
    number: int = entry["seq"]
    return number


@pytest.mark.parametrize("scope", [*SCOPES, "none", "unknown"])
@pytest.mark.parametrize(("method", "path", "needed"), [*ROUTES, *OTHER_ROUTES])
def test_each_route_wants_its_scope(running: Running, method: str, path: str, needed: str, scope: str) -> None:
    path = path.replace("{seq:int}", "4040").replace("{appeal_id:int}", "4040").replace("{token_id}", "00000000")
    token: str | None = {"none": "", "unknown": "stillhunt_guessed"}.get(scope)
    if token is None:
        token = token_of(running, scope)
    status, _body, _ = call(running, method, path, b"{}", token=token)
    allowed = scope == needed or (scope == "admin" and needed != NOT_FOR_ADMINISTRATORS)
    if scope in ("none", "unknown"):
        assert status == 401
    elif allowed:
        assert status not in (401, 403, 500)
    else:
        assert status == 403


@pytest.mark.parametrize("path", [NGINX_PATH, LITELLM_PATH, "/v1/gateway/envoy/v1/chat"])
def test_a_gateway_with_a_wrong_token_is_no_reason_to_refuse_customers(running: Running, path: str) -> None:
    assert call(running, "GET", path, token="stillhunt_guessed")[0] == 503
    assert call(running, "GET", path, token=running.token)[0] == 503, "its scope is ingest"


def test_nobody_decides_on_a_log_that_this_server_does_not_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "data") as server:
        seq = decided(server, "account")
        monkeypatch.setattr(LiveDecisions, "look", lambda _: None)
        server.decisions.problems["decisions"] = "the log was changed"
        new = {"account_id": "other", "action": "block", "by": "Ada"}
        assert call(server, "POST", "/v1/decisions", new)[0] == 503
        status, answer, _ = call(server, "POST", f"/v1/decisions/{seq}/undo", {"by": "Bo", "note": "no"})
        assert (status, answer["error"]) == (503, "the log was changed")


def test_a_decision_is_made_shown_and_undone(running: Running) -> None:
    seq = decided(running, "made & shown")
    status, shown, _ = call(running, "GET", "/v1/decisions?account_id=made%20%26%20shown")
    assert (status, [one["seq"] for one in shown["decisions"]], shown["next"]) == (200, [seq], None)
    assert call(running, "POST", f"/v1/decisions/{seq}/undo", {"by": "Bo"})[0] == 201
    assert call(running, "POST", f"/v1/decisions/{seq}/undo", {"by": "Bo"})[0] == 404
    assert call(running, "GET", "/v1/decisions?account_id=made%20%26%20shown")[1]["decisions"] == []


def test_a_decision_waits_for_a_second_person_where_the_policy_says_so(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        (tmp_path / "data" / "policy.toml").write_text('second_person = ["block"]')
        server.decisions.look()
        new = {"account_id": "one", "action": "block", "by": "Ada"}
        status, made, _ = call(server, "POST", "/v1/decisions", new)
        assert (status, made["dry_run"]) == (201, True)
        approve = f"/v1/decisions/{made['seq']}/approve"
        assert call(server, "GET", "/v1/decisions?account_id=one")[1]["decisions"] == []
        assert call(server, "POST", approve, {"by": "ada"})[0] == 400
        status, approved, _ = call(server, "POST", approve, {"by": "Bo", "note": "seen"})
        assert (status, approved["dry_run"], approved["author"]) == (201, False, "Bo")
        assert [one["seq"] for one in call(server, "GET", "/v1/decisions?account_id=one")[1]["decisions"]] == [
            approved["seq"]
        ]
        assert call(server, "POST", approve, {"by": "Cy"})[0] == 404


def test_many_decisions_come_in_pages(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillhunt_server.api.operations.PAGE", 2)
    for number in range(5):
        decided(running, f"paged-{number}")
    found, after = [], 0
    while after is not None:
        page = call(running, "GET", f"/v1/decisions?after={after}")[1]
        found += [one["account_id"] for one in page["decisions"]]
        after = page["next"]
    assert len(found) == len(set(found))
    assert {f"paged-{number}" for number in range(5)} <= set(found)


def test_an_appeal_goes_its_way_through_the_portal(running: Running) -> None:
    portal = token_of(running, "appeal")
    seq = decided(running, "appealing")
    new = {"decision": seq, "account_id": "appealing", "text": "I am a school. <script>"}
    status, filed, _ = call(running, "POST", "/v1/appeals", new, token=portal)
    assert (status, filed["status"]) == (201, "open")
    assert "note" not in filed
    where = f"/v1/appeals/{filed['appeal_id']}"
    assert call(running, "GET", f"{where}?account_id=appealing", token=portal)[1] == filed
    assert call(running, "GET", f"{where}?account_id=other", token=portal)[0] == 404
    assert call(running, "GET", where, token=portal)[0] == 404
    assert [one["text"] for one in call(running, "GET", "/v1/appeals")[1]["appeals"]] == [new["text"]]
    said = {"overturn": True, "by": " ADA"}
    assert call(running, "POST", f"{where}/decision", said)[0] == 409, "who decided does not decide the appeal"
    assert call(running, "POST", f"{where}/decision", {**said, "by": "Bo"})[0] == 200
    assert call(running, "POST", f"{where}/decision", {**said, "by": "Bo"})[0] == 409
    assert call(running, "GET", f"{where}?account_id=appealing", token=portal)[1]["status"] == "overturned"
    running.decisions.look()
    answer = call(running, "POST", DECIDE_PATH, {"account_id": "appealing"})[1]
    assert (answer["allowed"], answer["action"]) == (True, "observe")
    assert call(running, "GET", "/v1/rates")[1]["acted_on"] == 0, "a person decided, no rule"


def test_a_portal_learns_nothing_by_guessing_numbers(running: Running) -> None:
    seq = decided(running, "guessed")
    answers = [
        call(running, "POST", "/v1/appeals", {"decision": number, "account_id": "other", "text": ""})
        for number in (seq, 1_000_000)
    ]
    assert [one[0] for one in answers] == [404, 404]
    assert answers[0][1] == answers[1][1]


def test_tokens_are_made_rotated_and_revoked(running: Running) -> None:
    made = call(running, "POST", "/v1/tokens", {"name": "gw", "scopes": ["decide"]})[1]["token"]
    question = {"account_id": "nobody"}
    assert call(running, "POST", DECIDE_PATH, question, token=made)[0] == 200
    (known,) = (one for one in call(running, "GET", "/v1/tokens")[1]["tokens"] if one["name"] == "gw")
    assert made not in json.dumps(known)
    new = call(running, "POST", f"/v1/tokens/{known['token_id']}/rotate", {"hours": 1.0})[1]["token"]
    assert call(running, "POST", f"/v1/tokens/{known['token_id']}/rotate", {"hours": 1.0})[0] == 404, "it ends already"
    for token in (made, new):
        assert call(running, "POST", DECIDE_PATH, question, token=token)[0] == 200, "both count for an hour"
    assert call(running, "DELETE", f"/v1/tokens/{known['token_id']}")[0] == 204
    assert call(running, "DELETE", f"/v1/tokens/{known['token_id']}")[0] == 404
    assert call(running, "POST", DECIDE_PATH, question, token=made)[0] == 401
    assert call(running, "POST", DECIDE_PATH, question, token=new)[0] == 200


def test_the_bundle_has_what_counts_and_says_when_nothing_changed(running: Running) -> None:
    gateway = token_of(running, "decide")
    seq = decided(running, "bundled", "step_up")
    status, packed, headers = call(running, "GET", "/v1/bundles/decisions.tar.gz", token=gateway)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as archive:
        files = {name: json.load(archive.extractfile(name) or io.BytesIO()) for name in archive.getnames()}
    assert (status, files[".manifest"]["roots"]) == (200, ["stillhunt"])
    assert files["stillhunt/data.json"]["decisions"]["bundled"]["action"] == "step_up"
    assert headers["etag"] == f'"{files[".manifest"]["revision"]}"'
    again = call(running, "GET", "/v1/bundles/decisions.tar.gz", token=gateway, if_none_match=headers["etag"])
    assert (again[0], again[1]) == (304, b"")
    call(running, "POST", f"/v1/decisions/{seq}/undo", {"by": "Bo"})
    status, _, later = call(
        running, "GET", "/v1/bundles/decisions.tar.gz", token=gateway, if_none_match=headers["etag"]
    )
    assert status == 200
    assert later["etag"] != headers["etag"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"account_id": 1}', b'{"account_id": "a", "action": "kill", "by": "x"}', b"\xff\xfe",
     b'{"account_id": "a\\u0000", "action": "tag", "by": "x"}',
     b'{"account_id": "\\ud800", "action": "tag", "by": "x"}',
     b"[" * 5000, b'{"account_id": "a", "action": "tag", "by": "x", "days": 1e999}'],
)  # fmt: skip
def test_malformed_bodies_are_refused_with_the_place(running: Running, body: bytes) -> None:
    status, said, _ = call(running, "POST", "/v1/decisions", body)
    assert status == 400
    assert said["error"]


def test_long_bodies_and_many_calls_are_refused(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(running, "POST", "/v1/decisions", b" " * 100_000)[0] == 413
    token = token_of(running, "admin")
    monkeypatch.setattr(api_routes, "CALLS_PER_MINUTE", 3)
    statuses = [call(running, "GET", "/v1/tokens", token=token)[0] for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


def test_the_document_is_one_of_openapi_and_has_all_routes() -> None:
    document = openapi()
    operations = {(method.upper(), path) for path, known in document["paths"].items() for method in known}
    expected = {(one.method, one.path.replace(":int}", "}")) for one in API_ROUTES}
    expected |= {("POST", DECIDE_PATH), ("POST", SIGN_UP_PATH)}
    assert operations == expected
    names = [operation["operationId"] for known in document["paths"].values() for operation in known.values()]
    assert len(set(names)) == len(names)
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema({**schema, "$id": name})


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("asked") / "data") as server:
        yield server


OPERATIONS = [one.ok() for one in schemathesis.openapi.from_dict(openapi()).get_all_operations()]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_nothing_that_is_asked_makes_the_server_fail(
    asked: Running, operation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_routes, "CALLS_PER_MINUTE", 1_000_000)
    headers = {"Authorization": f"Bearer {asked.admin}"}

    @settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(), st.sampled_from([True, True, True, False]))
    def ask(case: Any, known: bool) -> None:
        case.call_and_validate(
            base_url=f"http://127.0.0.1:{asked.port}",
            headers=headers if known else {},
            checks=[not_a_server_error, status_code_conformance, response_schema_conformance],
        )

    ask()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_malformed_questions_do_not_make_it_fail_either(
    asked: Running, operation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_routes, "CALLS_PER_MINUTE", 1_000_000)
    headers = {"Authorization": f"Bearer {asked.admin}"}
    malformed = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

    @settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(malformed)
    def ask(case: Any) -> None:
        case.call_and_validate(base_url=f"http://127.0.0.1:{asked.port}", headers=headers, checks=[not_a_server_error])

    with suppress(Unsatisfiable):  # an operation without parameters and body has no malformed form
        ask()


def test_an_id_with_invisible_characters_is_the_one_of_the_logs(running: Running) -> None:
    seq = decided(running, "evil\u200bcorp")
    running.decisions.look()
    answer = call(running, "POST", DECIDE_PATH, {"account_id": "evil\u200bcorp"})[1]
    assert (answer["allowed"], answer["decision"]) == (False, seq)
    assert call(running, "POST", DECIDE_PATH, {"account_id": "evilcorp"})[1]["allowed"]
    shown = call(running, "GET", "/v1/decisions?account_id=evil%E2%80%8Bcorp")[1]
    assert [one["seq"] for one in shown["decisions"]] == [seq]
    appeal = {"decision": seq, "account_id": "evil\u200bcorp", "text": "no"}
    assert call(running, "POST", "/v1/appeals", appeal)[0] == 201


def test_long_texts_are_not_read_while_a_gateway_waits(running: Running) -> None:
    body = b'{"account_id":"a","messages":[' + b"{}," * 1_000_000 + b"{}]}"
    assert call(running, "POST", DECIDE_PATH, body)[0] == 200
    question = msgspec.json.decode(body, type=GatewayQuestion)
    assert question.read() == ([], [])
    short = msgspec.json.decode(b'{"account_id":"a","messages":[{}],"texts":["x",1]}', type=GatewayQuestion)
    assert short.read() == ([{}], ["x"])
    assert msgspec.json.decode(b'{"account_id":"a","messages":5}', type=GatewayQuestion).read() == ([], [])
