"""Exact tail of the aligned rank statistic: one of several values of each block was picked, by chance or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

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
