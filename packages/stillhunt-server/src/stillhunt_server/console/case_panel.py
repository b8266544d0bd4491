"""The work on a campaign, beside its evidence: what became of it, and the forms that change it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from stillhunt.base.errors import CaseError
from stillhunt.decide.actions import WITHOUT_FLAG, Action
from stillhunt.decide.case_work import read_work
from stillhunt.triage.kinds import role_label
from stillhunt.triage.score_breakdown import lacking
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.subject.packs import packs_of
from stillhunt_server.case_views.acting_now import acting_now, recommend_step
from stillhunt_server.case_views.harm import expected_harm
from stillhunt_server.casework.changes import DISMISSAL_REASONS
from stillhunt_server.casework.changing import describe_left_out, plan_action
from stillhunt_server.casework.event_words import describe_work_event
from stillhunt_server.casework.history import (
    CampaignFacts,
    WorkEvent,
    facts_when_decided,
    returned_for_another_look,
    work_events,
)
from stillhunt_server.casework.in_force import standing_parts
from stillhunt_server.casework.second_looks import SECOND_ANSWERS
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.decision_table import WAITS
from stillhunt_server.console.messages import read_done
from stillhunt_server.console.navigation import plugin_pages
from stillhunt_server.console.rendering import account_url, campaign_url, moment
from stillhunt_server.console.snapshot import ShownCase
from stillhunt_server.people.users import all_users

SECOND_LOOK = "/second-look"
"""End of the address of a campaign's page for a second look."""
FIRST_ACTION: Action = "step_up"
FIRST_DAYS = 30
SINGLE_SHOWN = 30
"""Accounts that can be left out one by one beside the claim. Judgement: a list that can be read."""
"""What the form of a decision offers first. Judgement: the strongest that still lets an honest customer go on."""


class PlanChanged(CaseError):  # noqa: N818 - it is no fault: the reader sees what there is now, and goes on
    """An action would act on other accounts than its form said, since another hunt or a setting came meanwhile."""

    def __init__(self) -> None:
        super().__init__(
            "the members of this campaign have changed since you read it",
            where="this form",
            next_step="look at which accounts it acts on now, and decide again; nothing was written",
        )


def case_panel(request: PageRequest, campaign: str) -> dict[str, Any]:
    """What the page of a campaign shows of the work on it; nothing for a case folder, nor for a group left alone.

    Nothing of it is shown to who takes a second look, either.
    """
    shown, database = request.case, request.console.database
    if is_second_look(request):
        return {"work": None, "done": "", "second_answers": SECOND_ANSWERS}
    if database is None or shown.campaign(campaign).verdict == "none":
        return {"work": None, "done": ""}
    members, plan = request.derived.plan_of(campaign)
    strong, weak = plan_action(members, FIRST_ACTION), plan_action(members, WITHOUT_FLAG)
    facts, panel = facts_of(shown, campaign), work_panel(request, campaign)
    then = facts_when_decided(database, {campaign: panel["work"]}).get(campaign)
    another_look = returned_for_another_look(panel["work"], then, facts, request.now) if then is not None else ""
    model = shown.campaign(campaign)
    hit = frozenset(strong.accounts)
    return {
        **panel,
        "people": workers(database),
        "first_action": FIRST_ACTION,
        "first_days": FIRST_DAYS,
        "dismissals": DISMISSAL_REASONS,
        "plan": plan,
        "now": acting_now(
            shown.members_of(campaign),
            hit,
            expected_harm(model, shown.case.timeline),
            request.derived.revenue(),
        ),
        "would_tag": len(weak.accounts),
        "left_out": describe_left_out(strong),
        "not_flagged": sum(not one.flagged and not one.sanctioned for one in members),
        "strongest": [(one.account_id, role_label(one.role)) for one in members if one.account_id in hit][
            :SINGLE_SHOWN
        ],
        "recommended": recommend_step(model, len(hit), panel["work"].status, another_look),
        "other": "; ".join(one.words for one in model.total.explanations[:1]),
        "unknown": lacking(model.total) or "nothing: every test had enough data",
        "another_look": another_look,
    }


