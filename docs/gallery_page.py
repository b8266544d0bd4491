"""Write `docs/gallery.md`: plain campaigns and honest groups, with what a hunt must say of each and why."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent.parent / "tests" / "gallery" / "cases.toml"
INTRODUCTION = """\
For seeing in an hour what stillhunt finds and whom it leaves alone, and for arguing about it. Worlds have 600 honest
accounts of the [first generator](worlds.md) over ten days, and those of up to five cases among them; no group that is
shown may hold two campaigns. Source: `tests/gallery/cases.toml`. `tests/gallery/test_gallery.py` hunts in all worlds.

Of a campaign that must get *act*, at least 90 % of the accounts must be flagged; of all others at least 80 % must be
shown, unless the case says more. In no world may anybody else be flagged, and where an honest group may be put up for
review, nobody else may be in it. A case is never changed to make it pass. Where the verdict is wrong today, the page
says so, and the test is marked as one that must fail.
"""
CAMPAIGNS = (True, "Campaigns that anybody would flag")
HONEST = (False, "Honest groups that nobody should flag")


def gallery_page() -> str:
    """The text of the page, without its title."""
    cases = tomllib.loads(CASES.read_text("utf-8"))
    parts = [INTRODUCTION]
    for campaign, title in (CAMPAIGNS, HONEST):
        chosen = [entries for entries in cases.values() if entries["campaign"] is campaign]
        parts += [f"## {title}\n", *_overview(chosen), ""]
        for entries in chosen:
            parts += _section(entries)
    return "\n".join(parts)


def _overview(cases: list[dict[str, Any]]) -> Iterator[str]:
    yield "| case | accounts | must be | today |"
    yield "|---|---|---|---|"
    for entries in cases:
        accounts = sum(group["accounts"] for group in entries["groups"])
        place = re.sub(r"[^\w -]", "", entries["title"].lower()).replace(" ", "-")
        today = "wrong" if "wrong" in entries else "right"
        yield f"| [{entries['title']}](#{place}) | {accounts} | {_verdict(entries)} | {today} |"


def _verdict(entries: dict[str, Any]) -> str:
    shown, kinds = entries["shown"], entries.get("kinds")
    if entries["campaign"]:
        return "act" if shown == "act" else f"{shown} or act"
    if kinds:
        return f"{shown} at most, as {' or '.join(kinds)} only"
    return "not flagged: allowed" if entries.get("allowed") else shown


def _section(entries: dict[str, Any]) -> list[str]:
    lines = [
        f"### {entries['title']}\n",
        f"- **Who:** {entries['who']}",
        f"- **What they share:** {entries['shares']}",
        f"- **What they ask:** {entries['asks']}",
        f"- **Must be:** {_verdict(entries)}. {entries['why']}",
    ]
    if "found" in entries:
        lines.append(f"- **Of whom:** {entries['found']:.0%} of the accounts at least.".replace("%", " %"))
    if "wrong" in entries:
        lines.append(f"- **Wrong today:** {entries['wrong']}")
    return [*lines, ""]
