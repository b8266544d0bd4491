"""What the forms of the queue do: take the next case, and change several at once, which is looked at first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import RedirectResponse, Response

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.decide.running import read_second_person
from stillhunt.watch.folder import DataFolder
from stillhunt_server.case_views.acting_now import ActingNow
from stillhunt_server.casework.changes import (
    ActOnCampaign,
    AddLabel,
    AssignCase,
    Change,
    DismissCampaign,
    WatchCampaign,
)
from stillhunt_server.casework.changing import change_work, describe_left_out, planned, undo_change
from stillhunt_server.casework.history import WorkConflict, work_events
from stillhunt_server.console.acting_pages import count_hit
from stillhunt_server.console.answers import render
from stillhunt_server.console.case_forms import list_declared_accounts, read_day
from stillhunt_server.console.case_panel import PlanChanged, facts_of, workers
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.pages_queue import queue_rows
from stillhunt_server.console.rendering import campaign_url

MOST_AT_ONCE = 250
"""Campaigns that are changed at once: a page of the queue."""
AT_A_TIME = 10
"""Campaigns that one answer changes. Judgement: at most some seconds, after which a reader sees how far it is."""


def take_next(request: PageRequest) -> Response:
    """Assign the next case that waits and is nobody's to who asks, and show it; two people never get the same one."""
    database = request.database
    for row in queue_rows(database, request.case, request.now):
        if row["state"] != "waiting" or row["assignee"] not in ("", request.by):
            continue
        try:
            if not row["assignee"]:
                change = AssignCase(request.by)
                change_work(database, row["campaign_id"], row["version"], change, request.by, request.now)
        except WorkConflict:
            continue  # somebody else was faster
        return RedirectResponse(campaign_url(row["campaign_id"]), 303)
    return RedirectResponse("/campaigns", 303)


@dataclass(frozen=True)
class ChosenCase:
    """One campaign that a reader chose, as they saw it."""

    name: str
    version: int  # of the work on it; -1, which none has, for a text that is none
    plan: str = ""  # digest of the members that an action was counted for; "" where none was

    @property
    def text(self) -> str:
        """As forms send it."""
        return f"{self.name}@{self.version}{f'@{self.plan}' if self.plan else ''}"


def change_many(request: PageRequest) -> Response:
    """Change several campaigns, after a page that counts whom it hits; some at a time, and all of it can be undone.

    Each answer changes `AT_A_TIME` of them and asks for the others, so that a reader sees how far it is and can stop.

    Raises:
        ConfigError: none is chosen, or the change is none.
    """
    chosen, done = (
        [_read_place(one) for one in request.lists.get(name, ())][:MOST_AT_ONCE] for name in ("chosen", "done")
    )
    what, sure = request.form["what"], request.form["sure"] == "yes"
    if not chosen:
        raise ConfigError("no campaign is chosen", where="the queue", next_step="set the check boxes of its rows")
    if what != "undo" and what not in _CHANGES:
        raise ConfigError("there is no such change", where="what", next_step=f"choose one of: {', '.join(_CHANGES)}")
    refused = [tuple(one.partition("@")[::2]) for one in request.lists.get("refused", ())][:MOST_AT_ONCE]
    changing, left = (chosen[:AT_A_TIME], chosen[AT_A_TIME:]) if sure else (chosen, [])
    hits: list[CaseHit] = []
    for one in changing:
        try:
            if sure:
                done += _change_one(request, what, one)
            elif what == "act":
                hits.append(_count_case_hit(request, one))
            else:
                done.append(one)
        except (CaseError, ConfigError) as error:
            refused.append((one.name, formatting.sentence(formatting.sentence_case(error.what))))
    done += [one.case for one in hits]
    values: dict[str, Any] = {
        "what": what,
        "done": done,
        "left": left,
        "refused": refused,
        "sure": sure,
        "hits": hits,
        "form": dict(request.form),
        "accounts": len({account for one in hits for account in one.accounts}),
        "waits": what == "act" and request.form["action"] in read_second_person(*_policy_of(request)),
        "fields": [(field, request.form[field]) for field in _FIELDS if request.form[field]],
    }
    return render(request, "bulk.html", values)


