"""The console's scripts in a real browser, on a small page with the policy that the console sends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from server.console.accessible import violations
from server.console.browser_scenes import Tabs, Visit, chromium
from server.console.script_pages import Site, site_of_scripts

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with site_of_scripts() as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def tabs(browser: Any) -> Tabs:
    refused = "document.addEventListener('securitypolicyviolation', (e) => console.error(e.sample))"
    return Tabs(browser, refused, "Asia/Kolkata")


@contextmanager
def opened(tabs: Tabs, site: Site, path: str = "/", **options: Any) -> Iterator[Any]:
    """A page that must not complain: neither errors nor anything that the policy refused, to its end."""
    with tabs.page(**options) as page:
        visit = Visit(page, site.address)
        with visit.listening():
            page.goto(site.address + path)
            yield page
            assert page.evaluate("window.owned") is None
            assert visit.complaints == []


def test_policy_of_this_page_refuses_inline_style(tabs: Tabs, site: Site) -> None:
    with pytest.raises(AssertionError, match="inline style"), opened(tabs, site) as page:
        page.evaluate("document.body.innerHTML = '<p style=\"color: red\">x</p>'")


def test_times_are_in_the_zone_of_the_reader(tabs: Tabs, site: Site) -> None:
    with opened(tabs, site) as page:
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


def test_everything_is_readable_without_scripts(tabs: Tabs, site: Site) -> None:
    with opened(tabs, site, scripts=False) as page:
        assert page.locator("#when").inner_text() == "2026-05-01 23:30 UTC"
        assert page.locator(".js-only:visible").count() == 0
        site.posted.clear()
        page.locator("summary").click()
        page.locator("#dismiss").click()
        assert site.posted == ["version=3&why=&verdict=dismiss"]


def test_rows_are_walked_and_opened_by_keys(tabs: Tabs, site: Site) -> None:
    with opened(tabs, site) as page:
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


def test_keys_lead_to_fields_and_pages_and_never_while_typing(tabs: Tabs, site: Site) -> None:
    with opened(tabs, site) as page:
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


def test_clicks_on_a_row_follow_its_link_and_selected_text_stays(tabs: Tabs, site: Site) -> None:
    with opened(tabs, site) as page:
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


def test_theme_is_kept_and_set_before_the_first_paint(tabs: Tabs, site: Site) -> None:
    with opened(tabs, site) as page:
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


def test_exact_text_is_copied_with_and_without_a_clipboard(tabs: Tabs, site: Site) -> None:
    with opened(tabs, site) as page:
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


def test_unsaved_text_is_not_left_behind_silently(tabs: Tabs, site: Site) -> None:
    with opened(tabs, site) as page:
        asked: list[str] = []
        stay = lambda dialog: (asked.append(dialog.type), dialog.dismiss())  # noqa: E731 - taken off below
        page.on("dialog", stay)
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
        page.remove_listener("dialog", stay)


def test_questions_come_before_a_post(tabs: Tabs, site: Site) -> None:
    with opened(tabs, site) as page:
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


def test_charts_are_drawn_from_their_tables(tabs: Tabs, site: Site) -> None:
    with opened(tabs, site, "/charts", size={"width": 1000, "height": 2400}) as page:
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


def test_graph_grows_by_steps_that_keys_can_take_and_is_drawn_alike_each_time(tabs: Tabs, site: Site) -> None:
    seen = []
    for _ in range(2):
        with opened(tabs, site, "/graph") as page:
            page.locator(".graph[data-drawn='17']").wait_for(timeout=5000)
            cy = "document.querySelector('.graph').graph.cy"
            assert page.evaluate(f"{cy}.edges()[0].style('curve-style')") == "straight"  # others end by chance
            page.get_by_label("Node").select_option("g0")
            assert page.locator("[data-node-said]").inner_text() == "2 members"
            page.get_by_role("button", name="Add accounts (2)").press("Enter")
            page.locator(".graph[data-drawn='19']").wait_for(timeout=5000)
            seen.append(page.evaluate(f"{cy}.nodes().map((one) => [one.id(), one.position('x'), one.position('y')])"))
            page.get_by_label("Node").select_option("a2")
            assert page.get_by_role("link").all_inner_texts() == [], "its address is a script"
            page.get_by_label("Node").select_option("g0")
            page.get_by_role("button", name="Collapse").press("Enter")
            page.locator(".graph[data-drawn='17']").wait_for(timeout=5000)
            page.get_by_label("Node").select_option("t3")
            page.get_by_role("button", name="Hide").press("Enter")
            page.locator(".graph[data-drawn='16']").wait_for(timeout=5000)
            page.locator(".graph").scroll_into_view_if_needed()
            box, place = page.locator(".graph").bounding_box(), page.evaluate(f"{cy}.$id('g1').renderedPosition()")
            page.mouse.click(box["x"] + place["x"] + 3, box["y"] + place["y"])
            assert page.get_by_label("Node").input_value() == "g1"
            assert violations(page) == []
    assert seen[0] == seen[1]
    assert len({(math.floor(x), math.floor(y)) for _, x, y in seen[0]}) == 19


def test_libraries_are_loaded_when_the_reader_comes_near(tabs: Tabs, site: Site) -> None:
    with opened(tabs, site, "/far") as page:
        page.wait_for_load_state("networkidle")
        assert page.locator("script[src*=cytoscape]").count() == 0
        page.locator("figure").scroll_into_view_if_needed()
        page.locator(".graph[data-drawn]").wait_for(timeout=5000)
        assert violations(page) == []
