"""What analysts do, from the first page to a decision and back: the whole way by mouse and by keyboard alone.

The rest is done by keyboard alone, which is the harder way: what it reaches, a mouse can hit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from server.console.browser_scenes import Keys, Mouse, Site, Visit, chromium, site_on
from server.console.conftest import Published
from server.console.console_scenes import ACCUSED, ACT, COOKIE, OTHER, REVIEW
from stillhunt.decide.log import read_log
from stillhunt_server.people.users import set_password

pytestmark = pytest.mark.service
PASSWORD = "seven green bicycles"  # noqa: S105 - of a user that exists in this test alone
HANDS = pytest.mark.parametrize("hand", [Mouse, Keys], ids=["by mouse", "by keyboard"])
Hand = type[Mouse]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(browser: Any, published: Published, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A console whose database these tests change: each works on another part of it, or puts it back."""
    folder = tmp_path_factory.mktemp("journeys") / "data"
    with site_on(folder, published.source, published.folder.database, browser) as site:
        set_password(site.scene.database, "anna", PASSWORD, "test")
        yield site


def notice(page: Any) -> str:
    text: str = page.locator(".notice.good").inner_text()
    return text


def agree(hand: Mouse, name: str) -> None:
    """Say yes in the dialog that asks."""
    hand.press(hand.page.locator("dialog.confirm").get_by_role("button", name=name))


@HANDS
def test_an_analyst_comes_in_reads_decides_and_takes_it_back(site: Site, hand: Hand) -> None:
    with site.visit() as visit:
        page, works = visit.page, hand(visit.page)
        visit.go("/campaigns?verdict=act")
        works.write(page.get_by_label("Name"), "anna")
        works.write(page.get_by_label("Password"), PASSWORD)
        works.press(page.get_by_role("button", name="Sign in"))
        page.wait_for_url("**/campaigns?verdict=act")
        works.press(page.get_by_role("link", name="stillhunt"))
        first = page.locator("table[data-rows] tbody tr a").first
        assert first.inner_text() == ACT
        works.press(first)
        page.wait_for_url(f"**/campaigns/{ACT}")
        works.press(page.get_by_role("link", name="For and against"))
        assert page.locator("#evidence svg").first.is_visible()
        assert page.locator(".doubts li").count() == 2
        works.press(page.get_by_role("link", name="120 members"))
        page.wait_for_url("**/members")
        works.press(page.locator("summary", has_text=re.compile("^Verdict$")))
        works.press(page.get_by_label("act", exact=True).or_(page.locator("[name=verdict][value=act]")).first)
        works.press(page.get_by_role("button", name="Filter", exact=True))
        page.wait_for_url("**verdict=act**")
        assert set(page.locator("td.choice .verdict").all_inner_texts()) == {"act"}
        account = page.locator("tbody tr a").first
        name = account.inner_text()
        works.press(account)
        page.wait_for_url("**/accounts/*")
        assert page.locator("h1 .id").inner_text() == name
        page.go_back()
        page.wait_for_url("**verdict=act**")
        assert page.locator("[name=verdict][value=act]").is_checked()
        works.press(page.locator(".crumbs").get_by_role("link", name=ACT))
        decide_and_undo(site, visit, works)
        works.press(page.locator("details.who summary"))
        works.press(page.get_by_role("button", name="Sign out"))
        page.wait_for_url("**/sign-in")
        page.go_back()
        assert page.get_by_label("Password").is_visible()


def decide_and_undo(site: Site, visit: Visit, works: Mouse) -> None:
    page, before = visit.page, len(read_log(site.scene.database))
    works.press(page.locator(".deciding > summary"))
    form = page.locator("form[action$='/case/act']")
    works.choose(form.get_by_label("What happens"), "throttle")
    works.write(form.get_by_label("For how many days"), "14")
    works.write(form.get_by_label("Why, for colleagues"), f"Seen by {works.name}.")
    works.press(form.get_by_role("button", name="Act"))
    page.locator("h1", has_text="for 14 days?").wait_for()
    assert len(read_log(site.scene.database)) == before  # nothing is done before the second look
    works.press(page.get_by_role("button", name="Do it"))
    page.locator("[data-done]").wait_for()
    assert "in force" in notice(page)
    assert "done=" not in page.url
    entries = read_log(site.scene.database)[before:]
    assert {(one.action, one.author) for one in entries} == {("throttle", "anna")}
    stands = page.locator("#case").get_by_role("link", name=re.compile("slowed, by anna"))
    works.press(stands)
    page.wait_for_url("**/decisions?**")
    assert page.locator("tbody tr").count() == min(50, len(entries))
    assert f"Seen by {works.name}." in page.locator("tbody tr").first.inner_text()
    page.go_back()
    page.wait_for_url("**/campaigns/**")
    works.press(page.get_by_role("button", name="Undo the latest change"))
    agree(works, "Undo the latest change")
    page.locator("[data-done]").wait_for()
    assert "undone" in notice(page)
    assert stands.count() == 0


