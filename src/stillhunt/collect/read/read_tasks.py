"""What is done with one stretch of an input, in whatever thread reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pyarrow as pa

from stillhunt.collect.decode.columnar import Part
from stillhunt.collect.join.spool import Spool
from stillhunt.collect.normalise.standardise import Rules, standardise_requests
from stillhunt.collect.values.rejects import Rejects

Step: TypeAlias = tuple[int, pa.Table | None, Rejects]
"""Input, its next usable rows (None: there are none), and what was set aside on the way."""


def keys_of_part(index: int, part: Part, standardise: Callable[[Any], pa.Table]) -> Iterator[tuple[int, pa.Table]]:
    """Key columns of a stretch of an input."""
    for raw in part(Rejects()):
        yield index, standardise(raw)


def standardised(index: int, part: Part, rules: Rules) -> Iterator[Step]:
    """Usable rows of a stretch of an input, then what was set aside after the last of them."""
    rejects = Rejects()
    for raw in part(rejects):
        table = standardise_requests(raw, rules, rejects)
        del raw
        yield index, table, rejects.take()
        del table
    yield index, None, rejects


def spooled(index: int, spool: Spool) -> Iterator[Step]:
    """Usable rows that were kept for a second look."""
    for table in spool.tables():
        yield index, table, Rejects()
