"""The page of an account has the words of its explanation, and says why it is or is not a member."""

from __future__ import annotations

import pytest

from stillhunt.base.errors import CaseError
from stillhunt.triage import Case
from stillhunt_server.case_views.account_page import AccountPage, account_page
from stillhunt_server.case_views.campaign_profiles import case_traits
from wording import assert_plain

from .fixtures import demo_case
from .rearranged import rearranged, with_rows

MEMBER, MIXED, REVIEW, HONEST = "91c2-acct-0000", "91c2-acct-0003", "55d7-acct-0000", "customer-0099"


def page_of(case: Case, account: str) -> AccountPage:
    return account_page(case.model, account, case.origins, case_traits(case.member_details), case.slices)


@pytest.mark.parametrize("account", [MEMBER, MIXED, REVIEW, HONEST])
def test_the_explanation_is_that_of_explain(account: str) -> None:
    case = demo_case()
    assert page_of(case, account).explanation.text() == case.explain(account, account=True).text()


def test_a_member_is_told_with_both_probabilities_and_its_strongest_findings() -> None:
    why = page_of(demo_case(), MEMBER).why[0]
    assert why.startswith("It is a member of the campaign hunt-7f3a91c2; the probability of that is at least 98 % (")
    page = page_of(demo_case(), MIXED)
    assert page.why[1].startswith("For its part in it: ")
    assert page.why[2].startswith("Against its part in it: Two thirds of its traffic is on its own topics")
    assert [(one.campaign_id, one.verdict, one.main) for one in page.memberships] == [("hunt-7f3a91c2", "act", True)]
    assert page.memberships[0].details["plan"] == "pro-plus"
    assert ("Plan", "pro-plus") in page.details
    assert page.slices is not None
    assert (page.slices.slices, page.slices.in_campaigns) == (1, 1)
    assert set(page.evidence["account_id"].to_pylist()) == {MIXED}


def test_an_account_in_review_and_one_without_a_flag_are_with_distinct_keys() -> None:
    case = demo_case()
    assert page_of(case, REVIEW).why[0].startswith("It may be a member of the campaign hunt-0e9b55d7; a person must")
    accounts = [row | {"verdict": "none", "flagged": False} for row in case.accounts.to_pylist()]
    unflagged = page_of(with_rows(case, accounts=accounts), MEMBER)
    assert "is not flagged as a member" in unflagged.why[0]


def test_a_member_of_a_group_left_alone_is_a_member_of_no_campaign() -> None:
    case = demo_case()
    campaigns = [row | {"verdict": "none"} for row in case.tables["campaigns"].to_pylist()]
    accounts = [row | {"verdict": "none", "flagged": False} for row in case.accounts.to_pylist()]
    page = page_of(with_rows(case, campaigns=campaigns, accounts=accounts), MEMBER)
    assert page.why[0].startswith("It is a member of no campaign. It is in the group hunt-7f3a91c2")


def test_an_account_without_a_group_says_that_nothing_links_it_and_whether_it_sent_too_little() -> None:
    case = demo_case()
    base = {"account_id": HONEST, "campaign_id": None, "harvest_requests": 0}
    few = [{**base, "slice_id": f"{HONEST}/{number}", "requests": number} for number in (1, 3)]
    page = page_of(with_rows(case, slices=few), HONEST)
    assert page.why[0] == "This account is in no group: nothing links its traffic to other accounts beyond chance."
    assert page.why[1] == (
        "No slice of its traffic has the 4 distinct prompts that are needed to infer anything. 4 requests in 2 slices: "
        "0 of them in campaigns, with 0 harvested requests."
    )
    many = [*few, {**base, "slice_id": f"{HONEST}/9", "requests": 4}]
    assert len(page_of(with_rows(case, slices=many), HONEST).why) == 1
    assert page.memberships == page.neighbours == page.details == ()


def test_a_declared_programme_is_said() -> None:
    case = demo_case()
    accounts = [row | {"sanctioned": row["account_id"] == MEMBER} for row in case.accounts.to_pylist()]
    assert any("programme" in said for said in page_of(with_rows(case, accounts=accounts), MEMBER).why)


def test_another_account_whose_id_begins_alike_is_not_meant() -> None:
    case = demo_case()
    longer = [*case.accounts.to_pylist(), {**case.accounts.to_pylist()[0], "account_id": f"{HONEST}-b"}]
    assert page_of(with_rows(case, accounts=longer), HONEST).account_id == HONEST
    with pytest.raises(CaseError, match="no account has the id"):
        page_of(case, "nobody")


def test_slices_need_not_be_given() -> None:
    case = demo_case()
    assert account_page(case.model, HONEST, case.origins, case_traits(case.member_details)).slices is None


@pytest.mark.parametrize("account", [MEMBER, HONEST])
def test_the_page_is_the_same_for_any_row_order(account: str) -> None:
    case = demo_case()
    one, other = page_of(case, account), page_of(rearranged(case, 4), account)
    assert (one.why, one.memberships, one.details, one.neighbours) == (
        other.why, other.memberships, other.details, other.neighbours
    )  # fmt: skip
    assert one.evidence.equals(other.evidence)


def test_sentences_are_plain() -> None:
    case = demo_case()
    for account in (MEMBER, MIXED, REVIEW, HONEST):
        page = page_of(case, account)
        for said in (*page.why, *(one.words for one in page.neighbours)):
            assert_plain(said)
        assert page.slices is not None
        assert_plain(page.slices.words)


def test_hostile_ids_and_statements_are_escaped() -> None:
    case, hostile = demo_case(), "\x1b[31m\u202e" + "x" * 5000
    evidence = [row | {"statement": hostile} for row in case.evidence.to_pylist()]
    page = page_of(with_rows(case, evidence=evidence), MEMBER)
    assert all("\x1b" not in said and "\u202e" not in said and len(said) < 2000 for said in page.why)
