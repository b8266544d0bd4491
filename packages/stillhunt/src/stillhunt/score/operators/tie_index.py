"""An index from values to the campaigns that draw them: pairs of campaigns that share too little are never compared.

Two campaigns without a common value have no bits, and a value adds no more bits than it could if whichever campaign
draws it most were the other one. Sums of these bounds for all pairs are a product of two sparse matrices.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from stillhunt.base.arrays import Floats, Ints
from stillhunt.score.stats.common_pool import Draws, drawn_from, most_bits

_SLACK = 1e-6  # bits: what rounding may add to a sum of bounds (derived: bits are rounded to as much)
_AT_ONCE = 1 << 20  # Numbers that are worked on at once: pairs of campaigns, or values that others hold (bounds memory)


class TieIndex:
    """Draws of one kind by value.

    Args:
        draws: what each campaign draws; None where it has nothing of the kind.
        cap: most bits, of one value and in all.
        one_coincidence: all values together are one coincidence.
    """

    def __init__(self, draws: Sequence[Draws | None], *, cap: float, one_coincidence: bool) -> None:
        self._draws, self._cap, self._one = draws, cap, one_coincidence
        drawn = [one for one in draws if one is not None]
        values = np.concatenate([np.zeros(0, np.int64), *(one.values for one in drawn)])
        self._share = np.concatenate([np.zeros(0), *(one.shares for one in drawn)])
        self._values, self._column = np.unique(values, return_inverse=True)
        sizes = [0 if one is None else len(one.values) for one in draws]
        self._first = np.concatenate([[0], np.cumsum(sizes)])
        # Ascending, as campaigns are, and the values of each.
        self._place = np.repeat(np.arange(len(draws)), sizes) * np.int64(len(self._values)) + self._column

    def may_tie(self, least_bits: float) -> tuple[Ints, Ints]:
        """All pairs of campaigns, the first before the second, that may have so many bits, and some that have less."""
        count = len(self._draws)
        most = np.zeros(len(self._values))
        np.maximum.at(most, self._column, self._share)
        bounds = np.zeros(len(self._share))
        for one, begin, end in zip(self._draws, self._first[:-1], self._first[1:], strict=True):
            if one is not None:
                held = most[self._column[begin:end]]
                bounds[begin:end] = most_bits(one, held, cap=self._cap, one_coincidence=self._one)
        total = np.concatenate([[0.0], np.cumsum(bounds)])[self._first]
        strong = np.repeat(np.diff(total) >= least_bits - _SLACK, np.diff(self._first))
        entries = (np.repeat(np.arange(count), np.diff(self._first))[strong], self._column[strong])
        gains = csr_array((bounds[strong], entries), shape=(count, len(self._values)))
        gains.eliminate_zeros()
        holds = csr_array((np.ones(len(entries[0])), entries), shape=gains.shape)
        found = []
        step = max(1, _AT_ONCE // max(count, 1))
        for begin in range(0, count, step):
            rows = slice(begin, begin + step)
            both = (gains[rows] @ holds.T).minimum(holds[rows] @ gains.T).tocoo()
            kept = (both.data >= least_bits - _SLACK) & (both.row + begin < both.col)
            found.append(np.column_stack([both.row[kept] + begin, both.col[kept]]))
        pairs = np.concatenate([np.zeros((0, 2), np.int64), *found]).astype(np.int64)
        return pairs[:, 0], pairs[:, 1]

    def bits(self, first: Ints, second: Ints) -> Floats:
        """Bits of each pair, as `common_pool_bits` reckons them."""
        own, other = np.concatenate([first, second]), np.concatenate([second, first])
        bits = np.zeros(len(own))
        order = np.argsort(own, kind="stable")
        for places in np.split(order, np.flatnonzero(np.diff(own[order])) + 1):
            draws = self._draws[own[places[0]]] if len(places) else None
            if draws is None:
                continue
            step = max(1, _AT_ONCE // (20 * len(draws.values)))
            for part in (places[begin : begin + step] for begin in range(0, len(places), step)):
                held = self._held(other[part], self._column_of(own[places[0]]))
                bits[part] = drawn_from(draws, held, cap=self._cap, one_coincidence=self._one)
        return np.clip(np.minimum(bits[: len(first)], bits[len(first) :]), 0.0, self._cap)

    def _column_of(self, campaign: int) -> Ints:
        return self._column[self._first[campaign] : self._first[campaign + 1]]

    def _held(self, campaigns: Ints, columns: Ints) -> Floats:
        """Share that each value has of each campaign's draws."""
        wanted = campaigns[:, None] * np.int64(len(self._values)) + columns
        at = np.minimum(np.searchsorted(self._place, wanted), len(self._place) - 1)
        return np.where(self._place[at] == wanted, self._share[at], 0.0)
