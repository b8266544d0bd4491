"""The explanations beside a claim: the odds are those of the case, and the score follows from them alone."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from evidence.pages.page_cases import FINDINGS, LINKED, POSING, Found, page_case
from stillhunt.base.explanations import EXPLANATION_OF, odds_against_all
from stillhunt.triage import Case
from stillhunt_evidence.pages.alternatives import AS_LIKELY, Alternative, alternatives_of, operators_of


def beside(case: Case) -> dict[str, Alternative]:
    return {one.explanation.key: one for one in alternatives_of(case, case.model.campaigns[0])}


def with_evidence(case: Case, **columns: Any) -> Case:
    """The case with other values in the rows of its explanations."""
    rows = [{**row, **columns} if row["family"] == "explanations" else row for row in case.evidence.to_pylist()]
    table = pa.Table.from_pylist(rows, schema=case.tables["evidence"].schema)
    return Case({**case.tables, "evidence": table}, run=case.run, **case.views)


def without_explanations(case: Case) -> Case:
    """The case as version 7 has it."""
    rows = [row for row in case.evidence.to_pylist() if row["family"] != "explanations"]
    table = pa.Table.from_pylist(rows, schema=case.tables["evidence"].schema)
    return Case({**case.tables, "evidence": table}, run=case.run, **case.views)


@pytest.mark.parametrize("findings", [FINDINGS, FINDINGS[:1], LINKED])
def test_odds_are_those_of_the_case_and_give_its_score(findings: tuple[Found, ...]) -> None:
    case = page_case(findings=findings)
    model, found = case.model.campaigns[0], beside(case)
    recorded = {row["kind"]: row["raw_bits"] for row in case.evidence.to_pylist() if row["family"] == "explanations"}
    assert {key: one.odds_bits for key, one in found.items()} == recorded
    assert 1 / (1 + sum(2.0**-one.odds_bits for one in found.values())) == pytest.approx(model.row["score"])
    assert [one.odds_bits for one in found.values()] == sorted(recorded.values())
    assert operators_of(case, model) == ()


def test_parts_add_up_to_the_odds() -> None:
    for findings in (FINDINGS, LINKED):
        for one in beside(page_case(findings=findings)).values():
            assert one.prior_bits is not None
            parts = [*(part.bits for part in one.against), *(-part.bits for part in one.for_it)]
            assert one.prior_bits + math.fsum(parts) == pytest.approx(one.odds_bits)
            assert min(map(abs, parts)) > 0


def test_a_finding_counts_against_who_would_not_make_it_common() -> None:
    found = beside(page_case())
    client = "All 24 accounts use 1 client fingerprint"
    assert [part.bits for part in found["chance"].against if part.statement == client] == [2.0]
    assert client in [part.statement for part in found["company"].explained]
    assert client not in [part.statement for part in found["company"].against]
    topics = {part.statement: part.bits for part in found["one_place"].against}[FINDINGS[1][3]]
    assert topics == {part.statement: part.bits for part in found["one_place"].explained}[FINDINGS[1][3]] == 5.25 / 2
    assert [part.bits for part in found["reseller"].for_it] == [0.5], "half of what speaks against a harvest"
    assert {part.family for part in found["chance"].explained} == {"conduct"}, "strangers use one tool, too"


def test_signs_count_without_bits_of_their_own() -> None:
    found = beside(page_case(findings=LINKED))
    sign = LINKED[-1][3]
    assert {key: part.bits for key, one in found.items() for part in one.against if part.statement == sign} == {
        "one_place": 8.0,
        "company": 3.0,
    }
    assert [part.bits for part in found["reseller"].for_it if part.statement == sign] == [1.3]


def test_one_operator_is_weighed_against_separate_parties() -> None:
    case = page_case(findings=POSING, kind="posing")
    model, found = case.model.campaigns[0], beside(case)
    assert set(found) == {key for key, one in EXPLANATION_OF.items() if not one.one_operator}
    odds = [one.odds_bits for one in found.values()]
    assert odds_against_all(odds) == pytest.approx(model.total.log2_odds)
    assert model.row["score"] > 0.9
    for one in found.values():
        assert one.odds.endswith(" likely than one operator")
        parts = [part.bits for part in one.against], [part.bits for part in one.for_it]
        assert (one.prior_bits or 0.0) + math.fsum(parts[0]) - math.fsum(parts[1]) == pytest.approx(one.odds_bits)
    likeliest = operators_of(case, model)[0]
    assert (likeliest.explanation.key, likeliest.odds) == ("reseller", "3.8 times more likely than a harvest")


def test_a_group_left_alone_says_whether_its_score_is_that_of_one_operator() -> None:
    for findings, kind, claim in ((POSING, "posing", "one operator"), (FINDINGS, "harvest", "a harvest")):
        case = page_case(findings=findings, kind=kind)
        row = {**case.campaigns.to_pylist()[0], "kind": "not_known", "verdict": "none"}
        table = pa.Table.from_pylist([row], schema=case.tables["campaigns"].schema)
        left = beside(Case({**case.tables, "campaigns": table}, run=case.run, **case.views))
        assert {one.claim for one in left.values()} == {claim}


def test_a_case_without_them_says_nothing() -> None:
    assert beside(without_explanations(page_case())) == {}
    assert beside(page_case(kind="relay")) == {}


def test_parts_by_other_rules_are_not_shown() -> None:
    found = beside(with_evidence(page_case(), raw_bits=3.0))
    assert list(found) == [*list(EXPLANATION_OF)[:4], "reseller"], "equals in the order of the table"
    assert {(one.odds_bits, one.prior_bits, one.against, one.explained) for one in found.values()} == {
        (3.0, None, (), ())
    }


def test_an_explanation_of_another_version_keeps_its_name() -> None:
    case = with_evidence(page_case(), kind="lizards\x1b[2J")
    found = alternatives_of(case, case.model.campaigns[0])
    assert {(one.name, one.explanation.settles) for one in found} == {("lizards\\x1b[2J", "")}


@pytest.mark.parametrize(
    ("bits", "odds", "as_likely"),
    [
        (-3.0, "8.0 times more likely than a harvest", True),
        (0.0, "as likely as a harvest", True),
        (AS_LIKELY, "2.0 times less likely than a harvest", True),
        (AS_LIKELY + 0.01, "2.0 times less likely than a harvest", False),
        (5.0, "32 times less likely than a harvest", False),
    ],
)
def test_words_and_odds(bits: float, odds: str, as_likely: bool) -> None:
    one = Alternative(EXPLANATION_OF["company"], "a harvest", bits)
    assert (one.odds, one.as_likely) == (odds, as_likely)
