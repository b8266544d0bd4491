"""Columns in files that nobody else sees: tables that come in parts, and columns of which little is read later."""

import mmap
import tempfile
import weakref
from collections import defaultdict
from typing import Self

import numpy as np
import pyarrow as pa

from stillhunt.base.coded import is_coded
from stillhunt.base.errors import OutputError

HELD_BYTES = 16 << 20
"""Bytes up to which columns stay in memory. Judgement: all of a small hunt, and little beside the libraries."""
_PADDING = 64  # Bytes behind a buffer that Arrow may read (as it pads its own)
_mapped: "weakref.WeakSet[mmap.mmap]" = weakref.WeakSet()


class ColumnFile:
    """Tables of a schema that come one after the other and are taken column by column, each column once.

    So no more than one column is in memory in the order in which it came.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._file = tempfile.SpooledTemporaryFile(max_size=HELD_BYTES)  # noqa: SIM115 - closed at the exit
        self._parts: dict[str, list[tuple[int, int, int]]] = defaultdict(list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, table: pa.Table) -> None:
        """Keep the rows of one more table; an OutputError if there is no room."""
        try:
            for name in self._schema.names:
                column = table.column(name)
                begin, length = self._file.tell(), 0
                if column.null_count < len(column):
                    sink = pa.BufferOutputStream()
                    _write_column(sink, column)
                    length = self._file.write(sink.getvalue())
                self._parts[name].append((len(column), begin, length))
        except OSError as error:
            raise OutputError(
                f"there is no room for the requests that are judged: {error.strerror or error}",
                where=tempfile.gettempdir(),
                next_step="make room there (about 200 bytes a request), or name another place with TMPDIR",
            ) from error

    def take(self, name: str) -> pa.ChunkedArray:
        """One column, its chunks in the order in which they came."""
        type_ = self._schema.field(name).type
        chunks: list[pa.Array] = []
        for rows, begin, length in self._parts.pop(name, ()):
            self._file.seek(begin)
            read = _read_column(pa.py_buffer(self._file.read(length))).chunks if length else [null_rows(type_, rows)]
            chunks += read
        return pa.chunked_array(chunks, type_)


def kept_in_file(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The column where it takes no memory but for what is read of it: in a file that the system maps.

    A short column stays where it is, and so does every column if there is no room for a file.
    """
    if column.nbytes <= HELD_BYTES:
        return column
    try:
        with tempfile.TemporaryFile() as file:
            _write_column(file, column)
            file.flush()
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError:
        return column
    _mapped.add(content)
    return _read_column(pa.py_buffer(content))


def release_mapped() -> None:
    """Give back the memory of what was read of columns in files; they are read again when somebody asks."""
    for content in _mapped:
        if hasattr(mmap, "MADV_DONTNEED"):  # Windows gives back by itself
            content.madvise(mmap.MADV_DONTNEED)


def null_rows(type_: pa.DataType, rows: int) -> pa.Array:
    """Rows without a value, in memory that the system gives only to those who write to it."""
    if not (pa.types.is_primitive(type_) or is_coded(type_)):
        return pa.nulls(rows, type_)
    stored = type_.index_type if is_coded(type_) else type_
    zeros = pa.py_buffer(np.zeros(rows * max(stored.bit_width // 8, 1) + _PADDING, np.uint8))
    empty = pa.Array.from_buffers(stored, rows, [zeros, zeros], rows)
    return pa.DictionaryArray.from_arrays(empty, pa.array([], type_.value_type)) if is_coded(type_) else empty


def _write_column(sink: object, column: pa.Array | pa.ChunkedArray) -> None:
    table = pa.table([column], ["column"])
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def _read_column(content: pa.Buffer) -> pa.ChunkedArray:
    return pa.ipc.open_stream(content).read_all().column(0)
