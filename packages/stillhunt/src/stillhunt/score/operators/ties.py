"""Campaigns -> operators: what ties two campaigns beyond chance, and which of them one operator runs or a pool serves.

Each kind is compared with comparison accounts of the log, outside of all campaigns. Accounts
that are in both campaigns say nothing; where they are many, the campaigns share a pool of accounts, which may have
several tenants. Pairs that cannot be tied are found by an index and never compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, triu

from stillhunt.base import formatting
from stillhunt.base.arrays import Flags, Floats, Ints
from stillhunt.base.wording import fill
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.operators.campaign_keys import (
    LEAST_OWN_ACCOUNTS,
    CampaignKeys,
    Comparison,
    OwnDraws,
    comparison_of,
)
from stillhunt.score.operators.tie_index import TieIndex
from stillhunt.score.operators.tie_kinds import KINDS, SCHEDULE, P, Tie, TieKind, one_operator
from stillhunt.score.stats.common_pool import Schedule, common_pool_bits, common_schedule
from stillhunt.score.stats.shared_keys import P as SHARED_KEYS

_KINDS = (*KINDS, SCHEDULE)
_DIGITS = 6


def ties_between(first: CampaignKeys, second: CampaignKeys, comparison: Comparison) -> list[Tie]:
    """All that ties two campaigns, the strongest first."""
    own_places = _own_places(first, second)
    if own_places is None:
        return []
    ties = [tie for kind in KINDS if (tie := _tie_of(kind, (first, second), own_places, comparison)) is not None]
    schedules = [comparison.schedule_of(one, own) for one, own in zip((first, second), own_places, strict=True)]
    bits, parts = _schedule_bits(schedules[0], schedules[1], comparison)
    if (bits := _rounded(bits)) > 0.0:
        words = f"Both {formatting.join_words(parts)} within the same hours, and others do not"
        ties.append(Tie(SCHEDULE, bits, words))
    return sorted(ties, key=lambda tie: (-tie.bits, tie.kind.name))


def _own_places(first: CampaignKeys, second: CampaignKeys) -> tuple[Ints | None, Ints | None] | None:
    """Positions of the accounts that only one of two campaigns has, None: all; None altogether where they are few."""
    common = np.intersect1d(first.accounts, second.accounts, assume_unique=True)
    if min(len(first.accounts), len(second.accounts)) - len(common) < LEAST_OWN_ACCOUNTS:
        return None
    if not len(common):
        return None, None
    own = [np.flatnonzero(~np.isin(one.accounts, common, assume_unique=True)) for one in (first, second)]
    return own[0], own[1]


def _tie_of(
    kind: TieKind,
    pair: tuple[CampaignKeys, CampaignKeys],
    own_places: tuple[Ints | None, Ints | None],
    comparison: Comparison,
) -> Tie | None:
    own = [comparison.draws_of(kind.name, one, kept) for one, kept in zip(pair, own_places, strict=True)]
    first, second = own
    if first is None or second is None:
        return None
    found = common_pool_bits(first.draws, second.draws, cap=kind.cap_bits, one_coincidence=kind.one_coincidence)
    bits = _rounded(found)
    return Tie(kind, bits, kind.statement(*_count_sharing(first, second))) if bits > 0.0 else None


def _schedule_bits(first: Schedule, second: Schedule, comparison: Comparison) -> tuple[float, list[str]]:
    bits, parts = common_schedule(first, second, comparison.hours, SHARED_KEYS.unlike_all)
    return min(bits, SCHEDULE.cap_bits), parts


def _rounded(bits: float) -> float:
    return round(bits, _DIGITS)


def _count_sharing(first: OwnDraws, second: OwnDraws) -> tuple[int, int, int]:
    """Accounts of two campaigns that share a value, accounts of known value, and shared values."""
    shared = np.intersect1d(first.draws.values, second.draws.values, assume_unique=True)
    sharing = sum(len(np.unique(one.owner[np.isin(one.value, shared)])) for one in (first, second))
    return sharing, sum(len(np.unique(one.owner)) for one in (first, second)), len(shared)


# Share of the smaller campaign's accounts in common from which both use one pool (measured: operations on one
# reseller's accounts; no script repeats it)
_POOL_SHARE = 0.45


POOL_WORDS = (
    "{common:account} {common:serves|serve} both campaigns, {share} of the smaller one: one pool of accounts, which "
    "may serve several operators"
)


@dataclass(frozen=True)
class Pair:
    """Two campaigns that belong together."""

    first: int
    second: int
    ties: tuple[Tie, ...] = ()  # what ties them, the strongest first; none in a pool
    statement: str = ""  # what they have in common where it is a pool; else empty

    @property
    def bits(self) -> float:
        """Bits of all ties together."""
        return sum(tie.bits for tie in self.ties)


@dataclass(frozen=True)
class CampaignSet:
    """Campaigns of one operator, or of one pool of accounts.

    To say what ties a pair costs more than to find it, and a large set has very many pairs, so only few are described.
    """

    relation: str
    campaigns: tuple[int, ...]
    held: tuple[tuple[int, int], ...]  # the pairs that hold it together, the strongest first
    one_operation: tuple[tuple[int, int], ...]  # those of them that have a template or a schedule in common
    describe: Callable[[int, int], Pair]  # says what a pair has in common

    def strongest_pairs(self) -> dict[int, Pair]:
        """The strongest pair of each campaign."""
        strongest: dict[int, tuple[int, int]] = {}
        for pair in self.held:
            for campaign in pair:
                strongest.setdefault(campaign, pair)
        described = {pair: self.describe(*pair) for pair in set(strongest.values())}
        return {campaign: described[pair] for campaign, pair in strongest.items()}


def find_campaign_sets(log: ScoredLog, campaigns: Sequence[Candidate]) -> list[CampaignSet]:
    """Operators first, then pools, each in the order of its first campaign."""
    if len(campaigns) < 2:
        return []
    comparison = comparison_of(log, np.unique(np.concatenate([one.accounts for one in campaigns])))
    keys = [comparison.keys_of(one) for one in campaigns]
    first, second, common = _common_accounts(log, campaigns)
    sizes = np.array([len(one.accounts) for one in campaigns])
    share = common / np.minimum(sizes[first], sizes[second])
    pooled = share >= _POOL_SHARE
    pools = _Pairs(first[pooled], second[pooled], common[pooled].astype(np.float64), np.zeros(int(pooled.sum()), bool))
    tied = _Pairs.together(
        [
            _pairs_by_index(keys, comparison, first * len(keys) + second),
            _compare_pairs(first[~pooled], second[~pooled], keys, comparison),
        ]
    )

    def describe_tie(one: int, other: int) -> Pair:
        return Pair(one, other, tuple(ties_between(keys[one], keys[other], comparison)))

    def describe_pool(one: int, other: int) -> Pair:
        number = len(np.intersect1d(keys[one].accounts, keys[other].accounts, assume_unique=True))
        part = formatting.percent(number / min(sizes[one], sizes[other]))
        return Pair(one, other, statement=fill(POOL_WORDS, common=number, share=part))

    apart = pools.partners()
    return [*_join_pairs("one_operator", tied, apart, describe_tie), *_join_pairs("one_pool", pools, {}, describe_pool)]


@dataclass(frozen=True)
class _Pairs:
    """Pairs of campaigns that belong together, how strongly, and whether a template or a schedule is among the ties."""

    first: Ints
    second: Ints
    strength: Floats
    one_operation: Flags

    @classmethod
    def together(cls, parts: Sequence[_Pairs]) -> _Pairs:
        """The pairs of all parts."""
        names = ("first", "second", "strength", "one_operation")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def tied(self) -> _Pairs:
        """Those with any strength."""
        kept = self.strength > 0.0
        return _Pairs(self.first[kept], self.second[kept], self.strength[kept], self.one_operation[kept])

    def strongest_first(self) -> list[tuple[int, int, bool]]:
        """The pairs in the order in which they join campaigns, each with `one_operation`."""
        order = np.lexsort((self.second, self.first, -self.strength))
        columns = (self.first, self.second, self.one_operation)
        return list(zip(*(column[order].tolist() for column in columns), strict=True))

    def partners(self) -> dict[int, set[int]]:
        """Campaign -> the others of its pairs."""
        found: dict[int, set[int]] = {}
        for one, other in zip(self.first.tolist(), self.second.tolist(), strict=True):
            found.setdefault(one, set()).add(other)
            found.setdefault(other, set()).add(one)
        return found


def _common_accounts(log: ScoredLog, campaigns: Sequence[Candidate]) -> tuple[Ints, Ints, Ints]:
    """Pairs of campaigns with accounts in common, the first before the second, and how many accounts."""
    accounts = np.concatenate([one.accounts for one in campaigns])
    campaign = np.repeat(np.arange(len(campaigns)), [len(one.accounts) for one in campaigns])
    members = csr_array((np.ones(len(accounts), np.int64), (campaign, accounts)), (len(campaigns), log.accounts.count))
    common = triu(members @ members.T, 1).tocoo()
    return common.row.astype(np.int64), common.col.astype(np.int64), common.data


def _compare_pairs(first: Ints, second: Ints, keys: Sequence[CampaignKeys], comparison: Comparison) -> _Pairs:
    """Those of some pairs that one operator runs, each compared by itself."""
    strength, one_operation = np.zeros(len(first)), np.zeros(len(first), bool)
    for place, pair in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        one, other = keys[pair[0]], keys[pair[1]]
        own_places = _own_places(one, other)
        if own_places is None:
            continue
        decisive = (_tie_of(kind, (one, other), own_places, comparison) for kind in KINDS if kind.decisive)
        if not any(tie is not None and tie.bits >= P.kind_bits for tie in decisive):
            continue
        ties = ties_between(one, other, comparison)
        strength[place], one_operation[place] = _strength_of(ties), _are_one_operation(ties)
    return _Pairs(first, second, strength, one_operation).tied()


def _pairs_by_index(keys: Sequence[CampaignKeys], comparison: Comparison, left_out: Ints) -> _Pairs:
    """Pairs of one operator without a common account; others are `left_out`, as first campaign * campaigns + second."""
    everywhere = np.ones(len(keys), bool)
    likely = [np.zeros(0, np.int64)]
    for kind in KINDS:
        if kind.decisive:
            index = _index_of(kind, keys, comparison, everywhere)
            first, second = index.may_tie(P.kind_bits)
            new = ~np.isin(first * len(keys) + second, left_out)
            first, second = first[new], second[new]
            strong = [_rounded(bits) >= P.kind_bits for bits in index.bits(first, second).tolist()]
            likely.append((first * len(keys) + second)[np.array(strong, bool)])
    first, second = np.divmod(np.unique(np.concatenate(likely)), len(keys))
    asked = np.zeros(len(keys), bool)
    asked[first] = asked[second] = True
    found = [_index_of(kind, keys, comparison, asked).bits(first, second).tolist() for kind in KINDS]
    schedules = {place: comparison.schedule_of(keys[place]) for place in np.flatnonzero(asked).tolist()}
    strength, one_operation = np.zeros(len(first)), np.zeros(len(first), bool)
    for place, (one, other, *bits) in enumerate(zip(first.tolist(), second.tolist(), *found, strict=True)):
        bits.append(_schedule_bits(schedules[one], schedules[other], comparison)[0])
        ties = [Tie(kind, _rounded(own), "") for kind, own in zip(_KINDS, bits, strict=True)]
        strength[place], one_operation[place] = _strength_of(ties), _are_one_operation(ties)
    return _Pairs(first, second, strength, one_operation).tied()


def _index_of(kind: TieKind, keys: Sequence[CampaignKeys], comparison: Comparison, asked: Flags) -> TieIndex:
    own = [comparison.draws_of(kind.name, one) if wanted else None for one, wanted in zip(keys, asked, strict=True)]
    draws = [None if one is None else one.draws for one in own]
    return TieIndex(draws, cap=kind.cap_bits, one_coincidence=kind.one_coincidence)


def _strength_of(ties: Sequence[Tie]) -> float:
    """Bits of all ties together; 0 where they do not make one operator."""
    return sum(sorted((tie.bits for tie in ties), reverse=True), start=0.0) if one_operator(ties) else 0.0


def _are_one_operation(ties: Sequence[Tie]) -> bool:
    """Whether what ties two campaigns of one operator makes them one: cards and networks serve many operations."""
    return any(tie.kind.name in ("template", SCHEDULE.name) and tie.bits >= P.kind_bits for tie in ties)


def _join_pairs(
    relation: str, pairs: _Pairs, apart: Mapping[int, set[int]], describe: Callable[[int, int], Pair]
) -> list[CampaignSet]:
    """Sets of campaigns that pairs hold together, the strongest pairs first; none joins two that have to stay apart."""
    sets: dict[int, frozenset[int]] = {}
    ordered = pairs.strongest_first()
    for first, second, _ in ordered:
        left, right = (sets.get(one, frozenset((one,))) for one in (first, second))
        if left is right or any(not right.isdisjoint(apart[one]) for one in left if one in apart):
            continue
        for one in (both := left | right):
            sets[one] = both
    inside: dict[frozenset[int], list[tuple[int, int, bool]]] = {members: [] for members in sets.values()}
    for pair in ordered:
        if pair[0] in sets and sets[pair[0]] is sets.get(pair[1]):
            inside[sets[pair[0]]].append(pair)
    return [
        CampaignSet(
            relation,
            tuple(sorted(members)),
            tuple((first, second) for first, second, _ in held),
            tuple((first, second) for first, second, one_operation in held if one_operation),
            describe,
        )
        for members, held in sorted(inside.items(), key=lambda one: min(one[0]))
    ]