def _change_one(request: PageRequest, what: str, one: ChosenCase) -> list[ChosenCase]:
    """Change one campaign, or put it back; what was changed, with its version from then on."""
    database, by, now = request.database, request.by, request.now
    if _is_made_already(request, what, one):
        return [ChosenCase(one.name, one.version + 1)]
    if what == "undo":
        declared = list_declared_accounts(request.console.config, request.case)
        return [ChosenCase(one.name, undo_change(database, one.name, one.version, by, now, declared).version)]
    change = _CHANGES[what](request, one)
    if isinstance(change, ActOnCampaign) and request.derived.plan_of(one.name)[1] != one.plan:
        raise PlanChanged
    work = change_work(database, one.name, one.version, change, by, now)
    return [ChosenCase(one.name, work.version)] if work.version > one.version else []


def _is_made_already(request: PageRequest, what: str, one: ChosenCase) -> bool:
    """Whether the latest change is this one: its answer was lost, or the page was loaded again."""
    made = work_events(request.database, one.name)[-1:]
    kinds = ("act", "propose") if what == "act" else (what,)
    if not made or (made[0].version, made[0].by) != (one.version + 1, request.by) or made[0].kind not in kinds:
        return False
    said, form = {**made[0].after, **made[0].after.get("act", {}), "note": made[0].note}, request.form
    sent = {"act": ("action", "note"), "assign": ("assignee",), "dismiss": ("reason", "note"), "watch": ("note",)}
    same = all(form[name].strip() == said.get(name) for name in sent.get(what, ()))
    return same and (what != "label" or form["label"].strip() in said.get("labels", ()))


@dataclass(frozen=True)
class CaseHit:
    """Whom an action on one campaign of several would hit."""

    case: ChosenCase
    now: ActingNow
    accounts: tuple[str, ...]
    left_out: str  # how many accounts it leaves out and why, in words


def _count_case_hit(request: PageRequest, one: ChosenCase) -> CaseHit:
    """Whom it would hit.

    Raises:
        CaseError: nobody, or there is no such campaign.
    """
    plan = planned(_make_action(request, one))
    seen = ChosenCase(one.name, one.version, request.derived.plan_of(one.name)[1])
    return CaseHit(seen, count_hit(request, one.name, plan), plan.accounts, "; ".join(describe_left_out(plan)))


def _read_place(text: str) -> ChosenCase:
    name, _, rest = text.partition("@")
    version, _, plan = rest.partition("@")
    known = version.isascii() and version.isdecimal() and len(version) < 9
    return ChosenCase(name, int(version) if known else -1, plan)


def _policy_of(request: PageRequest) -> tuple[DataFolder, Config]:
    return request.data_folder, request.console.config


def _make_action(request: PageRequest, one: ChosenCase) -> ActOnCampaign:
    form = request.form
    return ActOnCampaign(
        members=request.derived.plan_of(one.name)[0],
        action=form["action"],  # type: ignore[arg-type]  # checked there, with what to choose from
        days=form.days("days"),
        reason=form["told"],  # type: ignore[arg-type]  # as above
        note=form["note"],
        facts=facts_of(request.case, one.name),
        second_person=read_second_person(*_policy_of(request)),
        snapshot=request.case.sequence,
    )


def _make_assignment(request: PageRequest, _one: ChosenCase) -> Change:
    if request.form["assignee"] not in workers(request.database):
        raise ConfigError("nobody of this name works on cases", where="assignee", next_step="choose one from the list")
    return AssignCase(request.form["assignee"])


def _make_dismissal(request: PageRequest, one: ChosenCase) -> Change:
    reason: Any = request.form["reason"]  # checked there
    return DismissCampaign(reason, request.form["note"], facts_of(request.case, one.name))


_CHANGES: dict[str, Callable[[PageRequest, ChosenCase], Change]] = {
    "act": _make_action,
    "assign": _make_assignment,
    "label": lambda request, _one: AddLabel(request.form["label"]),
    "watch": lambda request, one: WatchCampaign(
        request.form["note"], facts_of(request.case, one.name), read_day(request, "until")
    ),
    "dismiss": _make_dismissal,
}
_FIELDS = ("what", "assignee", "label", "until", "reason", "note", "action", "days", "told")
