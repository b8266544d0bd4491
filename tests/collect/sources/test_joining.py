"""Which rows of different logs are one call: against a plain twin, and the rules in words."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import hashed_address, read_logs

from stillhunt.collect.calls import (
    LINK_KINDS,
    MADE_BY_SERVERS,
    NEAR,
    Calls,
    Told,
    repeats_as_one,
    same_calls,
)

Entry = tuple[int, int, int]
Row = tuple[int, int, int, int]


def clash(rows: set[int], told: list[Row]) -> bool:
    """Whether two rows of one source, (rank, account, time, file), cannot be one call told twice."""
    of_rank = defaultdict(list)
    for row in rows:
        of_rank[told[row][0]].append(told[row])
    for same in of_rank.values():
        accounts, times = {a for _, a, _, _ in same if a}, [t for _, _, t, _ in same if t >= 0]
        spread = max(times) - min(times) if times else 0
        if len({file for *_, file in same}) < len(same) or len(accounts) > 1 or spread > NEAR:
            return True
    return False


def plain_calls(entries: list[Entry], told: list[Row], call: list[int]) -> list[int]:
    """The same in loops: for one kind of names after the other, union of calls over names that may be believed."""
    groups: dict[int, set[int]] = defaultdict(set)
    for row, one in enumerate(call):
        groups[one].add(row)
    together = list(groups.values())
    for kind, word in enumerate(LINK_KINDS):
        owners: dict[int, set[int]] = defaultdict(set)
        for name, of_kind, row in entries:
            if of_kind == kind:
                owners[name].add(row)
        found = [set(group) for group in together]
        for rows in owners.values():
            believed = set()
            for rank in {told[row][0] for row in rows}:
                same = {row for row in rows if told[row][0] == rank}
                calls = [group for group in together if group & same]
                if (not clash(same, told)) if word in MADE_BY_SERVERS else len(calls) == 1:
                    believed |= same
            touched = [group for group in found if group & believed]
            if touched:
                found = [group for group in found if group not in touched] + [set().union(*touched)]
        united = []
        for group in found:
            parts = [old for old in together if old <= group]
            united += parts if len(parts) > 1 and clash(group, told) else [group]
        together = united
    head = list(range(len(told)))
    for group in together:
        for row in group:
            head[row] = min(group, key=lambda r: (told[r][0], r))
    return head


def joined(entries: list[Entry], told: list[Row], call: list[int] | None = None) -> Calls:
    names, kinds, rows = np.array(entries, np.int64).reshape(-1, 3).T
    ranks, accounts, times, files = np.array(told, np.int64).T
    told_of = Told(ranks, accounts.astype(np.uint64), times, files)
    return same_calls(names.astype(np.uint64), kinds, rows, np.array(call or range(len(told)), np.int64), told_of)


ROWS = st.tuples(
    st.integers(0, 3), st.integers(0, 2), st.sampled_from((-1, 0, NEAR // 2, NEAR, 2 * NEAR)), st.integers(0, 2)
)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(
    told=st.lists(ROWS, min_size=1, max_size=12),
    entries=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, len(LINK_KINDS) - 1), st.integers(0, 11)), max_size=30
    ),
    twice=st.booleans(),
)
def test_same_calls_is_its_plain_twin(told: list[Row], entries: list[Entry], twice: bool) -> None:
    entries = [entry for entry in entries if entry[2] < len(told)]
    call = list(range(len(told)))
    if twice and len(told) > 1 and not clash({0, 1}, told) and told[0][0] == told[1][0]:
        call = [0, 0, *range(1, len(told) - 1)]
    assert joined(entries, told, call).head.tolist() == plain_calls(entries, told, call)


EDGE, RESPONSE, CALL = (LINK_KINDS.index(kind) for kind in ("edge", "response", "call"))


def test_a_name_that_two_rows_of_one_source_share_joins_nothing() -> None:
    told = [(0, 0, 0, 0), (0, 0, 0, 1), (1, 0, 0, 2)]
    assert joined([(7, EDGE, 0), (7, EDGE, 1), (7, EDGE, 2)], told).head.tolist() == [0, 1, 2]


def test_rows_that_chains_of_names_would_join_with_two_of_one_source_stay_alone() -> None:
    found = joined([(1, EDGE, 0), (1, EDGE, 2), (2, EDGE, 1), (2, EDGE, 2)], [(0, 0, 0, 0), (0, 0, 0, 0), (1, 0, 0, 1)])
    assert found.head.tolist() == [0, 1, 2]
    assert found.ambiguous == 3


def test_a_name_that_leads_astray_leaves_what_better_names_joined() -> None:
    """Clients choose x-request-id: it must not part a gateway's log from its own trace."""
    entries = [(1, RESPONSE, 0), (1, RESPONSE, 1), (2, RESPONSE, 2), (2, RESPONSE, 3), (9, EDGE, 0), (9, EDGE, 3)]
    found = joined(entries, [(0, 0, 0, 0), (1, 0, 0, 1), (0, 0, 0, 0), (1, 0, 0, 1)])
    assert found.head.tolist() == [0, 0, 2, 2]
    assert found.ambiguous == 0


def test_a_call_that_client_and_gateway_trace_is_one() -> None:
    """Both traces are of one source; the answer's id, or a third log that knows both, shows that they are one call."""
    told = [(1, 0, 0, 0), (1, 0, 1_000_000, 1), (0, 0, 0, 2)]
    by_answer = joined([(1, RESPONSE, 0), (1, RESPONSE, 1)], told)
    assert (by_answer.head.tolist(), by_answer.many.tolist()) == ([0, 0, 2], [True, True, False])
    by_third = joined([(1, RESPONSE, 0), (1, RESPONSE, 2), (5, CALL, 1), (5, CALL, 2)], told)
    assert (by_third.head.tolist(), by_third.many.tolist()) == ([2, 2, 2], [True, True, False])


def test_two_accounts_or_far_times_or_one_file_are_never_one_call() -> None:
    for other in ((1, 8, 0, 1), (1, 7, 2 * NEAR, 1), (1, 7, 0, 0)):
        assert joined([(1, RESPONSE, 0), (1, RESPONSE, 1)], [(1, 7, 0, 0), other]).head.tolist() == [0, 1]


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
    assert found.inputs[0].passed_over == {"not a POST, so no call of a model": 1}


def test_a_call_told_in_two_files_of_a_source_is_one_and_an_id_used_twice_in_a_file_none() -> None:
    second = 1_000_000
    ranks, ids = np.zeros(6, np.int64), np.array([5, 5, 6, 6, 7, 7], np.uint64)
    times, files = np.array([0, second, 0, second, 0, 3600 * second]), np.array([0, 1, 0, 0, 0, 1])
    nobody = np.zeros(6, np.uint64)
    call, first, rows = repeats_as_one(ranks, ids, nobody, times, files)
    assert call.tolist() == [0, 0, 1, 2, 3, 4]
    assert first.tolist() == [0, 2, 3, 4, 5]
    assert rows.tolist() == [2, 1, 1, 1, 1]
    two = np.array([1, 3, 0, 0, 0, 0], np.uint64)
    assert repeats_as_one(ranks, ids, two, times, files)[0].tolist() == [0, 1, 2, 3, 4, 5]
