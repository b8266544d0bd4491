"""The door kernels: whole batches of rows, one after the other; compiled by `kernels.py`'s decorators."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stillhunt.extract.kernels import (
    I32,
    I64,
    KEPT,
    MARKS,
    P1,
    P2,
    RING,
    U8,
    U16,
    U32,
    U64,
    Work,
    door,
    hash_bytes,
    mix,
    part,
    signed,
)
from stillhunt.extract.kernels_conduct import ConductScratch, Lexicon, find_conduct
from stillhunt.extract.kernels_phrases import PHRASES, SYSTEM_PHRASES, PhraseScratch, thin, winnow
from stillhunt.extract.kernels_tokens import scan
from stillhunt.extract.kernels_words import (
    MINHASH_LEAST,
    SLOTS,
    Vocabulary,
    WordScratch,
    band_keys,
    lower_minima,
    name_words,
    rank_words,
    topic_buckets,
)
from stillhunt.extract.words import SCRIPTS

HEAD, MIDDLE, TAIL = 96, 48, 48
"""Tokens of the three regions that phrases come from."""
SYSTEM_HEAD, SYSTEM_TAIL = 48, 24
"""The same of a system prompt."""
WIDE_HEAD, WIDE_MIDDLE, WIDE_TAIL = 400, 200, 200
"""Tokens of the three regions that topics, near-duplicates and conduct are read from."""
BOUNDED = WIDE_HEAD + WIDE_MIDDLE + WIDE_TAIL
SPARE_AT = KEPT + RING
"""Where the keyed middle for phrases is laid in Work.hashes."""

_MOST = 2**31 - 1
_EMPTY = np.uint32(0xFFFFFFFF)
_UNSPACED_FIRST, _UNSPACED_LAST = SCRIPTS.index("thai"), SCRIPTS.index("japanese")
_HAN, _JAPANESE = SCRIPTS.index("han"), SCRIPTS.index("japanese")
_JAPANESE_SHARE = 8
"""Han text is Japanese from one kana in so many characters: Chinese has none."""


class Texts(NamedTuple):
    """A string column: bytes, first and last byte position of each row (equal for null)."""

    data: U8
    begins: I64
    ends: I64


class Tables(NamedTuple):
    """Constant tables."""

    code_points: U32
    vocabulary: Vocabulary
    lexicon: Lexicon


class Scratch(NamedTuple):
    """Memory of one thread besides `Work`."""

    found: U64
    phrases: PhraseScratch
    words: WordScratch
    conduct: ConductScratch


class Sketches(NamedTuple):
    """Results, one per row; lists as values with offsets."""

    whole: U64
    skeleton: U64
    words: I32
    script: U8
    conduct: U32
    phrases: U64
    phrase_offsets: I32
    topics: U16
    topic_offsets: I32
    bands: U64
    band_offsets: I32


def new_scratch() -> Scratch:
    """Fresh scratch."""
    return Scratch(
        np.zeros(256, np.uint64),
        PhraseScratch(
            np.zeros(256, np.uint64), np.zeros(256, np.uint8), np.zeros(256, np.uint8), np.zeros(256, np.uint8)
        ),
        WordScratch(
            ids=np.zeros(BOUNDED + 1, np.uint16),
            stops=np.zeros(BOUNDED, np.uint8),
            ranks=np.zeros(2 * BOUNDED + 1, np.uint16),
            seen=np.zeros(1024, np.uint64),
            seen_words=np.zeros(16, np.uint64),
            minima=np.zeros(SLOTS, np.uint32),
        ),
        ConductScratch(np.zeros(BOUNDED + 1, np.int32), np.zeros(64, np.int64)),
    )


def _digest() -> int:
    """Digest of the kernels' sources: numba's disk cache looks at the door's own file only, this at all of them."""
    digest = hashlib.sha256()
    for name in ("kernels.py", "kernels_tokens.py", "kernels_phrases.py", "kernels_words.py", "kernels_conduct.py"):
        digest.update(Path(__file__).with_name(name).read_bytes())
    return int.from_bytes(digest.digest()[:7], "little")


