"""How common the values of a key are among the public, by country; a group's own part is taken off.

The public are the accounts of the log, or a random sample of them, of which the members of a group are left out: they
would make their own values common.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.score.context.coding import Flags, Floats, Ints
from stillhunt.score.context.slices import places


@dataclass(frozen=True)
class PublicKey:
    """One key of all accounts: a card, a network, a client stack.

    Attributes:
        first: first pair of each account, and the number of pairs last.
        value: value of each pair, in order of account.
        home: country of each account plus one; 0 unknown.
        outsider: True for accounts that may be outsiders, not for those that only a candidate brought into the log.
        entry: distinct (value, country) of the outsiders' pairs as value * countries + country, ascending.
        holders: outsiders of each entry.
        crowd: outsiders of each country.
        only_known: True where accounts without a value are left out of the crowd.
    """

    first: Ints
    value: Ints
    home: Ints
    outsider: Flags
    entry: Ints
    holders: Ints
    crowd: Ints
    only_known: bool

    @property
    def empty(self) -> bool:
        """True where no account has a value."""
        return not len(self.value)

    def pairs_of(self, accounts: Ints) -> tuple[Ints, Ints]:
        """(position among the given accounts, value) of each of their pairs.

        Args:
            accounts: accounts.
        """
        begin, end = self.first[accounts], self.first[accounts + 1]
        return np.repeat(np.arange(len(accounts)), end - begin), self.value[places(begin, end)]

    def expected(self, values: Ints, fellows: Ints, members: Ints) -> Floats:
        """Members expected to have each value if they were drawn from the outsiders of their own countries.

        Args:
            values: distinct values, ascending.
            fellows: the members that are drawn: those with a value, where only such accounts are the crowd.
            members: all members, who are no outsiders.
        """
        countries = len(self.crowd)
        owner, own = self.pairs_of(members)
        aside = self.outsider[members]
        counted = aside & (self.first[members + 1] > self.first[members]) if self.only_known else aside
        crowd = self.crowd - np.bincount(self.home[members[counted]], minlength=countries)
        drawn = np.bincount(self.home[fellows], minlength=countries) / (crowd + 1.0)
        begin = np.searchsorted(self.entry, values.astype(np.int64) * countries)
        end = np.searchsorted(self.entry, (values.astype(np.int64) + 1) * countries)
        chosen = places(begin, end)
        entry, holders = self.entry[chosen], self.holders[chosen].copy()
        pair = own.astype(np.int64) * countries + self.home[members[owner]]
        at = np.searchsorted(entry, pair)
        asked = aside[owner] & (entry[np.minimum(at, len(entry) - 1)] == pair) if len(entry) else at < 0
        np.subtract.at(holders, at[asked], 1)
        row = np.repeat(np.arange(len(values)), end - begin)
        found = np.bincount(row, weights=holders * drawn[entry % countries], minlength=len(values))
        # One more outsider with the value, wherever: a value that no outsider has is rare, not impossible.
        return np.asarray(found + len(fellows) / (float(crowd.sum()) + 1.0), np.float64)


def public_key(first: Ints, value: Ints, country: Ints, outsider: Flags, *, only_known: bool) -> PublicKey:
    """Count a key.

    Args:
        first: first pair of each account, and the number of pairs last.
        value: value of each pair, 0 or above; an account has each of its values once.
        country: country of each account, -1 unknown; chance is reckoned within a country, or speakers of one language
            would seem to share its carriers and mail providers.
        outsider: True for the accounts that may be outsiders.
        only_known: leave accounts without a value out of the crowd.
    """
    home = country + 1
    countries = int(home.max(initial=0)) + 1
    lengths = np.diff(first)
    owner = np.repeat(np.arange(len(country)), lengths)
    key = value.astype(np.int64) * countries + home[owner]
    entry, holders = np.unique(key[outsider[owner]], return_counts=True)
    in_crowd = outsider & (lengths > 0) if only_known else outsider
    crowd = np.bincount(home[in_crowd], minlength=countries)
    return PublicKey(first, value, home, outsider, entry, holders, crowd, only_known)


def single_key(value: Ints, country: Ints, outsider: Flags) -> PublicKey:
    """Count a key of which every account has one value.

    Args:
        value: value of each account; -1 unknown.
        country: country of each account, -1 unknown.
        outsider: True for the accounts that may be outsiders.
    """
    known = value >= 0
    first = np.concatenate([[0], np.cumsum(known)])
    return public_key(first, value[known], country, outsider, only_known=True)
