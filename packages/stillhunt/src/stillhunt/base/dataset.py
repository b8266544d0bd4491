"""Rows in partitions, and functions that run on each partition: the form of all passes over the requests.

All rows of an account are in one partition, and no result may depend on which accounts share a partition. A function
takes the Arrow table of one partition and returns another table. It is defined at module level and its context can be
pickled, so that it runs in threads on this machine and on the executors of a cluster. The driver receives tables of
accounts, slices or phrases, and adds up only integers across partitions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import pyarrow as pa

Function = Callable[[pa.Table, Any], pa.Table]  # (rows of one partition, context) -> rows; at module level
Source = Callable[[Sequence[str] | None], pa.Table]
"""Wanted columns (None for all) -> the rows of one partition, in the same order every time."""


class Dataset(Protocol):
    """Rows in partitions."""

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that there are."""

    def extend(
        self, function: Function, schema: pa.Schema, context: Any = None, columns: Sequence[str] | None = None
    ) -> Dataset:
        """The same rows with further columns, kept for later passes; a column that is there already is replaced.

        The function gives one row for each, in the same order, from `columns` (all when None) and `context`.
        """

    def gather(
        self, function: Function, schema: pa.Schema, context: Any = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Tables of all partitions, in an order on which no caller may rely; the function gives any number of rows."""
        tables = list(self.gather_parts(function, schema, context, columns))
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def gather_parts(
        self, function: Function, schema: pa.Schema, context: Any = None, columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """The tables of `gather`, one after the other, for those who need not have all of them in memory."""

    def without(self, names: Sequence[str]) -> Dataset:
        """The same rows without added columns that no later pass reads."""


class LocalDataset(Dataset):
    """Partitions on this machine, processed by threads, whose number bounds memory."""

    def __init__(self, sources: Sequence[Source], names: Sequence[str], threads: int) -> None:
        self._sources = list(sources)
        self._base = tuple(names)
        self._threads = max(threads, 1)
        self._added: list[dict[str, pa.ChunkedArray]] = [{} for _ in sources]

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that there are."""
        own = tuple(self._added[0]) if self._added else ()
        return (*(name for name in self._base if name not in own), *own)

    @classmethod
    def of(cls, table: pa.Table) -> LocalDataset:
        """A table in memory as one partition."""

        def source(columns: Sequence[str] | None) -> pa.Table:
            return table if columns is None else table.select(list(columns))

        return cls([source], table.column_names, 1)

    def extend(
        self, function: Function, schema: pa.Schema, context: Any = None, columns: Sequence[str] | None = None
    ) -> LocalDataset:
        """The same rows with further columns; see `Dataset`."""
        wider = LocalDataset(self._sources, self._base, self._threads)
        tables = list(self.gather_parts(function, schema, context, columns))
        wider._added = [
            {**own, **dict(zip(table.column_names, table.columns, strict=True))}
            for own, table in zip(self._added, tables, strict=True)
        ]
        return wider

    def without(self, names: Sequence[str]) -> LocalDataset:
        """The same rows without some added columns; see `Dataset`."""
        fewer = LocalDataset(self._sources, self._base, self._threads)
        fewer._added = [{name: column for name, column in own.items() if name not in names} for own in self._added]
        return fewer

    def gather_parts(
        self, function: Function, schema: pa.Schema, context: Any = None, columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """Tables of all partitions, one after the other; see `Dataset`."""

        def one(number: int) -> pa.Table:
            return function(self._read_partition(number, columns), context).cast(schema)

        if self._threads == 1 or len(self._sources) == 1:
            yield from map(one, range(len(self._sources)))
            return
        waiting: deque[Future[pa.Table]] = deque()
        with ThreadPoolExecutor(self._threads, "stillhunt-partition") as pool:
            for number in range(len(self._sources)):
                waiting.append(pool.submit(one, number))
                if len(waiting) > 2 * self._threads:  # no more, so that few tables wait for a reader who is slower
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _read_partition(self, number: int, columns: Sequence[str] | None) -> pa.Table:
        added = self._added[number]
        wanted = list(self.names if columns is None else columns)
        stored = [name for name in wanted if name not in added]
        table = self._sources[number](stored) if stored else None
        read = {name: table.column(name) for name in stored} if table is not None else {}
        return pa.table({name: added[name] if name in added else read[name] for name in wanted})
