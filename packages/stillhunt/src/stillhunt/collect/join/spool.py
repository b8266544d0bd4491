"""Standardised rows of sources that can be read only once, or only slowly, kept for a second look.

Small amounts stay in memory; what is more goes to an unnamed temporary file, which vanishes with the process. A log may
have thousands of inputs, so all share that memory and that file.
"""

import os
import tempfile
from collections.abc import Iterator
from threading import Lock
from typing import BinaryIO

import pyarrow as pa

from stillhunt.base.errors import OutputError

MEMORY_BYTES = 64 << 20


class HeldRowsRoom:
    """Where the spools of a log keep their tables; several threads may use it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._free = MEMORY_BYTES
        self._file: BinaryIO | None = None
        self._end = 0

    def take_memory(self, size: int) -> bool:
        """Whether so many bytes may stay in memory; they are taken then."""
        with self._lock:
            fits = size <= self._free
            self._free -= size if fits else 0
            return fits

    def give_memory_back(self, size: int) -> None:
        """Free memory that was taken."""
        with self._lock:
            self._free += size

    def write(self, data: pa.Buffer) -> int:
        """Place of bytes in the file. Raises OSError: there is no room."""
        with self._lock:
            self._file = self._file or tempfile.TemporaryFile(prefix="stillhunt-")  # noqa: SIM115  # closed by close()
            place, self._end = self._end, self._end + data.size
        rest = memoryview(data)
        written = 0
        while written < data.size:
            written += os.pwrite(self._file.fileno(), rest[written:], place + written)
        return place

    def read(self, place: int, size: int) -> bytes:
        """Bytes that were written."""
        if self._file is None:
            raise ValueError("nothing was written")
        parts = []
        while size and (part := os.pread(self._file.fileno(), size, place)):
            parts.append(part)
            place, size = place + len(part), size - len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Free the file."""
        if self._file is not None:
            self._file.close()


class Spool:
    """Tables of one schema, written once and then read as often as needed."""

    def __init__(self, schema: pa.Schema, room: HeldRowsRoom) -> None:
        self._schema, self._room = schema, room
        self._tables: list[pa.Table | tuple[int, int]] = []  # or their place and size in the file

    def add(self, table: pa.Table) -> None:
        """Keep one table. Raises OutputError: there is no room."""
        if self._room.take_memory(table.nbytes):
            self._tables.append(table)
            return
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self._schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
            writer.write_table(table)
        data = sink.getvalue()
        try:
            self._tables.append((self._room.write(data), data.size))
        except OSError as error:
            raise OutputError(
                f"rows cannot be kept for a second look: {error}",
                where=tempfile.gettempdir(),
                next_step="free some space, or set TMPDIR to a folder that has it",
            ) from error

    def tables(self) -> Iterator[pa.Table]:
        """Everything kept, in the order it came."""
        for table in self._tables:
            yield self._read_table(*table) if isinstance(table, tuple) else table

    def _read_table(self, place: int, size: int) -> pa.Table:
        with pa.ipc.open_stream(pa.py_buffer(self._room.read(place, size))) as reader:
            return reader.read_all()

    def close(self) -> None:
        """Free what it has in memory."""
        self._room.give_memory_back(sum(table.nbytes for table in self._tables if not isinstance(table, tuple)))
        self._tables = []
