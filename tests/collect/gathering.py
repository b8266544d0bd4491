"""Small logs, written in every format, and read back through the public entry point."""

from __future__ import annotations

import csv
import gzip
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.base.schema import REQUESTS
from stillhunt.collect import RequestLog, open_requests

KEY = {"collect": {"identity_key": "a key for tests"}}
START = 1_767_225_600  # 2026-01-01T00:00:00Z


def config(**collect: Any) -> Config:
    return Config.load({"collect": {**KEY["collect"], **collect}}, environ={})


DEFAULT = config()


@cache
def engine() -> DuckDBEngine:
    """One for all tests of a process: what it starts would not outlive a fork."""
    return DuckDBEngine(threads=1)


def row(number: int = 0, **values: Any) -> dict[str, Any]:
    """One plain request."""
    plain = {
        "request_id": f"r{number}",
        "timestamp": START + 60 * number,
        "account_id": "a1",
        "model": "m1",
        "prompt": f"question number {number}",
    }
    return {**plain, **values}


def opened(sources: Any, *, mapping: dict[str, str] | None = None, settings: Config | None = None) -> RequestLog:
    return open_requests(sources, mapping=mapping, config=settings or DEFAULT, engine=engine(), progress=Silent())


def collected(
    sources: Any, *, mapping: dict[str, str] | None = None, settings: Config | None = None
) -> tuple[list[dict[str, Any]], RequestLog]:
    """All rows as dictionaries, by request id, and the finished log."""
    log = opened(sources, mapping=mapping, settings=settings)
    tables = [REQUESTS.check(table) for table in log.batches()]
    rows = pa.concat_tables([REQUESTS.empty(), *tables]).to_pylist()
    return sorted(rows, key=lambda r: (r["request_id"], r["origin_file"], r["origin_row"])), log


def content(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The rows without their origin, in an order of their own."""
    kept = [name for name in REQUESTS.names if not name.startswith("origin_")]
    return sorted((tuple(r[name] for name in kept) for r in rows), key=repr)


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_bytes(packed(path, b"".join(json.dumps(r).encode() + b"\n" for r in rows)))
    return path


def write_array(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_bytes(packed(path, json.dumps(rows, indent=1).encode()))
    return path


def write_csv(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> Path:
    names = list(dict.fromkeys(name for r in rows for name in r))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, delimiter=delimiter)
    writer.writeheader()
    for r in rows:
        writer.writerow({n: json.dumps(v) if isinstance(v, list | dict) else v for n, v in r.items()})
    path.write_bytes(packed(path, text.getvalue().encode()))
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]], **options: Any) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, **options)
    return path


def packed(path: Path, data: bytes) -> bytes:
    if path.suffix == ".gz":
        return gzip.compress(data, mtime=0)
    if path.suffix == ".zst":
        return zstandard.compress(data)
    return data


WRITERS = {
    "log.parquet": write_parquet,
    "log.jsonl": write_lines,
    "log.jsonl.gz": write_lines,
    "log.ndjson.zst": write_lines,
    "log.json": write_array,
    "log.csv": write_csv,
    "log.csv.gz": write_csv,
    "log.tsv": lambda path, rows: write_csv(path, rows, "\t"),
}
"""File name -> how to write rows to it."""
