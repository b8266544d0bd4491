"""Every page in a real browser: quiet, accessible, light, steady, on phones, without scripts, with hostile logs."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import quote, urljoin

import pyarrow.parquet as pq
import pytest
from sqlalchemy import insert

from server.console.accessible import violations
from server.console.browser_scenes import Site, Visit, chromium, paths_in, site_on
from server.console.conftest import Published
from server.console.console_routes import PAGES
from server.console.console_scenes import ACCUSED, ACT, account_path, publish, seed_people
from server.console.hostile_texts import RUN, hostile_case, payloads
from stillhunt.base.units import DAY
from stillhunt.decide.appeals import file_appeal
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person
from stillhunt.decide.policy import AppealTerms
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import ALERTS, LINKED_ACCOUNTS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt_server.casework.changes import AddComment, AddLabel, Change, DismissCampaign, WriteNarrative
from stillhunt_server.casework.changing import change_work
from stillhunt_server.casework.history import CampaignFacts
from stillhunt_server.console.snapshot import LatestSource
from stillhunt_server.people.users import add_user
from stillhunt_server.receiving.traffic import Traffic
from stillhunt_server.server_news import news_of

pytestmark = pytest.mark.service
NO_PAGES = ("/hunt", "/sign-in", "/report")
"""A part of one, one for those who are not signed in, and one that has a test of its own."""
PATHS = [one.url for path, one in PAGES.items() if path not in NO_PAGES and not re.search(r"static|json|packs", path)]
PATHS += [f"/campaigns/{ACT}/ties?view={view}" for view in ("graph", "timeline", "countries")]
PHONE = {"width": 390, "height": 844}
MOST_BYTES = 300_000
MOST_SHIFT = 0.02
LIBRARIES = ("echarts", "cytoscape")
DRAWN = """() => [...document.querySelectorAll('.chart, .graph')].every((place) => place.querySelector('svg, canvas')
  || place.getBoundingClientRect().top > innerHeight + 400)"""
"""Libraries load where the reader comes near."""
DARK = """async () => {
  document.documentElement.dataset.theme = 'dark';
  const found = await axe.run(document, { runOnly: ['color-contrast'], resultTypes: ['violations'], preload: false });
  return found.violations.flatMap((rule) => rule.nodes.map((node) => `dark: ${node.html.slice(0, 200)}`));
}"""
"""What else axe could find, it found in the light theme."""
FEWER_ROWS = "document.querySelectorAll('tbody tr:nth-child(n + 7)').forEach((row) => row.remove())"
"""Further rows are like these."""
WEIGHED = """() => performance.getEntries().filter((one) => one.encodedBodySize)
  .map((one) => [one.name, one.encodedBodySize])"""
FOREIGN = "script, img, iframe, object, embed, base, style, meta, video, math, [onerror], [hx-vals], [data-hx-get]"
"""What pages have none of, but the payloads do."""
WIDE = """() => [document.scrollingElement.scrollWidth - innerWidth, [...document.querySelectorAll('main *')]
  .filter((part) => part.getBoundingClientRect().right > innerWidth + 1 && !part.closest('.scroll, .tabs, pre'))
  .map((part) => part.outerHTML.slice(0, 120)).slice(0, 3)]"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(browser: Any, published: Published, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, traffic = tmp_path_factory.mktemp("pages") / "data", Traffic()
    traffic.accepted("gateway", 1200, 3_000_000, 0.2)
    with site_on(
        folder, published.source, published.folder.database, browser, news=news_of(None, traffic, None, ServiceFaults())
    ) as site:
        yield site


def seed_hostile(folder: DataFolder) -> tuple[list[str], list[str]]:
    """A data folder where everybody who could write something wrote the worst; its campaigns and members."""
    database, case, texts = WatchDatabase("", folder.database), hostile_case(), payloads()
    publish(folder, case, 1, database)
    seed_people(database)
    worst, now = f'"><img src=x onerror={RUN}>', time.time_ns() // 1000
    add_user(database, worst, "analyst", "test")
    campaign = case.campaigns["campaign_id"][0].as_py()
    account = case.members["account_id"][0].as_py()
    facts = CampaignFacts(120, "act", 0.99)
    changes: list[Change] = [*map(AddComment, texts), *(AddLabel(one[:40]) for one in texts[:10])]
    changes += [WriteNarrative("\n".join(texts)[:15_000]), DismissCampaign("other", worst, facts)]
    for version, change in enumerate(changes):
        change_work(database, campaign, version, change, worst, now)
    for one in texts:
        decide_as_person(
            database, (one + account)[:4096], "block", DecisionAuthor("adam", one), DecisionSpan(now - DAY, 30.0)
        )
    ours = decide_as_person(database, account, "block", DecisionAuthor(worst, worst), DecisionSpan(now - DAY, 30.0))
    file_appeal(database, ours.seq, ours.account_id, "\n".join(texts)[:4000], worst, AppealTerms(), now)
    body = json.dumps({"title": texts[1], "changes": texts[2:4]})
    linked = {"campaign_id": campaign, "at": now, "bits": 9.0, "requests": 4, "reasons": json.dumps(texts[:40])}
    with database.write() as connection:
        connection.execute(insert(ALERTS).values(alert_id="a", at=now, kind="act", campaign_id=campaign, body=body))
        connection.execute(insert(LINKED_ACCOUNTS), [{**linked, "account_id": one} for one in texts[:40]])
    database.close()
    return case.campaigns["campaign_id"].to_pylist(), case.members["account_id"].to_pylist()


