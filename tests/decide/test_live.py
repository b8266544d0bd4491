"""What a server knows of decisions follows the database, and stays when something in it is damaged."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from stillhunt.base.errors import ConfigError
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.log import log_locked
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person, undo
from stillhunt.decide.policy import Policy, read_policy
from stillhunt.decide.verified import kept_place
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import DECISIONS
from stillhunt_server.enforcing import live as live_module
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.fault_looks import ClockSteps
from watch.databases import Opening

NOW = live_module.time.time_ns() // 1000
ENFORCED = Policy(mode="enforce")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was verified is kept at once, however long that takes here."""
    monkeypatch.setattr(live_module, "WORKING_SHARE", math.inf)


def nothing() -> Policy | None:
    return None


def person(database: WatchDatabase, account: str = "a") -> LogEntry:
    return decide_as_person(database, account, "block", DecisionAuthor("Ada", ""), DecisionSpan(NOW, 1.0))


def by_rule(database: WatchDatabase, account: str = "ruled") -> None:
    entry = LogEntry(0, NOW, "rule", account, "step_up", "linked_accounts", "rule:x", False, NOW, NOW + 10**12)
    with log_locked(database) as log:
        log.append([entry])


def action(live: LiveDecisions, account: str = "a") -> str:
    return live.answers.answer(live.table, account, "", NOW + 1).action


