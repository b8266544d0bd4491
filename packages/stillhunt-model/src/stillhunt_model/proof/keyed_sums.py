"""How large a sum over keyed numbers is by chance: weights are given, and the key decides which of them count."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

Floats = npt.NDArray[np.float64]
_LARGEST = 50.0
"""Standard deviations beyond which a tilt is not looked for (derived: the bound is far below any bar there)."""


def green_tail(weights: Floats, green: npt.NDArray[np.bool_], gamma: float) -> float:
    """Bound of the chance that tokens that a key makes green have so much weight, or more.

    Under the null hypothesis each token is green with a chance of gamma, independently, whatever the weights are. The
    bound is that of Chernoff (1952), valid for any weights and some times larger than the exact tail.

    Args:
        weights: of distinct pairs of context and token.
        gamma: share of the green list.

    Returns:
        One-sided p-value.
    """
    weights = _scaled(weights)
    total = float(weights @ (green - gamma))
    spread = math.sqrt(gamma * (1 - gamma) * float(weights @ weights))

    def exponent(tilt: float) -> float:
        return float(np.sum(np.log1p(gamma * np.expm1(tilt * weights)) - gamma * tilt * weights) - tilt * total)

    return _bound(exponent, total, _LARGEST / spread if spread else 0.0)


def gumbel_tail(weights: Floats, scores: Floats) -> float:
    """Bound of the chance that Gumbel scores give so large a sum, or a larger one.

    Args:
        weights: of distinct pairs of context and token.
        scores: of each, exponential with mean 1 under the null hypothesis.

    Returns:
        One-sided p-value.
    """
    weights = _scaled(weights)
    total = float(weights @ (scores - 1))
    largest = float(weights.max(initial=0.0))

    def exponent(tilt: float) -> float:
        return float(np.sum(-np.log1p(-tilt * weights) - tilt * weights) - tilt * total)

    spread = math.sqrt(float(weights @ weights))
    return _bound(exponent, total, min(_LARGEST / spread, 0.999 / largest) if spread and largest > 0 else 0.0)


def _scaled(weights: Floats) -> Floats:
    """The same weights with 1 as the largest: the tail does not depend on their unit, and tiny ones would overflow."""
    largest = float(np.abs(weights).max(initial=0.0))
    return weights / largest if largest else weights


def _bound(exponent: object, total: float, largest: float) -> float:
    if total <= 0 or largest <= 0:
        return 1.0
    found = minimize_scalar(exponent, bounds=(0.0, largest), method="bounded")
    return math.exp(min(0.0, float(found.fun)))
