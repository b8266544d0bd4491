"""Rows of opened inputs as checked REQUESTS tables: several stretches are decoded at once, the order is fixed.

Inputs that cannot be read again cheaply, and logs of the same calls, are read once and held.
"""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import closing
from threading import Event, Lock
from typing import Any, TypeAlias, TypeVar

import pyarrow as pa

from stillhunt.base.arrays import I64
from stillhunt.base.engine import Engine
from stillhunt.base.formatting import plural
from stillhunt.base.progress import Advance, Progress
from stillhunt.base.schema import REQUESTS
from stillhunt.collect.decode.columnar import ParquetReader, Part, PartedReader
from stillhunt.collect.decode.records import RecordReader
from stillhunt.collect.history.resent_prefixes import KeySurvey
from stillhunt.collect.join.log_join import inputs_with_repeats, join_logs, joinable
from stillhunt.collect.join.spool import HeldRowsRoom, Spool
from stillhunt.collect.normalise.standardise import Rules, standardise_keys, standardise_requests
from stillhunt.collect.read.input_stats import InputStats
from stillhunt.collect.read.inputs import OpenedInputs
from stillhunt.collect.values.fields import REQUEST_FIELDS, RawBatch
from stillhunt.collect.values.rejects import Rejects

CheckedRows: TypeAlias = tuple[int, pa.Table | None, Rejects]
"""Index of an input, its next usable rows (None at the end of a stretch), and what was rejected among them."""


class RowReader:
    """Reads rows of opened inputs; they may be read several times, and are the same each time."""

    def __init__(
        self, opened: OpenedInputs, rules: Rules, stats: InputStats, engine: Engine, progress: Progress
    ) -> None:
        self._readers, self._rules = opened.readers, rules
        self._rules.formats = {i: r.source.name for i, r in opened.readers.items() if isinstance(r, RecordReader)}
        self.threads = rules.config.threads or os.cpu_count() or 1
        self.held = HeldInputs(opened, rules, stats, engine, progress)
        self.inputs = sorted(opened.readers)  # indices of all inputs that can be read

    def can_read_again(self, index: int) -> bool:
        """Whether an input is read afresh each time, and not held."""
        return index in self._readers and self._readers[index].rewindable

    def rows_expected(self, inputs: Sequence[int]) -> int | None:
        """Number of rows that some inputs say they have; None if one of them does not say."""
        expected = [self._readers[index].rows_expected for index in inputs]
        return None if None in expected else sum(count for count in expected if count is not None)

    def survey(self, skip: frozenset[int]) -> KeySurvey:
        """Look at the key columns of all inputs but some; inputs that are read only once are then held."""
        survey = KeySurvey(conversations=self._may_hold_conversations())
        wanted = [index for index in self.inputs if index not in skip]
        keys = functools.partial(standardise_keys, rules=self._rules, wanted=survey.columns)
        tasks = (
            functools.partial(_keys_of_part, index, part, keys)
            for index in wanted
            if self.can_read_again(index)
            for part in self._iterate_reader_parts(index, survey.columns)
        )
        for index, table in in_parallel(tasks, self.threads):
            survey.add(index, table)
        self.held.hold(wanted, survey.add)
        return survey

    def checked(self, order: Sequence[int]) -> Iterator[CheckedRows]:
        """All rows of inputs in this order, prompts in full with resent history; what is read once must be held."""

        def tasks() -> Iterator[Callable[[], Iterator[CheckedRows]]]:
            for index in order:
                if index in self.held:
                    yield functools.partial(_held_rows, index, self.held)
                else:
                    for part in self._iterate_reader_parts(index, REQUEST_FIELDS):
                        yield functools.partial(_rows_of_part, index, part, self._rules)

        return in_parallel(tasks(), self.threads)

    def usable(self, order: Sequence[int], advance: Advance) -> Iterator[tuple[int, pa.Table]]:
        """Usable rows as `checked` gives them, without counting what is rejected, for a look at their history."""
        self.held.hold(order)
        for index, table, _rejects in self.checked(order):
            if table is not None:
                yield index, table
                advance(table.num_rows)

    def parts_with(self, index: int, rows: I64, wanted: Sequence[str]) -> Iterator[tuple[I64, Part]]:
        """(rows, stretch) of an input that is not held: stretches with some of these rows, and few others."""
        reader = self._readers[index]
        if isinstance(reader, ParquetReader):
            yield from reader.parts_with(wanted, rows)
        else:
            yield rows, functools.partial(reader.batches, wanted)

    def digest(self, index: int) -> str:
        """SHA-256 of an input's bytes, if reading its rows gave it; else the empty string."""
        return self._readers[index].digest() if index in self._readers else ""

    def _may_hold_conversations(self) -> bool:
        return any(
            not isinstance(reader, PartedReader) or reader.columns_for(("conversation_id",))
            for reader in self._readers.values()
        )

    def _iterate_reader_parts(self, index: int, wanted: Sequence[str]) -> Iterator[Part]:
        reader = self._readers[index]
        if isinstance(reader, PartedReader):
            yield from reader.parts(wanted)
        else:
            yield functools.partial(reader.batches, wanted)


