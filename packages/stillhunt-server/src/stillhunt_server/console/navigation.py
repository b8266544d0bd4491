"""The pages that the console's menu leads to, and those that plugins bring."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from starlette.routing import Route

from stillhunt.plugins.groups import CONSOLE_PAGES, load_plugins
from stillhunt_server.people.guard import usual_needs


@dataclass(frozen=True)
class MenuEntry:
    """An entry of the menu.

    Attributes:
        key: which key leads to it behind g; "" for none.
        live: whether it needs the database, which a case folder has not.
    """

    path: str
    title: str
    key: str = ""
    live: bool = False
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
class ConsolePage:
    """A page of a plugin, or several that belong together. Viewers read them, and analysts send their forms.

    Attributes:
        routes: from an address to a function of a request, which is called in the console's threads. An address that is
            built in stays what it is.
        menu: its entry in the menu, whose role is the least that its routes need.
        live: whether it needs the database, which a case folder has not.
        audits: whether its functions write down by themselves who looks at what (`look`); else it is done for them.
    """

    name: str
    routes: tuple[Route, ...]
    menu: MenuEntry | None = None
    live: bool = False
    audits: bool = False


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
        methods = route.methods or set()
        if not route.path.startswith("/") or route.path.startswith("/{") or not methods <= {"GET", "HEAD", "POST"}:
            return f"no page can be at {route.path}"
        if any(usual_needs(method, route.path) is None for method in methods):
            return f"what is at {route.path} is open to everybody"
    return ""
