"""Which rows of different logs are one call: against a plain twin, and the rules in words."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import hashed_address, read_logs
from tests.collect.sources.otlp_fixtures import START, export, span

from stillhunt.collect.join.match_calls import (
    CONTENT,
    LINK_KINDS,
    MADE_BY_SERVERS,
    MAX_CALL_MICROSECONDS,
    SAME_CALL_MICROSECONDS,
    CallAttributes,
    MatchedCalls,
    numbered_within,
    repeats_as_one,
    reused_ids,
    same_calls,
)
from thoroughness import examples

Entry = tuple[int, int, int]
Row = tuple[int, int, int, int, int, int, int]


def known(values: list[int], nothing: int) -> set[int]:
    return {value for value in values if value != nothing}


def spread(rows: list[int], told: list[Row]) -> int:
    times = known([told[row][2] for row in rows], -1)
    return max(times) - min(times) if times else 0


def clash(rows: list[int], told: list[Row], *, strict: bool = False) -> bool:
    """Whether two rows of one source cannot be one call told twice; answers and clients count only where `strict`.

    A row is (rank, account, time, file, prompt, answer, client).
    """
    of_rank = defaultdict(list)
    for row in rows:
        of_rank[told[row][0]].append(row)
    for same in of_rank.values():
        _, accounts, _, files, *more = (list(column) for column in zip(*(told[row] for row in same), strict=True))
        if len(set(files)) < len(same) or len(known(accounts, 0)) > 1:
            return True
        if any(len(known(values, 0)) > 1 for values in (more if strict else more[:1])):
            return True
        if spread(same, told) > SAME_CALL_MICROSECONDS:
            return True
    return False


def plain_repeats(ids: list[int], told: list[Row]) -> list[int]:
    """The same in loops."""
    groups: list[list[int]] = []
    for row in sorted(range(len(told)), key=lambda r: (told[r][0], ids[r], told[r][2], told[r][3], r)):
        first = groups[-1][0] if groups else row
        same = bool(groups) and (told[first][0], ids[first]) == (told[row][0], ids[row])
        if same and told[row][2] - told[first][2] <= SAME_CALL_MICROSECONDS:
            groups[-1].append(row)
        else:
            groups.append([row])
    calls = []
    for group in groups:
        if clash(group, told, strict=True):
            alike = defaultdict(list)
            for row in sorted(group):
                alike[told[row] if told[row][2] >= 0 and told[row][2] % 1_000_000 else row].append(row)
            calls += list(alike.values())
        else:
            calls.append(sorted(group))
    call = [0] * len(told)
    for number, rows in enumerate(sorted(calls)):
        for row in rows:
            call[row] = number
    return call


def plain_names(entries: list[Entry], kind: int, told: list[Row], call: list[int]) -> list[list[int]]:
    """Groups of rows that names of a kind join."""
    most = SAME_CALL_MICROSECONDS if LINK_KINDS[kind] == CONTENT else MAX_CALL_MICROSECONDS
    owners: dict[int, list[int]] = defaultdict(list)
    for name, of_kind, row in sorted(set(entries)):
        if of_kind == kind:
            owners[name].append(row)
    found: list[list[int]] = []
    for rows in owners.values():
        calls: dict[Any, list[list[int]]] = {}  # of each source, or set of sources joined already, in order of time
        content = LINK_KINDS[kind] == CONTENT
        sets = {r: frozenset(told[o][0] for o in range(len(told)) if call[o] == call[r]) for r in rows}
        sides: dict[int, Any] = dict(sets) if content else {r: told[r][0] for r in rows}
        for side in set(sides.values()):
            of_call: dict[int, list[int]] = defaultdict(list)
            for row in sorted((r for r in rows if sides[r] == side), key=lambda r: (told[r][2], call[r], r)):
                of_call[call[row]].append(row)
            calls[side] = list(of_call.values())
        counts = {len(one) for one in calls.values()}
        if LINK_KINDS[kind] in MADE_BY_SERVERS and not clash(rows, told):
            found.append(rows)
        elif len(counts) == 1 and max(counts) > 1:
            turns = [[row for one in calls.values() for row in one[turn]] for turn in range(max(counts))]
            found += [turn for turn in turns if spread(turn, told) <= SAME_CALL_MICROSECONDS]
        elif spread(rows, told) <= most:  # rows of a side with several calls count for the spread, too
            found.append([row for one in calls.values() if len(one) == 1 for row in one[0]])
    return [rows for rows in found if spread(rows, told) <= most]


def plain_calls(entries: list[Entry], told: list[Row], call: list[int]) -> list[int]:
    """The same in loops: for one kind of names after the other, union of calls over names that may be believed."""
    groups: dict[int, set[int]] = defaultdict(set)
    for row, one in enumerate(call):
        groups[one].add(row)
    together = list(groups.values())
    for kind in range(len(LINK_KINDS)):
        number = {row: min(group) for group in together for row in group}
        found = [set(group) for group in together]
        for rows in plain_names(entries, kind, told, [number[row] for row in range(len(told))]):
            touched = [group for group in found if group & set(rows)]
            if touched:
                found = [group for group in found if group not in touched] + [set().union(*touched)]
        united = []
        for group in found:
            parts = [old for old in together if old <= group]
            heads = [
                min(r for r in part if told[r][0] == rank) for part in parts for rank in {told[r][0] for r in part}
            ]
            odd = clash(heads, told) or spread(list(group), told) > MAX_CALL_MICROSECONDS
            united += parts if len(parts) > 1 and odd else [group]
        together = united
    head = list(range(len(told)))
    for group in together:
        for row in group:
            head[row] = min(group, key=lambda r: (told[r][0], r))
    return head


def as_told(told: list[Row]) -> CallAttributes:
    ranks, accounts, times, files, *hashes = np.array(told, np.int64).T
    return CallAttributes(
        ranks, accounts.astype(np.uint64), times, files, *(column.astype(np.uint64) for column in hashes)
    )


def joined(entries: list[Entry], told: list[Row], call: list[int] | None = None) -> MatchedCalls:
    names, kinds, rows = np.array(entries, np.int64).reshape(-1, 3).T
    call = list(range(len(told))) if call is None else call
    return same_calls(names.astype(np.uint64), kinds, rows, np.array(call, np.int64), as_told(told))


TIMES = st.sampled_from(
    (
        -1,
        0,
        1,
        SAME_CALL_MICROSECONDS // 2,
        SAME_CALL_MICROSECONDS,
        2 * SAME_CALL_MICROSECONDS,
        MAX_CALL_MICROSECONDS,
        MAX_CALL_MICROSECONDS + 1,
        2 * MAX_CALL_MICROSECONDS,
    )
)
FEW = st.integers(0, 2)
ROWS = st.tuples(FEW, FEW, TIMES, FEW, FEW, st.integers(0, 4).map(lambda n: max(n - 2, 0)), FEW)
LOG = st.lists(ROWS, min_size=1, max_size=12)


@settings(derandomize=True, deadline=None, max_examples=examples(300))
@given(
    told=LOG,
    entries=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 11)), max_size=30),
    ids=st.lists(st.integers(0, 3), min_size=12, max_size=12),
)
def test_same_calls_is_its_plain_twin(told: list[Row], entries: list[Entry], ids: list[int]) -> None:
    entries = [entry for entry in entries if entry[2] < len(told)]
    call = plain_repeats(ids[: len(told)], told)
    assert joined(entries, told, call).representative.tolist() == plain_calls(entries, told, call)


@settings(derandomize=True, deadline=None, max_examples=examples(300))
@given(told=LOG, ids=st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_repeats_as_one_is_its_plain_twin(told: list[Row], ids: list[int]) -> None:
    ids = ids[: len(told)]
    call, first, rows = repeats_as_one(np.array(ids, np.uint64), as_told(told))
    assert call.tolist() == plain_repeats(ids, told)
    assert first.tolist() == [call.tolist().index(one) for one in range(len(first))]
    assert rows.tolist() == [call.tolist().count(one) for one in range(len(first))]


EDGE, RESPONSE, CALL = (LINK_KINDS.index(kind) for kind in ("edge", "response", "call"))


def row(
    rank: int, *, account: int = 0, time: int = 0, file: int = 0, prompt: int = 0, answer: int = 0, client: int = 0
) -> Row:
    return rank, account, time, file, prompt, answer, client


def test_a_name_that_two_rows_of_one_source_share_joins_nothing() -> None:
    told = [row(0), row(0, file=1), row(1, file=2)]
    found = joined([(7, EDGE, 0), (7, EDGE, 1), (7, EDGE, 2)], told)
    assert found.representative.tolist() == [0, 1, 2]
    assert found.ambiguous == 2


def test_one_name_for_all_calls_of_both_logs_joins_them_in_order_of_time() -> None:
    """Else whoever sends one x-request-id with all his calls would have them lose their addresses."""
    second = 1_000_000
    told = [row(rank, time=place * second, file=rank) for rank in (0, 1) for place in (0, 5, 9)]
    found = joined([(7, EDGE, n) for n in range(6)], told)
    assert found.representative.tolist() == [0, 1, 2, 0, 1, 2]


def test_rows_that_chains_of_names_would_join_with_two_of_one_source_stay_alone() -> None:
    found = joined([(1, EDGE, 0), (1, EDGE, 2), (2, EDGE, 1), (2, EDGE, 2)], [row(0), row(0), row(1, file=1)])
    assert found.representative.tolist() == [0, 1, 2]
    assert found.ambiguous == 3


def test_a_name_that_leads_astray_leaves_what_better_names_joined() -> None:
    """Clients choose x-request-id: it must not part a gateway's log from its own trace."""
    entries = [(1, RESPONSE, 0), (1, RESPONSE, 1), (2, RESPONSE, 2), (2, RESPONSE, 3), (9, EDGE, 0), (9, EDGE, 3)]
    found = joined(entries, [row(0), row(1, file=1), row(0), row(1, file=1)])
    assert found.representative.tolist() == [0, 0, 2, 2]
    assert found.ambiguous == 0


