"""The console's page of signals: what is declared and learned, and what it would have changed in the latest case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from stillhunt.live import latest_snapshot, read_rule_rows
from stillhunt_server.plugins import ConsolePage, PageRequest, PageRoute, render
from stillhunt_signals.signals.described import describe_signals, say_read

if TYPE_CHECKING:  # as where it is used
    from stillhunt_signals.signals.trial import TriedGroup

_SHOWN_GROUPS = 30


def show_signals_page(request: PageRequest) -> Response:
    """All declared signals; with `?try=1` what is read of each, and what all would have changed."""
    config, folder = request.console.config, request.console.folder
    described = describe_signals(config)
    request.look("signals", "all")
    read: dict[str, str] = {}
    tried: list[TriedGroup] | None = None
    alone = 0
    if request.given["try"]:
        # late: to judge takes the libraries of hunts, 130 MB, which the console's other pages do without
        from stillhunt_signals.signals.trial import try_used_signals  # as above
        from stillhunt_signals.signals.using import read_signals  # as above

        # Columns of the log are known while a hunt reads it, and not from what a case keeps.
        beside = [one.signal for one in described if one.signal.source != "log"]
        snapshot = None if folder is None else latest_snapshot(folder)
        accounts = None if snapshot is None else read_rule_rows(snapshot).accounts
        read = {one.name: say_read(one, accounts) for one in beside}
        usable = {name for name, said in read.items() if not said.startswith("refused")}
        used = read_signals(config, accounts, lambda one: one.name in usable)
        every = try_used_signals(request.case.case, config, used)
        tried = [one for one in every if (one.verdict, one.verdict_with) != ("none", "none")]
        tried.sort(key=lambda one: (one.verdict == one.verdict_with, -abs(one.score_with - one.score)))
        alone = len(every) - len(tried)
    values = {
        "signals": described,
        "read": read,
        "tried": None if tried is None else tried[:_SHOWN_GROUPS],
        "more": 0 if tried is None else max(len(tried) - _SHOWN_GROUPS, 0),
        "alone": alone,
        "changed": sum(one.verdict != one.verdict_with for one in tried or ()),
    }
    return render(request, "signals.html", values)


SIGNAL_PAGES = ConsolePage(
    "signals",
    (PageRoute("/signals", show_signals_page),),  # the page of rules leads to it: the menu has no room for more
    live=True,
    audits=True,
)
