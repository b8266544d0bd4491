"""Files that are written completely or not at all, and tables as files that other programs read."""

import csv
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.base import formatting
from stillhunt.base.errors import ContractError, OutputError


def write_whole(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file completely or not at all, for its owner only, beside its place and then renamed.

    Makes its folder if need be; an OutputError if it cannot be written.
    """
    beside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".stillhunt-", suffix=".part", dir=path.parent)
        beside = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise OutputError(
            f"the file cannot be written: {error.strerror or error}",
            where=str(path),
            next_step="nothing was left behind; free space or name another file",
            command_step="nothing was left behind; free space or name another file with --out",
        ) from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


_FORMULA = re.compile("((?:^|;)\\s*)(?=[=+\\-@'\uff1d\uff0b\uff0d\uff20])")
"""Where a spreadsheet would read a formula: at the beginning of a cell, which in some countries a semicolon ends."""


def csv_bytes(table: pa.Table) -> bytes:
    """A table as CSV that no spreadsheet takes for formulas: UTF-8, one line a row, names of columns first.

    Control characters are visible escapes. An apostrophe stands before = + - @ and before an apostrophe where a text,
    or its part after a semicolon, begins with one. The values of a list are joined with semicolons.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.schema.names)
    writer.writerows([_format_csv_cell(value) for value in row.values()] for row in table.to_pylist())
    return text.getvalue().encode()


def _format_csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int | float):
        return repr(value)
    text = "; ".join(value) if isinstance(value, list) else value
    return _FORMULA.sub(r"\1'", formatting.escape_controls(text))


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file."""
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def table_of_parquet(content: bytes, most_rows: int = sys.maxsize) -> pa.Table:
    """The table in the bytes of a Parquet file, read by the calling thread alone.

    Arrow's threads drop what they read from a moment after the table is there. To drop bytes of Python, a thread needs
    Python's lock, and Python ends a thread that asks for the lock while the process ends: it unwinds a C++ destructor,
    and the process aborts with "terminate called without an active exception" (apache/arrow issue 34314).
    `pq.read_table` hands a file to such threads whatever `use_threads` says, and so does reading in advance.

    Args:
        most_rows: number of rows above which the file is refused before any is decoded.

    Raises:
        ContractError: it has more rows.
        OSError, pa.ArrowException: it is damaged, or no Parquet.
    """
    with pq.ParquetFile(pa.BufferReader(content), pre_buffer=False) as file:
        if file.metadata.num_rows > most_rows:
            raise ContractError(f"it has more than {most_rows} rows")
        return file.read(use_threads=False)