def test_a_call_that_client_and_gateway_trace_is_one() -> None:
    """Both traces are of one source; the answer's id, or a third log that knows both, shows that they are one call."""
    told = [row(1), row(1, time=1_000_000, file=1), row(0, file=2)]
    by_answer = joined([(1, RESPONSE, 0), (1, RESPONSE, 1)], told)
    assert (by_answer.representative.tolist(), by_answer.repeated.tolist()) == ([0, 0, 2], [True, True, False])
    by_third = joined([(1, RESPONSE, 0), (1, RESPONSE, 2), (5, CALL, 1), (5, CALL, 2)], told)
    assert (by_third.representative.tolist(), by_third.repeated.tolist()) == ([2, 2, 2], [True, True, False])


def test_what_differs_is_never_one_call() -> None:
    here = row(1, account=7, prompt=3)
    for other in (
        row(1, account=8, prompt=3, file=1),
        row(1, account=7, prompt=4, file=1),
        row(1, account=7, prompt=3, file=1, time=2 * SAME_CALL_MICROSECONDS),
        row(1, account=7, prompt=3, file=0, time=1),
    ):
        assert joined([(1, RESPONSE, 0), (1, RESPONSE, 1)], [here, other]).representative.tolist() == [0, 1]


def test_rows_days_apart_are_no_call_whatever_their_names() -> None:
    """Some servers draw ids of three digits."""
    told = [row(0), row(1, time=MAX_CALL_MICROSECONDS + 1, file=1), row(2, time=MAX_CALL_MICROSECONDS // 2, file=2)]
    assert joined([(1, RESPONSE, 0), (1, RESPONSE, 1)], told).representative.tolist() == [0, 1, 2]
    assert joined([(1, RESPONSE, 0), (1, RESPONSE, 2)], told).representative.tolist() == [0, 1, 0]


def trace_of(number: int, prompt: str) -> dict[str, Any]:
    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-1", "user.id": "acct-1"}
    told = [{"role": "user", "parts": [{"type": "text", "content": prompt}]}]
    return export([span(number, asked | {"gen_ai.input.messages": json.dumps(told)})])


def test_traces_and_a_gateways_log_without_a_common_id_are_joined_by_who_asked_what(tmp_path: Path) -> None:
    def payload(number: int, prompt: str, start: float) -> dict[str, Any]:
        told = {"id": f"a-{number}", "litellm_call_id": f"c-{number}", "call_type": "acompletion", "startTime": start}
        more = {"metadata": {"user_api_key_user_id": "acct-1"}, "model_group": "m-1", "model_parameters": {}}
        return {**told, **more, "messages": [{"role": "user", "content": prompt}]}

    began = START / 1e9
    calls = [payload(1, "how do I whistle", began), payload(2, "how do I sing", began + 3600)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in calls))
    traces = [trace_of(1, "how do I whistle"), trace_of(2, "how do I sing")]
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(one) + "\n" for one in traces))
    rows = sorted(read_logs(tmp_path).rows, key=lambda one: str(one["request_id"]))
    # The second was asked an hour apart in the two: that may be another call.
    assert [one["prompt"] for one in rows].count("how do I whistle") == 1
    assert [one["prompt"] for one in rows].count("how do I sing") == 2


