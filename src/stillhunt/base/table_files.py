"""Tables as files that other programs read: CSV that no spreadsheet takes for formulas, and Parquet."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.base import formatting

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
    writer.writerows([_cell(value) for value in row.values()] for row in table.to_pylist())
    return text.getvalue().encode()


def _cell(value: Any) -> str:
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
