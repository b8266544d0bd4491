"""Loops over the requests of one partition; each has a plain-Python twin in tests/oracle."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

MULTIPLY = np.uint64(0x9E3779B97F4A7C15)


@nb.njit(cache=True, nogil=True)
def number_keys(keys: U64, out: I32) -> int:
    """Number each key by its first appearance; gives how many there are."""
    size = 1
    while size < 2 * len(keys) + 2:
        size *= 2
    slots = np.full(size, -1, np.int32)
    firsts = np.empty(len(keys), np.int32)
    shift = np.uint64(64 - int(np.log2(size)))
    known = 0
    for row in range(len(keys)):
        slot = np.int64((keys[row] * MULTIPLY) >> shift)
        while slots[slot] >= 0 and keys[firsts[slots[slot]]] != keys[row]:
            slot = (slot + 1) & (size - 1)
        if slots[slot] < 0:
            slots[slot] = known
            firsts[known] = row
            known += 1
        out[row] = slots[slot]
    return known


@nb.njit(cache=True, nogil=True)
def order_rows(owner: I32, owners: int, time: I64, keys: U64, order: I32, offsets: I64) -> None:
    """Rows by owner, then time, then key.

    Args:
        owner: owner of each row, 0 to owners - 1.
        owners: number of them.
        time: microseconds of each row.
        keys: a number of each row, for rows of one owner and time.
        order: receives the rows.
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
            own = order[first:last].copy()
            order[first:last] = own[np.argsort(time[own], kind="mergesort")]
            for j in range(first + 1, last):
                tied |= time[order[j - 1]] == time[order[j]]
        if tied:
            start = first
            while start < last:
                stop = start + 1
                while stop < last and time[order[stop]] == time[order[start]]:
                    stop += 1
                if stop - start > 1:
                    run = order[start:stop].copy()
                    order[start:stop] = run[np.argsort(keys[run], kind="mergesort")]
                start = stop


@nb.njit(cache=True, nogil=True)
def mark_first(order: I32, offsets: I64, whole: U64, fresh: U8) -> None:
    """1 at the first row of each (owner, prompt) in the rows' order; rows without a prompt are never fresh."""
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
            fresh[row] = 0
            if whole[row] == 0:
                continue
            slot = np.int64((whole[row] * MULTIPLY) >> np.uint64(32)) & (size - 1)
            while slots[slot] >= 0 and whole[slots[slot]] != whole[row]:
                slot = (slot + 1) & (size - 1)
            if slots[slot] < 0:
                slots[slot] = row
                fresh[row] = 1


@nb.njit(cache=True, nogil=True)
def mark_alone(order: I32, offsets: I64, conversation: U64, turn: I32, alone: U8) -> None:
    """1 for a row that is all of its conversation; conversations never span owners.

    Turns count from the earliest of the owner: answers that stand in each of its calls are examples, not a
    conversation. Unknown turns are below 0.
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
            alone[row] = turn[row] <= earliest
            slot = np.int64((conversation[row] * MULTIPLY) >> np.uint64(32)) & (size - 1)
            while slots[slot] >= 0 and conversation[slots[slot]] != conversation[row]:
                slot = (slot + 1) & (size - 1)
            if slots[slot] < 0:
                slots[slot] = row
            else:
                alone[slots[slot]] = 0
                alone[row] = 0


@nb.njit(cache=True, nogil=True)
def grown32(values: I32, room: int) -> I32:
    """The values with room for more."""
    wider = np.empty(room, np.int32)
    wider[: len(values)] = values
    return wider


@nb.njit(cache=True, nogil=True)
def assign_clusters(
    account: I32, known: tuple[I32, I32], cluster_of: I32, habitual: I64, width: int, cluster: I32, matched: I32
) -> None:
    """The cluster of each row: that with the most of its phrases, the smaller on ties; -1 where none has enough.

    Two phrases are enough, or one in an account that has a habit among the cluster's phrases.

    Args:
        account: account of each row.
        known: offsets and codes of each row's known phrases.
        cluster_of: cluster of each code; -1 where none.
        habitual: ascending account * width + cluster of the accounts' habits.
        width: number of clusters.
        cluster: receives the cluster.
        matched: receives its phrases in the row.
    """
    begins, codes = known
    labels, counts = np.empty(256, np.int32), np.empty(256, np.int32)
    for row in range(len(account)):
        cluster[row], matched[row] = -1, 0
        kinds = 0
        for k in range(begins[row], begins[row + 1]):
            label = cluster_of[codes[k]]
            if label < 0:
                continue
            at = 0
            while at < kinds and labels[at] != label:
                at += 1
            if at == kinds:
                if kinds == len(labels):
                    continue
                labels[at], counts[at] = label, 0
                kinds += 1
            counts[at] += 1
        for at in range(kinds):
            if counts[at] < 2:
                key = np.int64(account[row]) * width + labels[at]
                place = np.searchsorted(habitual, key)
                if place == len(habitual) or habitual[place] != key:
                    continue
            if counts[at] > matched[row] or (counts[at] == matched[row] and labels[at] < cluster[row]):
                cluster[row], matched[row] = labels[at], counts[at]
