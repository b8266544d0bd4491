"""Sums as of a log that keeps every call, where the log is a sample."""

from __future__ import annotations

import numpy as np

from stillhunt.score.stats.arrays import Floats, Ints


def unsampled(values: Ints, rates: Floats | None) -> int:
    """What a sum would be in a log that keeps every call: each value stands for 1 / rate of its kind.

    Args:
        values: whole numbers, one a request.
        rates: share of such calls that the log keeps, of the same requests; None: all are kept.

    Returns:
        The Horvitz-Thompson estimate (1952), to the nearest whole; the sum itself where nothing is sampled.
    """
    if rates is None:
        return int(values.sum())
    known, place = np.unique(rates, return_inverse=True)
    # Whole sums for each rate, added in order of rates: the same for any order of rows.
    sums = [int(values[place == number].sum()) for number in range(len(known))]
    total: float = sum(part / rate for part, rate in zip(sums, known.tolist(), strict=True))
    return round(total)
