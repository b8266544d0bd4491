"""What campaigns use and when they stand still, each with its chance among comparison accounts outside of all of them.

Two campaigns are compared by the accounts that only one of them has. Nearly all pairs have no account in common, so
what a whole campaign draws is counted once for all of them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stillhunt.base.arrays import Floats, Ints
from stillhunt.base.units import HOUR
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import commonest
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.stats.common_pool import DAY_HOURS, Draws, Schedule, schedule_of
from stillhunt.score.stats.shared_keys import KeyFrequencies, key_frequencies
from stillhunt.score.stats.shared_keys import P as SHARED_KEYS
from stillhunt.score.verdict.members import CUSTOMER_KEYS

LEAST_OWN_ACCOUNTS = 5
"""Accounts of their own that each of two campaigns needs (the fewest accounts of a campaign)."""
# Windows of sign-ups before and after, over which a campaign's own sign-ups are spread as chance (derived: a week: that
# both opened accounts in one season is no tie, that they did in one hour is)
_NEAR_WINDOWS = 14
_LATEST = "latest"


@dataclass(frozen=True)
class OwnDraws:
    """What accounts of a campaign draw of one kind."""

    owner: Ints  # account of each draw, as position among the campaign's
    value: Ints  # value of each draw
    draws: Draws  # the same, counted by value


class CampaignKeys:
    """What one campaign uses, coded once for all of its pairs."""

    def __init__(self, log: ScoredLog, candidate: Candidate) -> None:
        self.log, self.accounts = log, candidate.accounts
        self.candidate = candidate
        self._known: dict[str, tuple[Ints, Ints] | None] = {}
        self.whole: dict[str, OwnDraws | None] = {}
        """Draws of all of its accounts, by kind, as `Comparison.draws_of` counts them."""

    def known(self, name: str) -> tuple[Ints, Ints] | None:
        """Account, as position in `accounts`, and value of each draw of a kind; None where it is not known."""
        if name not in self._known:
            self._known[name] = self._read_draws(name)
        return self._known[name]

    def _read_draws(self, name: str) -> tuple[Ints, Ints] | None:
        log, one = self.log, self.candidate
        if name == "template":
            return None if one.untemplated else (one.slice_account, one.slice_cluster)
        if name == "client_prefix":
            return log.keys.address(name).pairs_of(self.accounts)
        if name in ("client_fingerprint", "settings"):
            codes: Ints = getattr(log.requests, name)
            value = commonest(one.row_account, codes[one.rows], len(self.accounts))
        elif name in log.accounts.customers.codes:
            value = log.accounts.customers.codes[name][self.accounts]
        else:
            return None
        owner = np.flatnonzero(value >= 0)
        return owner, value[owner]

    @cached_property
    def hours(self) -> tuple[Ints, Ints]:
        """Account, as position in `accounts`, and hour of the log, each pair once."""
        hour = (self.log.requests.time[self.candidate.rows] - self.log.requests.span[0]) // HOUR
        pair = np.unique(self.candidate.row_account * np.int64(1 << 32) + hour)
        return pair >> 32, pair & ((1 << 32) - 1)


class Comparison:
    """How common each value is outside of all campaigns, whose accounts are `members`, ascending."""

    def __init__(self, log: ScoredLog, members: Ints) -> None:
        self.log, self.members = log, members
        self._keys: dict[str, KeyFrequencies | None] = {}
        self._campaigns: dict[int, CampaignKeys] = {}

    def keys_of(self, candidate: Candidate) -> CampaignKeys:
        """What a campaign uses; the same object each time, so that its draws are counted once."""
        known = self._campaigns.get(candidate.number)
        if known is None or known.candidate is not candidate:
            known = self._campaigns[candidate.number] = CampaignKeys(self.log, candidate)
        return known

    def key(self, name: str) -> KeyFrequencies | None:
        """Values of a kind among the comparison accounts; None where no account has one."""
        if name not in self._keys:
            found = self._of_all(name)
            self._keys[name] = None if found is None or found.empty else found.without(self.members)
        return self._keys[name]

    def _of_all(self, name: str) -> KeyFrequencies | None:
        keys = self.log.keys
        if name == "template":
            return _template_users(self.log)
        if name == "client_prefix":
            return keys.address(name)
        if name == "client_fingerprint":
            return keys.client_fingerprint()
        if name == "settings":
            return keys.settings
        return keys.customer(name) if name in self.log.accounts.customers.codes and name in CUSTOMER_KEYS else None

    @cached_property
    def hours(self) -> int:
        """Hours of the log, the last one counted even if it is incomplete."""
        begin, end = self.log.requests.span
        return int((end - begin) // HOUR) + 1 if len(self.log.requests.time) else 0

    @cached_property
    def activity(self) -> Floats:
        """Requests of the comparison accounts in each hour over what is usual at that hour of the day."""
        log = self.log.requests
        outside = self.log.accounts.background.copy()
        outside[self.members] = False
        hour = (log.time[outside[log.account]] - log.span[0]) // HOUR
        counts = np.bincount(hour, minlength=self.hours).astype(np.float64)
        of_day = np.arange(len(counts)) % DAY_HOURS
        days = np.maximum(np.bincount(of_day, minlength=DAY_HOURS), 1)
        usual = np.bincount(of_day, weights=counts, minlength=DAY_HOURS) / days
        return np.asarray(counts / np.maximum(usual[of_day], 1e-9), np.float64)

    def draws_of(self, name: str, campaign: CampaignKeys, own_places: Ints | None = None) -> OwnDraws | None:
        """What accounts of a campaign draw of a kind; None where too few of them have a known value.

        `own_places`: positions of the accounts that count; None: all.
        """
        if own_places is not None:
            return self._count_draws(name, campaign, own_places)
        if name not in campaign.whole:
            campaign.whole[name] = self._count_draws(name, campaign, None)
        return campaign.whole[name]

    def _count_draws(self, name: str, campaign: CampaignKeys, own_places: Ints | None) -> OwnDraws | None:
        key, known = self.key(name), campaign.known(name)
        if key is None or known is None:
            return None
        owner, value = known
        if own_places is not None:
            kept = np.isin(owner, own_places)
            owner, value = owner[kept], value[kept]
        if len(owner) < LEAST_OWN_ACCOUNTS:
            return None
        values, counts = np.unique(value, return_counts=True)
        expected = key.expected(values, campaign.accounts[np.unique(owner)], self.members[:0])
        chance = SHARED_KEYS.unlike_all * expected / len(value)
        if name == "created_at":
            chance = np.maximum(chance, _chance_of_windows(values, counts))
        return OwnDraws(owner, value, Draws(values, counts, chance))

    def schedule_of(self, campaign: CampaignKeys, own_places: Ints | None = None) -> Schedule:
        """When accounts of a campaign, or those at `own_places` alone, begin, stand still and end."""
        owner, hour = campaign.hours
        own = hour if own_places is None else hour[np.isin(owner, own_places)]
        return schedule_of(np.bincount(own, minlength=self.hours), self.activity)


def comparison_of(log: ScoredLog, members: Ints) -> Comparison:
    """The comparison of the same members that was made last for this log, or a new one: operators are tied twice."""
    known = log.comparisons.get(_LATEST)
    if known is None or not np.array_equal(known.members, members):
        known = log.comparisons[_LATEST] = Comparison(log, members)
    return known


def _chance_of_windows(values: Ints, counts: Ints) -> Floats:
    """Chance of each window of sign-ups by the campaign's own sign-ups of about a week."""
    near = np.abs(values[:, None] - values[None, :]) <= _NEAR_WINDOWS
    return np.asarray(near @ counts / (counts.sum() * (2 * _NEAR_WINDOWS + 1)), np.float64)


def _template_users(log: ScoredLog) -> KeyFrequencies:
    """Content clusters as a key of which an account may have many values."""
    slices = log.slices
    order = np.argsort(slices.account, kind="stable")
    first = np.searchsorted(slices.account[order], np.arange(log.accounts.count + 1))
    accounts = log.accounts
    return key_frequencies(first, slices.cluster[order], accounts.country, accounts.background, only_known=False)
