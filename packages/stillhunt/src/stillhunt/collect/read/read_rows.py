"""Rows of opened inputs as checked REQUESTS tables: several stretches are decoded at once, the order is fixed."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import pyarrow as pa

from stillhunt.base.arrays import I64
from stillhunt.base.engine import Engine
from stillhunt.base.progress import Advance, Progress
from stillhunt.collect.decode.columnar import ParquetReader, Part, TableReader
from stillhunt.collect.decode.records import RecordReader
from stillhunt.collect.history.resent_prefixes import KeySurvey
from stillhunt.collect.normalise.standardise import Rules, standardise_keys, standardise_requests
from stillhunt.collect.read.held_inputs import HeldInputs
from stillhunt.collect.read.input_stats import InputStats
from stillhunt.collect.read.inputs import OpenedInputs
from stillhunt.collect.read.parallel_read import in_parallel
from stillhunt.collect.values.fields import REQUEST_FIELDS
from stillhunt.collect.values.rejects import Rejects

CheckedRows: TypeAlias = tuple[int, pa.Table | None, Rejects]
"""Index of an input, its next usable rows (None at the end of a stretch), and what was rejected among them."""


class RowReader:
    """Reads rows of opened inputs; they may be read several times, and are the same each time.

    Args:
        engine: joins logs of the same calls.
        progress: told how far reading is.
    """

    def __init__(
        self, opened: OpenedInputs, rules: Rules, stats: InputStats, engine: Engine, progress: Progress
    ) -> None:
        self._readers, self._rules = opened.readers, rules
        self._rules.formats = {i: r.source.name for i, r in opened.readers.items() if isinstance(r, RecordReader)}
        self.threads = rules.config.threads or os.cpu_count() or 1
        self.held = HeldInputs(opened, rules, stats, engine, progress)
        self.inputs = sorted(opened.readers)
        """Indices of all inputs that can be read."""

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
            for part in self._parts(index, survey.columns)
        )
        for index, table in in_parallel(tasks, self.threads):
            survey.add(index, table)
        self.held.hold(wanted, survey.add)
        return survey

    def checked(self, order: Sequence[int]) -> Iterator[CheckedRows]:
        """All rows of some inputs; prompts have full length and still hold resent history.

        Args:
            order: inputs, in the order in which their rows are wanted; those that are read once must be held.
        """

        def tasks() -> Iterator[Callable[[], Iterator[CheckedRows]]]:
            for index in order:
                if index in self.held:
                    yield functools.partial(_held_rows, index, self.held)
                else:
                    for part in self._parts(index, REQUEST_FIELDS):
                        yield functools.partial(_rows_of_part, index, part, self._rules)

        return in_parallel(tasks(), self.threads)

    def usable(self, order: Sequence[int], advance: Advance) -> Iterator[tuple[int, pa.Table]]:
        """Usable rows as `checked` gives them, without counting what is rejected, for a look at their history.

        Args:
            order: inputs, in the order in which their rows are wanted.
            advance: told of the rows read.
        """
        self.held.hold(order)
        for index, table, _rejects in self.checked(order):
            if table is not None:
                yield index, table
                advance(table.num_rows)

    def parts_with(self, index: int, rows: I64, wanted: Sequence[str]) -> Iterator[tuple[I64, Part]]:
        """Stretches of an input that hold some rows, and few others where the format allows it.

        Args:
            index: of an input that is not held.

        Yields:
            (those of the rows that the stretch holds, the stretch).
        """
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
            not isinstance(reader, ParquetReader | TableReader) or reader.holds("conversation_id")
            for reader in self._readers.values()
        )

    def _parts(self, index: int, wanted: Sequence[str]) -> Iterator[Part]:
        reader = self._readers[index]
        if isinstance(reader, ParquetReader | TableReader):
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
