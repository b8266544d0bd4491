"""Random sequences of changes by several people: versions, replay and undo."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decide.cases.case_scenes import DISMISSAL, FACTS, acting, prepared
from decide.scenes import NOW
from stillhunt.base.errors import CaseError
from stillhunt.decide.case_work import CaseWork, read_work
from stillhunt.decide.entries import first_broken, in_force, standing
from stillhunt.decide.log import read_log
from stillhunt.watch.database.store import WatchDatabase
from stillhunt_server.casework.changes import (
    AddComment,
    AddLabel,
    AssignCase,
    Change,
    OpenCase,
    RemoveLabel,
    ReopenCase,
    WatchCampaign,
    WriteNarrative,
)
from stillhunt_server.casework.changing import change_work, undo_change
from stillhunt_server.casework.history import STATE_FIELDS, WorkConflict, WorkEvent, work_events
from thoroughness import examples

CHANGES: list[Change | None] = [
    None, OpenCase(), AssignCase("Bo"), AssignCase(""), AddComment("hm"), AddLabel("a"), AddLabel("b"),
    RemoveLabel("a"), WriteNarrative("text"), WriteNarrative(""), acting("x", "y"), acting("y", action="block"),
    WatchCampaign("", FACTS), DISMISSAL, ReopenCase(),
]  # fmt: skip
"""What somebody may do; None is to undo."""
STEPS = st.lists(
    st.tuples(st.sampled_from(CHANGES), st.sampled_from(["Ada", "Bo", "Cy"]), st.integers(0, 2)), max_size=14
)


def replayed(events: list[WorkEvent]) -> CaseWork:
    """The row that events tell."""
    work = CaseWork("c-1")
    for event in events:
        values = {name: value for name, value in event.after.items() if name in STATE_FIELDS}
        assert event.before == {name: as_json(getattr(work, name)) for name in values}
        if "labels" in values:
            values["labels"] = tuple(values["labels"])
        opened = work.opened_at or event.at
        work = replace(
            work, **values, version=event.version, opened_at=opened, changed_at=event.at, changed_by=event.by
        )
    return work


def as_json(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def acted(database: WatchDatabase, now: int) -> dict[str, str]:
    return {account: entry.action for account, entry in in_force(read_log(database), now).items()}


def tried(database: WatchDatabase, known: CaseWork, what: Change | None, by: str, now: int) -> CaseWork | None:
    """The work after a change, or after an undo where it is None; None where it is refused."""
    try:
        if what is None:
            return undo_change(database, "c-1", known.version, by, now)
        return change_work(database, "c-1", known.version, what, by, now)
    except CaseError:
        return None


@settings(max_examples=examples(15, 40), derandomize=True, deadline=None)
@given(STEPS)
def test_versions_rise_events_replay_and_undo_restores(steps: list[tuple[Change | None, str, int]]) -> None:
    with TemporaryDirectory() as folder:
        database = prepared(lambda: WatchDatabase("", Path(folder) / "stillhunt.db"))
        with closing(database.engine.raw_connection()) as connection:  # the pool's only one; no disk is waited for
            connection.cursor().execute("PRAGMA synchronous=OFF")
        try:
            follow(database, steps)
        finally:
            database.close()


def follow(database: WatchDatabase, steps: list[tuple[Change | None, str, int]]) -> None:
    known = CaseWork("c-1")
    for place, (what, by, stale) in enumerate(steps):
        now = NOW + 10 * place
        later = [one for one in work_events(database, "c-1") if one.version > known.version - stale]
        if stale and stale <= known.version and any(one.kind != "comment" for one in later):
            with pytest.raises(WorkConflict):
                change_work(database, "c-1", known.version - stale, AddComment("late"), by, now)
        before = acted(database, now)
        done = tried(database, known, what, by, now)
        if done is None or done == known:
            assert read_work(database, "c-1") == known
            continue
        assert (done.version, done.changed_by, done.changed_at) == (known.version + 1, by, now)
        assert read_work(database, "c-1") == done == replayed(work_events(database, "c-1"))
        stands = standing(read_log(database), now)
        assert done.status != "dismissed" or not stands
        assert len({entry.account_id for entry in stands}) == len(stands)
        if not isinstance(what, AddComment):
            done = undone_and_done_again(database, known, done, (before, now))
        known = done
    assert first_broken(read_log(database)) is None


def undone_and_done_again(
    database: WatchDatabase, known: CaseWork, done: CaseWork, then: tuple[dict[str, str], int]
) -> CaseWork:
    """The case after an undo, which restores what was before, and after the undo of that."""
    before, now = then
    after = acted(database, now)
    undone = tried(database, done, None, "Dee", now + 1)
    if undone is None:  # a decision that was there already, and did nothing
        return done
    assert state(undone) == state(known)
    assert acted(database, now + 1) == before
    again = undo_change(database, "c-1", undone.version, "Dee", now + 2)
    assert state(again) == state(done)
    assert acted(database, now + 2) == after
    return again


def state(work: CaseWork) -> list[object]:
    return [getattr(work, name) for name in STATE_FIELDS]
