"""Kernels of the history search: which earlier prompt is the longest prefix of a text.

For each prompt, a hash and two marks are kept. The first mark says that a prompt with these full blocks of 64 bytes
ends in the block that follows; the second says at which of its 64 places. Prompts share the space for marks, so a mark
may be set in error; then the search in the table of prompts finds nothing. A third mark, on the first block, ends the
search at once for most texts.
"""

from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import I64, M2, U8, U64
from stillhunt.collect.values.kernels import (
    HASH_BLOCK,
    Flags,
    block_hash,
    chain,
    inline,
    kernel,
    mix,
    never_zero,
    prefetch,
    tail_hash,
)

_U0, _U1, _U6, _U32, _U63 = (np.uint64(n) for n in (0, 1, 6, 32, 63))
_GATE = np.uint64(0x9E3779B97F4A7C15)  # any odd number: tells the mark on a first block from that on an end
_FULLEST_EIGHTHS = 7
PREPARED = 64
"""Rows that are hashed before the first of them is searched; changes no result."""


class Prompts(NamedTuple):
    """Rows with their prompts, as Arrow offsets and bytes.

    Each row has a group, an order in time, a flag whether it is searched, and the fewest bytes that can be resent.
    """

    offsets: I64
    data: U8
    groups: U64
    orders: I64
    active: Flags
    shortest: I64


class SeenPrompts(NamedTuple):
    """Complete prompts seen so far: an open-addressing table of their hashes, and the marks that lead to it.

    `orders` holds the earliest order of equal texts. It has size 1 if rows come in order, since everything in the table
    is then earlier. `used` holds the number of prompts.
    """

    keys: U64
    orders: I64
    marks: U64
    ends: U64
    used: I64


class Entries(NamedTuple):
    """One prompt per row, ready to be entered into the table.

    Each has a hash (0 = none), hashes of its full blocks and of its first block, and a place within its last block.
    """

    keys: U64
    buckets: U64
    gates: U64
    offsets: I64


class Children(NamedTuple):
    """Number of continuations of each prompt that has any: an open-addressing table by slot + 1 of the prompt."""

    slots: I64
    last: I64
    counts: I64
    before: I64


@inline
def _scale_hash(value: np.uint64, size: int) -> np.uint64:
    """A hash as a place below `size` (at most 2^32)."""
    return ((value >> _U32) * np.uint64(size)) >> _U32


@inline
def _two_bits(value: np.uint64) -> np.uint64:
    return (_U1 << (value & _U63)) | (_U1 << ((value >> _U6) & _U63))


@inline
def _has_mark(value: np.uint64, marks: U64) -> bool:
    bits = _two_bits(value)
    return bool(marks[_scale_hash(value, marks.size)] & bits == bits)


@inline
def _node_key(state: np.uint64, tail: np.uint64, offset: int) -> np.uint64:
    # The state stands for the full blocks before; only the offset distinguishes ends within one block.
    return never_zero(mix(chain(state, tail) ^ np.uint64(offset)))


@inline
def _find_key_slot(keys: U64, key: np.uint64) -> int:
    """Slot that holds the key, or the free slot where it belongs."""
    slot: int = np.int64(_scale_hash(key * M2, keys.size))  # type: ignore[assignment]  # to numba an int64 is an int
    while keys[slot] != _U0 and keys[slot] != key:
        slot = slot + 1 if slot + 1 < keys.size else 0
    return slot


@inline
def _longest_end(
    text: tuple[U8, int, int], state: np.uint64, order: int, secret: U64, seen: SeenPrompts, mask: np.uint64
) -> tuple[int, int]:
    """Slot and offset of the longest complete earlier prompt that ends within 64 bytes of a place, or (-1, -1)."""
    data, start, room = text
    for offset in range(min(HASH_BLOCK, room) - 1, -1, -1):
        if (mask >> np.uint64(offset)) & _U1:
            slot = _find_key_slot(seen.keys, _node_key(state, tail_hash(data, start, offset, secret), offset))
            if seen.keys[slot] != _U0 and (seen.orders.size == 1 or seen.orders[slot] < order):
                return slot, offset
    return -1, -1