@pytest.fixture(scope="module")
def hostile(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, list[str]]]:
    """A console of such a folder, and its pages."""
    folder = DataFolder(tmp_path_factory.mktemp("hostile") / "data")
    campaigns, members = seed_hostile(folder)
    paths = [path.replace(ACT, quote(campaigns[0], safe="")) for path in PATHS if ACT in path]
    paths += [path for path in PATHS if ACT not in path and ACCUSED not in path] + ["/decisions?size=250"]
    paths += [account_path(one) for one in (members[0], max(members, key=len))]
    paths += [f"/search?for={quote(one)}" for one in ("<img src=x onerror=", "{{", "javascript:")]
    traffic = Traffic()
    traffic.refused[payloads()[0], payloads()[1]] = 3
    traffic.problems["gateway"] = payloads()[2]
    with site_on(
        folder.path / "copy",
        LatestSource(folder),
        folder.database,
        browser,
        news=news_of(None, traffic, None, ServiceFaults()),
    ) as site:
        yield site, paths


def ready(visit: Visit, path: str) -> None:
    """Open a page, and wait until what can be seen is drawn."""
    visit.go(path)
    visit.page.wait_for_function(DRAWN)


def weighed(visit: Visit, libraries: dict[str, int]) -> Any:
    """What is wrong with the weight, the width and the steadiness of the page that is open; None where nothing is.

    Args:
        libraries: sizes by address; those of this page are added.
    """
    over, parts = visit.page.evaluate(WIDE)
    weights = dict(visit.page.evaluate(WEIGHED))
    libraries |= {name: size for name, size in weights.items() if any(one in name for one in LIBRARIES)}
    weight, shift = sum(size for name, size in weights.items() if name not in libraries), visit.page.evaluate("shifted")
    return (over, parts, weight, shift) if over > 0 or weight > MOST_BYTES or shift > MOST_SHIFT else None


def test_every_page_is_quiet_light_steady_and_accessible_and_its_numbers_lead_to_pages(site: Site) -> None:
    wrong: dict[str, Any] = {}
    libraries: dict[str, int] = {}
    leads: dict[str, str] = {}
    with site.visit("adam") as visit:
        for path in PATHS:
            ready(visit, path)
            found = [weighed(visit, libraries), *visit.quiet()]
            leads |= {href: path for href in paths_in(visit.page) if href not in PATHS}
            visit.page.evaluate(FEWER_ROWS)
            found += [*violations(visit.page), *visit.page.evaluate(DARK), *visit.quiet()]
            if any(found):
                wrong[path] = found
        assert wrong == {}, libraries
        assert len(libraries) == len(LIBRARIES)
        assert len(leads) > 20
        answers = {href: visit.page.request.get(site.address + href).status for href in leads}
    assert {href: leads[href] for href, status in answers.items() if status != 200} == {}


def test_every_page_is_quiet_light_and_steady_and_fits_a_dark_phone_and_its_fingers(site: Site) -> None:
    wrong: dict[str, Any] = {}
    with site.visit("adam", dark=True, size=PHONE) as visit:
        for path in PATHS:
            ready(visit, path)
            found = [weighed(visit, {}), *visit.quiet()]
            visit.page.evaluate(FEWER_ROWS)
            found += violations(visit.page, "target-size")
            if any(found):
                wrong[path] = found
    assert wrong == {}


