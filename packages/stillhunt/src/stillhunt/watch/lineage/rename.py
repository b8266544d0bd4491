"""Lasting ids in the tables of a case, so that every reader of a snapshot sees them."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from stillhunt.triage import Case

_ID_COLUMNS = ("campaign_id", "tied_to")


def with_lasting_ids(case: Case, lasting: Mapping[str, str]) -> Case:
    """The case with other campaign ids.

    Args:
        lasting: id that the hunt gave -> lasting id; others stay.
    """
    if all(old == new for old, new in lasting.items()):
        return case
    tables = {name: _renamed(table, lasting) for name, table in case.tables.items()}
    views = {name: _renamed(table, lasting) for name, table in case.views.items()}
    return Case(tables, run=case.run, **views)


def _renamed(table: pa.Table, lasting: Mapping[str, str]) -> pa.Table:
    for name in _ID_COLUMNS:
        if name in table.column_names:
            place = table.column_names.index(name)
            coded = table.column(name).combine_chunks().dictionary_encode()
            names = [lasting.get(value, value) for value in coded.dictionary.to_pylist()]
            column = pa.array(names, pa.string()).take(coded.indices)
            table = table.set_column(place, table.schema.field(place), column)
    return table
