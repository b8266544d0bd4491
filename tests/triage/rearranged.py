"""A case with the rows of all its tables in another order, and one with some tables replaced."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from stillhunt.base.schema_case import CASE_TABLES, CASE_VIEWS
from stillhunt.triage import Case

from .fixtures import build


def rearranged(case: Case, seed: int) -> Case:
    """The same case with its rows in a random order."""
    drawn = random.Random(seed)

    def mixed(table: pa.Table) -> pa.Table:
        order = list(range(table.num_rows))
        drawn.shuffle(order)
        return table.take(pa.array(order, pa.int64()))

    tables = {name: mixed(case.tables[name]) for name in CASE_TABLES}
    views = {name: mixed(getattr(case, name)) for name in CASE_VIEWS}
    return Case(tables, run=case.run, **views)


def with_rows(case: Case, **rows: list[Mapping[str, Any]]) -> Case:
    """The same case with the rows of some tables or views replaced."""
    tables = {name: build(name, list(rows[name])) if name in rows else case.tables[name] for name in CASE_TABLES}
    views = {name: build(name, list(rows[name])) if name in rows else getattr(case, name) for name in CASE_VIEWS}
    return Case(tables, run=case.run, **views)
