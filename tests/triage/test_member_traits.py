"""What members share is counted over all of them, ordered the same each time, and opens as what it says."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pyarrow.compute as pc
import pytest

from stillhunt.base.formatting import escape_controls
from stillhunt.triage import Case
from stillhunt.triage.account_facts import account_facts
from stillhunt_server.case_views.account_page import neighbours
from stillhunt_server.case_views.campaign_profiles import case_traits
from stillhunt_server.case_views.member_selection import MemberSelection, read_selection, select_members
from stillhunt_server.case_views.member_traits import COMMONNESS_SENTENCE, MemberTraits, member_traits
from stillhunt_server.case_views.trait_graph import first_graph, graph_step
from stillhunt_server.case_views.trait_matrix import TraitMatrix, _order_by_barycentre, trait_matrix
from wording import assert_plain

from .fixtures import START, demo_case
from .rearranged import rearranged, with_rows

MATHS = "hunt-7f3a91c2"
LEFT_ALONE = "group-1"
ALL = MemberSelection()


def shared(case: Case, campaign: str = MATHS) -> MemberTraits:
    model = case.model
    wanted = next(one for one in model.campaigns if one.row["campaign_id"] == campaign)
    evidence = case.evidence.filter(pc.equal(case.evidence["campaign_id"], campaign))
    return member_traits(model, wanted, case_traits(case.member_details), account_facts(model, [wanted]), evidence)


def everybody(traits: MemberTraits) -> Any:
    return np.ones(traits.facts.num_rows, np.bool_)


def matrix(traits: MemberTraits, selection: MemberSelection = ALL, **options: int) -> TraitMatrix:
    return trait_matrix(traits, select_members(traits, selection)[0], selection, **options)


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


def test_members_with_equal_traits_are_one_row_and_every_member_is_in_one() -> None:
    traits = shared(demo_case())
    found, second = matrix(traits), matrix(traits, page=2)
    rows = [*found.rows, *second.rows]
    assert (found.pages, found.covered) == (2, sum(row.members for row in found.rows))
    assert min(row.members for row in found.rows) >= max(row.members for row in second.rows)
    assert sum(row.members for row in rows) == 120
    assert len({row.cells for row in rows}) == len(rows) == found.groups < 120
    for place, (trait, number) in enumerate(found.columns):
        assert 1 < number == trait.members < 120
        assert sum(row.members for row in rows if row.cells[place]) == number
    for trait in found.common:
        assert trait.members == 120


def test_a_row_opens_as_exactly_its_members() -> None:
    traits = shared(demo_case())
    for row in matrix(traits).rows:
        chosen, missing = select_members(traits, row.selection)
        assert missing == 0
        assert np.flatnonzero(chosen).tolist() == sorted(row.rows.tolist())
        assert sum(row.verdicts) == row.members


def test_blocks_stand_together() -> None:
    cells = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]], np.bool_)
    places, columns = _order_by_barycentre(cells, np.array([5, 4, 3, 2, 1]))
    ordered = cells[np.argsort(places, kind="stable")][:, columns]
    assert ordered.astype(int).tolist() in (
        [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]],
        [[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]],
    )


def test_an_address_and_its_selection_are_the_same() -> None:
    ref = shared(demo_case()).traits[0].ref
    given = MemberSelection((ref,), ("0" * 10,), ("mixed",), ("act",), ("plan",), START, START + timedelta(hours=2))
    asked: dict[str, tuple[str, ...]] = {}
    for name, value in parse_qsl(given.url().removeprefix("?")):
        asked[name] = (*asked.get(name, ()), value)
    assert read_selection(lambda name: asked.get(name, ())) == given
    assert given.without(ref).having == ()
    assert given.without("since").since is None
    assert select_members(shared(demo_case()), given)[1] == 1, "a trait that the case has not is said"


def test_a_selection_by_time_takes_those_who_were_active_in_between() -> None:
    traits = shared(demo_case())
    first = sorted(traits.facts["first_seen"].to_pylist())
    chosen, _ = select_members(traits, MemberSelection(until=first[10]))
    assert int(chosen.sum()) == sum(at < first[10] for at in first)
    assert not select_members(traits, MemberSelection(since=first[-1] + timedelta(days=900)))[0].any()


def test_findings_for_the_membership_are_traits() -> None:
    found = [trait for trait in shared(demo_case()).traits if trait.kind == "finding"]
    assert all(trait.members > 1 and trait.label == trait.short for trait in found)
    case = demo_case()
    piece = next(row for row in case.evidence.to_pylist() if row["account_id"])
    own = [row["account_id"] for row in case.members.to_pylist() if row["campaign_id"] == MATHS][:3]
    card = {**piece, "campaign_id": MATHS, "family": "identity", "kind": "payment_fingerprint", "bits": 8.0}
    rows = [*case.evidence.to_pylist(), *({**card, "account_id": one} for one in own)]
    (trait,) = [one for one in shared(with_rows(case, evidence=rows)).traits if one.value == "payment_fingerprint"]
    assert (trait.label, trait.members, trait.commonness) == (f"“{piece['statement']}”", 3, "rare")


@pytest.mark.parametrize("seed", [1, 2])
def test_traits_the_matrix_and_the_graph_are_the_same_for_any_row_order(seed: int) -> None:
    one, other = shared(detailed()), shared(rearranged(detailed(), seed))
    assert one.traits == other.traits
    assert [(row.selection, row.members) for row in matrix(one).rows] == [
        (row.selection, row.members) for row in matrix(other).rows
    ]
    assert first_graph(one, everybody(one), ALL) == first_graph(other, everybody(other), ALL)


def test_the_graph_begins_small_and_each_step_says_first_how_many() -> None:
    traits = shared(demo_case())
    begun = first_graph(traits, everybody(traits), ALL)
    assert len(begun.nodes) <= 17
    ids = {node.node_id for node in begun.nodes}
    assert {end for tie in begun.ties for end in tie} <= ids
    assert sum(node.members for node in begun.nodes if node.kind in ("group", "rest")) == 120
    group = next(node for node in begun.nodes if node.kind == "group")
    row = next(row for row in matrix(traits, width=8).rows if row.selection.url() == group.select)
    steps = dict(group.more)
    added = graph_step(traits, row.selection, "accounts", group.node_id, frozenset())
    assert steps["accounts"] == group.members == sum(node.members for node in added.nodes)
    drawn = frozenset(node.node_id[1:] for node in begun.nodes if node.kind == "trait")
    further = graph_step(traits, row.selection, "traits", group.node_id, drawn).nodes
    assert not {node.node_id for node in further} & ids
    trait = next(node for node in begun.nodes if node.kind == "trait")
    parts = graph_step(traits, ALL.also(having=(trait.node_id[1:],)), "groups", trait.node_id, drawn).nodes
    assert sum(node.members for node in parts) == trait.members


def test_commonness_is_compared_with_groups_left_alone() -> None:
    traits = {
        (trait.kind, trait.short): trait for trait in shared(detailed(plan="pro", email_domain="odd.example")).traits
    }
    assert traits["email_domain", "odd.example"].commonness == "rare"
    assert "0 of 100 accounts have it (0 %; here 100 %)" in traits["email_domain", "odd.example"].words
    assert traits["plan", "pro"].commonness == "between"
    assert "40 of 100 accounts have it (40 %; here 100 %)" in traits["plan", "pro"].words
    assert traits["client", "curl"].commonness == "not known", "groups left alone have no clients"


def test_commonness_is_not_known_without_a_group_to_compare_with() -> None:
    assert {trait.commonness for trait in shared(demo_case()).traits if trait.kind != "finding"} == {"not known"}


@pytest.mark.parametrize(("bits", "commonness"), [(2.5, "rare"), (0.4, "between"), (-1.0, "common")])
def test_evidence_about_exactly_the_trait_comes_first(bits: float, commonness: str) -> None:
    case = detailed(email_domain="odd.example")
    piece = next(row for row in case.evidence.to_pylist() if row["campaign_id"] == MATHS and row["account_id"])
    found = [*case.evidence.to_pylist(), {**piece, "kind": "email_domain", "bits": bits}]
    traits = {trait.kind: trait for trait in shared(with_rows(case, evidence=found)).traits}
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
    drawn = shared(with_rows(case, member_details=[*details, *twice]))
    others = [trait for trait in drawn.traits if trait.kind == "other_campaign"]
    assert [(trait.short, trait.members) for trait in others] == [("hunt-0e9b55d7", 5)]


def test_a_case_without_member_details_has_one_row_of_all_members() -> None:
    traits = shared(with_rows(demo_case(), member_details=[], evidence=[]))
    found = matrix(traits)
    assert ([row.members for row in found.rows], found.columns, traits.traits) == ([120], (), ())


def test_hostile_values_are_safe_to_show() -> None:
    for trait in shared(detailed(plan="\x1b[2J</script>\u202e" * 40)).traits:
        assert trait.label == escape_controls(trait.label)
        assert len(trait.short) <= 82
        assert re.fullmatch(r"[0-9a-f]{10}", trait.ref)


def test_words_are_plain() -> None:
    for traits in (shared(detailed(plan="pro")), shared(demo_case(), "hunt-0e9b55d7")):
        for said in (COMMONNESS_SENTENCE, *(trait.words for trait in traits.traits)):
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
