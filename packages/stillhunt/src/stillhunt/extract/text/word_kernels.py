"""Known words of one text, its topic words, and its phrases: winnowed shingles of tokens."""

from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import U8, U16, U32, U64
from stillhunt.extract.text.byte_kernels import (
    KIND_CHARACTER,
    KIND_CONTENT,
    KIND_MASK,
    LANES,
    P1,
    P2,
    P3,
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
    """Look up tokens in the vocabulary: ids and marks into scratch."""
    tags, numbers, words, of_word = vocabulary.tags, vocabulary.ids, vocabulary.words, vocabulary.marks
    for i in range(n):
        token = get(hashes, i)
        scrambled = token * vocabulary.multiplier
        bucket = signed(scrambled >> _BUCKET_SHIFT)
        unlike = get(tags, bucket) ^ (((scrambled >> _TAG_SHIFT) & _TAG) * _EACH_LOW)
        # The lowest bit set marks the lowest byte that is zero, a tag that matches; behind the last bucket lie zeros.
        place = trailing_zeros((unlike - _EACH_LOW) & ~unlike & _EACH_HIGH) >> 3
        word = signed(get(numbers, bucket * BUCKET_WORDS + place))
        word *= signed(get(words, word) == token)  # no branch: known and unknown words alternate unpredictably
        put(scratch.ids, i, np.uint16(word))
        put(scratch.marks, i, get(of_word, word))


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


WORD_SHINGLE, CHARACTER_SHINGLE, WINDOW = 4, 6, 4
PHRASES, SYSTEM_PHRASES = 64, 24
PHRASE_SLOTS = 1024
"""Slots of the set of phrases found; a text has at most 192."""
EDGE = WINDOW - 1
"""Slots before the first and behind the last shingle of a region, for comparisons that reach over the edge."""
_TOP, _NONE, _ONE = np.uint64(32), np.uint32(0), np.uint32(1)
_SLOT_SHIFT = np.uint64(54)  # the top bits of a phrase choose its slot
_PHRASE_KEY = np.uint64(0xA0761D6478BD642F)
_SHORT_KEY = np.uint64(0xE7037ED1A0B428DB)


class PhraseScratch(NamedTuple):
    """Memory of one thread for the phrases of one region, and the set of those found.

    An entry of the set holds the number of its text (text[0]) above the phrase, so a new text needs no clearing.
    """

    shingles: U64
    marks: U8
    table: U64
    text: U64


@part
def lay_shingles(hashes: U64, begin: int, stop: int, shingles: U64) -> int:
    """Hash every phrase of a region: 4 words, or 6 characters where most tokens are characters; gives their number."""
    n = max(stop - begin - WORD_SHINGLE + 1, 0)
    characters = 0
    for i in range(stop - begin):
        characters += (get(hashes, begin + i) & KIND_MASK) == KIND_CHARACTER
    for block in range(0, n, LANES):
        for i in range(block, block + LANES):
            at = begin + i
            a, b, c, d = get(hashes, at), get(hashes, at + 1), get(hashes, at + 2), get(hashes, at + 3)
            h = a * P1 + b * P2 + c * P3 + d * _PHRASE_KEY
            put(shingles, EDGE + i, mix(h))
    if characters < 3:
        return n
    laid = 0
    for i in range(n):
        at = begin + i
        among = 0
        for j in range(WORD_SHINGLE):
            among += (hashes[at + j] & KIND_MASK) == KIND_CHARACTER
        h = shingles[EDGE + i]
        if among >= 3:
            if at + CHARACTER_SHINGLE > stop:
                continue
            h = mix(h + hashes[at + 4] * P2 + hashes[at + 5] * P3)
        shingles[EDGE + laid] = h
        laid += 1
    return laid


@part
def mark_least(shingles: U64, n: int, marks: U8) -> None:
    """Mark each shingle that is the least of some window of 4 in a row, the rightmost of equals.

    That holds when the window fits between the nearest smaller-or-equal shingle on its right and the nearest smaller
    one on its left; counted without branches, as they would be unpredictable.
    """
    if n < WINDOW:
        least = 0
        for i in range(n):
            marks[i] = 0
            least = i if shingles[EDGE + i] <= shingles[EDGE + least] else least
        marks[least] = 1
        return
    for i in range(EDGE):  # nothing is smaller than 0, so no window reaches over the edges
        shingles[i] = _U0
        put(shingles, EDGE + n + i, _U0)
    for block in range(0, n, LANES):
        for i in range(block, block + LANES):
            h = get(shingles, EDGE + i)
            left1 = get(shingles, i + 2) >= h
            left2 = left1 & (get(shingles, i + 1) >= h)
            left3 = left2 & (get(shingles, i) >= h)
            right1 = get(shingles, i + 4) > h
            right2 = right1 & (get(shingles, i + 5) > h)
            right3 = right2 & (get(shingles, i + 6) > h)
            put(marks, i, np.uint8(left3 | (left2 & right1) | (left1 & right2) | right3))


@part
def winnow(hashes: U64, span: tuple[int, int], scratch: PhraseScratch, found: U32, count: int) -> int:
    """Append the winnowed shingles of a region to `found`.

    Schleimer, Wilkerson, Aiken: Winnowing, SIGMOD 2003. Any run of 7 words (9 characters) shared by two regions
    shares a phrase. A region of fewer than 4 words (6 characters) has one phrase of all its tokens. Windows compare
    64-bit hashes; a phrase is the top 32 bits, 1 for 0.

    Args:
        span: first token of the region and the one behind its last.
        scratch: memory for shingles and for finding duplicates.
        found: phrases so far, each once, in order of first position.
    """
    shingles, marks, table, text = scratch.shingles, scratch.marks, scratch.table, scratch.text[0] << _TOP
    if span[1] <= span[0]:
        return count
    n = lay_shingles(hashes, span[0], span[1], shingles)
    if n == 0:
        h = _SHORT_KEY
        for at in range(span[0], span[1]):
            h = mix(h ^ hashes[at]) * P1
        shingles[EDGE] = h
        n = 1
    mark_least(shingles, n, marks)
    picked = 0
    for i in range(n):
        put(shingles, picked, shingles[EDGE + i])
        picked += signed(marks[i])
    for i in range(picked):
        phrase = np.uint32(shingles[i] >> _TOP)
        phrase = _ONE if phrase == _NONE else phrase
        entry = text | np.uint64(phrase)
        slot = signed(shingles[i] >> _SLOT_SHIFT)
        while get(table, slot) != entry and get(table, slot) >= text:
            slot = (slot + 1) & (PHRASE_SLOTS - 1)
        put(found, count, phrase)
        count += signed(get(table, slot) != entry)
        put(table, slot, entry)
    return count


@part
def thin(found: U32, count: int, limit: int) -> int:
    """Cut a list of phrases to `limit`: the middle ones go, five eighths of the rest stay in front."""
    if count <= limit:
        return count
    front = limit - limit * 3 // 8
    for i in range(limit - front):
        found[front + i] = found[count - (limit - front) + i]
    return limit