def test_every_page_can_be_read_and_worked_on_without_scripts(site: Site) -> None:
    with site.visit("anna", scripts=False) as visit:
        page = visit.page
        for path in PATHS:
            visit.go(path, 403 if path in ("/users", "/audit") else 200)
            assert page.locator("h1").is_visible(), path
            assert page.locator(".js-only:visible").count() == 0, path
        visit.go(f"/campaigns/{ACT}/members")
        page.locator("summary", has_text=re.compile("^Verdict$")).click()
        page.get_by_role("checkbox", name="review").check()
        page.get_by_role("button", name="Filter").click()
        assert set(page.locator("td.choice .verdict").all_inner_texts()) == {"review"}
        page.get_by_role("link", name="Account", exact=True).click()
        names = page.locator("tbody td.id").all_inner_texts()
        assert names == sorted(names)
        visit.go(f"/campaigns/{ACT}/members?columns=all")
        page.get_by_role("link", name="Next").click()
        assert "Rows 51 to 100 of 120" in page.locator(".pages").inner_text()
        visit.go(f"/campaigns/{ACT}")
        page.get_by_label("Comment").fill("Seen without scripts.")
        page.get_by_role("button", name="Comment").click()
        assert page.locator(".events blockquote").first.inner_text() == "Seen without scripts."
        page.locator("summary", has_text="Decide").click()
        page.get_by_role("button", name="Act", exact=True).click()
        assert "Nothing is written yet." in page.locator("main").inner_text()
        page.get_by_role("button", name="Do it").click()
        assert "The decision is made" in page.locator(".notice.good").inner_text()
        page.locator("details.who summary").click()
        page.get_by_role("button", name="Sign out").click()
        assert page.get_by_label("Password").is_visible()
        visit.go("/campaigns")
        assert page.get_by_label("Password").is_visible()


def test_hostile_logs_do_nothing(hostile: tuple[Site, list[str]]) -> None:
    site, paths = hostile
    assert len(payloads()) >= 200
    wrong: dict[str, Any] = {}
    with site.visit("adam") as visit:
        page = visit.page
        note_dialog = lambda dialog: (visit.complaints.append("a dialog"), dialog.dismiss())  # noqa: E731 - taken off below
        page.on("dialog", note_dialog)
        for path in paths:
            ready(visit, path)
            page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
            for place in page.locator(".chart, .graph").all():
                place.scroll_into_view_if_needed()
                page.wait_for_function(DRAWN)
                box = place.bounding_box()
                for part in (0.2, 0.35, 0.5, 0.65, 0.8):
                    page.mouse.move(box["x"] + part * box["width"], box["y"] + part * box["height"])
            page.keyboard.press("j")
            foreign = page.locator("main").locator(FOREIGN).count()
            if found := visit.quiet() + [f"{foreign} foreign elements"] * bool(foreign):
                wrong[path[:90]] = found
        page.remove_listener("dialog", note_dialog)
    assert wrong == {}


def test_exports_of_hostile_logs_are_inert(hostile: tuple[Site, list[str]]) -> None:
    site, paths = hostile
    with site.visit("adam") as visit:
        links: set[str] = set()
        for path in paths:
            text = visit.page.request.get(site.address + path).text()
            links |= {urljoin(path, unescape(href)) for href in re.findall(r'<a href="([^"]+)"[^>]* download>', text)}
        assert len(links) > 15
        for href in links:
            answer = visit.page.request.get(site.address + href)
            assert answer.status == 200, href[:200]
            headers, body = answer.headers, answer.body()
            assert headers["content-disposition"].startswith('attachment; filename="'), href[:200]
            assert headers["x-content-type-options"] == "nosniff"
            if "as=parquet" in href:
                assert pq.read_table(io.BytesIO(body)).num_columns > 2
                continue
            assert headers["content-type"].startswith("text/csv")
            cells = [cell for row in csv.reader(io.StringIO(body.decode())) for cell in row]
            begins = [cell[:40] for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
            assert [one for one in begins if not re.fullmatch(r"-?[\d.e-]+", one)] == [], href[:200]


def test_the_report_is_drawn_and_is_of_no_origin(site: Site) -> None:
    with site.visit("adam") as visit:
        visit.go("/report")
        visit.page.locator(".chart svg").first.wait_for()
        assert visit.page.evaluate("origin") == "null"
        assert visit.page.evaluate("fetch('/').catch(() => 'refused')") == "refused"
        visit.expected = "onnect"


def test_times_are_in_the_zone_of_the_reader(site: Site) -> None:
    with site.visit("anna", timezone="Asia/Tokyo") as visit:
        visit.go("/appeals")
        head = visit.page.locator("th", has_text="To be decided by")
        assert "Asia/Tokyo" in head.inner_text()
        shown = visit.page.locator("td.time time").first
        shown.hover()
        utc = shown.get_attribute("title")
        assert utc.endswith(" UTC")
        stated = visit.page.evaluate("(text) => Date.parse(text.replace(' ', 'T') + ':00+09:00')", shown.inner_text())
        meant = visit.page.evaluate("(text) => Date.parse(text.replace(' ', 'T').replace(' UTC', 'Z'))", utc)
        assert abs(stated - meant) < 60_000
        visit.go(f"/campaigns/{ACT}")
        assert re.search(r"GMT\+9|JST", visit.page.locator("main time").first.inner_text())
