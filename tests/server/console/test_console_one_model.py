"""The console, the report, `explain` and the screen say the same of a campaign, in the same words and numbers."""

from __future__ import annotations

import asyncio
import io
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow.parquet as pq
import pytest
from rich.console import Console as Terminal

from server.console.conftest import Published
from server.console.console_html import Page, page_of
from server.console.console_scenes import Reader, Scene, open_scene
from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.cli.screen import print_findings
from stillhunt.triage.kinds import role_label
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt_server.console.snapshot import LatestSource, ShownCase
from watch.small_world import lines

WIDE = 10_000
"""Columns of a terminal in which no sentence is broken."""


@dataclass(frozen=True)
class Told:
    """A case, and what three others say of it."""

    reader: Reader
    shown: ShownCase
    report: str
    screen: str

    @property
    def names(self) -> list[str]:
        """Campaigns in the order of the report."""
        return [one.row["campaign_id"] for one in self.shown.model.of_verdict("act", "review")]


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory, runner: asyncio.Runner) -> Iterator[Scene]:
    """The console on a folder in which a real hunt was made."""
    home = tmp_path_factory.mktemp("hunted")
    (home / "log.jsonl").write_bytes(b"".join(lines()))
    folder = DataFolder(home / "data")
    plan = HuntPlan(folder, Config(watch={"window_days": 3650}), (str(home / "log.jsonl"),), time.time_ns() // 1000)
    assert hunt_now(plan) is not None
    scene = open_scene(home / "console", None, LatestSource(folder), runner)
    yield scene
    scene.database.close()


@pytest.fixture(scope="module", params=["a case of many findings", "a case of a hunt"])
def told(request: pytest.FixtureRequest, reading: Scene) -> Told:
    scene = reading if request.param == "a case of many findings" else request.getfixturevalue("hunted")
    shown = scene.console.source.current()
    assert shown is not None
    assert shown.model.of_verdict("act")
    screen = io.StringIO()
    print_findings(Terminal(file=screen, width=WIDE, highlight=False), shown.model, None, 0.01)
    return Told(scene.reader("vera"), shown, shown.case.report(), screen.getvalue())


def squeezed(text: str) -> str:
    return " ".join(text.split())


def rows_of(page: Page) -> list[list[str]]:
    """The rows of the evidence, which have a bar each; without the ids of requests under a finding."""
    rows = [[re.sub(r" \d+ of [\d,]+ requests? ?Copy ids.*", "", squeezed(cell)) for cell in row] for row in page.rows]
    start = next(number for number, row in enumerate(rows) if row[:1] == ["Finding"])
    end = next(number for number, row in enumerate(rows) if number > start and row[0].startswith("Total"))
    return rows[start : end + 1]


def in_report(told: Told, number: int) -> str:
    """The report's part about a campaign."""
    return told.report.partition(f'id="case-{number}"')[2].partition("<article")[0].partition("</main>")[0]


def test_report_and_console_have_the_same_evidence_facts_and_sentences(told: Told) -> None:
    for number, name in enumerate(told.names, 1):
        text = told.reader.page(f"/campaigns/{name}")
        ours, theirs = Page(text), Page(f"<article>{in_report(told, number)}")
        assert rows_of(ours) == rows_of(theirs)
        assert len(rows_of(ours)) > 3
        assert [item for item in ours.facts if item in theirs.facts] == theirs.facts
        assert len(theirs.facts) > 5
        claim = squeezed(re.search(r"<h2[^>]*>(.*?)</h2>", in_report(told, number), re.DOTALL)[1])  # type: ignore[index]  # each case has a heading
        assert [squeezed(heading) for kind, heading in ours.headings if kind == "h1"] == [Page(claim).text]
        for heading in ("Evidence against", "What would change it", "What this does not prove", "Before you act"):
            assert list_under(text, heading) == list_under(in_report(told, number), heading) != []
        explanations = told.shown.by_id[name].explanations
        assert list_under(text, "Other explanations") == list_under(in_report(told, number), "Other explanations")
        assert not explanations or list_under(text, "Other explanations") == list(explanations)
        probability = f"operation: {told.shown.by_id[name].probability}"
        assert probability in ours.text
        assert probability in theirs.text


def list_under(text: str, heading: str) -> list[str]:
    """What the list, or the sentence, under a heading says."""
    part = text.partition(f"<h3>{heading}</h3>")[2].partition("</section>")[0]
    page = Page(part)
    return [squeezed(item) for item in page.items] or [page.text]


def test_explain_and_console_have_the_same_findings(told: Told) -> None:
    for name in told.names:
        explanation = told.shown.case.explain(name)
        page = page_of(told.reader.get(f"/campaigns/{name}"))
        rows = {row[0]: row for row in rows_of(page)}
        words = squeezed(explanation.text(WIDE))
        assert explanation.campaign is not None
        findings = [*explanation.campaign.supporting, *explanation.campaign.opposing]
        assert findings
        for term in findings:
            (row,) = [row for said, row in rows.items() if said.endswith(formatting.sentence_case(term.shown))]
            assert row[-1] == formatting.bits(term.bits)
            assert row[1] == (formatting.count(term.request_count) if term.request_count else "")
            assert f"{row[-1]} " in words
            assert term.shown in words
        facts = dict(page.facts)
        for label, value in explanation.facts:
            assert facts.get(formatting.sentence_case(label), value) == value
            assert value in page.text or formatting.sentence_case(value) in page.text  # what is taken has its own part
        assert len(facts.keys() & {formatting.sentence_case(label) for label, _ in explanation.facts}) > 5
        assert all(sentence in page.text for sentence in explanation.change)
        assert f"{formatting.bits(explanation.campaign.log2_odds)} log2 odds" in words
        assert rows_of(page)[-1][-1] == formatting.bits(explanation.campaign.log2_odds)
        told_by = (
            f"{formatting.likelihood(explanation.probability)} ({formatting.probability(explanation.probability)})"
        )
        assert told_by in words
        assert told_by.partition(" (")[0] in rows_of(page)[-1][0]


def test_screen_and_console_have_the_same_figures(told: Told) -> None:
    """Each line of the screen about a campaign stands on the console's pages."""
    queue = {row[0]: row for row in page_of(told.reader.get("/campaigns?columns=all")).rows}
    for name in told.names:
        model = told.shown.by_id[name]
        block = told.screen.partition(name)[2].partition("\nact ")[0].partition("\nreview ")[0].partition("\n\n")[0]
        page = page_of(told.reader.get(f"/campaigns/{name}"))
        assert block.split("  ")[1:] != []
        for cell in (
            model.probability,
            formatting.count(model.row["accounts"]),
            formatting.count(model.row["requests"]),
        ):
            assert cell in block
            assert cell in queue[model.name]
        against = model.total.opposing[:1]
        for term in (*model.strongest[:3], *against):
            assert f"{formatting.bits(term.bits)} " in block
            assert term.shown in block
            assert formatting.sentence_case(term.shown) in page.text
        assert f"{model.skills} from {model.models}" in block
        assert f"{formatting.sentence_case(model.skills)} from {model.models}" in page.text
    overview = page_of(told.reader.get("/"))
    assert told.screen.startswith(told.shown.model.headline)
    assert told.shown.model.headline in overview.text


def test_the_page_of_an_account_says_what_explain_says(told: Told) -> None:
    accounts = told.shown.case.accounts
    for account in accounts["account_id"].to_pylist()[:3] + accounts["account_id"].to_pylist()[-2:]:
        explanation = told.shown.case.explain(account, account=True)
        page = page_of(told.reader.get(f"/accounts/{account}"))
        for label, value in explanation.facts:
            assert [formatting.sentence_case(label), value] in page.facts
        assert all(sentence in page.text for sentence in (*explanation.change, *explanation.unseen))
        words = squeezed(explanation.text(WIDE))
        assert formatting.probability(explanation.probability) in words
        assert f"{formatting.probability(explanation.stored_score)} probability that it harvests" in page.text
        for one in explanation.memberships[:1]:
            for term in (*one.member.supporting, *one.member.opposing):
                assert f"{formatting.sentence_case(term.shown)} " in page.text
                assert term.shown in words


def test_members_are_those_of_the_facts_row_by_row(told: Told) -> None:
    for name in [one.row["campaign_id"] for one in told.shown.model.campaigns]:
        facts = told.shown.case.account_facts(name)
        exported = pq.read_table(io.BytesIO(told.reader.get(f"/campaigns/{name}/members?as=parquet").content))
        same = [column for column in exported.schema.names if column != "ties"]
        assert exported.select(same).to_pylist() == facts.select(same).to_pylist()
        rows: list[list[str]] = []
        while True:
            page = page_of(
                told.reader.get(f"/campaigns/{name}/members?columns=all&size=250&page={1 + len(rows) // 250}")
            )
            rows += page.rows[1:]
            if len(rows) >= facts.num_rows:
                break
        heads = [squeezed(one) for one in page.rows[0]]
        for row, fact in zip(rows, facts.to_pylist(), strict=True):
            cells = dict(zip(heads, row, strict=True))
            assert cells["Account"] == formatting.shorten(fact["account_id"], 200)
            assert cells["Verdict"] == fact["verdict"]
            assert cells["Probability"] == formatting.probability(fact["score"])
            assert cells["Role"] == role_label(fact["role"])
            assert cells["Requests"] == formatting.count(fact["requests"])
            assert cells["Other requests"] == formatting.count(fact["other_requests"])
            assert cells["Share"] == formatting.percent(fact["share"])
            first = fact["first_seen"]
            assert cells["First seen (UTC)"] == ("" if first is None else formatting.minute(first).removesuffix(" UTC"))
            assert cells["Clients"] == formatting.join_words(fact["clients"])


def test_what_ties_a_member_is_the_strongest_evidence_about_it(published: Published, reading: Scene) -> None:
    vera = reading.reader("vera")
    for campaign in published.shown.model.campaigns:
        name = campaign.row["campaign_id"]
        exported = pq.read_table(io.BytesIO(vera.get(f"/campaigns/{name}/members?as=parquet").content))
        evidence = [row for row in published.shown.case.evidence.to_pylist() if row["campaign_id"] == name]
        for account, ties in zip(exported["account_id"].to_pylist(), exported["ties"].to_pylist(), strict=True):
            own = [row for row in evidence if row["account_id"] == account and row["bits"] > 0]
            own = [row for row in own if row["family"] != "prior"]  # the odds before any evidence tie nobody
            own.sort(key=lambda row: (-row["bits"], row["statement"]))
            assert ties == ". ".join(row["statement"] for row in own[:3])


def test_the_evidence_of_a_campaign_is_that_of_the_case(told: Told) -> None:
    for name in told.names:
        exported = pq.read_table(io.BytesIO(told.reader.get(f"/campaigns/{name}/evidence?as=parquet").content))
        rows = [row for row in told.shown.case.evidence.to_pylist() if row["campaign_id"] == name]
        wanted = [{column: row[column] for column in exported.schema.names} for row in rows]
        assert exported.to_pylist() == sorted(wanted, key=lambda row: -row["bits"])


def test_requests_are_the_harvested_ones_of_the_case(published: Published, reading: Scene) -> None:
    """All pages together, and the exports of the campaign and of an account."""
    vera, harvest = reading.reader("vera"), published.shown.case.harvest
    for name in list(published.shown.by_id)[:2]:
        wanted = {row["request_id"] for row in harvest.to_pylist() if row["campaign_id"] == name}
        answer = vera.get(f"/campaigns/{name}/requests?as=parquet")
        exported = pq.read_table(io.BytesIO(answer.content))
        assert len(wanted) == exported.num_rows == len(exported["request_id"].unique())
        assert set(exported["request_id"].to_pylist()) == wanted
        text = vera.get(f"/campaigns/{name}/requests?as=csv").text
        assert [line.partition(",")[0] for line in text.splitlines()[1:]] == exported["request_id"].to_pylist()
    account = exported["account_id"][0].as_py()
    seen: list[str] = []
    link: str | None = f"/accounts/{account}?rows=requests&size=25"
    while link is not None:
        answer = vera.get(link)
        page = page_of(answer)
        seen += [row[1] for row in page.rows[1:]]
        following = [one["href"] for _, one in page.elements if one.get("rel") == "next"]
        link = f"/accounts/{account}{following[0]}" if following else None
    own = [row for row in exported.to_pylist() if row["account_id"] == account]
    assert seen == [row["request_id"] for row in own]
    assert len(seen) > 50
