"""Kernels on bytes: a hash of texts, small hash tables, and a splitter of JSON arrays.

A text is hashed in blocks of 64 bytes. Each block goes through a universal hash (NH of UMAC, RFC 4418: sums of
products of keyed 32-bit words) with secret random keys, so that nobody who writes prompts can make two texts collide;
the block hashes are chained. The state after k blocks identifies the first 64 k bytes, so that finding a known text at
the beginning of another one takes one step per 64 bytes instead of one step per known text.
Assumes a little-endian machine, as all of numba's CPU targets are.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.extending import intrinsic

from stillhunt.base.arrays import I64, M1, M2, U8, U64
from stillhunt.base.compiled import NOT_FROM_PYTHON

Flags = npt.NDArray[np.bool_]
_Function = TypeVar("_Function", bound=Callable[..., Any])
HASH_BLOCK = 64
"""Bytes per step of the text hash; also the number of places that the mask of one bucket has."""
KEYS = 8
"""Secret words of the block hash, one for each 8 bytes of a block."""

# Finaliser of MurmurHash3 (public domain).
_U0, _U1, _U31, _U32, _U33 = (np.uint64(n) for n in (0, 1, 31, 32, 33))
_LOW = np.uint64(0xFFFFFFFF)
_TAIL_MASKS = (255 * np.tri(HASH_BLOCK, HASH_BLOCK, -1, np.uint8)).view(np.uint64)
"""By the size of a text of fewer than 64 bytes, what of each word belongs to it."""
_UNCOUNTED: dict[str, Any] = {"_nrt": False}
"""Arrays without reference counts."""


def kernel(function: _Function) -> _Function:
    """Compile without the interpreter lock, keep the machine code on disk.

    It allocates nothing, so it needs no reference counts: they would cost two calls at each use of an array.
    """
    return cast("_Function", numba.njit(cache=True, nogil=True, **_UNCOUNTED)(function))


def allocating_kernel(function: _Function) -> _Function:
    """The same for one that makes arrays."""
    return cast("_Function", numba.njit(cache=True, nogil=True)(function))


def inline(function: _Function) -> _Function:
    """A kernel that is written into each of its callers."""
    return cast("_Function", numba.njit(nogil=True, forceinline=True, **_UNCOUNTED, **NOT_FROM_PYTHON)(function))


@intrinsic
def _emit_word_load(typing_context: Any, data: Any, place: Any) -> Any:  # noqa: ARG001  # numba's calling convention
    """Eight bytes from any place of a byte array as one number; numpy itself cannot read unaligned words."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        value = builder.load(builder.bitcast(pointer, ir.IntType(64).as_pointer()))
        value.align = 1
        return value

    return numba.types.uint64(data, numba.types.int64), generate


load_word = cast("Callable[[U8, int], np.uint64]", _emit_word_load)


@intrinsic
def _emit_prefetch(typing_context: Any, table: Any, place: Any) -> Any:  # noqa: ARG001  # numba's calling convention
    """Prefetch a place of a table that will soon be read or written, so that waits for memory overlap."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], kind)
        builder.call(function, [pointer, number(1), number(3), number(1)])
        return context.get_dummy_value()

    return numba.types.void(table, numba.types.int64), generate


prefetch = cast("Callable[[U64, np.int64], None]", _emit_prefetch)


@inline
def mix(value: np.uint64) -> np.uint64:
    """MurmurHash3's finaliser: each bit of the result depends on all bits of the value."""
    value = (value ^ (value >> _U33)) * M1
    value = (value ^ (value >> _U33)) * M2
    return value ^ (value >> _U33)


@inline
def _half_product(word: np.uint64, key: np.uint64) -> np.uint64:
    low = ((word & _LOW) + (key & _LOW)) & _LOW
    high = ((word >> _U32) + (key >> _U32)) & _LOW
    return low * high


@inline
def chain(state: np.uint64, block: np.uint64) -> np.uint64:
    """State of a text after one more block."""
    state = (state ^ block) * M1
    return state ^ (state >> _U31)


@inline
def block_hash(data: U8, start: int, keys: U64) -> np.uint64:
    """Hash of 64 bytes from a place."""
    total = _U0
    for i in range(KEYS):
        total += _half_product(load_word(data, start + 8 * i), keys[i])
    return total


