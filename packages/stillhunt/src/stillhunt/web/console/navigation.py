"""The pages that the console's menu leads to."""

from __future__ import annotations

from dataclasses import dataclass


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
