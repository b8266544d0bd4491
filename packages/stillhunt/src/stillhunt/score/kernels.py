"""Loops over the whole log that numpy could only do by sorting it; each has a plain twin in tests/score."""

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from stillhunt.base.arrays import GOLDEN_RATIO

Whole = npt.NDArray[np.integer[Any]]
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

_SHIFT = np.uint64(29)


@nb.njit(cache=True, nogil=True)
def commonest_in_runs(owner: Whole, value: Whole, width: int, owners: int) -> tuple[Counts, Counts]:
    """Most frequent known value of each owner and how often it has it; the smaller value on ties, -1 where none.

    Args:
        owner: owner of each entry, 0 to owners - 1, equal ones side by side.
        value: value of each entry, 0 to width - 1; below 0 unknown.
    """
    best = np.full(owners, -1, np.int64)
    most = np.zeros(owners, np.int64)
    count = np.zeros(width, np.int64)
    start = 0
    while start < len(owner):
        one = owner[start]
        end = start
        while end < len(owner) and owner[end] == one:
            if value[end] >= 0:
                count[value[end]] += 1
            end += 1
        for place in range(start, end):
            found = value[place]
            if found < 0 or count[found] == 0:
                continue
            times = count[found]
            count[found] = 0
            if times > most[one] or (times == most[one] and found < best[one]):
                most[one] = times
                best[one] = found
        start = end
    return best, most


@nb.njit(cache=True, nogil=True)
def _allocate_value_places(first: Whole) -> Counts:
    """Room for the values of one account after another: the row that holds each place, -1 none.

    A row of an account that went before counts as none, so that nothing needs clearing between accounts.
    """
    longest = 1
    for account in range(len(first) - 1):
        longest = max(longest, first[account + 1] - first[account])
    size = 2
    while size < 2 * longest:
        size *= 2
    return np.full(size, -1, np.int64)


@nb.njit(cache=True, nogil=True)
def _find_value_place(held: Counts, value: npt.NDArray[np.uint64], row: int, begin: int, end: int) -> np.int64:
    """Place of a row's value among those of its account, whose rows are begin to end."""
    mask = 1
    while mask < 2 * (end - begin):
        mask *= 2
    mask -= 1
    place = np.int64(((value[row] * GOLDEN_RATIO) >> _SHIFT) & np.uint64(mask))
    while held[place] >= begin and value[held[place]] != value[row]:
        place = (place + 1) & mask
    return place


@nb.njit(cache=True, nogil=True)
def first_of_pairs(first: Whole, value: npt.NDArray[np.uint64], known: Flags) -> Flags:
    """True for the first row of each account with each of its values.

    Args:
        first: first row of each account and, last, the number of rows.
        known: False where the row has none.
    """
    out = np.zeros(len(value), np.bool_)
    held = _allocate_value_places(first)
    for account in range(len(first) - 1):
        begin, end = first[account], first[account + 1]
        for row in range(begin, end):
            if not known[row]:
                continue
            place = _find_value_place(held, value, row, begin, end)
            if held[place] < begin:
                held[place] = row
                out[row] = True
    return out


@nb.njit(cache=True, nogil=True)
def count_in_runs(first: Whole, value: npt.NDArray[np.uint64], chosen: Flags) -> npt.NDArray[np.uint8]:
    """Chosen rows of the same account and value as each row, at most 255.

    Args:
        first: first row of each account and, last, the number of rows.
    """
    out = np.zeros(len(value), np.uint8)
    held = _allocate_value_places(first)
    count = np.zeros(len(held), np.int64)
    for account in range(len(first) - 1):
        begin, end = first[account], first[account + 1]
        for row in range(begin, end):
            place = _find_value_place(held, value, row, begin, end)
            if held[place] < begin:
                held[place] = row
                count[place] = 0
            count[place] += chosen[row]
        for row in range(begin, end):
            out[row] = min(count[_find_value_place(held, value, row, begin, end)], 255)
    return out


