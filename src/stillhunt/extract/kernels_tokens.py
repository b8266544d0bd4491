"""Splitting of text into hashed tokens, chunk by chunk; compiled by `kernels.py`'s decorators."""

from __future__ import annotations

import numpy as np

from stillhunt.extract.kernels import (
    AT,
    CHUNK,
    ENDS,
    KEPT,
    KIND_CHARACTER,
    KIND_MASK,
    MARKS,
    NUMBER_TOKEN,
    OPEN,
    P2,
    P3,
    RING,
    STARTS,
    TOKEN_BYTES,
    U8,
    U32,
    WRITTEN,
    Work,
    classify64,
    hash_token,
    mix,
    ones,
    part,
    signed,
    trailing_zeros,
)
from stillhunt.extract.words import (
    CHARACTER,
    CLASS_SHIFT,
    FOLDED_MASK,
    LETTER,
    MATH_FIRST,
    MATH_STOP,
    SCRIPT_SHIFT,
    SCRIPTS,
    SEPARATOR,
)

_U0, _U1, _U32, _U63 = np.uint64(0), np.uint64(1), np.uint64(32), np.uint64(63)
_LATIN = SCRIPTS.index("latin")
_OTHER = SCRIPTS.index("other")
_HAN = SCRIPTS.index("han")
_JAPANESE = SCRIPTS.index("japanese")
_INVALID = -1
_IGNORED_CLASS = 3


@part
def decode(data: U8, at: int, end: int) -> tuple[int, int]:
    """Code point at a byte position and its length in bytes; (-1, 1) where the bytes are not valid UTF-8."""
    lead = signed(data[at])
    if lead < 0x80:
        return lead, 1
    if 0xC2 <= lead < 0xE0 and at + 1 < end:
        b = signed(data[at + 1])
        if b & 0xC0 == 0x80:
            return (lead & 0x1F) << 6 | (b & 0x3F), 2
    elif 0xE0 <= lead < 0xF0 and at + 2 < end:
        b, c = signed(data[at + 1]), signed(data[at + 2])
        point = (lead & 0x0F) << 12 | (b & 0x3F) << 6 | (c & 0x3F)
        if b & 0xC0 == 0x80 and c & 0xC0 == 0x80 and point >= 0x800 and not 0xD800 <= point < 0xE000:
            return point, 3
    elif 0xF0 <= lead < 0xF5 and at + 3 < end:
        b, c, d = signed(data[at + 1]), signed(data[at + 2]), signed(data[at + 3])
        point = (lead & 0x07) << 18 | (b & 0x3F) << 12 | (c & 0x3F) << 6 | (d & 0x3F)
        if b & 0xC0 == 0x80 and c & 0xC0 == 0x80 and d & 0xC0 == 0x80 and 0x10000 <= point < 0x110000:
            return point, 4
    return _INVALID, 1


@part
def look_up(point: int, table: U32) -> tuple[int, int, int]:
    """Class, script and folded form of a code point."""
    entry = 0
    if point < 0x10000:
        if point < 0:
            return SEPARATOR, 0, 32
        entry = signed(table[point])
    elif MATH_FIRST <= point < MATH_STOP:
        entry = signed(table[0x10000 + point - MATH_FIRST])
    elif 0x1B000 <= point < 0x1B170:  # historic and small kana
        return CHARACTER, _JAPANESE, point
    elif 0x1D000 <= point < 0x1FC00:  # music, mathematics, games, pictures
        return SEPARATOR, 0, 32
    elif 0x20000 <= point < 0x40000:  # supplementary ideographs
        return CHARACTER, _HAN, point
    elif 0xE0000 <= point < 0xE1000:  # tags and variation selectors
        return _IGNORED_CLASS, 0, 32
    elif point >= 0xF0000:  # private use
        return SEPARATOR, 0, 32
    else:
        return LETTER, _OTHER, point
    return (entry >> CLASS_SHIFT) & 7, (entry >> SCRIPT_SHIFT) & 15, entry & FOLDED_MASK


