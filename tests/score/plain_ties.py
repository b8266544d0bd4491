"""Ties of campaigns without an index: every pair is compared, value by value, and counts all it needs by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from row_logs import Array

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import commonest
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.operators.campaign_keys import MIN_ACCOUNTS, CampaignKeys, Comparison
from stillhunt.score.operators.tie_kinds import KINDS, SCHEDULE, P, TieKind
from stillhunt.score.stats.common_pool import common_schedule, schedule_of
from stillhunt.score.stats.shared_keys import KeyFrequencies, single_valued
from stillhunt.score.stats.shared_keys import P as SHARED_KEYS

SHARES = np.linspace(0.05, 0.95, 19)
POOL_SHARE = 0.45
WINDOWS = 14
Draw = tuple[int, int]
"""An account and a value that it draws."""


def plain_sets(log: ScoredLog, campaigns: Sequence[Candidate]) -> list[tuple[str, tuple[int, ...]]]:
    """Relation and campaigns of each set."""
    members = np.unique(np.concatenate([one.accounts for one in campaigns]))
    pooled, tied = [], []
    for one, other in combinations(range(len(campaigns)), 2):
        own = [set(campaigns[place].accounts.tolist()) for place in (one, other)]
        common = len(own[0] & own[1])
        if common / min(map(len, own)) >= POOL_SHARE:
            pooled.append((-common, one, other))
        else:
            bits = plain_ties(log, (campaigns[one], campaigns[other]), members)
            if ties_one_operator(bits):
                tied.append((-sum(sorted(bits.values(), reverse=True)), one, other))
    apart = {(one, other) for _, one, other in pooled}
    return [*joined("one_operator", sorted(tied), apart), *joined("one_pool", sorted(pooled), set())]


def joined(
    relation: str, pairs: Sequence[tuple[float, int, int]], apart: set[Draw]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Sets that the pairs make, one after the other, but for those that would hold two that stay apart."""
    sets: list[set[int]] = []
    for _, one, other in pairs:
        left = next((held for held in sets if one in held), {one})
        right = next((held for held in sets if other in held), {other})
        if not any(pair in apart for pair in combinations(sorted(left | right), 2)):
            sets = [held for held in sets if held not in (left, right)] + [left | right]
    yield from ((relation, tuple(sorted(held))) for held in sorted(sets, key=min))


def ties_one_operator(bits: dict[TieKind, float]) -> bool:
    strong = [kind for kind, own in bits.items() if own >= P.kind_bits]
    return len({kind.source for kind in strong}) >= P.independent_kinds and any(kind.decisive for kind in strong)


def plain_ties(log: ScoredLog, pair: tuple[Candidate, Candidate], members: Array) -> dict[TieKind, float]:
    """Bits of each kind that ties two campaigns, by the accounts that only one of them has."""
    own = [set(one.accounts.tolist()) - set(other.accounts.tolist()) for one, other in (pair, pair[::-1])]
    if min(map(len, own)) < MIN_ACCOUNTS:
        return {}
    found = {}
    for kind in KINDS:
        key = key_of(log, kind.name)
        draws = [
            [draw for draw in draws_of(log, one, kind.name) if draw[0] in kept]
            for one, kept in zip(pair, own, strict=True)
        ]
        if key is not None and min(map(len, draws)) >= MIN_ACCOUNTS:
            ways = (drawn_from(a, b, kind, key, members) for a, b in (draws, draws[::-1]))
            found[kind] = round(min(max(min(ways), 0.0), kind.cap_bits), 6)
    comparison = Comparison(log, members)
    schedules = []
    for one, kept in zip(pair, own, strict=True):
        owner, hour = CampaignKeys(log, one).hours
        active = np.bincount(hour[np.isin(one.accounts[owner], sorted(kept))], minlength=comparison.hours)
        schedules.append(schedule_of(active, comparison.activity))
    bits, _ = common_schedule(schedules[0], schedules[1], comparison.hours, SHARED_KEYS.unlike_all)
    found[SCHEDULE] = round(min(bits, P.cap_bits), 6)
    return {kind: own_bits for kind, own_bits in found.items() if own_bits > 0.0}


def draws_of(log: ScoredLog, one: Candidate, name: str) -> list[Draw]:
    """Draws of one kind, from the requests of a campaign or from the customer table."""
    if name == "template":
        return list(zip(one.accounts[one.slice_account].tolist(), one.slice_cluster.tolist(), strict=True))
    if name == "client_prefix":
        place, value = log.keys.address(name).pairs_of(one.accounts)
        return list(zip(one.accounts[place].tolist(), value.tolist(), strict=True))
    if name in ("client_fingerprint", "settings"):
        codes = getattr(log.requests, name)[one.rows]
        usual = commonest(one.row_account, codes, len(one.accounts))
    else:
        usual = log.accounts.customers.codes[name][one.accounts]
    return [(a, v) for a, v in zip(one.accounts.tolist(), usual.tolist(), strict=True) if v >= 0]


def key_of(log: ScoredLog, name: str) -> KeyFrequencies | None:
    """A kind among all accounts of the log; None where nobody has it."""
    if name == "template":
        # Every account of these logs has all of its requests in one content cluster.
        cluster = commonest(log.requests.account, log.requests.cluster, log.accounts.count)
        accounts = log.accounts
        found = single_valued(cluster, accounts.country, accounts.background)
    elif name == "client_prefix":
        found = log.keys.address(name)
    elif name == "client_fingerprint":
        found = log.keys.client_fingerprint()
    else:
        found = log.keys.settings if name == "settings" else log.keys.customer(name)
    return None if found.empty else found


def drawn_from(own: list[Draw], pool: list[Draw], kind: TieKind, key: KeyFrequencies, members: Array) -> float:
    """Bits that the own values come from the pool's, against from what comparison accounts have."""
    values = np.array(sorted({value for _, value in own}))
    expected = key.expected(values, np.array(sorted({account for account, _ in own})), members)
    chance = {v: SHARED_KEYS.unlike_all * e / len(own) for v, e in zip(values.tolist(), expected.tolist(), strict=True)}
    if kind.name == "created_at":
        for value in chance:
            near = sum(abs(value - other) <= WINDOWS for _, other in own)
            chance[value] = max(chance[value], near / len(own) / (2 * WINDOWS + 1))
    part = {value: sum(v == value for _, v in own) / len(own) for value in chance}
    coincidences = 1.0 if kind.one_coincidence else 1.0 / sum(share**2 for share in part.values())
    totals = np.zeros(len(SHARES))
    for value, share in part.items():
        held = sum(v == value for _, v in pool) / len(pool)
        ratio = min(held / min(max(chance[value], 1e-12), 1.0), 2.0**kind.cap_bits)
        totals += share * coincidences * np.log2(1.0 - SHARES + SHARES * ratio)
    return float(np.log2(np.exp2(totals).mean()))