@part
def dominant_script(scripts: I64) -> int:
    """Code of the script most letters belong to; han and kana count together."""
    best, most = 0, signed(0)
    both = scripts[_HAN] + scripts[_JAPANESE]
    for code in range(1, scripts.size):
        letters = scripts[code]
        if code == _HAN:
            letters = both if scripts[_JAPANESE] * _JAPANESE_SHARE < both else signed(0)
        elif code == _JAPANESE:
            letters = both if scripts[_JAPANESE] * _JAPANESE_SHARE >= both else signed(0)
        if letters > most:
            best, most = code, letters
    return best


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
        marks = work.state[MARKS]
        for code in range(work.scripts.size):
            work.first_scripts[code] = work.scripts[code]
        scan(data, span[0], span[1], table, work, (phrase_at, phrase_at + MIDDLE, SPARE_AT))
        scan(data, span[0], span[1], table, work, (wide_at, wide_at + WIDE_MIDDLE, WIDE_HEAD))
        work.state[MARKS] = marks
        for code in range(work.scripts.size):
            work.scripts[code] = work.first_scripts[code]
    return n, BOUNDED, whole


@part
def region_phrases(hashes: U64, sizes: tuple[int, int], scratch: Scratch) -> int:
    """Phrases of a prompt's head, keyed middle and tail, in scratch.found; returns their number.

    `sizes` is the number of tokens of the text and the number laid.
    """
    total, laid = sizes
    found = scratch.found
    if total <= HEAD + MIDDLE + TAIL:
        count = winnow(hashes, (0, total), scratch.phrases, found, 0)
    else:
        count = winnow(hashes, (0, HEAD), scratch.phrases, found, 0)
        count = winnow(hashes, (SPARE_AT, SPARE_AT + MIDDLE), scratch.phrases, found, count)
        count = winnow(hashes, (laid - TAIL, laid), scratch.phrases, found, count)
    return thin(found, count, PHRASES)


@part
def system_phrases(hashes: U64, sizes: tuple[int, int], scratch: Scratch) -> int:
    """The same of a system prompt's head and tail."""
    total, laid = sizes
    found = scratch.found
    if total <= SYSTEM_HEAD + SYSTEM_TAIL:
        count = winnow(hashes, (0, total), scratch.phrases, found, 0)
    else:
        count = winnow(hashes, (0, SYSTEM_HEAD), scratch.phrases, found, 0)
        count = winnow(hashes, (laid - SYSTEM_TAIL, laid), scratch.phrases, found, count)
    return thin(found, count, SYSTEM_PHRASES)


@part
def near_duplicate_bands(hashes: U64, sizes: tuple[int, int], minima: U32, out: U64, cursor: int) -> int:
    """Append the band keys of a text, none below MINHASH_LEAST tokens; shingles do not cross region borders."""
    total, laid = sizes
    if total < MINHASH_LEAST:
        return cursor
    minima[:] = _EMPTY
    if total <= BOUNDED:
        lower_minima(hashes, 0, laid, minima)
    else:
        lower_minima(hashes, 0, WIDE_HEAD, minima)
        lower_minima(hashes, WIDE_HEAD, WIDE_HEAD + WIDE_MIDDLE, minima)
        lower_minima(hashes, WIDE_HEAD + WIDE_MIDDLE, laid, minima)
    return band_keys(minima, out, cursor)


@part
def has_characters(scripts: I64) -> bool:
    """True for a text with a script that is written without spaces."""
    letters = signed(0)
    for code in range(_UNSPACED_FIRST, _UNSPACED_LAST + 1):
        letters += scripts[code]
    return letters > 0


