"""The chain of the log, and who wins."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from decide.scenes import DAY, NOW, after, findings, member, policy
from stillhunt.base.ledger.chain import LEDGER_START, digest_of
from stillhunt.decide.entries import Broken, LogEntry, chained, first_broken, in_force, made_until


def log_of(*accounts: str) -> list[LogEntry]:
    return after([], policy(), findings([member(name) for name in accounts]), NOW)


def by_person(kind: str, action: str, at: int = NOW, account: str = "a") -> LogEntry:
    return LogEntry(0, at, kind, account, action, "operator_decision", "Ada", False, at, at + DAY)  # type: ignore[arg-type]  # texts of the parameters


def appended(log: list[LogEntry], *entries: LogEntry) -> list[LogEntry]:
    return [*log, *chained(entries, log[-1].place if log else LEDGER_START)]


@pytest.mark.parametrize("name", [field.name for field in fields(LogEntry)])
def test_a_change_of_any_field_is_seen(name: str) -> None:
    log = log_of("a", "b", "c")
    value = getattr(log[1], name)
    changed = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"
    log[1] = replace(log[1], **{name: changed})
    broken = first_broken(log)
    assert broken is not None
    assert broken.seq == 2


def test_what_is_left_out_moved_or_added_is_seen() -> None:
    log = log_of("a", "b", "c")
    assert first_broken(log) is None
    assert first_broken([log[0], log[2]]) == Broken(2, "entry 2 is missing")
    assert first_broken([log[0], log[0], log[1]]) == Broken(2, "entry 1 is there twice")
    assert first_broken(log[1:]) == Broken(1, "entry 1 is missing")
    forged = replace(log[1], account_id="x", digest="")
    forged = replace(forged, digest=digest_of(vars(forged)))
    assert first_broken([log[0], forged, log[2]]) == Broken(3, "it does not follow the entry before it")
    assert first_broken(log[:2]) is None, "the end is missing: only the last hash tells"


def test_who_wins() -> None:
    log = log_of("a")
    assert in_force(log, NOW)["a"].action == "step_up"
    assert in_force(log, NOW, frozenset("a")) == {}, "a declared programme"
    log = appended(log, by_person("case", "block"))
    assert in_force(log, NOW)["a"].action == "block"
    assert in_force(log, NOW, frozenset("a"))["a"].action == "block", "a person decided"
    log = appended(log, by_person("case", "tag"))
    assert in_force(log, NOW)["a"].action == "tag", "the latest of persons"
    log = appended(log, by_person("override", "observe"), by_person("case", "block"))
    assert in_force(log, NOW)["a"].action == "observe", "an override lets through"
    assert in_force(log, NOW + DAY)["a"].action == "step_up", "persons' decisions expired"
    assert in_force(made_until(log, NOW - 1), NOW - 1) == {}
    assert in_force(log, NOW - DAY)["a"].action == "observe", "a clock that is behind ends nothing"
