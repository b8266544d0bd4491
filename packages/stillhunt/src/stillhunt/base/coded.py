"""String columns with few distinct values, stored as codes and a dictionary."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import I32, Ints

_AT_ONCE = 1 << 16  # Rows that are renumbered at once (bounds memory)


def is_coded(type_: pa.DataType) -> bool:
    """Whether a type is that of a coded column."""
    return bool(pa.types.is_dictionary(type_))


def plain(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """A column with its values in the rows, decoded if it was coded."""
    return column.cast(column.type.value_type) if is_coded(column.type) else column


def codes(column: pa.Array | pa.ChunkedArray) -> tuple[I32, pa.Array]:
    """Code of each row (-1 for null), and the distinct strings by code; some of them may not occur."""
    if isinstance(column, pa.ChunkedArray):
        chunks = column.chunks or [pa.array([], column.type)]
        column = chunks[0] if len(chunks) == 1 else column.combine_chunks()
    coded = column if is_coded(column.type) else pc.dictionary_encode(column)
    indices = coded.indices.cast(pa.int32())
    indices = pc.fill_null(indices, -1) if indices.null_count else indices
    return indices.to_numpy(zero_copy_only=False), coded.dictionary


def one_dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A coded column as one array, with a sorted dictionary of the values that occur."""
    code, names = codes(column)
    used = np.zeros(len(names) + 1, bool)
    used[code] = True
    places = pc.sort_indices(names).to_numpy()
    places = places[used[:-1][places]]
    rank = np.full(len(names) + 1, -1, np.int32)
    rank[places] = np.arange(len(places), dtype=np.int32)
    indices = pa.array(rank[code], mask=code < 0)
    return pa.DictionaryArray.from_arrays(indices, names.take(pa.array(places)))


def coded(column: pa.ChunkedArray | pa.Array) -> Ints:
    """Code of each row, of a plain or coded column, by order of first appearance; -1 for null."""
    if is_coded(column.type):
        code, names = codes(column)
        return _by_appearance(code, len(names))
    encoded = pc.dictionary_encode(column)
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    found: Ints = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return found


def _by_appearance(code: Ints, count: int) -> Ints:
    """Codes, all below `count`, renumbered in order of first appearance; -1 stays."""
    new = -2
    number = np.full(count + 1, new, np.int32)
    number[-1] = -1
    out = np.empty(len(code), np.int32)
    seen = 0
    for first in range(0, len(code), _AT_ONCE):
        part = code[first : first + _AT_ONCE]
        values, places = np.unique(part[number[part] == new], return_index=True)
        number[values[np.argsort(places)]] = np.arange(seen, seen + len(values))
        seen += len(values)
        out[first : first + _AT_ONCE] = number[part]
    return out


def ranked(keys: Ints) -> Ints:
    """Rank of each key among the distinct ones, from 0."""
    encoded = pc.dictionary_encode(pa.array(keys))
    order = np.argsort(encoded.dictionary.to_numpy())
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    ranks: Ints = rank[encoded.indices.to_numpy()]
    return ranks


def joined(left: Ints, right: Ints) -> Ints:
    """One code for each pair of codes, in the pairs' order; -1 (unknown) where both are."""
    ranks = ranked(left.astype(np.int64) * (int(right.max(initial=0)) + 2) + right)
    joint: Ints = np.where((left < 0) & (right < 0), np.int32(-1), ranks)
    return joint
