"""What the forms of a case do: each change has the version that its reader saw, and never overwrites another one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.decide.cases.changes import (
    ActOnCampaign,
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
from stillhunt.decide.cases.changing import change_work, undo_change
from stillhunt.decide.cases.filters import delete_filter, save_filter
from stillhunt.decide.cases.work import WorkConflict
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.web.console.case_panel import facts_of, plan_digest, planned_members, workers
from stillhunt.web.console.context import case_of, console_of
from stillhunt.web.console.navigation import NAVIGATION
from stillhunt.web.console.pages_campaign import campaign_page
from stillhunt.web.console.rendering import campaign_url
from stillhunt.web.console.table_query import whole_number
from stillhunt.web.people.guard import posted


class PlanChanged(CaseError):  # noqa: N818 - it is no fault: the reader sees what there is now, and goes on
    """An action would act on other accounts than its form said, since another hunt or a setting came meanwhile."""

    def __init__(self) -> None:
        super().__init__(
            "the members of this campaign are others than when you read it",
            where="this form",
            next_step="look at whom it acts on now, and decide again; nothing was written",
        )


def change_case(request: Request) -> Response:
    """Change the work on a campaign, and show its page; what was written is shown again where somebody was faster."""
    campaign, kind = request.path_params["campaign"], request.path_params["kind"]
    database, now = database_of(request), _now()
    seen, by = _seen(request), request.state.viewer.name
    try:
        if kind == "undo":
            undo_change(database, campaign, seen, by, now, _declared(request))
        elif kind in _CHANGES:
            change_work(database, campaign, seen, _CHANGES[kind](request, campaign), by, now)
        else:
            raise CaseError("a case has no such change", where="the address", next_step="use the forms of its page")
    except (WorkConflict, PlanChanged) as conflict:
        text = posted(request, "text") or posted(request, "note") or posted(request, "label")
        return campaign_page(request, campaign, conflict, text)
    place = "#case" if kind in ("comment", "narrative") else ""
    return RedirectResponse(f"{campaign_url(campaign)}?done={kind}{place}", 303)


def keep_filter(request: Request) -> Response:
    """Save the filters of a table under a name."""
    page = posted(request, "page")
    if page not in {place.path for place in NAVIGATION}:
        page = "/campaigns"
    query, name = posted(request, "query"), posted(request, "name")
    shared = posted(request, "shared") == "yes"
    owner = request.state.viewer.name
    save_filter(database_of(request), page.strip("/"), name, query, owner, shared=shared, now=_now())
    return RedirectResponse(f"{page}?{query}", 303)


def drop_filter(request: Request) -> Response:
    """Delete saved filters of one's own."""
    delete_filter(database_of(request), whole_number(request.path_params["filter_id"], 0), request.state.viewer.name)
    return RedirectResponse("/campaigns", 303)


def database_of(request: Request) -> WatchDatabase:
    """The database.

    Raises:
        CaseError: the case folder that is shown has none.
    """
    database = console_of(request).database
    if database is None:
        raise CaseError(
            "a case folder can only be read", where="this page", next_step="work on campaigns needs a data folder"
        )
    return database


def _act(request: Request, campaign: str) -> Change:
    members = planned_members(request, campaign)
    if posted(request, "plan") != plan_digest(members):
        raise PlanChanged
    return ActOnCampaign(
        members=members,
        action=posted(request, "action"),  # type: ignore[arg-type]  # checked there, with what to choose of
        days=days_of(posted(request, "days")),
        reason=posted(request, "reason"),  # type: ignore[arg-type]  # as above
        note=posted(request, "note"),
        facts=facts_of(request, campaign),
        snapshot=case_of(request).sequence,
    )


def _assign(request: Request, _campaign: str) -> Change:
    name = posted(request, "assignee")
    if name and name not in workers(database_of(request)):
        raise ConfigError("nobody of this name works on cases", where="assignee", next_step="choose one from the list")
    return AssignCase(name)


def _declared(request: Request) -> frozenset[str]:
    """Accounts of declared programmes: those of the settings, and those that the snapshot knows."""
    accounts = case_of(request).case.accounts
    known = accounts.filter(accounts["sanctioned"])["account_id"].to_pylist()
    return frozenset((*console_of(request).config.sanctioned.accounts, *known))


def _dismiss(request: Request, campaign: str) -> Change:
    reason: Any = posted(request, "reason")  # checked there
    return DismissCampaign(reason, posted(request, "note"), facts_of(request, campaign))


_CHANGES: dict[str, Callable[[Request, str], Change]] = {
    "open": lambda _request, _campaign: OpenCase(),
    "assign": _assign,
    "comment": lambda request, _campaign: AddComment(posted(request, "text")),
    "label": lambda request, _campaign: AddLabel(posted(request, "label")),
    "unlabel": lambda request, _campaign: RemoveLabel(posted(request, "label")),
    "narrative": lambda request, _campaign: WriteNarrative(posted(request, "text")),
    "act": _act,
    "watch": lambda request, campaign: WatchCampaign(posted(request, "note"), facts_of(request, campaign)),
    "dismiss": _dismiss,
    "reopen": lambda request, _campaign: ReopenCase(posted(request, "note")),
}


def _seen(request: Request) -> int:
    return whole_number(posted(request, "version"), -1)


def days_of(text: str) -> float:
    """Days as they stand in a form; 0, which no decision may have, for anything else."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def _now() -> int:
    return time.time_ns() // 1000
