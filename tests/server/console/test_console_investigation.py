"""An investigation: one selection behind all views, kept with its rows, and a narrative that leads to rows."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from datetime import timedelta
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert, update

from server.console.conftest import Published
from server.console.console_html import page_of
from server.console.console_scenes import ACCUSED, ACT, Scene, open_scene
from stillhunt.decide.case_work import read_work
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person
from stillhunt.watch.database.tables import DECISIONS, LINKED_ACCOUNTS
from stillhunt_server.case_views.narrative_draft import split_sources
from stillhunt_server.casework.history import work_events
from stillhunt_server.console.investigations import narrative_of
from stillhunt_server.console.request_rows import log_url
from stillhunt_server.console.snapshot import FixedSource

_OF = f"/campaigns/{ACT}"


def hrefs(text: str, part: str) -> list[str]:
    """Addresses in a page that hold a text."""
    return [one for one in map(unescape, re.findall(r'href="([^"]+)"', text)) if part in one]


def test_a_row_of_the_matrix_opens_as_its_members_in_every_view(reading: Scene) -> None:
    vera = reading.reader("vera")
    matrix = vera.page(f"{_OF}/ties")
    href, number = re.findall(r'<th scope="row"><a href="([^"]+)">(\d+) members</a>', matrix)[0]
    query = unescape(href)
    for page in (f"/ties{query}", f"/ties{query}&view=timeline", f"/ties{query}&view=graph", f"/members{query}"):
        assert f"<h1>{number} of 120 members</h1>" in vera.page(_OF + page), page
    rows = vera.page(f"{_OF}/members{query}").count("<tr data-href=")
    assert rows == int(number)
    nodes = vera.get(f"{_OF}/graph.json{query}").json()["nodes"]
    assert sum(node["members"] for node in nodes if node["kind"] in ("group", "rest")) == int(number)


def test_a_trait_that_the_case_has_not_is_said_and_selects_nobody(reading: Scene) -> None:
    page = reading.reader("vera").page(f"{_OF}/ties?with=0123456789")
    assert "This case does not have 1 trait of this address" in page
    assert "No member is selected." in page


def test_members_are_chosen_by_the_number_of_their_edges(reading: Scene) -> None:
    vera, current = reading.reader("vera"), reading.console.source.current()
    assert current is not None
    traits = reading.console.derived(current).traits_of(ACT)
    edges = np.bincount(traits.member, minlength=traits.facts.num_rows)
    least = int(np.median(edges)) + 1
    expected = int((edges >= least).sum())
    assert 0 < expected < len(edges)
    page = vera.page(f"{_OF}/ties?edges={least}")
    assert f"<h1>{expected} of 120 members</h1>" in page
    assert f"{least} shared traits at least" in page_of(vera.get(f"{_OF}/ties?edges={least}")).text
    assert f'name="edges" min="0" max="9999" inputmode="numeric" value="{least}"' in page
    assert any(f"edges={least}" in one for one in hrefs(page, "with=")), "further choices keep it"
    nodes = vera.get(f"{_OF}/graph.json?edges={least}").json()["nodes"]
    assert sum(node["members"] for node in nodes if node["kind"] in ("group", "rest")) == expected
    kind = traits.traits[int(traits.trait[0])].kind
    left = np.array([one.kind != kind for one in traits.traits])[traits.trait]
    fewer = int((np.bincount(traits.member[left], minlength=len(edges)) >= least).sum())
    assert fewer < expected
    assert f"<h1>{fewer} of 120 members</h1>" in vera.page(f"{_OF}/ties?edges={least}&hide={kind}"), "as it is drawn"
    for wrong in ("-1", "1e9", "x", "99999", ""):
        assert "<h1>120 of 120 members</h1>" in vera.page(f"{_OF}/ties?edges={wrong}").replace("All 120", "120 of 120")


def test_countries_are_counted_and_lead_to_their_members(reading: Scene) -> None:
    vera, current = reading.reader("vera"), reading.console.source.current()
    assert current is not None
    page = vera.page(f"{_OF}/ties?view=countries")
    facts = current.members_of(ACT)
    rows = re.findall(r'<tr><th scope="row" dir="auto">([^<]+)</th>(.*?)</tr>', page)
    assert rows
    counts = []
    for value, cells in rows:
        first = re.findall(r"<td[^>]*>(.*?)</td>", cells)[0]
        held = sum(value in (countries or ()) for countries in facts["countries"].to_pylist())
        counts.append(held)
        if held > 1:
            href, number = re.findall(r'<a href="([^"]+)">(\d+)</a>', first)[0]
            assert int(number) == held
            assert f"<h1>{held} of 120 members</h1>" in vera.page(f"{_OF}/ties{unescape(href)}")
    assert counts == sorted(counts, reverse=True)
    nobody = vera.page(f"{_OF}/ties?view=countries&with=0123456789")
    assert "No country of these members is known" in nobody


def test_a_bar_of_the_timeline_leads_to_those_who_were_active_then(reading: Scene) -> None:
    vera = reading.reader("vera")
    page = vera.page(f"{_OF}/ties?view=timeline")
    assert "What happened, and when it was known" in page
    bar = hrefs(page, "since=")[0]
    told = page_of(vera.get(f"{_OF}/ties{bar}")).text
    assert re.search(r"\d+ of 120 members", told)
    assert "active since" in told


def test_requests_that_findings_name_are_shown_in_order_and_a_finding_opens_its_own(reading: Scene) -> None:
    vera = reading.reader("vera")
    shown = reading.console.source.current()
    assert shown is not None
    cited = shown.of_campaign("cited", ACT)
    exported = vera.get(f"{_OF}/requests?rows=cited&as=csv").text.splitlines()
    times = [line.split(",")[0] for line in exported[1:]]
    assert len(times) == cited.num_rows
    assert times == sorted(times)
    for href in hrefs(vera.page(f"{_OF}/evidence?size=250"), "finding=")[:3]:
        assert vera.get(href).status_code == 200


def test_harvested_requests_are_told_in_order(reading: Scene) -> None:
    vera = reading.reader("vera")
    exported = list(csv.DictReader(io.StringIO(vera.get(f"{_OF}/requests?as=csv").text)))
    assert [row["timestamp"] for row in exported] == sorted(row["timestamp"] for row in exported)
    assert {(row["model"], row["status"]) for row in exported} == {("onyx-large", "200")}
    page = page_of(vera.get(f"{_OF}/requests"))
    assert "They stand by time." in page.text
    assert [row[1] for row in page.rows[1:]] == [row["request_id"] for row in exported[: len(page.rows) - 1]]
    assert page.rows[1][3:5] == ["onyx-large", "200"]


def test_an_old_case_says_of_which_requests_it_knows_more(
    published: Published, tmp_path: Path, runner: asyncio.Runner
) -> None:
    old = Path(__file__).parents[2] / "data" / "cases" / "version_8"
    opened = open_scene(tmp_path / "data", published.folder.database, FixedSource(old), runner)
    page = page_of(opened.reader("vera").get(f"{_OF}/requests"))
    assert "They stand by slice and id. The case has time, model, status and tokens of those" in page.text
    assert [row[1] for row in page.rows[1:]] == sorted(row[1] for row in page.rows[1:])
    opened.database.close()


def test_a_link_into_the_log_store_is_quoted() -> None:
    assert log_url("https://logs.example/?q={request_id}", "a b&c") == "https://logs.example/?q=a%20b%26c"
    assert log_url("", "rq-1") == ""


def test_an_investigation_is_kept_with_its_selection_and_rows_and_goes_into_the_pack(scene: Scene) -> None:
    anna = scene.reader("anna")
    page = anna.page(f"{_OF}/ties?role=mixed")
    assert "Keep this investigation" in page
    current = scene.console.source.current()
    assert current is not None
    member = current.members_of(ACT)["account_id"][0].as_py()
    fields = {"version": "0", "question": "Who pays?", "conclusion": "One card.", "role": "mixed", "cited": member}
    assert anna.post(f"{_OF}/case/investigation", fields).status_code == 303
    (kept,) = work_events(scene.database, ACT)
    assert kept.after["investigation"]["address"] == "?role=mixed"
    assert kept.after["investigation"]["cited"] == [["account", member]]
    told = anna.page(_OF)
    assert "kept an investigation: Who pays?" in told
    assert f"{_OF}/ties?role=mixed" in hrefs(told, "ties")
    scene.console.database = scene.database
    request = type("Asked", (), {"database": scene.database})()
    assert "Question (" in narrative_of(request, ACT)
    assert f"Rows: {member}" in narrative_of(request, ACT)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"question": "", "conclusion": "x"}, "An investigation has no question."),
        ({"question": "x", "conclusion": ""}, "An investigation has no conclusion."),
        ({"question": "x", "conclusion": "x", "cited": "nobody-1"}, "No row has the id"),
    ],
)
def test_an_investigation_without_a_question_a_conclusion_or_known_rows_is_not_kept(
    scene: Scene, fields: dict[str, str], said: str
) -> None:
    answer = scene.reader("anna").post(f"{_OF}/case/investigation", {"version": "0", **fields})
    assert answer.status_code == 400
    assert said.lower() in page_of(answer).text.lower()
    assert work_events(scene.database, ACT) == []


def test_a_narrative_is_drafted_from_the_facts_and_its_sentences_lead_to_their_rows(scene: Scene) -> None:
    anna = scene.reader("anna")
    assert "draft=yes" in anna.page(_OF)
    page = anna.page(f"{_OF}?draft=yes")
    draft = unescape(re.findall(r'<textarea name="text" rows="10"[^>]*>(.*?)</textarea>', page, re.DOTALL)[0]).strip()
    assert draft.count("\n") >= 3
    assert all(re.search(r"\[[a-z_ ]+\]$", line) for line in draft.splitlines())
    assert anna.post(f"{_OF}/case/narrative", {"version": "0", "text": draft}).status_code == 303
    assert read_work(scene.database, ACT).narrative == draft
    for href in set(hrefs(anna.page(_OF), "evidence?kind=")):
        found = anna.get(f"{href}&as=csv").text
        assert found.count("\n") > 1, href


def test_only_known_sources_in_a_narrative_become_links() -> None:
    assert split_sources("a [members] b [evidence even_volume] [javascript:x] [requests <b>]") == [
        ("a ", ""),
        ("[members]", "members"),
        (" b ", ""),
        ("[evidence even_volume]", "evidence?kind=even_volume"),
        (" [javascript:x] [requests <b>]", ""),
    ]


def test_replacements_are_told_with_the_decision_before_them_and_when_they_were_known(scene: Scene) -> None:
    anna, shown = scene.reader("anna"), scene.console.source.current()
    assert shown is not None
    facts = shown.members_of(ACT)
    latest = facts.sort_by([("first_seen", "descending")]).slice(0, 3)
    names, began = latest["account_id"].to_pylist(), latest["first_seen"].to_pylist()
    banned_at = int((began[2] - timedelta(hours=5)).timestamp() * 1e6)
    known_at = int((began[0] + timedelta(hours=9)).timestamp() * 1e6)
    author = DecisionAuthor("ravi.singh@lab.example", "")
    decide_as_person(scene.database, ACCUSED, "block", author, DecisionSpan(banned_at, 900.0))
    with scene.database.write() as connection:
        connection.execute(
            update(DECISIONS).where(DECISIONS.c.action == "block").values(campaign_id=ACT, made_at=banned_at)
        )
        for name in (*names, "nobody-yet"):
            row = {"campaign_id": ACT, "account_id": name, "at": known_at, "bits": 9.0, "requests": 3}
            connection.execute(insert(LINKED_ACCOUNTS).values(**row, reasons=json.dumps(["it pays with <their> card"])))
    page = anna.page(f"{_OF}/ties?view=timeline")
    (row,) = [
        one for one in page_of(anna.get(f"{_OF}/ties?view=timeline")).rows if "3 accounts like its members" in one[2]
    ]
    assert row[0].startswith(began[2].strftime("%Y-%m-%d %H:%M"))
    assert row[1].startswith((began[0] + timedelta(hours=9)).strftime("%Y-%m-%d %H:%M"))
    assert re.search("began 5 hours after ‘Refuse everything.* by ravi.singh@lab.example’, perhaps", row[2])
    (other,) = [one for one in page_of(anna.get(f"{_OF}/ties?view=timeline")).rows if "nobody-yet" in one[2]]
    assert "1 account like its members was linked" in other[2]  # no hunt has seen when it began
    assert "It pays with <their> card." in row[2]
    assert "replacement" in page
    assert any("customer-0007" in one[2] for one in page_of(anna.get(f"{_OF}/ties?view=timeline")).rows)
    others = page_of(anna.get(f"{_OF}/ties?view=timeline&role=nobody"))  # who looks at others is not told of these
    assert not any("3 accounts like" in one[2] for one in others.rows if len(one) > 2)
