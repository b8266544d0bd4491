"""How alike are the comparison accounts among themselves? A group that is no more alike than they are shows nothing.

The frozen reference knows customers who differ. Where all customers ask about one product, or none keeps hours of its
own, any group of them is as alike as if it drew from one work queue. The measure is the intra-class correlation by
which the dispersion index grows (`homogeneity.py`): the chance that two requests of one account are of one category,
against that of two requests of two accounts. It is a sum over accounts, from which the members of a candidate are
subtracted: a campaign that is a third of all accounts does not make its own alikeness usual.

Source: estimator of moments with weights of a random effects model (Kleinman 1973).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stillhunt.base.parameters import read_parameters
from stillhunt.score.stats.arrays import Floats, Ints

# Effective number of comparison accounts below which nothing is estimated (derived: a correlation between accounts
# needs two of them)
_MIN_EFFECTIVE_ACCOUNTS = 2.0


class CorrelationParameters(NamedTuple):
    """Parameters of the estimate."""

    weighting: float
    standard_errors: float


P = read_parameters(CorrelationParameters, "score.background_correlation")
_CELLS = 1 << 22
"""Cells of accounts by categories that are counted at a time; bounds memory."""


@dataclass(frozen=True)
class Mixtures:
    """Sums over some accounts, each of which mixes the categories of one view in its own way.

    Attributes:
        weight: sums of the accounts' weights and of their squares.
        same: sums of weight * own and of squared weight * own and * own^2, where own is an account's chance that two of
            its requests are of one category.
        mixed: sum of weight * share of each category.
        squares: sum of squared weight * squared shares.
    """

    weight: Floats
    same: Floats
    mixed: Floats
    squares: float

    def without(self, other: Mixtures) -> Mixtures:
        """The same less some of the accounts.

        Args:
            other: sums over these, of the same categories.
        """
        return Mixtures(
            self.weight - other.weight, self.same - other.same, self.mixed - other.mixed, self.squares - other.squares
        )

    @property
    def correlation(self) -> float:
        """Upper bound (95 %) of the intra-class correlation of the accounts' categories; 1 where there are too few."""
        total, squared = self.weight.tolist()
        effective = total**2 / squared if squared > 0 else 0.0
        if effective < _MIN_EFFECTIVE_ACCOUNTS:
            return 1.0
        own = self.same[0] / total
        spread = max(self.same[2] - 2.0 * own * self.same[1] + own**2 * squared, 0.0)
        error = float(np.sqrt(spread)) / total
        between = (float((self.mixed**2).sum()) - self.squares) / (total**2 - squared)
        return float(np.clip((own - between + P.standard_errors * error) / max(1.0 - between, 1e-6), 0.0, 1.0))


def mixtures(account: Ints, category: Ints, categories: int) -> Mixtures:
    """Sum up the mixtures of accounts.

    Args:
        account: account of each request, ascending.
        category: its category, from 0.
    """
    starts = np.flatnonzero(np.diff(account, prepend=-1))
    edges = np.append(starts, len(account))
    step = max(_CELLS // max(categories, 1), 1)
    weight, same, mixed, squares = np.zeros(2), np.zeros(3), np.zeros(categories), 0.0
    for first in range(0, len(starts), step):
        bounds = edges[first : first + step + 1]
        sent = np.diff(bounds)
        rank = np.repeat(np.arange(len(sent)), sent)
        counts = np.bincount(rank * categories + category[bounds[0] : bounds[-1]], minlength=len(sent) * categories)
        share = counts.reshape(len(sent), categories)[sent >= 2].astype(np.float64)
        sent = sent[sent >= 2]
        own = (share * (share - 1.0)).sum(axis=1) / (sent * (sent - 1.0))
        share /= sent[:, None]
        weights = (sent - 1.0) / (1.0 + (sent - 1.0) * P.weighting)
        weight += [weights.sum(), (weights**2).sum()]
        same += [(weights * own).sum(), (weights**2 * own).sum(), (weights**2 * own**2).sum()]
        mixed += weights @ share
        squares += float((weights**2 * (share**2).sum(axis=1)).sum())
    return Mixtures(weight, same, mixed, squares)
