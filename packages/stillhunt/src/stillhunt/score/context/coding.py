"""Columns of the tables as small whole numbers."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import Ints
from stillhunt.base.coded import codes
from stillhunt.score import kernels


def runs_of(column: pa.ChunkedArray) -> tuple[pa.Array, Ints]:
    """Distinct values of a column whose equal values stand side by side, and the code of each row."""
    places, texts = codes(column)
    begins = np.flatnonzero(np.append(True, places[1:] != places[:-1])[: len(places)])
    encoded = pc.dictionary_encode(pa.array(places[begins]))
    owner: Ints = np.repeat(encoded.indices.to_numpy(), np.diff(begins, append=len(places)))
    return texts.take(encoded.dictionary), owner


def whole_numbers(column: pa.ChunkedArray) -> Ints:
    """A column of whole numbers, -1 where unknown, no wider than its values need."""
    filled = pc.fill_null(column, -1) if column.null_count else column
    values: Ints = filled.to_numpy()
    if values.dtype == np.int64 and len(values) and abs(values).max() < np.iinfo(np.int32).max:
        return values.astype(np.int32)
    return values


def commonest(owner: Ints, value: Ints, owners: int) -> Ints:
    """Most frequent known value of each owner; the smaller code on ties, -1 where none.

    `owner`: owner of each entry, equal ones side by side. `value`: value code of each entry, -1 unknown.
    """
    return kernels.commonest_in_runs(owner, value, int(value.max(initial=-1)) + 1, owners)[0]
