"""What a server knows of decisions follows the database, and stays when something in it is damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from stillhunt.base.errors import ConfigError
from stillhunt.decide import live as live_module
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.live import LiveDecisions
from stillhunt.decide.log import append_to_log
from stillhunt.decide.persons import decide_as_person, undo
from stillhunt.decide.policy import Policy, read_policy
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import DECISIONS
from watch.databases import Opening

NOW = live_module.time.time_ns() // 1000
ENFORCED = Policy(mode="enforce")


def nothing() -> Policy | None:
    return None


def person(database: WatchDatabase, account: str = "a") -> LogEntry:
    return decide_as_person(database, account, "block", ("Ada", ""), (NOW, 1.0))


def by_rule(database: WatchDatabase, account: str = "ruled") -> None:
    entry = LogEntry(0, NOW, "rule", account, "step_up", "linked_accounts", "rule:x", False, NOW, NOW + 10**12)
    append_to_log(database, lambda _log, _secret: [entry])


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


def test_another_log_in_its_place_is_read_anew(opening: Opening) -> None:
    database = opening()
    live = LiveDecisions(opening(), nothing)
    person(database, "old")
    live.look()
    with database.write() as connection:
        connection.execute(delete(DECISIONS))
    person(database, "new")
    live.look()
    assert (action(live, "old"), action(live, "new")) == ("none", "block")


def test_a_log_that_was_changed_is_not_enforced_and_what_was_known_stays(opening: Opening) -> None:
    database = opening()
    live = LiveDecisions(opening(), nothing)
    person(database)
    live.look()
    person(database, "b")
    with database.write() as connection:
        connection.execute(update(DECISIONS).where(DECISIONS.c.seq == 2).values(account_id="innocent"))
    live.look()
    assert live.problems["decisions"].startswith("the decision log was changed: entry 2")
    assert (action(live), action(live, "innocent")) == ("block", "none")
    other = LiveDecisions(opening(), nothing)
    other.look()
    assert other.revision == "", "a server that starts with such a log answers no gateway"


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
