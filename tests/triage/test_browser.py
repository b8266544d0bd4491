"""The report in a real browser: quiet console, no network, charts drawn, hostile text inert, print and dark."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .fixtures import demo_case
from .test_report import hostile_case

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists() and os.environ.get("STILLHUNT_REQUIRE_SERVICES") != "1":
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright  # slow to import, and only needed where the browser is

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """One opened report, with all that it logged and asked for."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda _: self.complaints.append("dialog"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_load_state("networkidle")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(demo_case().report(), encoding="utf-8")
    return path


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (800, "light"), (400, "dark")])
def test_opens_quietly_and_draws(browser: Any, report: Path, tmp_path: Path, scheme: str, width: int) -> None:
    visit = Visit(browser, report, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = visit.page
    assert visit.complaints == []
    assert visit.asked == [report.as_uri()]
    assert page.locator(".chart svg").count() == 6
    assert page.locator(".chart.timeline svg path").count() > 100
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(251, 250, 247)" if scheme == "light" else "rgb(20, 23, 26)")
    shot = page.screenshot(path=tmp_path / "shot.png", full_page=True)
    assert len(shot) > 50_000
    page.close()


def test_hostile_report_is_inert(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(hostile_case().report(), encoding="utf-8")
    visit = Visit(browser, path)
    page = visit.page
    page.locator("button.show-all").first.click()
    page.locator(".members th").first.click()
    page.mouse.move(640, 400)
    assert page.evaluate("window.owned") is None
    assert page.locator("img").count() == 0
    assert page.locator(".chart svg").count() == 6
    assert visit.complaints == []
    assert visit.asked == [path.as_uri()]
    page.close()


def test_policy_stops_what_is_injected(browser: Any, tmp_path: Path) -> None:
    """The second lock: even if escaping failed one day, the page's policy would not run foreign script."""
    path = tmp_path / "broken.html"
    evil = "<script>window.owned = 1</script><img src=x onerror='window.owned = 1'><style>body{display:none}</style>"
    path.write_text(demo_case().report().replace("<main", evil + "<main", 1), encoding="utf-8")
    visit = Visit(browser, path)
    assert visit.page.evaluate("window.owned") is None
    assert visit.page.evaluate("getComputedStyle(document.body).display") == "block"
    assert any("Content Security Policy" in complaint for complaint in visit.complaints)
    visit.page.close()


def test_members_sort_and_show_all(browser: Any, report: Path) -> None:
    visit = Visit(browser, report)
    table = visit.page.locator("table.members").first
    rows = table.locator("tbody tr")
    assert rows.count() == 50
    table.locator("th", has_text="Account").click()
    assert rows.first.locator("td").first.inner_text() == "91c2-acct-0000"
    table.locator("th", has_text="Account").press("Enter")
    assert rows.first.locator("td").first.inner_text() == "91c2-acct-0119"
    visit.page.locator("button.show-all").first.click()
    assert rows.count() == 120
    assert rows.last.locator("td").first.inner_text() == "91c2-acct-0000"
    assert visit.complaints == []
    visit.page.close()


def test_script_shows_numbers_as_the_page_does(browser: Any, report: Path) -> None:
    """Rows that the script adds must read like those that the template wrote."""
    visit = Visit(browser, report)
    table = visit.page.locator("table.members").first
    before = sorted(table.locator("tbody tr").all_inner_texts())
    visit.page.locator("button.show-all").first.click()
    assert set(before) <= set(table.locator("tbody tr").all_inner_texts())
    visit.page.close()


def test_tooltip_is_plain_text(browser: Any, report: Path) -> None:
    visit = Visit(browser, report)
    chart = visit.page.locator(".chart.timeline").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    chart.locator(".tip", has_text="active accounts").wait_for(timeout=5000)
    assert visit.complaints == []
    visit.page.close()


def test_all_text_is_there_without_scripts(browser: Any, report: Path) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(report.as_uri())
    text = page.locator("body").inner_text()
    for wanted in (
        "The timeline as a table",
        "The first 50 of 120 members",
        "91c2-acct-0110",
        "Log2 odds after all",
    ):
        assert wanted in text
    assert page.locator(".chart").first.is_hidden()
    assert page.locator("button.show-all").first.is_hidden()
    page.close()


def test_prints_light_with_whole_charts(browser: Any, report: Path) -> None:
    visit = Visit(browser, report, color_scheme="dark")
    document = visit.page.pdf(format="A4", print_background=True)
    assert document.startswith(b"%PDF")
    assert 6 <= document.count(b"/Type /Page\n") + document.count(b"/Type /Page ") <= 20
    visit.page.emulate_media(media="print", color_scheme="dark")
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    drawn = visit.page.evaluate(  # in one go: a printer does not wait for the next frame either
        """() => {
            dispatchEvent(new Event("beforeprint"));
            const charts = [...document.querySelectorAll(".chart svg")];
            return charts.map((svg) => [svg.getAttribute("viewBox"), svg.getBBox().width]);
        }"""
    )
    assert all(box.startswith("0 0 690 ") and width <= 691 for box, width in drawn)
    assert visit.complaints == []
    visit.page.close()
