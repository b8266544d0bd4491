"""Untemplated slices drawn from a known law: workers of queues, and customers with topics and loads of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillhunt.link.topics.topics import TOPICS
from stillhunt.link.workload.untemplated_slices import UntemplatedSlices

LEAST = 8
"""Questions that a slice needs."""

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
        client: client fingerprint; -1 unknown.
        account: account; None where each slice has one of its own.
    """

    load: Array
    days: Array
    mixture: Floats
    client: Array
    account: Array | None = None


def everybody(rng: np.random.Generator) -> Floats:
    """What a whole log asks about."""
    mixture: Floats = rng.dirichlet(np.full(TOPICS, 2.0))
    return mixture


def queue_mixture(rng: np.random.Generator) -> Floats:
    """What one work queue asks about: broad, but not everybody's topics."""
    mixture: Floats = rng.dirichlet(np.full(TOPICS, 1.0))
    return mixture


def workers(
    rng: np.random.Generator,
    count: int,
    mixture: Floats,
    *,
    load: float = 70.0,
    rate: float = 10.0,
    client: Array | int = -1,
    account: Array | None = None,
) -> Drawn:
    """Workers of one work queue: its topics, Poisson loads, so many questions on each day of work."""
    loads = np.maximum(rng.poisson(load, count), LEAST)
    days = np.clip(np.rint(loads / rng.normal(rate, 0.1 * rate, count)), 1, DAYS).astype(np.int64)
    return Drawn(loads, days, np.repeat(mixture[None], count, axis=0), np.broadcast_to(client, count).copy(), account)


def customers(
    rng: np.random.Generator,
    count: int,
    common: Floats,
    *,
    preferences: tuple[float, ...] = (3.0, 10.0, 30.0, 100.0),
    clients: int = 0,
) -> Drawn:
    """Customers: Dirichlet topic preferences around everybody's, lognormal loads, as many days as they please."""
    # More than wanted, since slices that are too small are none.
    loads = np.rint(rng.lognormal(np.log(40.0), 1.0, 3 * count)).astype(np.int64)
    loads = loads[loads >= LEAST][:count]
    concentration = rng.choice(preferences, count)
    mixture = np.array([rng.dirichlet(c * common + 1e-3) for c in concentration])
    client = rng.integers(0, clients, count) if clients else np.full(count, -1)
    return Drawn(loads, np.minimum(rng.integers(1, DAYS + 1, count), loads), mixture, client)


def untemplated_of(rng: np.random.Generator, *parts: Drawn, request_style: int = 1) -> UntemplatedSlices:
    """The parts' slices one after the other, each question on either fold at random."""
    sizes = [len(part.load) for part in parts]
    starts = np.cumsum([0, *sizes[:-1]])
    load = np.concatenate([part.load for part in parts])
    mixture = np.concatenate([part.mixture for part in parts])
    first = rng.binomial(load, 0.5)
    topics = np.stack([rng.multinomial(first, mixture), rng.multinomial(load - first, mixture)])
    client = np.concatenate([part.client for part in parts])
    own = [
        np.arange(size) + start if part.account is None else part.account
        for part, size, start in zip(parts, sizes, starts, strict=True)
    ]
    return UntemplatedSlices(
        account=np.concatenate(own),
        request_style=np.full(len(load), request_style),
        client=client,
        size=load,
        days=np.concatenate([part.days for part in parts]),
        topics=topics,
        names=tuple(f"s{code}" for code in range(int(client.max(initial=-1)) + 1)),
    )
