"""Campaigns that anybody would flag are flagged, and honest groups that nobody should flag are left alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

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
    """

    shown: float
    flagged: float
    kinds: frozenset[str]
    others_flagged: int

    @property
    def verdict(self) -> str:
        """The highest one that any of them has."""
        return "act" if self.flagged else "review" if self.shown else "none"


@cache
def hunted(names: tuple[str, ...]) -> tuple[stillhunt.Case, dict[str, frozenset[str]]]:
    """The case of the world with these cases, and whose account is whose."""
    cases = [CASES[name] for name in names]
    world = build_gallery(cases)
    config = Config(sanctioned={"organizations": world.allowed})
    customers = world.accounts if all(case.customer_table for case in cases) else None
    return stillhunt.hunt(world.requests, customers, config), world.members


def outcome_of(case: GalleryCase) -> Outcome:
    """What is said of the case in its world."""
    names = tuple(one.name for one in CASES.values() if one.world == case.world) if case.world else (case.name,)
    hunt, members = hunted(names)
    own = members[case.name]
    verdicts = {one["account_id"]: one for one in hunt.tables["accounts"].to_pylist()}
    kinds = {one["campaign_id"]: one["kind"] for one in hunt.campaigns.to_pylist()}
    shown = [one for one in own if verdicts[one]["verdict"] != "none" and not verdicts[one]["sanctioned"]]
    flagged = {account for account, said in verdicts.items() if said["flagged"]}
    return Outcome(
        shown=len(shown) / len(own),
        flagged=len(flagged & own) / len(own),
        kinds=frozenset(kinds[verdicts[one]["campaign_id"]] for one in shown),
        others_flagged=len(flagged.difference(*members.values())),
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
    assert outcome.shown >= case.found, outcome
    assert RANK[outcome.verdict] >= RANK[case.shown], outcome
    assert case.shown != "act" or outcome.flagged >= LEAST_FLAGGED, outcome
    assert not case.kinds or outcome.kinds <= set(case.kinds), outcome


@pytest.mark.parametrize("case", named(campaign=False))
def test_honest_group_is_left_alone(case: GalleryCase) -> None:
    outcome = outcome_of(case)
    assert outcome.flagged == 0, outcome
    assert outcome.others_flagged == 0, outcome
    assert RANK[outcome.verdict] <= RANK[case.shown], outcome
    assert not case.kinds or outcome.kinds <= set(case.kinds), outcome
