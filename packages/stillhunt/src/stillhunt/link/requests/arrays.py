"""Arrow columns as numpy arrays: the form in which this room computes."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.link.requests.request_kernels import number_keys

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]


def values(table: pa.Table, name: str, type_: pa.DataType | None = None, *, fill: int | None = None) -> Array:
    """One column."""
    column = table.column(name)
    if type_ is not None:
        column = column.cast(type_)
    if fill is not None and column.null_count:
        column = pc.fill_null(column, fill)
    return _seal_array(column.to_numpy())


def lists(table: pa.Table, name: str) -> tuple[npt.NDArray[np.int32], Array]:
    """Where each row's list begins, one more than rows, and the values of all lists."""
    column = table.column(name)
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], column.type)
    offsets = array.offsets.to_numpy()
    inside = array.values.slice(int(offsets[0]), int(offsets[-1] - offsets[0])) if len(offsets) else array.values
    return _seal_array((offsets - offsets[0]).astype(np.int32)), _seal_array(inside.to_numpy(zero_copy_only=False))


def _seal_array(array: Array) -> Array:
    """A view that cannot be written: kernels are compiled once for these, however many chunks the Arrow column has."""
    sealed: Array = array.view()
    sealed.flags.writeable = False
    return sealed


def list_array(offsets: npt.NDArray[np.int32], inner: Array) -> pa.ListArray:
    """The Arrow form of `lists`."""
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(inner))


def numbered(keys: Ints) -> tuple[npt.NDArray[np.int32], Ints]:
    """Number of each key by its first appearance, and the keys by number."""
    code = np.empty(len(keys), np.int32)
    names = np.empty(number_keys(keys.view(np.uint64), code), np.int64)
    names[code] = keys
    return code, names


def counted(keys: Ints) -> tuple[Ints, Ints]:
    """Distinct keys, ascending, and how often each occurs; numpy sorts faster than a table counts."""
    ordered = np.sort(keys)
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(keys)])
    return ordered[first], np.diff(first, append=len(keys))


_SUMMED_AT_ONCE = 1 << 22
"""Fewest keys that `summed` brings together at a time. Judgement: some 120 MB while it does."""


def summed(parts: Iterable[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    """Distinct keys, in any order, and the sum of the whole numbers beside each; never are all parts in memory."""
    held, waiting = [(np.zeros(0, np.int64), np.zeros(0, np.int64))], 0
    for part in chain(parts, [None]):
        if part is not None:
            held.append(part)
            waiting += len(part[0])
        # As many as there are keys, so that each is moved a few times.
        if part is None or waiting >= max(len(held[0][0]), _SUMMED_AT_ONCE):
            keys, numbers = (np.concatenate(column) for column in zip(*held, strict=True))
            code, names = numbered(keys)
            held, waiting = [(names, np.bincount(code, numbers, len(names)).astype(np.int64))], 0
    return held[0]
