"""How much a share speaks for a harvest: beta-binomial likelihoods, in which groups differ and not only requests.

Honest groups differ far more than requests of one group do, so that a share seen in thousands of requests is one
observation of a group, not thousands. The honest side is a beta distribution over *groups* with a small strength; the
harvesting side another, of which only a part of all operations partakes. Each ratio has mean 1 under the honest side
(it is an e-value), a group without trials earns exactly 0 bits, and no share costs more than log2(1 - part).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln

from stillhunt.score.context.coding import Floats


@dataclass(frozen=True)
class Spread:
    """Beta distribution of a share over groups.

    Attributes:
        mean: middle of the groups' shares, 0 to 1.
        strength: parameters' sum; 1 and below: most groups are near all or nothing.
    """

    mean: float
    strength: float

    def log_likelihood(self, hits: float, trials: float) -> float:
        """Natural logarithm of the chance of the hits, up to the term that all spreads share (the binomial one).

        Args:
            hits: requests, accounts or events that show the trait.
            trials: all of them.
        """
        mean = min(max(self.mean, 1e-4), 1.0 - 1e-4)
        first, second = mean * self.strength, (1.0 - mean) * self.strength
        return float(betaln(first + hits, second + trials - hits) - betaln(first, second))


def share_ratio(hits: float, trials: float, honest: Spread, harvest: Spread) -> float:
    """Likelihood ratio of hits among trials, harvesting against honest groups.

    Args:
        hits: requests, accounts or events that show the trait.
        trials: all of them; none give 1.
        honest: spread of the share over honest groups.
        harvest: the same over operations.
    """
    if trials <= 0:
        return 1.0
    return float(np.exp(harvest.log_likelihood(hits, trials) - honest.log_likelihood(hits, trials)))


def part_bits(ratio: float, part: float) -> float:
    """Bits of a trait that only a part of all operations shows.

    Args:
        ratio: likelihood ratio where the trait is shown.
        part: share of operations that show it, 0 to 1.
    """
    return float(np.log2((1.0 - part) + part * ratio))


def rank_ratio(rank: float, power: float) -> float:
    """Likelihood ratio of a rank that is uniform among honest groups and leans upwards among operations.

    Args:
        rank: share of the other groups below this one, 0 to 1.
        power: how much it leans: its density is power * rank^(power - 1), with mean 1.
    """
    return float(power * np.clip(rank, 0.0, 1.0) ** (power - 1.0))


_LEANS = np.linspace(0.5, 1.0, 52)[1:-1]


def lean_ratio(hits: int, trials: int, strength: float) -> float:
    """Likelihood ratio of a lean to one of two sides that are equally likely in honest groups.

    Args:
        hits: events that lean to the side asked about.
        trials: events that lean to either.
        strength: how near honest groups keep to one half; their shares have deviation 0.5 / sqrt(strength + 1).

    Returns:
        Shares drawn evenly from one half to one, against the honest spread.
    """
    if trials <= 0:
        return 1.0
    logs: Floats = hits * np.log(_LEANS) + (trials - hits) * np.log1p(-_LEANS)
    top = float(logs.max())
    leaning = top + float(np.log(np.exp(logs - top).mean()))
    return float(np.exp(min(leaning - Spread(0.5, strength).log_likelihood(hits, trials), 500.0)))
