"""Which rows of different logs are one call: against a plain twin, and the rules in words."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import hashed_address, read_logs

from stillhunt.collect.calls import repeats_as_one, same_calls

Entry = tuple[int, int]


def plain_calls(entries: list[Entry], ranks: list[int]) -> list[int]:
    """The same in loops: union of rows over names that are unique within each source."""
    owners: dict[tuple[int, int], set[int]] = defaultdict(set)
    for name, row in entries:
        owners[name, ranks[row]].add(row)
    leader = list(range(len(ranks)))

    def find(row: int) -> int:
        while leader[row] != row:
            row = leader[row]
        return row

    first: dict[int, int] = {}
    for (name, _rank), rows in owners.items():
        if len(rows) == 1:
            (row,) = rows
            leader[find(row)] = find(first.setdefault(name, row))
    together: dict[int, list[int]] = defaultdict(list)
    for row in range(len(ranks)):
        together[find(row)].append(row)
    head = list(range(len(ranks)))
    for rows in together.values():
        if len({ranks[row] for row in rows}) == len(rows):
            for row in rows:
                head[row] = min(rows, key=lambda r: (ranks[r], r))
    return head


@settings(derandomize=True, deadline=None)
@given(
    ranks=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    entries=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 11)), max_size=30),
)
def test_same_calls_is_its_plain_twin(ranks: list[int], entries: list[Entry]) -> None:
    entries = [(name, row) for name, row in entries if row < len(ranks)]
    names = np.array([name for name, _ in entries], np.uint64)
    rows = np.array([row for _, row in entries], np.int64)
    found = same_calls(names, rows, np.array(ranks, np.int64))
    assert found.head.tolist() == plain_calls(entries, ranks)


def test_a_name_that_two_rows_of_one_source_share_joins_nothing() -> None:
    found = same_calls(np.array([7, 7, 7], np.uint64), np.array([0, 1, 2]), np.array([0, 0, 1]))
    assert found.head.tolist() == [0, 1, 2]


def test_rows_that_chains_of_names_would_join_with_two_of_one_source_stay_alone() -> None:
    names, rows = np.array([1, 1, 2, 2], np.uint64), np.array([0, 2, 1, 2])
    found = same_calls(names, rows, np.array([0, 0, 1]))
    assert found.head.tolist() == [0, 1, 2]
    assert found.ambiguous == 3


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
