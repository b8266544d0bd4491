"""From how much of a campaign has a mark to bits for or against an actor, and to probabilities of all actors."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

from stillhunt_evidence.actors.observed import MarkCoverage
from stillhunt_evidence.actors.parameters import MARK_RULES, OWN_MOST, OWN_PART

# share of the stated rate: lowest base rate to which the case may bring a stated one (the campaigns of one case are no
# sample of all campaigns)
_RAREST = 0.25
# campaigns: weight of the stated rates all together, where the case shows how rarely an actor's marks fit (judgement:
# twice that of one rate, since the same campaigns have moved each rate already)
_FITTING = 2.0 * MARK_RULES.comparison
_ROUNDS = 20  # Rounds in which the share of somebody else is learned (later ones change less than a thousandth)

LEAST_ABSENT = 0.05
"""Lowest chance of an absent mark; only keeps a logarithm finite where a base rate is near 1."""


@dataclass(frozen=True)
class Mark:
    """What one kind of mark says about one actor."""

    kind: str
    source: str  # kinds of one source are not independent, and only the strongest of them counts
    costly: bool  # True where others than the actor could hardly plant it
    bits: float  # evidence that the actor runs the campaign, against somebody who is not in the file; 0 where not known
    # share of the campaign that has the mark; None where the mark is not one of shares, or not known
    coverage: float | None
    known: bool  # False where the case cannot say
    statement: str  # what was seen and how common it is, or what is missing, in one sentence without a full stop


def base_rate(stated: float, others: Iterable[MarkCoverage | None]) -> float:
    """How common it is that a mark covers most of a campaign of somebody else.

    The stated rate counts like some campaigns of the case, and the case can make it rarer only to a quarter: the few
    campaigns of one case are no sample of all. Misleads where the other campaigns are the actor's own and nobody knows.

    Args:
        others: coverage of each other campaign; None where not known.
    """
    shares = [one.share >= MARK_RULES.most for one in others if one is not None]
    found = (stated * MARK_RULES.comparison + sum(shares)) / (MARK_RULES.comparison + len(shares))
    return max(found, stated * _RAREST)


def any_of(rates: Iterable[float]) -> float:
    """The base rate of having one of several values, each of its own rate, as if they were independent."""
    return 1.0 - math.prod(1.0 - rate for rate in rates)


def coverage_bits(coverage: MarkCoverage, rate: float, cap: float) -> float:
    """Bits for an actor from how much of a campaign has one of its marks.

    A mark covers most of a campaign, a part of it, or is absent. With few accounts that is uncertain, so each of the
    three counts by its probability under the Beta distribution of the share (Jeffreys prior). In a part it is no
    evidence: that is what planting looks like, and what a shared proxy looks like.

    Args:
        rate: share of other campaigns of which it covers most.

    Returns:
        Bits, from minus `against_cap` to the cap.
    """
    hits = coverage.share * coverage.accounts
    below_most, below_part = (
        float(betainc(hits + 0.5, coverage.accounts - hits + 0.5, edge)) for edge in (MARK_RULES.most, MARK_RULES.part)
    )
    seen = (1.0 - below_most, below_most - below_part, below_part)
    other = min(rate, OWN_MOST)  # what most campaigns have is no evidence against the actor
    absent = max(1.0 - other - OWN_PART, LEAST_ABSENT)
    of_actor = (OWN_MOST, OWN_PART, 1.0 - OWN_MOST - OWN_PART)
    of_others = (other, OWN_PART, absent)
    ratio = _compute_weighted_sum(seen, of_actor) / _compute_weighted_sum(seen, of_others)
    return min(max(math.log2(ratio), -MARK_RULES.against_cap), cap)


def _compute_weighted_sum(chances: tuple[float, ...], values: tuple[float, ...]) -> float:
    return sum(chance * value for chance, value in zip(chances, values, strict=True))


@dataclass(frozen=True)
class Weight:
    """What the marks of one actor weigh together."""

    costly: float  # bits of marks that are costly to plant
    cheap: float  # bits of the others, after their common cap
    against: float  # bits against the actor, at most 0
    by_source: dict[str, Mark]  # source -> the mark of it that counts for the actor

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


def posterior(bits: Sequence[float], priors: Sequence[float], most: float) -> tuple[list[float], float]:
    """Probability of each actor, and of somebody who is not in the file.

    Bayes' rule, and nothing beside the priors and the bits: the odds of an actor against somebody else are its prior
    odds times two to the power of its bits. Only positive bits make an actor likelier than the file says: evidence
    against others does not. It misleads where the file lacks actors who resemble those in it, and where the prior for
    somebody else is far from the truth.

    Args:
        priors: of the actors; what they leave is that of somebody else.
        most: highest probability of an actor without positive bits.

    Returns:
        Probabilities of the actors, and of somebody else; they add up to 1.
    """
    prior = np.array([*priors, 1.0 - sum(priors)])
    weights = prior * np.exp2(np.array([*bits, 0.0]))
    without = np.array([*[one <= 0 for one in bits], False])
    kept = np.zeros(len(weights), dtype=bool)
    while True:
        rest = (1.0 - most * kept.sum()) * weights / weights[~kept].sum()
        found = np.where(kept, most, rest)
        above = without & ~kept & (found > most)
        if not above.any():
            *actors, other = found.tolist()
            return actors, other
        kept |= above


def learned_priors(others: Sequence[Sequence[float]], actors: int, somebody_else: float) -> list[float]:
    """Prior probability of each actor of a file, given what the case shows of other campaigns.

    Two things are stated before a case is seen, and each counts like some campaigns of it: the share of campaigns by
    somebody else, and that the marks of an actor say nothing of campaigns by others on the average (the mean of
    2^bits over those is 1, as it is of any likelihood ratio). Where the marks fit hardly any other campaign of the
    case, the stated rates were too high for it, and all bits of the actor too low; the case can show that up to
    a quarter. The share is learned by expectation maximisation (Dempster, Laird and Rubin 1977). Without other
    campaigns nothing is learned; of an actor of whom nothing is known, nothing but the share, and `posterior` keeps it
    below what the file says. Misleads where other campaigns are the actor's own, and nobody knows.

    Args:
        others: bits of the actors' marks for each other campaign; at most 1 of each campaign's ratio counts, since the
            campaign may be the actor's.
    """
    if not actors:
        return []
    bits = np.array([*others]).reshape(len(others), actors)
    seen = len(others)
    fitting = (_FITTING + np.minimum(np.exp2(bits), 1.0).sum(axis=0)) / (_FITTING + seen)
    each, share = 1.0 / (actors * np.maximum(fitting, _RAREST)), somebody_else
    for _ in range(_ROUNDS if seen else 0):
        by_actors = (1.0 - share) * (np.exp2(bits) * each).sum(axis=1)
        found = float((share / (share + by_actors)).sum())
        share = (somebody_else * MARK_RULES.comparison + found) / (MARK_RULES.comparison + seen)
    weights = (1.0 - share) * each
    priors: list[float] = (weights / (share + weights.sum())).tolist()
    return priors


def actor_prior(actors: int, somebody_else: float) -> float:
    """Prior probability of each actor of a file, before a case is seen."""
    return (1.0 - somebody_else) / max(actors, 1)
