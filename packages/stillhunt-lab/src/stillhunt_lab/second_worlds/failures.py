"""Refused and failed calls, and their retries."""

from __future__ import annotations

import numpy as np

from stillhunt.tools import DAY, MINUTE, SECOND
from stillhunt_lab.second_worlds.records import Array, Block, take
from stillhunt_lab.second_worlds.scene import Scene
from stillhunt_lab.second_worlds.spec import START

_OUTAGE_MINUTES = (18, 55)
_BURST_CALLS = 8
_TRIES = 3


def outages(scene: Scene) -> Array:
    """Two outages of the provider itself, as (from, to) in microseconds, shape (2, 2)."""
    rng = scene.stream("outages")
    first = START + (rng.uniform(0.1, 0.9, 2) * scene.spec.days * DAY).astype(np.int64)
    length = rng.integers(*_OUTAGE_MINUTES, 2) * MINUTE
    return np.stack([first, first + length], axis=1)


def add_failures(scene: Scene, block: Block) -> None:
    """Let some calls of a block fail with 429, 500, 503 or 529, and send most of them again.

    Rate limits bite where an account made `_BURST_CALLS` calls within a minute; failures come singly and in outages.
    Each further try waits twice as long.
    """
    rng = scene.stream(f"weather/{block.name}")
    calls = block.calls
    down = np.zeros(len(calls), bool)
    for first, last in outages(scene).tolist():
        down |= (calls.time >= first) & (calls.time < last)
    luck = rng.random(len(calls))
    status = calls.status.copy()
    fine = status == 200
    status[fine & (luck < 0.0025)] = 500
    status[fine & (luck >= 0.0025) & (luck < 0.006)] = 529
    status[fine & _is_burst(calls.owner, calls.time) & (rng.random(len(calls)) < 0.09)] = 429
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
        for first, last in outages(scene).tolist():
            outcome[(retried.time >= first) & (retried.time < last)] = 503
        retried.status = outcome
        inside = retried.time < scene.end
        tries.append(take(retried, inside))
        keep = (outcome != 200) & inside
        failed, delay = failed[keep], delay[keep]
    block.calls = type(calls)(**{name: np.concatenate([getattr(part, name) for part in tries]) for name in vars(calls)})
    block.calls.output = np.where(block.calls.status == 200, block.calls.output, 0)


def _is_burst(owner: Array, time: Array) -> Array:
    """Whether an account made its last `_BURST_CALLS` calls within a minute."""
    order = np.lexsort((time, owner))
    burst = np.zeros(len(order), bool)
    if len(order) > _BURST_CALLS:
        late, early = order[_BURST_CALLS:], order[:-_BURST_CALLS]
        burst[late] = (owner[late] == owner[early]) & (time[late] - time[early] < MINUTE)
    return burst
