"""Arrays as all worlds use them, and the counting that they share."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def count_within(sizes: Array) -> Array:
    """Numbers from 0 within runs of the given sizes, shape (sum of sizes,)."""
    place: Array = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return place


def count_within_owners(owner: Array, time: Array | None = None) -> Array:
    """Place of each row among its owner's rows from 0, by time or else in the order given, shape (n,)."""
    order = np.argsort(owner, kind="stable") if time is None else np.lexsort((time, owner))
    place = np.empty(len(order), np.int64)
    place[order] = count_within(np.bincount(owner)) if len(owner) else 0
    return place


def split_evenly(totals: Array, parts: Array) -> tuple[Array, Array]:
    """Cut totals into whole parts that differ by one at most.

    Returns place of the total that each part comes from, and the part's size, 1 or more.
    """
    row = np.repeat(np.arange(len(totals)), parts)
    sizes = totals[row] // parts[row] + (count_within(parts) < totals[row] % parts[row])
    return row[sizes > 0], sizes[sizes > 0]
