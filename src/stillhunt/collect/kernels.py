"""Byte-level kernels of the history search and of JSON arrays; the only file of this room that knows numba.

A text is hashed in blocks of 64 bytes. Each block goes through a universal hash (NH of UMAC, RFC 4418: sums of
products of keyed half words), whose keys are secret and random, so nobody who writes prompts can make two texts
collide; the block hashes are chained. The state after k blocks identifies the first 64 k bytes, which is what makes
looking for a known text at the head of another one cheap: one step per 64 bytes instead of one per known text.
Assumes a little-endian machine, as all of numba's CPU targets are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.extending import intrinsic

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_Function = TypeVar("_Function", bound=Callable[..., Any])

BLOCK = 64
"""Bytes per step of the text hash; also the number of places that one bucket's mask can tell apart."""
KEYS = 8
"""Secret words of the block hash: one for each 8 bytes of a block."""

# Finaliser of MurmurHash3 (public domain).
M1 = np.uint64(0xFF51AFD7ED558CCD)
M2 = np.uint64(0xC4CEB9FE1A85EC53)
_U0, _U1, _U31, _U32, _U33, _U64 = (np.uint64(n) for n in (0, 1, 31, 32, 33, 64))
_LOW = np.uint64(0xFFFFFFFF)


class Prompts(NamedTuple):
    """Rows whose prompts are looked at: Arrow offsets and bytes, and per row its group, order and two flags."""

    offsets: I64
    data: U8
    groups: U64
    orders: I64
    active: Flags
    shortest: I64


class Nodes(NamedTuple):
    """Complete prompts seen, an open-addressing table by hash; `orders` holds the earliest one of equal texts."""

    keys: U64
    orders: I64
    last_child: I64
    children: I64
    children_before: I64


class Buckets(NamedTuple):
    """At which lengths complete prompts end, by (group, head of 64 k bytes): bit i of a mask means 64 k + i."""

    bloom: U64
    keys: U64
    masks: U64


def _kernel(function: _Function) -> _Function:
    """Compile without the interpreter lock, keep the machine code on disk."""
    return cast("_Function", numba.njit(cache=True, nogil=True)(function))


def _inline(function: _Function) -> _Function:
    return cast("_Function", numba.njit(cache=True, nogil=True, inline="always")(function))


@intrinsic
def _word(typing_context: Any, data: Any, place: Any) -> Any:  # noqa: ARG001  # numba's calling convention
    """Eight bytes from any place of a byte array as one number; numpy itself cannot read unaligned words."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        value = builder.load(builder.bitcast(pointer, ir.IntType(64).as_pointer()))
        value.align = 1
        return value

    return numba.types.uint64(data, numba.types.int64), generate


_load = cast("Callable[[U8, int], np.uint64]", _word)


@_inline
def _mix(value: np.uint64) -> np.uint64:
    value = (value ^ (value >> _U33)) * M1
    value = (value ^ (value >> _U33)) * M2
    return value ^ (value >> _U33)


@_inline
def _half_product(word: np.uint64, key: np.uint64) -> np.uint64:
    low = ((word & _LOW) + (key & _LOW)) & _LOW
    high = ((word >> _U32) + (key >> _U32)) & _LOW
    return low * high


@_inline
def _chain(state: np.uint64, block: np.uint64) -> np.uint64:
    state = (state ^ block) * M1
    return state ^ (state >> _U31)


@_kernel
def _block(data: U8, start: int, keys: U64) -> np.uint64:
    total = _U0
    for i in range(KEYS):
        total += _half_product(_load(data, start + 8 * i), keys[i])
    return total


@_kernel
def _tail(data: U8, start: int, size: int, keys: U64) -> np.uint64:
    """The block hash of fewer than 64 bytes, as if zeros followed; the length goes into the text's hash."""
    total = _U0
    for i in range(KEYS):
        word = _U0
        if 8 * i + 8 <= size:
            word = _load(data, start + 8 * i)
        elif 8 * i < size:
            for j in range(size - 8 * i):
                word |= np.uint64(data[start + 8 * i + j]) << np.uint64(8 * j)
        total += _half_product(word, keys[i])
    return total


@_inline
def _never_zero(key: np.uint64) -> np.uint64:
    return key if key != _U0 else _U1


@_kernel
def _node_key(state: np.uint64, tail: np.uint64, length: int) -> np.uint64:
    return _never_zero(_mix(_chain(state, tail) ^ np.uint64(length)))


@_kernel
def _find(keys: U64, key: np.uint64) -> int:
    """Slot that holds the key, or the free slot where it belongs."""
    last = np.uint64(keys.size - 1)
    slot = (key * M2 >> _U32) & last
    while keys[slot] != _U0 and keys[slot] != key:
        slot = (slot + _U1) & last
    return np.int64(slot)  # type: ignore[return-value]  # to numba an int64 is an int


