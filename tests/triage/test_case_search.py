"""A search finds accounts, campaigns, phrases and cited requests; what is typed is text and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.families import OTHERS
from stillhunt.base.ids import visible_id
from stillhunt.triage import Case
from stillhunt_server.case_views.case_search import HITS_OF_A_KIND, CaseHits, KindHits, search_case
from thoroughness import examples

from .fixtures import demo_case
from .rearranged import rearranged, with_rows


@pytest.fixture(scope="module")
def case() -> Case:
    return demo_case()


def search(case: Case, query: str) -> CaseHits:
    return search_case(case.model, case.samples, query)


def of_kind(hits: CaseHits, kind: str) -> KindHits:
    return next(one for one in hits.kinds if one.kind == kind)


def test_accounts_are_found_in_small_or_capital_letters_with_their_true_number(case: Case) -> None:
    found = of_kind(search(case, "  ACCT-00 "), "account")
    assert found.total == 100 + 60 + 20
    assert len(found.hits) == HITS_OF_A_KIND
    hit = found.hits[0]
    assert (hit.before[-2:], hit.match, hit.campaign_id) == ("2-", "acct-00", "hunt-7f3a91c2")
    scores = dict(zip(case.accounts["account_id"].to_pylist(), case.accounts["score"].to_pylist(), strict=True))
    assert [scores[one.id] for one in found.hits] == sorted((scores[one.id] for one in found.hits), reverse=True)


def test_the_exact_id_comes_first_and_then_beginnings(case: Case) -> None:
    names = ["a-customer-0001", "customer-00010", "customer-0001"]
    row = next(row for row in case.accounts.to_pylist() if row["account_id"] == "customer-0001")
    accounts = [{**row, "account_id": name, "score": 1 - place / 10} for place, name in enumerate(names)]
    found = of_kind(search(with_rows(case, accounts=accounts), "customer-0001"), "account")
    assert [hit.id for hit in found.hits] == ["customer-0001", "customer-00010", "a-customer-0001"]


def test_campaigns_are_found(case: Case) -> None:
    (hit,) = of_kind(search(case, "c41d"), "campaign").hits
    assert (hit.id, hit.campaign_id, hit.before, hit.match, hit.after) == (
        "hunt-c41d08be", "hunt-c41d08be", "hunt-", "c41d", "08be"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found_in", "total"),
    [
        ("careful mathematics tutor", "excerpt of a request", 8),
        ("legal text", "skill", 1),
        ("hours of its release", "evidence", 1),
    ],
)
def test_phrases_are_found_in_excerpts_skills_and_evidence(case: Case, query: str, found_in: str, total: int) -> None:
    found = of_kind(search(case, query), "phrase")
    assert found.total == total
    assert {hit.found_in for hit in found.hits} == {found_in}
    assert all(hit.match.lower() == query and hit.campaign_id for hit in found.hits)


def test_explanations_beside_a_harvest_are_no_find(case: Case) -> None:
    own = next(row for row in case.evidence.to_pylist() if row["account_id"] is None)
    said = "People in one place, such as a hackathon: 8.0 times less likely than a harvest"
    rows = [{**own, "family": family, "statement": said} for family in (OTHERS, "timing")]
    assert of_kind(search(with_rows(case, evidence=rows[:1]), "hackathon"), "phrase").total == 0
    assert of_kind(search(with_rows(case, evidence=rows), "hackathon"), "phrase").total == 1


def test_a_cited_request_is_found_once_with_the_account_that_evidence_names(case: Case) -> None:
    found = of_kind(search(case, "req-own_slice-00"), "request")
    assert found.total == 3
    assert [hit.id for hit in found.hits] == [f"req-own_slice-00{number}" for number in range(3)]
    assert {hit.found_in for hit in found.hits} == {"cited as evidence"}
    assert found.hits[0].account_id == "55d7-acct-0000", "the first of those that cite it, by campaign and account"
    (shown,) = of_kind(search(case, "req-91c2-00003"), "request").hits
    assert (shown.found_in, shown.account_id) == ("excerpt", "91c2-acct-0003")


@pytest.mark.parametrize("query", ["acct", "tutor", "req-", "hunt-"])
def test_the_result_is_the_same_for_any_row_order(case: Case, query: str) -> None:
    assert search(rearranged(case, 6), query) == search(case, query)


@pytest.mark.parametrize("query", [".*", "(?i)a", "[", "\\", "%", "^acct", "a|b", "*" * 300])
def test_no_character_has_a_meaning_of_its_own(case: Case, query: str) -> None:
    assert [kind.total for kind in search(case, query).kinds][:2] == [0, 0]


def test_an_empty_query_finds_nothing_and_says_what_to_type(case: Case) -> None:
    hits = search(case, " \t ")
    assert (hits.kinds, hits.total) == ((), 0)
    assert hits.note.startswith("Type ")


def test_a_query_of_megabytes_is_cut(case: Case) -> None:
    hits = search(case, "customer-0001" + "\u0130" * 10_000_000)
    assert len(hits.query) <= 200
    assert "first 200 characters" in hits.note
    assert search(case, "customer-0001").note == ""


def test_an_id_with_control_characters_is_found_as_it_stands_in_the_log(case: Case) -> None:
    raw = "evil\x1b[2J\u202e"
    accounts = [row | {"account_id": visible_id(raw)} for row in case.accounts.to_pylist()[:1]]
    (hit,) = of_kind(search(with_rows(case, accounts=accounts), raw), "account").hits
    assert hit.id == visible_id(raw)


def test_excerpts_are_short_and_safe(case: Case) -> None:
    samples = [row | {"text": "\x1b]0;" + "y" * 5000 + "Needle\x07" + "z" * 5000} for row in case.samples.to_pylist()]
    hit = of_kind(search(with_rows(case, samples=samples), "needle"), "phrase").hits[0]
    assert hit.match == "Needle"
    assert len(hit.before + hit.after) < 140
    assert hit.after.startswith("\\x07z")
    assert hit.before.startswith("\u2026y")


@settings(max_examples=examples(30, 300), derandomize=True, deadline=None)
@given(st.text(max_size=40))
def test_any_text_can_be_searched(query: str) -> None:
    hits = search(CASE, query)
    for kind in hits.kinds:
        assert len(kind.hits) == min(kind.total, HITS_OF_A_KIND)
        for hit in kind.hits:
            assert (hit.before + hit.match + hit.after).isprintable()


CASE = demo_case()
