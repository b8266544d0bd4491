"""Decision logs of earlier versions are migrated, verify, and go on; and how rules see a part of a log as all of it."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import delete

from decide.scenes import DAY, NOW, findings, member, policy
from stillhunt.base.errors import OutputError
from stillhunt.decide.entries import in_force
from stillhunt.decide.log import log_locked, read_log, read_newest, read_state, still_standing, verified_log
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person, undo
from stillhunt.decide.rules import decide, remembered_span
from stillhunt.decide.running import apply_rules
from stillhunt.decide.verified import VERIFIED_FILE
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import DECISIONS
from stillhunt_server.enforcing.live import LiveDecisions

DATA = Path(__file__).parents[1] / "data" / "ledgers"


@pytest.fixture
def old(tmp_path: Path) -> WatchDatabase:
    with sqlite3.connect(tmp_path / "stillhunt.db") as connection:
        connection.executescript((DATA / "database_5.sql").read_text(encoding="utf-8"))
    shutil.copy(DATA / VERIFIED_FILE, tmp_path)
    return WatchDatabase("", tmp_path / "stillhunt.db")


def test_a_log_of_an_earlier_version_verifies_and_goes_on(old: WatchDatabase, tmp_path: Path) -> None:
    end, broken = verified_log(old)
    assert (end.seq, broken) == (5, None)
    assert [entry.kind for entry in read_log(old)] == ["rule", "rule", "rule", "override", "undo"]
    live = LiveDecisions(old, lambda: None, kept=tmp_path / VERIFIED_FILE)
    live.look()
    assert live.problems == {}
    assert live.revision == f"5-{end.digest[:16]}"
    assert decide_as_person(old, "a", "block", DecisionAuthor("Ada", ""), DecisionSpan(NOW, 3.0)).before == end.digest
    with old.write() as connection:
        connection.execute(delete(DECISIONS).where(DECISIONS.c.seq > 4))
    with pytest.raises(OutputError, match="it had 5 entries and has 4"):
        decide_as_person(old, "a", "block", DecisionAuthor("Ada", ""), DecisionSpan(NOW, 3.0))


def test_a_part_of_the_log_says_what_all_of_it_says(tmp_path: Path) -> None:
    database = WatchDatabase("", tmp_path / "stillhunt.db")
    said = policy(delay_minutes=[0, 0])
    for day in range(0, 60, 3):
        now = NOW + day * DAY
        rows = [member(f"acct-{number}") for number in range(day % 7, day % 7 + 4)]
        with log_locked(database) as log:
            whole = read_log(database)
            expected = decide(said, findings(rows), whole, now, log.secret)
            assert decide(said, findings(rows), log.lately(now, remembered_span(said)), now, log.secret) == expected
            apply_rules(log, said, findings(rows), now)
        made = read_newest(database, 1)[0]
        if day % 2 and made.kind != "undo":
            undo(database, made.seq, "Ada", "", now + 1)
        whole = read_log(database)
        assert in_force(read_state(database, now), now) == in_force([one for one in whole if one.made_at <= now], now)
        standing = {entry.seq for entry in in_force(whole, now + 1).values()}
        assert standing <= still_standing(database, whole, now + 1)
