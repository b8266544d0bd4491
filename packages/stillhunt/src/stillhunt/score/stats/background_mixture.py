"""How far is a group's mixture of topics from that of all customers?

Accounts that draw from one work queue are alike; so are accounts that each carry the traffic of many customers, such as
those of an aggregator or a reseller: they all show the mixture of all customers. What makes a work queue is a mixture
of its own, so accounts that are alike in the mixture of all customers earn less or nothing for it.

The distance is the Kullback-Leibler divergence of the group's topics from those of the comparison accounts, less its
bias for a sample of that size (Miller 1955). It misleads for a harvester who samples prompts from all customers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.base.parameters import derived, measured, parameter, parameter_table, values_of
from stillhunt.score.stats.arrays import Floats, Ints


@parameter_table("score.background_mixture", "Groups whose mixture of topics is that of all customers.")
@dataclass(frozen=True)
class BackgroundMixtureParameters:
    """Parameters of the distance from the comparison accounts."""

    same: float = parameter(
        0.2,
        unit="bits",
        meaning="Distance up to which a group's mixture is that of all customers, and being alike earns nothing.",
        provenance=measured("a group of safety researchers in the real texts of the second generator: 0.23"),
    )
    different: float = parameter(
        0.4,
        unit="bits",
        meaning="Distance from which it is a mixture of its own, and being alike earns all.",
        provenance=measured("the lowest of 103 campaigns of two generators: 0.45"),
    )
    min_requests: int = parameter(
        20,
        unit="requests",
        meaning="Requests of known topic below which no distance is measured.",
        provenance=derived("the bias of the estimate is then about as large as `different`"),
    )


P = values_of(BackgroundMixtureParameters)


def distance_from_background(counts: Ints, background: Floats) -> float | None:
    """Divergence of a group's topics from those of the comparison accounts, in bits.

    Args:
        counts: requests of the group by topic.
        background: weight of the comparison accounts by topic, of the same length (`Mixtures.mixed`).

    Returns:
        The divergence; None where the group's requests are too few or there are no comparison accounts.
    """
    sent, weight = int(counts.sum()), float(background.sum())
    if sent < P.min_requests or weight <= 0.0:
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
