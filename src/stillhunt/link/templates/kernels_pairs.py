"""Phrases that stand together in the requests of one account; the plain-Python twin is in tests/oracle."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

MAX_PHRASES_A_REQUEST = 48
"""Phrases of one request that are paired; bounds the work that one hostile prompt can cause."""
MOST_ROWS = 4096
"""Requests of one account that are paired, spread evenly over its time; what stands in fewer is no template."""
DENSE = 512
"""Habits of an account up to which each pair of them is compared; with more, the pairs that occur are sorted."""


@nb.njit(cache=True, nogil=True)
def pairs_by_account(
    rows: tuple[I32, I64], accounts: I32, known: tuple[I32, I32, I32], habits: tuple[I64, I32], size: int
) -> I64:
    """Pairs of an account's habits that stand together in at least two of its requests, account by account.

    Args:
        rows: requests in the accounts' order and where each account's begin.
        accounts: code of each of these accounts.
        known: offsets and codes of each request's known phrases, and the habit code of each known phrase (-1 none).
        habits: where each account code's habits begin, and their codes, ascending.
        size: number of habit codes.

    Returns:
        left * size + right, left < right, once for each account.
    """
    order, offsets = rows
    begins, codes, habit_of = known
    habit_begins, habit_codes = habits
    place = np.full(size, -1, np.int32)
    out = np.empty(1024, np.int64)
    used = 0
    for i in range(len(offsets) - 1):
        first, last = habit_begins[accounts[i]], habit_begins[accounts[i] + 1]
        width = last - first
        if width < 2:
            continue
        for k in range(first, last):
            place[habit_codes[k]] = k - first
        count = offsets[i + 1] - offsets[i]
        step = max(np.int64(1), (count + MOST_ROWS - 1) // MOST_ROWS)
        own = order[offsets[i] : offsets[i + 1] : step]
        if width <= DENSE:
            found = _dense(own, begins, codes, habit_of, place, width)
        else:
            found = _sparse(own, begins, codes, habit_of, place, width)
        while used + len(found) > len(out):
            wider = np.empty(2 * len(out), np.int64)
            wider[:used] = out[:used]
            out = wider
        for k in range(len(found)):
            out[used + k] = (
                habit_codes[first + found[k] // width] * np.int64(size) + habit_codes[first + found[k] % width]
            )
        used += len(found)
        for k in range(first, last):
            place[habit_codes[k]] = -1
    return out[:used]


@nb.njit(cache=True, nogil=True)
def _dense(own: I32, begins: I32, codes: I32, habit_of: I32, place: I32, width: int) -> I64:
    """One bit a request for each phrase; a pair counts where two bits are common."""
    words = (len(own) + 63) // 64
    bits = np.zeros((width, words), np.uint64)
    for j in range(len(own)):
        taken = 0
        for k in range(begins[own[j]], begins[own[j] + 1]):
            habit = habit_of[codes[k]]
            if habit < 0 or place[habit] < 0:
                continue
            if taken == MAX_PHRASES_A_REQUEST:
                break
            taken += 1
            bits[place[habit], j >> 6] |= np.uint64(1) << np.uint64(j & 63)
    out = np.empty(width * (width - 1) // 2, np.int64)
    used = 0
    for a in range(width):
        for b in range(a + 1, width):
            common = 0
            for w in range(words):
                both = bits[a, w] & bits[b, w]
                if both != 0:
                    rest = both & (both - np.uint64(1))
                    common += 1 if rest == 0 else 2
                    if common >= 2:
                        break
            if common >= 2:
                out[used] = a * width + b
                used += 1
    return out[:used]


@nb.njit(cache=True, nogil=True)
def _sparse(own: I32, begins: I32, codes: I32, habit_of: I32, place: I32, width: int) -> I64:
    """All pairs of all requests, sorted; a pair counts where it occurs twice."""
    pairs = np.empty(4096, np.int64)
    filled = 0
    inside = np.empty(MAX_PHRASES_A_REQUEST, np.int32)
    for j in range(len(own)):
        taken = 0
        for k in range(begins[own[j]], begins[own[j] + 1]):
            habit = habit_of[codes[k]]
            if habit < 0 or place[habit] < 0:
                continue
            if taken == MAX_PHRASES_A_REQUEST:
                break
            inside[taken] = place[habit]
            taken += 1
        while filled + taken * taken > len(pairs):
            wider = np.empty(2 * len(pairs), np.int64)
            wider[:filled] = pairs[:filled]
            pairs = wider
        for a in range(taken):
            for b in range(a + 1, taken):
                pairs[filled] = np.int64(inside[a]) * width + inside[b]
                filled += 1
    ordered = np.sort(pairs[:filled])
    used = 0
    at = 0
    while at < filled:
        stop = at + 1
        while stop < filled and ordered[stop] == ordered[at]:
            stop += 1
        if stop - at >= 2:
            ordered[used] = ordered[at]
            used += 1
        at = stop
    return ordered[:used]
