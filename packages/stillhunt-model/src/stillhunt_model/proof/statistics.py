"""Exact tails and bounds of what tests count, and what lengths and other models explain of likelihoods."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.stats import rankdata

from stillhunt import InputError

Floats = npt.NDArray[np.float64]
LEVELS = 256
"""Levels to which ranks are rounded (derived: sums stay whole numbers below LEVELS times blocks, so that their exact
distribution takes some seconds for thousands of blocks; the loss of power is beneath notice)."""


def aligned_rank_p(blocks: Sequence[Sequence[float]]) -> float:
    """Probability that a random pick from each block has ranks as high as those of the first values, or higher.

    Under the null hypothesis the first value of a block might be any of its values with the same chance; nothing else
    is assumed. Values are taken relative to the mean of their block and ranked over all blocks (Hodges and Lehmann
    1962); with blocks of two that is Wilcoxon's signed-rank test. The distribution of the sum is computed, not
    approximated.

    Args:
        blocks: values of each block, the one in question first; blocks of one value say nothing.

    Returns:
        One-sided p-value, at least the smallest positive double; 1 where there is nothing to compare.
    """
    compared = [np.asarray(block, np.float64) - np.mean(block) for block in blocks if len(set(block)) > 1]
    if not compared:
        return 1.0
    ranks = rankdata(np.concatenate(compared))
    levels = np.rint((LEVELS - 1) * (ranks - 1) / max(1, len(ranks) - 1)).astype(np.int64)
    chance, picked, place = np.ones(1), 0, 0
    for block in compared:
        values = levels[place : place + len(block)]
        place += len(block)
        picked += int(values[0])
        grown = np.zeros(len(chance) + LEVELS - 1)
        for value in values.tolist():
            grown[value : value + len(chance)] += chance
        chance = grown / len(block)
    return float(min(1.0, max(chance[picked:].sum(), np.finfo(np.float64).tiny)))


def two_sided_rank_p(blocks: Sequence[Sequence[float]]) -> float:
    """p-value of the first values of blocks being higher than the others, or lower."""
    turned = [[-value for value in block] for block in blocks]
    return min(1.0, 2 * min(aligned_rank_p(blocks), aligned_rank_p(turned)))


NOISE_DIGITS = 3
"""Digits of a sum of log-probabilities in nats that are kept: below is the noise of single precision (derived)."""


def checked_finite(values: Floats, model: str) -> Floats:
    """Likelihoods, or sums of them, of a model.

    Raises InputError: one is no finite number.
    """
    if np.isfinite(values).all():
        return values
    raise InputError(
        "the model finds texts neither likely nor unlikely: its weights are damaged",
        where=model,
        next_step="name a model that answers",
    )


def unexplained(values: Floats, known: Sequence[Floats], sizes: Sequence[int]) -> list[list[float]]:
    """Residuals of a regression within blocks.

    It is fitted over all texts alike: which of them was harvested is not used, so that the residuals of texts which
    could change places can change places as well.

    Args:
        values: one of each text, such as its log-probability in nats; blocks one after the other.
        known: other values of each text, such as its number of tokens, or what another model finds.
    """
    own = _centre_block_values(values, sizes)
    if known:
        others = np.column_stack([_centre_block_values(one, sizes) for one in known])
        own = own - others @ np.linalg.lstsq(others, own, rcond=None)[0]
    left = iter(np.round(own, NOISE_DIGITS).tolist())
    return [[next(left) for _ in range(size)] for size in sizes]


def _centre_block_values(values: Floats, sizes: Sequence[int]) -> Floats:
    """Values relative to the mean of their block."""
    means = [part.mean() for part in np.split(values, np.cumsum(sizes)[:-1])]
    centred: Floats = values - np.repeat(means, sizes)
    return centred


_LARGEST = 50.0
"""Standard deviations beyond which a tilt is not looked for (derived: the bound is far below any bar there)."""


def coin_tail(weights: Floats, heads: npt.NDArray[np.bool_]) -> float:
    """Bound of the chance that coins of these weights show heads with so much weight, or more.

    The bound is that of Chernoff (1952), valid for any weights and some times larger than the exact tail.
    """
    weights = _scale_by_largest_weight(weights)
    total = float(weights @ (heads - 0.5))
    spread = math.sqrt(0.25 * float(weights @ weights))
    if total <= 0 or not spread:
        return 1.0

    def exponent(tilt: float) -> float:
        return float(np.sum(np.log(np.cosh(tilt * weights / 2))) - tilt * total)

    found = minimize_scalar(exponent, bounds=(0.0, _LARGEST / spread), method="bounded")
    return math.exp(min(0.0, float(found.fun)))


def _scale_by_largest_weight(weights: Floats) -> Floats:
    """The same weights with 1 as the largest: the tail does not depend on their unit, and tiny ones would overflow."""
    largest = float(np.abs(weights).max(initial=0.0))
    return weights / largest if largest else weights
