"""Records of an account in the spool: found in every form, taken out whole, and those of others left byte by byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from stillhunt.watch.spool.ledger import SpoolLedger
from stillhunt.watch.subject.records import ERASED, Mentions, SubjectIds, rewrite_part, split_part

ACCOUNT = "acct-7301"


def part(tmp_path: Path, records: list[bytes], name: str = "part-1-jsonl.jsonl") -> Path:
    path = tmp_path / "spool" / "gateway" / "2026-05-01T12" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(records))
    return path


def line(**record: object) -> bytes:
    return json.dumps(record).encode() + b"\n"


def rewritten(path: Path, ids: SubjectIds) -> int:
    return rewrite_part(path, ids, SpoolLedger(path.parents[2]))


def taken(path: Path, account: str = ACCOUNT) -> list[int]:
    ids = SubjectIds(account)
    list(split_part(path, ids))
    return [own for _, _, own in split_part(path, ids)]


@pytest.mark.parametrize(
    "own",
    [
        line(user=ACCOUNT),
        line(metadata={"user_api_key_user_id": ACCOUNT}),
        line(anything=["x", {"deep": ACCOUNT}]),
        line(user=f" {ACCOUNT} "),
        b'{"user": "\\u0061cct-7301"}\n',
        b'{"user": "acct-7301", broken\n',
    ],
)
def test_records_that_name_the_account_are_its_own(tmp_path: Path, own: bytes) -> None:
    others = [line(user="acct-73011"), line(prompt=f"tell me about {ACCOUNT} and others"), b"\n", b"{broken\n"]
    path = part(tmp_path, [others[0], own, *others[1:]])
    assert taken(path) == [0, 1, 0, 0, 0]
    assert rewritten(path, SubjectIds(ACCOUNT)) == 1
    assert path.read_bytes() == b"".join(others)
    assert path.stat().st_mode & 0o777 == 0o600
    assert rewritten(path, SubjectIds(ACCOUNT)) == 0


def test_a_short_id_counts_only_in_a_field_that_names_somebody(tmp_path: Path) -> None:
    path = part(tmp_path, [line(n=7, id="7"), line(user_id="7"), line(user_id=7), line(account="77")])
    assert taken(path, "7") == [0, 1, 1, 0]


def test_records_of_the_same_call_go_with_it_and_those_of_a_short_counter_do_not(tmp_path: Path) -> None:
    text = line(request_id="req-0123456789ab", messages=[{"role": "user", "content": "the text"}])
    named = line(call_id="req-0123456789ab", user=ACCOUNT, id="12")
    path = part(tmp_path, [text, named, line(id="12", user="other")])
    assert taken(path) == [1, 1, 0]


def test_an_id_is_found_however_json_writes_it(tmp_path: Path) -> None:
    assert taken(part(tmp_path, [b'{"user": "acct\\/7301"}\n', line(user="acct/7302")]), "acct/7301") == [1, 0]
    call = line(request_id="req/0123456789ab", prompt="the text").replace(b"/", b"\\/")
    assert taken(part(tmp_path, [line(call_id="req/0123456789ab", user=ACCOUNT), call])) == [1, 1]


def test_records_of_many_calls_are_told_from_those_of_others(tmp_path: Path) -> None:
    calls = [f"req-{number:012d}" for number in range(1, 131)]
    records = [*(line(call_id=one, user=ACCOUNT) for one in calls), *(line(request_id=one, text="x") for one in calls)]
    path = part(tmp_path, [*records, line(request_id="req-000000000999", user="other")])
    assert taken(path) == [1] * 260 + [0]


def test_invisible_characters_are_compared_as_tables_write_them(tmp_path: Path) -> None:
    path = part(tmp_path, [line(user="acct\u202e-7301")])
    assert taken(path, "acct\ufffd202e;-7301") == [1]


def test_a_part_keeps_its_time_and_goes_when_nothing_is_left(tmp_path: Path) -> None:
    path = part(tmp_path, [line(user=ACCOUNT), line(user="b")])
    before = path.stat().st_mtime_ns
    rewritten(path, SubjectIds(ACCOUNT))
    assert path.stat().st_mtime_ns == before
    rewritten(path, SubjectIds("b-not-there"))
    path.write_bytes(line(user=ACCOUNT))
    assert rewritten(path, SubjectIds(ACCOUNT)) == 1
    assert list(path.parent.iterdir()) == []


def test_a_part_that_cannot_be_written_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = part(tmp_path, [line(user=ACCOUNT), line(user="b")])
    before = path.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr("stillhunt.watch.subject.records.os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        rewritten(path, SubjectIds(ACCOUNT))
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def spans(*owners: str, resource: str = "", first: int = 1) -> ExportTraceServiceRequest:
    export = ExportTraceServiceRequest()
    one = export.resource_spans.add()
    if resource:
        one.resource.attributes.append(KeyValue(key="service.namespace", value=AnyValue(string_value=resource)))
    scope = one.scope_spans.add()
    for number, owner in enumerate(owners):
        span = scope.spans.add(trace_id=bytes([number + first]) * 16, name="chat")
        if owner:
            span.attributes.append(KeyValue(key="user.id", value=AnyValue(string_value=owner)))
    return export


def test_calls_of_others_stay_in_a_record_of_protobuf(tmp_path: Path) -> None:
    mixed, alien, own = spans("a", ACCOUNT, "b"), spans("c", "d", first=10), spans("x", resource=ACCOUNT, first=20)
    child = spans("")
    child.resource_spans[0].scope_spans[0].spans[0].trace_id = bytes([2]) * 16  # of the call in `mixed`
    path = part(tmp_path, [one.SerializeToString() for one in (child, mixed, alien, own)], "part-1-traces.pb")
    assert taken(path) == [1, 1, 0, 1]
    ids = SubjectIds(ACCOUNT)
    list(split_part(path, ids))
    assert rewritten(path, ids) == 3
    left = ExportTraceServiceRequest.FromString(path.read_bytes())
    names = [
        [span.attributes[0].value.string_value for span in one.scope_spans[0].spans] for one in left.resource_spans
    ]
    assert names == [["a", "b"], ["c", "d"]]
    assert path.read_bytes().endswith(alien.SerializeToString())


def test_calls_of_others_stay_in_a_record_of_otlp_json(tmp_path: Path) -> None:
    def span(owner: str, trace: str) -> dict[str, object]:
        return {"traceId": trace, "attributes": [{"key": "user.id", "value": {"stringValue": owner}}]}

    export = {
        "resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [span(ACCOUNT, "a" * 32), span("b", "b" * 32)]}]}]
    }
    path = part(tmp_path, [line(**export), line(user="c")], "part-1-traces.jsonl")
    assert rewritten(path, SubjectIds(ACCOUNT)) == 1
    first, second = path.read_bytes().splitlines(keepends=True)
    assert json.loads(first)["resourceSpans"][0]["scopeSpans"][0]["spans"] == [span("b", "b" * 32)]
    assert second == line(user="c")


def test_a_trace_without_an_id_ties_nothing_together(tmp_path: Path) -> None:
    nobody, own = spans("b", first=0), spans(ACCOUNT, first=0)
    path = part(tmp_path, [nobody.SerializeToString(), own.SerializeToString()], "part-1-traces.pb")
    assert taken(path) == [0, 1]


def test_damaged_protobuf_is_left_as_it_is(tmp_path: Path) -> None:
    whole = spans(ACCOUNT).SerializeToString()
    path = part(tmp_path, [spans("b").SerializeToString(), b"\x0a\xff\xff\xff\x7f", whole], "part-1-traces.pb")
    before = path.read_bytes()
    assert rewritten(path, SubjectIds(ACCOUNT)) == 0
    assert path.read_bytes() == before


def test_mentions_are_words_of_their_own() -> None:
    mentions = Mentions(ACCOUNT)
    assert mentions.removed_from(f"{ACCOUNT}, x{ACCOUNT} and {ACCOUNT}-2 ({ACCOUNT})") == (
        f"{ERASED}, x{ACCOUNT} and {ACCOUNT}-2 ({ERASED})"
    )
    quoted = Mentions('jörg "the" x')
    assert quoted.removed_from(json.dumps({"a": 'jörg "the" x'})) == json.dumps({"a": ERASED})
    assert Mentions("7").removed_from("7 of 7") == "7 of 7"