def is_second_look(request: PageRequest) -> bool:
    """Whether a page is that of a second look, which does not show what was decided."""
    return request.path.endswith(SECOND_LOOK)


def choosing_values(request: PageRequest, campaign: str) -> dict[str, Any]:
    """What the list of members needs so that somebody can decide about some of them; nothing where nobody may."""
    database, shown = request.console.database, request.case
    may = request.viewer is not None and request.viewer.may("analyst")
    if database is None or not may or shown.campaign(campaign).verdict == "none":
        return {"may_act": False}
    return {"may_act": True, "plan": request.derived.plan_of(campaign)[1], "work": read_work(database, campaign)}


def work_panel(request: PageRequest, campaign: str) -> dict[str, Any]:
    """The work on a campaign, which may have left the snapshot."""
    database, folder, shown = request.database, request.console.folder, request.latest
    events = work_events(database, campaign)
    done = next((one.after["done"] for one in reversed(events) if one.kind == "checklist"), ())
    return {
        "work": read_work(database, campaign),
        "packs": packs_about(folder.path, campaign) if folder is not None else [],
        "makes_packs": makes_packs(),
        "in_snapshot": shown is not None and campaign in shown.by_id,
        **_describe_standing_decisions(request, campaign),
        "checklist": [(one, one in done) for one in request.console.config.console.checklist],
        "events": [
            {"at": moment(one.at), "by": one.by, "words": describe_work_event(one), "note": one.note, **_kept_of(one)}
            for one in reversed(events)
        ],
        "may_work": request.viewer is not None and request.viewer.may("analyst"),
        "done": read_done(request, campaign),
    }


def makes_packs() -> bool:
    """Whether what makes evidence packs is installed."""
    return any(page.name == "packs" for page in plugin_pages())


def packs_about(data: Path, campaign_id: str) -> list[str]:
    """Names of the evidence packs of a campaign, the newest first."""
    made = [path.name for path, _ in packs_of(data)]
    return sorted((one for one in made if one.rpartition("-")[0] == campaign_id), reverse=True)


def list_people(database: WatchDatabase) -> list[str]:
    """Names of those who may come in."""
    return [one.name for one in all_users(database) if one.disabled_at is None]


def workers(database: WatchDatabase) -> list[str]:
    """Names of those who may work on cases."""
    return [one.name for one in all_users(database) if one.disabled_at is None and one.role != "viewer"]


def _describe_standing_decisions(request: PageRequest, campaign: str) -> dict[str, Any]:
    """What stands about accounts for this campaign: in words, where the rows are, and since and until when.

    Returns:
        Under `decided` all of it, and under `waiting` what waits for a second person; None where nothing does.
    """
    shown, found = request.latest, []
    members = shown.by_id[campaign].row["accounts"] if shown is not None and campaign in shown.by_id else 0
    parts = standing_parts(request.database, request.now, campaign).get(campaign, [])
    for one in parts:
        state = (WAITS if one.waits else "dry run") if one.dry_run else "stands"
        asked_for = urlencode({"campaign_id": campaign, "action": one.action, "author": one.author, "state": state})
        found.append((one.words(members), f"/decisions?{asked_for}", moment(one.since), moment(one.until)))
    return {"decided": found, "waiting": next((one for one in parts if one.waits), None)}


def facts_of(shown: ShownCase, campaign: str) -> CampaignFacts:
    """What the snapshot says of a campaign, as it is kept with a decision."""
    row = shown.campaign(campaign).row
    return CampaignFacts(row["accounts"], row["verdict"], row["score"])


def _kept_of(event: WorkEvent) -> dict[str, Any]:
    """The investigation that an event keeps: where its members are seen again, and the rows that it cites."""
    kept = event.after.get("investigation", {})
    part = campaign_url(event.campaign_id, "ties") + kept["address"] if kept else ""
    cited_of = campaign_url(event.campaign_id, "requests")
    links = [
        (one, account_url(one) if kind == "account" else f"{cited_of}?{urlencode({'rows': 'cited', 'find': one})}")
        for kind, one in kept.get("cited", ())
    ]
    return {"href": part, "selected": kept.get("selected", ""), "cited": links}
