"""Evidence from a share: beta-binomial likelihood ratios in which groups differ, and not only requests.

Honest groups differ far more than the requests of one group do, so a share seen in thousands of requests is one
observation of a group, not thousands. The share of an honest group follows a beta distribution over *groups* with a
small strength; that of an operation follows another, and only a part of all operations shows the trait at all. Each
ratio has mean 1 over honest groups (it is an e-value), a group without trials earns exactly 0 bits, and no share costs
more than log2(1 - part).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln

from stillhunt.base.arrays import Floats


@dataclass(frozen=True)
class BetaPrior:
    """Beta distribution of a share over groups."""

    mean: float  # mean of the groups' shares, 0 to 1
    strength: float  # sum of the two parameters; at 1 and below most groups are near 0 or 1

    def log_likelihood(self, hits: float, trials: float) -> float:
        """Natural logarithm of the chance of the hits, up to the binomial term, which cancels in every ratio."""
        mean = min(max(self.mean, 1e-4), 1.0 - 1e-4)
        first, second = mean * self.strength, (1.0 - mean) * self.strength
        return float(betaln(first + hits, second + trials - hits) - betaln(first, second))


def share_ratio(hits: float, trials: float, honest: BetaPrior, harvest: BetaPrior) -> float:
    """Likelihood ratio of hits among trials, operations against honest groups.

    `hits`: requests, accounts or events that show the trait. `trials`: all of them; none give 1.
    """
    if trials <= 0:
        return 1.0
    return float(np.exp(harvest.log_likelihood(hits, trials) - honest.log_likelihood(hits, trials)))


def part_bits(ratio: float, part: float) -> float:
    """Bits of a trait that only a part of all operations, 0 to 1, shows."""
    return float(np.log2((1.0 - part) + part * ratio))


def least_bits(part: float) -> float:
    """What the absence of a trait costs that only a part of all operations, 0 to 1, shows."""
    return part_bits(0.0, part)


def rank_ratio(rank: float, power: float) -> float:
    """Likelihood ratio of a rank that is uniform among honest groups and tends to be high among operations.

    `rank`: share of the other groups below this one, 0 to 1. `power`: how strong the tendency is: the density is power
    * rank^(power - 1), with mean 1.
    """
    return float(power * np.clip(rank, 0.0, 1.0) ** (power - 1.0))


_LEANS = np.linspace(0.5, 1.0, 52)[1:-1]


def lean_ratio(hits: int, trials: int, strength: float) -> float:
    """Likelihood ratio of events that favour one of two sides, which are equally likely in honest groups.

    Args:
        hits: events on the side asked about.
        strength: how near to 0.5 honest groups stay; their shares have standard deviation 0.5 / sqrt(strength + 1).

    Returns:
        Ratio of shares drawn evenly between 0.5 and 1 to the honest distribution.
    """
    if trials <= 0:
        return 1.0
    logs: Floats = hits * np.log(_LEANS) + (trials - hits) * np.log1p(-_LEANS)
    top = float(logs.max())
    leaning = top + float(np.log(np.exp(logs - top).mean()))
    return float(np.exp(min(leaning - BetaPrior(0.5, strength).log_likelihood(hits, trials), 500.0)))
