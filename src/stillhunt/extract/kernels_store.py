"""Lists moved into another order; compiled by `kernels.py`'s decorators."""

from __future__ import annotations

from stillhunt.extract.kernels import I32, I64, U16, U32, door


@door
def place_lists32(places: I64, offsets: I32, inner: U32, out_offsets: I32, out: U32) -> None:
    """Put each list of uint32 at its place among lists whose offsets are known."""
    for row in range(places.size):
        used = out_offsets[places[row]]
        for k in range(offsets[row], offsets[row + 1]):
            out[used] = inner[k]
            used += 1


@door
def place_lists16(places: I64, offsets: I32, inner: U16, out_offsets: I32, out: U16) -> None:
    """The same for lists of uint16."""
    for row in range(places.size):
        used = out_offsets[places[row]]
        for k in range(offsets[row], offsets[row + 1]):
            out[used] = inner[k]
            used += 1
