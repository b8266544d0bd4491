"""Loops over the requests of one partition; each has a plain-Python twin in tests/oracle."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

MOST_WORDS = 1 << 22
"""Words of the bits that tell which phrases of an account may recur, 32 MB; beyond, more are counted in vain."""

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
    """1 for a row that is all of its conversation; conversations never span owners."""
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
            alone[row] = turn[row] <= 0
            slot = np.int64((conversation[row] * MULTIPLY) >> np.uint64(32)) & (size - 1)
            while slots[slot] >= 0 and conversation[slots[slot]] != conversation[row]:
                slot = (slot + 1) & (size - 1)
            if slots[slot] < 0:
                slots[slot] = row
            else:
                alone[slots[slot]] = 0
                alone[row] = 0


@nb.njit(cache=True, nogil=True)
def _mark_twice(own: I32, fresh: U8, begins: I32, phrases: U32, bits: tuple[U64, U64], mask: np.uint32) -> None:
    """Set a phrase's bit in the first table, or in the second where it is set already."""
    once, twice = bits
    for j in range(len(own)):
        row = own[j]
        if fresh[row]:
            for k in range(begins[row], begins[row + 1]):
                place = phrases[k] & mask
                bit = np.uint64(1) << np.uint64(place & np.uint32(63))
                word = place >> np.uint32(6)
                twice[word] |= once[word] & bit
                once[word] |= bit


@nb.njit(cache=True, nogil=True)
def _count_marked(
    own: I32,
    fresh: U8,
    lists: tuple[I32, U32],
    system_lists: tuple[I32, U32],
    marked: tuple[U64, np.uint32],
    table: tuple[U32, I32, I32],
) -> int:
    """Count the rows of each marked phrase; gives the number of phrases in the table, or -1 once it is half full."""
    begins, phrases = lists
    system_begins, system_phrases = system_lists
    twice, mask = marked
    keys, counts, lasts = table
    size, filled = len(counts), 0
    for j in range(len(own)):
        row = own[j]
        if not fresh[row]:
            continue
        # Both lists of a row before the next row: a phrase in both is told by the row that had it last.
        for part in range(2):
            first = begins[row] if part == 0 else system_begins[row]
            last = begins[row + 1] if part == 0 else system_begins[row + 1]
            for k in range(first, last):
                phrase = phrases[k] if part == 0 else system_phrases[k]
                place = phrase & mask
                if not (twice[place >> np.uint32(6)] >> np.uint64(place & np.uint32(63))) & np.uint64(1):
                    continue
                slot = np.int64((np.uint64(phrase) * MULTIPLY) >> np.uint64(32)) & (size - 1)
                while counts[slot] > 0 and keys[slot] != phrase:
                    slot = (slot + 1) & (size - 1)
                if counts[slot] == 0:
                    if 2 * filled >= size:
                        return -1
                    filled += 1
                    keys[slot], counts[slot], lasts[slot] = phrase, 1, row
                elif lasts[slot] != row:
                    counts[slot] += 1
                    lasts[slot] = row
    return filled


@nb.njit(cache=True, nogil=True)
def _count_all(
    own: I32,
    fresh: U8,
    lists: tuple[I32, U32],
    system_lists: tuple[I32, U32],
    marked: tuple[U64, np.uint32],
    table: tuple[U32, I32, I32],
) -> tuple[int, tuple[U32, I32, I32]]:
    """Count in so much of an empty table as is needed, or in a larger one; gives that part's size, and the table."""
    keys, counts, lasts = table
    size = 1 << 8
    while _count_marked(own, fresh, lists, system_lists, marked, (keys[:size], counts[:size], lasts[:size])) < 0:
        counts[:size] = 0
        size *= 4
        if size > len(keys):
            keys, counts, lasts = np.zeros(size, np.uint32), np.zeros(size, np.int32), np.zeros(size, np.int32)
    return size, (keys, counts, lasts)


