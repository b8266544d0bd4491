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
    P1,
    P2,
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
from stillhunt.extract.kernels_conduct import Lexicon, find_conduct
from stillhunt.extract.kernels_prints import (
    BOUNDED,
    HEAD,
    MIDDLE,
    PHRASES,
    SPARE_AT,
    SYSTEM_HEAD,
    SYSTEM_PHRASES,
    SYSTEM_TAIL,
    TAIL,
    Vocabulary,
    band_keys,
    lay_regions,
    skeleton_of,
    thin,
    topic_buckets,
    winnow,
    word_id,
)
from stillhunt.extract.kernels_tokens import scan
from stillhunt.extract.words import SCRIPTS

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

    word_ids: U16
    stops: U8
    shingles: U64
    found: U64
    slots: U32
    last: I64


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
        np.zeros(BOUNDED, np.uint16),
        np.zeros(BOUNDED, np.uint8),
        np.zeros(256, np.uint64),
        np.zeros(256, np.uint64),
        np.zeros(32, np.uint32),
        np.zeros(64, np.int64),
    )


def _digest() -> int:
    """Digest of the kernels' sources: numba's disk cache looks at the door's own file only, this at all of them."""
    digest = hashlib.sha256()
    for name in ("kernels.py", "kernels_tokens.py", "kernels_prints.py", "kernels_conduct.py"):
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
def name_words(hashes: U64, n: int, vocabulary: Vocabulary, scratch: Scratch) -> None:
    """Look up the bounded tokens in the vocabulary: ids and stop marks."""
    bloom, keys, ids, stops = vocabulary.bloom, vocabulary.keys, vocabulary.ids, vocabulary.stops
    for i in range(n):
        word = word_id(hashes[i], bloom, keys, ids)
        scratch.word_ids[i] = word
        scratch.stops[i] = stops[word]


@part
def region_phrases(hashes: U64, total: int, laid: int, scratch: Scratch) -> int:
    """Phrases of a prompt's head, keyed middle and tail, in scratch.found; returns their number."""
    shingles, found = scratch.shingles, scratch.found
    if total <= HEAD + MIDDLE + TAIL:
        count = winnow(hashes, (0, total), shingles, found, 0)
    else:
        count = winnow(hashes, (0, HEAD), shingles, found, 0)
        count = winnow(hashes, (SPARE_AT, SPARE_AT + MIDDLE), shingles, found, count)
        count = winnow(hashes, (laid - TAIL, laid), shingles, found, count)
    return thin(found, count, PHRASES)


def _make_sketch_rows(digest: int) -> Callable[..., int]:
    """Door over prompts; the digest is part of its key in numba's disk cache."""

    @door
    def sketch_rows(texts: Texts, tables: Tables, work: Work, scratch: Scratch, out: Sketches, seed: np.uint64) -> int:
        phrase_at, topic_at, band_at = 0, 0, 0
        hashes = work.hashes
        for row in range(texts.begins.size):
            span = (texts.begins[row], texts.ends[row])
            total, laid, whole = lay_regions(texts.data, span, tables.code_points, work, seed)
            name_words(hashes, laid, tables.vocabulary, scratch)
            count = region_phrases(hashes, total, laid, scratch)
            for i in range(count):
                out.phrases[phrase_at + i] = scratch.found[i]
            phrase_at += count
            topic_at = topic_buckets(work, scratch.stops, laid, out.topics, topic_at)
            band_at = band_keys(hashes, laid, scratch.slots, out.bands, band_at)
            sizes = (laid, total, span[1] - span[0])
            flags = find_conduct(scratch.word_ids, sizes, tables.lexicon, work, scratch.last)
            out.whole[row] = whole
            out.skeleton[row] = skeleton_of(hashes, scratch.stops, laid)
            out.words[row] = min(total, 2147483647)
            out.script[row] = dominant_script(work.scripts)
            out.conduct[row] = flags
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
            total, laid, _whole = lay_regions(texts.data, span, tables.code_points, work, np.uint64(0))
            name_words(hashes, laid, tables.vocabulary, scratch)
            if total <= SYSTEM_HEAD + SYSTEM_TAIL:
                count = winnow(hashes, (0, total), scratch.shingles, found, 0)
            else:
                count = winnow(hashes, (0, SYSTEM_HEAD), scratch.shingles, found, 0)
                count = winnow(hashes, (laid - SYSTEM_TAIL, laid), scratch.shingles, found, count)
            count = thin(found, count, SYSTEM_PHRASES)
            for i in range(count):
                phrases[0][at + i] = found[i]
            at += count
            phrases[1][row + 1] = at
            sizes = (laid, total, span[1] - span[0])
            flags = find_conduct(scratch.word_ids, sizes, tables.lexicon, work, scratch.last)
            conduct[row] = flags
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
