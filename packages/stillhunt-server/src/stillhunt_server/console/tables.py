"""Tables of the console: every one filters, sorts, pages and exports, by parameters of its URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.table_files import csv_bytes, parquet_bytes
from stillhunt_server.console.table_query import (
    MOST_VALUE_CHARACTERS,
    Row,
    TableCell,
    TableColumn,
    TableQuery,
    cell_of,
)

CHOICES_SHOWN = 40
"""Values of one filter that are offered, the most frequent first. Judgement: a list that can be read."""
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True)
class TableSpec:
    """What a table is."""

    name: str  # of exported files, and of the element on the page
    columns: tuple[TableColumn, ...]  # those shown and exported, in their order
    row_link: Callable[[Row], str] | None = None  # where a row leads; None where nowhere
    empty: str = "There is nothing here yet."  # what stands in place of a table that has no rows at all
    sort: str = ""  # order of rows unless the reader asks for another; as in the URL
    row_value: Callable[[Row], str] | None = None  # what a row's check box stands for; None where rows cannot be chosen


@dataclass(frozen=True)
class FilterChoice:
    """A value that a filter offers, and how many rows of the whole table hold it."""

    column: str
    value: str
    words: str  # the value as cells show it
    rows: str
    chosen: bool


@dataclass(frozen=True)
class TableView:
    """One page of a table, ready to show."""

    spec: TableSpec
    query: TableQuery
    rows: tuple[tuple[str, tuple[TableCell, ...]], ...]
    found: int  # rows that the query leaves
    total: int
    pages: int
    choices: dict[str, tuple[FilterChoice, ...]]  # values that filters offer, by column
    values: tuple[str, ...] = ()  # what the check box of each row stands for; none where rows cannot be chosen

    @cached_property
    def columns(self) -> tuple[TableColumn, ...]:
        """Columns that are shown."""
        return _shown_columns(self.spec, self.query)

    @property
    def has_more_columns(self) -> bool:
        """Whether some columns are shown only where all are asked for."""
        return any(column.aside for column in self.spec.columns)

    @property
    def counted(self) -> str:
        """How many rows there are, in words."""
        if self.found == self.total:
            return formatting.plural(self.total, "row")
        return f"{formatting.count(self.found)} of {formatting.plural(self.total, 'row')}"

    @property
    def first(self) -> int:
        """Number of the first row of the page, from 1."""
        return (self.query.page - 1) * self.query.size + 1

    @property
    def last(self) -> int:
        """Number of its last row."""
        return self.first + len(self.rows) - 1


@dataclass(frozen=True)
class TableExport:
    """A file to download."""

    name: str
    media_type: str
    content: bytes


def table_page(spec: TableSpec, data: pa.Table, asked: TableQuery) -> TableView:
    """One page of a table.

    Args:
        data: all its rows; its columns hold those of the spec by name, and what their links need.
    """
    query = _fit_query_to_table(spec, asked)
    places = _find_row_places(spec, data, query)
    pages = max(1, -(-len(places) // query.size))
    query = replace(query, page=min(query.page, pages))
    start = (query.page - 1) * query.size
    shown = data.take(pa.array(places[start : start + query.size])).to_pylist()
    columns = _shown_columns(spec, query)
    link = spec.row_link or (lambda _row: "")
    rows = tuple((link(row), tuple(cell_of(column, row) for column in columns)) for row in shown)
    values = tuple(spec.row_value(row) for row in shown) if spec.row_value is not None else ()
    choices = _list_filter_choices(spec, data, query)
    return TableView(spec, query, rows, len(places), data.num_rows, pages, choices, values)


def table_export(spec: TableSpec, data: pa.Table, asked: TableQuery) -> TableExport | None:
    """All rows that a query leaves, as a file; None where no export is asked for."""
    query = _fit_query_to_table(spec, asked)
    if not query.export:
        return None
    kept = data.take(pa.array(_find_row_places(spec, data, query))).select([column.name for column in spec.columns])
    content = csv_bytes(kept) if query.export == "csv" else parquet_bytes(kept)
    return TableExport(f"{spec.name}.{query.export}", MEDIA_TYPES[query.export], content)


def _shown_columns(spec: TableSpec, query: TableQuery) -> tuple[TableColumn, ...]:
    """Columns that a page shows: those that its order rests on, too."""
    return tuple(one for one in spec.columns if query.wide or not one.aside or one.name == query.sort)


def _fit_query_to_table(spec: TableSpec, asked: TableQuery) -> TableQuery:
    """What is asked, as far as this table knows it, in its own order unless the reader asks for another."""
    query = asked.of_columns(spec.columns)
    if query.sort or not spec.sort:
        return query
    return replace(query, sort=spec.sort.removeprefix("-"), descending=spec.sort.startswith("-"))


def _find_row_places(spec: TableSpec, data: pa.Table, query: TableQuery) -> np.ndarray[Any, Any]:
    """Numbers of the rows that are left, in order."""
    kept = np.ones(data.num_rows, np.bool_)
    if query.find:
        found = np.zeros(data.num_rows, np.bool_)
        # both by the same rule: Python and Arrow differ in some letters, such as a Greek sigma at the end
        text = pc.utf8_lower(pa.scalar(query.find)).as_py()
        for column in spec.columns:
            if column.is_searched:
                found |= _find_passing_rows(
                    data, column, lambda texts: pc.match_substring(_lowercase_texts(texts), text)
                )
        kept &= found
    for column in spec.columns:
        if values := query.choices.get(column.name):
            kept &= _find_passing_rows(data, column, partial(_is_one_of, wanted=pa.array(values, pa.string())))
    for bounds, compare in ((query.least, pc.greater_equal), (query.most, pc.less_equal)):
        for name, bound in bounds.items():
            kept &= _convert_mask_to_numpy(compare(data[name].cast(pa.float64(), safe=False), bound))
    places = np.flatnonzero(kept)
    if query.sort:
        # the sort of a single array is stable: ties keep the order in which rows come, so that pages do not overlap
        key = _build_sort_key(data[query.sort]).take(pa.array(places))
        direction = "descending" if query.descending else "ascending"
        places = places[pc.array_sort_indices(key, order=direction, null_placement="at_end").to_numpy()]
    return places


def _find_passing_rows(data: pa.Table, column: TableColumn, test: Callable[[Any], Any]) -> np.ndarray[Any, Any]:
    """Rows whose text, or one of whose texts, passes a test."""
    array = _combine_column_chunks(data[column.name])
    texts = array.flatten() if pa.types.is_list(array.type) else _convert_values_to_text(array)
    if column.kind == "id":
        passed = _convert_mask_to_numpy(test(texts))
    else:  # many rows have few texts, each of which is tested once
        coded = texts.dictionary_encode()
        passed = _convert_mask_to_numpy(
            pc.take(pa.array(_convert_mask_to_numpy(test(coded.dictionary))), coded.indices)
        )
    if not pa.types.is_list(array.type):
        return passed
    rows = np.zeros(len(array), np.bool_)
    rows[pc.list_parent_indices(array).to_numpy()[passed]] = True
    return rows


def _lowercase_texts(texts: Any) -> Any:
    """Texts in small letters; where all are ASCII, as ids are, by the function that is five times as fast."""
    plain = pc.all(pc.string_is_ascii(texts), min_count=0).as_py()
    return pc.ascii_lower(texts) if plain else pc.utf8_lower(texts)


def _combine_column_chunks(column: pa.ChunkedArray) -> Any:
    """A column as one array; copied only where it is in several chunks."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _is_one_of(texts: Any, wanted: Any) -> Any:
    return pc.is_in(_cut_filter_values(texts), value_set=wanted)


