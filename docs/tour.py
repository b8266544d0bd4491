"""Take the pictures of `tour.md`: the console on the demo's world, in real Chromium.

    make tour

The world is seeded and times are those of the run, so that only these change from one run to the next.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parent / "img" / "tour"
CHROMIUM = "/usr/bin/chromium"
LISTEN = "127.0.0.1:8688"
WIDE, PHONE = (1280, 860), (390, 780)
CAMPAIGN = "c-f28f6eee"
"""The demo's larger campaign; its id is made from its members."""


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        name: of its file.
        path: of the page.
        size: of the window.
        dark: in the dark theme.
        press: keys that are pressed first.
        part: element that the window is scrolled to; "" for the top.
    """

    name: str
    path: str
    size: tuple[int, int] = WIDE
    dark: bool = False
    press: str = ""
    part: str = ""


SHOTS = (
    Shot("overview", "/"),
    Shot("overview-dark", "/", dark=True),
    Shot("queue", "/campaigns"),
    Shot("campaign", f"/campaigns/{CAMPAIGN}"),
    Shot("campaign-dark", f"/campaigns/{CAMPAIGN}", dark=True),
    Shot("campaign-phone", f"/campaigns/{CAMPAIGN}", size=PHONE),
    Shot("decide", f"/campaigns/{CAMPAIGN}", press="e"),
    Shot("requests", f"/campaigns/{CAMPAIGN}", part="#requests"),
    Shot("similar", f"/campaigns/{CAMPAIGN}", part="#similar"),
    Shot("members", f"/campaigns/{CAMPAIGN}/members"),
    Shot("ties", f"/campaigns/{CAMPAIGN}/ties"),
    Shot("members-phone", f"/campaigns/{CAMPAIGN}/members", size=PHONE),
    Shot("account", "/accounts?verdict=act", press="j Enter"),
    Shot("search", "/search?for=queue"),
    Shot("groups", "/groups"),
    Shot("sources", "/sources"),
)


def main() -> int:
    """Take all pictures; the exit code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        words = [sys.executable, "-m", "stillhunt", "demo", "--serve", "--quiet", "--listen", LISTEN]
        with subprocess.Popen([*words, "--out", f"{made}/demo"], stderr=subprocess.PIPE, text=True) as served:  # noqa: S603 - our own program
            try:
                address = next(found[0] for line in served.stderr or () if (found := re.findall(r"http://\S+", line)))
                with sync_playwright() as play:
                    browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                    for shot in SHOTS:
                        take(browser, address, shot)
            finally:
                served.terminate()
    return 0


def take(browser: Browser, address: str, shot: Shot) -> None:
    """Take one picture.

    Args:
        browser: that is running.
        address: of the console, with its key.
        shot: which.
    """
    width, height = shot.size
    theme = "dark" if shot.dark else "light"
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme, timezone_id="UTC")
    page = context.new_page()
    page.goto(address)
    page.goto(address.partition("/?")[0] + shot.path)
    for key in shot.press.split():
        page.keyboard.press(key)
        page.wait_for_load_state("networkidle")
    if shot.part:
        page.locator(shot.part).scroll_into_view_if_needed()
        page.evaluate("part => document.querySelector(part).scrollIntoView()", shot.part)
    settle(page)
    page.screenshot(path=FOLDER / f"{shot.name}.png")
    context.close()
    print(shot.name)


def settle(page: Page) -> None:
    """Wait until charts and graphs are drawn."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(700)


if __name__ == "__main__":
    sys.exit(main())
