"""Choosing whom a decision is about, and the look at it before it is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from stillhunt.base import formatting
from stillhunt.decide.actions import ACTION_MEANINGS, REASON_TEXTS
from stillhunt_server.case_views.acting_now import ActingNow, acting_now
from stillhunt_server.case_views.harm import expected_harm
from stillhunt_server.casework.changes import ActOnCampaign, CampaignMember
from stillhunt_server.casework.changing import ActionPlan, describe_left_out, planned
from stillhunt_server.console.answers import render
from stillhunt_server.console.context import PageRequest

ACCOUNTS_NAMED = 40
"""Accounts that the look before a decision names. Judgement: they fit on a screen; the others are in the list."""


def read_chosen(request: PageRequest, members: Sequence[CampaignMember]) -> frozenset[str] | None:
    """The accounts that a form chooses: by name, or by role less single ones; None where it leaves that to verdicts."""
    if "chosen" in request.lists:
        return frozenset(request.lists["chosen"])
    if not request.form["whom"]:
        return None
    roles, spared = frozenset(request.lists.get("role", ())), frozenset(request.lists.get("spare", ()))
    unflagged = request.form["unflagged"] == "yes"
    chosen = frozenset(
        one.account_id
        for one in members
        if one.role in roles and (unflagged or one.flagged) and one.account_id not in spared
    )
    usual = frozenset(one.account_id for one in members if one.flagged)
    return None if chosen == usual else chosen


def ask_before_acting(request: PageRequest, change: ActOnCampaign) -> Response:
    """The page that says whom a decision would hit and asks once more; nothing is written.

    Raises:
        CaseError: it would act on nobody.
        ConfigError: its action or its reason is none.
    """
    name = request.route["campaign"]
    plan = planned(change)
    request.look("members", name)
    values = {
        "name": name,
        "model": request.case.campaign(name),
        "title": "Before it is done",
        "meaning": "",
        "now": count_hit(request, name, plan),
        "left_out": describe_left_out(plan),
        "accounts": [formatting.shorten(one, 80) for one in plan.accounts[:ACCOUNTS_NAMED]],
        "more": max(0, len(plan.accounts) - ACCOUNTS_NAMED),
        "action": change.action,
        "waits": change.waits,
        "means": ACTION_MEANINGS[change.action],
        "told": REASON_TEXTS[change.reason],
        "days": f"{change.days:g}",
        "fields": _list_form_fields(request),
    }
    return render(request, "act_sure.html", values)


def count_hit(request: PageRequest, name: str, plan: ActionPlan) -> ActingNow:
    """Whom a plan hits, counted from the snapshot."""
    shown = request.case
    harm = expected_harm(shown.campaign(name), shown.case.timeline)
    return acting_now(shown.members_of(name), frozenset(plan.accounts), harm, request.derived.revenue())


def _list_form_fields(request: PageRequest) -> list[tuple[str, Any]]:
    """What was sent, so that the next form sends the same; without what belongs to the session, and the answer."""
    return [
        (name, one) for name, values in request.lists.items() if name not in ("form_token", "sure") for one in values
    ]
