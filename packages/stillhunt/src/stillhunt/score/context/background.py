"""What the background sample does, counted once for every candidate to be compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from stillhunt.base.units import HOUR
from stillhunt.score.context.accounts import Accounts
from stillhunt.score.context.group_traits import GroupTraits, group_traits
from stillhunt.score.context.model_launches import Launch, find_launches
from stillhunt.score.context.requests import Requests
from stillhunt.score.context.slices import SliceTable
from stillhunt.score.stats.arrays import Ints
from stillhunt.score.stats.background_correlation import Mixtures, mixtures

ACCOUNT_WEIGHT = 1_000_000
"""What the requests of one account count together where accounts weigh alike; an integer, so that order is free."""


TIME_BIN = 12 * HOUR  # µs: windows in which active and idle times are compared (a working day and a night)


@dataclass(frozen=True)
class Background:
    """The background sample in the views that evidence compares candidates with."""

    requests: Requests
    accounts: Accounts
    slices: SliceTable
    _mixtures: dict[str, Mixtures] = field(default_factory=dict, repr=False, compare=False)

    def mixtures(self, view: str, members: Ints) -> Mixtures:
        """How the comparison accounts of a group mix topics or times.

        Args:
            view: topic, or time (bins of 12 hours).
            members: the group's accounts, ascending.
        """
        if view not in self._mixtures:
            self._mixtures[view] = self._mixed(view, np.flatnonzero(self.accounts.background))
        return self._mixtures[view].without(self._mixed(view, members[self.accounts.background[members]]))

    def _mixed(self, view: str, accounts: Ints) -> Mixtures:
        log = self.requests
        rows = log.of_accounts(accounts)
        rows = rows[log.first_occurrence[rows]]
        if view == "time":
            first, last = (end // TIME_BIN for end in log.span)
            return mixtures(log.account[rows], log.time[rows] // TIME_BIN - first, last - first + 1)
        rows = rows[log.topic[rows] >= 0]
        return mixtures(log.account[rows], log.topic[rows], int(log.topic.max(initial=-1)) + 1)

    @cached_property
    def turns(self) -> tuple[Ints, Ints]:
        """Requests of known turn of each account, and later turns among them; none for accounts outside the sample."""
        log = self.requests
        inside = self.accounts.background[log.account] & (log.turn >= 0)
        later = inside & (log.turn > 0)
        count = self.accounts.count
        return np.bincount(log.account[inside], minlength=count), np.bincount(log.account[later], minlength=count)

    @cached_property
    def request_weight(self) -> Ints:
        """What each request of an account is of its use, in millionths."""
        return ACCOUNT_WEIGHT // np.maximum(np.diff(self.requests.first), 1)

    @cached_property
    def daily(self) -> Ints:
        """Sum of those weights over each day's requests of the sample: every account weighs the same."""
        log = self.requests
        weights = np.where(self.accounts.background, self.request_weight, 0)[log.account]
        return np.bincount(log.day(slice(None)), weights=weights, minlength=log.days).astype(np.int64)

    @cached_property
    def groups(self) -> GroupTraits:
        """Traits of the sample's content clusters."""
        log = self.requests
        rows = self.slices.order
        rows = rows[~log.untemplated[rows] & self.accounts.background[log.account[rows]]]
        return group_traits(rows, log.cluster, log.numbers("conduct"), log.model, log.numbers("output_tokens"))

    @cached_property
    def launches(self) -> tuple[Launch, ...]:
        """Models that appeared while the log ran."""
        log = self.requests
        return find_launches(log.account, log.time, log.model, self.accounts.background)

    @cached_property
    def questions(self) -> tuple[Ints, Ints]:
        """Distinct questions of known topic in each untemplated slice, without and with sampling parameters."""
        log = self.requests
        asked = log.untemplated & log.first_occurrence & (log.topic >= 0)
        return self.slices.count(asked & (log.request_style == 0)), self.slices.count(asked & (log.request_style == 1))

    @cached_property
    def question_loads(self) -> tuple[Ints, Ints]:
        """How many untemplated slices of the sample have each number of those questions."""
        inside = self.accounts.background[self.slices.account]
        without, with_parameters = (np.bincount(questions[inside]) for questions in self.questions)
        return without, with_parameters
