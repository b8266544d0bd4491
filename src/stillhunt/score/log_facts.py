"""What is counted once a log, for every candidate to be compared with: traits of its groups, launches of its models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

DAY = 24 * 3_600_000_000
LEAST_REQUESTS = 40
"""Requests from which a content cluster is a group that others are compared with."""
QUIET_START = 2 * DAY
"""A model first seen so soon after the log begins may be old; one seen later was new when it was."""
LEAST_ADOPTERS = 5
"""Accounts that use a model within its first day, from which it is a launch and not a slip of the pen."""
MOST_LAUNCHES = 16


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


@dataclass(frozen=True)
class Launch:
    """A model's first day in the log.

    Attributes:
        model: its code.
        time: its first request.
        volume: requests of each account in the day from then on; 0 for accounts never seen before it.
        adopted: True for accounts that asked for it within the day.
    """

    model: int
    time: int
    volume: Ints
    adopted: Flags


def group_traits(cluster: Ints, conduct: Ints, model: Ints, output_tokens: Ints) -> GroupTraits:
    """Traits of the content clusters.

    Args:
        cluster: cluster of each request; -1 none.
        conduct: conduct flags of each request.
        model: model code of each request.
        output_tokens: tokens of each answer; -1 unknown.
    """
    rows = np.flatnonzero(cluster >= 0)
    size = int(cluster.max(initial=-1)) + 1
    requests = np.bincount(cluster[rows], minlength=size)
    kept = np.flatnonzero(requests >= LEAST_REQUESTS)
    flagged = np.stack(
        [np.bincount(cluster[rows], weights=(conduct[rows] >> bit) & 1, minlength=size) for bit in range(32)], axis=1
    )
    known = rows[output_tokens[rows] >= 0]
    answered = np.bincount(cluster[known], minlength=size)
    tokens = np.bincount(cluster[known], weights=output_tokens[known], minlength=size)
    width = int(model.max(initial=-1)) + 1
    pairs, count = np.unique(cluster[rows] * width + model[rows], return_counts=True)
    most = np.zeros(size, np.int64)
    np.maximum.at(most, pairs // max(width, 1), count)
    return GroupTraits(
        cluster=kept,
        requests=requests[kept],
        flagged=flagged[kept].astype(np.int64),
        answer=np.where(answered[kept] > 0, tokens[kept] / np.maximum(answered[kept], 1), np.nan),
        one_model=most[kept] / requests[kept],
    )


WHOLE = 1_000_000
"""What one account's requests count together where accounts weigh alike; an integer, so that order is free."""


def parts_of_use(account: Ints, accounts: int) -> Ints:
    """What each request is of its account's use, in millionths.

    Args:
        account: account of each request.
        accounts: number of accounts.
    """
    loads = np.bincount(account, minlength=accounts)
    parts: Ints = (WHOLE // np.maximum(loads, 1))[account]
    return parts


def find_launches(account: Ints, time: Ints, model: Ints, accounts: int) -> tuple[Launch, ...]:
    """Models that appear in the log while it runs, and who took them up within a day.

    Args:
        account: account of each request.
        time: microseconds since 1970 of each request.
        model: model code of each request.
        accounts: number of accounts.

    Returns:
        The launches with the most adopters, at most `MOST_LAUNCHES`, by time.
    """
    if not len(time):
        return ()
    first = np.full(int(model.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, model, time)
    late = np.flatnonzero((first >= time.min() + QUIET_START) & (first <= time.max() - DAY))
    if not len(late):
        return ()
    seen = np.full(accounts, np.iinfo(np.int64).max)
    np.minimum.at(seen, account, time)
    launches = []
    for code in late.tolist():
        start = int(first[code])
        rows = np.flatnonzero((time >= start) & (time < start + DAY))
        volume = np.bincount(account[rows], minlength=accounts)
        adopted = np.zeros(accounts, bool)
        adopted[account[rows[model[rows] == code]]] = True
        if adopted.sum() >= LEAST_ADOPTERS:
            launches.append(Launch(code, start, np.where(seen < start, volume, 0), adopted))
    launches.sort(key=lambda launch: (-int(launch.adopted.sum()), launch.model))
    return tuple(sorted(launches[:MOST_LAUNCHES], key=lambda launch: (launch.time, launch.model)))
