"""Columns of the console's tables, and what a reader asks of a table, as it stands in the URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlencode

from stillhunt.base import formatting

Kind = Literal["id", "text", "choice", "values", "figure", "time"]
"""An id, in a fixed-width face; free text; one of few values, offered as a filter; several of few values; a number, set
right and bounded by filters; a moment."""
CELL_CHARS = 200
"""Longest text of a cell; the export has all of it."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class TableColumn:
    """One column of a table."""

    name: str  # of the column in the data, in the URL and in exports
    title: str
    kind: Kind = "text"
    # text of a row's cell; by kind where None. For a choice, it reads this column alone: filters show it, too
    shown: Callable[[Row], str] | None = None
    link: Callable[[Row], str] | None = None  # where a row's cell leads; "" for nowhere
    mark: Callable[[Row], str] | None = None  # class of a row's cell, from a fixed list; "" for none
    aside: bool = False  # it is shown only where all columns are asked for; filters and exports have it

    @property
    def is_choice(self) -> bool:
        """Whether some of its values can be chosen."""
        return self.kind in ("choice", "values")

    @property
    def is_figure(self) -> bool:
        """Whether it can be bounded."""
        return self.kind == "figure"

    @property
    def is_searched(self) -> bool:
        """Whether the search looks at it."""
        return self.kind in ("id", "text", "choice", "values")


@dataclass(frozen=True)
class TableCell:
    """One cell, ready to show: all of it is text from outside, and escaped by the template."""

    text: str
    href: str  # where it leads; "" for nowhere
    kind: str
    mark: str  # class; "" for none
    moment: str = ""  # time as ISO 8601 in UTC, for the reader's zone; "" for other kinds


def cell_of(column: TableColumn, row: Row) -> TableCell:
    """A row's cell in a column."""
    value = row[column.name]
    text = column.shown(row) if column.shown is not None else _format_cell_value(value)
    moment = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else ""
    href = column.link(row) if column.link is not None else ""
    return TableCell(text, href, column.kind, column.mark(row) if column.mark is not None else "", moment)


def _format_cell_value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return formatting.minute(value).removesuffix(" UTC")
    if isinstance(value, list):
        return formatting.join_some([formatting.shorten(str(one), CELL_CHARS // 4) for one in value], 3, "")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return formatting.count(value)
    if isinstance(value, float):
        return formatting.number(value)
    return formatting.shorten(str(value), CELL_CHARS)


PAGE_SIZES = (25, 50, 100, 250)
"""Rows of a page. Judgement: 50 fill a screen twice; 250 rows of 14 columns are 100 kB of HTML."""
FIRST_SIZE = 50
EXPORTS = ("csv", "parquet")
MOST_VALUE_CHARACTERS = 200
"""Of a search or a filter; longer ones are cut."""
_MOST_DIGITS = 10
"""Of a number: fewer fit into 32 bits, which a database takes."""
MOST_CHOICES = 20
"""Values of one filter that count; further ones are passed over."""
SEARCH, SORT, PAGE_NUMBER, SIZE, WIDE, EXPORT = "find", "sort", "page", "size", "columns", "as"
LEAST, MOST = ".least", ".most"
ALL_COLUMNS = "all"


@dataclass(frozen=True)
class TableQuery:
    """What is asked of one table."""

    find: str = ""  # text that some column must contain, in any case; "" for all rows
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # column -> values of which one must hold
    # least, most: column -> bound of a figure
    least: Mapping[str, float] = field(default_factory=dict)
    most: Mapping[str, float] = field(default_factory=dict)
    sort: str = ""  # column by which rows are ordered; "" for the order in which they come
    descending: bool = False
    page: int = 1  # from 1
    size: int = FIRST_SIZE
    wide: bool = False
    export: str = ""  # csv or parquet; "" for a page
    others: tuple[tuple[str, str], ...] = ()  # parameters of the page that are none of the table, which its links keep

    @property
    def narrows(self) -> bool:
        """Whether it leaves rows out."""
        return bool(self.find or self.choices or self.least or self.most)

    def of_columns(self, columns: Iterable[TableColumn]) -> TableQuery:
        """The same of a table with these columns; what means nothing to it is passed over."""
        known = {column.name: column for column in columns}
        figures = {name for name, column in known.items() if column.is_figure}
        return replace(
            self,
            choices={name: found for name, found in self.choices.items() if name in known and known[name].is_choice},
            least={name: bound for name, bound in self.least.items() if name in figures},
            most={name: bound for name, bound in self.most.items() if name in figures},
            sort=self.sort if self.sort in known else "",
            descending=self.descending and self.sort in known,
        )

    def url(self, **changes: object) -> str:
        """What stands behind the question mark, with some fields changed; only a change of the page keeps the place.

        Args:
            changes: fields of this class and their new values.
        """
        if "page" not in changes:
            changes["page"] = 1
        return replace(self, **changes)._format_query_string()  # type: ignore[arg-type]  # fields by their names

    def _format_query_string(self) -> str:
        said = list(self.others)
        if self.find:
            said.append((SEARCH, self.find))
        said += [(name, value) for name, values in self.choices.items() for value in values]
        said += [(name + LEAST, _format_shortest_bound(bound)) for name, bound in self.least.items()]
        said += [(name + MOST, _format_shortest_bound(bound)) for name, bound in self.most.items()]
        if self.sort:
            said.append((SORT, f"-{self.sort}" if self.descending else self.sort))
        if self.size != FIRST_SIZE:
            said.append((SIZE, str(self.size)))
        if self.wide:
            said.append((WIDE, ALL_COLUMNS))
        if self.page != 1:
            said.append((PAGE_NUMBER, str(self.page)))
        if self.export:
            said.append((EXPORT, self.export))
        return "?" + urlencode(said)


def read_query(asked: Iterable[tuple[str, str]]) -> TableQuery:
    """What the parameters of a URL ask of whatever table the page has; `TableQuery.of_columns` fits it to one."""
    choices: dict[str, list[str]] = {}
    bounds: dict[str, dict[str, float]] = {LEAST: {}, MOST: {}}
    values: dict[str, str] = {}
    for name, text in asked:
        value = values[name] = text[:MOST_VALUE_CHARACTERS]
        if value:
            choices.setdefault(name, []).append(value)
        for end, found in bounds.items():
            if name.endswith(end) and (bound := _parse_finite_number(value)) is not None:
                found[name.removesuffix(end)] = bound
    sort = values.get(SORT, "")
    return TableQuery(
        find=values.get(SEARCH, "").strip(),
        choices={name: tuple(dict.fromkeys(found))[:MOST_CHOICES] for name, found in choices.items()},
        least=bounds[LEAST],
        most=bounds[MOST],
        sort=sort.removeprefix("-"),
        descending=sort.startswith("-"),
        page=max(1, whole_number(values.get(PAGE_NUMBER, ""), 1)),
        size=size if (size := whole_number(values.get(SIZE, ""), FIRST_SIZE)) in PAGE_SIZES else FIRST_SIZE,
        wide=values.get(WIDE, "") == ALL_COLUMNS,
        export=values.get(EXPORT, "") if values.get(EXPORT, "") in EXPORTS else "",
    )


def _parse_finite_number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _format_shortest_bound(bound: float) -> str:
    """A bound as somebody would type it, which is read as the same number."""
    return shown if float(shown := f"{bound:g}") == bound else repr(bound)


def whole_number(text: str, otherwise: int) -> int:
    """A number of a URL or a form, which may hold anything.

    Args:
        text: its digits; with more than fit into 32 bits it is none.
        otherwise: what stands for a text that is none.
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _MOST_DIGITS else otherwise
