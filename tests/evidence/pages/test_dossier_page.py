"""The dossier: figures from the tables, bounded claims, hostile texts as text, bounded size, the same every time."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from evidence.pages.dossier_html import DossierParser, numbers
from evidence.pages.page_cases import FACTS, FINDINGS, NAME, POSING, Found, page_case
from server.console.hostile_texts import hostile_case, payloads
from stillhunt.base import formatting
from stillhunt.base.errors import CaseError
from stillhunt.triage import Case
from stillhunt.triage.score_breakdown import campaign_sum
from stillhunt_evidence.pages.alternatives import alternatives_of
from stillhunt_evidence.pages.engineer_page import CITED_SHOWN, MEMBERS_SHOWN
from stillhunt_evidence.pages.error_rates import changed_settings
from stillhunt_evidence.pages.facts import DossierFacts, facts_of_run
from stillhunt_evidence.pages.page_texts import PAGE_TEXTS
from stillhunt_evidence.pages.render import render_dossier
from triage.fixtures import demo_case

PAGES = ("executive", "counsel", "engineer")
UNBOUNDED = re.compile(
    r"\b(prove[sdn]?|proof|stole\w*|steal\w*|theft|thie\w+|crimin\w+|guilt\w*|convict\w*|fraud\w*|culprit\w*|perpetrat\w+)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def case() -> Case:
    return page_case()


@pytest.fixture(scope="module")
def html(case: Case) -> str:
    return render_dossier(case, NAME, FACTS)


@pytest.fixture(scope="module")
def parsed(html: str) -> DossierParser:
    return DossierParser(html)


def test_each_reader_finds_a_page_from_the_cover(parsed: DossierParser) -> None:
    ids = {attributes.get("id") for _, attributes in parsed.tags}
    links = {attributes.get("href") for tag, attributes in parsed.tags if tag == "a"}
    assert {f"#{page}" for page in PAGES} <= links
    assert all(link is not None and link[0] == "#" and link[1:] in ids for link in links)


def test_the_verdict_never_stands_without_probability_and_leading_alternative(
    case: Case, html: str, parsed: DossierParser
) -> None:
    model = case.model.campaigns[0]
    leading, stated = alternatives_of(case, model)[0], re.escape(model.probability)
    assert len(parsed.blocks) == html.count('class="verdict act"') == 1 + len(PAGES)
    for block in parsed.blocks:
        text = " ".join(" ".join(block).split())
        assert re.search(rf"^Verdict ?act .*Probability ?Stated {stated}, almost certain; .* Leading alternative", text)
        assert "; in simulated worlds 100 % of groups with such a probability were campaigns (98 to 100 %)" in text
        assert leading.name[1:] in text
        assert leading.odds in text


@pytest.mark.parametrize("findings", [FINDINGS, FINDINGS[:2], FINDINGS[2:]])
def test_claims_are_bounded(findings: Any) -> None:
    for decision in ("abstained", "named"):
        facts = replace(FACTS, attribution={"decision": decision, "statement": "The marks are consistent with A."})
        text = DossierParser(render_dossier(page_case(findings=findings), NAME, facts)).text()
        assert not UNBOUNDED.findall(text)
        assert PAGE_TEXTS["keys_caution"] in text


def test_an_unbounded_claim_would_be_noticed() -> None:
    for text in ("this proves it", "they stole it", "criminal accounts", "is guilty", "Convicted"):
        assert UNBOUNDED.search(text)
    assert not UNBOUNDED.search("improved; a stolid approvement")


def test_counsel_has_all_that_a_claim_needs(parsed: DossierParser) -> None:
    text = parsed.text("counsel")
    for heading in (
        "The log shows",
        "This is consistent with",
        "It does not show",
        "Alternatives considered",
        "Evidence against the claim",
        "Rates of error, and where they come from",
        "Custody of the evidence",
        "What was redacted",
        "What was not examined",
        "How an accused is heard",
    ):
        assert heading in text
    assert "Its accounts are active in different 12-hour windows. \u22121.0 bits as measured" in text
    for fact in ("5e" * 32, "0f" * 32, "2,400 requests", "SHA256:ab12", "by an authority", "march.jsonl", "311,944"):
        assert fact in text


def test_an_executive_reads_no_jargon(parsed: DossierParser) -> None:
    text = parsed.text("executive")
    assert not re.search(r"\b(bits?|log2|likelihood ratio|dispersion|null|prior|cap|parquet|e-value)\b", text)
    assert "First paragraph. Second paragraph." in text
    assert "Who is behind it? Nobody is named. One kind of mark only." in text


def test_whoever_is_named_is_named_with_what_else_it_could_be(case: Case) -> None:
    found = {"decision": "named", "statement": "The marks are consistent with A", "alternatives": ["It may be B"]}
    text = DossierParser(render_dossier(case, NAME, replace(FACTS, attribution=found))).text("executive")
    assert "The marks are consistent with A. It may be B. Marks can be planted: " in text
    assert "Marks can be planted" not in DossierParser(render_dossier(case, NAME, FACTS)).text("executive")


def test_figures_of_the_executive_come_from_the_case(case: Case, parsed: DossierParser) -> None:
    row = case.campaigns.to_pylist()[0]
    taken = {text for part in case.taken.to_pylist() for text in (f"{part['requests']:,}", f"{part['samples']:,}")}
    score = case.model.campaigns[0].run.settings
    known = {
        *taken,
        *(f"{row[name]:,}" for name in ("accounts", "requests", "output_tokens")),
        *numbers(formatting.money(row["list_value"], "USD")),
        *numbers(formatting.share_of(row["requests"], case.run["counts"]["requests"])),
        *numbers(formatting.period(row["first_seen"], row["last_seen"])),
        *numbers(formatting.day(row["first_seen"] + (row["last_seen"] - row["first_seen"]) / 2)),
        *numbers(formatting.exact_percent(score.act_probability)),
        *numbers(formatting.exact_percent(score.review_probability)),
        *numbers(formatting.probability(row["score"])),
        *numbers(alternatives_of(case, case.model.campaigns[0])[0].odds),
    }
    marks = {"1", "10", "50", "90", "99", "99.9"}
    measured = {"3,000", "11", "30", "100", "95", "98.5", "98", "88"}
    layout = {"12"} | numbers(NAME)
    text = parsed.text("executive")
    once_in = re.search(r"once in ([\d,]+) months", text)
    tallest = re.search(r"about ([\d,]+) in the tallest bar", text)
    assert once_in is not None
    assert tallest is not None
    left = numbers(text) - known - marks - measured - layout - {once_in[1], tallest[1]}
    assert not left


def test_bits_of_the_engineer_come_from_the_table(case: Case, parsed: DossierParser) -> None:
    rows = parsed.rows["engineer evidence"][1:]
    shown = {f" {row[0]} ": (row[2], row[4]) for row in rows}
    every = case.evidence.to_pylist()
    table = [row for row in every if row["family"] not in ("prior", "explanations")]
    assert len(rows) == len(table) + 3
    for row in table:
        cells = next(cells for text, cells in shown.items() if f" {row['kind']} " in text)
        assert cells == (formatting.bits(row["raw_bits"]), formatting.bits(row["bits"]))
    total = campaign_sum(case.evidence, NAME).log2_odds
    assert not [row for row in parsed.rows["engineer"] if row[0] == "Explanations"], "they are no family of findings"
    assert rows[0][4] == formatting.bits(every[0]["bits"])
    assert rows[-2][4] == formatting.bits(sum(row["bits"] for row in every if row["family"] == "explanations"))
    assert rows[-1][4] == formatting.bits(total)
    assert total == pytest.approx(sum(row["bits"] for row in every))


def test_alternatives_on_the_page_are_those_of_the_case(case: Case, parsed: DossierParser) -> None:
    ranked = alternatives_of(case, case.model.campaigns[0])
    rows = parsed.rows["counsel alternatives"][1:]
    assert [row[3] for row in rows] == [formatting.bits(one.odds_bits) for one in ranked]
    for row, one in zip(rows, ranked, strict=True):
        assert one.name[1:] in row[0]
        assert one.odds[1:] in row[4]
        assert one.explanation.settles in row[1]
        assert one.prior_bits is not None
        assert f"Before any evidence {formatting.bits(one.prior_bits)}. Against it: " in row[1]
    leading = ranked[0]
    for part in (*leading.against, *leading.explained):
        assert f"{part.statement}. ({formatting.bits(part.bits)})" in parsed.text("counsel")
    (shown,) = (table for name, table in parsed.rows.items() if table[0][0] == "Explanation" and name == "engineer")
    assert [row[4] for row in shown[1 : len(ranked) + 1]] == [formatting.bits(one.odds_bits) for one in ranked]


NOBODY = (*FINDINGS[:1], ("identity", "declared_organisation", -6.0, "All declare one organisation"))
AS_LIKELY = "is about as likely as the claim, or more likely"


def test_an_explanation_that_is_as_likely_is_named_plainly() -> None:
    html = render_dossier(page_case(findings=NOBODY), NAME, FACTS)
    assert f"One explanation {AS_LIKELY}: " in html
    assert html.count(f"It {AS_LIKELY}.") == 4
    assert "Rule it out before you act." in html
    assert AS_LIKELY not in render_dossier(page_case(), NAME, FACTS)


@pytest.mark.parametrize("findings", [NOBODY, FINDINGS[:1], FINDINGS[:2], FINDINGS])
def test_probability_and_odds_agree_wherever_they_stand(findings: tuple[Found, ...]) -> None:
    case = page_case(findings=findings)
    model = case.model.campaigns[0]
    leading = alternatives_of(case, model)[0]
    assert 2.0**leading.odds_bits >= model.row["score"] / (1 - model.row["score"])
    assert leading.as_likely == (leading.odds_bits <= 1)
    assert not leading.as_likely or model.row["score"] <= 2 / 3
    parsed = DossierParser(render_dossier(case, NAME, FACTS))
    for section in ("cover", *PAGES):
        text = parsed.text(section)
        assert f"Stated {model.probability}, {model.likelihood};" in text
        assert leading.odds in text
        assert not re.search(r"\d to 1\b(?! %)", text)


def test_a_case_of_version_7_says_that_explanations_were_not_recorded(case: Case) -> None:
    rows = [row for row in case.evidence.to_pylist() if row["family"] != "explanations"]
    evidence = pa.Table.from_pylist(rows, schema=case.tables["evidence"].schema)
    old = Case({**case.tables, "evidence": evidence}, run={**case.run, "case_version": 7}, **case.views)
    parsed = DossierParser(render_dossier(old, NAME, FACTS))
    for section in ("cover", *PAGES):
        assert PAGE_TEXTS["not_weighed"]["harvest"] in parsed.text(section)
    assert "counsel alternatives" not in parsed.rows


def test_one_operator_is_not_called_a_harvest() -> None:
    case = page_case(kind="posing", findings=POSING)
    parsed = DossierParser(render_dossier(case, NAME, FACTS))
    text = parsed.text("counsel")
    stated = f"Probability: {case.model.campaigns[0].probability} (almost certain)."
    assert f"Accounts of one operator that pose as those of separate customers. {stated}" in text
    assert "collect answers from one work queue" not in text
    shows = text.partition("The log shows")[2].partition("This is consistent with")[0]
    assert "than a harvest" not in shows, "an explanation is nothing that the log shows"
    assert "What the operator may be: a reseller or a farm" in text
    assert "How likely it is" in text
    sign = "pose as separate customers"
    assert "Insufficient data" not in text
    assert [
        row[0].endswith("(says who the holders are)") for row in parsed.rows["engineer evidence"] if sign in row[0]
    ] == [True]
    assert {row[4].rpartition(" than ")[2] for row in parsed.rows["counsel alternatives"][1:]} == {"one operator"}
    assert "not measured for claims of this kind" in text
    assert "counsel rates" not in parsed.rows
    assert "A person should look; no harvest is claimed." in parsed.text("executive")


def test_why_a_verdict_is_not_act_is_said(case: Case) -> None:
    low = page_case(findings=(FINDINGS[0], ("queue", "topic_mixture", 2.0, "They ask about the same topics")))
    below = DossierParser(render_dossier(low, NAME, FACTS)).text("executive")
    assert low.model.campaigns[0].verdict == "review"
    assert "A person should look. It is below the 99 % that the verdict act needs." in below
    row = {**case.evidence.to_pylist()[0], "family": "independence", "kind": "independent_families", "bits": 0.0}
    limited = [*case.evidence.to_pylist(), {**row, "raw_bits": 0.0, "statement": "Only one family is strong"}]
    evidence = pa.Table.from_pylist(limited, schema=case.tables["evidence"].schema)
    tables = {**case.tables, "evidence": evidence, "campaigns": verdict_of(case, "review")}
    parsed = DossierParser(render_dossier(Case(tables, run=case.run, **case.views), NAME, FACTS))
    assert "A person should look. Only one family is strong." in parsed.text("executive")
    assert "It is below the" not in parsed.text("executive")
    assert not [row for row in parsed.rows["engineer evidence"] if "Only one family is strong" in row[0]]


def test_all_that_speaks_against_is_said_whoever_leads() -> None:
    declared = (*FINDINGS[:3], ("identity", "declared_organisation", -1.5, "All declare one organisation"))
    case = page_case(findings=declared)
    against = next(row for row in case.evidence.to_pylist() if row["kind"] == "declared_organisation")
    assert against["bits"] == 0, "the customer who leads has declared it: it says nothing between the two"
    text = DossierParser(render_dossier(case, NAME, FACTS)).text("counsel")
    assert "All declare one organisation. \u22121.5 bits as measured" in text


CHANGED = {"score": {"prior_bits": 3, "act_probability": 0.5, "false_campaigns_per_month": 1e12}}


def with_settings(case: Case, changes: dict[str, Any]) -> Case:
    settings = dict(case.run["settings"])
    for name, value in changes.items():
        settings[name] = {**settings[name], **value} if isinstance(value, dict) else value
    return Case(case.tables, run={**case.run, "settings": settings}, **case.views)


def test_settings_that_differ_are_said_and_no_rate_that_was_measured_under_others() -> None:
    parsed = DossierParser(render_dossier(with_settings(page_case(), CHANGED), NAME, FACTS))
    for section in ("cover", *PAGES):
        text = parsed.text(section)
        assert (
            "Settings that differ from the defaults: score.act_probability 0.5 (default 0.99); "
            "score.false_campaigns_per_month 1,000,000,000,000 (default 1); score.prior_bits 3 (default \u22123.5)."
        ) in text
        assert "how many groups with such a probability are campaigns under settings other than the defaults" in text
        assert "in simulated worlds" not in text
        assert "95 % interval" not in text
    for section in ("executive", "counsel"):
        text = parsed.text(section)
        assert "Measured shares and rates of error are left out: they were measured under the default settings" in text
        assert "an honest group looks at least this strong" not in text
        assert "as rare as the method assumes" not in text
    assert "counsel rates" not in parsed.rows


@pytest.mark.parametrize(
    ("changes", "said", "hold"),
    [
        ({"seed": 7}, "seed 7 (default 0)", True),
        ({"score": {"linkage_cap_bits": 9.5}}, "score.linkage_cap_bits 9.5 (default 14)", False),
        ({"score": {"family_cap_bits": {"queue": 30}}}, "score.family_cap_bits.queue 30 (default", False),
        ({"score": {"of_another_version": "<b>"}}, "score.of_another_version <b> (default not recorded)", False),
        ({"link": {"min_slice_requests": 10**400}}, "link.min_slice_requests 1", False),
        ({"resolve": {"min_accounts": 2}}, "resolve.min_accounts 2 (default 5)", False),
        ({"watch": {}}, "", True),
        ({"score": {"prior_bits": -3.5}}, "", True),
    ],
)
def test_each_setting_is_compared(changes: dict[str, Any], said: str, hold: bool) -> None:
    found = changed_settings(with_settings(page_case(), changes).run)
    assert said in found.sentence
    assert bool(found.sentence) == bool(said)
    assert found.rates_hold == hold == (not found.withheld)


def test_a_group_that_is_unlikely_is_said_to_be() -> None:
    text = DossierParser(render_dossier(page_case(findings=FINDINGS[3:4]), NAME, FACTS)).text("cover")
    assert "almost no chance" in text


def test_the_cover_says_first_that_a_weak_finding_is_not_one_to_act_on(case: Case) -> None:
    weak = page_case(findings=FINDINGS[:1])
    none = Case({**weak.tables, "campaigns": verdict_of(weak, "none")}, run=weak.run, **weak.views)
    for one, verdict in ((weak, "review"), (none, "none")):
        assert one.model.campaigns[0].verdict == verdict
        html = render_dossier(one, NAME, FACTS)
        assert html.index("This is not a finding to act on: ") < html.index("<h1>")
    assert "not a finding to act on" not in render_dossier(case, NAME, FACTS)


def verdict_of(case: Case, verdict: str) -> pa.Table:
    table = case.tables["campaigns"]
    place = table.schema.get_field_index("verdict")
    return table.set_column(place, table.schema.field(place), pa.array([verdict], table.schema.field(place).type))


def test_a_narrative_is_said_to_be_unchecked(case: Case) -> None:
    said = "In the words of the provider; the program did not check them. First paragraph."
    assert said in DossierParser(render_dossier(case, NAME, FACTS)).text("executive")
    assert "In the words of the provider" not in render_dossier(case, NAME, replace(FACTS, narrative=""))


def test_the_page_is_the_same_every_time(case: Case, html: str) -> None:
    assert render_dossier(page_case(), NAME, FACTS) == html
    tables, views = (
        {name: table.take(pa.array(range(table.num_rows)[::-1], pa.int64())) for name, table in some.items()}
        for some in (case.tables, case.views)
    )
    assert render_dossier(Case(tables, run=case.run, **views), NAME, FACTS) == html


def test_nothing_runs_and_nothing_is_fetched(html: str, parsed: DossierParser) -> None:
    tags = {tag for tag, _ in parsed.tags}
    assert not tags & {"script", "iframe", "img", "link", "object", "embed", "form", "base"}
    attributes = {name for _, known in parsed.tags for name in known}
    assert not attributes & {"style", "src", "srcset", "background"}
    assert not [name for name in attributes if name.startswith("on")]
    style = html.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy in html.replace("&#39;", "'")
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_texts_stay_text() -> None:
    case = hostile_case()
    texts = payloads()
    facts = DossierFacts(
        narrative="\n\n".join(texts[:6]),
        attribution={"decision": "named", "statement": texts[7], "alternatives": texts[8:12]},
        versions=((texts[13], texts[14]),),
        seed=texts[15],
        inputs=facts_of_run(case.run).inputs,
        signer=texts[16],
        time_stamp=texts[17],
        request_digest=texts[18],
        files=(replace(FACTS.files[0], name=texts[19], description=texts[20]),),
    )
    clean = DossierParser(render_dossier(demo_case(), "hunt-7f3a91c2", facts_of_run(demo_case().run)))
    known = {(tag, tuple(sorted(attributes))) for tag, attributes in clean.tags} | {
        (tag, tuple(sorted(attributes)))
        for tag, attributes in DossierParser(render_dossier(page_case(), NAME, FACTS)).tags
    }
    for model in case.model.campaigns:
        html = render_dossier(case, model.row["campaign_id"], facts)
        found = DossierParser(html)
        assert {(tag, tuple(sorted(attributes))) for tag, attributes in found.tags} <= known
        assert not set(formatting.UNSAFE.findall(html.replace("\n", ""))) - {"\u200c", "\u200d"}
        assert len(html) < 400_000


def test_empty_views_are_no_reason_to_fail(case: Case) -> None:
    html = render_dossier(Case(case.tables), NAME, DossierFacts())
    parsed = DossierParser(html)
    assert "nobody; this page is not part of a signed pack" in parsed.text("counsel")
    assert "No inputs are recorded." in parsed.text("counsel")
    assert "Nobody is named. The log shows accounts" in parsed.text("executive")
    for page in PAGES:
        assert "The settings of this run were not recorded" in parsed.text(page)
    assert "those of this run were not recorded" in parsed.text("counsel")
    assert "counsel rates" not in parsed.rows
    assert "What was taken" not in parsed.text("executive")


@pytest.mark.parametrize("kind", ["account_farm", "relay"])
def test_abuse_of_another_kind_is_not_called_a_harvest(kind: str) -> None:
    text = DossierParser(render_dossier(page_case(kind=kind), NAME, FACTS)).text("counsel")
    assert f"Accounts of one operator: {kind.replace('_', ' ')}." in text
    assert "collect answers from one work queue" not in text


def test_a_large_campaign_stays_a_short_page() -> None:
    html = render_dossier(page_case(members=24_000), NAME, FACTS)
    assert len(html.encode()) < 400_000
    assert html.count("acct-") == MEMBERS_SHOWN + CITED_SHOWN
    assert "And 23,950 more in members.parquet." in html
    assert "And 10 more in cited.parquet." in html
    assert "24,000" in html


def test_a_campaign_that_is_not_there(case: Case) -> None:
    with pytest.raises(CaseError, match="no campaign"):
        render_dossier(case, "c-\x1b[2J", DossierFacts())


def test_facts_of_a_run(case: Case) -> None:
    facts = facts_of_run(case.run)
    assert facts.seed == 0
    assert facts.versions[0] == ("stillhunt", "0.1.0")
    assert (facts.inputs[0].name, facts.inputs[0].rows) == ("march.jsonl", 311_944)
    assert facts_of_run({}) == DossierFacts()
