"""From marks to a probability for each actor, and for somebody who is not in the file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stillhunt_evidence.actors.parameters import MARK_RULES
from stillhunt_evidence.actors.weights import Mark


@dataclass(frozen=True)
class Weight:
    """What the marks of one actor weigh together.

    Attributes:
        costly: bits of marks that are costly to plant.
        cheap: bits of the others, after their common cap.
        against: bits against the actor, at most 0.
        by_source: source -> the mark of it that counts for the actor.
    """

    costly: float
    cheap: float
    against: float
    by_source: dict[str, Mark]

    @property
    def bits(self) -> float:
        """All together."""
        return self.costly + self.cheap + self.against


def weigh_marks(marks: Sequence[Mark]) -> Weight:
    """Add up the marks of one actor.

    Of each source the strongest mark for the actor and the strongest against it count, since others of that source
    follow from them. Marks that are cheap to plant have one cap together: who plants one plants all.
    """
    of_source: dict[str, list[Mark]] = defaultdict(list)
    for mark in sorted(marks, key=lambda one: (-one.bits, not one.costly, one.kind)):
        of_source[mark.source].append(mark)
    counted = {source: found[0] for source, found in sorted(of_source.items()) if found[0].bits > 0}
    against = sum(min(found[-1].bits, 0.0) for _, found in sorted(of_source.items()))
    costly = sum(mark.bits for mark in counted.values() if mark.costly)
    cheap = sum(mark.bits for mark in counted.values() if not mark.costly)
    return Weight(costly, min(cheap, MARK_RULES.cheap_cap), against, counted)


def posterior(bits: Sequence[float], somebody_else: float) -> tuple[list[float], float]:
    """Probability of each actor, and of somebody who is not in the file.

    Bayes' rule with equal priors of the actors, and nothing beside the bits: the odds of an actor against somebody else
    are its prior odds times two to the power of its bits. Only positive bits make an actor likelier: an actor
    without positive bits keeps at most its prior where evidence against others would raise it. It misleads where the
    file lacks actors who resemble those in it, and where the prior for somebody else is far from the truth.

    Returns:
        Probabilities of the actors, and of somebody else; they add up to 1.
    """
    prior = actor_prior(len(bits), somebody_else)
    weights = np.array([*[prior] * len(bits), somebody_else]) * np.exp2(np.array([*bits, 0.0]))
    without = np.array([*[one <= 0 for one in bits], False])
    kept = np.zeros(len(weights), dtype=bool)
    while True:
        rest = (1.0 - prior * kept.sum()) * weights / weights[~kept].sum()
        found = np.where(kept, prior, rest)
        above = without & ~kept & (found > prior)
        if not above.any():
            *actors, other = found.tolist()
            return actors, other
        kept |= above


def actor_prior(actors: int, somebody_else: float) -> float:
    """Prior probability of each actor of a file."""
    return (1.0 - somebody_else) / max(actors, 1)