def test_a_dismissal_needs_a_reason_and_a_note(site: Site) -> None:
    with site.visit("ravi") as visit:
        page, works = visit.page, Keys(visit.page)
        visit.go(f"/campaigns/{OTHER}")
        works.press(page.locator(".deciding > summary"))
        form = page.locator("form[action$='/case/dismiss']")
        works.press(form.get_by_role("button"))
        assert page.url.endswith(OTHER)  # the browser says what is missing
        works.choose(form.get_by_label("Reason"), "class_or_workshop")
        works.write(form.get_by_label("What you saw"), "All of them are of one school.")
        works.press(form.get_by_role("button"))
        page.locator("[data-done]").wait_for()
        assert page.locator(".kicker .status").inner_text() == "dismissed"
        assert page.locator(".events blockquote").first.inner_text() == "All of them are of one school."
        visit.go("/calibration")
        assert "class or workshop" in page.locator("main").inner_text()
        visit.go(f"/campaigns/{OTHER}")
        works.press(page.locator(".deciding > summary"))
        works.press(page.get_by_role("button", name="Reopen"))
        page.locator("[data-done]").wait_for()


def test_text_that_is_not_saved_is_not_left_silently(site: Site) -> None:
    with site.visit("anna") as visit:
        page, works = visit.page, Keys(visit.page)
        visit.go(f"/campaigns/{REVIEW}")
        fold = page.locator("summary", has_text="the narrative")
        works.press(fold)
        field = page.get_by_label("Narrative")
        works.write(field, f"Written by {works.name}.")
        page.once("dialog", lambda dialog: dialog.dismiss())
        with page.expect_event("dialog") as asked:
            works.press(page.get_by_role("link", name="Similar and connected"))  # on this page: nothing is asked
            works.press(page.get_by_role("link", name="Sources"))
        assert asked.value.type == "beforeunload"
        assert page.url.partition("#")[0].endswith(REVIEW)
        assert field.input_value() == f"Written by {works.name}."
        works.press(page.locator("form[action$='/case/narrative']").get_by_role("button", name="Keep"))
        page.locator("[data-done]").wait_for()
        assert page.locator("p.narrative").inner_text() == f"Written by {works.name}."


def test_two_analysts_do_not_overwrite_each_other(site: Site) -> None:
    path = f"/campaigns/{REVIEW}"
    with site.visit("anna") as first, site.visit("ravi") as second:
        for visit in (first, second):
            visit.go(path)
        first.page.locator("details.add summary", has_text="Label").click()
        first.page.get_by_label("Label", exact=True).fill("anna")
        first.page.get_by_role("button", name="Add").click()
        first.page.locator("[data-done]").wait_for()
        second.page.get_by_label("Comment").fill("Ravi was second.")
        send = "form[action$='/case/comment'] button"
        with second.page.expect_response("**/case/comment") as answer:
            second.page.locator(send).click()
        assert answer.value.status == 409
        second.expected = "409 (Conflict)"
        alert = second.page.get_by_role("alert").inner_text()
        assert "changed this case" in alert
        assert "Ravi was second." in alert
        assert second.page.get_by_label("Comment").input_value() == "Ravi was second."  # it is in its form again
        second.page.locator(send).click()
        second.page.locator("[data-done]").wait_for()
        assert second.page.locator(".events blockquote").first.inner_text() == "Ravi was second."


