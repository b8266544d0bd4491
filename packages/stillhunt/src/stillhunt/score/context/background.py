"""What the background sample does, and the traits of the log's content clusters, counted once for every candidate."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from stillhunt.base.arrays import CODE_RANGE, Flags, Floats, Ints, ranges
from stillhunt.base.units import DAY, HOUR
from stillhunt.score import kernels
from stillhunt.score.context.accounts import Accounts
from stillhunt.score.context.requests import Requests
from stillhunt.score.stats.homogeneity import Mixtures, mixtures


@dataclass(frozen=True)
class SliceTable:
    """One entry a slice, in order of cluster, then of account."""

    order: Ints  # requests that are in a cluster, in the slices' order, then as they stand
    account: Ints
    start: Ints  # position in `order` of the first request of each slice, and the length of `order` last
    first: Ints  # first slice of each cluster, and the number of slices last

    @property
    def requests(self) -> Ints:
        """Requests of each slice."""
        return np.diff(self.start)

    @property
    def cluster(self) -> Ints:
        """Content cluster of each slice."""
        return np.repeat(np.arange(len(self.first) - 1, dtype=np.int32), np.diff(self.first))

    def of_clusters(self, clusters: Ints) -> Ints:
        """Slices of some clusters, ascending."""
        known = clusters[(clusters >= 0) & (clusters < len(self.first) - 1)]
        return ranges(self.first[known], self.first[known + 1])

    @cached_property
    def key(self) -> Ints:
        """Cluster and account of each slice in one number, ascending."""
        return self.cluster.astype(np.int64) * CODE_RANGE + self.account

    def find(self, cluster: Ints, account: Ints) -> Ints:
        """Number of each slice; -1 where the log has none."""
        wanted = cluster.astype(np.int64) * CODE_RANGE + account
        at = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        if not len(self.key):
            return np.full(len(wanted), -1, np.int64)
        found: Ints = np.where(self.key[at] == wanted, at, -1)
        return found

    def templated(self, untemplated: Flags) -> Flags:
        """True for the slices of content clusters; the argument is of requests."""
        return np.asarray(~untemplated[self.order[self.start[:-1]]], bool)

    def count(self, chosen: Flags) -> Ints:
        """Requests of each slice that are chosen."""
        before = np.zeros(len(self.order) + 1, np.int32)
        np.cumsum(chosen[self.order], out=before[1:])
        return np.diff(before[self.start])


def slice_table(account: Ints, cluster: Ints) -> SliceTable:
    """Slices of a log."""
    order, first_row = kernels.rows_by_cluster(cluster, int(cluster.max(initial=-1)) + 1)
    owner = account[order]
    begins = np.ones(len(order), bool)
    begins[1:] = owner[1:] != owner[:-1]
    begins[first_row[:-1][first_row[:-1] < len(order)]] = True
    start = np.append(np.flatnonzero(begins), len(order))
    return SliceTable(order, owner[start[:-1]], start, np.searchsorted(start[:-1], first_row))


# µs: a model first seen so soon after the log begins may be old (most models in use are asked for within two days)
_QUIET_START = 2 * DAY
# Accounts that use a model within its first day, from which it is a launch and not a mistyped name (as many as a
# campaign needs accounts)
_MIN_ADOPTERS = 5
# Launches that are looked at, those with the most adopters first (bounds the work; the simulated worlds have one
# launch)
_MAX_LAUNCHES = 16


@dataclass(frozen=True)
class Launch:
    """A model's first day in the log."""

    model: int
    time: int
    volume: Ints  # requests of each account in the day from then on; 0 for accounts never seen before it
    adopted: Flags  # True for accounts that asked for it within the day
    level: Ints  # power of two up to each account's volume
    # active, took: accounts of the background sample with some volume at each level, and those of them that asked for
    # the model
    active: Ints
    took: Ints


