"""Lists moved into another order; compiled by `kernels.py`'s decorators."""

from __future__ import annotations

from stillhunt.extract.kernels import I32, I64, U16, U32, door


@door
def take_lists32(order: I64, offsets: I32, inner: U32, out_offsets: I32, out: U32) -> None:
    """Lists of uint32 in the order of `order`; `out` has room for all of them."""
    used = 0
    out_offsets[0] = 0
    for place in range(order.size):
        for k in range(offsets[order[place]], offsets[order[place] + 1]):
            out[used] = inner[k]
            used += 1
        out_offsets[place + 1] = used


@door
def take_lists16(order: I64, offsets: I32, inner: U16, out_offsets: I32, out: U16) -> None:
    """The same for lists of uint16."""
    used = 0
    out_offsets[0] = 0
    for place in range(order.size):
        for k in range(offsets[order[place]], offsets[order[place] + 1]):
            out[used] = inner[k]
            used += 1
        out_offsets[place + 1] = used
