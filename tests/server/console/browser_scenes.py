"""The console in a real browser: servers of it, pages that must not complain, and hands that work on them."""

from __future__ import annotations

import os
import re
import socket
import threading
from asyncio import Runner
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from server.console.console_scenes import COOKIE, Scene, open_scene
from stillhunt.watch.database import store
from stillhunt_server.console.snapshot import CaseSource
from stillhunt_server.people.users import find_user
from stillhunt_server.server import server_of

CHROMIUM = Path("/usr/bin/chromium")
WATCHED = """(() => {
  window.refused = []; window.shifted = 0;
  document.addEventListener('securitypolicyviolation',
    (event) => refused.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) shifted += one.value;
  }).observe({ type: 'layout-shift', buffered: true });
})()"""
"""Run in every page before its own scripts: what the policy refused, and how far the page jumped."""
STEPS = """(part) => {
  const all = [...document.querySelectorAll('a[href], button, input, select, summary, textarea, [tabindex]')]
    .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility({ visibilityProperty: true }));
  const steps = all.indexOf(part) - all.indexOf(document.activeElement);
  return steps > 1 ? [steps - 1] : [];
}"""
"""How often Tab should be pressed until the focus is one part before this one; it is looked at from there on."""


@contextmanager
def database_for_this_thread() -> Iterator[None]:
    """Let the thread of the test use the database: it has an event loop, which is the browser's and serves nobody."""
    refuse, here = store._refuse_event_loops, threading.get_ident()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_refuse_event_loops", lambda: None if threading.get_ident() == here else refuse())
        yield


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser; tests are skipped where there is none."""
    if not CHROMIUM.exists() and os.environ.get("STILLHUNT_REQUIRE_SERVICES") != "1":
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright  # slow to import, and only needed where the browser is

    with sync_playwright() as playwright, database_for_this_thread():
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page of one reader, with everything that it complained about but for what a test expects."""

    page: Any
    address: str
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    expected: str = "nothing"

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear what the page complains about."""
        host = urlsplit(self.address).netloc
        heard: dict[str, Any] = {
            "console": lambda message: self.complaints.append(f"{message.type}: {message.text}"),
            "pageerror": lambda error: self.complaints.append(str(error)),
            "request": lambda one: self.strangers.extend([one.url] * (urlsplit(one.url).netloc != host)),
        }
        for event, hear in heard.items():
            self.page.on(event, hear)
        yield
        for event, hear in heard.items():
            self.page.remove_listener(event, hear)

    def go(self, path: str, status: int = 200) -> Any:
        """Open a page of the console."""
        answer = self.page.goto(self.address + path)
        assert answer.status == status, (path, answer.status)
        return answer

    def quiet(self) -> list[str]:
        """Complaints since the last time, and what the policy refused on this page."""
        self.page.wait_for_load_state()  # a test may end with a click that leads to another page
        found = [*self.complaints, *self.page.evaluate("window.refused ?? []"), *self.strangers]
        if self.page.evaluate("window.pwned"):
            found.append("a script of a log ran")
        self.complaints.clear()
        self.strangers.clear()
        return [one for one in found if self.expected not in one]


DESKTOP = {"width": 1280, "height": 900}


class Tabs:
    """Tabs of a browser, each with cookies of its own; one that is given back is emptied, and serves the next visit.

    A new one costs the browser a second of processor time, as much as six pages.

    Args:
        script: run in every page before its own scripts.
        timezone: of the reader.
    """

    def __init__(self, browser: Any, script: str, timezone: str = "") -> None:
        self._browser, self._script, self._timezone = browser, script, timezone
        self._idle: list[Any] = []

    @contextmanager
    def page(
        self, *, scripts: bool = True, timezone: str = "", dark: bool = False, size: Any = DESKTOP
    ) -> Iterator[Any]:
        """An empty page; one whose test fails is not used again.

        Args:
            scripts: whether those of pages run.
            timezone: of the reader; that of all tabs where it is empty.
            dark: whether the reader wants the dark theme.
            size: width and height in pixels.
        """
        page = self._idle.pop() if self._idle else self._made()
        page.set_viewport_size(size)
        page.emulate_media(color_scheme="dark" if dark else "light")
        overrides = page.context.new_cdp_session(page)
        if zone := timezone or self._timezone:
            overrides.send("Emulation.setTimezoneOverride", {"timezoneId": zone})
        if not scripts:
            overrides.send("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            yield page
        except BaseException:
            page.context.close()
            raise
        page.evaluate("() => { try { sessionStorage.clear(); } catch { /* a page of no origin has none */ } }")
        overrides.detach()
        origin = urlsplit(page.url)._replace(path="", query="", fragment="").geturl()
        page.goto("about:blank")
        with_storage = page.context.new_cdp_session(page)
        with_storage.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "local_storage"})
        with_storage.detach()
        page.context.clear_cookies()
        page.context.clear_permissions()
        self._idle.append(page)

    def _made(self) -> Any:
        context = self._browser.new_context()
        context.set_default_timeout(15_000)
        context.add_init_script(self._script)
        return context.new_page()


@dataclass
class Site:
    """A running console."""

    address: str
    scene: Scene
    browser: Any

    def __post_init__(self) -> None:
        self._tabs = Tabs(self.browser, WATCHED)

    @contextmanager
    def visit(self, name: str = "", **options: Any) -> Iterator[Visit]:
        """A page of somebody of PEOPLE, or of a stranger where no name is given; at its end it must be quiet."""
        with self._tabs.page(**options) as page:
            if name:
                user = find_user(self.scene.database, name)
                assert user is not None
                cookie = self.scene.people.sessions.begin(user.user_id)
                page.context.add_cookies([{"name": COOKIE, "value": cookie, "url": self.address}])
            visit = Visit(page, self.address)
            with visit.listening():
                yield visit
                if options.get("scripts", True):
                    noise = visit.quiet()
                    assert noise == [], noise


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of a running server of an application."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    server = server_of(app, listen)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    try:
        yield f"http://{listen}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def site_on(folder: Path, source: CaseSource, template: Path, browser: Any, **parts: Any) -> Iterator[Site]:
    """A running console on a case, with a copy of a database."""
    scene = open_scene(folder, template, source, Runner(), **parts)
    with served(scene.app) as address:
        yield Site(address, scene, browser)
    scene.database.close()


class Mouse:
    """Works on a page by pointing and clicking."""

    name = "mouse"

    def __init__(self, page: Any) -> None:
        self.page = page

    def press(self, part: Any) -> None:
        """Follow a link, push a button, open a fold, set a tick."""
        part.click()

    def write(self, part: Any, text: str) -> None:
        """Type a text into a field, over what stands there."""
        part.click(click_count=3)
        self.page.keyboard.insert_text(text)

    def choose(self, part: Any, value: str) -> None:
        """Choose a value of a list."""
        part.select_option(value)


class Keys(Mouse):
    """The same by keyboard alone."""

    name = "keys"
    MOST = 250

    def reach(self, part: Any) -> None:
        """Press Tab until the part has the focus, as it must be seen to have."""
        wanted = part.element_handle()
        for times in (*self.page.evaluate(STEPS, wanted), *[1] * self.MOST):
            if self.page.evaluate("(part) => document.activeElement === part", wanted):
                break
            for _ in range(times):
                self.page.keyboard.press("Tab")
        else:
            pytest.fail(f"Tab does not lead to {part}")
        outline = self.page.evaluate("(part) => getComputedStyle(part).outlineStyle", wanted)
        assert outline != "none", f"the focus on {part} is not seen"

    def press(self, part: Any) -> None:
        self.reach(part)
        role = part.evaluate("(part) => part.type === 'checkbox' ? 'Space' : 'Enter'")
        self.page.keyboard.press(role)

    def write(self, part: Any, text: str) -> None:
        self.reach(part)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    def choose(self, part: Any, value: str) -> None:
        self.reach(part)
        self.page.keyboard.press("Home")
        while part.input_value() != value:
            before = part.input_value()
            self.page.keyboard.press("ArrowDown")
            assert part.input_value() != before, f"there is no {value}"


def paths_in(page: Any) -> list[str]:
    """Where the links of a page lead that hold a number, a few of each kind."""
    hrefs: list[str] = page.evaluate(
        """[...document.querySelectorAll("main a[href]:not([download])")]
          .filter((link) => /\\d/.test(link.textContent) && link.origin === location.origin)
          .map((link) => link.pathname + link.search)"""
    )
    kinds: dict[str, list[str]] = {}
    for href in dict.fromkeys(hrefs):
        kinds.setdefault(re.sub(r"(?<=/)[^/?]*\d[^/?]*|(?<==)[^&]*", "*", href), []).append(href)
    return [href for found in kinds.values() for href in (found[0], found[-1])]
