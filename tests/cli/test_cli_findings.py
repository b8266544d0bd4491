"""Ranking, exit codes, the JSON document and the screen, from small real tables."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from case_tables import account_row, campaign_row, case_tables, evidence_row, member_row, reject_row, run_record
from rich.console import Console

from stillhunt.base.config import Config
from stillhunt.base.schema_case import ACCOUNT_FACTS, CASE_TABLES
from stillhunt.cli.findings import as_document, exit_code
from stillhunt.cli.screen import print_findings
from stillhunt.run_record import explain_few_accounts
from stillhunt.triage import Case, CaseModel, case_model
from stillhunt.triage.folder import canonical_order

TWO_CAMPAIGNS = {
    "campaigns": [
        campaign_row("c-weak", "none", 0.2),
        campaign_row("c-look", "review", 0.9996, accounts=7),
        campaign_row("c-act", "act", 0.995),
    ],
    "members": [
        member_row("a1", "c-act"),
        member_row("a2", "c-act"),
        member_row("a2", "c-look"),
        member_row("a3", "c-look"),
        member_row("a4", "c-weak"),
    ],
    "evidence": [
        evidence_row("c-act", "prior", -13.0, "one candidate in 8,000"),
        evidence_row("c-act", "identity", 9.0, "two cards pay for 70 accounts"),
        evidence_row("c-act", "queue", 14.0, "items never repeat across accounts"),
        evidence_row("c-act", "queue", 2.0, "loads are equal"),
        evidence_row("c-act", "conduct", -2.5, "some conversations have follow-ups"),
        evidence_row("c-act", "queue", 5.0, "one member", account_id="a1"),
        evidence_row("c-look", "prior", -13.0, "one candidate in 8,000"),
        evidence_row("c-look", "queue", 11.3, "even volume"),
        evidence_row("c-weak", "prior", -13.0, "one candidate in 8,000"),
        evidence_row("c-weak", "queue", 11.0, "even volume"),
    ],
}

HEADLINE = (
    "Evidence indicates one harvesting campaign: 2 of 3,000 accounts (0 flagged) sent 4,896 of 100,000 requests (4.9 "
    "%) from 3 to 14 November 2026. One more campaign needs a person's review."
)
MARGIN = "together +9.5, 2.9 bits above the act threshold"
NEAR_MISS = "4.5 bits below the review threshold (queue +11.0, prior −13.0 bits)"
GROUP_FIELDS = [*CASE_TABLES["campaigns"].names, "why", "one_operator", "other_explanations"]
GROUP_FIELDS += ["origins", "roles", "before_acting"]
JSON_FIELDS = [
    "version", "exit_code", "meaning", "case", "report", "counts", "campaigns", "left_alone", "operators", "coverage",
    "unmapped", "unenriched", "few_accounts", "personal_ids", "sampled", "rejects", "changed", "inputs",
]  # fmt: skip


def findings_of(rejected: int = 0, **rows: Any) -> CaseModel:
    return case_model(case_tables(**rows), run_record(rejects=rejected))


def screen(findings: CaseModel, case_folder: str | None = "case", width: int | None = None) -> str:
    file = io.StringIO()
    options = {} if width is None else {"force_terminal": True, "width": width, "color_system": None}
    console = Console(file=file, markup=False, highlight=False, soft_wrap=width is None, **options)
    print_findings(console, findings, case_folder, 0.01)
    return file.getvalue()


def test_a_campaign_that_the_budget_holds_back_says_so_on_the_screen_and_in_json() -> None:
    why = "it would be act, but a budget of 1 false campaign in 30 days asks 20.1 bits"
    rows = {"campaigns": [campaign_row("c-look", "review", 0.995)], "members": [member_row("a1", "c-look")]}
    evidence = [evidence_row("c-look", "prior", -11.0, "odds"), evidence_row("c-look", "queue", 19.0, "one work queue")]
    held = findings_of(**rows, evidence=[*evidence, evidence_row("c-look", "budget", 0.0, why)])
    assert f"held back  {why}" in screen(held)
    assert {"family": "budget", "bits": 0.0, "statement": why} in as_document(held, None, 0.01)["campaigns"][0]["why"]
    assert "held back" not in screen(findings_of(**rows, evidence=evidence))


def test_campaigns_are_ranked_by_verdict_before_score() -> None:
    ranked = [campaign.row["campaign_id"] for campaign in findings_of(**TWO_CAMPAIGNS).campaigns]
    assert ranked == ["c-act", "c-look", "c-weak"]


def test_row_order_of_the_tables_changes_nothing() -> None:
    turned = {stem: rows[::-1] for stem, rows in TWO_CAMPAIGNS.items()}
    assert screen(findings_of(**turned)) == screen(findings_of(**TWO_CAMPAIGNS))


@pytest.mark.parametrize(
    ("verdicts", "rejects", "code"),
    [
        ([], 0, 0),
        (["none"], 0, 0),
        (["review"], 0, 3),
        (["act"], 0, 3),
        (["act"], 1_000, 3),
        (["act"], 2_000, 4),
        ([], 2_000, 4),
    ],
)
def test_exit_code(verdicts: list[str], rejects: int, code: int) -> None:
    rows = [campaign_row(f"c{position}", verdict, 0.9) for position, verdict in enumerate(verdicts)]
    assert exit_code(findings_of(rejects, campaigns=rows), 0.01) == code


def test_a_higher_limit_accepts_the_same_input() -> None:
    assert exit_code(findings_of(2_000), 0.5) == 0


def test_json_document_holds_the_findings_and_their_reasons() -> None:
    document = json.loads(json.dumps(as_document(findings_of(**TWO_CAMPAIGNS), "case", 0.01), default=str))
    assert document["exit_code"] == 3
    assert document["report"] == "case/report.html"
    first = document["campaigns"][0]
    assert first["campaign_id"] == "c-act"
    assert [reason["family"] for reason in first["why"]] == ["queue", "identity", "queue", "conduct"]


def test_json_document_keeps_its_fields() -> None:
    document = as_document(findings_of(2, **TWO_CAMPAIGNS, rejects=[reject_row("x")]), None, 0.01)
    assert list(document) == JSON_FIELDS
    assert list(document["campaigns"][0]) == [*GROUP_FIELDS, "members"]
    assert list(document["campaigns"][0]["members"][0]) == list(ACCOUNT_FACTS.names)
    assert list(document["left_alone"][0]) == GROUP_FIELDS
    assert list(document["campaigns"][0]["why"][0]) == ["family", "bits", "statement"]
    assert document["rejects"] == {"rows": 2, "share": 2 / 100_002, "reasons": {"x": 1}, "accounts": {}}


def test_json_document_lists_only_campaigns_as_campaigns_with_all_their_members() -> None:
    document = as_document(findings_of(**TWO_CAMPAIGNS), None, 0.01)
    members = {row["campaign_id"]: [one["account_id"] for one in row["members"]] for row in document["campaigns"]}
    assert members == {"c-act": ["a1", "a2"], "c-look": ["a2", "a3"]}
    assert [row["campaign_id"] for row in document["left_alone"]] == ["c-weak"]
    many = {"campaigns": [campaign_row("c-act", "act", 0.995)]}
    many["members"] = [member_row(f"a{number:04d}", "c-act") for number in range(5_000)]
    assert len(as_document(findings_of(**many), None, 0.01)["campaigns"][0]["members"]) == 5_000


def test_screen_in_a_pipe() -> None:
    rejects = [reject_row("bad timestamp"), reject_row("bad timestamp"), reject_row("negative tokens")]
    assert screen(findings_of(3, **TWO_CAMPAIGNS, rejects=rejects)).splitlines() == [
        HEADLINE,
        "",
        "verdict  campaign    probability  accounts  requests  first seen        last seen (UTC)",
        "act      c-act     at least 98 %        70     4,896  2026-11-03 08:00  2026-11-14 20:00",
        "         taken      data analysis and SQL from large-2; 3.1 million output tokens",
        f"         bits       queue +16.0, identity +9.0, conduct −2.5, prior −13.0; {MARGIN}",
        "         roles      2 dedicated",
        "         why        +14.0 queue: items never repeat across accounts",
        "                    +9.0 identity: two cards pay for 70 accounts",
        "         against    −2.5 conduct: some conversations have follow-ups",
        "review   c-look    at least 98 %         7     4,896  2026-11-03 08:00  2026-11-14 20:00",
        "         taken      data analysis and SQL from large-2; 3.1 million output tokens",
        "         bits       queue +11.3, prior −13.0; together −1.7, 4.2 bits below the review threshold",
        "         roles      2 dedicated",
        "         why        +11.3 queue: even volume",
        "",
        "not checked  identity: not looked at, no accounts table",
        "set aside    3 rows, < 0.1 %",
        "             2 in a.jsonl: bad timestamp",
        "             1 in a.jsonl: negative tokens",
        "left alone   1 group below the review threshold",
        f"             c-weak: 70 accounts, 4,896 requests, 20 %; {NEAR_MISS}",
        "report       case/report.html",
        "next         stillhunt explain case c-act",
    ]


def test_a_sentence_stands_beside_its_own_bits_and_never_beside_its_familys() -> None:
    shown = screen(findings_of(**TWO_CAMPAIGNS))
    assert "+14.0 queue: items never repeat" in shown
    assert not any("+16.0" in line and "items never repeat" in line for line in shown.splitlines())


def test_a_finding_of_no_weight_is_neither_for_nor_against_on_the_screen() -> None:
    small = [evidence_row("c-look", "timing", 0.03, f"a trace of {n}") for n in range(3)]
    small.append(evidence_row("c-look", "conduct", -0.02, "a trace against"))
    shown = screen(findings_of(**{**TWO_CAMPAIGNS, "evidence": [*TWO_CAMPAIGNS["evidence"], *small]}))
    assert "timing +0.1" in shown
    assert "a trace" not in shown


def test_a_mapping_that_no_log_has_is_on_the_screen_and_in_json() -> None:
    sentence = "prompt is mapped to q, a field that no log has at its beginning"
    case = case_model(case_tables(), {**run_record(), "unmapped": [sentence]})
    assert f"check        {sentence}" in screen(case)
    assert as_document(case, None, 0.01)["unmapped"] == [sentence]


def test_a_log_with_fewer_accounts_than_a_campaign_says_so() -> None:
    """Such as that of a gateway which calls as one account for all its users."""
    least = Config().resolve.min_accounts
    assert explain_few_accounts(least, {}, Config()) == ""
    assert explain_few_accounts(least - 1, {"end_user_id": 0.49}, Config()).endswith("none can be found")
    sentence = explain_few_accounts(1, {"end_user_id": 0.5}, Config())
    assert sentence.startswith("the log has 1 account,")
    assert "it names end users: map account_id" in sentence
    case = case_model(case_tables(), {**run_record(), "few_accounts": sentence})
    assert f"check        {sentence}" in screen(case)
    assert as_document(case, None, 0.01)["few_accounts"] == sentence


def test_a_weak_group_says_which_tests_could_not_be_made() -> None:
    lacking = evidence_row("c-weak", "queue", 0.0, "too few of its requests have a topic")
    shown = screen(findings_of(**{**TWO_CAMPAIGNS, "evidence": [*TWO_CAMPAIGNS["evidence"], lacking]}))
    assert f"{NEAR_MISS}; insufficient data: too few of its requests have a topic" in shown


def beside_others(campaign_id: str, **odds: float) -> list[dict[str, Any]]:
    """Rows of the explanations beside a harvest."""
    return [
        evidence_row(campaign_id, "explanations", 0.0, f"{key} beside a harvest", kind=key, raw_bits=raw)
        for key, raw in odds.items()
    ]


def test_the_best_explanation_beside_a_harvest_is_on_the_screen_and_in_json_but_is_no_reason() -> None:
    rows = [*TWO_CAMPAIGNS["evidence"], *beside_others("c-act", chance=12.0, reseller=4.0)]
    case = findings_of(**{**TWO_CAMPAIGNS, "evidence": rows})
    best = "a reseller or a farm: one operator whose accounts other people use: 16 times less likely than a harvest"
    assert f"         or else    {best[:1].upper()}{best[1:]}" in screen(case)
    document = as_document(case, None, 0.01)["campaigns"][0]
    assert [one["key"] for one in document["other_explanations"]] == ["reseller", "chance"]
    assert document["one_operator"] > 0.99
    assert not any("beside a harvest" in reason["statement"] for reason in document["why"])


def test_a_group_that_reached_the_threshold_is_never_left_alone_without_a_reason() -> None:
    few = "7 accounts of the group are likelier members of it than not; a campaign has at least 12"
    rows = [evidence_row("c-few", "members", 0.0, few, kind="too_few_members")]
    names = {"c-few": 0.97, "c-weak": 0.2, "c-allowed": 0.99}
    case = findings_of(
        campaigns=[campaign_row(name, "none", score) for name, score in names.items()],
        evidence=rows,
        members=[member_row("a1", "c-allowed")],
        accounts=[account_row("a1", "none", None, sanctioned=True)],
    )
    shown = screen(case).splitlines()
    assert "no verdict   1 group reached the review threshold and has no verdict" in shown
    assert f"             c-few: 70 accounts, 4,896 requests, 97 %; {few} (no evidence)" in shown
    assert "left alone   1 group below the review threshold" in shown
    assert "c-allowed" not in "\n".join(shown), "it is counted as allowed"
    (allowed,) = [one for one in case.campaigns if one.name == "c-allowed"]
    assert allowed.margin == "its accounts belong to programmes that the settings allow"


def test_a_campaign_of_posing_customers_is_not_called_a_harvest() -> None:
    rows = [campaign_row("c-pose", "review", 0.96, kind="posing", skills=[])]
    rows = findings_of(campaigns=rows, evidence=beside_others("c-pose", chance=9.0, company=-1.0))
    assert "kind       one operator, no harvest shown" in screen(rows)


def test_screen_and_report_rank_ties_alike() -> None:
    """Equal verdict and score: the campaign with more requests stands first, though the other has more accounts."""
    rows = [campaign_row("c-a", "act", 0.995, accounts=90, requests=10), campaign_row("c-b", "act", 0.995, accounts=5)]
    tables = case_tables(campaigns=rows)
    shown = screen(case_model(tables, run_record()))
    assert shown.index("c-b") < shown.index("c-a")
    page = Case(tables, run=run_record()).report()
    assert page.index("c-b") < page.index("c-a")
    assert [row["campaign_id"] for row in canonical_order("campaigns", tables["campaigns"]).to_pylist()] == [
        "c-b",
        "c-a",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_screen_fits_a_terminal(width: int) -> None:
    console = Console(width=width)
    lines = screen(findings_of(**TWO_CAMPAIGNS), width=width).splitlines()
    too_wide = [line for line in lines if console.measure(line).maximum > max(width, 72)]
    assert not too_wide


def test_a_narrow_terminal_shows_days_without_their_times() -> None:
    narrow, wide = (screen(findings_of(**TWO_CAMPAIGNS), width=width) for width in (80, 120))
    assert "2026-11-03 08:00  2026-11-14 20:00" in wide
    assert "2026-11-03  2026-11-14" in narrow


def test_nothing_found_says_what_was_read() -> None:
    shown = screen(findings_of(), None)
    assert shown.startswith("No harvesting campaign was found in 100,000 requests from 3,000 accounts.")
    assert "--out CASE" in shown


def test_hostile_text_reaches_the_screen_escaped() -> None:
    campaigns = [campaign_row("c\x1b[2J\u202e", "act", 0.999, skills=["\x1b]0;x\x07"], models=["m\r"])]
    evidence = [evidence_row("c\x1b[2J\u202e", "queue", 3.0, "said \x1b[31m\nreport  fake.html")]
    shown = screen(findings_of(1, campaigns=campaigns, evidence=evidence, rejects=[reject_row("\x1b[0m")]), "ca\x1bse")
    assert all(line.isprintable() for line in shown.splitlines())
    assert sum(line.startswith("report") for line in shown.splitlines()) == 1


def test_many_campaigns_are_cut_and_counted() -> None:
    rows = [campaign_row(f"c{number:03}", "act", 0.999) for number in range(30)]
    shown = screen(findings_of(campaigns=rows))
    assert "and 10 more campaigns" in shown
