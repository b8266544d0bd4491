"""What a text asks for, by a linear classifier over single words and pairs of neighbours around cue words.

Few branches depend on the text: known and unknown features alternate unpredictably. One number holds the tag of a
feature and its eight weights, which are added four at a time. Pairs are looked up only where the single words of a
window reach a part of a bar, as they do in one window out of many.
"""

from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import I64, U8, U64
from stillhunt.extract.text.byte_kernels import P1, P2, get, load64, part, put, signed, trailing_zeros
from stillhunt.extract.text.word_kernels import CUE

BEFORE, BEHIND, STEP = 8, 16, 16
"""Tokens of a window before its cue word, from it on, and from one cue word to the next that counts."""
PART = 4
"""The single words of a window must reach one part in so many of a bar."""
SLOTS_SHIFT, ASKED_TAG_SHIFT = 51, 35
"""The top 13 bits of a feature's key choose its slot, the next 16 are its tag."""
SLOTS = 1 << (64 - SLOTS_SHIFT)
CLASSES, WEIGHT_BITS = 8, 6
WEIGHT_ZERO = 1 << (WEIGHT_BITS - 1)
"""What stands for a weight of 0: weights are stored as whole numbers of 6 bits from this one on."""
ENTRY_TAG_SHIFT = CLASSES * WEIGHT_BITS
_U0, _U1 = np.uint64(0), np.uint64(1)
_SLOTS_SHIFT, _ASKED_TAG_SHIFT, _TAG = np.uint64(SLOTS_SHIFT), np.uint64(ASKED_TAG_SHIFT), np.uint64(0xFFFF)
_ENTRY_TAG_SHIFT, _WEIGHT_BITS = np.uint64(ENTRY_TAG_SHIFT), np.uint64(WEIGHT_BITS)
_EVERY_SECOND = np.uint64(0x03F03F03F03F)
_LANE, _LANE_BITS = np.uint64(0xFFF), 2 * WEIGHT_BITS
_MOST_WINDOWS, _NOT_SEEN = 255, np.uint8(0)
_CUES = np.uint64(int(CUE) * 0x0101010101010101)
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)


class Asked(NamedTuple):
    """The classifier: by slot the tag of the feature there (0 for none) and its weights; by class bar and flag."""

    entries: U64
    bars: I64
    flags: I64


class AskedScratch(NamedTuple):
    """Memory of one thread: by slot the number of the last window that looked there; the window's number, 1 to 255.

    `sums` are those of the classes with even and with odd numbers, four of 12 bits each, and of the known features.
    """

    seen: U8
    window: I64
    sums: U64


def new_asked_scratch() -> AskedScratch:
    """Fresh scratch."""
    return AskedScratch(np.zeros(SLOTS, np.uint8), np.zeros(1, np.int64), np.zeros(3, np.uint64))


@part
def next_window(scratch: AskedScratch) -> np.uint8:
    """Number of a new window; what old windows have seen is forgotten before a number comes again."""
    scratch.window[0] += 1
    if scratch.window[0] > _MOST_WINDOWS:
        scratch.window[0] = 1
        for slot in range(SLOTS):
            put(scratch.seen, slot, _NOT_SEEN)
    return np.uint8(scratch.window[0])


@part
def entry_of(key: np.uint64, entries: U64, seen: U8, window: np.uint8) -> np.uint64:
    """Entry of a feature; 0 where the classifier does not know it, or the window has looked at its slot before."""
    slot = signed(key >> _SLOTS_SHIFT)
    entry: np.uint64 = get(entries, slot)
    known = entry >> _ENTRY_TAG_SHIFT == ((key >> _ASKED_TAG_SHIFT) & _TAG) | _U1
    unseen = get(seen, slot) != window
    put(seen, slot, window)
    return entry & (_U0 - np.uint64(known & unseen))


@part
def shown_flags(sums: U64, model: Asked, part_of_bar: int) -> int:
    """Flags of the classes whose sum reaches one part in so many of their bar."""
    flags = signed(0)
    for c in range(CLASSES):
        total = signed((sums[c & 1] >> np.uint64(_LANE_BITS * (c >> 1))) & _LANE) - WEIGHT_ZERO * signed(sums[2])
        flags |= signed(total * part_of_bar >= get(model.bars, c)) * get(model.flags, c)
    return flags


@part
def add_features(
    hashes: U64, span: tuple[int, int], pairs: np.uint64, model: Asked, scratch: AskedScratch, window: np.uint8
) -> None:
    """Add the weights of single words (pairs = 0), or of each word with its predecessor (pairs = P2).

    `span` is the first word that counts and the one behind the last; each feature counts once in a window.
    """
    even, odd, known = scratch.sums[0], scratch.sums[1], scratch.sums[2]
    for i in range(span[0], span[1]):
        entry = entry_of(
            (get(hashes, i - signed(pairs != _U0)) * pairs + get(hashes, i)) * P1, model.entries, scratch.seen, window
        )
        even += entry & _EVERY_SECOND
        odd += (entry >> _WEIGHT_BITS) & _EVERY_SECOND
        known += np.uint64(entry != _U0)
    scratch.sums[0], scratch.sums[1], scratch.sums[2] = even, odd, known


@part
def judge_window(hashes: U64, first: int, stop: int, model: Asked, scratch: AskedScratch) -> int:
    """Flags of one window."""
    window = next_window(scratch)
    scratch.sums[:] = 0
    add_features(hashes, (first, stop), _U0, model, scratch, window)
    if shown_flags(scratch.sums, model, PART) == 0:
        return signed(0)
    add_features(hashes, (first + 1, stop), P2, model, scratch, window)
    return shown_flags(scratch.sums, model, 1)


@part
def find_asked(hashes: U64, marks: U8, n: int, model: Asked, scratch: AskedScratch) -> int:
    """Conduct flags of what a text asks for in any window, from the marks of its tokens (`Vocabulary.marks`)."""
    flags, free = signed(0), 0
    for block in range(0, n, 8):
        found = load64(marks, block) & _CUES
        if n - block < 8:
            found &= ~(_ONES << np.uint64(8 * (n - block)))
        while found != _U0:
            cue = block + (trailing_zeros(found) >> 3)
            found &= found - _U1
            if cue >= free:
                free = cue + STEP
                flags |= judge_window(hashes, max(cue - BEFORE, 0), min(cue + BEHIND, n), model, scratch)
    return flags
