"""The table in memory says what the log says, whatever was appended in how many steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decide.scenes import DAY, NOW
from stillhunt.decide import table as table_module
from stillhunt.decide.actions import ACTIONS
from stillhunt.decide.entries import PRECEDENCE, LogEntry, chained, in_force
from stillhunt.decide.table import KEPT_DAYS, DecisionTable, empty_table, table_of
from thoroughness import examples

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
    return chained(made)


def grown(log: Sequence[LogEntry], steps: int, now: int, **options: Any) -> DecisionTable:
    table, size = empty_table(), max(1, len(log) // steps)
    for begin in range(0, len(log), size):
        table = table.with_entries(log[begin : begin + size], now, **options)
    return table


@settings(max_examples=examples(100, 300), deadline=None, derandomize=True)
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
    ordered = sorted((entry.seq, account) for account, entry in expected.items())
    for after in (0, steps):
        told = [(one.seq, account) for account, one in table.counting(now, after)]
        assert told == [one for one in ordered if one[0] > after]


def test_accounts_with_equal_hashes_are_with_distinct_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(accounts: Any) -> Any:
        return table_module.np.full(len(accounts), hash("one") & table_module._ALL_BITS, table_module.np.uint64)

    monkeypatch.setattr(table_module, "_hashes_of", same)
    entries = [LogEntry(0, NOW, "case", name, "block", "operator_decision", "x", False, NOW, NOW + 9) for name in "ab"]
    table = empty_table().with_entries(chained(entries), NOW)
    assert table.find("one", NOW) is None, "its hash is that of both"


def test_what_ended_takes_no_memory() -> None:
    entries = [
        LogEntry(0, NOW, "case", f"a{i}", "tag", "operator_decision", "x", False, NOW, NOW + 10) for i in range(9000)
    ]
    log = chained(entries)
    table = empty_table().with_entries(log, NOW)
    assert len(table) == 9000
    late = LogEntry(0, NOW + 1, "case", "b", "tag", "operator_decision", "x", False, NOW, NOW + 99)
    after = NOW + KEPT_DAYS * DAY + 50
    assert len(table.with_entries(chained([late] * 9001, log[-1].place), after)) == 18_001, "the clock may be ahead"
    late = replace(late, made_at=after)
    assert len(table.with_entries(chained([late] * 9001, log[-1].place), NOW)) == 18_001, "a clock may have been ahead"
    assert len(table.with_entries(chained([late] * 9001, log[-1].place), after)) == 9001


def test_a_decision_ends_for_as_long_only_as_the_clock_says_so() -> None:
    def made(account: str, at: int) -> LogEntry:
        return LogEntry(0, at, "case", account, "block", "operator_decision", "Ada", False, at, at + 3 * DAY)

    log = chained([made("a", NOW), made("b", NOW + 10 * DAY), made("c", NOW)])
    table = empty_table().with_entries(log[:1], NOW).with_entries(log[1:2], NOW + 10 * DAY).with_entries(log[2:], NOW)
    assert [table.find(name, NOW + 10 * DAY) is not None for name in "abc"] == [False, True, False]
    for at in (NOW, NOW - 10 * DAY):
        assert [table.find(name, at) is not None for name in "abc"] == [True, True, True]
        assert set(in_force(log, at)) == set("abc")


def test_rows_that_were_kept_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "RECENT_ROWS", 3)
    log = chained(
        [
            LogEntry(0, NOW, kind, name * 3, "throttle", "resold_access", "x", False, NOW + late, NOW + 9)
            for name, kind, late in (("a", "rule", 0), ("b", "case", 3), ("c", "override", 0), ("d", "rule", 0))
        ]
    )
    undo = LogEntry(0, NOW, "undo", "ddd", "throttle", "resold_access", "x", False, NOW, NOW, undoes=4)
    table = empty_table().with_entries([*log, undo], NOW)
    again = table_of(table.rows())
    for name in ("aaa", "bbb", "ccc", "ddd", "a"):
        for at in (NOW - 1, NOW + 2, NOW + 5, NOW + 10):
            assert again.find(name, at) == table.find(name, at), (name, at)
    assert again.has_rules(NOW)
    assert not again.has_rules(NOW + 9)
    assert table.has_rules(NOW)
    assert table_of(table.rows(), frozenset(("aaa",))).find("aaa", NOW) is None, "a programme declared meanwhile"
    assert not table_of(table.rows(), frozenset(("aaa",))).has_rules(NOW)
