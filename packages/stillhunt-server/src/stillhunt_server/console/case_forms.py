"""What the forms of a case do: each change has the version that its reader saw, and never overwrites another one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.decide.case_work import CampaignFacts, WorkConflict, read_work
from stillhunt.watch.database.store import WatchDatabase
from stillhunt_server.casework.changes import (
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
from stillhunt_server.casework.changing import change_work, undo_change
from stillhunt_server.console.case_panel import facts_of, plan_digest, planned_members, workers
from stillhunt_server.console.context import case_of, console_of
from stillhunt_server.console.navigation import navigation
from stillhunt_server.console.pages_campaign import campaign_page
from stillhunt_server.console.rendering import campaign_url
from stillhunt_server.console.saved_filters import delete_filter, save_filter
from stillhunt_server.console.snapshot import ShownCase
from stillhunt_server.console.table_query import whole_number
from stillhunt_server.people.guard import Form, form_of


class PlanChanged(CaseError):  # noqa: N818 - it is no fault: the reader sees what there is now, and goes on
    """An action would act on other accounts than its form said, since another hunt or a setting came meanwhile."""

    def __init__(self) -> None:
        super().__init__(
            "the members of this campaign are others than when you read it",
            where="this form",
            next_step="look at whom it acts on now, and decide again; nothing was written",
        )


class CaseClick(NamedTuple):
    """What a posted form of a case asks, read once.

    Attributes:
        seen: version of the case that the reader saw.
    """

    campaign: str
    kind: str
    form: Form
    seen: int
    by: str
    database: WatchDatabase
    shown: ShownCase
    config: Config

    @property
    def facts(self) -> CampaignFacts:
        """What the snapshot says of the campaign."""
        return facts_of(self.shown, self.campaign)

    @property
    def declared(self) -> frozenset[str]:
        """Accounts of declared programmes: those of the settings, and those that the snapshot knows."""
        accounts = self.shown.case.accounts
        known = accounts.filter(accounts["sanctioned"])["account_id"].to_pylist()
        return frozenset((*self.config.sanctioned.accounts, *known))


def change_case(request: Request) -> Response:
    """Change the work on a campaign, and show its page; what was written is shown again where somebody was faster."""
    form, path = form_of(request), request.path_params
    seen, viewer = whole_number(form("version"), -1), request.state.viewer.name
    found = database_of(request), case_of(request), console_of(request).config
    click = CaseClick(path["campaign"], path["kind"], form, seen, viewer, *found)
    try:
        if click.kind == "undo":
            undo_change(click.database, click.campaign, seen, viewer, _now(), click.declared)
        elif click.kind in _CHANGES:
            change_work(click.database, click.campaign, seen, _CHANGES[click.kind](click), viewer, _now())
        else:
            raise CaseError("a case has no such change", where="the address", next_step="use the forms of its page")
    except (WorkConflict, PlanChanged) as conflict:
        return campaign_page(request, click.campaign, conflict, form("text") or form("note") or form("label"))
    place = "#case" if click.kind in ("comment", "narrative") else ""
    return RedirectResponse(f"{campaign_url(click.campaign)}?done={click.kind}{place}", 303)


def keep_filter(request: Request) -> Response:
    """Save the filters of a table under a name."""
    form, owner = form_of(request), request.state.viewer.name
    page, query = form("page"), form("query")
    if page not in {place.path for place in navigation()}:
        page = "/campaigns"
    shared = form("shared") == "yes"
    save_filter(database_of(request), page.strip("/"), form("name"), query, owner, shared=shared, now=_now())
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


def narrative_of(request: Request, campaign: str) -> str:
    """What an analyst wrote about a campaign.

    Raises:
        CaseError: the case folder that is shown has no database.
    """
    return read_work(database_of(request), campaign).narrative


def _act(click: CaseClick) -> Change:
    members = planned_members(click.shown, click.campaign, click.config)
    if click.form("plan") != plan_digest(members):
        raise PlanChanged
    return ActOnCampaign(
        members=members,
        action=click.form("action"),  # type: ignore[arg-type]  # checked there, with what to choose of
        days=days_of(click.form("days")),
        reason=click.form("reason"),  # type: ignore[arg-type]  # as above
        note=click.form("note"),
        facts=click.facts,
        snapshot=click.shown.sequence,
    )


def _assign(click: CaseClick) -> Change:
    name = click.form("assignee")
    if name and name not in workers(click.database):
        raise ConfigError("nobody of this name works on cases", where="assignee", next_step="choose one from the list")
    return AssignCase(name)


def _dismiss(click: CaseClick) -> Change:
    reason: Any = click.form("reason")  # checked there
    return DismissCampaign(reason, click.form("note"), click.facts)


_CHANGES: dict[str, Callable[[CaseClick], Change]] = {
    "open": lambda _click: OpenCase(),
    "assign": _assign,
    "comment": lambda click: AddComment(click.form("text")),
    "label": lambda click: AddLabel(click.form("label")),
    "unlabel": lambda click: RemoveLabel(click.form("label")),
    "narrative": lambda click: WriteNarrative(click.form("text")),
    "act": _act,
    "watch": lambda click: WatchCampaign(click.form("note"), click.facts),
    "dismiss": _dismiss,
    "reopen": lambda click: ReopenCase(click.form("note")),
}


def days_of(text: str) -> float:
    """Days as they stand in a form; 0, which no decision may have, for anything else."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def _now() -> int:
    return time.time_ns() // 1000