def test_everything_is_near_by_key(site: Site) -> None:
    with site.visit("vera") as visit:
        page, press = visit.page, visit.page.keyboard.press
        visit.go("/")
        press("?")
        assert page.locator("#keys").is_visible()
        press("Tab")
        press("Space")  # they are switched off
        press("Escape")
        press("/")
        assert not page.evaluate("document.activeElement.matches('[data-key]')")
        visit.go("/")
        press("?")
        assert page.locator("#keys").is_hidden(), "it is remembered"
        page.evaluate("document.querySelector('[data-opens=keys]').click()")
        page.locator("[data-single-keys]").check()
        press("Escape")
        press("g")
        press("q")
        page.wait_for_url("**/campaigns")
        press("j")
        press("j")
        press("k")
        assert page.locator("tr.here td").first.inner_text() == ACT
        press("Enter")
        page.wait_for_url(f"**/campaigns/{ACT}")
        visit.go(f"/campaigns/{ACT}/members")
        for _ in range(3):
            press("j")
        third = page.locator("tbody tr").nth(2)
        assert "here" in third.get_attribute("class")
        assert page.locator("tr.here").count() == 1
        press("Enter")
        page.wait_for_url("**/accounts/*")
        press("/")
        page.keyboard.type("acct-0007")
        press("Enter")
        page.wait_for_url("**/search?for=acct-0007")
        assert page.locator(".hits a").count() == 3
        press("g")
        press("o")
        page.wait_for_url(re.compile(r":\d+/$"))
        visit.go(f"/campaigns/{ACT}")
        press("e")  # a viewer decides nothing
        assert page.locator(".deciding").count() == 0


def test_filters_are_saved_used_and_deleted(site: Site) -> None:
    with site.visit("ravi") as visit:
        page, works, name = visit.page, Keys(visit.page), "to look at"
        visit.go("/campaigns")
        works.press(page.locator("summary", has_text=re.compile("^Verdict$")))
        works.press(page.locator("[name=verdict][value=review]"))
        works.press(page.get_by_role("button", name="Filter", exact=True))
        page.wait_for_url("**verdict=review**")
        works.press(page.locator("summary", has_text="Save these filters"))
        works.write(page.locator(".saved form").get_by_label("Name"), name)
        works.press(page.get_by_role("button", name="Save", exact=True))
        saved = page.locator(".saved").get_by_role("link", name=name)
        saved.wait_for()  # the answer has it: whoever leaves before takes the request back
        visit.go("/campaigns")
        works.press(saved)
        page.wait_for_url("**verdict=review**")
        assert page.locator("tbody tr").count() == 1
        works.press(page.get_by_role("button", name=f"Delete the filter {name}"))
        page.wait_for_url("**/campaigns")
        assert page.get_by_role("link", name=name).count() == 0


def test_an_appeal_is_granted_by_somebody_else(site: Site) -> None:
    with site.visit("ravi") as visit:
        visit.go("/appeals/1")
        visit.page.get_by_role("button", name="Grant the appeal").click()
        visit.expected = "400 (Bad Request)"
        visit.page.get_by_text("Let somebody else decide the appeal.").wait_for()
    with site.visit("anna") as visit:
        page, works, before = visit.page, Keys(visit.page), len(read_log(site.scene.database))
        visit.go("/appeals")
        works.press(page.locator("tbody tr a").first)
        page.wait_for_url("**/appeals/1")
        page.keyboard.press("e")
        page.keyboard.insert_text("It is a class.")
        works.press(page.get_by_role("button", name="Grant the appeal"))
        page.locator("h1", has_text="The appeal was granted.").wait_for()
        assert "It is a class." in page.locator("main").inner_text()
        made = read_log(site.scene.database)[before:]
        assert ("undo", ACCUSED, "anna") in {(one.kind, one.account_id, one.author) for one in made}


def test_text_outlives_a_session_that_ends_while_it_is_written(site: Site) -> None:
    with site.visit("anna") as visit:
        page = visit.page
        visit.go(f"/campaigns/{REVIEW}")
        page.get_by_label("Comment").fill("An hour of thought.")
        (cookie,) = (one["value"] for one in page.context.cookies() if one["name"] == COOKIE)
        site.scene.people.sessions.end(cookie)
        page.locator("form[action$='/case/comment'] button").click()
        page.wait_for_url("**/sign-in?next=**")
        page.get_by_label("Name").fill("anna")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**/campaigns/{REVIEW}")
        assert page.get_by_label("Comment").input_value() == "An hour of thought."
        assert "not saved" in page.locator("main").inner_text()
        page.locator("form[action$='/case/comment'] button").click()
        page.locator("[data-done]").wait_for()
        assert page.locator(".events blockquote").first.inner_text() == "An hour of thought."
        visit.go(f"/campaigns/{REVIEW}")
        assert page.get_by_label("Comment").input_value() == ""


