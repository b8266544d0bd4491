"""What the forms of a case do: each change has the version that its reader saw, and never overwrites another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import RedirectResponse, Response

from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.decide.case_work import WorkConflict, read_work
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
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.navigation import navigation
from stillhunt_server.console.pages_campaign import campaign
from stillhunt_server.console.rendering import campaign_url
from stillhunt_server.console.saved_filters import delete_filter, save_filter
from stillhunt_server.console.snapshot import ShownCase


class PlanChanged(CaseError):  # noqa: N818 - it is no fault: the reader sees what there is now, and goes on
    """An action would act on other accounts than its form said, since another hunt or a setting came meanwhile."""

    def __init__(self) -> None:
        super().__init__(
            "the members of this campaign have changed since you read it",
            where="this form",
            next_step="look at which accounts it acts on now, and decide again; nothing was written",
        )


def change_case(request: PageRequest) -> Response:
    """Change the work on a campaign, and show its page; what was written is shown again where somebody was faster."""
    form, name, kind = request.form, request.route["campaign"], request.route["kind"]
    database, shown, seen = request.database, request.case, form.number("version", -1)
    try:
        if kind == "undo":
            undo_change(database, name, seen, request.by, request.now, _declared(request.console.config, shown))
        elif kind in _CHANGES:
            change_work(database, name, seen, _CHANGES[kind](request), request.by, request.now)
        else:
            raise CaseError("a case has no such change", where="the address", next_step="use the forms of its page")
    except (WorkConflict, PlanChanged) as conflict:
        return campaign(request, conflict, form["text"] or form["note"] or form["label"])
    place = "#case" if kind in ("comment", "narrative") else ""
    return RedirectResponse(f"{campaign_url(name)}?done={kind}{place}", 303)


def _declared(config: Config, shown: ShownCase) -> frozenset[str]:
    """Accounts of declared programmes: those of the settings, and those that the snapshot knows."""
    accounts = shown.case.accounts
    known = accounts.filter(accounts["sanctioned"])["account_id"].to_pylist()
    return frozenset((*config.sanctioned.accounts, *known))


def keep_filter(request: PageRequest) -> Response:
    """Save the filters of a table under a name."""
    form = request.form
    page, query = form["page"], form["query"]
    if page not in {place.path for place in navigation()}:
        page = "/campaigns"
    shared = form["shared"] == "yes"
    save_filter(request.database, page.strip("/"), form["name"], query, request.by, shared=shared, now=request.now)
    return RedirectResponse(f"{page}?{query}", 303)


def drop_filter(request: PageRequest) -> Response:
    """Delete saved filters of one's own."""
    delete_filter(request.database, request.route.number("filter_id"), request.by)
    return RedirectResponse("/campaigns", 303)


def narrative_of(request: PageRequest, campaign: str) -> str:
    """What an analyst wrote about a campaign.

    Raises:
        CaseError: the case folder that is shown has no database.
    """
    return read_work(request.database, campaign).narrative


def _act(request: PageRequest) -> Change:
    form, name = request.form, request.route["campaign"]
    members = planned_members(request.case, name, request.console.config)
    if form["plan"] != plan_digest(members):
        raise PlanChanged
    return ActOnCampaign(
        members=members,
        action=form["action"],  # type: ignore[arg-type]  # checked there, with what to choose from
        days=form.days("days"),
        reason=form["reason"],  # type: ignore[arg-type]  # as above
        note=form["note"],
        facts=facts_of(request.case, name),
        snapshot=request.case.sequence,
    )


def _assign(request: PageRequest) -> Change:
    name = request.form["assignee"]
    if name and name not in workers(request.database):
        raise ConfigError("nobody of this name works on cases", where="assignee", next_step="choose one from the list")
    return AssignCase(name)


def _watch(request: PageRequest) -> Change:
    return WatchCampaign(request.form["note"], facts_of(request.case, request.route["campaign"]))


def _dismiss(request: PageRequest) -> Change:
    reason: Any = request.form["reason"]  # checked there
    return DismissCampaign(reason, request.form["note"], facts_of(request.case, request.route["campaign"]))


_CHANGES: dict[str, Callable[[PageRequest], Change]] = {
    "open": lambda _request: OpenCase(),
    "assign": _assign,
    "comment": lambda request: AddComment(request.form["text"]),
    "label": lambda request: AddLabel(request.form["label"]),
    "unlabel": lambda request: RemoveLabel(request.form["label"]),
    "narrative": lambda request: WriteNarrative(request.form["text"]),
    "act": _act,
    "watch": _watch,
    "dismiss": _dismiss,
    "reopen": lambda request: ReopenCase(request.form["note"]),
}
