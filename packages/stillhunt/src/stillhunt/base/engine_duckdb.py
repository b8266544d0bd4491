"""DuckDB behind the engine protocol; the only file that knows DuckDB."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Self

import duckdb
import pyarrow as pa

from stillhunt.base.errors import EngineError
from stillhunt.base.forced_end import remove_at_forced_end


class DuckDBEngine:
    """An in-process DuckDB connection that spills to disk above its memory limit; 0 threads are one per core.

    It is opened when it is first used: most hunts ask it nothing, and its threads take some 20 ms to start.
    """

    name = "duckdb"

    def __init__(self, *, threads: int = 0, memory_gb: float = 2.0) -> None:
        self._threads, self._memory_gb = threads or os.cpu_count() or 1, memory_gb

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:")
        connection.execute(f"SET threads = {self._threads}")
        connection.execute(f"SET memory_limit = '{self._memory_gb:.3f}GiB'")
        connection.execute("SET TimeZone = 'UTC'")
        # By default, DuckDB would use the current folder. It removes this one at the end, so the name must be new.
        spill = Path(tempfile.gettempdir()) / f"stillhunt-duckdb-{secrets.token_hex(8)}"
        remove_at_forced_end(spill)
        quoted = str(spill).replace("'", "''")
        connection.execute(f"SET temp_directory = '{quoted}'")
        # Hostile logs must not reach the network or other files through SQL functions.
        connection.execute("SET autoinstall_known_extensions = false")
        connection.execute("SET autoload_known_extensions = false")
        return connection

    def register(self, table_name: str, table: pa.Table) -> None:
        """Register an Arrow table under a name; an earlier table of that name is replaced."""
        self._connection.register(table_name, table)

    def sql(self, statement: str, *, purpose: str) -> pa.Table:
        """Run one statement; raises EngineError with the purpose and the SQL text."""
        try:
            return self._connection.sql(statement).to_arrow_table()
        except duckdb.Error as error:
            raise EngineError(
                f"{purpose} failed: {error}", where="SQL: " + " ".join(statement.split())[:400]
            ) from error

    def stream(self, statement: str, *, purpose: str) -> Iterator[pa.RecordBatch]:
        """Run one statement and yield its rows in batches; raises EngineError with the purpose."""
        try:
            yield from self._connection.sql(statement).to_arrow_reader(65_536)
        except (duckdb.Error, pa.ArrowException) as error:
            raise EngineError(
                f"{purpose} failed: {error}", where="SQL: " + " ".join(statement.split())[:400]
            ) from error

    def scan(self, relation: object) -> Iterator[pa.RecordBatch]:
        """Stream a DuckDB relation as Arrow batches."""
        if not isinstance(relation, duckdb.DuckDBPyRelation):
            raise EngineError(f"{type(relation).__name__} is not a DuckDB relation", where="hunt(requests=...)")
        reader = relation.to_arrow_reader(65_536)
        yield from reader

    def close(self) -> None:
        """Free the connection, if there is one."""
        if "_connection" in vars(self):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
