"""Bare slices drawn from a known law: workers of plans, and customers with tastes and loads of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillhunt.link.topics.topics import TOPICS
from stillhunt.link.workload.untemplated_slices import LEAST, BareSlices

DAYS = 21
Array = np.ndarray[Any, np.dtype[Any]]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """Slices, one entry each.

    Attributes:
        load: distinct questions.
        days: days with a question.
        mixture: probabilities of its topics, shape (slices, TOPICS).
        stack: client stack; -1 unknown.
        account: account; None where each slice has one of its own.
    """

    load: Array
    days: Array
    mixture: Floats
    stack: Array
    account: Array | None = None


def everybody(rng: np.random.Generator) -> Floats:
    """What a whole log asks about."""
    mixture: Floats = rng.dirichlet(np.full(TOPICS, 2.0))
    return mixture


def plan_mixture(rng: np.random.Generator) -> Floats:
    """What one plan asks about: broad, but not everybody's subjects."""
    mixture: Floats = rng.dirichlet(np.full(TOPICS, 1.0))
    return mixture


def workers(
    rng: np.random.Generator,
    count: int,
    mixture: Floats,
    *,
    load: float = 70.0,
    rate: float = 10.0,
    stack: Array | int = -1,
    account: Array | None = None,
) -> Drawn:
    """Workers of one plan: its subjects, Poisson loads, so many questions on each day of work."""
    loads = np.maximum(rng.poisson(load, count), LEAST)
    days = np.clip(np.rint(loads / rng.normal(rate, 0.1 * rate, count)), 1, DAYS).astype(np.int64)
    return Drawn(loads, days, np.repeat(mixture[None], count, axis=0), np.broadcast_to(stack, count).copy(), account)


def customers(
    rng: np.random.Generator,
    count: int,
    common: Floats,
    *,
    tastes: tuple[float, ...] = (3.0, 10.0, 30.0, 100.0),
    stacks: int = 0,
) -> Drawn:
    """Customers: Dirichlet tastes around everybody's, lognormal loads, as many days as they please."""
    # More than wanted, since slices that are too small are none.
    loads = np.rint(rng.lognormal(np.log(40.0), 1.0, 3 * count)).astype(np.int64)
    loads = loads[loads >= LEAST][:count]
    concentration = rng.choice(tastes, count)
    mixture = np.array([rng.dirichlet(c * common + 1e-3) for c in concentration])
    stack = rng.integers(0, stacks, count) if stacks else np.full(count, -1)
    return Drawn(loads, np.minimum(rng.integers(1, DAYS + 1, count), loads), mixture, stack)


def bare_of(rng: np.random.Generator, *parts: Drawn, manner: int = 1) -> BareSlices:
    """The parts' slices one after the other, each question on either half at random."""
    sizes = [len(part.load) for part in parts]
    starts = np.cumsum([0, *sizes[:-1]])
    load = np.concatenate([part.load for part in parts])
    mixture = np.concatenate([part.mixture for part in parts])
    first = rng.binomial(load, 0.5)
    topics = np.stack([rng.multinomial(first, mixture), rng.multinomial(load - first, mixture)])
    stack = np.concatenate([part.stack for part in parts])
    own = [
        np.arange(size) + start if part.account is None else part.account
        for part, size, start in zip(parts, sizes, starts, strict=True)
    ]
    return BareSlices(
        account=np.concatenate(own),
        manner=np.full(len(load), manner),
        stack=stack,
        size=load,
        days=np.concatenate([part.days for part in parts]),
        topics=topics,
        names=tuple(f"s{code}" for code in range(int(stack.max(initial=-1)) + 1)),
    )
