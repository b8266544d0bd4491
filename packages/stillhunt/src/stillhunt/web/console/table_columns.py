"""Columns of the console's tables: what they are called, how a value is shown, and where it leads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from stillhunt.base import formatting

Kind = Literal["id", "text", "choice", "values", "figure", "time"]
"""An id, in a fixed-width face; free text; one of few values, offered as a filter; several of few values; a number, set
right and bounded by filters; a moment."""
CELL_CHARS = 200
"""Longest text of a cell; the export has all of it."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class TableColumn:
    """One column of a table.

    Attributes:
        name: of the column in the data, in the URL and in exports.
        kind: how it is shown, filtered and ordered.
        shown: text of a row's cell; by kind where None.
        link: where a row's cell leads; "" for nowhere.
        mark: class of a row's cell, from a fixed list; "" for none.
        aside: it is shown only where all columns are asked for; filters and exports have it.
    """

    name: str
    title: str
    kind: Kind = "text"
    shown: Callable[[Row], str] | None = None
    link: Callable[[Row], str] | None = None
    mark: Callable[[Row], str] | None = None
    aside: bool = False

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
    """One cell, ready to show: all of it is text from outside, and escaped by the template.

    Attributes:
        href: where it leads; "" for nowhere.
        mark: class; "" for none.
        moment: time as ISO 8601 in UTC, for the reader's zone; "" for other kinds.
    """

    text: str
    href: str
    kind: str
    mark: str
    moment: str = ""


def cell_of(column: TableColumn, row: Row) -> TableCell:
    """A row's cell in a column."""
    value = row[column.name]
    text = column.shown(row) if column.shown is not None else _shown(value)
    moment = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else ""
    href = column.link(row) if column.link is not None else ""
    return TableCell(text, href, column.kind, column.mark(row) if column.mark is not None else "", moment)


def _shown(value: Any) -> str:
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
