"""Texts of a few rows, read again from where the log keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.collect.decode.columnar import Part
from stillhunt.collect.history.resent_prefixes import I64, prompt_array
from stillhunt.collect.join.spool import Spool
from stillhunt.collect.normalise.standardise import Rules, standardise_texts
from stillhunt.collect.values.rejects import Rejects
from stillhunt.collect.values.strings import bounded_texts

TEXT_FIELDS = ("prompt", "system_prompt", "messages")

Texts: TypeAlias = tuple[int, I64, pa.Array, pa.Array]
"""Input, row numbers, their prompts and their system prompts."""


def texts_of(index: int, part: Part, rows: I64, rules: Rules) -> Iterator[Texts]:
    """Texts of some rows of a stretch of an input; reading stops after the last of them.

    Args:
        index: of the input.
        part: reads the stretch.
        rows: row numbers, ascending.
        rules: how values are read.
    """
    for raw in part(Rejects()):
        places = np.flatnonzero(np.isin(raw.origin_rows, rows))
        if len(places):
            few = raw.take(places)
            yield (index, few.origin_rows, *standardise_texts(few, rules))
        if raw.rows and raw.origin_rows[-1] >= rows[-1]:
            return


def texts_of_spool(index: int, spool: Spool, rows: I64) -> Iterator[Texts]:
    """The same of an input that could be read only once and was kept.

    Args:
        index: of the input.
        spool: its rows.
        rows: row numbers.
    """
    for table in spool.tables():
        few = table.filter(pa.array(np.isin(table.column("origin_row").to_numpy(), rows)))
        yield (
            index,
            few.column("origin_row").to_numpy(),
            prompt_array(few),
            few.column("system_prompt").combine_chunks(),
        )


def with_bounded_prompts(table: pa.Table, config: Config) -> pa.Table:
    """REQUESTS with prompts of at most `collect.max_text_bytes`."""
    prompts = prompt_array(table)
    bounded = bounded_texts(prompts, config.collect.max_text_bytes, config.seed)
    if bounded is prompts:
        return table
    return table.set_column(table.schema.get_field_index("prompt"), table.schema.field("prompt"), bounded)


def without_head(prompt: str, size: int, config: Config) -> str:
    """A prompt as it was handed on: without what it only repeats, and of bounded length.

    Args:
        prompt: as it stands in the log.
        size: bytes of resent history at its beginning.
        config: settings.
    """
    rest = pa.array([prompt.encode()[size:].decode("utf-8", "replace")], pa.large_string())
    bounded: str = bounded_texts(rest, config.collect.max_text_bytes, config.seed)[0].as_py()
    return bounded