@_kernel
def _longest_end(
    text: tuple[U8, int, int], state: np.uint64, order: int, secret: U64, nodes: Nodes, mask: np.uint64
) -> tuple[int, int]:
    """Slot and offset of the longest complete earlier prompt that ends within 64 bytes of a place, or (-1, -1)."""
    data, start, room = text
    for offset in range(BLOCK - 1, -1, -1):
        if offset < room and (mask >> np.uint64(offset)) & _U1:
            # The length is taken from the state's own chain; here only the offset tells ends of one block apart.
            slot = _find(nodes.keys, _node_key(state, _tail(data, start, offset, secret), offset))
            if nodes.keys[slot] != _U0 and nodes.orders[slot] < order:
                return slot, offset
    return -1, -1


@_kernel
def _remember(key: np.uint64, bucket: np.uint64, offset: int, order: int, nodes: Nodes, buckets: Buckets) -> int:
    """Enter one complete prompt; returns 1 if it is a new node, plus 2 if it is a new bucket."""
    added = 0
    slot = _find(nodes.keys, key)
    if nodes.keys[slot] == _U0:
        nodes.keys[slot] = key
        nodes.orders[slot] = order
        added = 1
    elif order < nodes.orders[slot]:
        nodes.orders[slot] = order
    place = _find(buckets.keys, bucket)
    if buckets.keys[place] == _U0:
        buckets.keys[place] = bucket
        bit = bucket & np.uint64(buckets.bloom.size * 64 - 1)
        buckets.bloom[bit >> np.uint64(6)] |= _U1 << (bit & np.uint64(63))
        added += 2
    buckets.masks[place] |= _U1 << np.uint64(offset)
    return added


@_kernel
def follow(
    prompts: Prompts, secret: U64, nodes: Nodes, buckets: Buckets, task: tuple[bool, bool], parents: I64, cuts: I64
) -> tuple[int, int]:
    """For each row the longest strictly earlier prompt of its group that is its head, and enter the row itself.

    Args:
        prompts: rows, see Prompts; inactive rows are skipped.
        secret: KEYS random words.
        nodes: table of complete prompts; must have room for all rows.
        buckets: table of their ends; must have room for all rows.
        task: (look for heads, enter the row); with both, rows must come in order.
        parents: result, one per row: slot of the head's node, or -1.
        cuts: result, one per row: bytes of that head.

    Returns:
        How many nodes and buckets were added.
    """
    look, enter = task
    bloom_last = np.uint64(buckets.bloom.size * 64 - 1)
    new_nodes = new_buckets = 0
    for row in range(prompts.groups.size):
        parents[row] = -1
        cuts[row] = 0
        start = prompts.offsets[row]
        length = prompts.offsets[row + 1] - start
        if not prompts.active[row] or length < prompts.shortest[row] or length == 0:
            continue
        state = _mix(prompts.groups[row])
        whole = length // BLOCK
        for k in range(whole + 1):
            if k:
                state = _chain(state, _block(prompts.data, start + (k - 1) * BLOCK, secret))
            bucket = _never_zero(_mix(state))
            bit = bucket & bloom_last
            if look and (buckets.bloom[bit >> np.uint64(6)] >> (bit & np.uint64(63))) & _U1:
                place = _find(buckets.keys, bucket)
                if buckets.keys[place] != _U0:
                    text = (prompts.data, start + k * BLOCK, length - k * BLOCK)
                    slot, offset = _longest_end(text, state, prompts.orders[row], secret, nodes, buckets.masks[place])
                    if slot >= 0:
                        parents[row] = slot
                        cuts[row] = k * BLOCK + offset
        if enter:
            rest = length - whole * BLOCK
            key = _node_key(state, _tail(prompts.data, start + whole * BLOCK, rest, secret), rest)
            added = _remember(key, _never_zero(_mix(state)), rest, prompts.orders[row], nodes, buckets)
            new_nodes += added & 1
            new_buckets += added >> 1
    return new_nodes, new_buckets


@_kernel
def count_children(parents: I64, orders: I64, limit: int, nodes: Nodes, cuts: I64) -> None:
    """Take back the cut of each row whose head already had `limit` strictly earlier continuations.

    Rows must come in order; calls may follow one another.
    """
    for row in range(parents.size):
        slot = parents[row]
        if slot < 0:
            continue
        if nodes.children[slot] == 0 or orders[row] != nodes.last_child[slot]:
            nodes.children_before[slot] = nodes.children[slot]
            nodes.last_child[slot] = orders[row]
        nodes.children[slot] += 1
        if nodes.children_before[slot] >= limit:
            cuts[row] = 0


