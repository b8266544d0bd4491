"""The work on a campaign, beside its evidence: what became of it, and the forms that change it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.decide.actions import ACTION_MEANINGS, REASON_TEXTS, WITHOUT_FLAG, Action
from stillhunt.decide.case_work import (
    CampaignFacts,
    WorkEvent,
    facts_when_decided,
    read_work,
    returned_for_another_look,
    work_events,
)
from stillhunt.decide.entries import standing
from stillhunt.decide.log import of_campaign, read_log
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.subject.packs import packs_of
from stillhunt_server.casework.changes import DISMISSAL_REASONS, CampaignMember
from stillhunt_server.casework.changing import LEFT_OUT_MEANINGS, campaign_members, plan_action
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.navigation import plugin_pages
from stillhunt_server.console.rendering import moment
from stillhunt_server.console.snapshot import ShownCase
from stillhunt_server.people.users import all_users

FIRST_ACTION: Action = "step_up"
FIRST_DAYS = 30
"""What the form of a decision offers first. Judgement: the strongest that still lets an honest customer go on."""
_AUTHOR_CHARS = 60
_DONE = {
    "open": "The case is open.",
    "assign": "The case is assigned.",
    "comment": "The comment is kept.",
    "label": "The label is on.",
    "unlabel": "The label is off.",
    "narrative": "The narrative is kept.",
    "act": "The decision is made, and in force within seconds.",
    "watch": "The campaign is watched; nothing is done.",
    "dismiss": "The campaign is dismissed: rules release its accounts.",
    "reopen": "The case is open again.",
    "undo": "The latest change is undone.",
    "pack": "The evidence pack is made.",
}


def case_panel(request: PageRequest, campaign: str) -> dict[str, Any]:
    """What the page of a campaign shows of the work on it; nothing for a case folder, nor for a group left alone."""
    shown, database = request.case, request.console.database
    if database is None or shown.campaign(campaign).verdict == "none":
        return {"work": None, "done": ""}
    members = planned_members(shown, campaign, request.console.config)
    strong, weak = plan_action(members, FIRST_ACTION), plan_action(members, WITHOUT_FLAG)
    left_out = [
        f"{formatting.plural(count, 'account')}: {LEFT_OUT_MEANINGS[why]}" for why, count in strong.left_out.items()
    ]
    facts, panel = facts_of(shown, campaign), work_panel(request, campaign)
    then = facts_when_decided(database, {campaign: panel["work"]}).get(campaign)
    return {
        **panel,
        "people": workers(database),
        "actions": ACTION_MEANINGS,
        "first_action": FIRST_ACTION,
        "first_days": FIRST_DAYS,
        "reasons": REASON_TEXTS,
        "dismissals": DISMISSAL_REASONS,
        "plan": plan_digest(members),
        "would_act_on": len(strong.accounts),
        "would_tag": len(weak.accounts),
        "left_out": left_out,
        "another_look": returned_for_another_look(panel["work"], then, facts) if then is not None else "",
    }


def work_panel(request: PageRequest, campaign: str) -> dict[str, Any]:
    """The work on a campaign, which may have left the snapshot."""
    database, folder, shown = request.database, request.console.folder, request.latest
    return {
        "work": read_work(database, campaign),
        "packs": packs_about(folder.path, campaign) if folder is not None else [],
        "makes_packs": any(page.name == "packs" for page in plugin_pages()),
        "in_snapshot": shown is not None and campaign in shown.by_id,
        "decided": _decided(database, campaign, request.now),
        "events": [
            {"at": moment(one.at), "by": one.by, "words": _words(one), "note": one.note}
            for one in reversed(work_events(database, campaign))
        ],
        "may_work": request.viewer is not None and request.viewer.may("analyst"),
        "done": _DONE.get(request.given["done"], ""),
    }


def packs_about(data: Path, campaign_id: str) -> list[str]:
    """Names of the evidence packs of a campaign, the newest first."""
    made = [path.name for path, _ in packs_of(data)]
    return sorted((one for one in made if one.rpartition("-")[0] == campaign_id), reverse=True)


def planned_members(shown: ShownCase, campaign: str, config: Config) -> tuple[CampaignMember, ...]:
    """The members of a campaign, as an action would look at them now."""
    return campaign_members(shown.members_of(campaign), campaign, config.sanctioned)


def plan_digest(members: Sequence[CampaignMember]) -> str:
    """Tells whether an action would act on the same accounts as when its form was read."""
    acted_on = sorted((one.account_id, one.flagged, one.sanctioned, one.role) for one in members)
    return hashlib.sha256(json.dumps(acted_on).encode()).hexdigest()[:32]


def workers(database: WatchDatabase) -> list[str]:
    """Names of those who may work on cases."""
    return [one.name for one in all_users(database) if one.disabled_at is None and one.role != "viewer"]


def _decided(database: WatchDatabase, campaign: str, now: int) -> list[tuple[str, str]]:
    """What stands about accounts for this campaign, counted: what in words, and where the rows are."""
    entries = read_log(database, of_campaign(campaign))
    counted = Counter((one.action, one.author, one.dry_run) for one in standing(entries, now))
    found = []
    for (action, author, dry_run), number in sorted(counted.items()):
        who = formatting.shorten(author, _AUTHOR_CHARS)
        words = f"{action} for {formatting.plural(number, 'account')}, by {who}{' (dry run)' if dry_run else ''}"
        state = "dry run" if dry_run else "stands"
        asked_for = urlencode({"campaign_id": campaign, "action": action, "author": author, "state": state})
        found.append((words, f"/decisions?{asked_for}"))
    return found


def facts_of(shown: ShownCase, campaign: str) -> CampaignFacts:
    """What the snapshot says of a campaign, as it is kept with a decision."""
    row = shown.campaign(campaign).row
    return CampaignFacts(row["accounts"], row["verdict"], row["score"])


def _words(event: WorkEvent) -> str:
    after = event.after
    match event.kind:
        case "assign":
            return f"assigned it to {after.get('assignee')}" if after.get("assignee") else "assigned it to nobody"
        case "label" | "unlabel":
            return f"set the labels {formatting.join_words(list(after.get('labels', []))) or 'to none'}"
        case "act":
            act = after.get("act", {})
            number = act.get("accounts", 0)
            number = number if isinstance(number, int) else len(number)
            return f"decided {act.get('action', '')} for {formatting.plural(number, 'account')}"
        case "dismiss":
            return f"dismissed it: {str(after.get('reason', '')).replace('_', ' ')}"
        case "undo":
            return f"undid change {after.get('undoes', '')}"
        case _:
            return {
                "open": "opened the case",
                "comment": "commented",
                "narrative": "wrote the narrative",
                "watch": "decided to watch it",
                "reopen": "reopened it",
            }.get(event.kind, event.kind)