@inline
def tail_hash(data: U8, start: int, size: int, keys: U64) -> np.uint64:
    """The block hash of fewer than 64 bytes, as if zeros followed; the length goes into the text's hash."""
    total = _U0
    if start + HASH_BLOCK <= data.size:  # no branch, so that it runs on vectors
        for i in range(KEYS):
            total += _half_product(load_word(data, start + 8 * i) & _TAIL_MASKS[size, i], keys[i])
        return total
    for i in range(KEYS):
        word = _U0
        for j in range(8 * i, min(size, 8 * i + 8)):
            word |= np.uint64(data[start + j]) << np.uint64(8 * (j - 8 * i))
        total += _half_product(word, keys[i])
    return total


@inline
def never_zero(key: np.uint64) -> np.uint64:
    """A key for tables in which 0 stands for a free slot."""
    return key if key != _U0 else _U1


@kernel
def _find_table_slot(keys: U64, key: np.uint64) -> int:
    """Slot that holds the key, or the free slot where it belongs."""
    last = np.uint64(keys.size - 1)
    slot = (key * M2 >> _U32) & last
    while keys[slot] != _U0 and keys[slot] != key:
        slot = (slot + _U1) & last
    return np.int64(slot)  # type: ignore[return-value]  # to numba an int64 is an int


@kernel
def hash_rows(offsets: I64, data: U8, secret: U64, hashes: U64) -> None:
    """Fold each row's bytes into its running hash (start it at 0, call once per column of a key)."""
    for row in range(offsets.size - 1):
        start = offsets[row]
        length = offsets[row + 1] - start
        state = mix(hashes[row] + _U1)
        for k in range(length // HASH_BLOCK):
            state = chain(state, block_hash(data, start + k * HASH_BLOCK, secret))
        rest = length % HASH_BLOCK
        hashes[row] = mix(chain(state, tail_hash(data, start + length - rest, rest, secret)) ^ np.uint64(length))


@kernel
def look_up(names: U64, keys: U64, indices: I64, found: I64) -> None:
    """Index stored for each name in an open-addressing table, -1 if there is none."""
    for row in range(names.size):
        slot = _find_table_slot(keys, never_zero(names[row]))
        found[row] = indices[slot] if keys[slot] != _U0 else -1


@kernel
def enter(names: U64, values: I64, keys: U64, indices: I64) -> None:
    """Store an index for each name; the table must have room."""
    for row in range(names.size):
        slot = _find_table_slot(keys, never_zero(names[row]))
        keys[slot] = never_zero(names[row])
        indices[slot] = values[row]


@kernel
def mark_seen(hashes: U64, once: U64, twice: U64) -> int:
    """Mark hashes in bit maps: seen once, and at least twice (with false positives, no false negatives).

    How many more rows now have a hash that was seen twice, the first row of each such hash included.
    """
    several = 0
    last = np.uint64(once.size * 64 - 1)
    for row in range(hashes.size):
        bit = hashes[row] & last
        word, flag = bit >> np.uint64(6), _U1 << (bit & np.uint64(63))
        if once[word] & flag:
            several += 1 if twice[word] & flag else 2
            twice[word] |= flag
        else:
            once[word] |= flag
    return several


@kernel
def was_seen(hashes: U64, seen: U64, found: Flags) -> None:
    """Look hashes up in a bit map."""
    last = np.uint64(seen.size * 64 - 1)
    for row in range(hashes.size):
        bit = hashes[row] & last
        found[row] = (seen[bit >> np.uint64(6)] >> (bit & np.uint64(63))) & _U1 != _U0


# State of the splitter of JSON arrays.
_DEPTH, _IN_STRING, _ESCAPED = 0, 1, 2


@kernel
def split_array(data: U8, state: I64, ends: I64) -> int:
    """Find the commas and the bracket that end the elements of a JSON array, in pieces after the opening one.

    `state` (depth, inside a string, after a backslash) is kept between pieces; `ends` has room for len(data). Gives the
    number of ends; the last one is negative (-place) where the array closes.
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


@allocating_kernel
def windows(same: Any, times: Any, most: int) -> Any:
    """Group of each row, in time order: rows of the kind of the one before (`same`), within `most` of the first."""
    group = np.empty(len(times), np.int64)
    number, first = -1, 0
    for row in range(len(times)):
        if number < 0 or not same[row] or times[row] - times[first] > most:
            number += 1
            first = row
        group[row] = number
    return group
