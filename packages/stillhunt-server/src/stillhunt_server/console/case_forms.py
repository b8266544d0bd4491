"""What the forms of a case do: each change has the version that its reader saw, and never overwrites another one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.responses import RedirectResponse, Response

from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.base.units import DAY, SECOND
from stillhunt.decide.running import read_second_person
from stillhunt_server.casework.changes import (
    ActOnCampaign,
    AddComment,
    AddLabel,
    ApproveAction,
    AssignCase,
    Change,
    DeclineAction,
    DismissCampaign,
    KeepChecklist,
    OpenCase,
    RemoveLabel,
    ReopenCase,
    SetDueDay,
    WatchCampaign,
    WriteNarrative,
)
from stillhunt_server.casework.changing import change_work, undo_change
from stillhunt_server.casework.mentions import tell_mentions
from stillhunt_server.casework.second_looks import keep_second_look
from stillhunt_server.console.acting_pages import ask_before_acting, read_chosen
from stillhunt_server.console.case_panel import PlanChanged, facts_of, list_people, workers
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.investigations import read_investigation_form
from stillhunt_server.console.messages import done_url
from stillhunt_server.console.navigation import navigation
from stillhunt_server.console.pages_campaign import campaign, shows_campaign
from stillhunt_server.console.saved_filters import delete_filter, save_filter
from stillhunt_server.console.snapshot import ShownCase


def change_case(request: PageRequest) -> Response:
    """Change the work on a campaign, and show its page; what was written is shown again where somebody was faster."""
    form, name, kind = request.form, request.route["campaign"], request.route["kind"]
    database, shown, seen = request.database, request.case, form.number("version", -1)
    try:
        if kind == "act" and form["sure"] != "yes":
            return ask_before_acting(request, _read_act_form(request))
        if kind == "undo":
            undo_change(
                database, name, seen, request.by, request.now, list_declared_accounts(request.console.config, shown)
            )
        elif kind in _CHANGES:
            change = _CHANGES[kind](request)
            kind = "propose" if isinstance(change, ActOnCampaign) and change.waits else kind
            change_work(database, name, seen, change, request.by, request.now)
            if isinstance(change, AddComment):
                people, settings = list_people(database), request.console.config.alerts
                tell_mentions(database, name, change.text, request.by, people, request.now, settings)
        else:
            raise CaseError("a case has no such change", where="the address", next_step="use the forms of its page")
    except (CaseError, ConfigError) as problem:
        if not shows_campaign(request, name):
            raise
        return campaign(request, problem, form["text"] or form["conclusion"] or form["note"] or form["label"])
    return RedirectResponse(done_url(request, name, kind, "case" if kind in _WRITTEN else ""), 303)


def list_declared_accounts(config: Config, shown: ShownCase) -> frozenset[str]:
    """Accounts of declared programmes: those of the settings, and those that the snapshot knows."""
    accounts = shown.case.accounts
    known = accounts.filter(accounts["sanctioned"])["account_id"].to_pylist()
    return frozenset((*config.sanctioned.accounts, *known))


def keep_look(request: PageRequest) -> Response:
    """Keep a second look, and show the queue."""
    form = request.form
    name = request.route["campaign"]
    golden = request.console.config.console.golden_cases
    right = keep_second_look(request.database, name, form["answer"], form["note"], request.by, request.now, golden)
    kind = "second_look" if right is None else "golden_right" if right else "golden_wrong"
    return RedirectResponse(done_url(request, name, kind), 303)


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


def _read_act_form(request: PageRequest) -> ActOnCampaign:
    form, name = request.form, request.route["campaign"]
    members, plan = request.derived.plan_of(name)
    if form["plan"] != plan:
        raise PlanChanged
    return ActOnCampaign(
        members=members,
        action=form["action"],  # type: ignore[arg-type]  # checked there, with what to choose from
        days=form.days("days"),
        reason=form["reason"],  # type: ignore[arg-type]  # as above
        note=form["note"],
        facts=facts_of(request.case, name),
        second_person=read_second_person(request.data_folder, request.console.config),
        snapshot=request.case.sequence,
        chosen=read_chosen(request, members),
    )


def _read_assign_form(request: PageRequest) -> Change:
    name = request.form["assignee"]
    if name and name not in workers(request.database):
        raise ConfigError("nobody of this name works on cases", where="assignee", next_step="choose one from the list")
    return AssignCase(name)


def _read_watch_form(request: PageRequest) -> Change:
    facts = facts_of(request.case, request.route["campaign"])
    return WatchCampaign(request.form["note"], facts, read_day(request, "until"))


def read_day(request: PageRequest, name: str) -> int:
    """The beginning of a day that a form names, microseconds since 1970; 0 where it names none.

    Raises:
        ConfigError: it is no day, or it is over.
    """
    given = request.form[name]
    if not given:
        return 0
    try:
        day = datetime.strptime(given[:10], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise ConfigError("this is no day", where=name, next_step="write it as 2026-12-31") from error
    at = int(day.timestamp()) * SECOND
    if at + DAY <= request.now:
        raise ConfigError("this day is over", where=name, next_step="choose a later one")
    return at


def _read_dismiss_form(request: PageRequest) -> Change:
    reason: Any = request.form["reason"]  # checked there
    return DismissCampaign(reason, request.form["note"], facts_of(request.case, request.route["campaign"]))


_WRITTEN = ("comment", "narrative", "investigation", "checklist")
"""Changes after which the page shows what was written."""
_CHANGES: dict[str, Callable[[PageRequest], Change]] = {
    "open": lambda _request: OpenCase(),
    "assign": _read_assign_form,
    "investigation": read_investigation_form,
    "comment": lambda request: AddComment(request.form["text"]),
    "checklist": lambda request: KeepChecklist(
        tuple(one for one in request.console.config.console.checklist if one in request.lists.get("done", ()))
    ),
    "label": lambda request: AddLabel(request.form["label"]),
    "unlabel": lambda request: RemoveLabel(request.form["label"]),
    "narrative": lambda request: WriteNarrative(request.form["text"]),
    "act": _read_act_form,
    "approve": lambda request: ApproveAction(
        request.form["note"],
        facts_of(request.case, request.route["campaign"]),
        list_declared_accounts(request.console.config, request.case),
    ),
    "decline": lambda request: DeclineAction(request.form["note"]),
    "watch": _read_watch_form,
    "due": lambda request: SetDueDay(read_day(request, "due")),
    "dismiss": _read_dismiss_form,
    "reopen": lambda request: ReopenCase(request.form["note"]),
}
