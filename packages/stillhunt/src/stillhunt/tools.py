"""Helpers that packages of plugins and the other distributions may use: the same in all of them, and stable.

Numbers and texts for people (`formatting`, `fill`), parameters with their provenance, progress, files that are written
whole or not at all, tables, and units of time.
"""

from __future__ import annotations

from stillhunt.base import formatting
from stillhunt.base.forced_end import remove_at_forced_end
from stillhunt.base.parameters import derived, judgement, measured, parameter, parameter_table, values_of
from stillhunt.base.progress import Progress, Silent
from stillhunt.base.redaction import redacted
from stillhunt.base.shape import TIMESTAMP, Table
from stillhunt.base.table_files import csv_bytes, parquet_bytes, table_of_parquet
from stillhunt.base.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND
from stillhunt.base.visible_ids import visible_id
from stillhunt.base.whole_files import write_whole
from stillhunt.base.wording import fill

__all__ = [
    "DAY",
    "HOUR",
    "MILLISECOND",
    "MINUTE",
    "SECOND",
    "TIMESTAMP",
    "Progress",
    "Silent",
    "Table",
    "csv_bytes",
    "derived",
    "fill",
    "formatting",
    "judgement",
    "measured",
    "parameter",
    "parameter_table",
    "parquet_bytes",
    "redacted",
    "remove_at_forced_end",
    "table_of_parquet",
    "values_of",
    "visible_id",
    "write_whole",
]
