"""The log in a database: nothing lost and nothing doubled, whoever appends and whoever is killed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import update

from decide.scenes import DAY, NOW, findings, member, policy
from stillhunt.base.errors import CaseError, ConfigError, OutputError
from stillhunt.base.ids import visible_id
from stillhunt.decide import log as log_module
from stillhunt.decide.entries import LogEntry, first_broken, in_force
from stillhunt.decide.log import log_locked, read_log
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person, undo
from stillhunt.decide.policy import Policy
from stillhunt.decide.running import apply_rules
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import DECISIONS
from stillhunt_server.enforcing.live import LiveDecisions
from watch.databases import Opening
from watch.forked_code import Forked, forking

ROWS = [member(f"acct-{number}") for number in range(40)]
DECIDING = """
import os, signal
from pathlib import Path
from sqlalchemy import event
from decide.scenes import NOW, findings, member, policy
from stillhunt.decide.log import log_locked
from stillhunt.decide.rules import decide
from stillhunt.watch.database.store import WatchDatabase

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def made(log, secret, moment):
    rows = [member(f"acct-{number}") for number in range(40)]
    for place, entry in enumerate(decide(policy(), findings(rows), log, NOW, secret)):
        if place == 20 and moment == "while deciding":
            die()
        yield entry

def decide_and_die(file, moment):
    database = WatchDatabase("", Path(file))
    if moment == "before the commit":
        event.listen(database.engine, "commit", die)
    with log_locked(database) as opened:
        opened.append(made(opened.lately(NOW, 0), opened.secret, moment))
    if moment == "after the commit":
        die()
