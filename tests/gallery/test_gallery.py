"""Campaigns that anybody would flag are flagged, and honest groups that nobody should flag are left alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import stillhunt
from gallery.builder import build_gallery
from gallery.gallery_cases import CASES, GalleryCase
from stillhunt.base.config import Config

LEAST_FLAGGED = 0.9
"""Share of a campaign's accounts that are flagged, where the verdict must be act."""
RANK = {"none": 0, "review": 1, "act": 2}


@dataclass(frozen=True)
class Outcome:
    """What a hunt says of the accounts of one case, in shares of them.

    Attributes:
        shown: those in a group with the verdict act or review.
        kinds: kinds of operation of these groups.
        others_flagged: accounts of nobody's campaign that are flagged.
        joined: accounts of other cases that are shown as members of these groups.
        strangers: accounts of no case that are shown as members of these groups.
    """

    shown: float
    flagged: float
    kinds: frozenset[str]
    others_flagged: int
    joined: int
    strangers: int

    @property
    def verdict(self) -> str:
        """The highest one that any of them has."""
        return "act" if self.flagged else "review" if self.shown else "none"


@cache
def hunted(names: tuple[str, ...]) -> tuple[stillhunt.Case, dict[str, frozenset[str]]]:
    """The case of the world with these cases, and whose account is whose."""
    cases = [CASES[name] for name in names]
    world = build_gallery(cases)
    config = Config(sanctioned={"organizations": world.allowed}, report={"excerpts": False})  # nobody reads this case
    customers = world.accounts if all(case.customer_table for case in cases) else None
    return stillhunt.hunt(world.requests, customers, config), world.members


def world_of(case: GalleryCase) -> tuple[str, ...]:
    """The cases that are hunted together with this one, itself included."""
    return tuple(one.name for one in CASES.values() if one.world == case.world) if case.world else (case.name,)


def outcome_of(case: GalleryCase) -> Outcome:
    """What is said of the case in its world."""
    hunt, members = hunted(world_of(case))
    own = members[case.name]
    verdicts = {one["account_id"]: one for one in hunt.tables["accounts"].to_pylist()}
    kinds = {one["campaign_id"]: one["kind"] for one in hunt.campaigns.to_pylist()}
    shown = [one for one in own if verdicts[one]["verdict"] != "none" and not verdicts[one]["sanctioned"]]
    flagged = {account for account, said in verdicts.items() if said["flagged"]}
    groups = {verdicts[one]["campaign_id"] for one in shown}
    beside = {one for one, said in verdicts.items() if said["verdict"] != "none" and said["campaign_id"] in groups}
    return Outcome(
        shown=len(shown) / len(own),
        flagged=len(flagged & own) / len(own),
        kinds=frozenset(kinds[one] for one in groups),
        others_flagged=len(flagged.difference(*members.values())),
        joined=len(beside & frozenset().union(*(some for name, some in members.items() if name != case.name))),
        strangers=len(beside.difference(*members.values())),
    )


def named(campaign: bool) -> list[object]:
    """The cases, those with a wrong verdict marked as such."""
    return [
        pytest.param(case, id=name, marks=pytest.mark.xfail(reason=case.wrong, strict=True) if case.wrong else ())
        for name, case in CASES.items()
        if case.campaign is campaign
    ]


@pytest.mark.parametrize("case", named(campaign=True))
def test_campaign_is_shown(case: GalleryCase) -> None:
    outcome = outcome_of(case)
    assert outcome.others_flagged == 0, outcome
    assert outcome.joined == 0, outcome  # two operations in one world are two
    assert outcome.shown >= case.found, outcome
    assert RANK[outcome.verdict] >= RANK[case.shown], outcome
    assert case.shown != "act" or outcome.flagged >= LEAST_FLAGGED, outcome
    assert not case.kinds or outcome.kinds <= set(case.kinds), outcome


@pytest.mark.parametrize("case", named(campaign=False))
def test_honest_group_is_left_alone(case: GalleryCase) -> None:
    outcome = outcome_of(case)
    assert outcome.flagged == 0, outcome
    assert outcome.others_flagged == 0, outcome
    assert outcome.strangers == 0, outcome
    assert RANK[outcome.verdict] <= RANK[case.shown], outcome
    assert not case.kinds or outcome.kinds <= set(case.kinds), outcome


def test_gallery_has_as_many_honest_groups_as_campaigns() -> None:
    assert [case.campaign for case in CASES.values()] == [True] * 16 + [False] * 16
    assert not [case.name for case in CASES.values() if case.campaign and case.shown == "none"]


def test_campaigns_and_honest_groups_share_no_world() -> None:
    for case in CASES.values():
        assert {CASES[name].campaign for name in world_of(case)} == {case.campaign}


def test_accounts_share_what_the_case_says() -> None:
    cases = [CASES["naive_operation"], CASES["one_vendors_template"], CASES["family_plan"]]
    world = build_gallery(cases)
    for case in cases:
        members = pa.array(sorted(world.members[case.name]))
        own, sent = (table.filter(pc.is_in(table["account_id"], members)) for table in (world.accounts, world.requests))
        shared = {
            "cards": len(set(own["payment_fingerprint"].to_pylist())),
            "mail_domains": len(set(own["email_domain"].to_pylist())),
            "networks": len({address.rsplit(".", 1)[0] for address in sent["client_ip"].to_pylist()}),
            "clients": len(set(sent["tls_fingerprint"].to_pylist())),
        }
        assert own.num_rows == sum(group.accounts for group in case.groups)
        for trait, count in shared.items():
            said = [getattr(group, trait) or (group.lines if trait == "networks" else 0) for group in case.groups]
            assert 0 in said or count == sum(said), (case.name, trait)
