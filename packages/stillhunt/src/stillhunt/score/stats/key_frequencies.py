"""How common the values of a key are in the background sample, by country, without a group's own part.

The background sample is all accounts of the log or a random sample of them. The members of the group that is judged are
left out: they would make their own values common.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.score.stats.arrays import Flags, Floats, Ints, ranges


@dataclass(frozen=True)
class KeyFrequencies:
    """One key of all accounts: a card, a network, a client fingerprint.

    Attributes:
        first: first pair of each account, and the number of pairs last.
        value: value of each pair, in order of account.
        home: country of each account plus one; 0 unknown.
        background: True for the accounts of the background sample.
        entry: distinct (value, country) of the sample's pairs as value * countries + country, ascending.
        holders: accounts of the sample with each entry.
        residents: accounts of the sample in each country.
        only_known: True where accounts without a value are left out of the residents.
    """

    first: Ints
    value: Ints
    home: Ints
    background: Flags
    entry: Ints
    holders: Ints
    residents: Ints
    only_known: bool

    @property
    def empty(self) -> bool:
        """True where no account has a value."""
        return not len(self.value)

    def pairs_of(self, accounts: Ints) -> tuple[Ints, Ints]:
        """(position among the given accounts, value) of each of their pairs."""
        begin, end = self.first[accounts], self.first[accounts + 1]
        return np.repeat(np.arange(len(accounts)), end - begin), self.value[ranges(begin, end)]

    def expected(self, values: Ints, drawn: Ints, members: Ints) -> Floats:
        """Members expected to have each value if they were drawn from the comparison accounts of their countries.

        Args:
            drawn: the members that are drawn: those with a value, where only such accounts are counted.
            members: all members, who are no comparison accounts.
        """
        countries = len(self.residents)
        owner, own = self.pairs_of(members)
        aside = self.background[members]
        counted = aside & (self.first[members + 1] > self.first[members]) if self.only_known else aside
        residents = self.residents - np.bincount(self.home[members[counted]], minlength=countries)
        rate = np.bincount(self.home[drawn], minlength=countries) / (residents + 1.0)
        begin = np.searchsorted(self.entry, values.astype(np.int64) * countries)
        end = np.searchsorted(self.entry, (values.astype(np.int64) + 1) * countries)
        chosen = ranges(begin, end)
        entry, holders = self.entry[chosen], self.holders[chosen].copy()
        pair = own.astype(np.int64) * countries + self.home[members[owner]]
        at = np.searchsorted(entry, pair)
        asked = aside[owner] & (entry[np.minimum(at, len(entry) - 1)] == pair) if len(entry) else at < 0
        np.subtract.at(holders, at[asked], 1)
        row = np.repeat(np.arange(len(values)), end - begin)
        found = np.bincount(row, weights=holders * rate[entry % countries], minlength=len(values))
        # One more account with the value, wherever: a value that no comparison account has is rare, not impossible.
        return np.asarray(found + len(drawn) / (float(residents.sum()) + 1.0), np.float64)


def key_frequencies(first: Ints, value: Ints, country: Ints, background: Flags, *, only_known: bool) -> KeyFrequencies:
    """Count a key.

    Args:
        first: first pair of each account, and the number of pairs last.
        value: value of each pair, 0 or above; an account has each of its values once.
        country: country of each account, -1 unknown; chance is reckoned within a country, or speakers of one language
            would seem to share its carriers and mail providers.
        background: True for the accounts of the background sample.
        only_known: leave accounts without a value out of the residents.
    """
    home = country + 1
    countries = int(home.max(initial=0)) + 1
    lengths = np.diff(first)
    owner = np.repeat(np.arange(len(country)), lengths)
    key = value.astype(np.int64) * countries + home[owner]
    entry, holders = np.unique(key[background[owner]], return_counts=True)
    counted = background & (lengths > 0) if only_known else background
    residents = np.bincount(home[counted], minlength=countries)
    return KeyFrequencies(first, value, home, background, entry, holders, residents, only_known)


def single_valued(value: Ints, country: Ints, background: Flags) -> KeyFrequencies:
    """Count a key of which every account has one value.

    Args:
        value: value of each account; -1 unknown.
        country: country of each account, -1 unknown.
        background: True for the accounts of the background sample.
    """
    known = value >= 0
    first = np.concatenate([[0], np.cumsum(known)])
    return key_frequencies(first, value[known], country, background, only_known=True)
