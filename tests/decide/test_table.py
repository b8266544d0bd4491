"""The table in memory says what the log says, whatever was appended in how many steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decide.scenes import NOW
from stillhunt.decide import table as table_module
from stillhunt.decide.actions import ACTIONS
from stillhunt.decide.entries import PRECEDENCE, LogEntry, chained, in_force
from stillhunt.decide.table import DecisionTable, empty_table

ACCOUNTS = ("a", "b", "ä", "a" * 300, "")


@st.composite
def logs(draw: st.DrawFn) -> list[LogEntry]:
    made: list[LogEntry] = []
    for place in range(draw(st.integers(0, 25))):
        kind = draw(st.sampled_from([*PRECEDENCE, "undo"]))
        account = draw(st.sampled_from(ACCOUNTS))
        undoes = draw(st.integers(0, place)) if kind == "undo" or draw(st.booleans()) else 0
        starts = NOW + draw(st.integers(-5, 5))
        times = (starts, starts + draw(st.integers(0, 6)))
        action = draw(st.sampled_from(ACTIONS))
        made.append(
            LogEntry(0, NOW - 50 + place, kind, account, action, "operator_decision", "x", draw(st.booleans()), *times,
                     undoes=undoes)
        )  # fmt: skip
    return chained(made, None)


def grown(log: Sequence[LogEntry], steps: int, now: int, **options: Any) -> DecisionTable:
    table, size = empty_table(), max(1, len(log) // steps)
    for begin in range(0, len(log), size):
        table = table.with_entries(log[begin : begin + size], now, **options)
    return table


@settings(max_examples=300, deadline=None, derandomize=True)
@given(logs(), st.integers(1, 5), st.integers(-5, 12), st.booleans(), st.sampled_from([0, 3, 4096]))
def test_it_says_what_the_log_says(log: list[LogEntry], steps: int, later: int, allow: bool, recent: int) -> None:
    allowed, now = frozenset(("a",) if allow else ()), NOW + later
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(table_module, "RECENT_ROWS", recent)  # how much stands in the small table changes nothing
        table = grown(log, steps, min(NOW, now), allowed=allowed)
    expected = in_force(log, now, allowed)
    for account in (*ACCOUNTS, "nobody"):
        found, entry = table.find(account, now), expected.get(account)
        assert (found and found.seq) == (entry and entry.seq)
        if found and entry:
            assert found == (entry.seq, entry.kind, entry.action, entry.reason, entry.expires_at)


def test_accounts_with_equal_hashes_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(accounts: Any) -> Any:
        return table_module.np.full(len(accounts), hash("one") & table_module._ALL_BITS, table_module.np.uint64)

    monkeypatch.setattr(table_module, "_hashes_of", same)
    entries = [LogEntry(0, NOW, "case", name, "block", "operator_decision", "x", False, NOW, NOW + 9) for name in "ab"]
    table = empty_table().with_entries(chained(entries, None), NOW)
    assert table.find("one", NOW) is None, "its hash is that of both"


def test_what_ended_takes_no_memory() -> None:
    entries = [
        LogEntry(0, NOW, "case", f"a{i}", "tag", "operator_decision", "x", False, NOW, NOW + 10) for i in range(9000)
    ]
    log = chained(entries, None)
    table = empty_table().with_entries(log, NOW)
    assert len(table) == 9000
    late = LogEntry(0, NOW, "case", "b", "tag", "operator_decision", "x", False, NOW, NOW + 99)
    more = chained([late] * 9001, log[-1])
    assert len(table.with_entries(more, NOW + 20)) == 9001
