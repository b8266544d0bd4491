"""Splitting of a text into hashed tokens, chunk by chunk."""

from typing import cast

import numpy as np

from stillhunt.base.arrays import U8, U32
from stillhunt.extract.text.byte_kernels import (
    AT,
    CHUNK,
    EDGES,
    GENERAL,
    KEPT,
    KIND_CHARACTER,
    LAST,
    LAST_AT,
    LATER_AT,
    MARKS,
    NOTE_KIND,
    NUMBER_TOKEN,
    TOKEN_BYTES,
    WRAPPED,
    WRITTEN,
    Work,
    classify64,
    get,
    hash_lanes,
    hash_token,
    load64,
    mix,
    ones,
    part,
    put,
    signed,
    trailing_zeros,
)
from stillhunt.extract.text.words import (
    CHARACTER,
    CLASS_SHIFT,
    FOLDED_MASK,
    IGNORED,
    LETTER,
    MATH_FIRST,
    MATH_STOP,
    SCRIPT_SHIFT,
    SCRIPTS,
    SEPARATOR,
)

_U0, _U1 = np.uint64(0), np.uint64(1)
_U48, _U10, _U255 = np.uint64(48), np.uint64(10), np.uint64(255)
_CHARACTER_NOTE = KIND_CHARACTER << NOTE_KIND
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
_LATIN, _OTHER = SCRIPTS.index("latin"), SCRIPTS.index("other")
_HAN, _JAPANESE = SCRIPTS.index("han"), SCRIPTS.index("japanese")
_INVALID = -1
_NONE, _NO = cast("int", np.int64(0)), cast("bool", np.bool_(False))
"""Not written as 0 and False: what is called with a number that stands in the code is compiled for it once more."""
FIRST_READING = (_NONE, _NONE, _NONE)
"""As `span` of `scan`."""
DENSE = 12
"""Non-ASCII bytes of a block of 64 from which on all of it takes the general path."""


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
        return IGNORED, 0, 32
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
        stop: first byte position at which to stop, once a code point is complete.
        end: end of this text; nothing behind it is read.
        table: `words.code_point_table()`.
        work: scratch; `state` is moved on. Edges alternate between start and end of a token, shifted left by one;
            the low bit of a start marks a character that is a word by itself.
    """
    text, edges, scripts, state = work.text, work.edges, work.scripts, work.state
    at, written, n_edges, marks = state[AT], state[WRITTEN], state[EDGES], state[MARKS]
    while at < stop:
        point, size = decode(data, at, end)
        kind, script, folded = look_up(point, table)
        if kind == LETTER:
            if n_edges & 1 == 0:
                edges[n_edges] = written << 1
                n_edges += 1
            written = write_point(text, written, folded)
            scripts[script] += 1
        elif kind != IGNORED:
            if n_edges & 1 != 0:
                edges[n_edges] = written << 1
                n_edges += 1
            if kind == SEPARATOR:
                text[written] = point if 0 <= point < 0x80 else 32
                written += 1
                marks += script
            else:
                edges[n_edges] = written << 1 | 1
                written = write_point(text, written, folded)
                edges[n_edges + 1] = written << 1
                n_edges += 2
                scripts[script] += 1
        at += size
    state[AT], state[WRITTEN], state[EDGES], state[MARKS] = at, written, n_edges, marks


@part
def split_chunk(data: U8, stop: int, end: int, table: U32, work: Work) -> None:
    """Split from state[AT] until `stop`, by blocks of up to 64 ASCII bytes.

    Blocks with many non-ASCII bytes take the general path. One with a few, as an accent or a curly quote in Latin
    text, ends before the first of them, and that code point alone takes it.
    """
    text, edges, pad, state = work.text, work.edges, work.pad, work.state
    at, written, n_edges = state[AT], state[WRITTEN], state[EDGES]
    latin, marked = 0, 0
    while at < stop:
        size = min(end - at, 64)
        if at + 64 <= data.size:
            token, letters, high, marks = classify64(data, at, text, written)
        else:
            for i in range(size):
                pad[i] = data[at + i]
            token, letters, high, marks = classify64(pad, 0, text, written)
        inside = _ONES >> np.uint64(64 - size)
        high &= inside
        if high != _U0:
            dense, plain = ones(high) >= DENSE, trailing_zeros(high)
            if dense or plain == 0:
                state[AT], state[WRITTEN], state[EDGES], state[GENERAL] = at, written, n_edges, 1
                split_points(data, at + (size if dense else 1), end, table, work)
                at, written, n_edges = state[AT], state[WRITTEN], state[EDGES]
                continue
            size = plain
            inside = _ONES >> np.uint64(64 - size)
        token &= inside
        latin += ones(letters & inside)
        marked += ones(marks & inside)
        changes = (token ^ ((token << _U1) | np.uint64(n_edges & 1))) & inside
        count = ones(changes)
        done = 0
        while done < count:  # eight at a time without asking: the branches of a bit-by-bit loop cannot be predicted
            for i in range(8):
                put(edges, n_edges + done + i, (written + trailing_zeros(changes)) << 1)
                changes &= changes - _U1
            done += 8
        n_edges += count
        at += size
        written += size
    state[AT], state[WRITTEN], state[EDGES] = at, written, n_edges
    state[MARKS] += marked
    work.scripts[_LATIN] += latin


@part
def note_token(work: Work, place: int, lane: int, token: np.uint64, span: tuple[int, int]) -> None:
    """Note a token that is hashed already, and the bytes around its span of the scratch text."""
    put(work.firsts, lane, token)
    put(work.notes, lane, _U0)
    put(work.before, place + lane, get(work.text, span[0] - 1))
    put(work.after, place + lane, get(work.text, span[1]))


@part
def note_pieces(
    work: Work, token: tuple[int, int, bool], run: tuple[int, int, bool], entered: int
) -> tuple[int, bool, int, int]:
    """Note a token that is long, still open at the end of a chunk, or carried over from the chunk before.

    Args:
        token: its start and end in work.text, and whether it is complete.
        run: slot of the chunk's first token, tokens of the chunk so far, and whether the last token was a number.
        entered: how the token was entered: 0 at its start, 1 in a word of which pieces were noted, 2 in a number.

    Returns:
        Tokens of the chunk, whether the last was a number, the start of what is left of an open token, and how the
        next chunk enters it.
    """
    text = work.text
    s, e, complete = token
    place, lane, in_number = run
    if entered == 2 or (entered == 0 and s < e and 48 <= text[s] < 58):
        if not in_number:
            note_token(work, place, lane, NUMBER_TOKEN, (s - 1, e))
            lane += 1
        return lane, True, e, 2
    while e - s > TOKEN_BYTES or (complete and s < e):
        cut = e
        if e - s > TOKEN_BYTES:
            cut = s + TOKEN_BYTES
            while text[cut] & 0xC0 == 0x80:
                cut -= 1
        note_token(work, place, lane, hash_token(text, s, cut), (s, cut))
        lane += 1
        in_number = False
        s = cut
        entered = 1
    return lane, in_number, s, entered


@part
def note_short(work: Work, i: int, place: int, lane: int, in_number: bool) -> tuple[int, int, bool]:
    """Note complete tokens of at most 16 bytes from edge `i` on.

    Returns:
        The edge at which another token starts, or the end of the edges; tokens so far, and whether the last was a
        number.
    """
    text, edges = work.text, work.edges
    stop = work.state[EDGES] & ~1
    while i < stop:
        start, e = signed(get(edges, i)), signed(get(edges, i + 1)) >> 1
        s = start >> 1
        if e - s > 16:
            break
        first = load64(text, s)
        put(work.firsts, lane, first)
        put(work.seconds, lane, load64(text, s + 8))
        put(work.notes, lane, np.uint64(e - s) | (np.uint64(start & 1) * _CHARACTER_NOTE))
        put(work.before, place + lane, get(text, s - 1))
        put(work.after, place + lane, get(text, e))
        digit = bool((first & _U255) - _U48 < _U10)
        lane += 1 - signed(digit and in_number)
        in_number = digit
        i += 2
    return i, lane, in_number


@part
def emit_chunk(
    work: Work, place: int, number: int, in_number: bool, entered: int
) -> tuple[int, np.uint64, bool, int, int]:
    """Hash the tokens of one split chunk into work.hashes[place:].

    Args:
        place: slot of the first token.
        number: its number in the text.
        in_number: whether the token before was a number.
        entered: how the chunk enters its first token, as in `note_pieces`.

    Returns:
        Tokens of the chunk, what they add to the hash of the text, and as `note_pieces`.
    """
    edges, n_edges = work.edges, work.state[EDGES]
    i, lane, left = _NONE, _NONE, work.state[WRITTEN]
    while True:
        if entered == 0:
            i, lane, in_number = note_short(work, i, place, lane, in_number)
        if i >= n_edges:
            break
        complete = i + 1 < n_edges
        s = signed(get(edges, i)) >> 1
        e = signed(get(edges, i + 1)) >> 1 if complete else work.state[WRITTEN]
        lane, in_number, left, entered = note_pieces(work, (s, e, complete), (place, lane, in_number), entered)
        if complete:
            entered = 0
        i += 2
    if work.state[GENERAL] == 0:
        return lane, hash_lanes(work, place, lane, number, True), in_number, left, entered
    return lane, hash_lanes(work, place, lane, number, False), in_number, left, entered


@part
def copy_tokens(work: Work, source: int, target: int, count: int) -> None:
    """Copy kept tokens to lower slots, or to slots that do not overlap."""
    for i in range(count):
        put(work.hashes, target + i, get(work.hashes, source + i))
        put(work.before, target + i, get(work.before, source + i))
        put(work.after, target + i, get(work.after, source + i))


@part
def keep_last(work: Work, place: int, count: int) -> None:
    """Append `count` tokens to the last LAST of the text."""
    if count < LAST:
        copy_tokens(work, LAST_AT + count, LAST_AT, LAST - count)
    kept = min(count, LAST)
    copy_tokens(work, place + count - kept, LAST_AT + LAST - kept, kept)


@part
def scan(data: U8, begin: int, end: int, table: U32, work: Work, span: tuple[int, int, int]) -> tuple[int, np.uint64]:
    """Tokenise one text.

    Args:
        begin: first byte of this text.
        table: `words.code_point_table()`.
        work: scratch. After a first reading `hashes`, `before` and `after` hold the tokens from slot 0: all of them,
            or if state[WRAPPED] is 1 the first FRESH and, at LAST_AT, the last LAST; `scripts` and state[MARKS] count
            letters and code marks.
        span: FIRST_READING, or for a second reading the first token wanted, the one behind the last, and the slot to
            copy them to.

    Returns:
        Number of tokens and the hash over all of them in order, 0 for none; both are partial after a second reading.
    """
    text, edges, state = work.text, work.edges, work.state
    work.scripts[:] = 0
    state[:] = 0
    state[AT], state[WRITTEN] = begin, 1
    text[0] = 32
    number, text_hash, in_number, entered = _NONE, _U0, _NO, _NONE
    while True:
        split_chunk(data, min(state[AT] + CHUNK, end), end, table, work)
        written = state[WRITTEN]
        text[written] = 32
        final = state[AT] >= end
        if final and state[EDGES] & 1 != 0:
            edges[state[EDGES]] = written << 1
            state[EDGES] += 1
        wrapped = number > KEPT or span[1] > 0
        place = LATER_AT if wrapped else number
        count, added, in_number, left, entered = emit_chunk(work, place, number, in_number, entered)
        text_hash += added
        state[WRAPPED] |= signed(wrapped)
        if span[1] > 0:
            first, last = max(span[0], number), min(span[1], number + count)
            copy_tokens(work, place + first - number, span[2] + first - span[0], last - first)
        elif number > 0 or not final:
            keep_last(work, place, count)
        number += count
        if final or (span[1] > 0 and number >= span[1]):
            break
        # What is left of an open token moves to the front, with the byte before it.
        state[EDGES] &= 1
        if state[EDGES] == 0:
            left = written
        for i in range(written - left + 1):
            text[i] = text[left - 1 + i]
        edges[0] = 2
        state[WRITTEN] = written - left + 1
    return number, (mix(text_hash + np.uint64(number)) | _U1) if number > 0 else _U0
