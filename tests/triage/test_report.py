"""The report is self-contained, deterministic, bounded, and no log text can become markup in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stillhunt.base.families import MEMBERSHIP, OTHERS, PRIOR
from stillhunt.base.schema_case import CASE_TABLES
from stillhunt.triage import Case, report_campaigns
from stillhunt.triage.charts import WATERFALL_WIDTH, sparkline, waterfall
from stillhunt.triage.score_breakdown import ScoreSum, Term
from stillhunt.triage.set_aside import allowed_groups

from .fixtures import START, build, demo_case, run_record

HOSTILE = (
    '</script><script>window.owned=1</script><img src=x onerror="owned=1">{{7*7}}'
    "\u202e\x1b[2J\u2028\x00=cmd|'/c calc'!A1"
)


@pytest.fixture(scope="module")
def case() -> Case:
    return demo_case()


@pytest.fixture(scope="module")
def page(case: Case) -> str:
    return case.report()


class Elements(HTMLParser):
    """Start tags with their attributes, scripts and styles with their text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.text: list[str] = []
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in self.raw:
            self._inside = tag
            self.raw[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.raw[self._inside][-1] += data
        else:
            self.text.append(data)


def visible(page: str) -> str:
    return " ".join("".join(Elements(page).text).split())


def hostile_case(text: str = HOSTILE) -> Case:
    """The demo case with every free string replaced, ids kept distinct."""
    case = demo_case()

    def bent(name: str, table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        for row in rows:
            for column, value in row.items():
                if column in ("verdict", "family"):
                    continue
                if isinstance(value, str):
                    row[column] = text + value
                elif isinstance(value, list) and value and isinstance(value[0], str):
                    row[column] = [text + part for part in value]
        return build(name, rows)

    tables = {name: bent(name, table) for name, table in case.tables.items()}
    run = json.loads(json.dumps(case.run))
    run["inputs"][0]["name"] = text
    run["coverage"][0]["sentence"] = run["coverage"][0]["family"] = run["version"] = text
    run["settings"]["report"]["currency"] = text
    views = {name: bent(name, getattr(case, name)) for name in ("samples", "timeline", "member_details")}
    return Case(tables, run=run, **views)


def test_says_what_was_found(page: str) -> None:
    text = visible(page)
    for wanted in (
        "Evidence indicates two harvesting campaigns: 180 of 500 accounts (167 flagged) sent 10,826 of",
        "from 2 to 16 March 2026. One more campaign needs a person's review.",
        "Evidence indicates, subject to a person's review, that 20 accounts act as one operation",
        "The probability is below the 99 % that acting needs.",
        "Evidence against",
        "What this does not prove",
        "Before you act",
        "300 accounts were left alone. 11 of them resembled a campaign",
        "2 accounts belong to programmes",
        "timestamp is missing",
        "No accounts table: shared payment and sign-up bursts cannot be seen.",
        "Signed up (UTC)",
        "2026-03-04 13:40",
        "Copy flagged ids",
        "3 of 311 requests",
        "req-failover-000",
        "The template: what its accounts share",
        "in 8 of 8 excerpts",
        "1037: 13 apples are shared among 4 … 25.",
        "names that no rule finds, and other free text, can remain",
        "step-by-step mathematical reasoning",
        "5e5e5e5e",
    ):
        assert wanted in text


def test_nothing_is_fetched_and_only_our_own_scripts_may_run(page: str) -> None:
    elements = Elements(page)
    for tag, attributes in elements.tags:
        assert not {"src", "srcset", "action", "data", "poster", "style"} & set(attributes), tag
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")
        assert tag not in ("link", "iframe", "object", "embed", "img", "base", "form")
    policy = next(a["content"] for t, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    runnable = [text for text in elements.raw["script"] if not text.startswith("[")] + elements.raw["style"]
    assert len(runnable) == 5
    assert {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in runnable} == allowed


def test_hostile_text_stays_text() -> None:
    page = hostile_case().report()
    own, honest = Elements(page), Elements(demo_case().report())
    count = [tag for tag, _ in own.tags].count
    assert count("script") == 5
    assert count("img") == 0
    assert own.raw["style"] == honest.raw["style"]
    assert own.raw["script"][1:] == honest.raw["script"][1:]
    assert not any(character in page for character in "\u202e\x1b\u2028\x00")
    assert "{{7*7}}" in visible(page)
    assert not set("<>&\u2028") & set(own.raw["script"][0])
    data = json.loads(own.raw["script"][0])
    assert data[0]["members"][0][0].startswith("</script><script>")
    assert "\\u202e" in visible(page)


def test_megabyte_fields_stay_bounded() -> None:
    case = demo_case()
    huge = "A<" * 500_000
    rows = {name: table.to_pylist() for name, table in case.tables.items()}
    for row in rows["campaigns"]:
        row["skills"] = [huge] * 10
        row["models"] = [huge] * 10
    for row in rows["evidence"][:3]:
        row["statement"] = huge
    rows["rejects"][0]["reason"] = huge
    samples = case.samples.to_pylist()
    samples[0]["text"] = huge
    tables = {name: build(name, part) for name, part in rows.items()}
    page = Case(tables, build("samples", samples), case.timeline, case.run).report()
    assert len(page) < len(case.report()) + 200_000


def test_same_case_same_page_and_timings_stay_out(case: Case, page: str) -> None:
    slower = {**case.run, "timings": [{"stage": "collect", "seconds": 99.0, "rows": 1}]}
    slower["settings"] = {**case.run["settings"], "threads": 7, "memory_limit_gb": 1.0}
    views = {name: getattr(case, name) for name in ("samples", "timeline", "member_details")}
    assert Case(case.tables, run=slower, **views).report() == page
    turned = {
        name: table.take(pa.array(range(table.num_rows)[::-1])) for name, table in {**case.tables, **views}.items()
    }
    views = {name: turned.pop(name) for name in views}
    assert Case(turned, run=case.run, **views).report() == page


def test_no_finding_is_not_called_clean() -> None:
    tables = {name: table.empty() for name, table in CASE_TABLES.items()}
    text = visible(Case(tables, run=run_record(tables)).report())
    assert "No harvesting campaign was found in 0 requests from 0 accounts." in text
    assert "what the logs do not record cannot be found" in text


def test_coverage_names_each_gap_once(case: Case) -> None:
    gap = {
        "family": "network",
        "available": True,
        "missing": ["asn"],
        "sentence": "network: without asn no hosts",
    }
    text = visible(Case(case.tables, run={**case.run, "coverage": [gap]}).report())
    assert "Network and clientspartly available Without asn no hosts." in text
    assert text.count("asn") == 1


def test_empty_run_record_is_enough() -> None:
    tables = {name: table.empty() for name, table in CASE_TABLES.items()}
    assert "did not record which evidence its logs allow" in visible(Case(tables).report())


def test_marks_and_labels_in_samples(page: str) -> None:
    assert "<mark>You are a careful mathematics tutor. Solve the problem below" in page
    assert "sk-live" not in page
    assert "[key]" in page
    assert "[e-mail]" in page


def many(case: Case, times: int) -> Case:
    """Thirty accounts of the strongest campaign, many times under other names."""
    kept = pa.array([None, *(f"91c2-acct-{number:04d}" for number in range(30))])

    def copies(table: pa.Table) -> pa.Table:
        own = table.filter(pc.equal(table["campaign_id"], "hunt-7f3a91c2"))
        if "account_id" in own.schema.names:
            own = own.filter(pc.is_in(own["account_id"], kept))
        parts = []
        for number in range(times):
            part = own
            for column, prefix in (("campaign_id", f"{number:04d}-"), ("account_id", f"org-{number:04d}-")):
                if column in own.schema.names:
                    place = own.schema.get_field_index(column)
                    named = pc.binary_join_element_wise(prefix, own[column], "")
                    part = part.set_column(place, own.schema.field(place), named)
            parts.append(part)
        return pa.concat_tables(parts)

    tables = {name: copies(table) for name, table in case.tables.items() if name not in ("rejects", "harvest")}
    tables |= {"rejects": case.rejects, "harvest": case.harvest}
    views = {name: copies(getattr(case, name)) for name in ("samples", "timeline", "member_details")}
    return Case(tables, run=case.run, **views)


def test_many_campaigns_stay_small_and_quick(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    assert report_campaigns.CAMPAIGNS_IN_DETAIL <= 200  # which make 9 MB
    monkeypatch.setattr("stillhunt.triage.report.CAMPAIGNS_IN_DETAIL", 40)
    big = many(case, 50)
    begin = time.process_time()
    page = big.report()
    assert time.process_time() - begin < 5
    assert len(page.encode()) < 600_000 + 40 * 42_000
    assert page.count('<article class="case') == 40
    assert "10 more are in" in visible(page)


def test_declared_programmes_and_weak_groups_are_shown(case: Case) -> None:
    campaigns, accounts = case.campaigns.to_pylist(), case.accounts.to_pylist()
    for row in campaigns:
        if row["campaign_id"] == "hunt-0e9b55d7":
            row |= {"verdict": "none", "score": 0.7}
    for row in accounts:
        row["sanctioned"] = row["sanctioned"] or row["account_id"].startswith("08be")
    bent = {**case.tables, "campaigns": build("campaigns", campaigns), "accounts": build("accounts", accounts)}
    page = Case(bent, case.samples, case.timeline, case.run).report()
    text = visible(page)
    assert "In declared programmes60 accounts" in text
    assert page.count("<td>allowed<td>") == 60
    assert "1 group stayed below the review threshold" in text
    assert "hunt-0e9b55d7" not in text


def test_a_group_that_reached_the_threshold_is_told_with_its_reason(case: Case) -> None:
    """It is neither below the threshold nor one of an allowed programme."""
    few = "7 accounts of the group are likelier members of it than not; a campaign has at least 12"
    campaigns, rows = case.campaigns.to_pylist(), case.evidence.to_pylist()
    for row in campaigns:
        row["verdict"] = "none" if row["campaign_id"] in ("hunt-0e9b55d7", "hunt-c41d08be") else row["verdict"]
    own = next(row for row in rows if row["campaign_id"] == "hunt-0e9b55d7" and row["account_id"] is None)
    rows.append(
        {**own, "family": MEMBERSHIP, "kind": "too_few_members", "statement": few, "bits": 0.0, "raw_bits": 0.0}
    )
    bent = {**case.tables, "campaigns": build("campaigns", campaigns), "evidence": build("evidence", rows)}
    assert allowed_groups(bent, 0.85) == 1
    assert allowed_groups(bent, 0.95) == 1
    assert allowed_groups(bent, 0.999) == 0
    text = visible(Case(bent, case.samples, case.timeline, case.run).report())
    assert "2 groups reached it and have no verdict for another reason: left alone by the rules of" in text
    assert f"{few}." in text
    assert "below the review threshold" not in text[text.index("Looked at and left alone") :]


def test_members_beyond_the_bound_are_said_to_be_elsewhere(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_campaigns, "MEMBERS_IN_ALL", 70)
    page = case.report()
    assert "This page has the 70 most probable of 120 members; all are in members.parquet." in visible(page)
    assert [part.count("<tr><td>") for part in members_of(page)] == [70, 50, 20]


def members_of(page: str) -> list[str]:
    """The body of each members table."""
    return re.findall(r'<table class="members".*?<tbody>(.*?)</tbody>', page, re.S)


def test_whole_id_is_there_where_the_shown_one_is_cut() -> None:
    name = '"<' + "x" * 400
    assert members_of(renamed({"91c2-acct-0000": name}).report())[0].count(f'<td data-id="&#34;&lt;{"x" * 400}">') == 1


def renamed(names: dict[str, str]) -> Case:
    """The demo case with other ids for some accounts."""

    def bent(table: pa.Table, name: str) -> pa.Table:
        rows = table.to_pylist()
        for row in rows:
            row["account_id"] = names.get(row["account_id"], row["account_id"])
        return build(name, rows)

    case = demo_case()
    tables = {name: bent(case.tables[name], name) for name in ("accounts", "members", "evidence", "slices")}
    details = bent(case.member_details, "member_details")
    return Case({**case.tables, **tables}, case.samples, case.timeline, case.run, member_details=details)


def test_every_member_is_in_the_page_with_its_facts(case: Case, page: str) -> None:
    bodies = members_of(page)
    assert [body.count("<tr><td>") for body in bodies] == [120, 60, 20]
    assert all(f"<td>{account}<td>" in page for account in case.members["account_id"].to_pylist())
    first = bodies[0].strip().splitlines()[0]
    assert re.fullmatch(
        r"<tr><td>91c2-acct-\d{4}<td>act<td>at least 98 %<td>dedicated<td>\d+<td>\d+<td>[\d.]+ %"
        r"(<td>2026-0\d-\d\d \d\d:\d\d){3}<td>pro(-plus)?<td>[a-z-]+<td>(US|NL; IN)",
        first,
    )


def test_columns_that_the_logs_do_not_fill_are_left_out_and_named(case: Case) -> None:
    page = Case(case.tables, case.samples, case.timeline, case.run).report()
    assert "Not in these logs: First seen (UTC), Last seen (UTC), Signed up (UTC), Plan, Client, Country." in page
    assert '<th scope="col" data-kind="choice">Plan</th>' not in page


def test_the_contents_lead_to_every_part(page: str) -> None:
    tags = Elements(page).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"] for tag, attributes in tags if tag == "a"}
    assert targets <= {f"#{name}" for name in ids}
    parts = [
        f"#{part}-{number}" for number in (1, 2, 3) for part in ("case", "evidence", "requests", "members", "limits")
    ]
    assert {"#coverage", "#campaigns", "#left-alone", "#rejects", "#run", *parts} <= targets


def test_screen_and_report_say_the_same_money(case: Case) -> None:
    campaigns = [
        {**row, "list_value": 0.004 if row["verdict"] == "act" else 0.26} for row in case.campaigns.to_pylist()
    ]
    tables = {**case.tables, "campaigns": build("campaigns", campaigns)}
    assert "list price" not in visible(Case(tables, run=case.run).report())  # nobody set a price
    report = {**case.run["settings"]["report"], "prices": {"m": {"input": 1.0, "output": 2.0}}}
    small = Case(tables, run={**case.run, "settings": {**case.run["settings"], "report": report}})
    text = visible(small.report())
    for campaign in small.model.campaigns:
        value = dict(campaign.facts)["at list price"]
        assert value in ("less than USD 0.01", "USD 0.26")
        assert f"{value} at list price" in campaign.volume
        assert f"At list price{value}" in text


def large_case(number: int) -> Case:
    """The demo case with this many members in its first campaign, and no others."""
    case = demo_case()
    members, accounts, details = (
        table.filter(pc.equal(table["account_id"], "91c2-acct-0000")).to_pylist()[0]
        for table in (case.members, case.accounts, case.member_details)
    )
    names = [f"account-{place:016x}" for place in range(number)]
    tables = {
        **case.tables,
        "members": build("members", [{**members, "account_id": name} for name in names]),
        "accounts": build("accounts", [{**accounts, "account_id": name} for name in names]),
    }
    own = build("member_details", [{**details, "account_id": name} for name in names])
    return Case(tables, case.samples, case.timeline, case.run, member_details=own)


def test_thousands_of_members_stay_small_and_quick() -> None:
    """The browser opens the page of twenty thousand, and looks at its size."""
    big = large_case(4_000)
    begin = time.process_time()
    page = big.report()
    assert time.process_time() - begin < 5
    assert len(page.encode()) < 1_800_000
    assert members_of(page)[0].count("<tr><td>") == 4_000
    data = json.loads(Elements(page).raw["script"][0])
    assert len(data[0]["members"]) <= 1500


def piece(family: str, bits: float) -> Term:
    return Term(family, family, f"{family} says {bits}", bits, 3, ())


def test_waterfall_bars_join_and_add_up() -> None:
    total = ScoreSum((piece(PRIOR, -13.0), piece("queue", 9.0), piece("content", 12.0), piece("conduct", -2.5)))
    drawn = waterfall(total, 6.6)
    assert [row.kind for row in drawn.rows] == ["prior", "for", "for", "against", "total"]
    assert [row.bits for row in drawn.rows] == ["−13.0", "+9.0", "+12.0", "−2.5", "+5.5"]
    for before, row in zip(drawn.rows, drawn.rows[1:-1], strict=False):
        assert before.joint == pytest.approx(row.x if row.kind == "for" else row.x + row.width, abs=0.02)
    assert drawn.rows[-1].joint == drawn.rows[-2].joint
    assert all(row.x >= -0.01 and row.x + row.width <= WATERFALL_WIDTH + 1 for row in drawn.rows)


def test_waterfall_shows_findings_of_no_weight_as_one_bar() -> None:
    small = (Term("queue", "no_repeats", "s", 0.04, 3, ()), Term("timing", "common_times", "s", -0.03, 3, ()))
    drawn = waterfall(ScoreSum((piece(PRIOR, -13.0), piece("queue", 9.0), *small, piece("conduct", -2.5))), 6.6)
    assert [row.kind for row in drawn.rows] == ["prior", "for", "against", "negligible", "total"]
    assert drawn.rows[3].statement == "2 findings of 0.0 bits: common times and no repeats"
    assert drawn.rows[-1].joint == drawn.rows[-2].joint


def test_waterfall_has_one_bar_for_what_other_explanations_take() -> None:
    leading, other = Term(OTHERS, "company", "s", -0.7, 0, (), 3.5), Term(OTHERS, "chance", "s", 0.0, 0, (), 5.0)
    drawn = waterfall(ScoreSum((piece(PRIOR, -1.5), piece("queue", 5.0), leading, other)), 6.6)
    assert [(row.kind, row.bits) for row in drawn.rows[2:]] == [("explanations", "−0.7"), ("total", "+2.8")]
    assert drawn.rows[2].family == "Other explanations"
    assert drawn.rows[-1].joint == drawn.rows[-2].joint


def test_waterfall_merges_the_weakest_of_many() -> None:
    total = ScoreSum((piece(PRIOR, -13.0), *(piece("content", 0.01 * n) for n in range(1, 101))))
    drawn = waterfall(total, 6.6)
    assert len(drawn.rows) == 63
    assert any("37 weaker findings" in row.statement for row in drawn.rows)
    assert drawn.rows[-1].joint == pytest.approx(drawn.rows[-2].joint, abs=0.02)


def test_sparkline_keeps_all_requests() -> None:
    rows = [{"bucket": START.replace(hour=h), "requests": 10 * (h + 1), "accounts": 1} for h in range(0, 24, 3)]
    drawn = sparkline(rows, START, START.replace(hour=23))
    assert max(height for _, height in drawn.bars) == 1.0
    assert all(0 <= x < 1 and 0 < height <= 1 for x, height in drawn.bars)
    assert sparkline([], START, START).bars == ()


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_colours_have_enough_contrast() -> None:
    """WCAG 2.2, 1.4.3 and 1.4.11: 4.5 to 1 for text, 3 to 1 for the frame of what has the focus; light, dark, print."""
    style = (Path(report_campaigns.__file__).parent / "templates" / "report.css").read_text()
    themes = re.findall(r":root \{(.*?)\}", style, re.S)
    assert len(themes) == 3
    for theme in themes:
        colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", theme)) | {
            "paper": re.findall(r"--paper: (#\w+)", theme)[0]
        }
        paper = colors["paper"] if len(colors["paper"]) == 7 else "#ffffff"
        for name, least in {"ink": 4.5, "soft": 4.5, "against": 4.5, "act": 4.5, "review": 4.5, "for": 3.0}.items():
            high, low = sorted((luminance(colors[name]), luminance(paper)), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= least, (theme[:40], name)
