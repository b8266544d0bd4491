"""What a reader asks of a table, as it stands in the URL: search, filters, order, page, and the form of an export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from stillhunt.web.console.table_columns import TableColumn

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
    """What is asked of one table.

    Attributes:
        find: text that some column must contain, in any case; "" for all rows.
        choices: column -> values of which one must hold.
        least, most: column -> bound of a figure.
        sort: column by which rows are ordered; "" for the order in which they come.
        page: from 1.
        export: csv or parquet; "" for a page.
        others: parameters of the page that are none of the table, which its links keep.
    """

    find: str = ""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)
    most: Mapping[str, float] = field(default_factory=dict)
    sort: str = ""
    descending: bool = False
    page: int = 1
    size: int = FIRST_SIZE
    wide: bool = False
    export: str = ""
    others: tuple[tuple[str, str], ...] = ()

    @property
    def narrows(self) -> bool:
        """Whether it leaves rows out."""
        return bool(self.find or self.choices or self.least or self.most)

    def url(self, **changes: object) -> str:
        """What stands behind the question mark, with some fields changed; only a change of the page keeps the place.

        Args:
            changes: fields of this class and their new values.
        """
        if "page" not in changes:
            changes["page"] = 1
        return replace(self, **changes)._text()  # type: ignore[arg-type]  # fields by their names

    def _text(self) -> str:
        said = list(self.others)
        if self.find:
            said.append((SEARCH, self.find))
        said += [(name, value) for name, values in self.choices.items() for value in values]
        said += [(name + LEAST, _shortest(bound)) for name, bound in self.least.items()]
        said += [(name + MOST, _shortest(bound)) for name, bound in self.most.items()]
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


def query_of(asked: Iterable[tuple[str, str]], columns: Iterable[TableColumn]) -> TableQuery:
    """What the parameters of a URL ask; those that mean nothing to this table are passed over."""
    known = {column.name: column for column in columns}
    choices: dict[str, list[str]] = {}
    bounds: dict[str, dict[str, float]] = {LEAST: {}, MOST: {}}
    values: dict[str, str] = {}
    for name, text in asked:
        value = text[:MOST_VALUE_CHARACTERS]
        if name in known and known[name].is_choice and value:
            choices.setdefault(name, []).append(value)
        for end, found in bounds.items():
            column = known.get(name.removesuffix(end))
            if name.endswith(end) and column is not None and column.is_figure and (bound := _number(value)) is not None:
                found[column.name] = bound
        values[name] = value
    sort = values.get(SORT, "")
    return TableQuery(
        find=values.get(SEARCH, "").strip(),
        choices={name: tuple(dict.fromkeys(found))[:MOST_CHOICES] for name, found in choices.items()},
        least=bounds[LEAST],
        most=bounds[MOST],
        sort=name if (name := sort.removeprefix("-")) in known else "",
        descending=sort.startswith("-") and name in known,
        page=max(1, whole_number(values.get(PAGE_NUMBER, ""), 1)),
        size=size if (size := whole_number(values.get(SIZE, ""), FIRST_SIZE)) in PAGE_SIZES else FIRST_SIZE,
        wide=values.get(WIDE, "") == ALL_COLUMNS,
        export=values.get(EXPORT, "") if values.get(EXPORT, "") in EXPORTS else "",
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _shortest(bound: float) -> str:
    """A bound as somebody would type it, which is read as the same number."""
    return shown if float(shown := f"{bound:g}") == bound else repr(bound)


def whole_number(text: str, otherwise: int) -> int:
    """A number of a URL or a form, which may hold anything.

    Args:
        text: its digits; with more than fit into 32 bits it is none.
        otherwise: what stands for a text that is none.
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _MOST_DIGITS else otherwise