@nb.njit(cache=True, nogil=True)
def recurring_phrases(
    order: I32, offsets: I64, fresh: U8, lists: tuple[I32, U32], system_lists: tuple[I32, U32], least: int
) -> tuple[I32, U32, I32]:
    """Phrases that stand in at least `least` fresh rows of one owner: owner, phrase and number of rows.

    Nearly all phrases of an owner stand in one row: two bits a phrase tell which may recur, and only these are counted.

    Args:
        order: rows, owner by owner.
        offsets: where each owner's rows begin; one more than owners.
        fresh: 1 for rows that count.
        lists: offsets and values of each row's phrases.
        system_lists: the same of its system prompt; a phrase in both counts once.
        least: rows needed, at least 2.
    """
    begins, phrases = lists
    system_begins, system_phrases = system_lists
    room, used = 1024, 0
    out_owner, out_phrase, out_count = np.empty(room, np.int32), np.empty(room, np.uint32), np.empty(room, np.int32)
    once, twice = np.zeros(1024, np.uint64), np.zeros(1024, np.uint64)
    table = np.zeros(1 << 12, np.uint32), np.zeros(1 << 12, np.int32), np.zeros(1 << 12, np.int32)
    for i in range(len(offsets) - 1):
        own = order[offsets[i] : offsets[i + 1]]
        rows, total = 0, 0
        for j in range(len(own)):
            if fresh[own[j]]:
                rows += 1
                total += begins[own[j] + 1] - begins[own[j]] + system_begins[own[j] + 1] - system_begins[own[j]]
        if rows < least:
            continue
        words = 1
        while words < total // 4 and words < MOST_WORDS:
            words *= 2
        if words > len(once):
            once, twice = np.zeros(words, np.uint64), np.zeros(words, np.uint64)
        once[:words] = np.uint64(0)
        twice[:words] = np.uint64(0)
        mask = np.uint32(64 * words - 1)
        _mark_twice(own, fresh, begins, phrases, (once, twice), mask)
        _mark_twice(own, fresh, system_begins, system_phrases, (once, twice), mask)
        size, table = _count_all(own, fresh, lists, system_lists, (twice, mask), table)
        keys, counts, _ = table
        for slot in range(size):
            if counts[slot] >= least:
                if used == room:
                    room *= 2
                    out_owner, out_count = grown32(out_owner, room), grown32(out_count, room)
                    wider = np.empty(room, np.uint32)
                    wider[:used] = out_phrase
                    out_phrase = wider
                out_owner[used], out_phrase[used], out_count[used] = i, keys[slot], counts[slot]
                used += 1
            counts[slot] = 0
    return out_owner[:used], out_phrase[:used], out_count[:used]


@nb.njit(cache=True, nogil=True)
def grown32(values: I32, room: int) -> I32:
    """The values with room for more."""
    wider = np.empty(room, np.int32)
    wider[: len(values)] = values
    return wider


@nb.njit(cache=True, nogil=True)
def enter_phrases(phrases: U32, filter_bits: U64, slots: I32) -> None:
    """Fill the tables by which `known_phrases` finds the code of a phrase, its position in `phrases`."""
    mask = len(slots) - 1
    for code in range(len(phrases)):
        place = phrases[code] >> np.uint32(8)
        filter_bits[place >> np.uint32(6)] |= np.uint64(1) << np.uint64(place & np.uint32(63))
        slot = np.int64(phrases[code] * np.uint32(0x9E3779B1)) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = code


@nb.njit(cache=True, nogil=True)
def known_phrases(
    lists: tuple[I32, U32],
    system_lists: tuple[I32, U32],
    table: tuple[U32, U64, I32],
    begins_out: I32,
    out: I32,
) -> int:
    """Codes of the phrases of each row that are in a table, ascending, each once.

    Args:
        lists: offsets and values of each row's phrases.
        system_lists: the same of its system prompt.
        table: phrases by code, the filter and the slots of `enter_phrases`.
        begins_out: receives where each row's codes begin; one more than rows.
        out: receives the codes; the call stops and gives -1 where it is too short.

    Returns:
        Number of codes.
    """
    begins, phrases = lists
    system_begins, system_phrases = system_lists
    names, filter_bits, slots = table
    mask = len(slots) - 1
    used = 0
    begins_out[0] = 0
    for row in range(len(begins) - 1):
        start = used
        for part in range(2):
            first = begins[row] if part == 0 else system_begins[row]
            last = begins[row + 1] if part == 0 else system_begins[row + 1]
            if used + last - first > len(out):
                return -1
            for k in range(first, last):
                phrase = phrases[k] if part == 0 else system_phrases[k]
                place = phrase >> np.uint32(8)
                if not (filter_bits[place >> np.uint32(6)] >> np.uint64(place & np.uint32(63))) & np.uint64(1):
                    continue
                slot = np.int64(phrase * np.uint32(0x9E3779B1)) & mask
                while slots[slot] >= 0 and names[slots[slot]] != phrase:
                    slot = (slot + 1) & mask
                code = slots[slot]
                if code < 0:
                    continue
                at = used
                while at > start and out[at - 1] > code:
                    at -= 1
                if at > start and out[at - 1] == code:
                    continue
                for move in range(used, at, -1):
                    out[move] = out[move - 1]
                out[at] = code
                used += 1
        begins_out[row + 1] = used
    return used


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
