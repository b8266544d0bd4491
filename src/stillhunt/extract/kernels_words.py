"""Known words, skeleton, topics and near-duplicate bands of one text; compiled by `kernels.py`'s decorators."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stillhunt.extract.kernels import (
    KIND_CHARACTER,
    KIND_CONTENT,
    KIND_MASK,
    P1,
    P2,
    P3,
    U8,
    U16,
    U32,
    U64,
    Work,
    get,
    mix,
    part,
    put,
    signed,
    trailing_zeros,
)

TOPICS, SLOTS, BANDS, BAND_ROWS = 24, 32, 8, 4
MINHASH_LEAST = 8
"""Fewest tokens of a text that gets near-duplicate bands."""
BUCKET_SHIFT = 50
"""A vocabulary bucket is chosen by the top bits of (token * multiplier)."""
BUCKETS, BUCKET_WORDS = 1 << (64 - BUCKET_SHIFT), 4

_U0, _U1 = np.uint64(0), np.uint64(1)
_BUCKET_SHIFT = np.uint64(BUCKET_SHIFT)
_U32, _U48, _U59 = np.uint64(32), np.uint64(48), np.uint64(59)
_LOW32 = np.uint64(0xFFFFFFFF)
_EMPTY = np.uint32(0xFFFFFFFF)
_STEP = np.uint64(0x9E3779B1)
_TOPIC_KEY = np.uint64(0x2545F4914F6CDD1D)
_REST = P2


class Vocabulary(NamedTuple):
    """Words the product knows, by token hash: stop words and the words of the conduct lexicon.

    `buckets` holds for each bucket the four ids whose token falls into it (0 = none), `words[id]` the token of an id,
    `stops[id]` 1 for a stop word. Id 0 is any unknown word. Four comparisons without a branch beat a probing loop,
    as known and unknown words alternate unpredictably.
    """

    multiplier: np.uint64
    buckets: U16
    words: U64
    stops: U8


class WordScratch(NamedTuple):
    """Memory of one thread for the bounded tokens of one text."""

    ids: U16
    stops: U8
    ranks: U16
    seen: U64
    seen_words: U64
    minima: U32


@part
def name_words(hashes: U64, n: int, head: int, vocabulary: Vocabulary, scratch: WordScratch) -> np.uint64:
    """Look up tokens in the vocabulary: ids and stop marks into scratch.

    Returns:
        The skeleton: hash of the first `head` tokens with each run of words outside the stop list taken as one
        blank; 0 for no token.
    """
    multiplier, buckets, words, stops = vocabulary.multiplier, vocabulary.buckets, vocabulary.words, vocabulary.stops
    ids, marks = scratch.ids, scratch.stops
    skeleton, kept = P3, ~_U0
    for i in range(n):
        token = hashes[i]
        bucket = signed((token * multiplier) >> _BUCKET_SHIFT) * BUCKET_WORDS
        word = 0
        for j in range(BUCKET_WORDS):
            candidate = signed(get(buckets, bucket + j))
            word |= candidate * (get(words, candidate) == token)
        stop = get(stops, word)
        ids[i] = word
        marks[i] = stop
        if i < head:
            is_stop = _U0 - np.uint64(stop)
            longer = (skeleton ^ ((token & is_stop) | (_REST & ~is_stop))) * P1
            longer ^= longer >> _U32
            take = is_stop | kept
            skeleton = (longer & take) | (skeleton & ~take)
            kept = is_stop
    return (mix(skeleton) | _U1) if n > 0 else _U0


@part
def rank_words(work: Work, n: int, characters: bool, scratch: WordScratch) -> int:
    """Buckets of all content words, in order and with repeats, into scratch.ranks.

    Content words are words of three or more letters outside the stop list; in scripts without spaces, pairs of
    adjacent characters that are not in it.

    Returns:
        Their number.
    """
    hashes, before, stops, ranks = work.hashes, work.before, scratch.stops, scratch.ranks
    count = 0
    for i in range(n):
        token = hashes[i]
        put(ranks, count, mix(token ^ _TOPIC_KEY) >> _U48)
        count += (token & KIND_MASK == KIND_CONTENT) & (stops[i] == 0)
    if not characters:
        return count
    for i in range(1, n):
        if hashes[i] & KIND_MASK != KIND_CHARACTER or hashes[i - 1] & KIND_MASK != KIND_CHARACTER:
            continue
        # Adjacent only if no separator stands between: separators are written as ASCII into the scratch text.
        if before[i] >= 128 and stops[i] == 0 and stops[i - 1] == 0:
            ranks[count] = mix((hashes[i] + hashes[i - 1] * P2) ^ _TOPIC_KEY) >> _U48
            count += 1
    return count


@part
def topic_buckets(scratch: WordScratch, count: int, out: U16, cursor: int) -> int:
    """Append the least 24 of the buckets in scratch.ranks, ascending, each once.

    A bucket is the top 16 bits of a fixed hash of the word, so its number is a random rank that a word has for ever:
    the least ones are the bottom-k sample of the text's words, alike in all texts. Two levels of bits sort them.

    Returns:
        New cursor.
    """
    ranks, seen, seen_words = scratch.ranks, scratch.seen, scratch.seen_words
    for i in range(count):
        rank = signed(ranks[i])
        put(seen, rank >> 6, get(seen, rank >> 6) | (_U1 << np.uint64(rank & 63)))
        put(seen_words, rank >> 12, get(seen_words, rank >> 12) | (_U1 << np.uint64((rank >> 6) & 63)))
    last = cursor + TOPICS
    for i in range(seen_words.size):
        groups = seen_words[i]
        seen_words[i] = _U0
        while groups != _U0:
            place = i << 6 | trailing_zeros(groups)
            groups &= groups - _U1
            bits = get(seen, place)
            put(seen, place, _U0)
            while bits != _U0 and cursor < last:
                put(out, cursor, place << 6 | trailing_zeros(bits))
                cursor += 1
                bits &= bits - _U1
    return cursor


@part
def lower_minima(hashes: U64, begin: int, stop: int, minima: U32) -> None:
    """Lower the one-permutation MinHash minima by all word 3-shingles of a region."""
    for at in range(begin, stop - 2):
        h = mix(hashes[at] * P1 + hashes[at + 1] * P2 + hashes[at + 2] * P3)
        slot = signed(h >> _U59)
        put(minima, slot, min(get(minima, slot), np.uint32(h & _LOW32)))


@part
def band_keys(minima: U32, out: U64, cursor: int) -> int:
    """Append 8 band keys of 4 minima each; empty slots are filled by rotation.

    Shrivastava, Li: Densifying One Permutation Hashing via Rotation, ICML 2014.
    """
    for band in range(BANDS):
        key = np.uint64(band + 1) * P3
        for row in range(BAND_ROWS):
            slot = band * BAND_ROWS + row
            distance = 0
            while get(minima, (slot + distance) & (SLOTS - 1)) == _EMPTY:
                distance += 1
            value = np.uint64(get(minima, (slot + distance) & (SLOTS - 1))) + np.uint64(distance) * _STEP
            value &= _LOW32
            key = (key ^ value) * P1
            key ^= key >> _U32
        out[cursor + band] = mix(key)
    return cursor + BANDS
