"""How far is a group's mixture of topics from that of all customers?

Accounts that draw from one work queue are alike; so are accounts that each carry the traffic of many customers, such as
those of an aggregator or a reseller: they all show the mixture of all customers. What makes a work queue is a mixture
of its own, so accounts that are alike in the mixture of all customers earn less or nothing for it.

The distance is the Kullback-Leibler divergence of the group's topics from those of the comparison accounts, less its
bias for a sample of that size (Miller 1955). It misleads for a harvester who samples prompts from all customers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stillhunt.base.parameters import read_parameters
from stillhunt.score.stats.arrays import Floats, Ints

# Requests of known topic below which no distance is measured (derived: the bias of the estimate is then about as large
# as `different`)
_MIN_REQUESTS = 20


class BackgroundMixtureParameters(NamedTuple):
    """Parameters of the distance from the comparison accounts."""

    same: float
    different: float


P = read_parameters(BackgroundMixtureParameters, "score.background_mixture")


def distance_from_background(counts: Ints, background: Floats) -> float | None:
    """Divergence of a group's topics from those of the comparison accounts, in bits.

    Args:
        counts: requests of the group by topic.
        background: weight of the comparison accounts by topic, of the same length (`Mixtures.mixed`).

    Returns:
        The divergence; None where the group's requests are too few or there are no comparison accounts.
    """
    sent, weight = int(counts.sum()), float(background.sum())
    if sent < _MIN_REQUESTS or weight <= 0.0:
        return None
    # One more account without preferences, so that a topic that only the group asks about has a chance.
    expected = (background + 1.0 / len(background)) / (weight + 1.0)
    seen = counts > 0
    share = counts[seen] / sent
    divergence = float((share * np.log(share / expected[seen])).sum()) - (int(seen.sum()) - 1) / (2.0 * sent)
    return divergence / float(np.log(2.0))


def part_earned(distance: float | None) -> float:
    """Which part of the bits a group of that distance earns for being alike.

    Args:
        distance: divergence in bits; None where it is not known.
    """
    if distance is None:
        return 1.0
    return float(np.clip((distance - P.same) / (P.different - P.same), 0.0, 1.0))
