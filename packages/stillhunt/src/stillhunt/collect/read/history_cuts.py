"""Resent history of a log: what is cut off the prompts, and prompts of a few rows, read again with the same cuts."""

import functools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from stillhunt.base.arrays import I64
from stillhunt.base.config import Config
from stillhunt.base.progress import Progress
from stillhunt.collect.decode.columnar import Part
from stillhunt.collect.history.incremental_history import IncrementalCutter, Notes
from stillhunt.collect.history.resent_prefixes import PrefixCutter, prompt_array
from stillhunt.collect.normalise.standardise import Rules, standardise_texts
from stillhunt.collect.read.rows import HeldInputs, RowReader, in_parallel
from stillhunt.collect.values.rejects import Rejects
from stillhunt.collect.values.strings import bounded_texts

Cutter: TypeAlias = PrefixCutter | IncrementalCutter
"""Takes resent history off prompts; rows must come in the order of inputs that `HistoryCuts.begin` gave."""


class HistoryCuts:
    """Takes resent history off prompts, and remembers what it cut; the key is for hashes kept between hunts."""

    def __init__(self, rows: RowReader, identity_key: str, progress: Progress) -> None:
        self._rows, self._key, self._progress = rows, identity_key, progress
        self._incremental: IncrementalCutter | None = None
        self._cutter: Cutter | None = None
        self._cuts: dict[int, list[tuple[I64, I64]]] = defaultdict(list)

    def settle(self, known: Mapping[int, Notes], together: frozenset[int]) -> dict[int, str]:
        """Find all cuts before any row is used, reading only the inputs of which too little is known.

        `known` are notes of earlier hunts, whose relations hold among inputs of one hunt, `together`. Gives for each
        input a hash of everything that its cuts depend on in other inputs.
        """
        inputs = self._rows.inputs
        known = {index: known[index] for index in inputs if index in known}
        with self._progress.stage("finding resent history", None, "rows") as advance:
            reading = functools.partial(self._rows.usable, advance=advance)
            self._incremental = IncrementalCutter(reading, inputs, known, frozenset(inputs) - together, self._key)
        return {index: self._incremental.digest(index) for index in inputs}

    def begin(self, skip: frozenset[int]) -> list[int]:
        """Prepare the cuts, and say in which order the rows of the inputs must come."""
        if self._incremental is not None:
            self._cutter = self._incremental
            return [index for index in self._rows.inputs if index not in skip]
        survey = self._rows.survey(skip)
        order, in_time = survey.file_order(skip)
        cutter = PrefixCutter(survey) if survey.grouped_rows else None
        if cutter is not None and not in_time:
            with self._progress.stage("finding resent history", None, "rows") as advance:
                cutter.plan(lambda: (table for _index, table in self._rows.usable(order, advance)))
        self._cutter = cutter
        # Inputs without one usable key come last: their rows still have to reach REJECTS.
        return [*order, *(index for index in self._rows.inputs if index not in order and index not in skip)]

    def cut(self, index: int, table: pa.Table) -> pa.Table:
        """The next rows of an input without the resent history in their prompts."""
        if self._cutter is None:
            return table
        table, sizes = self._cutter.cut(table)
        cut = np.flatnonzero(sizes)
        if cut.size:
            self._cuts[index].append((table.column("origin_row").to_numpy()[cut], sizes[cut].astype(np.int32)))
        return table

    def end(self) -> None:
        """Cut no more: what was noted of all prompts, some 18 bytes each, is freed."""
        self._cutter = None

    def remember(self, index: int, cuts: Sequence[tuple[int, int]]) -> None:
        """Enter the cuts that an earlier hunt made in an input, as `cuts` gave them."""
        if cuts:
            rows, sizes = np.array(cuts, np.int64).T
            self._cuts[index].append((rows, sizes))

    def cuts(self, index: int) -> list[tuple[int, int]]:
        """(row number, bytes cut) of each prompt of an input that lost resent history."""
        return [pair for rows, sizes in self._cuts[index] for pair in zip(rows.tolist(), sizes.tolist(), strict=True)]

    def bytes_cut(self, index: int, row: int) -> int:
        """Bytes of resent history that were cut from the prompt of one row."""
        return next((int(cut) for rows, sizes in self._cuts[index] for cut in sizes[rows == row]), 0)

    def take_notes(self, index: int) -> Notes:
        """What a later hunt needs to know about the history in an input; given once, empty without `settle`."""
        return {} if self._incremental is None else self._incremental.take_notes(index)