@part
def write_point(text: U8, at: int, point: int) -> int:
    """Write a code point as UTF-8; returns the position behind it."""
    if point < 0x80:
        text[at] = point
        return at + 1
    if point < 0x800:
        text[at] = 0xC0 | point >> 6
        text[at + 1] = 0x80 | point & 0x3F
        return at + 2
    if point < 0x10000:
        text[at] = 0xE0 | point >> 12
        text[at + 1] = 0x80 | (point >> 6) & 0x3F
        text[at + 2] = 0x80 | point & 0x3F
        return at + 3
    text[at] = 0xF0 | point >> 18
    text[at + 1] = 0x80 | (point >> 12) & 0x3F
    text[at + 2] = 0x80 | (point >> 6) & 0x3F
    text[at + 3] = 0x80 | point & 0x3F
    return at + 4


@part
def split_points(data: U8, stop: int, end: int, table: U32, work: Work) -> None:
    """Split code points from state[AT] until `stop` is reached; the general path.

    Args:
        data: bytes of all texts.
        stop: first byte position at which to stop, once a code point is complete.
        end: end of this text; nothing behind it is read.
        table: `words.code_point_table()`.
        work: scratch; `state` is moved on.
    """
    text, starts, ends, scripts, state = work.text, work.starts, work.ends, work.scripts, work.state
    at, opened, written = state[AT], state[OPEN], state[WRITTEN]
    n_starts, n_ends, marks = state[STARTS], state[ENDS], state[MARKS]
    while at < stop:
        point, size = decode(data, at, end)
        kind, script, folded = look_up(point, table)
        if kind == LETTER:
            if opened == 0:
                starts[n_starts] = written << 1
                n_starts += 1
                opened = 1
            written = write_point(text, written, folded)
            scripts[script] += 1
        elif kind == SEPARATOR:
            if opened != 0:
                ends[n_ends] = written
                n_ends += 1
                opened = 0
            text[written] = point if 0 <= point < 0x80 else 32
            written += 1
            marks += script
        elif kind == CHARACTER:
            if opened != 0:
                ends[n_ends] = written
                n_ends += 1
                opened = 0
            starts[n_starts] = written << 1 | 1
            n_starts += 1
            written = write_point(text, written, folded)
            ends[n_ends] = written
            n_ends += 1
            scripts[script] += 1
        at += size
    state[AT], state[OPEN], state[WRITTEN] = at, opened, written
    state[STARTS], state[ENDS], state[MARKS] = n_starts, n_ends, marks


@part
def split_chunk(data: U8, stop: int, end: int, table: U32, work: Work) -> None:
    """Split from state[AT] until `stop`, by blocks of 64 bytes; blocks with non-ASCII bytes take the general path."""
    text, starts, ends, pad, state = work.text, work.starts, work.ends, work.pad, work.state
    while state[AT] < stop:
        at, written = state[AT], state[WRITTEN]
        size = min(end - at, 64)
        if size == 64:
            token, letters, high, marks = classify64(data, at, text, written)
        else:
            for i in range(size):
                pad[i] = data[at + i]
            token, letters, high, marks = classify64(pad, 0, text, written)
            inside = (_U1 << np.uint64(size)) - _U1
            token &= inside
            letters &= inside
            high &= inside
            marks &= inside
        if high != _U0:
            split_points(data, at + size, end, table, work)
            continue
        work.scripts[_LATIN] += ones(letters)
        state[MARKS] += ones(marks)
        before = (token << _U1) | np.uint64(state[OPEN])
        begins = token & ~before
        stops = before & ~token
        n_starts, n_ends = state[STARTS], state[ENDS]
        while begins != _U0:
            starts[n_starts] = (written + trailing_zeros(begins)) << 1
            begins &= begins - _U1
            n_starts += 1
        while stops != _U0:
            place = trailing_zeros(stops)
            if place < size:
                ends[n_ends] = written + place
                n_ends += 1
            stops &= stops - _U1
        last = np.uint64(size - 1)
        state[OPEN] = signed((token >> last) & _U1)
        state[STARTS], state[ENDS] = n_starts, n_ends
        state[AT], state[WRITTEN] = at + size, written + size


