"""Prompts of a few rows, read again from where the log keeps them, and bounded prompts."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from stillhunt.base.arrays import I64
from stillhunt.base.config import Config
from stillhunt.collect.decode.columnar import Part
from stillhunt.collect.history.resent_prefixes import prompt_array
from stillhunt.collect.normalise.standardise import Rules, standardise_texts
from stillhunt.collect.read.cut_history import HistoryCuts
from stillhunt.collect.read.held_inputs import HeldInputs
from stillhunt.collect.read.parallel_read import in_parallel
from stillhunt.collect.read.read_rows import RowReader
from stillhunt.collect.values.rejects import Rejects
from stillhunt.collect.values.strings import bounded_texts

PROMPT_FIELDS = ("prompt", "messages")

Prompts: TypeAlias = tuple[int, I64, pa.Array]
"""Index of an input, row numbers, and the prompts of these rows as they stand in the log."""


def reread_prompts(
    origins: Sequence[tuple[int, int]], rows: RowReader, history: HistoryCuts, rules: Rules
) -> list[str | None]:
    """Prompts of some rows as the log gave them before: without resent history, and of bounded length.

    Args:
        origins: (index of the input, row number) of each wanted row.

    Returns:
        Prompts in the order of `origins`; None for a row without a prompt, or that is not there.
    """
    wanted: dict[int, set[int]] = defaultdict(set)
    for index, row in origins:
        wanted[index].add(row)
    tasks = (task for index in sorted(wanted) for task in _tasks(index, sorted(wanted[index]), rows, rules))
    found: dict[tuple[int, int], str | None] = {}
    for index, numbers, prompts in in_parallel(tasks, rows.threads):
        for row, prompt in zip(numbers.tolist(), prompts.to_pylist(), strict=True):
            if prompt is not None:
                found[index, row] = _without_prefix(prompt, history.bytes_cut(index, row), rules.config)
    return [found.get(origin) for origin in origins]


def _tasks(
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
