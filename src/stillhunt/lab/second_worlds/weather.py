"""Refused and failed calls, and their second tries."""

from __future__ import annotations

import numpy as np

from stillhunt.lab.second_worlds.ledger import Array, Block, take
from stillhunt.lab.second_worlds.spec import DAY, MINUTE, SECOND, START
from stillhunt.lab.second_worlds.stage import Stage

_OUTAGE_MINUTES = (18, 55)
_CROWDED = 8
_TRIES = 3


def outages(stage: Stage) -> Array:
    """Two outages of the provider itself, as (from, to) in microseconds, shape (2, 2).

    Args:
        stage: world.
    """
    rng = stage.stream("outages")
    first = START + (rng.uniform(0.1, 0.9, 2) * stage.spec.days * DAY).astype(np.int64)
    length = rng.integers(*_OUTAGE_MINUTES, 2) * MINUTE
    return np.stack([first, first + length], axis=1)


def let_it_rain(stage: Stage, block: Block) -> None:
    """Turn some calls of a block into 429, 500, 503 or 529, and send most of them again.

    Rate limits bite where an account made `_CROWDED` calls within a minute; failures come singly and in outages.
    Each further try waits twice as long.

    Args:
        stage: world.
        block: calls, changed in place.
    """
    rng = stage.stream(f"weather/{block.name}")
    calls = block.calls
    down = np.zeros(len(calls), bool)
    for first, last in outages(stage).tolist():
        down |= (calls.time >= first) & (calls.time < last)
    luck = rng.random(len(calls))
    status = calls.status.copy()
    fine = status == 200
    status[fine & (luck < 0.0025)] = 500
    status[fine & (luck >= 0.0025) & (luck < 0.006)] = 529
    status[fine & _is_crowded(calls.owner, calls.time) & (rng.random(len(calls)) < 0.09)] = 429
    status[fine & down & (luck < 0.8)] = 503
    calls.status = status
    failed = np.flatnonzero(fine & (status != 200))
    tries = [calls]
    delay = np.zeros(len(failed))
    for attempt in range(_TRIES):
        again = rng.random(len(failed)) < 0.8
        failed, delay = failed[again], delay[again]
        delay = delay + (2.0**attempt) * rng.uniform(1.5, 12.0, len(failed))
        retried = take(calls, failed)
        retried.time = retried.time + (delay * SECOND).astype(np.int64)
        outcome = np.where(rng.random(len(failed)) < 0.12, 529, 200)
        for first, last in outages(stage).tolist():
            outcome[(retried.time >= first) & (retried.time < last)] = 503
        retried.status = outcome
        inside = retried.time < stage.end
        tries.append(take(retried, inside))
        keep = (outcome != 200) & inside
        failed, delay = failed[keep], delay[keep]
    block.calls = type(calls)(**{name: np.concatenate([getattr(part, name) for part in tries]) for name in vars(calls)})
    block.calls.output = np.where(block.calls.status == 200, block.calls.output, 0)


def _is_crowded(owner: Array, time: Array) -> Array:
    """Whether an account made its last `_CROWDED` calls within a minute."""
    order = np.lexsort((time, owner))
    crowded = np.zeros(len(order), bool)
    if len(order) > _CROWDED:
        late, early = order[_CROWDED:], order[:-_CROWDED]
        crowded[late] = (owner[late] == owner[early]) & (time[late] - time[early] < MINUTE)
    return crowded