@pytest.mark.parametrize("at_a_time", [1, 2, 100_000])
def test_it_follows_what_is_decided_and_undone(
    opening: Opening, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    monkeypatch.setattr(live_module, "READ_AT_A_TIME", at_a_time + 1)
    database = opening()
    live = LiveDecisions(opening(), nothing)
    assert live.revision == ""
    live.look()
    assert live.revision == "0"
    entries = [person(database, f"a{number}") for number in range(5)]
    live.look()
    assert [action(live, f"a{number}") for number in range(6)] == ["block"] * 5 + ["none"]
    undo(database, entries[2].seq, "Bo", "", NOW)
    live.look()
    assert action(live, "a2") == "none"
    assert live.revision.startswith("6-")


def keeping(opening: Opening, file: Path, policy: Callable[[], Policy | None] = nothing) -> LiveDecisions:
    live = LiveDecisions(opening(), policy, kept=file)
    live.look()
    return live


def change(database: WatchDatabase, seq: int) -> None:
    with database.write() as connection:
        connection.execute(update(DECISIONS).where(DECISIONS.c.seq == seq).values(account_id="innocent"))


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize("replaced", [True, False])
def test_a_log_that_lost_entries_ends_no_decision_until_somebody_accepts_it(
    opening: Opening, tmp_path: Path, replaced: bool, restarted: bool
) -> None:
    database, file = opening(), tmp_path / "verified"
    live = keeping(opening, file)
    person(database, "old")
    live.look()
    with database.write() as connection:
        connection.execute(delete(DECISIONS))
    if replaced:
        person(database, "new")
    live.look()
    if restarted:
        live = keeping(opening, file)
    assert (action(live, "old"), action(live, "new")) == ("block", "none")
    assert ("another one than before" if replaced else "gone") in live.faults()["enforcement stale"]
    file.unlink()
    live.look()
    live.look()
    assert (action(live, "old"), action(live, "new")) == ("none", "block" if replaced else "none")
    assert live.faults() == {}


def test_a_server_goes_on_from_what_was_kept_and_verifies_the_rest_in_parts(
    opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, file, read = opening(), tmp_path / "verified", list[list[int]]()
    for name in "abcdef":
        person(database, name)
    keeping(opening, file)
    person(database, "g")
    found = live_module.read_log_from
    monkeypatch.setattr(
        live_module,
        "read_log_from",
        lambda *asked: (read.append([one.seq for one in found(*asked)]), found(*asked))[1],
    )
    monkeypatch.setattr(live_module, "WHOLE_AT_A_TIME", 3)
    live = keeping(opening, file)
    assert read == [[6, 7], [1, 2, 3]]
    assert [action(live, name) for name in "abcdefg"] == ["block"] * 7
    change(database, 5)
    live.look()
    assert live.problems["decisions"].startswith("the decision log was changed: entry 5")


@pytest.mark.parametrize("other", ["declared", "clock"])
def test_what_was_kept_under_other_settings_is_read_anew(
    opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    database, file = opening(), tmp_path / "verified"
    by_rule(database)
    live = LiveDecisions(opening(), lambda: ENFORCED, frozenset(("ruled",) if other == "declared" else ()), kept=file)
    if other == "clock":
        monkeypatch.setattr(live_module.time, "time_ns", lambda: NOW * 1000 + 10**18)
    live.look()
    monkeypatch.undo()
    monkeypatch.setattr(live_module, "WORKING_SHARE", math.inf)
    assert action(keeping(opening, file, lambda: ENFORCED), "ruled") == "step_up"


@pytest.mark.parametrize("changed", [1, 2, 3])
def test_one_changed_entry_ends_no_decision_and_is_a_fault(opening: Opening, tmp_path: Path, changed: int) -> None:
    database, file = opening(), tmp_path / "verified"
    live = keeping(opening, file)
    for name in "abc":
        person(database, name)
    live.look()
    assert live.faults() == {}
    change(database, changed)
    again = keeping(opening, file)
    for _ in range(2):
        assert [action(again, name) for name in "abc"] == ["block"] * 3, "as it was verified by the process before"
        assert action(again, "innocent") == "none"
        assert again.revision.startswith("3-")
        (name, said), *others = again.faults().items()
        assert (name, others) == ("enforcement stale", [])
        assert said.startswith(f"the decision log was changed: entry {changed}")
        again.look()
    live._whole_at = 0.0
    live.look()
    assert "enforcement stale" in live.faults(), "the whole log is verified again while it runs"
    assert action(live, "b") == "block"


def test_the_policy_may_say_that_a_changed_log_is_not_enforced(opening: Opening, tmp_path: Path) -> None:
    database, found = opening(), [Policy()]
    live = keeping(opening, tmp_path / "verified", lambda: found[0])
    person(database)
    live.look()
    change(database, 1)
    found[0] = Policy(changed_log="stop")
    again = keeping(opening, tmp_path / "verified", lambda: found[0])
    assert (again.revision, action(again)) == ("", "none")
    assert again.faults()["enforcement off"].startswith("the decision log was changed: entry 1")
    found[0] = Policy()
    again.look()
    again.look()
    assert action(again) == "block"


def test_without_a_file_what_stands_before_the_change_is_enforced(opening: Opening) -> None:
    database = opening()
    live = LiveDecisions(opening(), nothing)
    person(database)
    live.look()
    person(database, "b")
    change(database, 2)
    live.look()
    assert live.problems["decisions"].startswith("the decision log was changed: entry 2")
    other = LiveDecisions(opening(), nothing)
    other.look()
    for one in (live, other):
        assert (action(one), action(one, "innocent")) == ("block", "none")
        assert one.revision.startswith("1-")
    change(database, 1)
    last = LiveDecisions(opening(), nothing)
    last.look()
    assert last.revision == ""
    assert "no decision is enforced" in last.faults()["enforcement off"]


@pytest.mark.parametrize("damage", [b"", b"x" * 100, None])
def test_a_damaged_file_of_verified_decisions_is_said_until_somebody_accepts_the_log(
    opening: Opening, tmp_path: Path, damage: bytes | None
) -> None:
    database, file = opening(), tmp_path / "verified"
    person(database)
    keeping(opening, file)
    whole, kept = file.read_bytes(), kept_place(file)
    file.write_bytes(bytes([*whole[:-9], whole[-9] ^ 1, *whole[-8:]]) if damage is None else damage)
    live = keeping(opening, file)
    assert action(live) == "block"
    assert "nobody can tell whether the end of the log is missing" in live.faults()["kept decisions"]
    assert file.read_bytes() != whole
    file.unlink()
    live.look()
    assert kept == kept_place(file), "it was removed while the server ran"
    live.look()
    assert live.faults() == {}


def test_a_clock_that_was_ahead_ends_no_decision(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    database, ahead = opening(), [0.0]
    steady = live_module.time.monotonic
    monkeypatch.setattr(live_module.time, "time_ns", lambda: NOW * 1000 + int(ahead[0] * 1e9))
    person(database, "a")
    live = LiveDecisions(opening(), nothing, steps=ClockSteps(lambda: steady() + ahead[0], steady))
    live.look()
    for days in (10, 1000):
        ahead[0] = days * 86_400.0
        decide_as_person(
            database, f"b{days}", "block", DecisionAuthor("Ada", ""), DecisionSpan(NOW + days * 86_400_000_000, 3.0)
        )
        live.look()
        started = LiveDecisions(opening(), nothing, steps=ClockSteps(lambda: steady() + ahead[0], steady))
        started.look()
        ahead[0] = 0.0
        person(database, f"c{days}")
        for one in (live, started):
            one.look()
            assert [action(one, name) for name in ("a", f"b{days}", f"c{days}")] == ["block"] * 3
            assert one.faults() == {}


def test_a_look_that_hangs_is_a_fault(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveDecisions(opening(), nothing)
    live.look()
    assert live.faults() == {}
    live._looked_at -= live_module.STALE_SECONDS + 1
    assert "were last read 11 seconds ago" in live.faults()["enforcement stale"]


def test_rules_without_a_policy_are_a_fault(opening: Opening) -> None:
    database, found = opening(), [ENFORCED, None, None]
    by_rule(database)
    live = LiveDecisions(opening(), lambda: found[0])
    live.look()
    assert live.faults() == {}
    found[0] = None
    live.look()
    assert "there is no policy" in live.faults()["enforcement off"]


def test_whatever_cannot_be_read_stops_nothing_else(opening: Opening, tmp_path: Path) -> None:
    database, broken = opening(), [True]
    file = tmp_path / "policy.toml"
    file.write_text("accounts_per_day = " + "9" * 5_000)

    def fail() -> None:
        if broken[0]:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "not ours")

    live = LiveDecisions(opening(), lambda: read_policy(file), others={"signatures": fail})
    person(database)
    live.look()
    assert live.problems["signatures"] == "unexpected: UnicodeDecodeError"
    assert "policy" in live.problems
    assert action(live) == "block"
    broken[0] = False
    file.write_text('mode = "enforce"')
    live.look()
    assert live.problems == {}
    assert live.answers.policy == ENFORCED


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (lambda: ENFORCED, "step_up"),
        (lambda: Policy(mode="enforce", kill_switch=True), "none"),
        (lambda: Policy.model_validate({"mode": "enforce", "exempt": {"accounts": ["ruled"]}}), "none"),
        (lambda: Policy(), "none"),
        (nothing, "none"),
    ],
)
def test_a_switch_of_a_person_does_not_wait_for_a_hunt(
    opening: Opening, policy: Callable[[], Policy | None], expected: str
) -> None:
    database = opening()
    by_rule(database)
    person(database)
    live = LiveDecisions(opening(), policy)
    live.look()
    assert action(live, "ruled") == expected
    assert action(live) == "block", "persons' decisions count whatever the policy says"


def test_a_policy_that_became_unusable_leaves_the_last_one(opening: Opening) -> None:
    found: list[Policy | None] = [ENFORCED]

    def policy() -> Policy | None:
        if found[0] is None:
            raise ConfigError("a typo")
        return found[0]

    database = opening()
    by_rule(database)
    live = LiveDecisions(opening(), policy)
    live.look()
    found[0] = None
    live.look()
    assert action(live, "ruled") == "step_up"
    assert live.problems == {"policy": "a typo"}
