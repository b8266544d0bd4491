"""What a text asks for, by a linear classifier over single words and pairs of neighbours around cue words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import I16, I64, U8, U16, U64
from stillhunt.extract.text.byte_kernels import P1, P2, get, load64, part, put, signed, trailing_zeros
from stillhunt.extract.text.word_kernels import CUE

BEFORE, BEHIND, STEP = 8, 16, 8
"""Tokens of a window before its cue word, from it on, and from one cue word to the next that counts."""
SLOTS_SHIFT, TAG_SHIFT = 50, 34
"""The top 14 bits of a feature's key choose its slot, the next 16 are its tag."""
SLOTS = 1 << (64 - SLOTS_SHIFT)
CLASSES = 8

_U0, _U1 = np.uint64(0), np.uint64(1)
_SLOTS_SHIFT, _TAG_SHIFT, _TAG = np.uint64(SLOTS_SHIFT), np.uint64(TAG_SHIFT), np.uint64(0xFFFF)
_CUES = np.uint64(int(CUE) * 0x0101010101010101)
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)


class Asked(NamedTuple):
    """The classifier: by slot the tag of the feature there (0 for none) and its weights; by class bar and flag.

    A feature stands in the slot of its key or in the next one.
    """

    tags: U16
    weights: I16
    bars: I64
    flags: I64


class AskedScratch(NamedTuple):
    """Memory of one thread: the sum of each class, and by slot the last window that had its feature.

    The windows are numbered in `window` over all texts, so that nothing has to be cleared.
    """

    sums: I64
    seen: I64
    window: I64


def new_asked_scratch() -> AskedScratch:
    """Fresh scratch."""
    return AskedScratch(np.zeros(CLASSES, np.int64), np.zeros(SLOTS + 1, np.int64), np.zeros(1, np.int64))


@part
def add_feature(key: np.uint64, model: Asked, scratch: AskedScratch) -> None:
    """Add the weights of one feature, where the classifier knows it and the window has not had it yet."""
    slot = signed(key >> _SLOTS_SHIFT)
    tag = np.uint16(((key >> _TAG_SHIFT) & _TAG) | _U1)
    if get(model.tags, slot) != tag:
        slot += 1
        if get(model.tags, slot) != tag:
            return
    if get(scratch.seen, slot) == scratch.window[0]:
        return
    put(scratch.seen, slot, scratch.window[0])
    for c in range(CLASSES):
        put(scratch.sums, c, get(scratch.sums, c) + get(model.weights, slot * CLASSES + c))


@part
def find_asked(hashes: U64, marks: U8, n: int, model: Asked, scratch: AskedScratch) -> int:
    """Conduct flags of what a text asks for.

    Args:
        hashes: token hashes.
        marks: marks of each token, see `Vocabulary.marks`.
        n: number of tokens.
        model: the classifier.
        scratch: scratch of this kernel.

    Returns:
        The flags of all windows together.
    """
    flags, free, sums = signed(0), 0, scratch.sums
    for block in range(0, n, 8):
        found = load64(marks, block) & _CUES
        if n - block < 8:
            found &= ~(_ONES << np.uint64(8 * (n - block)))
        while found != _U0:
            cue = block + (trailing_zeros(found) >> 3)
            found &= found - _U1
            if cue < free:
                continue
            free = cue + STEP
            scratch.window[0] += 1
            for c in range(CLASSES):
                put(sums, c, signed(0))
            former = _U0
            for i in range(max(cue - BEFORE, 0), min(cue + BEHIND, n)):
                word = get(hashes, i)
                add_feature(word * P1, model, scratch)
                if former != _U0:
                    add_feature((former * P2 + word) * P1, model, scratch)
                former = word
            for c in range(CLASSES):
                flags |= signed(get(sums, c) >= get(model.bars, c)) * get(model.flags, c)
    return flags
