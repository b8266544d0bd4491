"""Standardised rows of sources that can be read only once, or only slowly, kept for a second look.

Small amounts stay in memory; larger ones go to an unnamed temporary file, which vanishes with the process.
"""

import tempfile
from collections.abc import Iterator
from typing import BinaryIO, Self

import pyarrow as pa

from stillhunt.base.errors import OutputError

MEMORY_BYTES = 64 << 20


class Spool:
    """Tables of one schema, written once and then read as often as needed."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._tables: list[pa.Table] = []
        self._bytes = 0
        self._file: BinaryIO | None = None
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._ended = False

    def add(self, table: pa.Table) -> None:
        """Keep one table."""
        if self._writer is None:
            self._tables.append(table)
            self._bytes += table.nbytes
            if self._bytes <= MEMORY_BYTES:
                return
            self._open_file()
            waiting, self._tables = self._tables, []
        else:
            waiting = [table]
        try:
            for part in waiting:
                self._writer.write_table(part)  # type: ignore[union-attr]  # opened just above
        except OSError as error:
            raise OutputError(
                f"rows cannot be kept for a second look: {error}",
                where=tempfile.gettempdir(),
                next_step="free some space, or set TMPDIR to a folder that has it",
            ) from error

    def _open_file(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="stillhunt-")  # noqa: SIM115  # closed by close()
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pa.ipc.new_stream(self._file, self._schema, options=options)

    def tables(self) -> Iterator[pa.Table]:
        """Everything kept, in the order it came; after the first call nothing can be added."""
        if self._file is None:
            yield from self._tables
            return
        if self._writer is not None and not self._ended:
            self._writer.close()
            self._ended = True
        self._file.seek(0)
        for batch in pa.ipc.open_stream(self._file):
            yield pa.Table.from_batches([batch], self._schema)

    def close(self) -> None:
        """Free memory and file."""
        self._tables = []
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
