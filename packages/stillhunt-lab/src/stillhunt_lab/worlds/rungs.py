"""Defaults of each rung of the evasion ladder, and the working times of a campaign."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from stillhunt.tools import DAY, HOUR
from stillhunt_lab.arrays import Array, split_evenly
from stillhunt_lab.worlds import arrivals
from stillhunt_lab.worlds.grammar import read_data
from stillhunt_lab.worlds.scene import ORIGIN, People, Scene

Wording = Literal["fixed", "paraphrased", "oblique", "untemplated", "mixed"]
Schedule = Literal["queue", "shifts", "human", "jitter"]

PAUSE = 10 * HOUR
"""Every campaign pauses once for this long: an empty queue, a broken proxy, a wave of bans."""


@dataclass(frozen=True)
class Rung:
    """What a campaign does on one rung; `data/rungs.toml` says what each field means."""

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


@dataclass(frozen=True)
class Traits:
    """What one campaign does beside what its rung does; by default nothing.

    Args:
        cards: cards that pay for all accounts that pay; 0 = as the rung has it.
        own_data: share of the English items that speak of data of the writer's own.
        talk: share of items that are followed up as people do; 0 = the rung's second turns.
        copies: accounts that each prompt goes to.
        bases: questions of each subject; items differ from one of them in numbers only. 0 = each item is a new one.
        subjects: each account keeps to one subject.
        replaced: accounts are banned and replaced, as always on rung 11.
        rewritten: part of the log after which the items are wrapped in other templates; 0 = the same ones all the time.
    """

    cards: int = 0
    own_data: float = 0.0
    talk: float = 0.0
    copies: int = 1
    bases: int = 0
    subjects: bool = False
    replaced: bool = False
    rewritten: float = 0.0


NO_TRAITS = Traits()

RUNGS = {int(number): Rung(**laws) for number, laws in read_data("rungs").items()}
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
    start: int,
    daily: float,
    calendar: Calendar | None = None,
) -> tuple[Array, Array]:
    """Worker and time of each unit of work; all workers start, pause and stop together.

    Args:
        start: start of the operation, microseconds since the epoch.
        daily: requests per account and day of work.
        calendar: its stop and its pause; drawn when None.

    Returns:
        Worker and microseconds since the epoch of each unit, lease by lease.
    """
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
    owner, day, sizes = _cut_days_into_leases(rng, np.repeat(np.arange(len(people)), worked), day, work, rung.lease)
    begin = ORIGIN + (first + day) * DAY + _draw_lease_hours(rng, rung, people, owner)
    rhythm = arrivals.Rhythm(gap=40.0, gap_sigma=1.5 if rung.schedule == "jitter" else 1.0)
    slots = arrivals.expand_sessions(rng, owner, begin, sizes, rhythm)
    pause = calendar.pause if calendar else start + int(rng.uniform(0.3, 0.7) * (stop - start))
    idle = (slots.time < start) | (slots.time >= stop) | ((slots.time >= pause) & (slots.time < pause + PAUSE))
    return slots.owner[~idle], slots.time[~idle]


def _cut_days_into_leases(
    rng: np.random.Generator, owner: Array, day: Array, work: Array, lease: float
) -> tuple[Array, Array, Array]:
    """Cut each worker's day into leases: owner, day and size of each."""
    parts = np.maximum(1, rng.poisson(work / lease))
    parts = np.minimum(parts, np.maximum(work, 1))
    row, sizes = split_evenly(work, parts)
    return owner[row], day[row], sizes


def _draw_lease_hours(rng: np.random.Generator, rung: Rung, people: People, owner: Array) -> Array:
    if rung.schedule == "queue":
        return (rng.random(len(owner)) * DAY).astype(np.int64)
    if rung.schedule == "shifts":
        shift = rng.random(len(people)) * 24
        local = (shift[owner] + rng.random(len(owner)) * 8) % 24
        return (local * HOUR).astype(np.int64)
    spread = 2.4 if rung.schedule == "human" else 3.2
    return arrivals.human_hours(rng, owner, people.zone, rng.normal(16.0, 2.5, len(people)), spread)
