"""Connected campaigns are told from similar ones, and likeness is never called evidence of one operator."""

from __future__ import annotations

from typing import Any

import pytest

from stillhunt.base.errors import CaseError
from stillhunt.triage import Case
from stillhunt_server.case_views.campaign_profiles import campaign_profiles, marked_words
from stillhunt_server.case_views.similar import SimilarCampaign, SimilarCampaigns, similar_campaigns
from wording import assert_plain

from .fixtures import demo_case, operator_rows
from .rearranged import rearranged, with_rows

MATHS, CODE, LAW = "hunt-7f3a91c2", "hunt-c41d08be", "hunt-0e9b55d7"


def found(case: Case, campaign: str = MATHS, limit: int = 20) -> SimilarCampaigns:
    return similar_campaigns(campaign_profiles(case.model, case.samples, case.origins), campaign, limit)


def row_of(result: SimilarCampaigns, campaign: str) -> SimilarCampaign:
    return next(row for row in result.rows if row.campaign_id == campaign)


def alike(case: Case) -> Case:
    """Without operators; the third campaign has the template, client and network of the first."""
    texts = [row for row in case.samples.to_pylist() if row["campaign_id"] == MATHS]
    copied = [{**row, "campaign_id": LAW, "account_id": f"other-{place}"} for place, row in enumerate(texts)]
    origins = [
        {"campaign_id": name, "aspect": aspect, "value": value, "requests": 10, "accounts": 3}
        for name, aspect, value in (
            (MATHS, "client", "curl"), (LAW, "client", "curl"), (CODE, "client", "go"),
            (MATHS, "network", "AS1"), (LAW, "network", "AS1"), (CODE, "network", "AS2"),
            (MATHS, "country", "(unknown)"), (LAW, "country", "(unknown)"),
        )
    ]  # fmt: skip
    return with_rows(case, operators=[], samples=[*texts, *copied], origins=origins)


def test_one_operator_is_said_with_its_statements_and_bits() -> None:
    row = row_of(found(demo_case()), CODE)
    assert (row.relation, row.label, row.connected) == ("one_operator", "one operator", True)
    assert row.strength_words == "+12.8 bits"
    assert any("3 client fingerprints (+7.6 bits)" in said for said in row.sentences)
    assert not any("not tied" in said for said in row.sentences)


def test_a_campaign_of_the_set_that_is_tied_to_another_one_says_so() -> None:
    rows = operator_rows((MATHS, CODE))
    rows.append({**rows[1], "campaign_id": LAW, "tied_to": CODE, "bits": 3.0})
    row = row_of(found(with_rows(demo_case(), operators=rows)), LAW)
    assert row.relation == "one_operator"
    assert any(f"it is tied to {CODE}" in said for said in row.sentences)


@pytest.mark.parametrize(("relation", "label"), [("one_pool", "one pool"), ("two_operators", "two operators")])
def test_other_sets_are_not_called_one_operator(relation: str, label: str) -> None:
    case = with_rows(demo_case(), operators=operator_rows((MATHS, CODE), relation))
    row = row_of(found(case), CODE)
    assert (row.relation, row.label) == (relation, label)
    assert not any("one operator." in said for said in row.sentences)


def test_shared_accounts_connect_and_say_what_they_do_not_show() -> None:
    case = demo_case()
    members = case.members.to_pylist()
    twice = [{**row, "campaign_id": LAW} for row in members if row["campaign_id"] == MATHS][:30]
    row = row_of(found(with_rows(case, operators=[], members=[*members, *twice])), LAW)
    assert row.relation == "shared_accounts"
    assert row.shared[0].words.startswith("30 accounts are in both: 25 % of its members and 60 % of the other's")
    assert row.strength == pytest.approx(30 / 140)
    assert "do not show that one operator runs both" in row.sentences[-1]
    assert "30 of all 200 members in this case are in more than one campaign" in row.sentences[-1]
    assert row.caution == row.sentences[-1]


def test_what_likeness_does_not_show_is_said_once_for_all_rows() -> None:
    case = demo_case()
    members = case.members.to_pylist()
    twice = [{**row, "campaign_id": name} for row in members if row["campaign_id"] == MATHS for name in (LAW, CODE)]
    shown = found(with_rows(case, operators=[], members=[*members, *twice]))
    assert [row.relation for row in shown.rows] == ["shared_accounts"] * 2
    assert len(shown.cautions) == 1
    assert found(case).cautions == (), "one operator needs none"


def test_likeness_is_called_similar_and_not_tied() -> None:
    row = row_of(found(alike(demo_case())), LAW)
    assert (row.relation, row.label, row.connected) == ("similar", "similar, not tied", False)
    aspects = {part.aspect: part for part in row.shared}
    assert aspects["template"].measure == 1.0
    assert aspects["client"].measure == aspects["network"].measure == 1.0
    assert "country" not in aspects, "what is not known is not shared"
    assert row.sentences[-1].startswith("Similar, not tied")


def test_what_most_campaigns_share_counts_less() -> None:
    case = alike(demo_case())
    rare = {part.aspect: part.weighed for part in row_of(found(case), LAW).shared}["client"]
    everybody = [{**row, "value": "curl"} if row["aspect"] == "client" else row for row in case.origins.to_pylist()]
    common = {p.aspect: p.weighed for p in row_of(found(with_rows(case, origins=everybody)), LAW).shared}["client"]
    assert common < rare


def test_campaigns_with_little_in_common_are_left_out() -> None:
    result = found(with_rows(demo_case(), operators=[], samples=[]), LAW)
    assert result.rows == ()
    assert result.sentence == "Of 2 other campaigns and groups in this case, none is connected and none is similar."


def test_rows_are_bounded_and_totals_are_true() -> None:
    result = found(demo_case(), limit=0)
    assert (result.rows, result.connected, result.compared) == ((), 1, 2)


def test_an_unknown_campaign_is_an_error() -> None:
    with pytest.raises(CaseError, match="no campaign has the id"):
        found(demo_case(), "\x1b[31mnobody")


@pytest.mark.parametrize("seed", [1, 2])
def test_the_result_is_the_same_for_any_row_order(seed: int) -> None:
    case = alike(demo_case())
    samples = case.samples.to_pylist()
    samples[0]["text"] = samples[0]["text"].upper()
    spelled = with_rows(case, samples=samples)
    assert found(rearranged(spelled, seed)) == found(spelled)
    profiles = campaign_profiles(rearranged(spelled, seed).model, rearranged(spelled, seed).samples, case.origins)
    assert "YOU ARE A CAREFUL MATHEMATICS" in profiles.by_id[MATHS].runs.values()


def test_marked_words_stay_inside_joined_marks() -> None:
    text = "One two three four five six. Seven eight"
    assert marked_words(text, [{"start": 0, "end": 18}, {"start": 8, "end": 27}]) == {
        ("one", "two", "three", "four", "five"): "One two three four five",
        ("two", "three", "four", "five", "six"): "two three four five six",
    }
    assert marked_words(text, [{"start": 0, "end": 18}]) == {}


def test_sentences_are_plain_and_hostile_names_are_escaped() -> None:
    case = demo_case()
    for result in (found(case), found(alike(case))):
        for row in result.rows:
            for said in row.sentences:
                assert_plain(said)
    hostile: list[Any] = [{**row, "skills": ["\x1b[2J<script>" * 50]} for row in case.tables["campaigns"].to_pylist()]
    shown = found(with_rows(alike(case), campaigns=hostile))
    assert all("\x1b" not in said and len(said) < 600 for row in shown.rows for said in row.sentences)
