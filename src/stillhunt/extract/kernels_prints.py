"""Fingerprints of one text from its token hashes; compiled by `kernels.py`'s decorators."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stillhunt.extract.kernels import (
    KEPT,
    KIND_CHARACTER,
    KIND_CONTENT,
    KIND_MASK,
    P1,
    P2,
    P3,
    RING,
    U8,
    U16,
    U32,
    U64,
    Work,
    mix,
    part,
    signed,
)
from stillhunt.extract.kernels_tokens import scan

HEAD, MIDDLE, TAIL = 96, 48, 48
"""Tokens of the three regions that phrases come from."""
SYSTEM_HEAD, SYSTEM_TAIL = 48, 24
"""The same of a system prompt."""
WIDE_HEAD, WIDE_MIDDLE, WIDE_TAIL = 400, 200, 200
"""Tokens of the three regions that topics, near-duplicates and conduct are read from."""
BOUNDED = WIDE_HEAD + WIDE_MIDDLE + WIDE_TAIL
WORD_SHINGLE, CHARACTER_SHINGLE, WINDOW = 4, 6, 4
PHRASES, SYSTEM_PHRASES, TOPICS = 64, 24, 24
SLOTS, BANDS, BAND_ROWS = 32, 8, 4
MINHASH_LEAST = 8
SPARE_AT = KEPT + RING
"""Where the keyed middle for phrases is laid."""

_U0, _U1, _U21, _U43, _U48, _U59 = (np.uint64(n) for n in (0, 1, 21, 43, 48, 59))
_EMPTY = np.uint32(0xFFFFFFFF)
_STEP = np.uint32(0x9E3779B1)
_TOPIC_KEY = np.uint64(0x2545F4914F6CDD1D)
_PHRASE_KEY = np.uint64(0xA0761D6478BD642F)
_SHORT_KEY = np.uint64(0xE7037ED1A0B428DB)
_REST = P2


class Vocabulary(NamedTuple):
    """Words the product knows, by token hash: stop words and the words of the conduct lexicon.

    `bloom` sieves out nearly all unknown tokens before the open-addressing table `keys` -> `ids` is asked.
    Id 0 is any unknown word; `stops[id]` is 1 for a stop word.
    """

    bloom: U64
    keys: U64
    ids: U16
    stops: U8


@part
def word_id(token: np.uint64, bloom: U64, keys: U64, ids: U16) -> int:
    """Id of a token in the vocabulary; 0 = unknown."""
    bit = signed(token >> _U48)
    if (bloom[bit >> 6] >> np.uint64(bit & 63)) & _U1 == _U0:
        return 0
    mask = keys.size - 1
    slot = signed(token >> np.uint64(24)) & mask
    while keys[slot] != _U0:
        if keys[slot] == token:
            return signed(ids[slot])
        slot = (slot + 1) & mask
    return 0


@part
def keyed_place(whole: np.uint64, seed: np.uint64, first: int, stop: int) -> int:
    """A position in [first, stop), fixed by the text's own hash and the seed."""
    return first + signed(mix(whole ^ (seed * P1)) % np.uint64(stop - first))