def _cut_filter_values(texts: Any) -> Any:
    """Texts as filters send them: what is longer counts by its beginning."""
    return pc.utf8_slice_codeunits(texts, 0, MOST_VALUE_CHARACTERS)


def _convert_mask_to_numpy(mask: Any) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
    return found.astype(np.bool_)


def _convert_values_to_text(array: Any) -> Any:
    """Values as they stand in filters: text as it is, yes and no."""
    if pa.types.is_boolean(array.type):
        return pc.if_else(array, "yes", "no")
    return array if _is_text(array.type) else array.cast(pa.string())


def _is_text(type_: pa.DataType) -> bool:
    """Whether values are texts, or numbers into a list of texts."""
    return bool(pa.types.is_string(type_) or pa.types.is_dictionary(type_))


def _build_sort_key(column: pa.ChunkedArray) -> Any:
    """What rows are ordered by: of a list its first value; text without regard to case."""
    array = _combine_column_chunks(column)
    if pa.types.is_list(array.type):
        filled = pc.greater(pc.list_value_length(array), 0)
        array = pc.list_element(pc.if_else(filled, array, pa.scalar([""], array.type)), 0)
    if not _is_text(array.type):
        return array
    coded = array.dictionary_encode()
    return pc.rank(_lowercase_texts(coded.dictionary), tiebreaker="dense").take(coded.indices)


def _most_frequent(texts: Any, chosen: Iterable[str]) -> tuple[list[tuple[str, int]], int]:
    """The values that a filter offers, each with its rows, and how many there are; by columns, as there may be many."""
    counted = pc.value_counts(texts)
    names, rows = _cut_filter_values(counted.field("values").cast(pa.string())), counted.field("counts")
    stated = pc.fill_null(pc.not_equal(names, ""), False)
    found = pa.table({"name": names.filter(stated), "rows": rows.filter(stated)})
    found = found.group_by("name").aggregate([("rows", "sum")])
    order = pc.sort_indices(found, sort_keys=[("rows_sum", "descending"), ("name", "ascending")])
    further = pc.is_in(found["name"].take(order), value_set=pa.array(list(chosen), pa.string()))
    wanted = _convert_mask_to_numpy(further)
    wanted[:CHOICES_SHOWN] = True
    some = found.take(order.filter(pa.array(wanted)))
    return list(zip(some["name"].to_pylist(), some["rows_sum"].to_pylist(), strict=True)), found.num_rows


def _list_filter_choices(spec: TableSpec, data: pa.Table, query: TableQuery) -> dict[str, tuple[FilterChoice, ...]]:
    """Values that filters offer: the most frequent of the whole table, and those that are chosen."""
    offered: dict[str, tuple[FilterChoice, ...]] = {}
    for column in spec.columns:
        if not column.is_choice:
            continue
        array = _combine_column_chunks(data[column.name])
        chosen = query.choices.get(column.name, ())
        some, number = _most_frequent(
            _convert_values_to_text(array.flatten() if pa.types.is_list(array.type) else array), chosen
        )
        held = {value for value, _ in some}
        some += [(value, 0) for value in chosen if value not in held]
        if number > 1 or chosen:
            offered[column.name] = tuple(
                FilterChoice(column.name, value, _say_choice(column, value), formatting.count(rows), value in chosen)
                for value, rows in some
            )
    return offered


def _say_choice(column: TableColumn, value: str) -> str:
    """A value as cells show it."""
    return column.shown({column.name: value}) if column.shown is not None and column.kind == "choice" else value
