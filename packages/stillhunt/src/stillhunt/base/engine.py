"""What a SQL engine must offer; only `engine_*.py` files use a real engine."""

from collections.abc import Iterator
from typing import Protocol, Self

import pyarrow as pa


class Engine(Protocol):
    """A SQL engine over Arrow tables.

    Statements use the small common subset of SQL that `sqlglot` can transpile: no engine hash, no approximate
    aggregate, no unordered list, and sums over integers only, so that every engine gives the same answer.
    """

    name: str

    def register(self, table_name: str, table: pa.Table) -> None:
        """Register an Arrow table under a name; an earlier table of that name is replaced."""

    def sql(self, statement: str, *, purpose: str) -> pa.Table:
        """Run one statement; an EngineError with its purpose in words if the engine refused or failed."""

    def stream(self, statement: str, *, purpose: str) -> Iterator[pa.RecordBatch]:
        """Run one statement whose result need not fit in memory; errors as for `sql`."""

    def scan(self, relation: object) -> Iterator[pa.RecordBatch]:
        """Stream a native relation of this engine as Arrow batches."""

    def close(self) -> None:
        """Free the engine's memory and files."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_error: object) -> None: ...
