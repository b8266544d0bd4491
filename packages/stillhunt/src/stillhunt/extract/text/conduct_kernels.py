"""Conduct flags of one text: phrases of the lexicon, found in a trie over word ids."""

from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import I32, I64, U8, U16, U32, U64
from stillhunt.extract.text.byte_kernels import MARKS, Work, get, part, put, signed, trailing_zeros

_U0, _U1 = np.uint64(0), np.uint64(1)
START_TOKENS = 3
"""An opener must begin within so many tokens."""
SHORT_TOKENS = 12
"""A follow-up by a person has at most so many words."""
DENSE_LEAST, DENSE_SHARE = 4, 33
"""A text is dense with code marks from so many of them, and one in so many bytes."""
_LESS, _GREATER, _SLASH, _OPEN_BRACKET, _CLOSE_BRACKET = 60, 62, 47, 91, 93
_QUOTES = (34, 39, 96, 42)


class Lexicon(NamedTuple):
    """The conduct lexicon, compiled by `conduct.compile_lexicon`.

    A phrase is a path of word ids in a trie: `starts[id]` is 1 where the word alone is a phrase, `pairs_seen` has a bit
    for the first two words of each longer one (with few false ones), `roots[id]` starts it, `keys` (node << 16 | id)
    -> `nodes` continues it, and `features[node]` has one bit for each feature that a phrase ending there shows.
    `flags[place, feature]` holds the conduct flags of a feature: 0 anywhere, 1 at the start, 2 in a short text, 3 as a
    tag, 4 in quotes, 5 in a text dense with code marks. `pairs[p]` is (first feature, second feature, most tokens
    between, flags).
    """

    starts: U8
    pairs_seen: U64
    roots: U16
    keys: U32
    nodes: U16
    features: U64
    flags: U32
    pairs: I64
    partners: U64


class ConductScratch(NamedTuple):
    """Memory of one thread: tokens at which a phrase may start, and where each feature was seen last."""

    starts: I32
    last: I64


@part
def pair_bit(word: int, following: int) -> int:
    """Place of two words in the sieve of 2**16 bits."""
    return (word * 40503 + following * 30011) & 0xFFFF


@part
def next_node(node: int, word: int, keys: U32, nodes: U16) -> int:
    """Trie node after one more word; 0 = no phrase goes on like this."""
    mask = keys.size - 1
    key = np.uint32(node << 16 | word)
    slot = (signed(key) * 0x9E3779B1 >> 15) & mask
    while keys[slot] != 0:
        if keys[slot] == key:
            return signed(nodes[slot])
        slot = (slot + 1) & mask
    return 0


@part
def enclosure(before: int, after: int) -> int:
    """3 for a token written as a tag (<x>, </x>, [x]), 4 for one in quotes, 0 otherwise."""
    if (before in (_LESS, _SLASH) and after == _GREATER) or (before == _OPEN_BRACKET and after == _CLOSE_BRACKET):
        return 3
    if before == after and before in _QUOTES:
        return 4
    return 0


@part
def find_conduct(
    word_ids: U16, sizes: tuple[int, int, int], lexicon: Lexicon, work: Work, scratch: ConductScratch
) -> int:
    """Flags of a text from its bounded tokens; `sizes` are those, all its tokens, and its bytes."""
    n, total, size = sizes
    roots, keys, nodes, features = lexicon.roots, lexicon.keys, lexicon.nodes, lexicon.features
    starts, last = scratch.starts, scratch.last
    flags, seen = 0, _U0
    dense = work.state[MARKS] >= DENSE_LEAST and work.state[MARKS] * DENSE_SHARE >= size
    count = 0
    word_ids[n] = 0  # no phrase goes on behind the last token
    for i in range(n):  # common words begin many phrases, so most of them are sieved out by the word that follows
        put(starts, count, i)
        word, bit = signed(word_ids[i]), pair_bit(signed(word_ids[i]), signed(word_ids[i + 1]))
        likely = (get(lexicon.pairs_seen, bit >> 6) >> np.uint64(bit & 63)) & _U1
        count += signed(get(lexicon.starts, word)) | signed(likely)
    for k in range(count):
        i = signed(starts[k])
        node = signed(roots[word_ids[i]])
        at = i
        while node != 0:
            found = features[node]
            while found != _U0:
                feature = trailing_zeros(found)
                found &= found - _U1
                seen |= _U1 << np.uint64(feature)
                last[feature] = i
                flags |= feature_flags(feature, (i, at, total), lexicon.flags, work)
                if dense:
                    flags |= signed(lexicon.flags[5, feature])
                if lexicon.partners[feature] & seen != _U0:
                    flags |= pair_flags(feature, lexicon.pairs, last, seen)
            at += 1
            node = next_node(node, signed(word_ids[at]), keys, nodes)
    return flags


@part
def feature_flags(feature: int, place: tuple[int, int, int], table: U32, work: Work) -> int:
    """Flags that one feature shows by itself, given its first and last token and the tokens of the text."""
    first, final, total = place
    result = signed(table[0, feature])
    if first < START_TOKENS:
        result |= signed(table[1, feature])
    if total <= SHORT_TOKENS:
        result |= signed(table[2, feature])
    around = enclosure(signed(work.before[first]), signed(work.after[final]))
    if around != 0:
        result |= signed(table[around, feature])
    return result


@part
def pair_flags(feature: int, pairs: I64, last: I64, seen: np.uint64) -> int:
    """Flags of the pairs that the feature, just seen, completes."""
    result = signed(0)
    for p in range(pairs.shape[0]):
        both = (seen >> np.uint64(pairs[p, 0])) & (seen >> np.uint64(pairs[p, 1])) & _U1
        near = both != _U0 and abs(last[pairs[p, 0]] - last[pairs[p, 1]]) <= pairs[p, 2]
        if near and feature in (pairs[p, 0], pairs[p, 1]):
            result |= signed(pairs[p, 3])
    return result
