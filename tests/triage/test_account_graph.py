"""The graph of a campaign's accounts is an honest sample, and says which traits are rare."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from stillhunt.triage import Case
from stillhunt_server.case_views.account_graph import AccountGraph, account_graph, account_trait_rows
from stillhunt_server.case_views.account_page import neighbours
from stillhunt_server.case_views.campaign_profiles import case_traits
from wording import assert_plain

from .fixtures import START, demo_case
from .rearranged import rearranged, with_rows

MATHS = "hunt-7f3a91c2"
LEFT_ALONE = "group-1"


def graph(case: Case, limit: int = 150, campaign: str = MATHS) -> AccountGraph:
    model = case.model
    wanted = next(one for one in model.campaigns if one.row["campaign_id"] == campaign)
    return account_graph(model, wanted, case_traits(case.member_details), limit)


def detailed(**of_maths: Any) -> Case:
    """The members of the first campaign have these details; a group left alone has 100 accounts with plans."""
    case = demo_case()
    group = {**case.campaigns.to_pylist()[2], "campaign_id": LEFT_ALONE, "verdict": "none", "kind": "not_known"}
    own, members = case.member_details.to_pylist(), case.members.to_pylist()
    details = [{**row, **of_maths} if row["campaign_id"] == MATHS else row for row in own]
    strangers = [f"stranger-{number}" for number in range(100)]
    for number, name in enumerate(strangers):
        common: dict[str, Any] = {"campaign_id": LEFT_ALONE, "account_id": name}
        plan = "pro" if number < 40 else "free"
        lists: dict[str, Any] = {column: [] for column in ("clients", "networks", "ip_kinds", "countries")}
        details.append({**own[0], **common, **lists, "plan": plan, "email_domain": "mail.example"})
        members.append({**members[0], **common, "role": "unknown"})
    campaigns = [*case.tables["campaigns"].to_pylist(), group]
    return with_rows(case, campaigns=campaigns, member_details=details, members=members)


def test_a_small_campaign_is_drawn_whole() -> None:
    drawn = graph(demo_case())
    assert (drawn.drawn, drawn.total) == (120, 120)
    assert drawn.sentence == "All 120 members are drawn."
    clients = [trait for trait in drawn.traits if trait.kind == "client"]
    assert sum(trait.members for trait in clients) == 120
    keys = {account.key for account in drawn.accounts} | {trait.key for trait in drawn.traits}
    assert len(keys) == len(drawn.accounts) + len(drawn.traits)
    assert {end for edge in drawn.edges for end in edge} <= keys


def test_a_large_one_is_sampled_in_proportion_with_both_ends() -> None:
    whole, drawn = graph(demo_case()), graph(demo_case(), 40)
    assert (drawn.drawn, drawn.total) == (40, 120)
    assert drawn.sentence.startswith("40 of 120 members are drawn: the most and the least probable one")
    ids = [account.account_id for account in drawn.accounts]
    assert ids[0] == whole.accounts[0].account_id
    assert ids[-1] == whole.accounts[-1].account_id
    assert len(set(ids)) == 40
    share = sum(account.role == "mixed" for account in whole.accounts) / 120
    assert abs(sum(account.role == "mixed" for account in drawn.accounts) / 40 - share) <= 0.05
    places = [[account.account_id for account in whole.accounts].index(name) for name in ids]
    assert max(np.diff(places)) <= 8, "no part of the ranking is passed over"


def test_each_verdict_and_role_is_drawn_and_members_are_counted_in_all() -> None:
    drawn, whole = graph(demo_case(), 4), graph(demo_case())
    kinds = {(account.verdict, account.role) for account in whole.accounts}
    assert {(account.verdict, account.role) for account in drawn.accounts} >= kinds or len(kinds) > 3
    members = {(trait.kind, trait.label): trait.members for trait in whole.traits}
    assert drawn.traits
    assert all(members[trait.kind, trait.label] == trait.members for trait in drawn.traits)
    assert all(0 < trait.drawn <= 4 for trait in drawn.traits)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_graph_and_its_table_are_the_same_for_any_row_order(seed: int) -> None:
    case = detailed()
    mixed = rearranged(case, seed)
    assert graph(mixed, 40) == graph(case, 40)
    assert rows_of(mixed).equals(rows_of(case))


def rows_of(case: Case) -> Any:
    model = case.model
    wanted = next(one for one in model.campaigns if one.row["campaign_id"] == MATHS)
    return account_trait_rows(model, wanted, case_traits(case.member_details))


def test_commonness_is_compared_with_groups_left_alone() -> None:
    traits = {
        (trait.kind, trait.label): trait for trait in graph(detailed(plan="pro", email_domain="odd.example")).traits
    }
    assert traits["email_domain", "odd.example"].commonness == "rare"
    assert "0 of 100 accounts have it (0 %; here 100 %)" in traits["email_domain", "odd.example"].words
    assert traits["plan", "pro"].commonness == "between"
    assert "40 of 100 accounts have it (40 %; here 100 %)" in traits["plan", "pro"].words
    assert traits["client", "curl"].commonness == "not known", "groups left alone have no clients"


def test_commonness_is_not_known_without_a_group_to_compare_with() -> None:
    assert {trait.commonness for trait in graph(demo_case()).traits} == {"not known"}


@pytest.mark.parametrize(("bits", "commonness"), [(2.5, "rare"), (0.4, "between"), (-1.0, "common")])
def test_evidence_about_exactly_the_trait_comes_first(bits: float, commonness: str) -> None:
    case = detailed(email_domain="odd.example")
    piece = next(row for row in case.evidence.to_pylist() if row["campaign_id"] == MATHS and row["account_id"])
    found = [*case.evidence.to_pylist(), {**piece, "kind": "email_domain", "bits": bits}]
    traits = {trait.kind: trait for trait in graph(with_rows(case, evidence=found)).traits}
    assert traits["email_domain"].commonness == commonness
    assert "evidence about it" in traits["email_domain"].words


def test_sign_ups_are_windows_of_twelve_hours() -> None:
    case = demo_case()
    moments = [START + timedelta(hours=hours) for hours in (1, 11, 13)]
    own = [row for row in case.member_details.to_pylist() if row["campaign_id"] == MATHS][:3]
    details = [{**row, "created_at": moment} for row, moment in zip(own, moments, strict=True)]
    traits = case_traits(with_rows(case, member_details=details).member_details)
    windows = {traits.label(trait) for trait in range(len(traits.values)) if "UTC" in traits.values[trait]}
    assert windows == {"2026-03-02 00:00 UTC", "2026-03-02 12:00 UTC"}


def test_another_campaign_of_an_account_is_a_trait_and_its_own_is_none() -> None:
    case = demo_case()
    details = case.member_details.to_pylist()
    twice = [{**row, "campaign_id": "hunt-0e9b55d7"} for row in details if row["campaign_id"] == MATHS][:5]
    drawn = graph(with_rows(case, member_details=[*details, *twice]))
    others = [trait for trait in drawn.traits if trait.kind == "other_campaign"]
    assert [(trait.label, trait.members) for trait in others] == [("hunt-0e9b55d7", 5)]


def test_a_case_without_member_details_has_accounts_and_no_edges() -> None:
    drawn = graph(with_rows(demo_case(), member_details=[]))
    assert (drawn.drawn, drawn.traits, drawn.edges) == (120, (), ())


def test_hostile_values_are_safe_in_json() -> None:
    hostile = "\x1b[2J</script>\u202e" * 40
    case = detailed(plan=hostile)
    text = json.dumps(graph(case).as_dict())
    assert "\\u001b" not in text
    assert "\\u202e" not in text.replace("\\\\u202e", "")
    assert all(len(trait.label) <= 48 for trait in graph(case).traits)


def test_words_are_plain() -> None:
    for drawn in (graph(detailed(plan="pro")), graph(demo_case(), 10), graph(demo_case(), campaign="hunt-0e9b55d7")):
        for said in (drawn.sentence, drawn.commonness_sentence, *(trait.words for trait in drawn.traits)):
            assert_plain(said)


def test_neighbours_share_rare_traits_the_rarest_first() -> None:
    case = demo_case()
    details = case.member_details.to_pylist()
    details[0] |= {"email_domain": "odd.example", "organization_id": "org-1"}
    details[7] |= {"email_domain": "odd.example", "organization_id": "org-1"}
    details[150] |= {"email_domain": "odd.example"}
    for row in details[1:]:
        row["email_domain"] = row.get("email_domain") or "common.example"
        row["organization_id"] = row.get("organization_id") or f"org-{row['account_id']}"
        row["created_at"] = START
    changed = with_rows(case, member_details=details)
    traits = case_traits(changed.member_details)
    found = neighbours(changed.model, traits, details[0]["account_id"])
    assert [one.account_id for one in found] == [details[7]["account_id"], details[150]["account_id"]]
    assert found[0].traits == ("e-mail domain odd.example (3 of 200)", "organisation org-1 (2 of 200)")
    assert found[0].campaigns == (MATHS,)
    assert_plain(found[0].words)
    assert neighbours(changed.model, traits, "customer-0001") == ()
    mixed = rearranged(changed, 5)
    assert neighbours(mixed.model, case_traits(mixed.member_details), details[0]["account_id"]) == found