def _keys_of_part(index: int, part: Part, keys: Callable[..., pa.Table]) -> Iterator[tuple[int, pa.Table]]:
    for raw in part(Rejects()):
        yield index, keys(raw)


def _rows_of_part(index: int, part: Part, rules: Rules) -> Iterator[CheckedRows]:
    """Usable rows of a stretch of an input, and at last what was rejected after them."""
    rejects = Rejects()
    for raw in part(rejects):
        table = standardise_requests(raw, rules, rejects)
        del raw
        yield index, table, rejects.take()
        del table
    yield index, None, rejects


def _held_rows(index: int, held: HeldInputs) -> Iterator[CheckedRows]:
    for table in held.tables(index):
        yield index, table, Rejects()


_READ_TOGETHER = 2
"""Inputs that are read at a time where each is read once. Derived: half of the work holds Python's one lock."""
SeeRows = Callable[[int, pa.Table], None]  # called with the index of an input and some of its rows


class HeldInputs:
    """Checked rows of inputs that are read once, held in spools; `index in held` says whether an input is."""

    def __init__(
        self, opened: OpenedInputs, rules: Rules, stats: InputStats, engine: Engine, progress: Progress
    ) -> None:
        self._readers, self._rejects = opened.readers, opened.rejects
        self._rules, self._stats, self._engine, self._progress = rules, stats, engine, progress
        self._room = HeldRowsRoom()
        self._spools: dict[int, Spool] = {}
        self._looked_at: frozenset[int] = frozenset()
        self.joined = joinable(opened.readers)  # inputs whose calls may be recorded in other inputs as well

    def __contains__(self, index: int) -> bool:
        return index in self._spools

    def tables(self, index: int) -> Iterator[pa.Table]:
        """Checked rows of an input that is held, in order; prompts have full length and resent history."""
        return self._spools[index].tables()

    def hold(self, inputs: Sequence[int], see: SeeRows | None = None) -> None:
        """Read those of some inputs that are read once and are not held yet."""
        self._join_held_logs(frozenset(inputs))
        if see is not None:
            for index in sorted(self.joined.intersection(inputs)):
                for table in self.tables(index):
                    see(index, table)
        self._hold_separately([i for i in inputs if not self._readers[i].rewindable and i not in self._spools], see)
        self._join_repeats(inputs)

    def _hold_separately(self, inputs: Sequence[int], see: SeeRows | None) -> None:
        if not inputs:
            return
        # What repeats a record of another input is told by the order in which they are read.
        in_turn = any(isinstance(self._readers[index], RecordReader) for index in inputs)
        threads = 1 if in_turn else min(self._rules.config.threads or _READ_TOGETHER, _READ_TOGETHER)
        what = self._readers[inputs[0]].name if len(inputs) == 1 else plural(len(inputs), "input")
        lock, stopping = Lock(), Event()
        self._spools |= {index: Spool(REQUESTS.arrow, self._room) for index in inputs}
        pool = ThreadPoolExecutor(threads, "stillhunt-hold")
        with self._progress.stage(f"reading {what}", None, "rows") as advance:

            def note(index: int, table: pa.Table, rows: int) -> None:
                with lock:
                    if stopping.is_set():
                        raise CancelledError
                    advance(rows)
                    if see is not None:
                        see(index, table)

            found = [pool.submit(self._hold_rows, index, note) for index in inputs]
            try:
                wait(found, return_when=FIRST_EXCEPTION)
            finally:  # an error, or somebody who wants it to end: no thread reads on for longer than a batch
                stopping.set()
                pool.shutdown(cancel_futures=True)
        for error in (one.exception() for one in found if not one.cancelled()):
            if error is not None and not isinstance(error, CancelledError):
                raise error
        for index, one in zip(inputs, found, strict=True):
            self._count_rejects(index, one.result())

    def _note_addresses(self, index: int) -> Part:
        """All rows of an input that is read once, whose addresses are noted as they are read."""

        def read(rejects: Rejects) -> Iterator[RawBatch]:
            for raw in self._readers[index].batches(REQUEST_FIELDS, rejects):
                self._stats.proxy_checks[index].note(raw)
                yield raw

        return read

    def _hold_rows(self, index: int, note: Callable[[int, pa.Table, int], None]) -> Rejects:
        """Read an input and keep its rows, the next batch while one is kept; returns what was rejected."""
        found, spool = Rejects(), self._spools[index]
        task = functools.partial(_rows_of_part, index, self._note_addresses(index), self._rules)
        with closing(in_parallel([task], 1)) as rows:
            for _index, table, rejects in rows:
                found.absorb(rejects)
                if table is not None:
                    note(index, table, table.num_rows + rejects.rows)
                    spool.add(table)
        return found

    def _join_held_logs(self, wanted: frozenset[int]) -> None:
        """Read all logs of the same calls if one of them is wanted: rows of one are completed by rows of another."""
        if not wanted & self.joined or self.joined & self._spools.keys():
            return
        readers = {i: reader for i in self.joined if isinstance(reader := self._readers[i], RecordReader)}
        joined = join_logs(readers, self._rules, self._engine, self._progress, self._room)
        self._stats.proxy_checks |= joined.proxy_checks
        for index, rejects in sorted(joined.rejects.items()):
            self._spools[index] = joined.spools[index]
            self._count_rejects(index, rejects)

    def _count_rejects(self, index: int, rejects: Rejects) -> None:
        self._stats.count_rejected(index, rejects)
        self._rejects.absorb(rejects)

    def _join_repeats(self, inputs: Sequence[int]) -> None:
        """Join rows of vendor logs that are one call, and give calls that share an id names of their own."""
        new = set(inputs) - self.joined - self._looked_at
        readers = {i: reader for i in sorted(new) if isinstance(reader := self._readers[i], RecordReader)}
        self._looked_at |= readers.keys()
        # What is kept of an input for a later hunt must not depend on the inputs beside it.
        for group in inputs_with_repeats(readers, self._spools, separately=bool(self._rules.config.state)):
            joined = join_logs({i: readers[i] for i in group}, self._rules, self._engine, self._progress, self._room)
            for index, spool in joined.spools.items():
                self._spools[index].close()
                self._spools[index] = spool

    def close(self) -> None:
        """Free memory and temporary files."""
        self._spools.clear()
        self._room.close()


