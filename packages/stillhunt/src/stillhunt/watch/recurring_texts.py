"""Texts that recur over accounts, counted while records arrive: a reason to hunt before the time, and no verdict.

An operation of many accounts works from one template or one list of prompts. So several accounts send the same phrases,
or the same whole prompt, again and again, and little else. Of each prompt only the phrases with the smallest hashes are
counted, so that prompts of one template mostly show the same ones. Public templates recur, too: each costs a hunt
whenever its accounts have sent a quarter more, within the time that hunts may take.

Memory is bounded: a key that only one account showed lately is remembered in a table of fixed size, where newer ones
take its place, and of those that recur only so many are counted. Accounts share counters where their hashes meet, which
hides a recurring text at worst; scheduled hunts see it all the same.
"""

import numpy as np
import pyarrow as pa

from stillhunt.link.requests.arrays import Array, Ints, values

# Phrases of a prompt that are counted (a template that is a quarter of a prompt shows one of them on average)
_PHRASES = 4
# Accounts that send a key, requests of each with it, and their share of its requests, from which the key recurs (a
# group has five accounts; a phrase that everybody uses stands in few requests of each)
_LEAST_ACCOUNTS, _LEAST_OWN, _LEAST_SHARE = 5, 3, 0.25
# Requests with a key from which it is looked at, and growth until the next look (the first correct call needs some 300
# requests, and a phrase stands among the counted ones of a part of them)
_LEAST_REQUESTS, _GROWTH = 32, 1.25
# Counters of accounts; keys that one account showed lately (at 500 requests a second, those of two minutes)
_PLACES = 1 << 18
# Keys that recur; where there are more, the half with the fewest requests is forgotten (some 20 MB)
_MOST_FAMILIES = 20_000
# Accounts of a key that are told apart (more say nothing new)
_MOST_ACCOUNTS = 64
_PROMPT = np.uint64(1 << 63)
"""Bit of a key that is the hash of a whole prompt, not of a phrase."""


class _Family:
    """Requests with one key.

    Attributes:
        accounts: place of an account's counter -> its requests with the key.
        wanted: requests at which it is looked at next.
    """

    __slots__ = ("accounts", "requests", "wanted")

    def __init__(self) -> None:
        self.accounts: dict[int, int] = {}
        self.requests, self.wanted = 0, float(_LEAST_REQUESTS)

    def add_requests(self, account: int, requests: int) -> bool:
        """Count requests of one account; whether it is time to look at the key."""
        self.requests += requests
        if account in self.accounts or len(self.accounts) < _MOST_ACCOUNTS:
            self.accounts[account] = self.accounts.get(account, 0) + requests
        if self.requests < self.wanted:
            return False
        self.wanted = self.requests * _GROWTH
        return True


class RecurringTexts:
    """Counts keys of prompts by account."""

    def __init__(self) -> None:
        self._once = np.zeros((2, _PLACES), np.uint64)
        self._sent, self._looked_at = np.zeros((2, _PLACES), np.int64)
        self._families: dict[int, _Family] = {}

    def add_requests(self, sketches: pa.Table) -> int:
        """Count requests; gives the times that accounts of a recurring key sent enough for another hunt to see them."""
        keys, accounts, counts = count_keys(sketches)
        owners = (values(sketches, "account_key") % _PLACES).astype(np.int64)
        self._sent += np.bincount(owners, minlength=_PLACES)
        self._begin_families(keys, accounts)
        grown = 0
        for key, account, requests in zip(keys.tolist(), accounts.tolist(), counts.tolist(), strict=True):
            family = self._families.get(key)
            if family is not None and family.add_requests(account, requests):
                grown += self._has_grown(family)
        return grown

    def _begin_families(self, keys: Array, accounts: Array) -> None:
        """Begin to count keys that a second account shows."""
        places = keys % _PLACES
        known, owner = self._once[:, places]
        again = (known == keys) & (owner != accounts)
        again[1:] |= keys[1:] == keys[:-1]
        self._once[:, places] = keys, accounts
        for key in keys[again].tolist():
            self._families.setdefault(key, _Family())
        if len(self._families) > _MOST_FAMILIES:
            ranked = sorted(self._families, key=lambda key: -self._families[key].requests)
            self._families = {key: self._families[key] for key in ranked[: _MOST_FAMILIES // 2]}

    def _has_grown(self, family: _Family) -> bool:
        """Whether accounts that send little else have sent a quarter more since any key of theirs was looked at."""
        accounts, own = np.array([*family.accounts.items()]).T
        sent = self._sent[accounts]
        devoted = accounts[(own >= _LEAST_OWN) & (own >= _LEAST_SHARE * sent)]
        if len(devoted) < _LEAST_ACCOUNTS or self._sent[devoted].sum() < _GROWTH * self._looked_at[devoted].sum():
            return False
        self._looked_at[devoted] = self._sent[devoted]
        return True


def count_keys(sketches: pa.Table) -> tuple[Array, Array, Ints]:
    """Key, place of the account's counter, and number of requests; ascending by key and account."""
    owner = values(sketches, "account_key") % np.uint64(_PLACES)
    prompt = values(sketches, "prompt_hash")
    phrases = sketches["phrases"].combine_chunks()
    lengths = phrases.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    row, hashes = np.repeat(np.arange(len(owner)), lengths), phrases.flatten().to_numpy().astype(np.uint64)
    order = np.lexsort((hashes, row))
    row, hashes = row[order], hashes[order]
    place = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    first, whole = place < _PHRASES, prompt != 0
    keys = np.concatenate([hashes[first], prompt[whole] | _PROMPT])
    pairs = np.stack([keys, np.concatenate([owner[row[first]], owner[whole]])])
    (keys, accounts), counts = np.unique(pairs, axis=1, return_counts=True)
    return keys, accounts, counts
