"""Recognise what an input is, by content before name, and open the reader for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.collect.catalog import COMPRESSION_SUFFIXES, Found, FoundFile
from stillhunt.collect.delimited import DELIMITERS, CsvReader
from stillhunt.collect.fields import FieldMap
from stillhunt.collect.files import ColumnarRows, ParquetReader, Reader, StreamReader, TableReader, UnusableInputError
from stillhunt.collect.lines import BYTE_ORDER_MARK, JsonReader, TextFile
from stillhunt.collect.streams import DamagedFileError, HashedFile, decompressed

PARQUET_MAGIC = b"PAR1"
SNIFFED_BYTES = 1 << 16


def open_reader(found: Found, index: int, fields: FieldMap, required: Sequence[str], config: Config) -> Reader:
    """Open one input and look at its columns.

    Args:
        found: file or table.
        index: its place in the sorted order of names.
        fields: where our columns are.
        required: our columns that it must have.
        config: limits.

    Raises:
        UnusableInputError: it cannot be opened, is of no known format, or lacks a required column.
    """
    rows = ColumnarRows(found.name, index, fields)
    batch_rows = config.collect.batch_rows
    if isinstance(found, FoundFile):
        return _open_file(found.path, rows, required, config)
    try:
        if found.table is not None:
            return TableReader(found.table, rows, required, batch_rows)
        if found.stream is not None:
            return StreamReader(found.stream, rows, required, batch_rows)
    except pa.ArrowException as error:
        raise UnusableInputError(f"the table cannot be read: {error}", "table") from error
    raise UnusableInputError("nothing to read", "table")


def _open_file(path: Path, rows: ColumnarRows, required: Sequence[str], config: Config) -> Reader:
    if not path.is_file():
        raise UnusableInputError("not a regular file (a device, a pipe, or a link to nothing)")
    head = _head(path, packed=True)
    if not head:
        raise UnusableInputError("the file is empty")
    if head.startswith(PARQUET_MAGIC):
        return ParquetReader(path, rows, required, config.collect.batch_rows)
    file = TextFile(path, rows.name, rows.index, rows.fields, config.collect.batch_rows, config.collect.max_line_bytes)
    kind = _text_kind(_head(path, packed=False), path.name)
    if kind == "csv":
        return CsvReader(file, required)
    return JsonReader(file, required, array=kind == "array")


def _head(path: Path, *, packed: bool) -> bytes:
    """First bytes as they lie on disk, or of the content."""
    pieces = HashedFile(path).pieces()
    content = b""
    try:
        for piece in pieces if packed else decompressed(pieces):
            content += piece
            if len(content) >= SNIFFED_BYTES:
                break
    except DamagedFileError as error:
        if not content:
            raise UnusableInputError(str(error)) from error
    return content[:SNIFFED_BYTES]


def _text_kind(head: bytes, name: str) -> str:
    start = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    if not start:
        raise UnusableInputError("the file is empty")
    if start.startswith(b"{"):
        return "lines"
    if start.startswith(b"[") and start[1:].lstrip()[:1] in (b"{", b"]"):
        return "array"
    lowered = name.lower()
    for suffix in COMPRESSION_SUFFIXES:
        lowered = lowered.removesuffix(suffix)
    if lowered.endswith((".jsonl", ".ndjson", ".json")):
        return "lines"
    if lowered.endswith((".parquet", ".pq")):
        raise UnusableInputError("not a Parquet file, whatever its name says")
    first = start.split(b"\n", 1)[0].decode("utf-8", "replace")
    if lowered.endswith((".csv", ".tsv")) or any(delimiter in first for delimiter in DELIMITERS):
        return "csv"
    raise UnusableInputError(
        "format is not recognised", next_step="give Parquet, JSON lines, a JSON array, CSV or TSV (also .gz or .zst)"
    )
