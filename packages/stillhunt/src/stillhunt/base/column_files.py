"""Tables and arrays in files that nobody else sees: of these only what is read takes memory, until it is given back."""

import errno
import mmap
import tempfile
import threading
import weakref
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.coded import is_coded
from stillhunt.base.errors import OutputError

HELD_BYTES = 4 << 20
"""Bytes up to which a column stays in memory. Judgement: all of a small hunt, and little beside the libraries.

With four times as much, a hunt of two million requests takes as long and 1,250 instead of 1,100 MB (measured).
"""
Number = TypeVar("Number", bound=np.generic)
_PADDING = 64  # Bytes behind a buffer that Arrow may read (as it pads its own)
_MEMORY = Path("/proc/self/statm")
_mapped: "weakref.WeakSet[mmap.mmap]" = weakref.WeakSet()
_lock = threading.Lock()  # around it: parts are put into files by several threads


def mapped_tables(tables: Iterable[pa.Table]) -> list[pa.Table]:
    """The tables, in a file, without columns that hold no value. Raises OutputError: there is no room."""
    places = [0]
    try:
        with tempfile.TemporaryFile() as file:
            for table in tables:
                full = [name for name in table.column_names if table.column(name).null_count < table.num_rows]
                with pa.ipc.new_stream(file, table.select(full).schema) as writer:
                    writer.write_table(table.select(full))
                places.append(file.tell())
            if len(places) == 1:
                return []
            whole = pa.py_buffer(_map(file))
    except OSError as error:
        raise _no_room(error) from error
    return [pa.ipc.open_stream(whole.slice(begin, end - begin)).read_all() for begin, end in pairwise(places)]


def mapped_column(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The column, in a file if it is long and holds a value. Raises OutputError: there is no room."""
    if column.nbytes <= HELD_BYTES or column.null_count == len(column):
        return column
    return mapped_tables([pa.table([column], ["column"])])[0].column(0)


def mapped_array(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """The numbers, one dimension, in a file if they are many. Raises OutputError: there is no room."""
    return values if values.nbytes <= HELD_BYTES else mapped_pieces([values], values.dtype)


def mapped_pieces(pieces: Iterable[npt.NDArray[Number]], dtype: np.dtype[Number]) -> npt.NDArray[Number]:
    """Numbers that come piece by piece, one behind the other in a file. Raises OutputError: there is no room."""
    try:
        with tempfile.TemporaryFile() as file:
            for piece in pieces:
                file.write(np.ascontiguousarray(piece).data)  # `tofile` does not say that the last bytes had no room
            return np.frombuffer(_map(file), dtype) if file.tell() else np.zeros(0, dtype)
    except OSError as error:
        raise _no_room(error) from error


def map_table(path: Path) -> pa.Table:
    """The table in an Arrow file. Raises OSError, or ValueError: it is no such file."""
    with path.open("rb") as file:
        return pa.ipc.open_file(pa.py_buffer(_map(file))).read_all()


def _map(file: IO[bytes]) -> mmap.mmap:
    file.flush()
    content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    with _lock:
        _mapped.add(content)
    return content


def _no_room(error: OSError) -> OutputError:
    step = "make room there (about 400 bytes a request), or name another place with TMPDIR"
    return OutputError(
        f"there is no room for the requests that are judged: {error.strerror or error}",
        where=tempfile.gettempdir(),
        next_step=find_next_step(error, step),
    )


_OTHER_LIMITS = {
    errno.ENOMEM: "allow the process more memory, or hunt in fewer days of the log",
    errno.EMFILE: "allow the process more open files: ulimit -n 4096",
    errno.ENFILE: "let the system open more files: sysctl fs.file-max",
}
"""Error number -> what to do; these limits show where a file is written or mapped, and more room does not help."""


def find_next_step(error: OSError, make_room: str) -> str:
    """What to do about a file that could not be written or mapped; `make_room` where the disk is full."""
    return _OTHER_LIMITS.get(error.errno or 0, make_room)


def column_of(tables: Sequence[pa.Table], field: pa.Field) -> pa.ChunkedArray:
    """A column of `mapped_tables`."""
    chunks: list[pa.Array] = []
    for table in tables:
        held = field.name in table.column_names
        chunks += table.column(field.name).chunks if held else [null_rows(field.type, table.num_rows)]
    return pa.chunked_array(chunks, field.type)


def release_mapped() -> None:
    """Give back the memory of what was read of tables in files; it is read again when somebody asks."""
    with _lock:
        files = list(_mapped)
    for content in files:
        if hasattr(mmap, "MADV_DONTNEED"):  # Windows gives back by itself
            content.madvise(mmap.MADV_DONTNEED)


def release_mapped_beyond(most: int) -> None:
    """As `release_mapped`, where pages of files take more than `most` bytes of memory, those of the program among them.

    Only Linux tells how many do; other systems take such pages back by themselves when memory is short.
    """
    if _resident_file_bytes() > most:
        release_mapped()


def _resident_file_bytes() -> int:
    """Memory of this process that the system could read from files again; 0 where it does not say (proc(5), statm)."""
    try:
        with _MEMORY.open("rb", buffering=0) as file:  # without a buffer it takes a third of the time
            return int(file.read().split()[2]) * mmap.PAGESIZE
    except OSError:
        return 0


def null_rows(type_: pa.DataType, rows: int) -> pa.Array:
    """Rows without a value, in memory that the system gives only to those who write to it."""
    if not (pa.types.is_primitive(type_) or is_coded(type_)):
        return pa.nulls(rows, type_)
    stored = type_.index_type if is_coded(type_) else type_
    zeros = pa.py_buffer(np.zeros(rows * max(stored.bit_width // 8, 1) + _PADDING, np.uint8))
    empty = pa.Array.from_buffers(stored, rows, [zeros, zeros], rows)
    return pa.DictionaryArray.from_arrays(empty, pa.array([], type_.value_type)) if is_coded(type_) else empty