def edge(call: int, address: str, **more: object) -> str:
    record = {"request_id": f"edge-{call}", "msec": 1_795_000_000 + call, "request_time": 0.5, "remote_addr": address}
    return json.dumps({**record, "request_method": "POST", "status": 200, "http_user_agent": "curl/8", **more})


def test_an_edge_log_alone_is_hunted_by_address(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    log.write_text("\n".join(edge(n, f"203.0.113.{n}") for n in range(3)))
    found = read_logs(log)
    assert [row["account_id"] for row in found.rows] == ["203.0.113.0", "203.0.113.1", "203.0.113.2"]
    assert [row["client_ip"] for row in found.rows] == [hashed_address(f"203.0.113.{n}") for n in range(3)]
    assert [row["model"] for row in found.rows] == ["unknown"] * 3
    assert found.inputs[0].format == "nginx"


def test_records_that_are_no_calls_are_counted_and_no_rejects(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    log.write_text(edge(1, "203.0.113.1") + "\n" + edge(2, "203.0.113.2", request_method="GET"))
    found = read_logs(log)
    assert len(found.rows) == 1
    assert found.rejects == []
    assert found.inputs[0].passed_over == {"not a POST, so no model call": 1}


def test_a_call_told_in_two_files_of_a_source_is_one_and_an_id_used_twice_in_a_file_none() -> None:
    second = 1_000_000
    ids = np.array([5, 5, 6, 6, 7, 7], np.uint64)
    told = [row(0, time=time * second, file=file) for time, file in ((0, 0), (1, 1), (0, 0), (1, 0), (0, 0), (3600, 1))]
    call, first, rows = repeats_as_one(ids, as_told(told))
    assert call.tolist() == [0, 0, 1, 2, 3, 4]
    assert first.tolist() == [0, 2, 3, 4, 5]
    assert rows.tolist() == [2, 1, 1, 1, 1]
    told[:2] = [row(0, account=1), row(0, account=3, time=second, file=1)]
    assert repeats_as_one(ids, as_told(told))[0].tolist() == [0, 1, 2, 3, 4, 5]


def test_one_id_sent_to_many_pods_hides_no_call() -> None:
    """Each pod has a log of its own; what is asked differs, and so does the time where nobody knows what was asked."""
    pods = [row(0, account=7, time=50_000_000 * pod, file=pod, prompt=pod + 1) for pod in range(5)]
    same = np.full(5, 9, np.uint64)
    assert repeats_as_one(same, as_told(pods))[0].tolist() == [0, 1, 2, 3, 4]
    silent = [(*pod[:4], 0, 0, 0) for pod in pods]
    assert repeats_as_one(same, as_told(silent))[0].tolist() == [0, 0, 1, 1, 2]
    for column in (5, 6):  # the id of its answer, or the address
        told = [(*one[:column], pod + 1, *one[column + 1 :]) for pod, one in enumerate(silent)]
        assert repeats_as_one(same, as_told(told))[0].tolist() == [0, 1, 2, 3, 4]


def test_calls_of_one_id_and_one_moment_have_names_of_their_own() -> None:
    told = as_told([row(0, time=5_000_000, prompt=n + 1) for n in range(3)] + [row(0, time=6_000_000, prompt=9)])
    ids = np.full(4, 7, np.uint64)
    call, _first, _rows = repeats_as_one(ids, told)
    reused = reused_ids(ids, told, call)
    assert reused.all()
    assert numbered_within(ids, told, reused).tolist() == [0, 1, 2, 0]


def test_a_log_that_was_delivered_twice_into_a_file_is_joined_once(tmp_path: Path) -> None:
    call = {"id": "a-1", "litellm_call_id": "c-1", "call_type": "acompletion", "startTime": 1_795_000_001.25}
    told = {"user_api_key_user_id": "acct-1", "requester_metadata": {"headers": {"x-request-id": "edge-1"}}}
    more = {"metadata": told, "model_group": "m-1", "model_parameters": {}, "requester_ip_address": "10.0.0.1"}
    payload = {**call, **more}
    (tmp_path / "a.jsonl").write_text("\n".join([json.dumps(payload)] * 2))
    (tmp_path / "b.jsonl").write_text(edge(1, "203.0.113.1"))
    found = read_logs(tmp_path)
    assert [one["client_ip"] for one in found.rows] == [hashed_address("203.0.113.1")]