@part
def lay_regions(data: U8, span: tuple[int, int], table: U32, work: Work, seed: np.uint64) -> tuple[int, int, np.uint64]:
    """Tokenise one text and lay its bounded regions side by side at the start of work.hashes.

    Returns:
        Number of tokens of the text, number of tokens laid (at most BOUNDED) and the whole hash. Of texts longer than
        the phrase regions, the phrase middle lies at SPARE_AT.
    """
    n, whole = scan(data, span[0], span[1], table, work, (0, KEPT, 0))
    marks_kept = work.state[3]
    scripts_kept = work.scripts.copy()
    hashes, before, after = work.hashes, work.before, work.after
    phrase_at = keyed_place(whole, seed, HEAD, n - TAIL - MIDDLE + 1) if n > HEAD + MIDDLE + TAIL else 0
    wide_at = keyed_place(whole, ~seed, WIDE_HEAD, n - WIDE_TAIL - WIDE_MIDDLE + 1) if n > BOUNDED else 0
    if phrase_at > 0 and n <= KEPT:
        for i in range(MIDDLE):
            hashes[SPARE_AT + i] = hashes[phrase_at + i]
    if n <= BOUNDED:
        return n, n, whole
    if n <= KEPT:
        for i in range(WIDE_MIDDLE):
            hashes[WIDE_HEAD + i] = hashes[wide_at + i]
            before[WIDE_HEAD + i] = before[wide_at + i]
            after[WIDE_HEAD + i] = after[wide_at + i]
    tail = WIDE_HEAD + WIDE_MIDDLE
    for i in range(WIDE_TAIL):
        number = n - WIDE_TAIL + i
        place = number if number < KEPT else KEPT + (number & (RING - 1))
        hashes[tail + i] = hashes[place]
        before[tail + i] = before[place]
        after[tail + i] = after[place]
    if n > KEPT:
        scan(data, span[0], span[1], table, work, (phrase_at, phrase_at + MIDDLE, SPARE_AT))
        scan(data, span[0], span[1], table, work, (wide_at, wide_at + WIDE_MIDDLE, WIDE_HEAD))
        work.state[3] = marks_kept
        work.scripts[:] = scripts_kept
    return n, BOUNDED, whole


@part
def shingle(hashes: U64, at: int, stop: int) -> np.uint64:
    """Hash of the phrase starting at a token: 4 words, or 6 characters where most of the 4 are characters; 0 = none."""
    if at + WORD_SHINGLE > stop:
        return _U0
    a, b, c, d = hashes[at], hashes[at + 1], hashes[at + 2], hashes[at + 3]
    characters = 0
    for token in (a, b, c, d):
        characters += (token & KIND_MASK) == KIND_CHARACTER
    h = a * P1 + b * P2 + c * P3 + d * _PHRASE_KEY
    if characters >= 3:
        if at + CHARACTER_SHINGLE > stop:
            return _U0
        h += mix(hashes[at + 4] + P1) * P2 + mix(hashes[at + 5] + P2) * P3
    h = mix(h)
    return h if h != _U0 else _U1


@part
def winnow(hashes: U64, span: tuple[int, int], shingles: U64, found: U64, count: int) -> int:
    """Append the winnowed shingles of a region to `found`: the least of each 4 in a row, the rightmost of equals.

    Schleimer, Wilkerson, Aiken: Winnowing, SIGMOD 2003. Any run of 7 words (9 characters) shared by two regions
    shares a fingerprint.

    Returns:
        New length of `found`, which holds each hash once, in order of first position.
    """
    n = 0
    for at in range(span[0], span[1]):
        h = shingle(hashes, at, span[1])
        if h != _U0:
            shingles[n] = h
            n += 1
    if n == 0:
        if span[1] <= span[0]:
            return count
        h = _SHORT_KEY
        for at in range(span[0], span[1]):
            h = mix(h ^ hashes[at]) * P1
        shingles[0] = h | _U1
        n = 1
    last = -1
    for first in range(max(n - WINDOW + 1, 1)):
        least = first
        for i in range(first + 1, min(first + WINDOW, n)):
            least = i if shingles[i] <= shingles[least] else least
        if least != last:
            last = least
            h = shingles[least]
            known = False
            for i in range(count):
                known = known or found[i] == h
            if not known:
                found[count] = h
                count += 1
    return count


@part
def thin(found: U64, count: int, limit: int) -> int:
    """Cut a list of phrases to `limit`: the middle ones go, five eighths of the rest stay in front."""
    if count <= limit:
        return count
    front = limit - limit * 3 // 8
    for i in range(limit - front):
        found[front + i] = found[count - (limit - front) + i]
    return limit