@part
def keep(work: Work, number: int, token: np.uint64, around: tuple[int, int], span: tuple[int, int, int]) -> None:
    """Store token number `number` of a text.

    Args:
        work: scratch.
        number: position of the token in its text.
        token: its hash.
        around: folded bytes before and after it.
        span: first token to keep, first not to keep, slot of the first; outside, the ring of last tokens is used
            when the span starts at 0 (the first reading).
    """
    first, stop, slot = span
    if first <= number < stop:
        place = slot + number - first
    elif first == 0:
        place = KEPT + (number & (RING - 1))
    else:
        return
    work.hashes[place] = token
    work.before[place] = around[0]
    work.after[place] = around[1]


@part
def scan(data: U8, begin: int, end: int, table: U32, work: Work, span: tuple[int, int, int]) -> tuple[int, np.uint64]:
    """Tokenise one text and keep a span of its tokens.

    Args:
        data: bytes of all texts.
        begin: first byte of this text.
        end: byte behind its last.
        table: `words.code_point_table()`.
        work: scratch; `hashes`, `before`, `after`, `scripts` and state[MARKS] are the result.
        span: which tokens to keep, as in `keep`; reading stops early when a second reading has its span.

    Returns:
        Number of tokens and the hash over all of them in order, 0 for none.
    """
    text, starts, ends, state = work.text, work.starts, work.ends, work.state
    work.scripts[:] = 0
    state[:] = 0
    state[AT], state[WRITTEN] = begin, 1
    text[0] = 32
    number, whole = 0, P3
    in_number, cut_before = False, 0
    while True:
        split_chunk(data, min(state[AT] + CHUNK, end), end, table, work)
        final = state[AT] >= end
        text[state[WRITTEN]] = 32
        if final and state[OPEN] != 0:
            ends[state[ENDS]] = state[WRITTEN]
            state[ENDS] += 1
            state[OPEN] = 0
        complete = state[ENDS]
        held = state[STARTS]
        carried = 0
        for i in range(held):
            s = signed(starts[i]) >> 1
            e = signed(ends[i]) if i < complete else state[WRITTEN]
            if i > 0:
                cut_before = 0
            digit = 48 <= text[s] < 58
            if (cut_before == 0 and digit) or cut_before == 2:
                if not in_number:
                    whole = (whole ^ NUMBER_TOKEN) * P2
                    whole ^= whole >> _U32
                    keep(work, number, NUMBER_TOKEN, (text[s - 1], text[e]), span)
                    number += 1
                    in_number = True
                if i >= complete:
                    cut_before = 2
                    s = e
            else:
                in_number = False
                while e - s > TOKEN_BYTES or (i < complete and s < e):
                    cut = e
                    if e - s > TOKEN_BYTES:
                        cut = s + TOKEN_BYTES
                        while text[cut] & 0xC0 == 0x80:
                            cut -= 1
                    token = hash_token(text, s, cut)
                    if starts[i] & 1 != 0:
                        token = (token & ~KIND_MASK) | KIND_CHARACTER
                    whole = (whole ^ token) * P2
                    whole ^= whole >> _U32
                    keep(work, number, token, (text[s - 1], text[cut]), span)
                    number += 1
                    s = cut
                    cut_before = 1
            carried = e - s
            if i >= complete:
                for j in range(carried + 1):
                    text[j] = text[s - 1 + j]
        if final or (span[0] != 0 and number >= span[1]):
            break
        if state[OPEN] == 0:
            text[0] = text[state[WRITTEN] - 1]
            carried = 0
            cut_before = 0
        starts[0] = 2
        state[STARTS] = state[OPEN]
        state[ENDS] = 0
        state[WRITTEN] = 1 + carried
    return number, mix(whole) if number > 0 else _U0
