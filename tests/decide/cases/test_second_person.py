"""Decisions that wait for a second person: about one account, and about a campaign."""

from __future__ import annotations

import pytest

from decide.cases.case_scenes import DISMISSAL, FACTS, acting, change, prepared
from decide.scenes import NOW
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.base.units import DAY
from stillhunt.decide.appeals import AppealError, decide_appeal, file_appeal
from stillhunt.decide.case_work import read_work
from stillhunt.decide.entries import LogEntry, in_force
from stillhunt.decide.log import read_log
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person
from stillhunt.decide.persons import undo as end_decision
from stillhunt.decide.policy import AppealTerms, parse_policy
from stillhunt.decide.second_person import approve_decision
from stillhunt.watch.database.store import WatchDatabase
from stillhunt_server.casework.changes import AddComment, ApproveAction, DeclineAction
from stillhunt_server.casework.changing import undo_change
from stillhunt_server.casework.history import work_events
from watch.databases import Opening

BLOCKS = ("block", "limit")
APPROVAL = ApproveAction("seen it", FACTS)


def actions(database: WatchDatabase, at: int = NOW) -> dict[str, tuple[str, str]]:
    return {name: (entry.action, entry.author) for name, entry in in_force(read_log(database), at).items()}


def decided(database: WatchDatabase, account: str = "a", by: str = "Ada") -> LogEntry:
    about = DecisionAuthor(by, "resells"), DecisionSpan(NOW, 3.0)
    return decide_as_person(database, account, "block", *about, second_person=BLOCKS)


def undone(database: WatchDatabase, by: str, now: int) -> None:
    undo_change(database, "c-1", read_work(database, "c-1").version, by, now)


def test_a_decision_about_an_account_is_in_force_once_somebody_else_approves_it(opening: Opening) -> None:
    database = opening()
    waiting = decided(database)
    assert actions(database) == {}
    for author in ("Ada", " ADA", "ada"):
        with pytest.raises(ConfigError, match="you decided this yourself"):
            approve_decision(database, waiting.seq, author, "", NOW + 1)
    made = approve_decision(database, waiting.seq, "Bo", "seen it", NOW + DAY)
    assert (made.undoes, made.starts_at, made.expires_at) == (waiting.seq, NOW + DAY, NOW + 4 * DAY)
    assert made.note == "seen it; decided by Ada; resells"
    assert actions(database, NOW + DAY) == {"a": ("block", "Bo")}
    with pytest.raises(CaseError, match="no such decision waits"):
        approve_decision(database, waiting.seq, "Cy", "", NOW + DAY)
    end_decision(database, made.seq, "Cy", "", NOW + DAY + 1)
    assert actions(database, NOW + DAY + 1) == {}


def test_only_the_actions_that_the_policy_names_wait(opening: Opening) -> None:
    assert parse_policy(b"").second_person == ()
    assert parse_policy(b'second_person = ["block"]').second_person == ("block",)
    with pytest.raises(ConfigError, match="second_person"):
        parse_policy(b'second_person = ["shoot"]')
    database = opening()
    about = DecisionAuthor("Ada", ""), DecisionSpan(NOW, 3.0)
    assert not decide_as_person(database, "a", "throttle", *about, second_person=BLOCKS).dry_run
    assert decide_as_person(database, "a", "limit", *about, "override", second_person=BLOCKS).dry_run
    assert actions(database) == {"a": ("throttle", "Ada")}


def test_what_was_withdrawn_or_has_expired_cannot_be_approved(opening: Opening) -> None:
    database = opening()
    withdrawn, expired = decided(database), decided(database, "b")
    end_decision(database, withdrawn.seq, "Ada", "", NOW + 1)
    for seq, now in ((withdrawn.seq, NOW + 2), (expired.seq, NOW + 3 * DAY), (99, NOW + 2)):
        with pytest.raises(CaseError, match="no such decision waits"):
            approve_decision(database, seq, "Bo", "", now)


