"""The door for request logs: whatever the user has -> a log that can be read once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillhunt.base.config import Config
from stillhunt.base.engine import Engine
from stillhunt.base.progress import Progress
from stillhunt.collect.read.inputs import open_inputs
from stillhunt.collect.read.request_log import RequestLog
from stillhunt.collect.values.fields import REQUEST_FIELDS, REQUIRED_REQUEST_FIELDS, field_map


def open_requests(
    sources: Any, *, mapping: Mapping[str, str] | None, config: Config, engine: Engine, progress: Progress
) -> RequestLog:
    """Open request logs.

    Args:
        sources: path, folder or pattern; address of a database; Arrow table or reader; DuckDB relation; Polars or
            pandas frame; or a list.
            Parquet, JSON lines, a JSON array, CSV or TSV, plain or compressed with gzip or zstd.
        mapping: our column -> the log's column, or a dotted path into nested fields.
        config: settings.
        engine: scans relations of its own kind.
        progress: told how far reading is.

    Raises:
        InputError: no input can be used, or a path names nothing.
        ConfigError: the mapping names a column that does not exist with us.
    """
    fields = field_map(REQUEST_FIELDS, mapping)
    opened = open_inputs(sources, fields, REQUIRED_REQUEST_FIELDS, config, engine, note=progress.note)
    return RequestLog(opened, config, engine, progress)