@nb.njit(cache=True, nogil=True)
def again_later(first: Whole, value: npt.NDArray[np.uint64], day: Whole) -> Flags:
    """True for the first row of each day on which an account has a value that it had on an earlier day.

    Args:
        first: first row of each account and, last, the number of rows.
        day: day of each row, ascending within an account.
    """
    out = np.zeros(len(value), np.bool_)
    held = _allocate_value_places(first)
    latest = np.zeros(len(held), np.int64)
    for account in range(len(first) - 1):
        begin, end = first[account], first[account + 1]
        for row in range(begin, end):
            place = _find_value_place(held, value, row, begin, end)
            if held[place] < begin:
                held[place] = row
            elif day[row] > latest[place]:
                out[row] = True
            latest[place] = day[row]
    return out


@nb.njit(cache=True, nogil=True)
def count_shared(value: npt.NDArray[np.uint64], owner: Whole) -> tuple[int, int]:
    """Distinct values, and those of several owners; `owner` of each row is 0 or above, equal ones side by side."""
    size = 2
    while size < 2 * len(value):
        size *= 2
    mask = size - 1
    held = np.empty(size, np.uint64)
    by = np.full(size, -1, np.int32)
    distinct = 0
    several = 0
    for row in range(len(value)):
        place = np.int64(((value[row] * GOLDEN_RATIO) >> _SHIFT) & np.uint64(mask))
        while by[place] != -1 and held[place] != value[row]:
            place = (place + 1) & mask
        if by[place] == -1:
            held[place] = value[row]
            by[place] = owner[row]
            distinct += 1
        elif by[place] >= 0 and by[place] != owner[row]:
            # Below -1: counted already.
            by[place] = -2
            several += 1
    return distinct, several


@nb.njit(cache=True, nogil=True)
def squares_of_table(row: Whole, column: Whole, total: Whole, sums: Whole) -> npt.NDArray[np.float64]:
    """Squared distance from the expected count, over that count, of each cell of a table of counts, row after row.

    Args:
        row: row of each thing counted.
        total: things in each row, none 0.
        sums: things in each column, none 0.
    """
    columns = len(sums)
    cells = np.zeros(len(total) * columns, np.float64)
    for one in range(len(row)):
        cells[row[one] * columns + column[one]] += 1.0
    place = 0
    for here in range(len(total)):
        for there in range(columns):
            expected = float(total[here]) * float(sums[there]) / len(row)
            away = cells[place] - expected
            cells[place] = away * away / expected
            place += 1
    return cells


@nb.njit(cache=True, nogil=True)
def rows_by_cluster(cluster: Whole, clusters: int) -> tuple[npt.NDArray[np.int32], Counts]:
    """Rows in order of their cluster, then as they stand; and the first place of each cluster.

    Args:
        cluster: cluster of each row, below `clusters`; below 0 none.
    """
    first = np.zeros(clusters + 1, np.int64)
    for row in range(len(cluster)):
        if cluster[row] >= 0:
            first[cluster[row] + 1] += 1
    for number in range(clusters):
        first[number + 1] += first[number]
    following = first[:-1].copy()
    order = np.empty(first[clusters], np.int32)
    for row in range(len(cluster)):
        one = cluster[row]
        if one >= 0:
            order[following[one]] = row
            following[one] += 1
    return order, first


@nb.njit(cache=True, nogil=True)
def flags_by_cluster(cluster: Whole, flags: Whole, rows: Whole, clusters: int) -> npt.NDArray[np.int32]:
    """Rows of each cluster with each of 32 flags, clusters x 32.

    Args:
        cluster: cluster of each row, 0 or above in the chosen ones.
        flags: flags of each row as bits.
    """
    out = np.zeros((clusters, 32), np.int32)
    for place in range(len(rows)):
        row = rows[place]
        left = np.uint32(flags[row])
        bit = 0
        while left:
            if left & np.uint32(1):
                out[cluster[row], bit] += 1
            left >>= np.uint32(1)
            bit += 1
    return out
