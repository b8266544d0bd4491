"""What is counted once a log, for every candidate to be compared with: traits of its groups, launches of its models."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from stillhunt.score.context import kernels
from stillhunt.score.context.coding import Flags, Floats, Ints

DAY = 24 * 3_600_000_000
LEAST_REQUESTS = 40
"""Requests from which a content cluster is a group that others are compared with."""
QUIET_START = 2 * DAY
"""A model first seen so soon after the log begins may be old; one seen later was new when it was."""
LEAST_ADOPTERS = 5
"""Accounts that use a model within its first day, from which it is a launch and not a slip of the pen."""
MOST_LAUNCHES = 16
FLAG_BITS = 32
FOLLOW_UP = 1 << 10
"""Conduct flag of prompts that ask back as people do."""
TALK_WORDS = 12
"""Words up to which any later turn is one of a person."""


@dataclass(frozen=True)
class GroupTraits:
    """Traits of each content cluster that is large enough, each cluster counting once.

    Attributes:
        cluster: the clusters, ascending.
        requests: requests of each.
        flagged: requests with each conduct flag, clusters x 32.
        answer: mean output tokens; nan where unknown.
        one_model: share of the requests that ask for the cluster's commonest model.
    """

    cluster: Ints
    requests: Ints
    flagged: Ints
    answer: Floats
    one_model: Floats
    _by_share: dict[int, tuple[Ints, Floats]] = field(default_factory=dict, repr=False, compare=False)

    def others(self, clusters: Ints) -> Flags:
        """True for the groups that are none of the given clusters.

        Args:
            clusters: clusters of a candidate.
        """
        at = np.searchsorted(self.cluster, clusters)
        there = at < len(self.cluster)
        there[there] = self.cluster[at[there]] == clusters[there]
        out = np.ones(len(self.cluster), bool)
        out[at[there]] = False
        return out

    def by_share(self, flags: int) -> tuple[Ints, Floats]:
        """Groups in order of the share of their requests that show any of some flags, and those shares.

        Args:
            flags: conduct flags as bits.
        """
        if flags not in self._by_share:
            bits = [bit for bit in range(FLAG_BITS) if flags >> bit & 1]
            # A request may show two flags of one trait: the commoner one stands for both.
            share = self.flagged[:, bits].max(axis=1) / self.requests
            order = np.argsort(share, kind="stable")
            self._by_share[flags] = order, share[order]
        return self._by_share[flags]


@dataclass(frozen=True)
class Launch:
    """A model's first day in the log.

    Attributes:
        model: its code.
        time: its first request.
        volume: requests of each account in the day from then on; 0 for accounts never seen before it.
        adopted: True for accounts that asked for it within the day.
        level: power of two up to each account's volume.
        crowd, took: public accounts with some volume at each level, and those of them that asked for it.
    """

    model: int
    time: int
    volume: Ints
    adopted: Flags
    level: Ints
    crowd: Ints
    took: Ints


def group_traits(rows: Ints, cluster: Ints, conduct: Ints, model: Ints, output_tokens: Ints) -> GroupTraits:
    """Traits of the content clusters.

    Args:
        rows: the requests that count, in order of their cluster.
        cluster: cluster of each request of the log, 0 or above in those rows.
        conduct: conduct flags of each request.
        model: model code of each request.
        output_tokens: tokens of each answer; -1 unknown.
    """
    of_row = cluster[rows]
    size = int(of_row.max(initial=-1)) + 1
    requests = np.bincount(of_row, minlength=size)
    kept = np.flatnonzero(requests >= LEAST_REQUESTS)
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


WHOLE = 1_000_000
"""What one account's requests count together where accounts weigh alike; an integer, so that order is free."""


def find_launches(account: Ints, time: Ints, model: Ints, public: Flags) -> tuple[Launch, ...]:
    """Models that appear in the log while it runs, and who took them up within a day.

    Args:
        account: account of each request.
        time: microseconds since 1970 of each request.
        model: model code of each request.
        public: True for the accounts that may be outsiders.

    Returns:
        The launches with the most adopters, at most `MOST_LAUNCHES`, by time.
    """
    if not len(time):
        return ()
    accounts = len(public)
    first = np.full(int(model.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, model, time)
    late = (first >= time.min() + QUIET_START) & (first <= time.max() - DAY)
    if not late.any():
        return ()
    new = np.flatnonzero(late[model])
    new = new[time[new] < first[model[new]] + DAY]
    pairs = np.unique(model[new].astype(np.int64) * accounts + account[new])
    adopters = np.bincount(pairs // accounts, minlength=len(first))
    chosen = [code for code in np.argsort(-adopters, kind="stable").tolist() if adopters[code] >= LEAST_ADOPTERS]
    seen = np.full(accounts, np.iinfo(np.int64).max)
    np.minimum.at(seen, account, time)
    launches = []
    for code in chosen[:MOST_LAUNCHES]:
        start = int(first[code])
        volume = np.bincount(account[(time >= start) & (time < start + DAY)], minlength=accounts).astype(np.int32)
        adopted = np.zeros(accounts, bool)
        adopted[pairs[pairs // accounts == code] % accounts] = True
        launches.append(_launch(code, start, np.where(seen < start, volume, np.int32(0)), adopted, public))
    return tuple(sorted(launches, key=lambda launch: (launch.time, launch.model)))


def _launch(model: int, start: int, volume: Ints, adopted: Flags, public: Flags) -> Launch:
    level = np.log2(np.maximum(volume, 1)).astype(np.int8)
    size = int(level.max(initial=0)) + 1
    there = public & (volume > 0)
    crowd, took = np.bincount(level[there], minlength=size), np.bincount(level[there & adopted], minlength=size)
    return Launch(model, start, volume, adopted, level, crowd, took)


def from_earliest(values: Ints, first: Ints, account: Ints) -> Ints:
    """Values counted from the smallest of their account.

    Args:
        values: one a request; -1 where unknown, and that stays.
        first: first request of each account, and the number of requests last.
        account: account of each request.
    """
    known = np.where(values >= 0, values, np.iinfo(values.dtype).max)
    filled = np.flatnonzero(np.diff(first) > 0)
    earliest = np.zeros(len(first) - 1, values.dtype)
    if len(filled):
        earliest[filled] = np.minimum.reduceat(known, first[filled])
    counted: Ints = np.where(values >= 0, values - earliest[account], values)
    return counted
