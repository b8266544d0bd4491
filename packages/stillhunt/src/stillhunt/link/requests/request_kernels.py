"""Loops over the requests of one partition; the plain twin of each is in tests/oracle."""

import numba as nb
import numpy as np

from stillhunt.base.arrays import I32, I64, U8, U64

MULTIPLY = np.uint64(0x9E3779B97F4A7C15)
HIGHEST_BIT = np.uint64(1 << 63)
"""Flipped, unsigned numbers are in the order of signed ones."""


@nb.njit(cache=True, nogil=True)
def number_keys(keys: U64, out: I32) -> int:
    """Number each key by its first appearance; gives how many there are."""
    # The table grows with the distinct keys: few among many stay in the cache.
    size, shift = 1 << 10, np.uint64(54)
    slots, names = np.full(size, -1, np.int32), np.empty(size // 2, np.uint64)
    known = 0
    for row in range(len(keys)):
        key = keys[row]
        slot = np.int64((key * MULTIPLY) >> shift)
        while slots[slot] >= 0 and names[slots[slot]] != key:
            slot = (slot + 1) & (size - 1)
        out[row] = slots[slot]
        if slots[slot] < 0:
            slots[slot], names[known], out[row] = known, key, known
            known += 1
            if known == len(names):
                size, shift = 2 * size, shift - np.uint64(1)
                wider = np.empty(size // 2, np.uint64)
                wider[:known] = names
                slots, names = np.full(size, -1, np.int32), wider
                for number in range(known):
                    slot = np.int64((names[number] * MULTIPLY) >> shift)
                    while slots[slot] >= 0:
                        slot = (slot + 1) & (size - 1)
                    slots[slot] = number
    return known


@nb.njit(nogil=True)
def _sort_rows(order: I32, first: int, values: I64) -> None:
    """Sort rows from `first` on by their values; equal ones stay in order. Sorting is compiled for one type alone."""
    rows = order[first : first + len(values)].copy()
    ranks = np.argsort(values, kind="mergesort")
    for place in range(len(ranks)):
        order[first + place] = rows[ranks[place]]


@nb.njit(cache=True, nogil=True)
def order_rows(owner: I32, owners: int, time: I64, keys: U64, order: I32, offsets: I64) -> None:
    """Rows by owner, then time, then key.

    Args:
        owner: owner of each row, 0 to owners - 1.
        keys: a number of each row, for rows of one owner and time.
        offsets: receives where each owner's rows begin; one more than owners.
    """
    offsets[:] = 0
    for row in range(len(owner)):
        offsets[owner[row] + 1] += 1
    for i in range(owners):
        offsets[i + 1] += offsets[i]
    at = offsets[:-1].copy()
    for row in range(len(owner)):
        order[at[owner[row]]] = row
        at[owner[row]] += 1
    for i in range(owners):
        first, last = offsets[i], offsets[i + 1]
        sorted_already = True
        tied = False
        for j in range(first + 1, last):
            before, here = time[order[j - 1]], time[order[j]]
            sorted_already &= before <= here
            tied |= before == here
        if not sorted_already:
            _sort_rows(order, first, time[order[first:last]])
            for j in range(first + 1, last):
                tied |= time[order[j - 1]] == time[order[j]]
        if tied:
            start = first
            while start < last:
                stop = start + 1
                while stop < last and time[order[stop]] == time[order[start]]:
                    stop += 1
                if stop - start > 1:
                    _sort_rows(order, start, (keys[order[start:stop]] ^ HIGHEST_BIT).view(np.int64))
                start = stop


@nb.njit(cache=True, nogil=True)
def mark_first(order: I32, offsets: I64, prompt_hash: U64, first_occurrence: U8) -> None:
    """1 at the first row of each (owner, prompt) in the given order; 0 for all others and for rows without a prompt."""
    slots = np.full(64, -1, np.int32)
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        size = 64
        while size < 2 * (last - first):
            size *= 2
        if size > len(slots):
            slots = np.full(size, -1, np.int32)
        slots[:size] = -1
        for j in range(first, last):
            row = order[j]
            first_occurrence[row] = 0
            if prompt_hash[row] == 0:
                continue
            slot = np.int64((prompt_hash[row] * MULTIPLY) >> np.uint64(32)) & (size - 1)
            while slots[slot] >= 0 and prompt_hash[slots[slot]] != prompt_hash[row]:
                slot = (slot + 1) & (size - 1)
            if slots[slot] < 0:
                slots[slot] = row
                first_occurrence[row] = 1


@nb.njit(cache=True, nogil=True)
def mark_single_turns(
    order: I32, offsets: I64, conversation: U64, turn: I32, first_occurrence: U8, single_turn: U8
) -> None:
    """1 for a row that is its whole conversation, 0 for the others; a conversation never spans owners.

    A later row that repeats what the owner sent before is a script's, and leaves the conversation whole. Turns are
    counted from the earliest turn of the owner: answers that stand in each of its calls are examples of a template and
    no conversation. Unknown turns are below 0.
    """
    slots = np.full(64, -1, np.int32)
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        size = 64
        while size < 2 * (last - first):
            size *= 2
        if size > len(slots):
            slots = np.full(size, -1, np.int32)
        slots[:size] = -1
        earliest = np.int32(2**31 - 1)
        for j in range(first, last):
            if turn[order[j]] >= 0:
                earliest = min(earliest, turn[order[j]])
        for j in range(first, last):
            row = order[j]
            single_turn[row] = turn[row] <= earliest
            slot = np.int64((conversation[row] * MULTIPLY) >> np.uint64(32)) & (size - 1)
            while slots[slot] >= 0 and conversation[slots[slot]] != conversation[row]:
                slot = (slot + 1) & (size - 1)
            if slots[slot] < 0:
                slots[slot] = row
            else:
                single_turn[slots[slot]] &= 1 - first_occurrence[row]
                single_turn[row] = 0


@nb.njit(cache=True, nogil=True)
def grown32(values: I32, room: int) -> I32:
    """The values with room for more."""
    wider = np.empty(room, np.int32)
    for place in range(len(values)):
        wider[place] = values[place]
    return wider
