"""The console's scripts in a real browser, on a small page with the policy that the console sends."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from accessible import violations
from script_pages import Site, site_of_scripts

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with site_of_scripts() as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists() and os.environ.get("STILLHUNT_REQUIRE_SERVICES") != "1":
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright  # slow to import, and only needed where the browser is

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, site: Site, path: str = "/", **options: Any) -> Iterator[Any]:
    """A page that must not complain: neither errors nor anything that the policy refused, to its end."""
    settings = {"timezone_id": "Asia/Kolkata", "viewport": {"width": 1280, "height": 900}, **options}
    context = browser.new_context(**settings)
    context.add_init_script("document.addEventListener('securitypolicyviolation', (e) => console.error(e.sample))")
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(site.address + path)
    yield page
    assert page.evaluate("window.owned") is None
    assert complaints == []
    context.close()


def test_policy_of_this_page_refuses_inline_style(browser: Any, site: Site) -> None:
    with pytest.raises(AssertionError, match="inline style"), opened(browser, site) as page:
        page.evaluate("document.body.innerHTML = '<p style=\"color: red\">x</p>'")


def test_times_are_in_the_zone_of_the_reader(browser: Any, site: Site) -> None:
    with opened(browser, site) as page:
        when = page.locator("#when")
        assert when.inner_text() == "2026-05-02 05:00 GMT+5:30"
        assert when.get_attribute("title") == "2026-05-01 23:30:00 UTC"
        assert page.locator("#seconds").inner_text() == "2026-05-02 05:00:09"
        assert page.locator("[data-zone]").inner_text() in ("Asia/Kolkata", "Asia/Calcutta")
        page.locator("#more").click()
        page.locator("#late", has_text="2026-05-02 05:30").wait_for(timeout=5000)
        page.keyboard.press("k")  # what htmx brought has keys, too
        assert page.evaluate("document.querySelector('.here a').id") == "row4"
        assert violations(page) == []


def test_everything_is_readable_without_scripts(browser: Any, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.address)
    assert page.locator("#when").inner_text() == "2026-05-01 23:30 UTC"
    assert page.locator(".js-only:visible").count() == 0
    site.posted.clear()
    page.locator("summary").click()
    page.locator("#dismiss").click()
    assert site.posted == ["version=3&why=&verdict=dismiss"]
    context.close()


def test_rows_are_walked_and_opened_by_keys(browser: Any, site: Site) -> None:
    with opened(browser, site) as page:
        here = "document.querySelector('tr.here a')?.id"
        for key, row in [("j", "row0"), ("j", "row1"), ("j", "row2"), ("j", "row2"), ("k", "row1")]:
            page.keyboard.press(key)
            assert page.evaluate(here) == row
        assert page.evaluate("document.querySelectorAll('tr.here').length") == 1
        assert page.evaluate("document.activeElement.matches(':focus-visible')")
        page.keyboard.press("Tab")  # the mark follows the focus, and the focus the mark
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Control+j")
        assert page.evaluate(here) in ("row1", "row2")
        page.keyboard.press("Enter")
        page.wait_for_url("**/row/1")


def test_keys_lead_to_fields_and_pages_and_never_while_typing(browser: Any, site: Site) -> None:
    with opened(browser, site) as page:
        page.keyboard.press("/")
        page.keyboard.type("jge?/o")
        assert page.locator("#search").input_value() == "jge?/o"
        assert page.locator("tr.here").count() == 0
        page.keyboard.press("Escape")
        page.keyboard.press("e")
        assert page.evaluate("document.activeElement.id") == "why"
        page.locator("h1").click()
        page.keyboard.press("?")
        assert page.locator("#keys").is_visible()
        page.keyboard.press("j")
        assert page.locator("tr.here").count() == 0
        page.keyboard.press("Escape")
        assert not page.locator("#keys").is_visible()
        page.keyboard.press("q")
        page.keyboard.press("g")
        page.keyboard.press("q")
        page.wait_for_url("**/queue")


def test_clicks_on_a_row_follow_its_link_and_selected_text_stays(browser: Any, site: Site) -> None:
    with opened(browser, site) as page:
        cell = page.locator("#rows tr").nth(2).locator("td").nth(1)
        box = cell.bounding_box()
        page.mouse.move(box["x"] + 3, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + 60, box["y"] + box["height"] / 2)
        page.mouse.up()
        assert page.evaluate("getSelection().toString()") != ""
        assert page.url == site.address + "/"
        with page.context.expect_page() as other:
            cell.click(modifiers=["Control"])
        assert other.value.url.endswith(("/row/2", "blank"))
        cell.click()
        page.wait_for_url("**/row/2")


def test_theme_is_kept_and_set_before_the_first_paint(browser: Any, site: Site) -> None:
    with opened(browser, site) as page:
        button = page.locator("button[data-theme]")
        theme = "document.documentElement.dataset.theme ?? 'system'"
        seen = []
        for _ in range(3):
            button.click()
            seen.append(page.evaluate(theme))
        assert seen == ["light", "dark", "system"]
        button.click()
        button.click()
        page.evaluate("sessionStorage.clear()")
        page.reload()
        assert page.evaluate(theme) == "dark"
        assert button.inner_text() == "Theme: dark"


def test_exact_text_is_copied_with_and_without_a_clipboard(browser: Any, site: Site) -> None:
    with opened(browser, site) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        read = "navigator.clipboard.readText()"
        page.locator("#copy").click()
        page.locator("#said", has_text="Copied").wait_for(timeout=5000)
        assert page.evaluate(read) == "acct 7"
        page.evaluate("""() => { navigator.clipboard.writeText('');
            navigator.clipboard.writeText = () => Promise.reject(new Error('none here')); said.textContent = ''; }""")
        page.locator("#copy").click()
        page.locator("#said", has_text="Copied").wait_for(timeout=5000)
        assert page.evaluate(read) == "acct 7"
        assert page.evaluate("getSelection().toString()") == "acct\\x00 7"


def test_unsaved_text_is_not_left_behind_silently(browser: Any, site: Site) -> None:
    with opened(browser, site) as page:
        asked: list[str] = []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        page.locator("summary").click()
        page.locator("#why").press_sequentially("because")
        with page.expect_event("dialog"):
            page.evaluate("location.assign('/queue')")
        assert asked == ["beforeunload"]
        site.posted.clear()
        page.locator("#watch").click()  # sent, so nothing is lost
        page.wait_for_url("**/decide")
        assert asked == ["beforeunload"]
        assert site.posted == ["version=3&why=because&verdict=watch"]


def test_questions_come_before_a_post(browser: Any, site: Site) -> None:
    with opened(browser, site) as page:
        site.posted.clear()
        page.locator("summary").click()
        page.locator("#dismiss").click()
        dialog = page.locator("dialog.confirm")
        assert dialog.locator("p").inner_text() == "Dismiss 3? {other}"  # a field; there is no other
        assert violations(page) == []
        page.keyboard.press("Enter")  # Cancel has the focus
        dialog.wait_for(state="detached", timeout=5000)
        page.locator("#post").click()  # htmx waits for the answer, too
        page.keyboard.press("Escape")
        dialog.wait_for(state="detached", timeout=5000)
        assert site.posted == []
        page.locator("#post").click()
        with page.expect_response("**/hx"):
            dialog.get_by_role("button", name="Post").click()
        assert site.posted == [""]
        page.locator("#dismiss").click()
        dialog.get_by_role("button", name="Dismiss").click()
        page.wait_for_url("**/decide")
        assert site.posted == ["", "version=3&why=&verdict=dismiss"]


def test_charts_are_drawn_from_their_tables(browser: Any, site: Site) -> None:
    with opened(browser, site, "/charts", viewport={"width": 1000, "height": 2400}) as page:
        for number in range(4):
            page.locator(".chart").nth(number).locator("svg").wait_for(timeout=5000)
        assert page.locator(".chart[data-chart=timeline] svg path[fill='var(--for)']").count() == 8
        assert page.locator(".chart[data-chart=load] svg path[stroke='var(--against)']").count() == 4
        assert page.locator(".chart svg text", has_text="Requests").count() >= 2
        middles = """[...document.querySelectorAll(".chart[data-chart=timeline] path[fill='var(--for)']")].map(
            (bar) => { const box = bar.getBBox(); return Math.round(box.x + box.width / 2); })"""
        in_its_day = [56 + 904 * (day + 0.5) / 8 for day in range(8)]
        assert page.evaluate(middles) == pytest.approx(in_its_day, abs=1)
        tip = page.locator(".tip:visible").first
        page.locator(".chart[data-chart=bars] path[fill='var(--for)']").last.hover()
        tip.filter(has_text="onerror=window.owned=1> 8").wait_for(timeout=5000)
        assert page.locator("img").count() == 0
        page.locator(".chart[data-chart=timeline] path[fill='var(--for)']").nth(3).hover()
        page.locator(".tip:visible", has_text="Requests: 28 asked").wait_for(timeout=5000)
        colored = "getComputedStyle(document.querySelector('.chart[data-chart=bars] path[fill=\"var(--for)\"]')).fill"
        light = page.evaluate(colored)
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        assert page.evaluate(colored) != light
        page.set_viewport_size({"width": 500, "height": 2400})
        page.locator(".chart[data-chart=bars] svg[width='468']").wait_for(timeout=5000)
        assert page.evaluate("document.documentElement.scrollWidth") <= 500
        page.locator(".chart[data-chart=timeline] path[fill='var(--for)']").last.click()
        page.wait_for_url("**/day/8")


def test_graph_is_drawn_alike_each_time_and_its_nodes_lead_to_their_pages(browser: Any, site: Site) -> None:
    seen = []
    for _ in range(2):
        with opened(browser, site, "/graph") as page:
            page.locator(".graph[data-drawn='190']").wait_for(timeout=5000)
            assert page.locator("figcaption").inner_text() == "150 of 2,000 accounts are drawn"
            cy = "document.querySelector('.graph')._cyreg.cy"
            seen.append(page.evaluate(f"{cy}.nodes().map((node) => [node.position('x'), node.position('y')])"))
            assert (
                page.evaluate(f"{cy}.edges()[0].style('curve-style')") == "straight"
            )  # others end where chance puts them
            whole = page.evaluate(f"{cy}.zoom()")
            page.locator("[data-zoom=in]").click()
            assert page.evaluate(f"{cy}.zoom()") > whole == 1
            page.locator("[data-zoom=out]").click()
            box = page.locator(".graph").bounding_box()
            for node in ("a0", "a1"):  # the address of the first is a script, which must not run
                place = page.evaluate(f"{cy}.$id('{node}').renderedPosition()")
                page.mouse.click(box["x"] + place["x"], box["y"] + place["y"])
            page.wait_for_url("**/account")
    assert seen[0] == seen[1]
    assert len({(math.floor(x), math.floor(y)) for x, y in seen[0]}) > 180


def test_libraries_are_loaded_when_the_reader_comes_near(browser: Any, site: Site) -> None:
    with opened(browser, site, "/far") as page:
        page.wait_for_load_state("networkidle")
        assert page.locator("script[src*=cytoscape]").count() == 0
        page.locator("figure").scroll_into_view_if_needed()
        page.locator(".graph[data-drawn]").wait_for(timeout=5000)
        assert violations(page) == []