@_kernel
def move_nodes(old: Nodes, new: Nodes) -> None:
    """Copy every node into a larger, empty table."""
    for slot in range(old.keys.size):
        if old.keys[slot] != _U0:
            place = _find(new.keys, old.keys[slot])
            new.keys[place] = old.keys[slot]
            new.orders[place] = old.orders[slot]
            new.last_child[place] = old.last_child[slot]
            new.children[place] = old.children[slot]
            new.children_before[place] = old.children_before[slot]


@_kernel
def move_buckets(old: Buckets, new: Buckets) -> None:
    """Copy every bucket into a larger, empty table."""
    last = np.uint64(new.bloom.size * 64 - 1)
    for slot in range(old.keys.size):
        if old.keys[slot] != _U0:
            key = old.keys[slot]
            place = _find(new.keys, key)
            new.keys[place] = key
            new.masks[place] = old.masks[slot]
            bit = key & last
            new.bloom[bit >> np.uint64(6)] |= _U1 << (bit & np.uint64(63))


@_kernel
def hash_rows(offsets: I64, data: U8, secret: U64, hashes: U64) -> None:
    """Fold each row's bytes into its running hash (start it at 0, call once per column of a key)."""
    for row in range(offsets.size - 1):
        start = offsets[row]
        length = offsets[row + 1] - start
        state = _mix(hashes[row] + _U1)
        for k in range(length // BLOCK):
            state = _chain(state, _block(data, start + k * BLOCK, secret))
        rest = length % BLOCK
        hashes[row] = _mix(_chain(state, _tail(data, start + length - rest, rest, secret)) ^ np.uint64(length))


@_kernel
def look_up(names: U64, keys: U64, indices: I64, found: I64) -> None:
    """Index stored for each name in an open-addressing table, -1 where there is none."""
    for row in range(names.size):
        slot = _find(keys, _never_zero(names[row]))
        found[row] = indices[slot] if keys[slot] != _U0 else -1


@_kernel
def enter(names: U64, values: I64, keys: U64, indices: I64) -> None:
    """Store an index for each name; the table must have room."""
    for row in range(names.size):
        slot = _find(keys, _never_zero(names[row]))
        keys[slot] = _never_zero(names[row])
        indices[slot] = values[row]


@_kernel
def mark_seen(hashes: U64, once: U64, twice: U64) -> int:
    """Two bit maps over hashes: met at least once, met at least twice (false positives only); how many were met."""
    met = 0
    last = np.uint64(once.size * 64 - 1)
    for row in range(hashes.size):
        bit = hashes[row] & last
        word, flag = bit >> np.uint64(6), _U1 << (bit & np.uint64(63))
        if once[word] & flag:
            twice[word] |= flag
            met += 1
        else:
            once[word] |= flag
    return met


@_kernel
def was_seen(hashes: U64, seen: U64, found: Flags) -> None:
    """Look hashes up in a bit map."""
    last = np.uint64(seen.size * 64 - 1)
    for row in range(hashes.size):
        bit = hashes[row] & last
        found[row] = (seen[bit >> np.uint64(6)] >> (bit & np.uint64(63))) & _U1 != _U0


@_kernel
def cut_heads(offsets: I64, data: U8, cuts: I64, new_offsets: I64, new_data: U8) -> None:
    """Copy texts without their first `cuts` bytes; the new arrays must have the right sizes."""
    written = 0
    for row in range(cuts.size):
        new_offsets[row] = written
        start, end = offsets[row] + cuts[row], offsets[row + 1]
        new_data[written : written + end - start] = data[start:end]
        written += end - start
    new_offsets[cuts.size] = written


# State of the splitter of JSON arrays.
_DEPTH, _IN_STRING, _ESCAPED = 0, 1, 2


@_kernel
def split_array(data: U8, state: I64, ends: I64) -> int:
    """Find the commas and the bracket that end the elements of a JSON array.

    Args:
        data: next piece of the file, after the opening bracket.
        state: (depth, inside a string, after a backslash); kept between pieces.
        ends: result: places just after each element; must have room for len(data).

    Returns:
        Number of ends found; the last one is negative (-place) where the array closes.
    """
    found = 0
    for i in range(data.size):
        byte = data[i]
        if state[_ESCAPED]:
            state[_ESCAPED] = 0
        elif state[_IN_STRING]:
            if byte == 0x5C:
                state[_ESCAPED] = 1
            elif byte == 0x22:
                state[_IN_STRING] = 0
        elif byte == 0x22:
            state[_IN_STRING] = 1
        elif byte in (0x7B, 0x5B):
            state[_DEPTH] += 1
        elif byte in (0x7D, 0x5D):
            if state[_DEPTH] == 0:
                ends[found] = -i - 1
                return found + 1
            state[_DEPTH] -= 1
        elif byte == 0x2C and state[_DEPTH] == 0:
            ends[found] = i
            found += 1
    return found
