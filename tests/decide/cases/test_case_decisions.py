"""What decisions on campaigns do in the decision log, and that rules keep away from dismissed ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decide.cases.case_scenes import DISMISSAL, FACTS, acting, change, prepared
from decide.scenes import DAY, NOW, after, findings, member, policy
from stillhunt.base.config import Config, SanctionedSettings
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.decide import between_hunts, running
from stillhunt.decide.actions import ACTIONS, Action, rank
from stillhunt.decide.between_hunts import BetweenHunts
from stillhunt.decide.case_work import CaseWork, dismissed_campaigns, read_all_work, read_work
from stillhunt.decide.entries import LogEntry, chained, first_broken, in_force, standing
from stillhunt.decide.links import Link, decide_links
from stillhunt.decide.log import read_log
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person
from stillhunt.decide.rules import Findings
from stillhunt.ledger.chain import LEDGER_START
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt_server.casework.changes import AddLabel, CampaignMember, DismissCampaign, ReopenCase, WatchCampaign
from stillhunt_server.casework.changing import LEFT_OUT_MEANINGS, campaign_members, plan_action, undo_change
from stillhunt_server.casework.history import CampaignFacts, facts_when_decided, returned_for_another_look, work_events
from thoroughness import examples
from watch.databases import Opening

HARSH = policy(ceiling="limit", rule=[{"name": "harvesters", "action": "limit"}])


def undo(database: WatchDatabase, now: int, by: str = "Bo") -> CaseWork:
    return undo_change(database, "c-1", read_work(database, "c-1").version, by, now)


def actions(database: WatchDatabase, now: int = NOW) -> dict[str, str]:
    log = read_log(database)
    assert first_broken(log) is None
    assert all(entry.kind == "undo" or entry.starts_at < entry.expires_at for entry in log)
    return {account: entry.action for account, entry in in_force(log, now).items()}


def hunted(monkeypatch: pytest.MonkeyPatch, database: WatchDatabase, found: Findings, now: int) -> list[LogEntry]:
    """What the rules append after a hunt, as a server does it."""
    monkeypatch.setattr(running, "latest_snapshot", lambda _: found)
    monkeypatch.setattr(running, "findings_of", lambda snapshot: snapshot)
    monkeypatch.setattr(running, "known_by_texts", lambda *_: frozenset())
    monkeypatch.setattr(running, "open_own_rules", lambda _: None)
    return running.decide_latest(None, database, Config(), HARSH, now)  # type: ignore[arg-type] # no folder is read


def test_to_act_decides_about_the_members_in_one_step(opening: Opening) -> None:
    database = prepared(opening)
    members = (
        CampaignMember("a", True, False, "dedicated"),
        CampaignMember("b", True, False, "unknown"),
        CampaignMember("programme", True, True, "pool"),
        CampaignMember("pool", True, False, "pool"),
        CampaignMember("victim", False, False, "victim"),
        CampaignMember("unsure", False, False, "mixed"),
    )
    work = change(database, acting(members=members))
    assert (work.status, work.version) == ("acted", 1)
    assert actions(database) == {"a": "throttle", "b": "throttle"}
    entry = read_log(database)[0]
    assert (entry.kind, entry.author, entry.campaign_id, entry.snapshot) == ("case", "Ada", "c-1", 7)
    assert (entry.reason, entry.note, entry.expires_at) == ("linked_accounts", "clear", NOW + 10 * DAY)
    (event,) = work_events(database, "c-1")
    left_out = {"sanctioned": 1, "pool": 1, "victim": 1, "not_flagged": 1}
    act = {"action": "throttle", "days": 10.0, "reason": "linked_accounts", "accounts": 2, "left_out": left_out}
    assert (event.after["act"], event.after["log"]) == (act, [1, 2])
    assert {*left_out, "not_chosen"} == LEFT_OUT_MEANINGS.keys()


def test_a_person_chooses_members_whatever_their_own_verdict(opening: Opening) -> None:
    database = prepared(opening)
    members = (
        CampaignMember("a", True, False, "dedicated"),
        CampaignMember("unsure", False, False, "mixed"),
        CampaignMember("programme", True, True, "dedicated"),
        CampaignMember("pool", True, False, "pool"),
    )
    change(database, replace(acting(members=members), chosen=frozenset({"unsure", "programme", "pool", "stranger"})))
    assert actions(database) == {"unsure": "throttle"}
    (event,) = work_events(database, "c-1")
    assert event.after["act"]["left_out"] == {"not_chosen": 1, "sanctioned": 1, "pool": 1}


@settings(max_examples=examples(40, 100), derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.sampled_from(["dedicated", "mixed", "pool", "victim", "unknown"]))
    ),
    st.sampled_from(ACTIONS),
)
def test_no_plan_reaches_whom_it_may_not(rows: list[tuple[bool, bool, str]], action: Action) -> None:
    members = {f"a{place}": CampaignMember(f"a{place}", *row) for place, row in enumerate(rows)}
    plan = plan_action(members.values(), action)
    for name in plan.accounts:
        assert members[name].flagged
        assert not members[name].sanctioned
        assert rank(action) <= rank("tag") or members[name].role not in ("pool", "victim")
    assert len(plan.accounts) + sum(plan.left_out.values()) == len(members)
    if action == "tag":
        assert plan.left_out.keys() <= {"sanctioned", "not_flagged"}


def test_members_are_those_of_the_campaign_with_what_was_declared_since() -> None:
    facts = findings([member("a"), member("b", role="pool"), member("c", "c-2"), member("d", sanctioned=True)]).facts
    assert campaign_members(facts, "c-1", SanctionedSettings(accounts=("a",))) == (
        CampaignMember("a", True, True, "dedicated"),
        CampaignMember("b", True, False, "pool"),
        CampaignMember("d", True, True, "dedicated"),
    )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"days": 0.0}, ConfigError),
        ({"action": "shoot"}, ConfigError),
        ({"reason": "because"}, ConfigError),
        ({"members": (CampaignMember("a", True, True, "dedicated"),)}, CaseError),
        ({"members": ()}, CaseError),
    ],
)
def test_what_cannot_be_done_is_kept_neither_in_the_case_nor_in_the_log(
    opening: Opening, changes: dict[str, Any], error: type[Exception]
) -> None:
    database = prepared(opening)
    with pytest.raises(error):
        change(database, acting("a", **changes))
    assert (read_all_work(database), read_log(database)) == ({}, [])


def test_to_act_anew_replaces_what_the_case_decided(opening: Opening) -> None:
    database = prepared(opening)
    change(database, acting("a", "b", action="block"))
    change(database, acting("a", "c", action="tag", days=1.0), now=NOW + 1)
    assert actions(database, NOW + 1) == {"a": "tag", "b": "block", "c": "tag"}
    assert actions(database, NOW + 2 * DAY) == {"b": "block"}, "what was replaced does not come back by itself"
    undo(database, NOW + 2)
    assert actions(database, NOW + 2) == {"a": "block", "b": "block"}
    undo(database, NOW + 3)
    assert actions(database, NOW + 3) == {"a": "tag", "b": "block", "c": "tag"}


def test_a_dismissal_ends_what_rules_and_cases_decided_for_the_campaign(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = prepared(opening)
    found = findings([member("a"), member("b"), member("other", "c-2")])
    hunted(monkeypatch, database, found, NOW)
    change(database, acting("a"))
    decide_as_person(database, "b", "tag", DecisionAuthor("Ada", ""), DecisionSpan(NOW, 9.0), "override")
    change(database, DISMISSAL, "Bo", NOW + 1)
    assert actions(database, NOW + 1) == {"b": "tag", "other": "limit"}
    ends = {entry.account_id: entry for entry in read_log(database) if entry.kind == "undo" and entry.undoes > 3}
    assert (ends["a"].author, ends["a"].note) == ("Bo", "Bo: the campaign is dismissed reseller")
    for now in (NOW + 2, NOW + DAY):
        assert hunted(monkeypatch, database, found, now) == []
    change(database, ReopenCase(), now=NOW + DAY)
    assert dismissed_campaigns(database) == frozenset()
    made = hunted(monkeypatch, database, found, NOW + DAY)
    assert {entry.account_id for entry in made if entry.kind == "rule"} == {"a", "b"}, "from the next hunt on"
    undo(database, NOW + 2 * DAY)
    assert read_work(database, "c-1").status == "dismissed"
    assert actions(database, NOW + 2 * DAY) == {"b": "tag", "other": "limit"}, "also what rules did meanwhile"


def test_an_undone_decision_undoes_what_it_did(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    database = prepared(opening)
    hunted(monkeypatch, database, findings([member("a")]), NOW)
    change(database, acting("b", days=1.0))
    before = {"a": "limit", "b": "throttle"}
    change(database, DISMISSAL, now=NOW + 1)
    assert actions(database, NOW + 1) == {}
    assert undo(database, NOW + 2).status == "acted"
    assert actions(database, NOW + 2) == before
    assert actions(database, NOW + DAY) == {"a": "limit"}, "for the rest of its time"
    assert undo(database, NOW + 3).status == "dismissed"
    assert actions(database, NOW + 3) == {}
    assert undo(database, NOW + 2 * DAY).status == "acted"
    assert actions(database, NOW + 2 * DAY) == {"a": "limit"}, "what expired does not come back"
    assert hunted(monkeypatch, database, findings([member("a")]), NOW + 2 * DAY) == [], "the rule goes on with it"


def test_an_undone_action_ends(opening: Opening) -> None:
    database = prepared(opening)
    change(database, AddLabel("x"))
    change(database, acting("a", "b"))
    assert undo(database, NOW + 1).status == "open"
    assert actions(database, NOW + 1) == {}
    decide_as_person(database, "b", "tag", DecisionAuthor("Cy", ""), DecisionSpan(NOW + 2, 9.0))
    assert undo(database, NOW + 3).status == "acted"
    assert actions(database, NOW + 3) == {"a": "throttle", "b": "tag"}, "a later decision is not covered by an old one"


def test_to_watch_ends_what_the_case_decided_and_no_rule(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    database = prepared(opening)
    hunted(monkeypatch, database, findings([member("a")]), NOW)
    change(database, acting("a", "b"))
    assert change(database, WatchCampaign("", FACTS), now=NOW + 1).status == "watched"
    assert actions(database, NOW + 1) == {"a": "limit"}


DISMISSED = st.frozensets(st.sampled_from(["c-1", "c-2"]))
Row = tuple[str, str, bool]
ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["c-1", "c-2"]), st.booleans()), max_size=6)


@settings(max_examples=examples(40, 100), derandomize=True, deadline=None)
@given(st.lists(st.tuples(ROWS, DISMISSED), max_size=6))
def test_rules_never_act_on_a_dismissed_campaign(
    hunts: list[tuple[list[Row], frozenset[str]]],
) -> None:
    log: list[LogEntry] = []
    signing = policy(ceiling="limit", signature={"linked": "step_up"})
    for number, (rows, dismissed) in enumerate(hunts):
        now = NOW + number * DAY
        found = findings([member(name, campaign, flagged=flagged) for name, campaign, flagged in rows])
        before = len(log)
        log = after(log, signing, Findings(found.facts, found.kinds, 1, dismissed), now)
        links = [Link(f"new-{number}-{name}", campaign, now, 70.0) for name, campaign, _ in rows]
        made = decide_links(signing, links, (), log, now, b"", dismissed)
        begun = [entry for entry in [*log[before:], *made] if entry.kind == "rule"]
        log += chained(made, log[-1].place if log else LEDGER_START)
        assert not {entry.campaign_id for entry in begun} & dismissed
        assert not {entry.campaign_id for entry in standing(log, now)} & dismissed
        expected = {name for name, campaign, _ in rows if campaign not in dismissed}
        assert expected <= {entry.account_id for entry in standing(log, now)}, "others are acted on as ever"
        assert {entry.campaign_id for entry in made} == {campaign for _, campaign, _ in rows} - dismissed


def test_accounts_that_a_signature_links_are_left_alone_too(
    opening: Opening, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database = prepared(opening)
    signing = policy(signature={"linked": "step_up"})
    links = [Link("n", "c-1", NOW, 70.0, beyond_texts=True)]
    decided: list[LogEntry] = []
    monkeypatch.setattr(between_hunts, "policy_of", lambda *_: signing)
    monkeypatch.setattr(between_hunts, "linked_since", lambda *_: dict.fromkeys(links, 9.0))
    monkeypatch.setattr(between_hunts, "weighed_links", lambda *_: links)
    monkeypatch.setattr(between_hunts, "spared_accounts", lambda *_: set())
    monkeypatch.setattr(between_hunts, "AGAIN_SECONDS", 0.0)
    between = BetweenHunts(DataFolder(tmp_path / "data"), database, Config(), decided.extend, pytest.fail)
    now = between_hunts.time.time_ns() // 1000
    between.look()
    assert [entry.account_id for entry in decided] == ["n"]
    change(database, DISMISSAL, now=now + DAY)
    assert actions(database, now + DAY) == {}
    links.append(Link("m", "c-1", NOW, 70.0))
    between.look()
    assert len(decided) == 1
    change(database, ReopenCase(), now=now + DAY)
    between.look()
    assert [entry.account_id for entry in decided] == ["n", "m"], "each link is decided once"


def test_what_was_known_at_a_decision_is_kept(opening: Opening) -> None:
    database = prepared(opening)
    first, second = CampaignFacts(3, "review", 0.7), CampaignFacts(9, "act", 0.99)
    change(database, DismissCampaign("other", "a", first))
    change(database, acting("a", facts=second))
    change(database, AddLabel("x"), campaign="c-2")
    assert facts_when_decided(database, read_all_work(database)) == {"c-1": second}
    undo(database, NOW + 1)
    assert facts_when_decided(database, read_all_work(database)) == {"c-1": first}
    change(database, ReopenCase())
    assert facts_when_decided(database, read_all_work(database)) == {}


@pytest.mark.parametrize(
    ("status", "then", "now", "why"),
    [
        ("dismissed", (10, "review", 0.7), (19, "review", 0.9), ""),
        ("dismissed", (10, "review", 0.7), (10, "act", 0.7), "Its verdict was review"),
        ("dismissed", (10, "act", 0.7), (19, "act", 0.99), ""),
        ("dismissed", (10, "act", 0.7), (20, "act", 0.7), "It had 10 accounts when it was dismissed, and has 20"),
        ("acted", (10, "review", 0.7), (50, "act", 0.7), ""),
    ],
)
def test_what_returns_for_another_look(
    status: Any, then: tuple[int, str, float], now: tuple[int, str, float], why: str
) -> None:
    found = returned_for_another_look(CaseWork("c-1", 1, status), CampaignFacts(*then), CampaignFacts(*now))
    assert found.startswith(why)
    assert bool(found) == bool(why)


def test_an_undo_brings_nothing_back_for_a_programme_that_was_declared_since(opening: Opening) -> None:
    database = prepared(opening)
    members = (CampaignMember("a", True, False, "dedicated"), CampaignMember("b", True, False, "dedicated"))
    change(database, acting(members=members))
    change(database, DISMISSAL, now=NOW + 1)
    assert actions(database, NOW + 2) == {}
    version = read_work(database, "c-1").version
    undo_change(database, "c-1", version, "Bo", NOW + 2, frozenset({"a"}))
    assert actions(database, NOW + 3) == {"b": "throttle"}