@inline
def _enter_seen_rows(entries: Entries, first: int, last: int, orders: I64, seen: SeenPrompts) -> None:
    timed = seen.orders.size > 1
    for row in range(first, last):
        key, bucket, gate = entries.keys[row], entries.buckets[row], entries.gates[row]
        if key == _U0:
            continue
        slot = _find_key_slot(seen.keys, key)
        if seen.keys[slot] == _U0:
            # The table has room for all rows; if it were ever too small, history would merely stay uncut.
            if seen.used[0] * 8 >= seen.keys.size * _FULLEST_EIGHTHS:
                continue
            seen.keys[slot] = key
            seen.used[0] += 1
            seen.marks[_scale_hash(bucket, seen.marks.size)] |= _two_bits(bucket)
            seen.marks[_scale_hash(gate, seen.marks.size)] |= _two_bits(gate)
            seen.ends[_scale_hash(bucket, seen.ends.size)] |= _U1 << np.uint64(entries.offsets[row])
            if timed:
                seen.orders[slot] = orders[row]
        elif timed and orders[row] < seen.orders[slot]:
            seen.orders[slot] = orders[row]


@kernel
def enter_prompts(entries: Entries, orders: I64, seen: SeenPrompts) -> None:
    """Put prompts into the table, in any order."""
    _enter_seen_rows(entries, 0, entries.keys.size, orders, seen)


@kernel
def find_prompts(keys: U64, orders: I64, seen: SeenPrompts, slots: I64) -> None:
    """Slot of each prompt's hash in a table with orders, -1 where it is not there strictly before the row's order."""
    for row in range(keys.size):
        slot = _find_key_slot(seen.keys, keys[row])
        slots[row] = slot if seen.keys[slot] != _U0 and seen.orders[slot] < orders[row] else -1


@inline
def _hash_and_prefetch_rows(
    prompts: Prompts, first: int, last: int, secret: U64, seen: SeenPrompts, entries: Entries
) -> None:
    """Hash what some rows enter, and prefetch the places of the tables that they will need."""
    for row in range(first, last):
        entries.keys[row] = _U0
        start = prompts.offsets[row]
        length = prompts.offsets[row + 1] - start
        if not prompts.active[row] or length < prompts.shortest[row] or length == 0:
            continue
        state = mix(prompts.groups[row])
        gate = never_zero(mix(state))
        if prompts.shortest[row] < HASH_BLOCK:
            prefetch(seen.marks, np.int64(_scale_hash(gate, seen.marks.size)))
        full = length // HASH_BLOCK
        for k in range(full):
            state = chain(state, block_hash(prompts.data, start + k * HASH_BLOCK, secret))
            if k == 0:
                gate = mix(never_zero(mix(state)) ^ _GATE)
        bucket = never_zero(mix(state))
        rest = length - full * HASH_BLOCK
        key = _node_key(state, tail_hash(prompts.data, start + full * HASH_BLOCK, rest, secret), rest)
        entries.keys[row], entries.buckets[row], entries.gates[row], entries.offsets[row] = key, bucket, gate, rest
        prefetch(seen.marks, np.int64(_scale_hash(gate, seen.marks.size)))
        prefetch(seen.marks, np.int64(_scale_hash(bucket, seen.marks.size)))
        prefetch(seen.ends, np.int64(_scale_hash(bucket, seen.ends.size)))
        prefetch(seen.keys, np.int64(_scale_hash(key * M2, seen.keys.size)))


