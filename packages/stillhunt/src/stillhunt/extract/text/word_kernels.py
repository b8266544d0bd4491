"""Known words of one text, and its topic words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import U8, U16, U64
from stillhunt.extract.text.byte_kernels import (
    KIND_CHARACTER,
    KIND_CONTENT,
    KIND_MASK,
    LANES,
    P2,
    Work,
    get,
    mix,
    part,
    put,
    signed,
    trailing_zeros,
)

TOPIC_WORDS = 24
"""Topic words kept of one text."""
BUCKETS, BUCKET_WORDS = 4096, 8
"""Shape of the vocabulary: the top 12 bits of (token * multiplier) choose a bucket, the next 8 are the word's tag."""
BUCKET_SHIFT, TAG_SHIFT = 52, 44

STOP, CUE = np.uint8(1), np.uint8(2)
"""Mark of a stop word, and of a word around which the classifier of `asked_kernels.py` looks; no word is both."""

_U0, _U1 = np.uint64(0), np.uint64(1)
_BUCKET_SHIFT, _TAG_SHIFT, _TAG = np.uint64(BUCKET_SHIFT), np.uint64(TAG_SHIFT), np.uint64(255)
_EACH_LOW, _EACH_HIGH = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_UNKNOWN = np.uint16(0)
_U48 = np.uint64(48)
_TOPIC_KEY = np.uint64(0x2545F4914F6CDD1D)


class Vocabulary(NamedTuple):
    """Words the product knows, by token hash: stop words, the words of the lexicons, cue words of the classifier.

    `tags` holds the eight tags of each bucket as one number, `ids` the eight ids; `words[id]` is the token of an id and
    `marks[id]` its marks. Id 0 is any unknown word. All tags of a bucket are compared at once and without a
    branch, as known and unknown words alternate unpredictably.
    """

    multiplier: np.uint64
    tags: U64
    ids: U16
    words: U64
    marks: U8


class WordScratch(NamedTuple):
    """Memory of one thread for the bounded tokens of one text."""

    ids: U16
    marks: U8
    ranks: U16
    seen: U64
    seen_words: U64
    keys: U64


@part
def name_words(hashes: U64, n: int, vocabulary: Vocabulary, scratch: WordScratch) -> None:
    """Look up tokens in the vocabulary: ids and marks into scratch.

    Three plain loops: each runs on vectors, and the compiler cannot make one unpredictable branch out of it.
    """
    tags, numbers, words, of_word = vocabulary.tags, vocabulary.ids, vocabulary.words, vocabulary.marks
    ids, marks = scratch.ids, scratch.marks
    for i in range(n):
        scrambled = hashes[i] * vocabulary.multiplier
        bucket = signed(scrambled >> _BUCKET_SHIFT)
        unlike = get(tags, bucket) ^ (((scrambled >> _TAG_SHIFT) & _TAG) * _EACH_LOW)
        # The lowest bit set marks the lowest byte that is zero, a tag that matches; behind the last bucket lie zeros.
        place = trailing_zeros((unlike - _EACH_LOW) & ~unlike & _EACH_HIGH) >> 3
        ids[i] = get(numbers, bucket * BUCKET_WORDS + place)
    for i in range(n):
        ids[i] = ids[i] if get(words, signed(ids[i])) == hashes[i] else _UNKNOWN
    for i in range(n):
        marks[i] = get(of_word, signed(ids[i]))


@part
def rank_words(work: Work, n: int, characters: bool, scratch: WordScratch) -> int:
    """Buckets of all content words, in order and with repeats, into scratch.ranks.

    Content words are words of three or more letters outside the stop list; in scripts without spaces, pairs of
    adjacent characters that are not in it.
    """
    hashes, before, marks, ranks = work.hashes, work.before, scratch.marks, scratch.ranks
    keys, count = scratch.keys, 0
    for block in range(0, n, LANES):  # hashing apart from choosing, so that it runs on vectors
        for i in range(block, block + LANES):
            put(keys, i, mix(get(hashes, i) ^ _TOPIC_KEY) >> _U48)
    for i in range(n):
        put(ranks, count, keys[i])
        count += (hashes[i] & KIND_MASK == KIND_CONTENT) & (marks[i] != STOP)
    if not characters:
        return count
    for i in range(1, n):
        if hashes[i] & KIND_MASK != KIND_CHARACTER or hashes[i - 1] & KIND_MASK != KIND_CHARACTER:
            continue
        # Adjacent only if no separator stands between: separators are written as ASCII into the scratch text.
        if before[i] >= 128 and marks[i] != STOP and marks[i - 1] != STOP:
            ranks[count] = mix((hashes[i] + hashes[i - 1] * P2) ^ _TOPIC_KEY) >> _U48
            count += 1
    return count


@part
def topic_buckets(scratch: WordScratch, count: int, out: U16, cursor: int) -> int:
    """Append the least TOPIC_WORDS of the buckets in scratch.ranks, ascending, each once.

    A bucket is the top 16 bits of a fixed hash of the word, so its number is a random rank that a word has for ever:
    the least ones are the bottom-k sample of the text's words, alike in all texts. Two levels of bits sort them.
    """
    ranks, seen, seen_words = scratch.ranks, scratch.seen, scratch.seen_words
    for i in range(count):
        rank = signed(ranks[i])
        put(seen, rank >> 6, get(seen, rank >> 6) | (_U1 << np.uint64(rank & 63)))
        put(seen_words, rank >> 12, get(seen_words, rank >> 12) | (_U1 << np.uint64((rank >> 6) & 63)))
    last = cursor + TOPIC_WORDS
    for i in range(seen_words.size):
        groups = seen_words[i]
        seen_words[i] = _U0
        while groups != _U0 and cursor < last:
            place = i << 6 | trailing_zeros(groups)
            groups &= groups - _U1
            bits = get(seen, place)
            while bits != _U0 and cursor < last:
                put(out, cursor, place << 6 | trailing_zeros(bits))
                cursor += 1
                bits &= bits - _U1
    for i in range(count):
        put(seen, signed(ranks[i]) >> 6, _U0)
    return cursor