T = TypeVar("T")
_END: Any = object()


def in_parallel(tasks: Iterable[Callable[[], Iterator[T]]], workers: int) -> Generator[T, None, None]:
    """Items of all tasks in order, made by several threads, of which one at a time advances a task.

    Tasks are taken lazily; at most `workers` + 1 items are being made or wait to be read.
    """
    coming = iter(tasks)
    ahead: deque[tuple[Iterator[T], Future[T]]] = deque()
    pool = ThreadPoolExecutor(workers, "stillhunt-ahead")
    try:
        while True:
            while len(ahead) <= workers and (opened := _open_next(coming, pool)) is not None:
                ahead.append(opened)
            if not ahead:
                return
            items, made = ahead[0]
            item = made.result()
            if item is _END:
                ahead.popleft()
                continue
            ahead[0] = items, pool.submit(next, items, _END)
            del made
            yield item
            del item
    finally:
        pool.shutdown(cancel_futures=True)


def _open_next(
    coming: Iterator[Callable[[], Iterator[T]]], pool: ThreadPoolExecutor
) -> tuple[Iterator[T], Future[T]] | None:
    """The next task with its first item; where it cannot be had, an item that raises the error in its turn."""
    try:
        task = next(coming, None)
        if task is None:
            return None
        items = task()
    except Exception as error:
        failed: Future[T] = Future()
        failed.set_exception(error)
        return iter(()), failed
    return items, pool.submit(next, items, _END)