def test_a_case_is_triaged_by_single_keys_and_the_palette(site: Site) -> None:
    focus = "document.activeElement.form?.id + document.activeElement.name"
    with site.visit("anna") as visit:
        page, press, works = visit.page, visit.page.keyboard.press, Keys(visit.page)
        visit.go("/")
        press("Tab")
        press("Enter")  # the link that skips the pages
        assert page.evaluate("document.activeElement.id") == "main"
        press("Control+k")
        page.keyboard.type(REVIEW[:6])
        page.locator("dialog.palette li", has_text=REVIEW).wait_for()
        assert page.locator("dialog.palette [aria-selected=true]").inner_text().startswith(REVIEW)
        press("Enter")
        page.wait_for_url(f"**/campaigns/{REVIEW}")
        press("Control+k")
        page.keyboard.type("dismiss")
        press("Enter")
        assert page.evaluate(focus) == "dismissreason"
        press("2")  # a choice of the list, which has the focus
        works.reach(page.locator("#watch button"))
        press("2")
        assert page.evaluate(focus) == "watchuntil"
        press("Control+k")
        for _ in range(5):
            press("Tab")
            assert page.evaluate(
                "document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
            )
        press("Escape")
        assert page.locator("dialog[open]").count() == 0
        assert page.evaluate(focus) == "watchuntil"  # where it was
        works.write(page.locator("#watch textarea"), "Wait for a week of traffic.")
        press("Tab")
        press("Enter")
        page.locator("[data-done]").wait_for()
        assert page.locator(".kicker .status").inner_text() == "watched"
        undo = page.get_by_role("button", name="Undo the latest change")
        works.press(undo)
        press("Enter")  # the dialog's first button is the one that does nothing
        assert page.evaluate("(part) => document.activeElement === part", undo.element_handle())
        works.press(undo)
        agree(works, "Undo the latest change")
        page.locator("[data-done]", has_text="undone").wait_for()


def test_a_box_stays_under_the_mouse_that_ticks_it(site: Site) -> None:
    with site.visit("ravi") as visit:
        visit.go("/campaigns?view=all")
        boxes = visit.page.locator("tbody input[name=chosen]")
        for place in range(2):  # the first press marks the row, which must not move what is pressed
            boxes.nth(place).click(no_wait_after=True)
            assert boxes.nth(place).is_checked()
        assert visit.page.url.endswith("/campaigns?view=all")


def test_chosen_rows_are_counted_and_decided_about(site: Site) -> None:
    with site.visit("ravi") as visit:
        page, works, before = visit.page, Keys(visit.page), len(read_log(site.scene.database))
        visit.go(f"/campaigns/{REVIEW}/members")
        works.press(page.locator("[data-all=chosen]"))
        rows = page.locator("tbody tr").count()
        assert page.locator("[data-count=chosen]").inner_text() == f"({rows})"
        works.press(page.locator("tbody input[name=chosen]").first)
        assert page.locator("[data-count=chosen]").inner_text() == f"({rows - 1})"
        works.press(page.locator("#deciding > summary"))
        works.choose(page.locator("#choose").get_by_label("What happens"), "tag")
        works.press(page.get_by_role("button", name="Act on those chosen"))
        works.press(page.get_by_role("button", name="Do it"))
        page.locator("[data-done]").wait_for()
        assert len(read_log(site.scene.database)) == before + rows - 1
        works.press(page.get_by_role("button", name="Undo the latest change"))
        with page.expect_navigation():  # the page so far tells of a change, too
            agree(works, "Undo the latest change")
        page.locator("[data-done]").wait_for()


def test_a_notice_comes_before_the_session_ends_and_text_is_kept(site: Site) -> None:
    with site.visit("anna") as visit:
        page = visit.page
        page.route("**/session.json", lambda route: route.fulfill(json={"seconds": 200}))
        visit.go(f"/campaigns/{REVIEW}")
        assert "signed out in 4 minutes" in page.locator(".notice.session").inner_text()
        page.get_by_label("Comment").fill("Half a thought.")
        page.once("dialog", lambda dialog: dialog.accept())
        page.goto(visit.address + "/sources")
        visit.go(f"/campaigns/{REVIEW}")
        assert page.get_by_label("Comment").input_value() == "Half a thought."
        page.unroute("**/session.json")
        page.get_by_role("button", name="Stay signed in").click()
        page.locator(".notice.session").wait_for(state="detached")
        page.get_by_label("Comment").fill("")


def test_a_chart_is_drawn_before_anybody_scrolls_to_it(site: Site) -> None:
    """So that a page can be printed at once."""
    with site.visit("vera") as visit:
        visit.go(f"/campaigns/{ACT}")
        visit.page.locator("#when .chart svg").wait_for()
        assert visit.page.evaluate("scrollY") == 0