def find_launches(account: Ints, time: Ints, model: Ints, background: Flags) -> tuple[Launch, ...]:
    """Models that appear in the log while it runs, and who took them up within a day.

    Returns the launches with the most adopters, at most `LaunchParameters.max_launches`, by time.
    """
    if not len(time):
        return ()
    accounts = len(background)
    first = np.full(int(model.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, model, time)
    late = (first >= time.min() + _QUIET_START) & (first <= time.max() - DAY)
    if not late.any():
        return ()
    new = np.flatnonzero(late[model])
    new = new[time[new] < first[model[new]] + DAY]
    pairs = np.unique(model[new].astype(np.int64) * accounts + account[new])
    adopters = np.bincount(pairs // accounts, minlength=len(first))
    chosen = [code for code in np.argsort(-adopters, kind="stable").tolist() if adopters[code] >= _MIN_ADOPTERS]
    seen = np.full(accounts, np.iinfo(np.int64).max)
    np.minimum.at(seen, account, time)
    launches = []
    for code in chosen[:_MAX_LAUNCHES]:
        start = int(first[code])
        volume = np.bincount(account[(time >= start) & (time < start + DAY)], minlength=accounts).astype(np.int32)
        adopted = np.zeros(accounts, bool)
        adopted[pairs[pairs // accounts == code] % accounts] = True
        launches.append(_make_launch(code, start, np.where(seen < start, volume, np.int32(0)), adopted, background))
    return tuple(sorted(launches, key=lambda launch: (launch.time, launch.model)))


def _make_launch(model: int, start: int, volume: Ints, adopted: Flags, background: Flags) -> Launch:
    level = np.log2(np.maximum(volume, 1)).astype(np.int8)
    size = int(level.max(initial=0)) + 1
    there = background & (volume > 0)
    active, took = np.bincount(level[there], minlength=size), np.bincount(level[there & adopted], minlength=size)
    return Launch(model, start, volume, adopted, level, active, took)


FLAG_BITS = 32
"""Conduct flags of a request, see `extract/text/conduct.py`."""


# Requests from which a content cluster is a group that others are compared with (a share of a smaller group is mostly
# noise)
_MIN_REQUESTS = 40


@dataclass(frozen=True)
class GroupTraits:
    """Traits of each content cluster that is large enough, each cluster counting once."""

    cluster: Ints
    requests: Ints
    flagged: Ints  # requests with each conduct flag, clusters x 32
    answer: Floats  # mean output tokens; nan where unknown
    one_model: Floats  # share of the requests that ask for the cluster's commonest model
    _by_share: dict[int, tuple[Ints, Floats]] = field(default_factory=dict, repr=False, compare=False)

    def others(self, clusters: Ints) -> Flags:
        """True for the groups that are none of the given clusters."""
        at = np.searchsorted(self.cluster, clusters)
        there = at < len(self.cluster)
        there[there] = self.cluster[at[there]] == clusters[there]
        out = np.ones(len(self.cluster), bool)
        out[at[there]] = False
        return out

    def by_share(self, flags: int) -> tuple[Ints, Floats]:
        """Groups in order of the share of their requests that show any of some flags, and those shares."""
        if flags not in self._by_share:
            bits = [bit for bit in range(FLAG_BITS) if flags >> bit & 1]
            # A request may show two flags of one trait: the commoner one stands for both.
            share = self.flagged[:, bits].max(axis=1) / self.requests
            order = np.argsort(share, kind="stable")
            self._by_share[flags] = order, share[order]
        return self._by_share[flags]


def group_traits(rows: Ints, cluster: Ints, conduct: Ints, model: Ints, output_tokens: Ints) -> GroupTraits:
    """Traits of the content clusters.

    Args:
        rows: the requests that count, in order of their cluster.
        cluster: cluster of each request of the log, 0 or above in those rows.
        output_tokens: tokens of each answer; -1 unknown.
    """
    of_row = cluster[rows]
    size = int(of_row.max(initial=-1)) + 1
    requests = np.bincount(of_row, minlength=size)
    kept = np.flatnonzero(requests >= _MIN_REQUESTS)
    tokens = output_tokens[rows]
    answered = np.bincount(of_row[tokens >= 0], minlength=size)
    total = np.bincount(of_row, weights=np.maximum(tokens, 0), minlength=size)
    most = kernels.commonest_in_runs(of_row, model[rows], int(model.max(initial=-1)) + 1, size)[1]
    return GroupTraits(
        cluster=kept,
        requests=requests[kept],
        flagged=kernels.flags_by_cluster(cluster, conduct, rows, size)[kept],
        answer=np.where(answered[kept] > 0, total[kept] / np.maximum(answered[kept], 1), np.nan),
        one_model=most[kept] / requests[kept],
    )


ACCOUNT_WEIGHT = 1_000_000
"""What the requests of one account count together where accounts weigh alike; an integer, so that order is free."""


_AT_ONCE = 1 << 20  # Requests that are added up at once (bounds memory; sums of whole numbers are the same)
_MOST_ASKED = 8  # Groups and views about which one asks that are remembered (two groups are judged at a time)
TIME_BIN = 12 * HOUR  # µs: windows in which active and idle times are compared (a working day and a night)


@dataclass(frozen=True)
class Background:
    """The background sample in the views that evidence compares candidates with."""

    requests: Requests
    accounts: Accounts
    slices: SliceTable
    _mixtures: dict[str, Mixtures] = field(default_factory=dict, repr=False, compare=False)
    _others: dict[tuple[str, bytes], Mixtures] = field(default_factory=dict, repr=False, compare=False)

    def mixtures(self, view: str, members: Ints) -> Mixtures:
        """How the comparison accounts of a group mix topics, or times (bins of 12 hours)."""
        log, asked = self.requests, (view, members.tobytes())
        others = self._others.get(asked)
        if others is not None:  # several kinds of evidence ask about one group
            return others
        if view not in self._mixtures:
            compared = self.accounts.background[log.account] & log.first_occurrence
            self._mixtures[view] = self._build_mixtures(view, compared)
        own = log.of_accounts(members[self.accounts.background[members]])
        others = self._mixtures[view].without(self._build_mixtures(view, own[log.first_occurrence[own]]))
        if len(self._others) >= _MOST_ASKED:
            self._others.clear()
        self._others[asked] = others
        return others

    def _build_mixtures(self, view: str, rows: Flags | Ints) -> Mixtures:
        """Mixtures over some requests, as flags where they are most of the log and as positions where few."""
        log = self.requests
        account = log.account[rows]
        if view == "time":
            first, last = (end // TIME_BIN for end in log.span)
            return mixtures(account, log.time[rows] // TIME_BIN - first, last - first + 1)
        topic = log.topic[rows]
        known = topic >= 0
        return mixtures(account[known], topic[known], log.topics)

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
        weights = np.where(self.accounts.background, self.request_weight, 0)
        total = np.zeros(log.days, np.int64)
        for rows in (slice(first, first + _AT_ONCE) for first in range(0, len(log.time), _AT_ONCE)):
            part = np.bincount(log.day(rows), weights=weights[log.account[rows]], minlength=log.days)
            total += part.astype(np.int64)
        return total

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
