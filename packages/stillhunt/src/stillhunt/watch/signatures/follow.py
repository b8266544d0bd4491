"""Records as they were just received: read and sketched as a hunt does it, and matched with signatures.

Readers work on files, so the records stand in a file of a temporary folder, in memory where the system has such a
folder. What a call repeats of earlier calls of its conversation is cut only as far as these lie in the same records;
an account's phrases count once, so that what is repeated adds nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import InputError
from stillhunt.base.progress import Silent
from stillhunt.base.schema import SKETCHES
from stillhunt.collect import open_requests
from stillhunt.extract import sketch_requests
from stillhunt.pipeline_local import with_state_key
from stillhunt.watch.signatures.matcher import LinkedAccount, Matcher

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


class Follower:
    """Follows the records that are committed to the spool.

    Args:
        matcher: holds what accounts have shown so far.
        config: the settings of the hunt, with its `state`, so that hashes and seed are the same.
        mapping: as for `stillhunt.pipeline.hunt`.
    """

    def __init__(self, matcher: Matcher, config: Config, mapping: Mapping[str, str] | None = None) -> None:
        self.matcher = matcher
        self._config = with_state_key(config).model_copy(update={"state": "", "threads": 1})
        self._mapping = mapping
        self._engine = DuckDBEngine(threads=1, memory_gb=config.memory_limit_gb)
        self.unreadable = 0

    def follow(self, records: bytes, ending: str) -> list[LinkedAccount]:
        """Match further records.

        Args:
            records: whole records, as a part of the spool holds them.
            ending: of that part's name: jsonl or pb.

        Returns:
            Accounts that these records link. Records that no reader can use are counted in `unreadable`, and the next
            hunt says why.
        """
        sketches = self.sketch(records, ending)
        return [] if sketches is None else self.matcher.match(sketches)

    def sketch(self, records: bytes, ending: str) -> pa.Table | None:
        """SKETCHES of records; None where none can be used."""
        folder = _IN_MEMORY if _IN_MEMORY.is_dir() else None
        with tempfile.TemporaryDirectory(prefix="stillhunt-", dir=folder) as made:
            path = Path(made) / f"part.{ending}"
            path.write_bytes(records)
            try:
                log = open_requests(
                    str(path), mapping=self._mapping, config=self._config, engine=self._engine, progress=Silent()
                )
            except InputError:
                self.unreadable += 1
                return None
            try:
                tables = [sketch_requests(batch, self._config) for batch in log.batches()]
            except InputError:
                tables = []
            finally:
                self.unreadable += log.rejects().num_rows
                log.close()
        return SKETCHES.check(pa.concat_tables(tables)) if tables else None

    def close(self) -> None:
        """Free the engine."""
        self._engine.__exit__(None, None, None)
