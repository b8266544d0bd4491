"""The pages that the console's menu leads to, and those that plugins bring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from starlette.responses import Response

from stillhunt.base.plugin_groups import CONSOLE_PAGES, load_plugins
from stillhunt_server.people.guard import usual_needs

if TYPE_CHECKING:  # start-up time of whoever only asks which pages there are
    from stillhunt_server.console.context import Console, PageRequest


@dataclass(frozen=True)
class MenuEntry:
    """An entry of the menu."""

    path: str
    title: str
    key: str = ""  # which key leads to it behind g; "" for none
    live: bool = False  # whether it needs the database, which a case folder has not
    role: str = "viewer"


NAVIGATION = (
    MenuEntry("/", "Overview", "o"),
    MenuEntry("/campaigns", "Queue", "q"),
    MenuEntry("/accounts", "Accounts", "a"),
    MenuEntry("/search", "Search", "s"),
    MenuEntry("/decisions", "Decisions", "d", live=True),
    MenuEntry("/appeals", "Appeals", "p", live=True),
    MenuEntry("/programmes", "Programmes"),
    MenuEntry("/sources", "Sources"),
    MenuEntry("/calibration", "Calibration", live=True),
    MenuEntry("/settings", "Settings"),
    MenuEntry("/audit", "Audit", live=True, role="admin"),
)


@dataclass(frozen=True)
class PageRoute:
    """An address, and the function that makes its page, which is called in the console's threads."""

    path: str  # with the names of its parts in braces; `PageRequest.route` has what stands there
    page: Callable[[PageRequest], Response]
    method: Literal["GET", "POST"] = "GET"
    # the least that it needs, and a form an analyst in any case; "" of a page that is open to everybody
    role: str = "viewer"


@dataclass(frozen=True)
class ConsolePage:
    """A page of a plugin, or several that belong together. Viewers read them, and analysts send their forms."""

    name: str
    routes: tuple[PageRoute, ...]  # an address that is built in stays what it is
    menu: MenuEntry | None = None  # its entry in the menu, whose role is the least that its routes need
    live: bool = False  # whether it needs the database, which a case folder has not
    # whether its functions write down by themselves who looks at what (`PageRequest.look`); else it is done for them
    audits: bool = False
    # what it makes of each new snapshot of a data folder, so that no reader waits for it
    prepare: Callable[[Console], object] | None = None


@cache
def plugin_pages() -> tuple[ConsolePage, ...]:
    """The pages of plugins."""
    return load_plugins(CONSOLE_PAGES, ConsolePage, (), _page_faults)


@cache
def navigation() -> tuple[MenuEntry, ...]:
    """The menu, with the pages of plugins at its end."""
    return NAVIGATION + tuple(page.menu for page in plugin_pages() if page.menu is not None)


def _page_faults(page: ConsolePage) -> str:
    """What is wrong with the addresses of a page, in words; empty where nothing is."""
    for route in page.routes:
        if not route.path.startswith("/") or route.path.startswith("/{") or route.method not in ("GET", "POST"):
            return f"no page can be at {route.path}"
        if usual_needs(route.method, route.path) is None:
            return f"what is at {route.path} is open to everybody"
    return ""
