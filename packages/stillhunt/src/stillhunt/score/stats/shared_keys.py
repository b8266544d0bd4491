"""Keys shared beyond chance: cards, domains, sign-up times, addresses, client fingerprints.

For each member: how unlikely is it that so many *other* members have its value, at the rate of the comparison accounts?
The tail probability p becomes an e-value, 1 / (2 sqrt p) (Vovk and Wang 2021), whose mean under chance is at most 1, so
adding its bits up over many members earns nothing by luck. With probability s a member draws from the operation's own
pool, else from what everybody uses. Popular values (a mail provider, a carrier NAT) are expected often and earn
nothing, and a campaign that is a third of all accounts cannot hide by being common: comparison accounts alone make the
rate.

The background sample is all accounts of the log or a random sample of them. The members of the group that is judged are
left out: they would make their own values common.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import gammainc

from stillhunt.base.arrays import Flags, Floats, Ints, ranges
from stillhunt.base.parameters import read_parameters


@dataclass(frozen=True)
class KeyFrequencies:
    """One key of all accounts: a card, a network, a client fingerprint."""

    first: Ints  # first pair of each account, and the number of pairs last
    value: Ints  # value of each pair, in order of account
    home: Ints  # country of each account plus one; 0 unknown
    background: Flags
    entry: Ints  # distinct (value, country) of the sample's pairs as value * countries + country, ascending
    holders: Ints  # accounts of the sample with each entry
    residents: Ints  # accounts of the sample in each country
    only_known: bool  # True where accounts without a value are left out of the residents

    @property
    def empty(self) -> bool:
        """True where no account has a value."""
        return not len(self.value)

    def pairs_of(self, accounts: Ints) -> tuple[Ints, Ints]:
        """(position among the given accounts, value) of each of their pairs."""
        begin, end = self.first[accounts], self.first[accounts + 1]
        return np.repeat(np.arange(len(accounts)), end - begin), self.value[ranges(begin, end)]

    def without(self, members: Ints) -> KeyFrequencies:
        """The frequencies among the comparison accounts of a group: the members are none."""
        countries = len(self.residents)
        owner, own = self.pairs_of(members)
        aside = self.background[members]
        counted = aside & (self.first[members + 1] > self.first[members]) if self.only_known else aside
        residents = self.residents - np.bincount(self.home[members[counted]], minlength=countries)
        pair = (own.astype(np.int64) * countries + self.home[members[owner]])[aside[owner]]
        at = np.minimum(np.searchsorted(self.entry, pair), len(self.entry) - 1)
        held = np.bincount(at[self.entry[at] == pair], minlength=len(self.entry)) if len(self.entry) else 0
        return replace(self, holders=self.holders - held, residents=residents)

    def expected(self, values: Ints, drawn: Ints, members: Ints) -> Floats:
        """Members expected to have each value if they were drawn from the comparison accounts of their countries.

        Args:
            values: ascending.
            drawn: the members that are drawn: those with a value, where only such accounts are counted.
            members: all members, who are no comparison accounts; none where they are left out already.
        """
        countries = len(self.residents)
        begin = np.searchsorted(self.entry, values.astype(np.int64) * countries)
        end = np.searchsorted(self.entry, (values.astype(np.int64) + 1) * countries)
        chosen = ranges(begin, end)
        asked = replace(self, entry=self.entry[chosen], holders=self.holders[chosen]).without(members)
        rate = np.bincount(self.home[drawn], minlength=countries) / (asked.residents + 1.0)
        row = np.repeat(np.arange(len(values)), end - begin)
        found = np.bincount(row, weights=asked.holders * rate[asked.entry % countries], minlength=len(values))
        # One more account with the value, wherever: a value that no comparison account has is rare, not impossible.
        return np.asarray(found + len(drawn) / (float(asked.residents.sum()) + 1.0), np.float64)


def key_frequencies(first: Ints, value: Ints, country: Ints, background: Flags, *, only_known: bool) -> KeyFrequencies:
    """Count a key.

    Args:
        first: first pair of each account, and the number of pairs last.
        country: country of each account, -1 unknown; chance is reckoned within a country, or speakers of one language
            would seem to share its carriers and mail providers.
        only_known: leave accounts without a value out of the residents.
    """
    home = country + 1
    countries = int(home.max(initial=0)) + 1
    lengths = np.diff(first)
    # Few copies: an account may have many values, and a log many accounts.
    key = value.astype(np.int64)
    key *= countries
    key += np.repeat(home, lengths)
    key = key[np.repeat(background, lengths)]
    key.sort()
    begins = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: len(key)])
    entry, holders = key[begins], np.diff(begins, append=len(key))
    counted = background & (lengths > 0) if only_known else background
    residents = np.bincount(home[counted], minlength=countries)
    return KeyFrequencies(first, value, home, background, entry, holders, residents, only_known)


def single_valued(value: Ints, country: Ints, background: Flags) -> KeyFrequencies:
    """Count a key of which every account has one value."""
    known = value >= 0
    first = np.concatenate([[0], np.cumsum(known)])
    return key_frequencies(first, value[known], country, background, only_known=True)


class SharedKeyParameters(NamedTuple):
    """Parameters of shared keys."""

    pool_shares: tuple[float, ...]
    selected_pool_shares: tuple[float, ...]
    unlike_all: float


P = read_parameters(SharedKeyParameters, "score.shared_keys")
_SELECTED_SHARES = P.selected_pool_shares + P.pool_shares
COST_BITS = float(np.log2(len(_SELECTED_SHARES)))
"""What choosing among the shares costs."""


@dataclass(frozen=True)
class SharedKey:
    """How far the members of a candidate share one key."""

    bits: float  # for the whole candidate; 0 where sharing does not beat chance
    member_bits: Floats
    share: float  # estimated part of the members that draw from the operation's own pool
    values: int  # distinct values that at least two members share
    sharing: int  # members that share a value with another one


def shared_value(own: Ints, members: Ints, key: KeyFrequencies, *, passed_over: int = 0) -> SharedKey:
    """Sharing of a key of which every account has one value.

    `passed_over`: accounts among which the members were selected by this very key; they count as having shared nothing.
    """
    known = own >= 0
    values, place, holders = np.unique(own[known], return_inverse=True, return_counts=True)
    others, chance = np.zeros(len(own), np.int64), np.ones(len(own))
    others[known] = holders[place] - 1
    scale = (len(place) + passed_over) / max(len(place), 1)
    twice = holders > 1
    if twice.any():
        expected = scale * key.expected(values[twice], members[known], members)
        which = (np.cumsum(twice) - 1)[place[twice[place]]]
        chance[others > 0] = _chance_of_others(others[others > 0], expected[which])
    return _judge_sharing(chance, own, others, passed_over)


def shared_address(members: Ints, key: KeyFrequencies) -> SharedKey:
    """Sharing of a key of which an account may have many values, such as addresses.

    An account is judged by its most telling value; having many values to choose from is charged for.
    """
    account, value = key.pairs_of(members)
    values, place, holders = np.unique(value, return_inverse=True, return_counts=True)
    best = np.ones(len(members))
    chosen = np.full(len(members), -1, np.int64)
    shared = np.zeros(len(members), np.int64)
    twice = holders > 1
    # Most accounts share nothing, and which of their values that is does not matter.
    sharing = np.zeros(len(members), bool)
    sharing[account[twice[place]]] = True
    pairs = np.flatnonzero(sharing[account])
    if len(pairs):
        held = np.bincount(account, minlength=len(members))
        expected = np.zeros(len(values))
        expected[twice] = key.expected(values[twice], members, members)
        account, value, place = account[pairs], value[pairs], place[pairs]
        others = holders[place] - 1
        chance = _chance_of_others(others, expected[place]) * held[account]
        order = np.lexsort((value, chance, account))
        first = order[np.flatnonzero(np.diff(account[order], prepend=-1))]
        best[account[first]] = np.minimum(chance[first], 1.0)
        chosen[account[first]] = value[first]
        shared[account[first]] = others[first]
    return _judge_sharing(best, chosen, shared)


def _chance_of_others(others: Ints, expected: Floats) -> Floats:
    """Chance that at least so many others have the value, at `unlike_all` times the expected number (Poisson)."""
    tail = np.ones(len(others))
    some = others > 0
    tail[some] = gammainc(others[some], P.unlike_all * expected[some])
    return tail


def _judge_sharing(chance: Floats, own: Ints, others: Ints, passed_over: int = 0) -> SharedKey:
    bits = -1.0 - 0.5 * np.log2(np.maximum(chance, 1e-300))
    # Among k sharers only k - 1 coincidences are new: each tells of the others what they tell of it.
    evidence = np.exp2(np.where(bits > 0, bits * others / (others + 1.0), bits))
    shares = P.pool_shares if not passed_over else _SELECTED_SHARES
    share = np.array(shares)[:, None]
    tables = np.log2((1.0 - share) + share * evidence)
    totals = (tables.sum(axis=1) + passed_over * np.log2(1.0 - share[:, 0])).tolist()
    best = int(np.argmax(totals))
    sharing = others > 0
    values = len(np.unique(own[sharing])) if sharing.any() else 0
    if totals[best] <= COST_BITS:
        return SharedKey(0.0, np.zeros(len(chance)), 0.0, values, int(sharing.sum()))
    return SharedKey(totals[best] - COST_BITS, tables[best], shares[best], values, int(sharing.sum()))
