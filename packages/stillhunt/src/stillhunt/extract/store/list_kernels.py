"""Lists moved into another order."""

from __future__ import annotations

from stillhunt.base.arrays import I32, I64, U16, U32
from stillhunt.extract.text.byte_kernels import entry_point


@entry_point
def place_lists(places: I64, offsets: I32, inner: U16 | U32, out_offsets: I32, out: U16 | U32) -> None:
    """Put each list at its place among lists whose offsets are known; compiled for each type of their values."""
    for row in range(places.size):
        used = out_offsets[places[row]]
        for k in range(offsets[row], offsets[row + 1]):
            out[used] = inner[k]
            used += 1
