"""String columns with few distinct values, stored as codes and a dictionary."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def is_coded(type_: pa.DataType) -> bool:
    """Whether a type is that of a coded column."""
    return bool(pa.types.is_dictionary(type_))


def plain(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """A column with its values in the rows, decoded if it was coded.

    Args:
        column: any column.
    """
    return column.cast(column.type.value_type) if is_coded(column.type) else column


def codes(column: pa.Array | pa.ChunkedArray) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """Code of each row (-1 for null), and the distinct strings by code; some of them may not occur.

    Args:
        column: strings, plain or coded.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks() if column.num_chunks else pa.array([], column.type)
    coded = column if is_coded(column.type) else pc.dictionary_encode(column)
    indices = pc.fill_null(coded.indices.cast(pa.int32()), -1)
    return indices.to_numpy(zero_copy_only=False), coded.dictionary


def one_dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A coded column as one array, with a sorted dictionary of the values that occur.

    Args:
        column: strings, plain or coded.
    """
    code, names = codes(column)
    used = np.zeros(len(names) + 1, bool)
    used[code] = True
    places = pc.sort_indices(names).to_numpy()
    places = places[used[:-1][places]]
    rank = np.full(len(names) + 1, -1, np.int32)
    rank[places] = np.arange(len(places), dtype=np.int32)
    indices = pa.array(rank[code], mask=code < 0)
    return pa.DictionaryArray.from_arrays(indices, names.take(pa.array(places)))
