"""What users of OpenCTI ask of its investigations (issues of OpenCTI-Platform/opencti), done here in a real browser.

1865: how many there are is said before a node is expanded. 13613: one node is collapsed, and the others stay. 16927:
nodes are selected by their number of edges. 1660: all of one kind are selected at once, and seen as a list. 2233: what
was found goes from the graph into the case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from server.console.accessible import violations
from server.console.browser_scenes import Site, chromium, site_on
from server.console.conftest import Published
from server.console.console_scenes import ACT, OTHER
from stillhunt.decide.case_work import read_work
from stillhunt_server.casework.history import work_events
from stillhunt_server.console import queue_forms

pytestmark = pytest.mark.service
GRAPH = f"/campaigns/{ACT}/ties?view=graph"
NODES = "document.querySelector('.graph').graph.cy.nodes().map((one) => one.id()).sort()"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(browser: Any, published: Published, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A console whose database these tests change, each another part of it."""
    folder = tmp_path_factory.mktemp("wishes") / "data"
    with site_on(folder, published.source, published.folder.database, browser) as site:
        yield site


def expandable(page: Any, but: str = "") -> tuple[str, str, int]:
    """A node with a step, the words of the step, and how many it says that there are."""
    for node in page.evaluate(NODES):
        page.locator("select[data-node]").select_option(node)
        for words in page.locator("[data-steps] button").all_inner_texts():
            if node != but and (number := re.search(r"^Add .* \(([\d,]+)\)$", words)):
                return node, words, int(number[1].replace(",", ""))
    raise AssertionError("no node can be expanded")


def test_a_node_says_how_many_there_are_and_is_collapsed_by_itself(site: Site) -> None:
    with site.visit("anna") as visit:
        visit.go(GRAPH)
        page = visit.page
        page.locator(".graph[data-drawn]").wait_for()
        begun = page.evaluate(NODES)
        assert 0 < len(begun) <= 20, "it begins with few nodes"
        first, words, number = expandable(page)
        page.get_by_role("button", name=words).click()
        page.locator("[data-node-said]", has_text="added").wait_for()
        grown = page.evaluate(NODES)
        said = re.search(r"([\d,]+) nodes? added", page.locator("[data-node-said]").inner_text())
        assert said is not None
        assert len(grown) - len(begun) == int(said[1]) <= number
        _, words, _ = expandable(page, but=first)
        page.get_by_role("button", name=words).click()
        page.locator("[data-node-said]", has_text="added").wait_for()
        both = page.evaluate(NODES)
        page.locator("select[data-node]").select_option(first)
        page.get_by_role("button", name="Collapse").click()
        left = page.evaluate(NODES)
        assert set(left) == set(both) - (set(grown) - set(begun)), "what other nodes were expanded to stays"


def test_members_are_selected_by_edges_and_by_kind_and_go_into_the_case(site: Site) -> None:
    with site.visit("anna") as visit:
        visit.go(GRAPH)
        page = visit.page
        page.locator("summary", has_text="Choose by role").click()
        page.get_by_label("Edges, at least").fill("5")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**edges=5**")
        assert re.fullmatch(r"(All 120|[1-9]\d* of 120) members", page.locator("h1").inner_text())
        page.locator("summary", has_text="Choose by role").click()
        page.get_by_label("Edges, at least").fill("")
        role = page.get_by_label("Role").locator("option").nth(1).get_attribute("value")
        page.get_by_label("Role").select_option(role)
        page.get_by_role("button", name="Show").click()
        page.wait_for_url(f"**role={role}**")
        page.locator(".graph[data-drawn]").wait_for()
        number = page.locator("h1").inner_text().split(" of ")[0]
        page.locator("nav[aria-label='The same members, seen otherwise']").get_by_role("link", name="Members").click()
        page.wait_for_url("**/members?**")
        assert page.locator("h1").inner_text().split(" of ")[0] == number, "the list has those of the graph"
        page.go_back()
        page.locator("summary", has_text="Keep this investigation").click()
        page.get_by_label("Question").fill("Who are these?")
        page.get_by_label("Conclusion").fill("One kind of account.")
        page.get_by_role("button", name="Keep").click()
        page.locator("[data-done]").wait_for()
        (kept,) = [one for one in work_events(site.scene.database, ACT) if "investigation" in one.after]
        assert kept.after["investigation"]["question"] == "Who are these?"
        assert f"role={role}" in kept.after["investigation"]["address"]


def test_several_campaigns_are_acted_on_with_progress_and_taken_back(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(queue_forms, "AT_A_TIME", 1)
    with site.visit("anna") as visit:
        visit.go("/campaigns?verdict=act")
        page = visit.page
        for box in page.locator("tbody input[name=chosen]").all():
            box.check()
        page.locator("summary", has_text="Change those chosen").click()
        page.locator("select[name=what]").select_option("act")
        page.get_by_role("button", name="Look at it first").click()
        page.locator("h1", has_text="of 2 campaigns for 30 days?").wait_for()
        assert violations(page) == []
        page.get_by_role("button", name="Do it").click()
        page.locator("h1", has_text="2 campaigns acted on.").wait_for()  # it goes on by itself
        assert violations(page) == []
        assert {read_work(site.scene.database, name).status for name in (ACT, OTHER)} == {"acted"}
        page.get_by_role("button", name="Undo all of it").click()
        page.locator("h1", has_text="2 campaigns as before.").wait_for()
        assert "acted" not in {read_work(site.scene.database, name).status for name in (ACT, OTHER)}


@pytest.mark.parametrize("answer", ["none", "another page"])
def test_who_presses_stop_has_done_no_more_than_what_is_said(site: Site, answer: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(queue_forms, "AT_A_TIME", 1)
    with site.visit("anna") as visit:
        visit.go("/campaigns?verdict=act")
        page = visit.page
        for box in page.locator("tbody input[name=chosen]").all():
            box.check()
        page.locator("summary", has_text="Change those chosen").click()
        page.locator("select[name=what]").select_option("act")
        page.get_by_role("button", name="Look at it first").click()
        page.locator("h1", has_text="of 2 campaigns for 30 days?").wait_for()
        # the second answer waits until Stop is pressed: it was asked for before
        seen: list[Any] = []
        page.route(
            "**/queue/bulk",
            lambda route: seen.append(route) if route.request.resource_type == "fetch" else route.continue_(),
        )
        page.get_by_role("button", name="Do it").click()
        page.get_by_role("button", name="Stop").click()
        assert len(seen) == 1
        page.locator("h1", has_text="1 campaign acted on, 1 to go.").wait_for()
        if answer == "none":
            seen[0].abort()
            visit.expected = "ERR_FAILED"
        else:
            seen[0].fulfill(status=303, headers={"location": "/campaigns"})  # as when the session is over
        page.locator("#said", has_text="It stopped").wait_for(state="attached")
        done = [read_work(site.scene.database, name).status for name in (ACT, OTHER)]
        assert sorted(one == "acted" for one in done) == [False, True]
        page.get_by_role("button", name="Undo all of it").click()
        page.locator("h1", has_text="1 campaign as before.").wait_for()
        assert "acted" not in {read_work(site.scene.database, name).status for name in (ACT, OTHER)}
