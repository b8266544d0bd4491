"""The report in a real browser: quiet console, no network, charts drawn, hostile text inert, print and dark."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .fixtures import demo_case
from .test_report import hostile_case, large_case, renamed

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

    def settle(self) -> None:
        """Wait half a second in which nothing is asked for."""
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
    visit.settle()
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
    table = page.locator("table.members").first
    table.locator("th").first.click()
    choices = page.locator(".tools").first.locator("select").all()
    assert len(choices) == 4  # verdict, plan, client, country
    for choice in choices:
        choice.select_option(index=1)
        assert table.locator("tbody tr td:nth-child(2)").count() > 0
        choice.select_option(index=0)
    page.locator(".tools input").first.fill("<img src=x onerror")
    assert table.locator("tbody tr").count() > 1
    assert table.locator("td").first.inner_text().startswith("</script><script>window.owned=1</script><img src=x")
    page.locator(".tools .copy-all").first.click()
    page.locator("summary").first.click()
    page.locator("button.copy").first.click()
    page.mouse.move(640, 400)
    assert page.evaluate("window.owned") is None
    assert page.locator("img").count() == 0
    assert page.locator(".chart svg").count() == 6
    visit.settle()
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


def test_members_are_ordered_and_paged(browser: Any, report: Path) -> None:
    visit = Visit(browser, report)
    part = visit.page.locator("section.membership").first
    rows = part.locator("tbody tr")
    assert (rows.count(), part.locator(".dt-info").inner_text()) == (50, "1 to 50 of 120 accounts")
    account = part.locator("th", has_text="Account")
    account.locator("[role=button]").click()
    part.locator("tr:first-child td:first-child", has_text="91c2-acct-0000").wait_for(timeout=5000)
    assert account.get_attribute("aria-sort") == "ascending"
    account.locator("[role=button]").press("Enter")
    part.locator("tr:first-child td:first-child", has_text="91c2-acct-0119").wait_for(timeout=5000)
    assert account.get_attribute("aria-sort") == "descending"
    part.get_by_label("on a page").select_option("All")
    assert rows.count() == 120
    assert visit.complaints == []
    visit.page.close()


def test_bounds_of_probability_are_in_order(browser: Any, report: Path) -> None:
    visit = Visit(browser, report)
    part = visit.page.locator("section.membership").first
    button = part.locator("th", has_text="Probability").locator("[role=button]")
    sure = part.locator("tr:first-child td:nth-child(3)", has_text="at least 98 %")
    button.click()  # descending, as it was
    button.click()
    sure.wait_for(state="detached", timeout=5000)
    shown = part.locator("tbody td:nth-child(3)").all_inner_texts()
    assert shown == sorted(shown, key=lambda text: float(text.removeprefix("at least ").removesuffix(" %")))
    button.click()
    sure.wait_for(timeout=5000)
    shown = part.locator("tbody td:nth-child(3)").all_inner_texts()
    bounds = shown.count("at least 98 %")
    assert shown[:bounds] == ["at least 98 %"] * bounds
    assert shown[bounds:] == sorted(shown[bounds:], key=lambda text: -float(text.removesuffix(" %")))
    visit.page.close()


def test_members_are_searched_and_filtered(browser: Any, report: Path) -> None:
    visit = Visit(browser, report)
    part = visit.page.locator("section.membership").first
    info, search = part.locator(".dt-info"), part.get_by_label("Search")
    search.fill("acct-0007")
    assert info.inner_text() == "1 to 1 of 1 accounts (of 120)"
    search.fill("")
    part.get_by_role("combobox", name="Plan").select_option("pro")  # and not pro-plus
    assert info.inner_text().startswith("1 to 50 of 60 accounts")
    part.get_by_role("combobox", name="Country").select_option("IN")
    assert info.inner_text() == "1 to 12 of 12 accounts (of 120)"
    assert set(part.locator("tbody td:last-child").all_inner_texts()) == {"NL; IN"}
    assert visit.complaints == []
    visit.page.close()


def test_ids_are_copied(browser: Any, report: Path) -> None:
    visit = Visit(browser, report)
    page = visit.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    part = page.locator("section.membership").first
    part.get_by_label("Search").fill("acct-000")
    part.get_by_role("button", name="Copy all 10 ids").click()
    page.locator("#said", has_text="10 account ids copied").wait_for(timeout=5000)
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert sorted(lines) == [f"91c2-acct-{number:04d}" for number in range(10)]
    page.locator("summary", has_text="3 of 311 requests").click()
    page.locator("details[open]").get_by_role("button", name="Copy ids").click()
    page.locator("#said", has_text="3 ids copied").wait_for(timeout=5000)
    assert page.evaluate("navigator.clipboard.readText()").splitlines() == [f"req-failover-00{n}" for n in range(3)]
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no clipboard here')); }")
    part.get_by_role("button", name="Copy all 10 ids").click()
    page.locator("#said", has_text="10 account ids copied").wait_for(timeout=5000)
    assert page.evaluate("navigator.clipboard.readText()").splitlines() == lines
    page.close()


def test_flagged_ids_are_copied_by_themselves(browser: Any, report: Path) -> None:
    visit = Visit(browser, report)
    page = visit.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    part = page.locator("section.membership").nth(1)
    verdicts = part.locator("tbody td:nth-child(2)")
    part.get_by_label("on a page").select_option("All")
    flagged = verdicts.all_inner_texts().count("act")
    assert 1 < flagged < verdicts.count()
    assert part.get_by_role("button", name=f"Copy all {verdicts.count()} ids").count() == 1
    part.get_by_role("button", name=f"Copy {flagged} flagged ids").click()
    page.locator("#said", has_text=f"{flagged} account ids copied").wait_for(timeout=5000)
    assert len(page.evaluate("navigator.clipboard.readText()").splitlines()) == flagged
    part.get_by_role("combobox", name="Verdict").select_option("review")
    assert part.get_by_role("button", name="Copy 0 flagged ids").is_disabled()
    only = page.locator("section.membership").nth(2)  # one verdict alone is offered, too
    assert only.get_by_role("combobox", name="Verdict").locator("option").all_inner_texts() == ["all", "review"]
    assert visit.complaints == []
    page.close()


def test_ids_are_copied_and_downloaded_as_they_are(browser: Any, tmp_path: Path) -> None:
    names = {"91c2-acct-0000": f"acct-{'x' * 400}-end", "91c2-acct-0001": "  acct y\u3000", "91c2-acct-0002": "%1|2;=3"}
    path = tmp_path / "ids.html"
    path.write_text(renamed(names).report(), encoding="utf-8")
    visit = Visit(browser, path)
    page = visit.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    part = page.locator("section.membership").first
    part.get_by_role("button", name="Copy all 120 ids").click()
    page.locator("#said", has_text="120 account ids copied").wait_for(timeout=5000)
    assert set(names.values()) <= set(page.evaluate("navigator.clipboard.readText()").split("\n"))
    with page.expect_download() as download:
        part.get_by_role("button", name="Download CSV").click()
    text = Path(download.value.path()).read_bytes().decode("utf-8-sig")
    written = {row[0] for row in csv.reader(io.StringIO(text, newline=""))}
    assert {names["91c2-acct-0000"], names["91c2-acct-0001"], "%1|2;'=3"} <= written  # as export writes them
    page.close()


def test_csv_has_the_filtered_accounts_and_no_formula(browser: Any, tmp_path: Path) -> None:
    names = {
        "91c2-acct-0000": "=cmd|'/c calc'!A1",
        "91c2-acct-0001": '+1,"two"',
        "91c2-acct-0002": "@SUM(1)\r\nnext",
        "91c2-acct-0003": "-2+3",
        "91c2-acct-0004": "\u202e\u05d0\u05d1 <b>&amp;",
        "91c2-acct-0005": " =1+1",
    }
    path = tmp_path / "formulas.html"
    path.write_text(renamed(names).report(), encoding="utf-8")
    visit = Visit(browser, path)
    part = visit.page.locator("section.membership").first
    part.get_by_role("combobox", name="Client").select_option("curl")
    with visit.page.expect_download() as download:
        part.get_by_role("button", name="Download CSV").click()
    assert download.value.suggested_filename == "stillhunt-hunt-7f3a91c2-members.csv"
    text = Path(download.value.path()).read_bytes().decode("utf-8-sig")
    head, *rows = list(csv.reader(io.StringIO(text, newline="")))
    assert head[:3] == ["Account", "Verdict", "Probability"]
    assert {row[head.index("Client")] for row in rows} == {"curl"}
    assert len(rows) == 40
    part.get_by_role("combobox", name="Client").select_option("all")
    with visit.page.expect_download() as download:
        part.get_by_role("button", name="Download CSV").click()
    text = Path(download.value.path()).read_bytes().decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert len(rows) == 120
    assert not [cell for row in rows for cell in row if re.match(r"\s*[=+\-@]", cell)]
    shown = {row[0] for row in rows}
    assert {"'=cmd|'/c calc'!A1", '\'+1,"two"', "'@SUM(1)\\x0d\\x0anext", "'-2+3"} <= shown
    assert "\\u202e\u05d0\u05d1 <b>&amp;" in shown
    assert visit.complaints == []
    visit.page.close()


def test_ids_of_any_kind_stay_in_their_cell(browser: Any, tmp_path: Path) -> None:
    names = {"91c2-acct-0000": "x" * 5000, "91c2-acct-0001": "\u05d0\u05d1\u05d2-17", "91c2-acct-0002": "a\x00b\x1b[2J"}
    path = tmp_path / "ids.html"
    path.write_text(renamed(names).report(), encoding="utf-8")
    visit = Visit(browser, path, viewport={"width": 390, "height": 900})
    page = visit.page
    part = page.locator("section.membership").first
    part.get_by_label("on a page").select_option("All")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cells = part.locator("tbody td:first-child").all_inner_texts()
    assert "a\\x00b\\x1b[2J" in cells
    assert max(len(text) for text in cells) == 200
    turned = part.locator("td", has_text="\u05d0\u05d1\u05d2-17")
    assert turned.evaluate("cell => getComputedStyle(cell).unicodeBidi") == "plaintext"
    assert visit.complaints == []
    page.close()


def test_campaign_of_twenty_thousand_opens_fast_and_pages(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "large.html"
    path.write_text(large_case(20_000).report(), encoding="utf-8")
    assert path.stat().st_size < 6_000_000
    visit = Visit(browser, path)
    page = visit.page
    part = page.locator("section.membership").first
    opened = page.evaluate("performance.getEntriesByType('navigation')[0].domInteractive")
    assert opened < 20_000  # milliseconds; about 1,000 on a quiet machine
    part.locator("h3").scroll_into_view_if_needed()
    part.locator("table.ready").wait_for(timeout=60_000)
    assert part.locator(".dt-info").inner_text() == "1 to 50 of 20,000 accounts"
    part.get_by_role("link", name="Last").click()
    assert part.locator(".dt-info").inner_text() == "19,951 to 20,000 of 20,000 accounts"
    assert part.locator("tbody tr").count() == 50
    part.get_by_label("on a page").select_option("1000")
    assert part.locator("tbody tr").count() == 1000
    part.get_by_label("Search").fill("000000000000012f")
    assert part.locator(".dt-info").inner_text() == "1 to 1 of 1 accounts (of 20,000)"
    assert visit.complaints == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_shows_verdicts_whole_and_scrolls_tables_in_their_boxes(browser: Any, report: Path, scheme: str) -> None:
    visit = Visit(browser, report, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page = visit.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = page.evaluate("[...document.querySelectorAll('.verdict')].map((v) => v.getBoundingClientRect().toJSON())")
    assert len(boxes) == 6
    assert all(box["width"] > 30 and box["left"] >= 0 and box["right"] <= 390 for box in boxes)
    outside = page.evaluate(
        """[...document.querySelectorAll("table")].filter((table) => {
            const box = table.closest(".scroll, .dt-layout-table");
            return table.getBoundingClientRect().right > 391 && !(box && getComputedStyle(box).overflowX === "auto");
        }).length"""
    )
    assert outside == 0
    page.close()


def test_tables_and_controls_work_for_keyboards_and_screen_readers(browser: Any, report: Path) -> None:
    visit = Visit(browser, report)
    page = visit.page
    assert page.evaluate("[...document.querySelectorAll('thead th')].every((head) => head.scope === 'col')")
    assert page.evaluate("[...document.querySelectorAll('input, select')].every((one) => one.labels.length === 1)")
    assert page.evaluate("[...document.querySelectorAll('button')].every((one) => one.textContent.trim())")
    regions = "[...document.querySelectorAll('[role=region]')]"
    assert page.evaluate(f"{regions}.every((one) => one.ariaLabel || one.hasAttribute('aria-labelledby'))")
    part = page.locator("section.membership").first
    part.get_by_label("Search").focus()
    for wanted in ("SELECT", "SELECT", "SELECT", "SELECT", "SELECT", "BUTTON", "BUTTON", "BUTTON"):
        page.keyboard.press("Tab")
        tag, outline = page.evaluate(
            "[document.activeElement.tagName, getComputedStyle(document.activeElement).outline]"
        )
        assert tag == wanted
        assert "2px" in outline
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className").startswith("dt-layout-row dt-layout-table")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "button"
    page.close()


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
        *(f"91c2-acct-{number:04d}" for number in range(120)),
        "Log2 odds after all",
    ):
        assert wanted in text
    assert page.locator(".chart").first.is_hidden()
    assert page.locator(".tools").first.is_hidden()
    assert page.locator("button:visible").count() == 0
    page.close()


def test_prints_light_with_whole_charts(browser: Any, report: Path) -> None:
    visit = Visit(browser, report, color_scheme="dark")
    document = visit.page.pdf(format="A4", print_background=True)
    assert document.startswith(b"%PDF")
    assert 6 <= document.count(b"/Type /Page\n") + document.count(b"/Type /Page ") <= 40
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


def test_prints_every_member_and_all_evidence(browser: Any, report: Path) -> None:
    visit = Visit(browser, report)
    page = visit.page
    part = page.locator("section.membership").first
    part.get_by_label("Search").fill("acct-0007")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert part.locator("tbody tr:visible").count() == 120
    assert page.locator("details.cited code", has_text="req-failover-002").is_visible()
    assert page.locator(".tools:visible, button:visible, .contents:visible, .dt-paging:visible").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert part.locator("tbody tr").count() == 1
    assert not page.locator("details.cited code", has_text="req-failover-002").is_visible()
    assert visit.complaints == []
    page.close()


def test_prints_every_member_without_scripts(browser: Any, report: Path) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(report.as_uri())
    page.emulate_media(media="print")
    assert page.locator("section.membership").first.locator("tbody tr:visible").count() == 120
    page.close()
