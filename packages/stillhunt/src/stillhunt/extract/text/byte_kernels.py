"""Bytes of a text: machine instructions, hashes and the scratch memory that all kernels of this folder share.

A text is read in chunks of CHUNK bytes. Blocks of 64 plain ASCII bytes are classified with vector instructions into bit
masks; any other block is decoded code point by code point. Both write folded bytes into one scratch text and note where
tokens start and end, so that a second loop can hash tokens without caring which path they came from. Assumes a
little-endian machine, as all CPUs that numba compiles for are.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic as numba_intrinsic

from stillhunt.base.arrays import I32, I64, M1, M2, U8, U64
from stillhunt.base.compiled import NOT_FROM_PYTHON

_Function = TypeVar("_Function", bound=Callable[..., Any])
CHUNK = 8192
"""Source bytes tokenised at a time."""
ROOM = CHUNK // 2 + 256
"""Most tokens of one chunk: every token is followed by a separator, or is a character of three bytes."""
KEPT = 4096
"""Chunks that begin before this token are kept whole; of longer texts the middle is read a second time."""
LATER_AT = 1024
"""Slot at which the tokens of later chunks are laid, over others that are no longer needed."""
LANES = 32
"""Tokens that vector loops take at a time, also beyond the last one: a loop without a remainder has no slow end."""
LAST = 200
"""Last tokens of a text of several chunks that are kept, at slot LAST_AT."""
LAST_AT = KEPT + ROOM
SPARE_AT = LAST_AT + LAST
"""Slot for a few tokens of a second reading."""
TOKEN_BYTES = 64
"""A longer token is cut into pieces of at most so many bytes, each a token."""

# Low bits of a token hash: what kind of token it is.
KIND_MASK = np.uint64(3)
KIND_OTHER, KIND_CONTENT, KIND_NUMBER, KIND_CHARACTER = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3)

# Odd constants of xxHash64 and the finaliser of MurmurHash3 (both public domain): fixed for ever under SKETCH_VERSION.
P1 = np.uint64(0x9E3779B185EBCA87)
P2 = np.uint64(0xC2B2AE3D27D4EB4F)
P3 = np.uint64(0x165667B19E3779F9)
NOTE_SIZE, NOTE_KIND = np.uint64(31), np.uint64(8)
"""Work.notes: the size of a token of up to 16 bytes, and from bit 8 on its kind where its bytes do not tell it. Size 0
means that the hash is made already and stands in Work.firsts."""
NUMBER_TOKEN = np.uint64(0x8E5D3A6FB1C24796) & ~KIND_MASK | KIND_NUMBER
_BIT6 = np.uint64(0x4040404040404040)
_LOW = np.uint64(0x0101010101010101)
_U0, _U1, _U2, _U6, _U7, _U8, _U10 = (np.uint64(n) for n in (0, 1, 2, 6, 7, 8, 10))
_U29, _U32, _U33, _U48, _U255 = (np.uint64(n) for n in (29, 32, 33, 48, 255))
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
_DIGITS, _LOW_BITS, _ABOVE_NINE = (_LOW * np.uint64(byte) for byte in (0x30, 0x7F, 0x76))


class Work(NamedTuple):
    """Scratch of one thread; all sizes are constants, so no text can make memory grow.

    `text` holds the folded bytes of one chunk, `edges` where its tokens start and end; `firsts` and `seconds` the
    sixteen bytes from the start of each, `notes` its size and kind; `hashes`, `before` and `after` are tokens and the
    bytes around them.
    """

    text: U8
    edges: I32
    pad: U8
    firsts: U64
    seconds: U64
    notes: U64
    hashes: U64
    before: U8
    after: U8
    scripts: I64
    first_scripts: I64
    state: I64


def new_work() -> Work:
    """Fresh scratch."""
    tokens = SPARE_AT + 4 * LANES
    return Work(
        np.zeros(CHUNK * 3 // 2 + 1024, np.uint8),
        np.zeros(2 * CHUNK + 1024, np.int32),
        np.zeros(64, np.uint8),
        np.zeros(ROOM, np.uint64),
        np.zeros(ROOM, np.uint64),
        np.zeros(ROOM, np.uint64),
        np.zeros(tokens, np.uint64),
        np.zeros(tokens, np.uint8),
        np.zeros(tokens, np.uint8),
        np.zeros(16, np.int64),
        np.zeros(16, np.int64),
        np.zeros(8, np.int64),
    )


# Slots of Work.state: how the splitting of one text stands between chunks.
AT, WRITTEN, MARKS, EDGES, GENERAL, WRAPPED = 0, 1, 2, 3, 4, 5


# No kernel allocates, so nothing needs numba's reference counts; they would cost two calls at each use of an array.
_OPTIONS: dict[str, Any] = {"nogil": True, "boundscheck": False, "error_model": "numpy", "_nrt": False}


def part(function: _Function) -> _Function:
    """Compile a function as a part that is written into each of its callers.

    Always inlined: a call passes every array of a scratch tuple as seven words, which costs more than most parts do.
    """
    return cast("_Function", numba.njit(**_OPTIONS, **NOT_FROM_PYTHON, forceinline=True)(function))


def entry_point(function: _Function) -> _Function:
    """Compile a function that Python calls; its machine code is kept on disk."""
    return cast("_Function", numba.njit(**_OPTIONS, cache=True)(function))


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Declare a function that writes machine instructions itself."""
    return cast("Callable[..., Any]", numba_intrinsic(function))