def _make_sketch_rows(digest: int) -> Callable[..., int]:
    """Door over prompts; the digest is part of its key in numba's disk cache."""

    @door
    def sketch_rows(texts: Texts, tables: Tables, work: Work, scratch: Scratch, out: Sketches, seed: np.uint64) -> int:
        phrase_at, topic_at, band_at = 0, 0, 0
        hashes = work.hashes
        for row in range(texts.begins.size):
            span = (texts.begins[row], texts.ends[row])
            total, laid, whole = lay_regions(texts.data, span, tables.code_points, work, seed)
            sizes = (total, laid)
            out.whole[row] = whole
            out.words[row] = min(total, _MOST)
            out.script[row] = dominant_script(work.scripts)
            out.skeleton[row] = name_words(hashes, laid, HEAD, tables.vocabulary, scratch.words)
            count = region_phrases(hashes, sizes, scratch)
            for i in range(count):
                out.phrases[phrase_at + i] = scratch.found[i]
            phrase_at += count
            count = rank_words(work, laid, has_characters(work.scripts), scratch.words)
            topic_at = topic_buckets(scratch.words, count, out.topics, topic_at)
            band_at = near_duplicate_bands(hashes, sizes, scratch.words.minima, out.bands, band_at)
            out.conduct[row] = find_conduct(
                scratch.words.ids, (laid, total, span[1] - span[0]), tables.lexicon, work, scratch.conduct
            )
            out.phrase_offsets[row + 1] = phrase_at
            out.topic_offsets[row + 1] = topic_at
            out.band_offsets[row + 1] = band_at
        return digest

    return sketch_rows


def _make_sketch_system_rows(digest: int) -> Callable[..., int]:
    """Door over system prompts."""

    @door
    def sketch_system_rows(
        texts: Texts, tables: Tables, work: Work, scratch: Scratch, phrases: tuple[U64, I32], conduct: U32
    ) -> int:
        hashes, found = work.hashes, scratch.found
        at = 0
        for row in range(texts.begins.size):
            span = (texts.begins[row], texts.ends[row])
            conduct[row] = 0
            if span[0] < span[1]:
                total, laid, _whole = lay_regions(texts.data, span, tables.code_points, work, np.uint64(0))
                name_words(hashes, laid, 0, tables.vocabulary, scratch.words)
                count = system_phrases(hashes, (total, laid), scratch)
                for i in range(count):
                    phrases[0][at + i] = found[i]
                at += count
                conduct[row] = find_conduct(
                    scratch.words.ids, (laid, total, span[1] - span[0]), tables.lexicon, work, scratch.conduct
                )
            phrases[1][row + 1] = at
        return digest

    return sketch_system_rows


def _make_hash_rows(digest: int) -> Callable[..., int]:
    """Door that hashes the bytes of each row of a column."""

    @door
    def hash_rows(texts: Texts, seed: np.uint64, out: U64) -> int:
        for row in range(texts.begins.size):
            out[row] = hash_bytes(texts.data, texts.begins[row], texts.ends[row], seed)
        return digest

    return hash_rows


def _make_chain_rows(digest: int) -> Callable[..., int]:
    """Door that folds one more value per row into running hashes."""

    @door
    def chain_rows(hashes: U64, values: U64) -> int:
        for row in range(hashes.size):
            hashes[row] = mix((hashes[row] ^ mix(values[row] + P1)) * P2)
        return digest

    return chain_rows


def _make_list_tokens(digest: int) -> Callable[..., int]:
    """Door that gives the token hashes of short texts, for building the vocabulary."""

    @door
    def list_tokens(texts: Texts, code_points: U32, work: Work, out: U64, offsets: I32) -> int:
        at = 0
        for row in range(texts.begins.size):
            count, _whole = scan(texts.data, texts.begins[row], texts.ends[row], code_points, work, (0, KEPT, 0))
            for i in range(min(count, KEPT)):
                out[at + i] = work.hashes[i]
            at += min(count, KEPT)
            offsets[row + 1] = at
        return digest

    return list_tokens


_DIGEST = _digest()
sketch_rows = _make_sketch_rows(_DIGEST)
sketch_system_rows = _make_sketch_system_rows(_DIGEST)
hash_rows = _make_hash_rows(_DIGEST)
chain_rows = _make_chain_rows(_DIGEST)
list_tokens = _make_list_tokens(_DIGEST)
