"""Models that appear while the log runs, and which accounts take them up within a day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.base.units import DAY
from stillhunt.score.stats.arrays import Flags, Ints

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
    """A model's first day in the log.

    Attributes:
        volume: requests of each account in the day from then on; 0 for accounts never seen before it.
        adopted: True for accounts that asked for it within the day.
        level: power of two up to each account's volume.
        active, took: accounts of the background sample with some volume at each level, and those of them that asked
            for the model.
    """

    model: int
    time: int
    volume: Ints
    adopted: Flags
    level: Ints
    active: Ints
    took: Ints


def find_launches(account: Ints, time: Ints, model: Ints, background: Flags) -> tuple[Launch, ...]:
    """Models that appear in the log while it runs, and who took them up within a day.

    Args:
        time: microseconds since 1970 of each request.
        model: model code of each request.
        background: True for the accounts of the background sample.

    Returns:
        The launches with the most adopters, at most `LaunchParameters.max_launches`, by time.
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
        launches.append(_launch(code, start, np.where(seen < start, volume, np.int32(0)), adopted, background))
    return tuple(sorted(launches, key=lambda launch: (launch.time, launch.model)))


def _launch(model: int, start: int, volume: Ints, adopted: Flags, background: Flags) -> Launch:
    level = np.log2(np.maximum(volume, 1)).astype(np.int8)
    size = int(level.max(initial=0)) + 1
    there = background & (volume > 0)
    active, took = np.bincount(level[there], minlength=size), np.bincount(level[there & adopted], minlength=size)
    return Launch(model, start, volume, adopted, level, active, took)
