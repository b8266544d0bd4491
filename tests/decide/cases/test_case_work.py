"""What analysts do to a case, and that nobody overwrites what another one did."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from decide.cases.case_scenes import DISMISSAL, FACTS, change, prepared
from decide.scenes import NOW
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.decide.case_work import CaseWork, read_all_work, read_work
from stillhunt_server.casework.changes import (
    DISMISSAL_REASONS,
    AddComment,
    AddLabel,
    AssignCase,
    Change,
    DismissCampaign,
    OpenCase,
    RemoveLabel,
    ReopenCase,
    WatchCampaign,
    WriteNarrative,
)
from stillhunt_server.casework.changing import change_work, undo_change
from stillhunt_server.casework.history import WorkConflict, work_events
from watch.databases import Opening


def test_a_campaign_that_nobody_worked_on_is_new(opening: Opening) -> None:
    database = prepared(opening)
    assert read_work(database, "c-1") == CaseWork("c-1")
    assert (read_all_work(database), work_events(database, "c-1")) == ({}, [])
    assert read_work(database, "\0\ud800").version == 0


def test_each_change_is_kept_with_what_was_before(opening: Opening) -> None:
    database = prepared(opening)
    change(database, AssignCase("Bo"))
    change(database, AddLabel(" urgent "), now=NOW + 1)
    change(database, AddLabel("b"), "Bo", NOW + 2)
    change(database, RemoveLabel("urgent"), now=NOW + 3)
    change(database, AssignCase(""), now=NOW + 4)
    change(database, WatchCampaign("see", FACTS), now=NOW + 5)
    change(database, DISMISSAL, now=NOW + 6)
    last = change(database, WriteNarrative("What\r\nhappened\t<b>"), "Bo", NOW + 7)
    assert last == CaseWork("c-1", 8, "dismissed", "", ("b",), "What\nhappened\t<b>", "reseller", NOW, NOW + 7, "Bo")
    assert read_all_work(database) == {"c-1": last}
    events = work_events(database, "c-1")
    kinds = ["assign", "label", "label", "unlabel", "assign", "watch", "dismiss", "narrative"]
    assert [(one.version, one.at, one.kind) for one in events] == [
        (place + 1, NOW + place, kind) for place, kind in enumerate(kinds)
    ]
    assert events[0].before == {"status": "new", "assignee": ""}
    assert events[0].after == {"status": "open", "assignee": "Bo"}
    assert (events[3].before, events[3].after) == ({"labels": ["urgent", "b"]}, {"labels": ["b"]})
    assert (events[6].note, events[6].before) == ("sells on", {"status": "watched", "reason": ""})
    facts = {"accounts": 3, "verdict": "act", "score": 0.995}
    assert events[6].after == {"status": "dismissed", "reason": "reseller", "facts": facts}
    assert change(database, ReopenCase("new facts")).reason == ""


def test_what_changes_nothing_is_no_change(opening: Opening) -> None:
    database = prepared(opening)
    first = change(database, AddLabel("a"))
    for what in (OpenCase(), AddLabel("a"), RemoveLabel("b"), AssignCase(""), WriteNarrative("")):
        assert change(database, what, "Bo") == first
    assert change(database, AddComment("once more"), "Bo").version == 2


def test_of_two_at_once_exactly_one_wins(opening: Opening) -> None:
    databases = {"Ada": prepared(opening), "Bo": opening()}
    for version in range(6):
        barrier = Barrier(2)

        def attempt(name: str, version: int = version, barrier: Barrier = barrier) -> CaseWork | WorkConflict:
            barrier.wait(30)
            try:
                return change_work(
                    databases[name], "c-1", version, WriteNarrative(f"{name} {version}"), name, NOW + version
                )
            except WorkConflict as conflict:
                return conflict

        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(attempt, databases))
        won = [one for one in results if isinstance(one, CaseWork)]
        lost = [one for one in results if isinstance(one, WorkConflict)]
        assert (len(won), len(lost)) == (1, 1)
        assert lost[0].current == won[0]
        assert lost[0].what.startswith(f"{won[0].changed_by} changed this case on 2026-09-21 ")
    events = work_events(databases["Ada"], "c-1")
    assert [one.version for one in events] == list(range(1, 7))
    assert all(one.after["narrative"].startswith(one.by) for one in events)


def test_comments_never_stand_in_the_way_of_a_change(opening: Opening) -> None:
    database = prepared(opening)
    first = change(database, AddLabel("a"))
    for place in range(3):
        change(database, AddComment(f"remark {place}"), "Bo")
    done = change_work(database, "c-1", first.version, WriteNarrative("text"), "Ada", NOW)
    assert (done.version, done.narrative) == (5, "text")
    with pytest.raises(WorkConflict):
        change_work(database, "c-1", 4, AddComment("late"), "Bo", NOW)


def test_a_conflict_writes_nothing(opening: Opening) -> None:
    database = prepared(opening)
    change(database, AddLabel("a"))
    for seen in (0, 2, -1):
        with pytest.raises(WorkConflict) as refused:
            change_work(database, "c-1", seen, WriteNarrative("mine"), "Bo", NOW + 1)
        assert (refused.value.current.changed_by, refused.value.seen_version) == ("Ada", seen)
        with pytest.raises(WorkConflict):
            undo_change(database, "c-1", seen, "Bo", NOW + 1)
    with pytest.raises(WorkConflict, match="nobody has worked on this campaign"):
        change_work(database, "c-2", 3, OpenCase(), "Bo", NOW)
    assert len(work_events(database, "c-1")) == 1


@pytest.mark.parametrize("name", ["c-404", "", "x" * 100, "\0", "\ud800", "c-1\0"])
def test_no_row_is_made_for_a_campaign_that_does_not_exist(opening: Opening, name: str) -> None:
    database = prepared(opening)
    with pytest.raises(CaseError, match="no campaign has the id"):
        change_work(database, name, 0, AddComment("x"), "Ada", NOW)
    assert read_all_work(database) == {}


def test_controls_are_made_visible_and_the_rest_stays(opening: Opening) -> None:
    database = prepared(opening)
    hostile = "<script>&\u202eevil\x1b[2J\0\ud800 \\x1b"
    shown = "<script>&\\u202eevil\\x1b[2J\\x00\\ud800 \\x1b"
    assert change(database, WriteNarrative(f"a\n\t{hostile}\rb")).narrative == f"a\n\t{shown}\\x0db"
    change(database, AddComment(hostile))
    assert work_events(database, "c-1")[-1].note == shown
    assert change(database, AddLabel("a\nb\u200b")).labels == ("a\\x0ab\\u200b",)
    assert change(database, AssignCase("Bo\u202e")).assignee == "Bo\\u202e"


@pytest.mark.parametrize(
    ("longest", "too_long"),
    [
        (WriteNarrative("x" * 20_000), WriteNarrative("x" * 20_001)),
        (WriteNarrative("\0" * 5_000), WriteNarrative("\0" * 5_001)),
        (WriteNarrative("\r\n" * 20_000), WriteNarrative("\n" * 20_001)),
        (AddComment("x" * 4_000), AddComment("x" * 4_001)),
        (DismissCampaign("other", "x" * 4_000, FACTS), DismissCampaign("other", "x" * 4_001, FACTS)),
        (AddLabel("x" * 40), AddLabel("x" * 41)),
        (AssignCase("x" * 128), AssignCase("x" * 129)),
    ],
)
def test_texts_are_bounded(opening: Opening, longest: Change, too_long: Change) -> None:
    database = prepared(opening)
    with pytest.raises(ConfigError):
        change(database, too_long)
    assert change(database, longest).version == 1


def test_a_case_has_twelve_labels_at_most(opening: Opening) -> None:
    database = prepared(opening)
    for number in range(12):
        change(database, AddLabel(str(number)))
    with pytest.raises(ConfigError, match="at most 12 labels"):
        change(database, AddLabel("more"))
    assert change(database, AddLabel("3")).version == 12


@pytest.mark.parametrize(
    "wrong",
    [
        AddComment(" \n"),
        AddLabel("  "),
        AssignCase("rule:x"),
        DismissCampaign("other", " ", FACTS),
        DismissCampaign("boredom", "because", FACTS),  # type: ignore[arg-type] # a form may send it
    ],
)
def test_what_lacks_something_is_refused(opening: Opening, wrong: Change) -> None:
    database = prepared(opening)
    with pytest.raises(ConfigError):
        change(database, wrong)
    with pytest.raises(ConfigError, match="name of a user"):
        change(database, OpenCase(), " ")
    assert read_all_work(database) == {}


def test_only_what_is_decided_is_reopened(opening: Opening) -> None:
    database = prepared(opening)
    with pytest.raises(CaseError, match="only a decided case"):
        change(database, ReopenCase())
    change(database, OpenCase())
    with pytest.raises(CaseError, match="only a decided case"):
        change(database, ReopenCase())


def test_undo_passes_comments_by_and_is_undone_itself(opening: Opening) -> None:
    database = prepared(opening)
    with pytest.raises(CaseError, match="nothing to undo"):
        undo_change(database, "c-1", 0, "Bo", NOW)
    change(database, AddComment("first"))
    with pytest.raises(CaseError, match="nothing to undo"):
        undo_change(database, "c-1", 1, "Bo", NOW)
    change(database, AddLabel("a"))
    labelled = change(database, AddLabel("b"))
    change(database, AddComment("stays"))
    undone = undo_change(database, "c-1", 4, "Bo", NOW + 1)
    assert (undone.labels, undone.version, undone.changed_by) == (("a",), 5, "Bo")
    assert undo_change(database, "c-1", 5, "Bo", NOW + 2).labels == labelled.labels
    assert [one.note for one in work_events(database, "c-1")] == ["first", "", "", "stays", "", ""]
    assert [one.after.get("undoes") for one in work_events(database, "c-1")][-2:] == [3, 5]


def test_every_reason_has_one_sentence() -> None:
    assert all(text.endswith(".") and text.count(".") == 1 for text in DISMISSAL_REASONS.values())