_types: Any = numba.types  # only a part of numba is annotated, so strict mypy would refuse calls to the rest
_I8, _I64 = ir.IntType(8), ir.IntType(64)
_VECTOR = ir.VectorType(_I8, 64)


def _make_splat_constant(value: int) -> ir.Constant:
    return ir.Constant(_VECTOR, [value] * 64)


def _mask(builder: Any, flags: Any) -> Any:
    """Flags of 64 bytes as one number, made where the flags are.

    The empty assembly holds it there: LLVM else moves the conversion behind later branches, and takes flags that cross
    a branch apart one by one.
    """
    held = ir.InlineAsm(ir.FunctionType(_I64, [_I64]), "", "=r,0", side_effect=False)
    return builder.call(held, [builder.bitcast(flags, _I64)])


def _locate_array_element(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


@intrinsic
def load64(typing_context: Any, array: Any, index: Any) -> Any:  # noqa: ARG001  # numba's calling convention
    """Eight bytes from any byte position, as one little-endian number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _locate_array_element(context, builder, signature.args[0], arguments[0], arguments[1])
        loaded = builder.load(builder.bitcast(pointer, _I64.as_pointer()))
        loaded.align = 1
        return loaded

    return _types.uint64(array, _types.int64), generate


@intrinsic
def get(typing_context: Any, array: Any, index: Any) -> Any:  # noqa: ARG001  # numba's calling convention
    """array[index] for an index that is known to be inside: no negative index counts from the end."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_locate_array_element(context, builder, signature.args[0], arguments[0], arguments[1]))

    return array.dtype(array, _types.int64), generate


@intrinsic
def put(typing_context: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001  # numba's calling convention
    """array[index] = value, likewise."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(
            arguments[2], _locate_array_element(context, builder, signature.args[0], arguments[0], arguments[1])
        )
        return context.get_dummy_value()

    return _types.none(array, _types.int64, array.dtype), generate


@intrinsic
def trailing_zeros(typing_context: Any, value: Any) -> Any:  # noqa: ARG001  # numba's calling convention
    """Number of zero bits below the lowest one bit; 64 for none."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001  # same
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return _types.int64(_types.uint64), generate


@intrinsic
def ones(typing_context: Any, value: Any) -> Any:  # noqa: ARG001  # numba's calling convention
    """Number of one bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001  # same
        return builder.ctpop(arguments[0])

    return _types.int64(_types.uint64), generate


@intrinsic
def classify64(typing_context: Any, source: Any, at: Any, target: Any, to: Any) -> Any:  # noqa: ARG001  # same
    """Lower-case 64 bytes of source into target; masks of token bytes, letters, non-ASCII bytes and code marks."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        b = builder
        pointer = _locate_array_element(context, b, signature.args[0], arguments[0], arguments[1])
        raw = b.load(b.bitcast(pointer, _VECTOR.as_pointer()))
        raw.align = 1
        upper = b.icmp_unsigned("<", b.sub(raw, _make_splat_constant(65)), _make_splat_constant(26))
        lower = b.select(upper, b.add(raw, _make_splat_constant(32)), raw)
        letters = b.icmp_unsigned("<", b.sub(lower, _make_splat_constant(97)), _make_splat_constant(26))
        token = b.or_(letters, b.icmp_unsigned("<", b.sub(raw, _make_splat_constant(48)), _make_splat_constant(10)))
        token = b.or_(token, b.icmp_unsigned("==", raw, _make_splat_constant(95)))
        token = b.or_(token, b.icmp_unsigned("==", raw, _make_splat_constant(39)))
        high = b.icmp_unsigned(">=", raw, _make_splat_constant(128))
        marks = b.icmp_unsigned("==", raw, _make_splat_constant(ord("{")))
        for mark in "}[];=<>\\`":
            marks = b.or_(marks, b.icmp_unsigned("==", raw, _make_splat_constant(ord(mark))))
        out = _locate_array_element(context, b, signature.args[2], arguments[2], arguments[3])
        stored = b.store(lower, b.bitcast(out, _VECTOR.as_pointer()))
        stored.align = 1
        return context.make_tuple(b, signature.return_type, [_mask(b, m) for m in (token, letters, high, marks)])

    masks = _types.UniTuple(_types.uint64, 4)
    return masks(source, _types.int64, target, _types.int64), generate


@part
def signed(value: Any) -> int:
    """As int64: numba turns uint64 mixed with int64 into a float."""
    return np.int64(value)  # type: ignore[return-value]  # compiled code knows no other int


@part
def mix(value: np.uint64) -> np.uint64:
    """Finaliser of MurmurHash3: every input bit reaches every output bit."""
    value ^= value >> _U33
    value *= M1
    value ^= value >> _U33
    value *= M2
    return value ^ (value >> _U33)


@part
def hash_bytes(data: U8, begin: int, end: int, seed: np.uint64) -> np.uint64:
    """64-bit hash of data[begin:end], four lanes of eight bytes at a time (the construction of xxHash64)."""
    a, b, c, d = seed + P1, seed + P2, seed ^ P3, seed - P1
    at = begin
    while at + 32 <= end:
        a = (a ^ load64(data, at)) * P1
        b = (b ^ load64(data, at + 8)) * P2
        c = (c ^ load64(data, at + 16)) * P1
        d = (d ^ load64(data, at + 24)) * P2
        a ^= a >> _U32
        b ^= b >> _U29
        c ^= c >> _U32
        d ^= d >> _U29
        at += 32
    h = mix(a) + mix(b + P3) * P2 + mix(c ^ P2) * P3 + mix(d + P1) * P1 + np.uint64(end - begin)
    while at + 8 <= end:
        h = mix(h ^ load64(data, at)) * P1
        at += 8
    rest = _U0
    shift = _U0
    while at < end:
        rest |= np.uint64(data[at]) << shift
        shift += np.uint64(8)
        at += 1
    return mix(h ^ rest)


@part
def without_digits(x: np.uint64) -> bool:
    """True if none of eight bytes is 0 to 9: each has its high bit set after 0x30 to 0x39 became 0 to 9."""
    x ^= _DIGITS
    return bool(((((x & _LOW_BITS) + _ABOVE_NINE) | x) & ~_LOW_BITS) == ~_LOW_BITS)


@part
def hash_numbers(data: U8, begin: int, end: int, words: np.uint64) -> np.uint32:
    """Hash of the runs of digits in data[begin:end], 0 for none; without `words` no number can be guessed from it."""
    h, inside, at = words, False, begin
    while at < end:
        if at + 8 <= end and without_digits(load64(data, at)):
            h = mix(h) if inside else h
            inside = False
            at += 8
            continue
        digit = np.uint8(get(data, at) - np.uint8(48))
        if digit < 10:
            h = (h ^ np.uint64(digit + 1)) * P1
            inside = True
        elif inside:
            h = mix(h)
            inside = False
        at += 1
    h = mix(h) if inside else h
    return np.uint32(h >> _U32) if h != words else np.uint32(0)


@part
def hash_pair(h: np.uint64, x: np.uint64, y: np.uint64) -> np.uint64:
    """One round of the token hash over two words of eight bytes."""
    h = (h ^ x) * P2
    h ^= h >> _U32
    h = (h ^ y) * P3
    return h ^ (h >> _U29)


@part
def not_letters(x: np.uint64, mask: np.uint64) -> np.uint64:
    """Nonzero if a byte under the mask is not part of a letter.

    A byte is part of a letter when bits 6 and 5 are set (a-z; not digits, _ or ') or bit 7 is (beyond ASCII).
    """
    return (((x & (x << _U1)) | (x >> _U1)) ^ mask) & mask & _BIT6


@part
def continuations(x: np.uint64) -> int:
    """Bytes 10xxxxxx, which continue a code point."""
    return signed(ones((x >> _U7) & ~(x >> _U6) & _LOW))


@part
def low_bytes(count: np.uint64) -> np.uint64:
    """Mask of the lowest 0 to 8 bytes; two shifts, as one by 64 bits is undefined."""
    shift = count << _U2
    return ~((_ONES << shift) << shift)


@part
def hash_token(text: U8, begin: int, end: int) -> np.uint64:
    """Hash of the token text[begin:end] of 1 to TOKEN_BYTES bytes, its low bits saying what kind it is."""
    h = np.uint64(end - begin) * P1
    unlike, points = _U0, end - begin
    for at in range(begin, end, 16):
        size = np.uint64(min(end - at, 16))
        low, high = low_bytes(min(size, _U8)), low_bytes(max(size, _U8) - _U8)
        x, y = load64(text, at) & low, load64(text, at + 8) & high
        h = hash_pair(h, x, y)
        unlike |= not_letters(x, low) | not_letters(y, high)
        points -= continuations(x) + continuations(y)
    return (mix(h) & ~KIND_MASK) | np.uint64((unlike == _U0) & (points >= 3))


@part
def lane_token(first: np.uint64, second: np.uint64, note: np.uint64, plain: bool) -> np.uint64:
    """The hash that `hash_token` gives, of at most 16 bytes (`plain`: ASCII so far), without a branch."""
    size = note & NOTE_SIZE
    low, high = low_bytes(min(size, _U8)), low_bytes(max(size, _U8) - _U8)
    x, y = first & low, second & high
    if plain:
        unlike, points = (~(x & (x << _U1)) & low | ~(y & (y << _U1)) & high) & _BIT6, signed(size)
    else:
        unlike = not_letters(x, low) | not_letters(y, high)
        points = signed(size) - continuations(x) - continuations(y)
    token = (mix(hash_pair(size * P1, x, y)) & ~KIND_MASK) | (note >> NOTE_KIND)
    token |= np.uint64(unlike == _U0) & np.uint64(points >= 3)
    token = NUMBER_TOKEN if (x & _U255) - _U48 < _U10 else token
    return first if size == _U0 else token


@part
def hash_lanes(work: Work, place: int, count: int, number: int, plain: bool) -> np.uint64:
    """Hash `count` tokens of work.firsts, seconds and notes into work.hashes, on vectors; gives their ordered sum."""
    total, key = _U0, np.uint64(number) * P1
    for block in range(0, count, LANES):
        for lane in range(LANES):
            i = block + lane
            key += P1
            token = lane_token(get(work.firsts, i), get(work.seconds, i), get(work.notes, i), plain)
            put(work.hashes, place + i, token)
            term = mix(token + key)
            total += term if i < count else _U0
    return total
