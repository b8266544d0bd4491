"""Keys shared beyond chance: cards, domains, sign-up sessions, addresses, client stacks.

For each member: how unlikely is it that so many *other* members have its value, at the rate of the outsiders? The tail
probability p becomes an e-value, 1 / (2 sqrt p) (Vovk and Wang 2021), whose mean under chance is at most 1, so summing
its bits over a crowd earns nothing by luck. With probability s a member draws from the operation's own pool, else from
the public like everybody. Popular values (a mail provider, a carrier NAT) are expected often and earn nothing, and a
campaign that is a third of all accounts cannot hide by being common: outsiders alone make the rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammainc

from stillhunt.score.frame import Flags, Floats, Ints

SHARES = tuple(s / 20 for s in range(8, 20))
"""Values of s that are tried; choosing one costs log2 of their number. None is below 0.4: who buys keys in bulk uses
them for a good part of the accounts."""
PICKED_SHARES = tuple(2.0**-k for k in range(9, 1, -1)) + SHARES
"""The same where the members were picked by the key: few of many may share it."""
COST = float(np.log2(len(PICKED_SHARES)))
UNLIKE_ALL = 3.0
"""Times the outsiders' rate that is still chance: customers of one subject differ from all customers by factors of two
or three in countries, networks and age without any operator."""


@dataclass(frozen=True)
class SharedKey:
    """How far the members of a candidate share one key.

    Attributes:
        bits: for the whole candidate; 0 where sharing does not beat chance.
        member_bits: for each member.
        share: estimated part of the members that draw from the operation's own pool.
        values: distinct values that at least two members share.
        sharing: members that share a value with another one.
    """

    bits: float
    member_bits: Floats
    share: float
    values: int
    sharing: int


def shared_value(values: Ints, member: Flags, country: Ints, *, passed_over: int = 0) -> SharedKey:
    """Sharing of a key of which every account has one value.

    Args:
        values: value code of each account of the log; -1 unknown.
        member: True for the members.
        country: country code of each account, -1 unknown; chance is reckoned within a country, or speakers of one
            language would seem to share its carriers and mail providers.
        passed_over: accounts among which the members were picked by this very key; they count as having shared nothing.
    """
    size = int(values.max(initial=-1)) + 1
    known_in, known_out = member & (values >= 0), ~member & (values >= 0)
    inside = np.bincount(values[known_in], minlength=size)
    own = values[member]
    known = own >= 0
    safe = np.maximum(own, 0)
    others = np.where(known, (inside[safe] if size else 0) - 1, 0)
    expected = _expected(values[known_out], country[known_out], country[known_in], size)
    drawn = (known_in.sum() + passed_over) / max(int(known_in.sum()), 1)
    chance = _tail(others, drawn * expected[safe] if size else np.zeros(len(own)))
    return _judged(np.where(known, chance, 1.0), own, others * known, passed_over)


def shared_address(pair_account: Ints, pair_value: Ints, member: Flags, country: Ints) -> SharedKey:
    """Sharing of a key of which an account may have many values, such as addresses.

    An account is judged by its most telling value; having many values to choose from is charged for.

    Args:
        pair_account: account of each distinct (account, value) pair of the log.
        pair_value: value of that pair.
        member: True for the members.
        country: country code of each account, as for `shared_value`.
    """
    size = int(pair_value.max(initial=-1)) + 1
    members = np.flatnonzero(member)
    position = np.full(len(member), -1, np.int64)
    position[members] = np.arange(len(members))
    inside_pair = member[pair_account]
    inside = np.bincount(pair_value[inside_pair], minlength=size)
    account, value = position[pair_account[inside_pair]], pair_value[inside_pair]
    others = inside[value] - 1
    held = np.bincount(account, minlength=len(members))
    outside = pair_account[~inside_pair]
    expected = _expected(pair_value[~inside_pair], country[outside], country[members], size, country[~member])
    chance = _tail(others, expected[value]) * held[account]
    order = np.lexsort((value, chance, account))
    first = np.unique(account[order], return_index=True)[1]
    best = np.ones(len(members))
    chosen = np.full(len(members), -1, np.int64)
    shared = np.zeros(len(members), np.int64)
    best[account[order][first]] = np.minimum(chance[order][first], 1.0)
    chosen[account[order][first]] = value[order][first]
    shared[account[order][first]] = others[order][first]
    return _judged(best, chosen, shared)


def _expected(value: Ints, home: Ints, fellows: Ints, size: int, outsiders: Ints | None = None) -> Floats:
    """Members expected to have each value if they were drawn from the outsiders of their own countries.

    Args:
        value: value of each outsider, or of each (outsider, value) pair.
        home: that outsider's country, -1 unknown.
        fellows: country of each member.
        size: number of value codes.
        outsiders: country of each outsider, where `value` has pairs.
    """
    crowd = home if outsiders is None else outsiders
    countries = max(int(crowd.max(initial=-1)), int(fellows.max(initial=-1))) + 2
    public = np.bincount(crowd + 1, minlength=countries)
    drawn = np.bincount(fellows + 1, minlength=countries) / (public + 1.0)
    expected = np.bincount(value, weights=drawn[home + 1], minlength=size)
    # One more outsider with the value, wherever: a value that no outsider has is rare, not impossible.
    return np.asarray(expected + len(fellows) / (len(crowd) + 1.0), np.float64)


def _tail(others: Ints, expected: Any) -> Floats:
    """Chance that at least so many others have the value, at `UNLIKE_ALL` times the expected number (Poisson)."""
    tail: Floats = np.where(others > 0, gammainc(np.maximum(others, 1), UNLIKE_ALL * expected), 1.0)
    return tail


def _judged(chance: Floats, own: Ints, others: Ints, passed_over: int = 0) -> SharedKey:
    bits = -1.0 - 0.5 * np.log2(np.maximum(chance, 1e-300))
    # Among k sharers only k - 1 coincidences are new: each tells of the others what they tell of it.
    evidence = np.exp2(np.where(bits > 0, bits * others / (others + 1.0), bits))
    shares = SHARES if not passed_over else PICKED_SHARES
    tables = [np.log2((1.0 - s) + s * evidence) for s in shares]
    totals = [float(t.sum()) + passed_over * float(np.log2(1.0 - s)) for t, s in zip(tables, shares, strict=True)]
    best = int(np.argmax(totals))
    sharing = others > 0
    values = len(np.unique(own[sharing])) if sharing.any() else 0
    if totals[best] <= COST:
        return SharedKey(0.0, np.zeros(len(chance)), 0.0, values, int(sharing.sum()))
    return SharedKey(totals[best] - COST, tables[best], shares[best], values, int(sharing.sum()))
