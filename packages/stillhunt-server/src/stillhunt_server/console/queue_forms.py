"""What the forms of the queue do: take the next case, and change several at once, which is looked at first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import RedirectResponse, Response

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt_server.casework.changes import AddLabel, AssignCase, Change, DismissCampaign, WatchCampaign
from stillhunt_server.casework.changing import change_work, undo_change
from stillhunt_server.casework.history import WorkConflict
from stillhunt_server.console.answers import render
from stillhunt_server.console.case_forms import list_declared_accounts, read_day
from stillhunt_server.console.case_panel import facts_of, workers
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.pages_queue import queue_rows
from stillhunt_server.console.rendering import campaign_url

MOST_AT_ONCE = 250
"""Campaigns that are changed at once: a page of the queue."""


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


def change_many(request: PageRequest) -> Response:
    """Change several campaigns, after a page that counts them; what it did can be undone at once.

    Raises:
        ConfigError: none is chosen, or the change is none.
    """
    chosen = [_read_place(one) for one in request.lists.get("chosen", ())][:MOST_AT_ONCE]
    what = request.form["what"]
    if not chosen:
        raise ConfigError("no campaign is chosen", where="the queue", next_step="set the check boxes of its rows")
    if what != "undo" and what not in _CHANGES:
        raise ConfigError("there is no such change", where="what", next_step=f"choose one of: {', '.join(_CHANGES)}")
    sure = request.form["sure"] == "yes"
    done, refused = [], []
    for name, version in chosen:
        try:
            change = None if what == "undo" else _CHANGES[what](request, name)
            if not sure:
                done.append((name, version))
            elif change is None:
                declared = list_declared_accounts(request.console.config, request.case)
                done.append(
                    (name, undo_change(request.database, name, version, request.by, request.now, declared).version)
                )
            else:
                work = change_work(request.database, name, version, change, request.by, request.now)
                if work.version > version:
                    done.append((name, work.version))
        except (CaseError, ConfigError) as error:
            refused.append((name, formatting.sentence(formatting.sentence_case(error.what))))
    values: dict[str, Any] = {
        "what": what,
        "done": done,
        "refused": refused,
        "sure": sure,
        "fields": [(field, request.form[field]) for field in _FIELDS if request.form[field]],
    }
    return render(request, "bulk.html", values)


def _read_place(text: str) -> tuple[str, int]:
    """Campaign and version of a check box; version -1, which none has, where it is none."""
    name, _, version = text.rpartition("@")
    return name, int(version) if version.isascii() and version.isdecimal() and len(version) < 9 else -1


def _make_assignment(request: PageRequest, _name: str) -> Change:
    if request.form["assignee"] not in workers(request.database):
        raise ConfigError("nobody of this name works on cases", where="assignee", next_step="choose one from the list")
    return AssignCase(request.form["assignee"])


def _make_dismissal(request: PageRequest, name: str) -> Change:
    reason: Any = request.form["reason"]  # checked there
    return DismissCampaign(reason, request.form["note"], facts_of(request.case, name))


_CHANGES: dict[str, Callable[[PageRequest, str], Change]] = {
    "assign": _make_assignment,
    "label": lambda request, _name: AddLabel(request.form["label"]),
    "watch": lambda request, name: WatchCampaign(
        request.form["note"], facts_of(request.case, name), read_day(request, "until")
    ),
    "dismiss": _make_dismissal,
}
_FIELDS = ("what", "assignee", "label", "until", "reason", "note")
