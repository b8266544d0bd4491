"""Campaigns -> operators: which campaigns one operator runs, and which share a pool of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from stillhunt.base import formatting
from stillhunt.base.wording import fill
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.operators.ties import (
    CampaignKeys,
    Comparison,
    Tie,
    one_operator,
    shared_accounts,
    ties_between,
)

# Share of the smaller campaign's accounts in common from which both use one pool (measured: operations on one
# reseller's accounts; no script repeats it)
_POOL_SHARE = 0.45


POOL_WORDS = (
    "{common:account} {common:serves|serve} both campaigns, {share} of the smaller one: one pool of accounts, which "
    "may serve several operators"
)


@dataclass(frozen=True)
class Pair:
    """Two campaigns that belong together.

    Attributes:
        first, second: their places among the campaigns.
        ties: what ties them, the strongest first; none in a pool.
        statement: what they have in common where it is a pool; else empty.
    """

    first: int
    second: int
    ties: tuple[Tie, ...] = ()
    statement: str = ""
    common: int = 0

    @property
    def bits(self) -> float:
        """Bits of all ties together."""
        return sum(tie.bits for tie in self.ties)


@dataclass(frozen=True)
class CampaignSet:
    """Campaigns of one operator, or of one pool of accounts.

    Attributes:
        relation: one_operator, one_pool or two_operators.
        campaigns: places of its campaigns, ascending.
        pairs: the pairs that hold it together, the strongest first.
    """

    relation: str
    campaigns: tuple[int, ...]
    pairs: tuple[Pair, ...]


def find_campaign_sets(log: ScoredLog, campaigns: Sequence[Candidate]) -> list[CampaignSet]:
    """Operators first, then pools, each in the order of its first campaign.

    Args:
        campaigns: campaigns with the verdicts act and review, in their order.
    """
    if len(campaigns) < 2:
        return []
    comparison = Comparison(log, np.unique(np.concatenate([one.accounts for one in campaigns])))
    keys = [CampaignKeys(log, one) for one in campaigns]
    tied, pooled = [], []
    for first, second in combinations(range(len(campaigns)), 2):
        common, share = shared_accounts(keys[first], keys[second])
        if share >= _POOL_SHARE:
            words = fill(POOL_WORDS, common=common, share=formatting.percent(share))
            pooled.append(Pair(first, second, statement=words, common=common))
            continue
        ties = ties_between(keys[first], keys[second], comparison)
        if one_operator(ties):
            tied.append(Pair(first, second, tuple(ties)))
    tied.sort(key=lambda pair: (-pair.bits, pair.first, pair.second))
    pooled.sort(key=lambda pair: (-pair.common, pair.first, pair.second))
    apart = {(pair.first, pair.second) for pair in pooled}
    return [*_joined("one_operator", tied, apart), *_joined("one_pool", pooled, set())]


def _joined(relation: str, pairs: Sequence[Pair], apart: set[tuple[int, int]]) -> list[CampaignSet]:
    """Sets of campaigns that pairs hold together, the strongest pairs first; none joins two that have to stay apart."""
    sets: dict[int, frozenset[int]] = {}
    for pair in pairs:
        left, right = (sets.get(one, frozenset((one,))) for one in (pair.first, pair.second))
        if any((min(a, b), max(a, b)) in apart for a in left for b in right):
            continue
        for one in (both := left | right):
            sets[one] = both
    return [
        CampaignSet(
            relation,
            tuple(sorted(members)),
            tuple(pair for pair in pairs if pair.first in members and pair.second in members),
        )
        for members in sorted(set(sets.values()), key=min)
    ]