"""
MOMENTS = {"while deciding": 0, "before the commit": 0, "after the commit": 40, "never": 40}
"""When a process is killed, and the entries that it leaves."""


def ruled(database: WatchDatabase, now: int, by: Policy | None = None) -> list[LogEntry]:
    """What rules append."""
    with log_locked(database) as log:
        return apply_rules(log, by or policy(), findings(ROWS), now)


def test_what_is_appended_reads_back_and_follows_on(opening: Opening) -> None:
    database = opening()
    first = ruled(database, NOW)
    assert len(first) == 40
    assert ruled(database, NOW + 1) == []
    entry = decide_as_person(
        database, "acct-1", "observe", DecisionAuthor("Ada", "a customer of ours"), DecisionSpan(NOW, 3.0), "override"
    )
    log = read_log(opening())
    assert log == [*first, entry]
    assert first_broken(log) is None
    assert in_force(log, NOW)["acct-1"].author == "Ada"
    ended = undo(database, 1, "Ada", "by mistake", NOW + 5)
    assert (ended.kind, ended.undoes, ended.account_id) == ("undo", 1, first[0].account_id)
    with pytest.raises(CaseError, match="no decision 1 stands"):
        undo(database, 1, "Ada", "", NOW + 6)
    assert len(read_log(database)) == 42


@pytest.mark.parametrize("author", ["", "  ", "rule:harvesters", " RULE:x", "deadline", " Deadline\t", "x" * 129])
def test_a_person_has_a_name(opening: Opening, author: str) -> None:
    database = opening()
    with pytest.raises(ConfigError, match="name of who makes it"):
        decide_as_person(database, "a", "block", DecisionAuthor(author, ""), DecisionSpan(NOW, 3.0))
    with pytest.raises(ConfigError, match="needs an end"):
        decide_as_person(database, "a", "block", DecisionAuthor("Ada", ""), DecisionSpan(NOW, 0.0))
    assert read_log(database) == []


@pytest.mark.parametrize("account", ["", "x" * 4097, "a\ud800", "\udcff"])
def test_an_account_is_one_that_can_be_kept(opening: Opening, account: str) -> None:
    database = opening()
    with pytest.raises(ConfigError, match="no id of an account"):
        decide_as_person(database, account, "block", DecisionAuthor("Ada", ""), DecisionSpan(NOW, 3.0))
    assert read_log(database) == []


def test_a_decision_names_accounts_as_tables_do(opening: Opening) -> None:
    database = opening()
    made = decide_as_person(
        database, " a\u200bb\0", "block", DecisionAuthor(" Ada\udcff ", "not\0e\udcff"), DecisionSpan(NOW, 3.0)
    )
    assert (made.account_id, made.author, made.note) == (visible_id(" a\u200bb\0"), "Ada?", "not\ufffde?")
    assert undo(database, made.seq, " Bo ", "", NOW + 1).author == "Bo"
    assert first_broken(read_log(database)) is None


def test_nothing_follows_a_log_that_was_changed(opening: Opening) -> None:
    database = opening()
    ruled(database, NOW)
    with database.write() as connection:
        connection.execute(update(DECISIONS).where(DECISIONS.c.seq == 7).values(action="observe"))
    changed = pytest.raises(OutputError, match="entry 7: its content is not what was hashed")
    with changed:
        ruled(database, NOW + 1)
    with changed:
        undo(database, 7, "Ada", "", NOW)
    LiveDecisions(database, lambda: None).look()
    with changed:
        decide_as_person(database, "a", "block", DecisionAuthor("Ada", ""), DecisionSpan(NOW, 3.0))
    assert len(read_log(database)) == 40
    with database.write() as connection:
        connection.execute(update(DECISIONS).where(DECISIONS.c.seq == 7).values(action="step_up"))
    live = LiveDecisions(database, lambda: None)
    for _ in range(2):
        live.look()
    assert decide_as_person(database, "a", "block", DecisionAuthor("Ada", ""), DecisionSpan(NOW, 3.0)).seq == 41


def test_nothing_follows_an_end_that_was_changed(opening: Opening) -> None:
    database = opening()
    ruled(database, NOW)
    with database.write() as connection:
        connection.execute(update(DECISIONS).where(DECISIONS.c.seq == 40).values(note="x"))
    with pytest.raises(OutputError, match="entry 40: its content is not what was hashed"):
        decide_as_person(database, "a", "block", DecisionAuthor("Ada", ""), DecisionSpan(NOW, 3.0))


def test_appending_reads_one_entry(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    database, read = opening(), list[LogEntry]()
    ruled(database, NOW)
    made = log_module.entries_of
    monkeypatch.setattr(log_module, "entries_of", lambda rows: [(read.append(one), one)[1] for one in made(rows)])
    decide_as_person(database, "a", "block", DecisionAuthor("Ada", ""), DecisionSpan(NOW, 3.0))
    assert [entry.seq for entry in read] == [40]
    undo(database, 41, "Bo", "", NOW + 1)
    assert [entry.seq for entry in read[1:]] == [41, 41]


def test_many_who_append_at_once_make_one_chain(opening: Opening) -> None:
    databases = [opening() for _ in range(4)]

    def append(number: int) -> None:
        decide_as_person(
            databases[number % 4], f"a{number}", "tag", DecisionAuthor("Ada", ""), DecisionSpan(NOW + number, 3.0)
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append, range(40)))
    log = read_log(databases[0])
    assert first_broken(log) is None
    assert sorted(entry.account_id for entry in log) == sorted(f"a{number}" for number in range(40))


@pytest.fixture(scope="module")
def deciding() -> Iterator[Forked]:
    with forking(DECIDING) as run:
        yield run


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_that_is_killed_while_deciding_loses_nothing_and_doubles_nothing(
    deciding: Forked, tmp_path: Path, moment: str
) -> None:
    file = tmp_path / "stillhunt.db"
    for killed_at, left in ((moment, MOMENTS[moment]), ("never", 40)):
        ended = deciding(f"decide_and_die({str(file)!r}, {killed_at!r})")
        assert ended == (0 if killed_at == "never" else -signal.SIGKILL)
        database = WatchDatabase("", file)
        log = read_log(database)
        database.close()
        assert first_broken(log) is None
        assert len({entry.account_id for entry in log}) == len(log) == left, "all of a snapshot or nothing"


def test_the_delay_differs_from_folder_to_folder(tmp_path: Path) -> None:
    starts = []
    waiting = policy(delay_minutes=[0, 600])
    for name in ("one", "two"):
        database = WatchDatabase("", tmp_path / name)
        log = ruled(database, NOW, waiting)
        starts.append([entry.starts_at for entry in log])
        late = ruled(database, NOW + 8 * DAY, waiting)
        assert all(entry.starts_at == NOW + 8 * DAY for entry in late), "a renewal waits for nothing"
        database.close()
    assert starts[0] != starts[1]