@part
def skeleton_of(hashes: U64, stops: U8, n: int) -> np.uint64:
    """Hash of the first HEAD tokens with each run of words outside the stop list taken as one blank; 0 for none."""
    h = P3
    blank = False
    for i in range(min(n, HEAD)):
        if stops[i] != 0:
            h = mix(h ^ hashes[i]) * P1
        elif not blank:
            h = mix(h ^ _REST) * P1
        blank = stops[i] == 0
    return h | _U1 if n > 0 else _U0


@part
def topic_buckets(work: Work, stops: U8, n: int, out: U16, cursor: int) -> int:
    """Append the buckets of at most 24 content words, those first in a fixed scrambled order of all buckets.

    Content words are words of three or more letters outside the stop list; in scripts without spaces, pairs of
    adjacent characters that are not in it.

    Returns:
        New cursor; the buckets lie ascending, each once.
    """
    hashes, before = work.hashes, work.before
    count = 0
    for i in range(n):
        token = hashes[i]
        kind = token & KIND_MASK
        if stops[i] != 0:
            continue
        if kind == KIND_CHARACTER:
            # Adjacent only if no separator stands between: separators are written as ASCII into the scratch text.
            if i == 0 or before[i] < 128 or stops[i - 1] != 0 or hashes[i - 1] & KIND_MASK != KIND_CHARACTER:
                continue
            token = mix(token + hashes[i - 1] * P2)
        elif kind != KIND_CONTENT:
            continue
        # The bucket is the rank itself: its bits are uniform, and a word always has the same rank.
        rank = np.uint16(mix(token ^ _TOPIC_KEY) >> _U48)
        if count == TOPICS and rank >= out[cursor + TOPICS - 1]:
            continue
        place = count
        while place > 0 and out[cursor + place - 1] > rank:
            place -= 1
        if place > 0 and out[cursor + place - 1] == rank:
            continue
        last = min(count, TOPICS - 1)
        for j in range(last, place, -1):
            out[cursor + j] = out[cursor + j - 1]
        out[cursor + place] = rank
        count = min(count + 1, TOPICS)
    return cursor + count


@part
def minhash_slots(hashes: U64, span: tuple[int, int], slots: U32) -> None:
    """Lower the one-permutation MinHash slots by all word 3-shingles of a region."""
    for at in range(span[0], span[1] - 2):
        h = mix(hashes[at] * P1 + hashes[at + 1] * P2 + hashes[at + 2] * P3)
        slot = signed(h >> _U59)
        slots[slot] = min(slots[slot], np.uint32(h & np.uint64(0xFFFFFFFF)))


@part
def band_keys(hashes: U64, n: int, slots: U32, out: U64, cursor: int) -> int:
    """Append 8 band keys for near-duplicates (32 slots, empty ones filled by rotation); none below 8 tokens.

    Shrivastava, Li: Densifying One Permutation Hashing via Rotation, ICML 2014.
    """
    if n < MINHASH_LEAST:
        return cursor
    slots[:] = _EMPTY
    if n < BOUNDED:
        minhash_slots(hashes, (0, n), slots)
    else:  # regions are laid side by side; shingles do not cross their borders
        minhash_slots(hashes, (0, WIDE_HEAD), slots)
        minhash_slots(hashes, (WIDE_HEAD, WIDE_HEAD + WIDE_MIDDLE), slots)
        minhash_slots(hashes, (WIDE_HEAD + WIDE_MIDDLE, n), slots)
    for band in range(BANDS):
        key = np.uint64(band + 1) * P3
        for row in range(BAND_ROWS):
            slot = band * BAND_ROWS + row
            distance = 0
            while slots[(slot + distance) & (SLOTS - 1)] == _EMPTY:
                distance += 1
            value = slots[(slot + distance) & (SLOTS - 1)] + np.uint32(distance) * _STEP
            key = mix(key ^ np.uint64(value)) * P1
        out[cursor + band] = key
    return cursor + BANDS