@inline
def _longest_prefix(prompts: Prompts, row: int, secret: U64, seen: SeenPrompts, gate: np.uint64) -> tuple[int, int]:
    """Slot and bytes of the longest complete earlier prompt that a row's prompt begins with, or (-1, 0)."""
    found, cut = -1, 0
    start = prompts.offsets[row]
    length = prompts.offsets[row + 1] - start
    state = mix(prompts.groups[row])
    begins_as_one = length >= HASH_BLOCK and _has_mark(gate, seen.marks)
    for k in range(length // HASH_BLOCK + 1 if begins_as_one else 1):
        if k:
            state = chain(state, block_hash(prompts.data, start + (k - 1) * HASH_BLOCK, secret))
        elif prompts.shortest[row] >= HASH_BLOCK:
            continue
        bucket = never_zero(mix(state))
        if _has_mark(bucket, seen.marks):
            text = (prompts.data, start + k * HASH_BLOCK, length - k * HASH_BLOCK)
            mask = seen.ends[_scale_hash(bucket, seen.ends.size)]
            slot, offset = _longest_end(text, state, prompts.orders[row], secret, seen, mask)
            if slot >= 0:
                found, cut = slot, k * HASH_BLOCK + offset
    return found, cut


@kernel
def follow(
    prompts: Prompts, secret: U64, seen: SeenPrompts, entries: Entries, task: tuple[bool, bool], parents: I64, cuts: I64
) -> int:
    """For each row, the longest strictly earlier prompt of its group with which its prompt starts.

    Args:
        prompts: rows, see Prompts; inactive rows are skipped.
        seen: complete prompts; must have room for all rows.
        entries: result: what each row enters.
        task: (search prefixes, enter rows). To be entered, rows must come in order; those of the last moment are not
            entered yet, since rows of the same moment may follow.
        parents: result, one per row: slot of the prefix, or -1.
        cuts: result, one per row: bytes of that prefix.

    Returns:
        First row of the last moment.
    """
    look, enter = task
    run = 0
    for row in range(prompts.groups.size):
        if row % PREPARED == 0:
            _hash_and_prefetch_rows(prompts, row, min(row + PREPARED, prompts.groups.size), secret, seen, entries)
        if prompts.orders[row] != prompts.orders[run]:
            if enter:
                _enter_seen_rows(entries, run, row, prompts.orders, seen)
            run = row
        parents[row], cuts[row] = -1, 0
        if look and entries.keys[row] != _U0:
            parents[row], cuts[row] = _longest_prefix(prompts, row, secret, seen, entries.gates[row])
    return run


@inline
def _find_children(slots: I64, name: int) -> int:
    last = np.uint64(slots.size - 1)
    place = mix(np.uint64(name)) & last
    while slots[np.int64(place)] != 0 and slots[np.int64(place)] != name:
        place = (place + _U1) & last
    return np.int64(place)  # type: ignore[return-value]  # to numba an int64 is an int


@kernel
def count_children(parents: I64, orders: I64, limit: int, children: Children, cuts: I64) -> int:
    """Undo the cut of each row whose prefix already had `limit` strictly earlier continuations; how many are new.

    Rows must come in order; calls may follow one another. The table must have room, its size is a power of two.
    """
    added = 0
    for row in range(parents.size):
        if parents[row] < 0:
            continue
        place = _find_children(children.slots, parents[row] + 1)
        if children.slots[place] == 0:
            children.slots[place] = parents[row] + 1
            children.last[place] = orders[row]
            added += 1
        elif orders[row] != children.last[place]:
            children.before[place] = children.counts[place]
            children.last[place] = orders[row]
        children.counts[place] += 1
        if children.before[place] >= limit:
            cuts[row] = 0
    return added


@kernel
def move_children(old: Children, new: Children) -> None:
    """Copy all entries into a larger, empty table."""
    for i in range(old.slots.size):
        if old.slots[i] != 0:
            place = _find_children(new.slots, old.slots[i])
            new.slots[place] = old.slots[i]
            new.last[place] = old.last[i]
            new.counts[place] = old.counts[i]
            new.before[place] = old.before[i]


@kernel
def cut_prefixes(offsets: I64, data: U8, cuts: I64, new_offsets: I64, new_data: U8) -> None:
    """Copy texts without their first `cuts` bytes; the new arrays must have the right sizes."""
    written = 0
    for row in range(cuts.size):
        new_offsets[row] = written
        for place in range(offsets[row] + cuts[row], offsets[row + 1]):
            new_data[written] = data[place]
            written += 1
    new_offsets[cuts.size] = written
