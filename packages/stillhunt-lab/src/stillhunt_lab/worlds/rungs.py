"""Defaults of each rung of the evasion ladder, and the working times of a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from stillhunt.tools import DAY, HOUR
from stillhunt_lab.worlds import arrivals
from stillhunt_lab.worlds.scene import ORIGIN, People, Scene

Array = np.ndarray[Any, np.dtype[Any]]
Wording = Literal["fixed", "paraphrased", "oblique", "untemplated", "mixed"]
Schedule = Literal["queue", "shifts", "human", "jitter"]

PAUSE = 10 * HOUR
"""Every campaign pauses once for this long: an empty queue, a broken proxy, a wave of bans."""


@dataclass(frozen=True)
class Rung:
    """Defaults of one rung.

    Args:
        daily: harvest requests per account on a day of work.
        presence: share of the operation's days on which an account works.
        cover: share of the accounts' traffic that is not harvest.
        templates: fixed templates per skill, where wording is fixed.
        client_programs: number of client programs of the campaign.
        schedule: queue = round the clock; shifts = any hour, in shifts; human = waking hours of each account's zone;
            jitter = the same with uneven days and gaps.
        own_parameters: sampling parameters drawn per account instead of per client program.
        wording: the words around the items; oblique = worded anew, elicits reasoning without asking for it;
            mixed = each lab another one.
        work: queue = one queue of items; pool = lists of three labs and customers through a reseller;
            relay = real users of a rival product; contractors = people who write by hand; customers = accounts that
            sell their logs; company = a queue behind one company with clean papers.
        probing: requests of the probing phase before, over those of the campaign itself.
        lease: tasks that a worker takes from the queue at a time.
    """

    daily: float
    presence: float
    cover: float
    templates: int
    client_programs: int
    schedule: Schedule
    own_parameters: bool
    wording: Wording = "fixed"
    work: Literal["queue", "pool", "relay", "contractors", "customers", "company"] = "queue"
    probing: float = 0.0
    lease: float = 5.0


RUNGS = {
    1: Rung(38.0, 1.0, 0.0, 1, 1, "queue", own_parameters=False, lease=6.0),
    2: Rung(24.0, 1.0, 0.0, 2, 1, "queue", own_parameters=False, lease=6.0),
    3: Rung(9.5, 0.38, 0.0, 3, 3, "shifts", own_parameters=False),
    4: Rung(9.0, 0.38, 0.0, 3, 3, "human", own_parameters=False),
    5: Rung(9.0, 0.38, 0.0, 4, 3, "jitter", own_parameters=True),
    6: Rung(4.3, 0.4, 0.5, 0, 3, "jitter", own_parameters=True, wording="paraphrased", lease=4.0),
    7: Rung(8.0, 0.38, 0.0, 0, 3, "jitter", own_parameters=True, wording="oblique", probing=0.05),
    8: Rung(2.0, 0.28, 0.75, 4, 3, "jitter", own_parameters=True, wording="mixed", work="pool", lease=3.0),
    9: Rung(9.0, 0.35, 0.0, 0, 3, "jitter", own_parameters=True, wording="untemplated", work="relay"),
    10: Rung(5.8, 0.38, 0.3, 0, 3, "jitter", own_parameters=True, wording="paraphrased", lease=4.0),
    11: Rung(7.0, 0.5, 0.3, 0, 3, "jitter", own_parameters=True, wording="paraphrased", lease=4.0),
    12: Rung(5.0, 0.4, 0.25, 0, 3, "human", own_parameters=True, wording="untemplated", work="contractors"),
    13: Rung(25.0, 1.0, 0.0, 0, 3, "human", own_parameters=True, wording="untemplated", work="customers"),
    15: Rung(30.0, 0.7, 0.0, 0, 2, "queue", own_parameters=False, wording="paraphrased", work="company"),
}
"""Rung 14, cleaning what was taken, happens elsewhere and leaves no rows here."""


@dataclass(frozen=True)
class Calendar:
    """When an operation ends and pauses, microseconds since the epoch."""

    stop: int
    pause: int


def draw_slots(
    scene: Scene,
    rng: np.random.Generator,
    rung: Rung,
    people: People,
    pace: tuple[int, float],
    calendar: Calendar | None = None,
) -> tuple[Array, Array]:
    """Worker and time of each unit of work; all workers start, pause and stop together.

    Args:
        pace: start of the operation in microseconds since the epoch, requests per account and day of work.
        calendar: its stop and its pause; drawn when None.

    Returns:
        Worker and microseconds since the epoch of each unit, lease by lease.
    """
    start, daily = pace
    stop = calendar.stop if calendar else scene.end - int(rng.uniform(0.0, 0.1) * scene.days * DAY)
    first = (start - ORIGIN) // DAY
    days = max(1, -((ORIGIN - stop) // DAY) - first)
    # Even loads: every worker gets the same number of days, drawn at random, and nearly the same work on each.
    worked = max(1, round(rung.presence * days))
    day = rng.permuted(np.tile(np.arange(days), (len(people), 1)), axis=1)[:, :worked].ravel()
    uneven = 0.35 if rung.schedule == "jitter" else 0.12
    work = rng.poisson(daily * np.exp(rng.normal(-(uneven**2) / 2, uneven, len(day))))
    if rung.schedule in ("human", "jitter"):
        work = np.clip(work, min(5, int(daily)), max(20, int(2 * daily)))  # "low and slow": 5 to 20 a day
    owner, day, sizes = _leases(rng, np.repeat(np.arange(len(people)), worked), day, work, rung.lease)
    begin = ORIGIN + (first + day) * DAY + _hours(rng, rung, people, owner)
    rhythm = arrivals.Rhythm(gap=40.0, gap_sigma=1.5 if rung.schedule == "jitter" else 1.0)
    slots = arrivals.expand_sessions(rng, owner, begin, sizes, rhythm)
    pause = calendar.pause if calendar else start + int(rng.uniform(0.3, 0.7) * (stop - start))
    idle = (slots.time < start) | (slots.time >= stop) | ((slots.time >= pause) & (slots.time < pause + PAUSE))
    return slots.owner[~idle], slots.time[~idle]


def _leases(
    rng: np.random.Generator, owner: Array, day: Array, work: Array, lease: float
) -> tuple[Array, Array, Array]:
    """Cut each worker's day into leases: owner, day and size of each."""
    parts = np.maximum(1, rng.poisson(work / lease))
    parts = np.minimum(parts, np.maximum(work, 1))
    row = np.repeat(np.arange(len(work)), parts)
    place = np.arange(len(row)) - np.repeat(np.cumsum(parts) - parts, parts)
    sizes = work[row] // parts[row] + (place < work[row] % parts[row])
    kept = sizes > 0
    return owner[row][kept], day[row][kept], sizes[kept]


def _hours(rng: np.random.Generator, rung: Rung, people: People, owner: Array) -> Array:
    if rung.schedule == "queue":
        return (rng.random(len(owner)) * DAY).astype(np.int64)
    if rung.schedule == "shifts":
        shift = rng.random(len(people)) * 24
        local = (shift[owner] + rng.random(len(owner)) * 8) % 24
        return (local * HOUR).astype(np.int64)
    spread = 2.4 if rung.schedule == "human" else 3.2
    return arrivals.human_hours(rng, owner, people.zone, rng.normal(16.0, 2.5, len(people)), spread)