PROMPT_FIELDS = ("prompt", "messages")
Prompts: TypeAlias = tuple[int, I64, pa.Array]
"""Index of an input, row numbers, and the prompts of these rows as they stand in the log."""


def reread_prompts(
    origins: Sequence[tuple[int, int]], rows: RowReader, history: HistoryCuts, rules: Rules
) -> list[str | None]:
    """Prompts of (input, row) as the log gave them before, bounded and without history; None where there is none."""
    wanted: dict[int, set[int]] = defaultdict(set)
    for index, row in origins:
        wanted[index].add(row)
    tasks = (
        task for index in sorted(wanted) for task in _iterate_prompt_tasks(index, sorted(wanted[index]), rows, rules)
    )
    found: dict[tuple[int, int], str | None] = {}
    for index, numbers, prompts in in_parallel(tasks, rows.threads):
        for row, prompt in zip(numbers.tolist(), prompts.to_pylist(), strict=True):
            if prompt is not None:
                found[index, row] = _without_prefix(prompt, history.bytes_cut(index, row), rules.config)
    return [found.get(origin) for origin in origins]


def _iterate_prompt_tasks(
    index: int, numbers: Sequence[int], rows: RowReader, rules: Rules
) -> Iterator[Callable[[], Iterator[Prompts]]]:
    """Reads the wanted rows of one input, in stretches that hold few other rows."""
    wanted = np.array(numbers, np.int64)
    if index in rows.held:
        yield functools.partial(_held_prompts, index, rows.held, wanted)
    elif index in rows.inputs:
        for own, part in rows.parts_with(index, wanted, PROMPT_FIELDS):
            yield functools.partial(_prompts_of_part, index, part, own, rules)


def _prompts_of_part(index: int, part: Part, rows: I64, rules: Rules) -> Iterator[Prompts]:
    """Prompts of some rows, ascending, of a stretch of an input; reading stops after the last of them."""
    for raw in part(Rejects()):
        places = np.flatnonzero(np.isin(raw.origin_rows, rows))
        if len(places):
            few = raw.take(places)
            yield index, few.origin_rows, standardise_texts(few, rules)[0]
        if raw.rows and raw.origin_rows[-1] >= rows[-1]:
            return


def _held_prompts(index: int, held: HeldInputs, rows: I64) -> Iterator[Prompts]:
    for table in held.tables(index):
        few = table.filter(pa.array(np.isin(table.column("origin_row").to_numpy(), rows)))
        yield index, few.column("origin_row").to_numpy(), prompt_array(few)


def with_bounded_prompts(table: pa.Table, config: Config) -> pa.Table:
    """REQUESTS with prompts of at most `collect.max_text_bytes`."""
    prompts = prompt_array(table)
    bounded = bounded_texts(prompts, config.collect.max_text_bytes, config.seed)
    if bounded is prompts:
        return table
    return table.set_column(table.schema.get_field_index("prompt"), table.schema.field("prompt"), bounded)


def _without_prefix(prompt: str, size: int, config: Config) -> str:
    """A prompt without its first `size` bytes, and of bounded length."""
    rest = pa.array([prompt.encode()[size:].decode("utf-8", "replace")], pa.large_string())
    bounded: str = bounded_texts(rest, config.collect.max_text_bytes, config.seed)[0].as_py()
    return bounded
