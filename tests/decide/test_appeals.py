"""Appeals: who may file and decide them, what they end, and what they tell about the rules."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from cli.running import run
from decide.scenes import DAY, NOW, findings, member, policy
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError, OutputError
from stillhunt.decide import appeals, between_hunts
from stillhunt.decide.actions import ACTIONS, rank
from stillhunt.decide.appeals import (
    DEADLINE,
    MOST_APPEAL_CHARACTERS,
    Appeal,
    AppealError,
    decide_appeal,
    file_appeal,
    find_appeal,
    lift_overdue,
    list_appeals,
)
from stillhunt.decide.between_hunts import BetweenHunts
from stillhunt.decide.entries import LogEntry, first_broken, in_force, standing
from stillhunt.decide.field_rates import exact_share, field_rates
from stillhunt.decide.log import log_locked, read_log
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person, undo
from stillhunt.decide.policy import AppealTerms, Policy
from stillhunt.decide.running import apply_rules
from stillhunt.watch.believed_time import believed_time
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import APPEALS, DECISIONS
from stillhunt.watch.database.versions import TableLoss, downgrade
from stillhunt.watch.folder import DataFolder
from thoroughness import examples
from watch.databases import Opening

TERMS = AppealTerms()
HOSTILE = "\x1b]0;gotcha\x07[bold]\u202e it was not me\ndecided by: Ada\0\ud800"
UNKNOWN = "this account has no such decision"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[WatchDatabase]:
    opened = WatchDatabase("", tmp_path / "stillhunt.db")
    yield opened
    opened.close()


def hunted(database: WatchDatabase, *accounts: str, at: int = NOW, by: Policy | None = None) -> list[LogEntry]:
    """What the rules append after a hunt that found these accounts."""
    found = findings([member(name) for name in accounts])
    with log_locked(database) as log:
        return apply_rules(log, by or policy(), found, at)


def person(database: WatchDatabase, action: Any, by: str = "Ada", at: int = NOW, **more: Any) -> LogEntry:
    return decide_as_person(
        database,
        more.pop("account", "a"),
        action,
        DecisionAuthor(by, ""),
        DecisionSpan(at, more.pop("days", 30)),
        **more,
    )


def filed(database: WatchDatabase, decision: int, account: str = "a", at: int = NOW, text: str = "not me") -> Appeal:
    return file_appeal(database, decision, account, text, "portal", TERMS, at)


def decided(database: WatchDatabase, appeal: Appeal, overturn: bool, by: str = "Bo", at: int = NOW + 1) -> Appeal:
    return decide_appeal(database, appeal.appeal_id, overturn=overturn, by=by, note="seen", terms=TERMS, now=at)


def action_of(database: WatchDatabase, at: int, account: str = "a") -> str:
    found = in_force(read_log(database), at).get(account)
    return "none" if found is None else found.action


def test_an_appeal_is_filed_once_and_reads_back(opening: Opening) -> None:
    database = opening()
    hunted(database, "a", "b")
    first = filed(database, 1, text=HOSTILE)
    assert (first.appeal_id, first.status, first.filed_at, first.due_at) == (1, "open", NOW, NOW + 7 * DAY)
    assert first.text.startswith("\x1b]0;gotcha\x07[bold]\u202e it was not me\n"), "kept as it is"
    assert not {"\0", "\ud800"} & set(first.text), "but for what no database keeps"
    assert find_appeal(opening(), 1) == first
    assert filed(database, 1, at=NOW + 5, text="again") == first, "the one that is open"
    other = filed(database, 2, "b", at=NOW + 1)
    assert list_appeals(database, open_only=True) == [first, other]
    assert first_broken(read_log(database)) is None


def test_guessing_numbers_tells_nothing(opening: Opening) -> None:
    database = opening()
    hunted(database, "a", "b")
    person(database, "block", account="c")
    undo(database, 3, "Ada", "", NOW)
    person(database, "observe", account="c")
    person(database, "block", account="c", days=1)
    hunted(database, "d", by=policy(mode="dry_run"), at=NOW + DAY)
    hunted(database, "a", "b", "e", by=policy(delay_minutes=[60, 60]), at=NOW + DAY)
    log = {entry.seq: entry for entry in read_log(database)}
    waiting = next(seq for seq, entry in log.items() if entry.account_id == "e")
    dry_run = next(seq for seq, entry in log.items() if entry.account_id == "d" and entry.kind == "rule")
    asked = [
        (0, "a"), (-1, "a"), (99, "a"), (2**70, "a"), (1, "b"), (1, "A"), (1, "a "), (1, ""), (1, "a\0"), (1, "\ud800"),
        (3, "c"), (4, "c"), (5, "c"), (6, "c"), (dry_run, "d"), (waiting, "e"),
    ]  # fmt: skip
    said = set()
    for decision, account in asked:
        with pytest.raises(AppealError) as refused:
            filed(database, decision, account, at=NOW + DAY)
        assert refused.value.why == "unknown"
        said.add(str(refused.value))
    assert len(said) == 1, "undone, expired, dry run, not begun, of somebody else, not there: all the same"
    assert list_appeals(database, open_only=False) == []
    assert filed(database, waiting, "e", at=NOW + DAY + DAY // 24).decision == waiting, "it has begun"


def test_a_decision_that_was_renewed_is_one_with_those_before(opening: Opening) -> None:
    database = opening()
    for day in (0, 8, 16):
        hunted(database, "a", at=NOW + day * DAY)
    assert [(entry.seq, entry.undoes) for entry in read_log(database)] == [(1, 0), (2, 1), (3, 2)]
    appeal = filed(database, 1, at=NOW + 16 * DAY)
    assert filed(database, 3, at=NOW + 17 * DAY) == appeal == filed(database, 2, at=NOW + 17 * DAY)
    undo(database, 3, "Ada", "", NOW + 17 * DAY)
    for number in (1, 2, 3):
        with pytest.raises(AppealError, match=UNKNOWN):
            filed(database, number, at=NOW + 17 * DAY)


def test_an_account_appeals_three_times_in_thirty_days(opening: Opening) -> None:
    database = opening()
    hunted(database, "b")
    person(database, "block", days=90)
    for place in range(3):
        decided(database, filed(database, 2, at=NOW + place * DAY), overturn=False)
    with pytest.raises(AppealError, match="appealed 3 times within 30 days") as refused:
        filed(database, 2, at=NOW + 30 * DAY - 1)
    assert refused.value.why == "too_many"
    filed(database, 1, "b", at=NOW + 5 * DAY)
    assert filed(database, 2, at=NOW + 30 * DAY).status == "open"


@pytest.mark.parametrize("name", ["", "  ", "rule:harvesters", "x" * 129, "Deadline"])
def test_who_files_and_who_decides_have_names(opening: Opening, name: str) -> None:
    database = opening()
    hunted(database, "a")
    with pytest.raises(ConfigError, match="name of who files or decides"):
        file_appeal(database, 1, "a", "", name, TERMS, NOW)
    assert list_appeals(database, open_only=False) == []
    appeal = filed(database, 1)
    with pytest.raises(ConfigError, match="name of who files or decides"):
        decided(database, appeal, overturn=True, by=name)


def test_a_text_has_an_end(opening: Opening) -> None:
    database = opening()
    hunted(database, "a")
    with pytest.raises(ConfigError, match="at most 4,000 characters"):
        filed(database, 1, text="x" * (MOST_APPEAL_CHARACTERS + 1))
    assert len(filed(database, 1, text="x" * MOST_APPEAL_CHARACTERS).text) == MOST_APPEAL_CHARACTERS


def test_overturned_ends_all_that_stands_and_lets_the_account_through(opening: Opening) -> None:
    database = opening()
    hunted(database, "a", "b")
    person(database, "block", "Ada")
    person(database, "limit", "Cyd", kind="override")
    person(database, "observe", "Dan", days=1)
    appeal = filed(database, 1)
    made = decided(database, appeal, overturn=True)
    assert (made.status, made.decided_at, made.decided_by, made.note) == ("overturned", NOW + 1, "Bo", "seen")
    assert find_appeal(database, 1) == made
    log = read_log(database)
    assert [(entry.kind, entry.author, entry.undoes) for entry in log[5:]] == [
        ("undo", "Bo", 1), ("undo", "Bo", 3), ("undo", "Bo", 4), ("override", "Bo", 0),
    ]  # fmt: skip
    assert (log[-1].action, log[-1].reason, log[-1].expires_at) == ("observe", "operator_decision", NOW + 1 + 90 * DAY)
    assert log[-1].note == "appeal 1: seen"
    assert first_broken(log) is None
    hunted(database, "a", "b", at=NOW + DAY)
    assert action_of(database, NOW + DAY) == "observe", "the next hunt does not repeat the mistake"
    assert action_of(database, NOW + DAY, "b") == "step_up"
    hunted(database, "a", at=NOW + 91 * DAY)
    assert action_of(database, NOW + 91 * DAY) == "step_up", "for a time"


def test_a_dry_run_is_left_alone(opening: Opening) -> None:
    database = opening()
    hunted(database, "a", by=policy(mode="dry_run"))
    case = person(database, "block")
    decided(database, filed(database, case.seq), overturn=True)
    assert [entry.undoes for entry in read_log(database) if entry.kind == "undo"] == [case.seq]


def test_upheld_changes_nothing_but_the_appeal(opening: Opening) -> None:
    database = opening()
    hunted(database, "a")
    before = read_log(database)
    made = decided(database, filed(database, 1), overturn=False)
    assert (made.status, find_appeal(database, 1)) == ("upheld", made)
    assert read_log(database) == before
    assert filed(database, 1, at=NOW + 2).appeal_id == 2, "the customer may appeal again"


def test_an_appeal_is_decided_once(opening: Opening) -> None:
    database = opening()
    hunted(database, "a")
    appeal = filed(database, 1)
    decided(database, appeal, overturn=False, by="Bo\x1b")
    before = read_log(database)
    with pytest.raises(AppealError, match=r"appeal 1 was upheld by Bo\\x1b, 2026-09-21 \d\d:\d\d UTC") as refused:
        decided(database, appeal, overturn=True, by="Cyd", at=NOW + 2)
    assert refused.value.why == "decided"
    assert read_log(database) == before
    for number in (0, -1, 2, 2**40, 2**70):
        with pytest.raises(AppealError, match=f"there is no appeal {number}"):
            decided(database, replace(appeal, appeal_id=number), overturn=True)
        with pytest.raises(AppealError, match=f"there is no appeal {number}"):
            find_appeal(database, number)


@pytest.mark.parametrize("name", ["Ada", " ada", "ADA ", "\uff21da", "Eve  Roe", "eve roe", "Dan"])
def test_who_decided_about_the_account_does_not_decide_its_appeal(opening: Opening, name: str) -> None:
    database = opening()
    hunted(database, "a", "b")
    person(database, "block", "Ada", days=2)
    person(database, "tag", "Eve Roe")
    person(database, "observe", "Dan", kind="override")
    person(database, "block", "Flo", account="b")
    appeals_of_a = [filed(database, number) for number in (1, 3)]
    for appeal in appeals_of_a:
        with pytest.raises(AppealError, match="made a decision about this account") as refused:
            decided(database, appeal, overturn=False, by=name)
        assert refused.value.why == "same_person"
    assert all(one.status == "open" for one in list_appeals(database, open_only=True))
    if "ada" in name.lower().strip():
        decided(database, appeals_of_a[0], overturn=False, by=name, at=NOW + 3 * DAY)
        with pytest.raises(AppealError):
            decided(database, appeals_of_a[1], overturn=False, by=name, at=NOW + 3 * DAY)  # her own, though it ended
    decided(database, appeals_of_a[1], overturn=False, by="Flo", at=NOW + 3 * DAY)


def test_an_appeal_whose_decision_ended_still_says_who_was_right(opening: Opening) -> None:
    database = opening()
    hunted(database, "a", "b")
    first, second = filed(database, 1), filed(database, 2, "b")
    hunted(database, at=NOW + DAY)
    assert standing(read_log(database), NOW + DAY) == []
    assert decided(database, first, overturn=True, at=NOW + 2 * DAY).status == "overturned"
    assert decided(database, second, overturn=False, at=NOW + 2 * DAY).status == "upheld"
    hunted(database, "a", at=NOW + 3 * DAY)
    assert action_of(database, NOW + 3 * DAY) == "observe"


def test_log_and_appeal_change_together_or_not_at_all(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    database = opening()
    hunted(database, "a")
    appeal, before = filed(database, 1), read_log(database)

    def fail(*_: Any) -> None:
        raise RuntimeError("halfway")

    with monkeypatch.context() as patched:
        patched.setattr(appeals, "_write_decided", fail)
        with pytest.raises(RuntimeError, match="halfway"):
            decided(database, appeal, overturn=True)
        with pytest.raises(RuntimeError, match="halfway"):
            lift_overdue(database, TERMS, appeal.due_at)
    assert (read_log(database), find_appeal(database, 1)) == (before, appeal)
    with database.write() as connection:
        connection.execute(update(DECISIONS).where(DECISIONS.c.seq == 1).values(note="x"))
    with pytest.raises(OutputError, match="the decision log was changed"):
        decided(database, appeal, overturn=True)
    with pytest.raises(OutputError, match="the decision log was changed"):
        lift_overdue(database, TERMS, appeal.due_at)
    assert find_appeal(database, 1) == appeal


def test_silence_grants_an_appeal_against_a_rule(opening: Opening) -> None:
    database = opening()
    hunted(database, "a", "b")
    case = person(database, "block", account="c")
    first, against_person = filed(database, 1), filed(database, case.seq, "c")
    hunted(database, "a", "b", at=NOW + 7 * DAY - 1)
    assert lift_overdue(database, TERMS, first.due_at - 1) == []
    assert lift_overdue(database, replace_terms(overdue="keep"), first.due_at) == []
    assert first.is_overdue(first.due_at)
    assert not first.is_overdue(first.due_at - 1)
    (lapsed,) = lift_overdue(database, TERMS, first.due_at)
    assert (lapsed.appeal_id, lapsed.status, lapsed.decided_by, lapsed.decided_at) == (
        1, "lapsed", DEADLINE, first.due_at,
    )  # fmt: skip
    assert find_appeal(database, 1) == lapsed
    assert not lapsed.is_overdue(first.due_at)
    added = read_log(database)[-2:]
    assert [(entry.kind, entry.author, entry.action) for entry in added] == [
        ("undo", DEADLINE, "step_up"), ("override", DEADLINE, "observe"),
    ]  # fmt: skip
    assert added[1].expires_at == first.due_at + 90 * DAY
    assert added[1].note == "appeal 1: nobody decided by its deadline"
    assert action_of(database, first.due_at) == "observe"
    assert action_of(database, first.due_at, "b") == "step_up", "nobody else"
    assert action_of(database, first.due_at, "c") == "block", "a person decided"
    assert list_appeals(database, open_only=True) == [against_person]
    assert against_person.is_overdue(first.due_at)
    assert lift_overdue(database, TERMS, first.due_at + 1) == [], "once"
    assert first_broken(read_log(database)) is None
    with pytest.raises(AppealError, match="appeal 1 was granted at its deadline, 2026"):
        decided(database, lapsed, overturn=False)


def replace_terms(**changes: Any) -> AppealTerms:
    return TERMS.model_copy(update=changes)


def test_nobody_waits_where_nothing_is_overdue(database: WatchDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    hunted(database, "a")
    appeal = filed(database, 1)
    with monkeypatch.context() as patched:
        patched.delattr(appeals, "log_locked")
        assert lift_overdue(database, TERMS, appeal.due_at - 1) == []
    decided(database, appeal, overturn=False)
    before = read_log(database)
    with monkeypatch.context() as patched:
        patched.setattr(database, "read", lambda _: [{"appeal_id": 1}])  # it was overdue, and is decided meanwhile
        assert lift_overdue(database, TERMS, appeal.due_at) == []
    assert read_log(database) == before


def test_silence_ends_no_decision_of_a_person(opening: Opening) -> None:
    database = opening()
    hunted(database, "a")
    appeal = filed(database, 1)
    person(database, "block", at=NOW + DAY)
    (lapsed,) = lift_overdue(database, TERMS, appeal.due_at)
    assert lapsed.status == "lapsed"
    assert [entry.kind for entry in standing(read_log(database), appeal.due_at)] == ["case"]
    assert action_of(database, appeal.due_at) == "block"


def test_several_appeals_of_one_account_let_it_through_once(opening: Opening) -> None:
    database = opening()
    hunted(database, "a")
    filed(database, 1)
    hunted(database, at=NOW + 1)
    hunted(database, "a", at=NOW + 2)
    filed(database, 3, at=NOW + 3)
    lapsed = lift_overdue(database, TERMS, NOW + 8 * DAY)
    assert [one.appeal_id for one in lapsed] == [1, 2]
    added = read_log(database)[3:]
    assert [entry.kind for entry in added] == ["undo", "override"]
    assert added[-1].note == "appeal 1, 2: nobody decided by its deadline"


def test_appeals_of_several_accounts_are_granted_at_once(opening: Opening) -> None:
    database = opening()
    hunted(database, *"abc")
    for entry in read_log(database)[:2]:
        filed(database, entry.seq, entry.account_id)
    lifted = lift_overdue(database, TERMS, NOW + 7 * DAY)
    accounts = [one.account_id for one in lifted]
    added = read_log(database)[3:]
    assert [(entry.kind, entry.account_id) for entry in added] == [
        (kind, account) for account in accounts for kind in ("undo", "override")
    ]
    assert len(set(accounts)) == 2


def test_the_most_urgent_comes_first(opening: Opening) -> None:
    database = opening()
    hunted(database, *"abcd")
    for number, account in ((4, "d"), (3, "c"), (2, "b"), (1, "a")):
        due = replace_terms(days=number)
        file_appeal(database, number, account, "", "portal", due, NOW)
    by_decision = {one.decision: one for one in list_appeals(database, open_only=True)}
    assert list(by_decision) == [1, 2, 3, 4]
    decided(database, by_decision[1], overturn=True, at=NOW + 1)
    decided(database, by_decision[3], overturn=False, at=NOW + 2)
    assert [one.decision for one in list_appeals(database, open_only=True)] == [2, 4]
    assert [one.decision for one in list_appeals(database, open_only=False)] == [2, 4, 3, 1]


def test_many_who_file_and_decide_at_once(opening: Opening) -> None:
    databases = [opening() for _ in range(4)]
    hunted(databases[0], "a")

    def file_one(number: int) -> int:
        return filed(databases[number % 4], 1, at=NOW + number).appeal_id

    def decide_one(number: int) -> str:
        try:
            return decide_appeal(
                databases[number % 4], 1, overturn=True, by=f"person {number}", note="", terms=TERMS, now=NOW + 99
            ).status
        except AppealError as refused:
            return refused.why

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(file_one, range(12))) == {1}
        assert sorted(pool.map(decide_one, range(12))) == ["decided"] * 11 + ["overturned"]
    assert [entry.kind for entry in read_log(databases[0])] == ["rule", "undo", "override"]


def test_an_older_database_gets_the_table(opening: Opening) -> None:
    database = opening()
    hunted(database, "a")
    assert downgrade(database, 2)[0] == TableLoss("appeals", 0)
    assert filed(opening(), 1).appeal_id == 1


def test_what_appeals_tell_about_rules(database: WatchDatabase) -> None:
    assert field_rates([], [], NOW).of_acted_on is None
    hunted(database, "dry", at=NOW - 2 * DAY, by=policy(mode="dry_run"))
    hunted(database, "tagged", at=NOW - DAY, by=policy(rule=[{"name": "t", "action": "tag"}]))
    person(database, "observe", account="through", kind="override")
    person(database, "block", account="barred", kind="override")
    case = person(database, "block", account="case")
    waits = policy(delay_minutes=[60, 60])
    hunted(database, "early", by=waits)
    hunted(database, *"abcdefghij", "through", "barred", at=NOW + 1)  # "early" is undone before it begins
    log = {entry.account_id: entry.seq for entry in read_log(database) if entry.kind == "rule" and not entry.undoes}
    for account, outcome in {"a": True, "b": False, "c": False}.items():
        decided(database, filed(database, log[account], account, at=NOW + 2), outcome, at=NOW + 3)
    filed(database, log["d"], "d", at=NOW + DAY)
    again = filed(database, log["b"], "b", at=NOW + 4)
    filed(database, case.seq, "case", at=NOW + 4)
    by_ada = person(database, "block", account="f", at=NOW + 4)
    decided(database, filed(database, by_ada.seq, "f", at=NOW + 4), overturn=True, at=NOW + 5)
    decided(database, again, overturn=True, at=NOW + 5)
    filed(database, log["e"], "e", at=NOW + 5)
    filed(database, log["through"], "through", at=NOW + 5)
    lapsed = lift_overdue(database, TERMS, NOW + 5 + 7 * DAY)
    assert [one.account_id for one in lapsed] == ["e", "through"]
    rates = field_rates(read_log(database), list_appeals(database, open_only=False), NOW + DAY)
    assert (rates.acted_on, rates.appealed, rates.decided, rates.overturned, rates.lapsed) == (10, 5, 3, 2, 1)
    assert rates.of_acted_on == exact_share(2, 10)
    assert rates.of_decided == exact_share(2, 3)
    assert field_rates(read_log(database), [], NOW).acted_on == 0, "before they began"
    later = field_rates(read_log(database), [], NOW + 31 * DAY)
    assert later.acted_on == 10


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (5, 10, 0.1871, 0.8129), (1, 100, 0.00025, 0.0545)],
)
def test_exact_intervals_are_those_of_the_tables(hits: int, trials: int, low: float, high: float) -> None:
    found = exact_share(hits, trials)
    assert found is not None
    assert found.share == hits / trials
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert exact_share(0, 0) is None


ACCOUNTS = "ab"
STEPS = st.one_of(
    st.tuples(st.just("hunt"), st.sets(st.sampled_from(ACCOUNTS)), st.sampled_from(["enforce", "dry_run"])),
    st.tuples(
        st.just("person"), st.sampled_from(ACCOUNTS), st.sampled_from(ACTIONS), st.sampled_from(["case", "override"])
    ),
    st.tuples(st.just("file"), st.sampled_from(ACCOUNTS), st.integers(1, 12)),
    st.tuples(st.just("decide"), st.integers(1, 4), st.booleans(), st.sampled_from(["Ada", "Bo", "Cyd"])),
    st.tuples(st.just("lift")),
)


def step(database: WatchDatabase, words: tuple[Any, ...], now: int) -> list[Appeal]:
    """Do one thing; the appeals that it granted."""
    match words:
        case ("hunt", accounts, mode):
            hunted(database, *accounts, at=now, by=policy(mode=mode, ceiling="limit", accounts_per_day=9))
        case ("person", account, action, kind):
            person(database, action, at=now, account=account, kind=kind, days=20)
        case ("file", account, decision):
            filed(database, decision, account, at=now)
        case ("decide", number, overturn, by):
            made = decide_appeal(database, number, overturn=overturn, by=by, note="", terms=TERMS, now=now)
            return [made] if overturn else []
        case _:
            return lift_overdue(database, TERMS, now)
    return []


@settings(max_examples=examples(25, 60), derandomize=True, deadline=None)
@given(st.lists(st.tuples(STEPS, st.integers(0, 6 * DAY)), max_size=14))
def test_whoever_won_an_appeal_is_let_through(steps: list[tuple[tuple[Any, ...], int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = WatchDatabase("", Path(folder) / "stillhunt.db")
        now = NOW
        for words, wait in steps:
            now += wait
            before = read_log(database)
            try:
                granted = step(database, words, now)
            except AppealError:
                assert read_log(database) == before
                continue
            log = read_log(database)
            assert log[: len(before)] == before
            counting = in_force(log, now)
            for one in granted:
                strong = [entry for entry in standing(log, now) if rank(entry.action) and not entry.dry_run]
                own = [entry for entry in strong if entry.account_id == one.account_id]
                if one.status == "overturned":
                    assert own == []
                assert {entry.kind for entry in own} <= {"case", "override"}
                assert own or counting[one.account_id].action == "observe"
            for one in list_appeals(database, open_only=False):
                assert (one.status == "open") == (one.decided_at is None) == (one.decided_by is None)
            rates = field_rates(log, list_appeals(database, open_only=False), now)
            assert rates.acted_on >= rates.appealed >= max(rates.decided, rates.lapsed)
            assert rates.decided >= rates.overturned
        assert first_broken(read_log(database)) is None
        database.close()


def test_appeals_on_the_command_line(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "policy.toml").write_text("[appeals]\ndays = 2\nlet_through_days = 30\n")
    database = WatchDatabase("", data / "stillhunt.db")
    hunted(database, "a", "b", at=NOW // 2)  # long over
    database.close()

    def tell(*words: str) -> Any:
        return run("appeals", *words, "--data", str(data), cwd=tmp_path)

    assert tell("list").stdout == "No open appeals.\n"
    assert tell("add", "1", "b", "--text", "x", "--by", "Eve").returncode == 1
    for account, action in (("a", "block"), ("b", "limit")):
        added = run("decisions", "add", account, action, "--by", "Ada", "--data", str(data), cwd=tmp_path)
        assert added.returncode == 0
    hostile = HOSTILE.replace("\0", "").replace("\ud800", "") + " long" * 99
    assert [tell("add", "3", "a", "--text", hostile, "--by", "Eve").stdout for _ in range(2)] == [
        "Appeal 1 filed: a against decision 3.\n"
    ] * 2
    assert tell("add", "4", "b", "--text", "sorry", "--by", "Eve").stdout == "Appeal 2 filed: b against decision 4.\n"
    database = WatchDatabase("", data / "stillhunt.db")
    with database.write() as connection:
        connection.execute(update(APPEALS).where(APPEALS.c.appeal_id == 2).values(due_at=NOW // 2))
    database.close()
    listed = tell("list").stdout
    assert "\x1b" not in listed
    lines = listed.splitlines()
    assert [line.split()[0] for line in lines] == ["appeal", "2", "1"]
    assert ("open, OVERDUE" in lines[1], "OVERDUE" in lines[2]) == (True, False)
    assert len(lines[2]) < 200
    shown = tell("show", "1").stdout
    assert "against  3 block (case) by Ada" in shown
    assert "\n  |  decided by: Ada" in shown, "a line of the customer's is marked as such"
    assert "\x1b" not in shown
    told = json.loads(tell("show", "1", "--json").stdout)
    assert (told["text"], told["overdue"], told["against"][0]["action"]) == (hostile, False, "block")
    decide_words = ("decide", "1", "--note", "a customer of ours")
    assert tell(*decide_words, "--by", "Bo").returncode == 2
    assert tell(*decide_words, "--by", "Bo", "--overturn", "--uphold").returncode == 2
    refused = tell(*decide_words, "--by", "ada", "--overturn")
    assert (refused.returncode, "ada made a decision about this account" in refused.stderr) == (1, True)
    done = tell(*decide_words, "--by", "Bo", "--overturn")
    assert done.stdout == "Appeal 1 overturned; the account is let through for 30 days.\n"
    assert tell("decide", "2", "--by", "Bo", "--uphold").stdout == "Appeal 2 upheld.\n"
    again = tell(*decide_words, "--by", "Bo", "--uphold")
    assert (again.returncode, "appeal 1 was overturned by Bo" in again.stderr) == (1, True)
    assert [one["status"] for one in json.loads(tell("list", "--all", "--json").stdout)] == ["upheld", "overturned"]
    assert tell("list").stdout == "No open appeals.\n"
    assert "note     a customer of ours" in tell("show", "1").stdout
    verified = run("decisions", "verify", "--data", str(data), cwd=tmp_path)
    assert verified.returncode == 0
    rate = json.loads(tell("rate", "--json").stdout)
    assert (rate["acted_on"], rate["of_decided"], "do not appeal" in rate["misleads"]) == (2, None, True)
    assert "unknown, there are none." in tell("rate").stdout


def test_the_rate_on_the_command_line(tmp_path: Path) -> None:
    database = WatchDatabase("", tmp_path / "stillhunt.db")
    hunted(database, *(f"a{number}" for number in range(20)))
    decided(database, filed(database, 1, "a0"), overturn=True)
    decided(database, filed(database, 2, "a1"), overturn=False)
    database.close()
    told = run("appeals", "rate", "--data", str(tmp_path), cwd=tmp_path).stdout.splitlines()
    assert told[:4] == [
        "A decision of a rule stronger than tag was in force on 20 accounts.",
        "2 appealed. Persons decided about 2 and overturned 1; 0 lapsed.",
        "Overturned of all that rules acted on: 5 % (95 % interval 0.1 % to 24.9 %).",
        "Overturned of those with a decided appeal: 50 % (95 % interval 1.3 % to 98.7 %).",
    ]
    assert "Customers who do not appeal" in told[4]


def test_the_policy_says_how_appeals_are_treated() -> None:
    assert (TERMS.days, TERMS.let_through_days, TERMS.overdue) == (7, 90, "lift")
    assert Policy.model_validate({"appeals": {"days": 3, "overdue": "keep"}}).appeals.overdue == "keep"
    for wrong in ({"days": 0}, {"days": 91}, {"let_through_days": 0}, {"overdue": "never"}, {"other": 1}):
        with pytest.raises(ValueError, match="appeals"):
            Policy.model_validate({"appeals": wrong})


def test_a_clock_that_is_ahead_grants_no_appeal(
    database: WatchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = LogEntry(0, NOW, "rule", "a", "step_up", "linked_accounts", "rule:x", False, NOW, NOW + 99 * DAY)
    with log_locked(database) as log:
        log.append([entry])
    appeal = file_appeal(database, 1, "a", "why", "portal", TERMS, NOW)
    believed_time(database, NOW, DAY // 96)
    between = BetweenHunts(DataFolder(tmp_path / "data"), database, Config(), lambda _made: None, pytest.fail)
    monkeypatch.setattr(between_hunts.time, "time_ns", lambda: (NOW + 30 * DAY) * 1000)
    between.look()
    assert [one.status for one in list_appeals(database, open_only=False)] == ["open"]
    for _ in range(40):  # hunts go on: the time is right
        believed_time(database, NOW + 30 * DAY, DAY // 96)
    monkeypatch.setattr(between_hunts, "AGAIN_SECONDS", 0.0)
    between._again_at = 0.0
    between.look()
    assert find_appeal(database, appeal.appeal_id).status == "lapsed"