def test_a_campaign_stays_open_until_its_decision_is_approved(opening: Opening) -> None:
    database = prepared(opening)
    change(database, acting("a", action="tag"))
    work = change(database, acting("a", "b", action="block", second_person=BLOCKS), now=NOW + 1)
    assert (work.status, actions(database, NOW + 1)) == ("acted", {"a": ("tag", "Ada")})
    waiting = read_log(database)[-1]
    with pytest.raises(CaseError, match="part of a decision about a campaign"):
        approve_decision(database, waiting.seq, "Bo", "", NOW + 2)
    with pytest.raises(ConfigError, match="you decided this yourself"):
        change(database, APPROVAL, "Ada", NOW + 2)
    work = change(database, APPROVAL, "Bo", NOW + 2)
    assert work.status == "acted"
    assert actions(database, NOW + 2) == {"a": ("block", "Bo"), "b": ("block", "Bo")}
    event = work_events(database, "c-1")[-1]
    assert (event.kind, event.after["act"]["decided_by"], event.after["act"]["accounts"]) == ("act", "Ada", 2)
    with pytest.raises(CaseError, match="no such decision waits"):
        change(database, APPROVAL, "Cy", NOW + 3)
    undone(database, "Cy", NOW + 4)
    assert actions(database, NOW + 4) == {"a": ("tag", "Cy")}


def test_an_account_that_was_declared_meanwhile_is_left_out(opening: Opening) -> None:
    database = prepared(opening)
    change(database, acting("a", "b", action="block", second_person=BLOCKS))
    change(database, ApproveAction("", FACTS, frozenset({"a"})), "Bo", NOW + 1)
    assert actions(database, NOW + 1) == {"b": ("block", "Bo")}
    with pytest.raises(CaseError, match="no such decision waits"):
        change(database, APPROVAL, "Cy", NOW + 2)


def test_a_new_campaign_is_open_while_its_decision_waits(opening: Opening) -> None:
    database = prepared(opening)
    assert change(database, acting("a", action="block", second_person=BLOCKS)).status == "open"
    assert change(database, AddComment("who looks?"), "Bo").status == "open"
    assert change(database, APPROVAL, "Bo", NOW + 1).status == "acted"


@pytest.mark.parametrize("ending", ["decline", "dismiss", "undo", "anew"])
def test_what_waits_for_a_campaign_ends_with_it(opening: Opening, ending: str) -> None:
    database = prepared(opening)
    change(database, acting("a", "b", action="block", second_person=BLOCKS))
    if ending == "undo":
        undone(database, "Bo", NOW + 1)
    elif ending == "anew":
        change(database, acting("b", action="block", second_person=BLOCKS), "Cy", NOW + 1)
        change(database, APPROVAL, "Ada", NOW + 2)
        assert actions(database, NOW + 2) == {"b": ("block", "Ada")}
        return
    else:
        change(database, DeclineAction("not sure") if ending == "decline" else DISMISSAL, "Bo", NOW + 1)
    with pytest.raises(CaseError, match="no such decision waits"):
        change(database, APPROVAL, "Cy", NOW + 2)
    with pytest.raises(CaseError, match="nothing waits"):
        change(database, DeclineAction(""), "Cy", NOW + 2)
    assert actions(database, NOW + 2) == {}


def test_what_comes_back_still_waits_for_somebody_else_than_who_decided_it(opening: Opening) -> None:
    database = prepared(opening)
    change(database, acting("a", action="block", second_person=BLOCKS))
    undone(database, "Bo", NOW + 1)
    undone(database, "Bo", NOW + 2)
    with pytest.raises(ConfigError, match="you decided this yourself"):
        change(database, APPROVAL, "Ada", NOW + 3)
    assert actions(database, NOW + 3) == {}


def test_an_appeal_is_decided_by_neither_of_the_two(opening: Opening) -> None:
    database = opening()
    made = approve_decision(database, decided(database).seq, "Bo", "", NOW)
    filed = file_appeal(database, made.seq, "a", "I am a customer", "gateway", AppealTerms(), NOW)
    for by in ("Ada", "Bo"):
        with pytest.raises(AppealError):
            decide_appeal(database, filed.appeal_id, overturn=True, by=by, note="", terms=AppealTerms(), now=NOW)
    decide_appeal(database, filed.appeal_id, overturn=True, by="Cy", note="", terms=AppealTerms(), now=NOW)
    assert actions(database)["a"][0] == "observe"
