"""JSON lines straight to columns: by Arrow, which holds no lock of Python, where all lines are plain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from stillhunt.collect.values.fields import Column, FieldMap, path_splits

_TYPES = {str: pa.large_string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
_NO_JSON = (re.compile(rb"NaN\s*[,}\]]"), re.compile(rb"Inf(?:inity)?\s*[,}\]]"))
"""Numbers that Arrow reads anywhere, though they are no JSON (RFC 8259, section 6). A batch with one, even in a
text, is read line by line."""
_WHOLE_FLOATS = 2.0**53
"""Numbers beyond it lose digits as floats, which the other way of reading keeps where they are integers (IEEE 754)."""
_MOST_BYTES = 64 << 20
"""Of lines that are decoded together: they are in memory three times. Judgement: twice what a batch usually has."""


class JsonColumns:
    """Decodes lines whose fields have the types that the first records of a file show.

    Arrow refuses what is no JSON, what has another type, and what has a field twice. Such lines, and all that might
    mean something else to it, are left to the reader of single lines, and both read the same from all others.

    Args:
        fields: where each of our columns may stand.
        wanted: columns that are read.
        types: of the fields, see `field_types`; None where they cannot be decoded in this way.
    """

    def __init__(self, fields: FieldMap, wanted: Sequence[str], types: Mapping[str, pa.DataType] | None) -> None:
        self._ways = {ours: [way for path in fields.paths[ours] for way in path_splits(path)] for ours in wanted}
        self._schema = None if types is None else pa.schema(types)
        self._read = self._refused = 0

    def decode(self, lines: Sequence[bytes]) -> dict[str, Column] | None:
        """The wanted columns of some lines; None where one of them needs a closer look."""
        # A file of which Arrow refuses most would be read twice.
        if self._schema is None or self._refused > self._read + 1 or sum(map(len, lines)) > _MOST_BYTES:
            return None
        columns = self._decode_columns(lines, self._schema)
        self._read, self._refused = self._read + (columns is not None), self._refused + (columns is None)
        return columns

    def _decode_columns(self, lines: Sequence[bytes], schema: pa.Schema) -> dict[str, Column] | None:
        if not all(line[:1] == b"{" and line[-1:] == b"}" for line in lines):
            return None  # to Arrow, a line may be empty, or hold several records
        content = b"\n".join(lines)
        if any(token.search(content) for token in _NO_JSON):
            return None
        try:
            table = arrow_json.read_json(
                pa.BufferReader(content),
                arrow_json.ReadOptions(use_threads=False, block_size=len(content) + 1),
                arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
            )
            table.validate(full=True)  # that texts are UTF-8
        except pa.ArrowException:
            return None
        if table.num_rows != len(lines):
            return None
        found = {name: _first_values(table, way) for name, way in self._ways.items()}
        return None if any(column is None for column in found.values()) else found


def field_types(sample: Iterable[Mapping[str, Any]], names: Iterable[str]) -> dict[str, pa.DataType] | None:
    """Types of fields by their values in the first records; None where Arrow has none that keeps all of a field."""
    kinds: dict[str, set[type]] = {name: set() for name in names}
    for record in sample:
        for name in kinds.keys() & record.keys():
            kinds[name].add(type(record[name]))
    types = {name: _type_of(found - {type(None)}) for name, found in kinds.items()}
    return None if None in types.values() else types


def _type_of(kinds: set[type]) -> pa.DataType | None:
    if kinds == {int, float}:
        return pa.float64()
    return _TYPES.get(*kinds) if len(kinds) == 1 else None if kinds else pa.large_string()


def _first_values(table: pa.Table, ways: Sequence[tuple[str, tuple[str, ...]]]) -> Any:
    """The first value of each record in some fields; None where this takes a closer look."""
    column: Any = pa.nulls(table.num_rows)
    for name, steps in ways:
        values = table.column(name).combine_chunks()
        values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
        if values.null_count == len(values):
            continue
        if steps or (column.type != pa.null() and column.type != values.type):
            return None
        if pa.types.is_floating(values.type):
            known = values.drop_null().to_numpy()
            if not bool(np.all(np.abs(known) < _WHOLE_FLOATS)):
                return None
        column = values if column.type == pa.null() else pc.coalesce(column, values)
    if pa.types.is_boolean(column.type):
        return column.to_pylist()
    if pa.types.is_large_string(column.type):
        empty = pc.equal(column, "")
        if pc.any(empty).as_py():
            column = pc.if_else(empty, None, column)
    return column
