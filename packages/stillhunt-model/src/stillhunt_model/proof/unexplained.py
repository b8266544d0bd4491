"""What is left of the likelihoods of texts when their lengths and other models have explained what they can."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

NOISE_DIGITS = 3
"""Digits of a sum of log-probabilities in nats that are kept: below is the noise of single precision (derived)."""
Floats = npt.NDArray[np.float64]


def unexplained(values: Floats, known: Sequence[Floats], sizes: Sequence[int]) -> list[list[float]]:
    """Residuals of a regression within blocks.

    It is fitted over all texts alike: which of them was harvested is not used, so that the residuals of texts which
    could change places can change places as well.

    Args:
        values: one of each text, such as its log-probability in nats; blocks one after the other.
        known: other values of each text, such as its number of tokens, or what another model finds.

    Returns:
        Residuals, block by block, rounded.
    """
    own = _within(values, sizes)
    if known:
        others = np.column_stack([_within(one, sizes) for one in known])
        own = own - others @ np.linalg.lstsq(others, own, rcond=None)[0]
    left = iter(np.round(own, NOISE_DIGITS).tolist())
    return [[next(left) for _ in range(size)] for size in sizes]


def _within(values: Floats, sizes: Sequence[int]) -> Floats:
    """Values relative to the mean of their block."""
    means = [part.mean() for part in np.split(values, np.cumsum(sizes)[:-1])]
    centred: Floats = values - np.repeat(means, sizes)
    return centred
