"""Reads logs as `hunt` does, for tests of sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.collect import InputFile, open_requests
from stillhunt.collect.normalise.identity import IdentityHasher

KEY = "for the tests"
CAPTURES = Path(__file__).parents[4] / "shared" / "vendor_samples"
"""Logs written by real software, whose licences forbid shipping them."""
captured = pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captures of real software are not here")


@dataclass(frozen=True)
class Read:
    """What came out of some logs.

    Attributes:
        rows: REQUESTS rows as dicts, in order of request id.
        rejects: rows set aside.
        inputs: what each input was.
    """

    rows: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    inputs: list[InputFile]

    def by(self, column: str) -> dict[Any, dict[str, Any]]:
        """Rows by the value of a column."""
        return {row[column]: row for row in self.rows}


def read_logs(*paths: Path | str, mapping: dict[str, str] | None = None, **collect: Any) -> Read:
    """Read logs to their end.

    Args:
        paths: files or folders.
        mapping: as for `hunt`.
        collect: settings of that section.
    """
    config = Config.load({"collect": {"identity_key": KEY, **collect}})
    with DuckDBEngine(threads=1) as engine:
        log = open_requests([str(p) for p in paths], mapping=mapping, config=config, engine=engine, progress=Silent())
        tables = list(log.batches())
        log.close()
    rows = pa.concat_tables(tables).to_pylist() if tables else []
    return Read(
        sorted(rows, key=lambda row: (row["request_id"], row["origin_row"])),
        log.rejects().to_pylist(),
        list(log.facts.inputs),
    )


def hashed_address(address: str) -> int:
    """The hash that stands for a client address in what `read_logs` gives."""
    found: int = IdentityHasher(KEY).addresses(pa.array([address]), 1024)[0][0].as_py()
    return found
