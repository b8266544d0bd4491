"""Tables beside an oracle in plain Python: what is found, in which order, and on which page, whatever a URL asks."""

from __future__ import annotations

import csv
import io
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base import formatting
from stillhunt.base.schema_case import HARVEST
from stillhunt.base.shape import TIMESTAMP
from stillhunt.base.table_files import csv_bytes
from stillhunt_server.console.request_rows import add_known_facts, request_spec, requests_view
from stillhunt_server.console.table_query import (
    MOST_CHOICES,
    PAGE_SIZES,
    TableColumn,
    TableQuery,
    read_query,
    whole_number,
)
from stillhunt_server.console.tables import (
    CHOICES_SHOWN,
    MEDIA_TYPES,
    TableExport,
    TableSpec,
    TableView,
    table_export,
    table_page,
)

SPEC = TableSpec(
    "things",
    (
        TableColumn("id", "Id", "id"),
        TableColumn("text", "Text", "text"),
        TableColumn("kind", "Kind", "choice"),
        TableColumn("flag", "Flag", "choice"),
        TableColumn("names", "Names", "values"),
        TableColumn("count", "Count", "figure", aside=True),
        TableColumn("share", "Share", "figure"),
        TableColumn("at", "At", "time"),
    ),
    row_link=lambda row: f"/things/{row['id']}",
)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("kind", pa.string()),
        ("flag", pa.bool_()),
        ("names", pa.list_(pa.string())),
        ("count", pa.int64()),
        ("share", pa.float64()),
        ("at", pa.timestamp("us", tz="UTC")),
    ]
)
Asked = list[tuple[str, str]]
SEARCHED, FIGURES = ("id", "text", "kind", "flag", "names"), ("count", "share")
TEXTS = st.sampled_from(
    ("", "a", "A", "b", "aB", "Ab", "=1+1", "+a", "-b", "@b", "\ta", "ΑΣ", "ας", "İ", "i", "a,b\n", '"', "0", "-0", "é")
)
START = datetime(2026, 3, 2, tzinfo=UTC)
ROW = st.fixed_dictionaries(
    {
        "text": st.none() | TEXTS,
        "kind": st.none() | TEXTS,
        "flag": st.none() | st.booleans(),
        "names": st.none() | st.lists(TEXTS, max_size=3),
        "count": st.none() | st.integers(-2, 3) | st.sampled_from((2**53 + 1, -(2**62))),
        "share": st.none() | st.sampled_from((0.0, -0.0, 0.25, 1.0, -1e300, 1234567.5, math.nan, math.inf, -math.inf)),
        "at": st.none() | st.integers(0, 3).map(lambda days: START + timedelta(days=days)),
    }
)
BOUNDS = st.sampled_from(("0", "-1", "0.25", "1", "1234567.5", "9007199254740993", "-1e300"))
ASKED = st.fixed_dictionaries(
    {},
    optional={
        "find": TEXTS,
        "kind": TEXTS,
        "flag": st.sampled_from(("yes", "no")),
        "names": TEXTS,
        **{f"{name}.{end}": BOUNDS for name in FIGURES for end in ("least", "most")},
        "sort": st.tuples(st.sampled_from(("", "-")), st.sampled_from(SCHEMA.names)).map("".join),
        "columns": st.just("all"),
    },
)
ANYTHING = st.text(st.characters(codec="utf-8"), max_size=8)
NAMES = st.sampled_from(
    ("find", "sort", "page", "size", "as", "columns", "count.least", "count.most", "share.least", *SCHEMA.names)
)
NUMBERS = ("nan", "inf", "-inf", "1e999", "-1", "0", "1" * 5000, "٣", "²", "1_0", " 7 ")
HOSTILE = st.sampled_from((*NUMBERS, "\0", "--id", "-", "csv", "parquet", "250"))


def table_of(rows: list[dict[str, Any]], cut: int = 0) -> pa.Table:
    """Rows as a table in one piece or two, each of them a part of a longer one, as filters and snapshots leave them."""
    numbered = [{**row, "id": f"r{number}"} for number, row in enumerate(rows)]
    whole = pa.Table.from_pylist([*numbered, *numbered], SCHEMA)
    cut = min(cut, len(rows))
    second = whole.slice(len(rows) + cut)
    return pa.concat_tables([whole.slice(0, cut), second]) if cut else second


def lowered(text: str) -> str:
    """Letter by letter, by the simple rule of Unicode: in a search the place of a letter in its word does not count."""
    return "".join(one.lower()[:1] for one in text)


def held(value: Any) -> list[str]:
    """Texts of a cell, as filters and the search see them."""
    if value is None:
        return []
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    return value if isinstance(value, list) else [value]


def passes(row: dict[str, Any], query: TableQuery) -> bool:
    """Whether a query leaves a row."""
    texts = [lowered(text) for name in SEARCHED for text in held(row[name])]
    bounds = [(row[name], low, math.inf) for name, low in query.least.items()]
    bounds += [(row[name], -math.inf, high) for name, high in query.most.items()]
    return (
        (not query.find or any(lowered(query.find) in text for text in texts))
        and all(set(held(row[name])) & set(values) for name, values in query.choices.items())
        and all(value is not None and low <= float(value) <= high for value, low, high in bounds)
    )


def place(value: Any) -> tuple[int, Any]:
    """By what rows are ordered; what is missing, and what is no number, comes last in both directions."""
    if isinstance(value, list):
        value = value[0] if value else ""
    if value is None:
        return 2, 0
    if isinstance(value, float) and math.isnan(value):
        return 1, 0
    return 0, lowered(value) if isinstance(value, str) else value


def expected(data: pa.Table, query: TableQuery) -> list[dict[str, Any]]:
    """Rows that a query leaves, in order."""
    rows = [row for row in data.to_pylist() if passes(row, query)]
    if not query.sort:
        return rows
    with_places = [(place(row[query.sort]), row) for row in rows]
    numbers = [item for item in with_places if item[0][0] == 0]
    numbers.sort(key=lambda item: item[0][1], reverse=False)
    if query.descending:  # the largest first, and equal ones in the order in which they come
        values = sorted({item[0][1] for item in numbers}, reverse=True)
        numbers = [item for value in values for item in numbers if item[0][1] == value]
    rest = [item for number in (1, 2) for item in with_places if item[0][0] == number]
    return [row for _, row in [*numbers, *rest]]


def query_for(asked: Asked, columns: tuple[TableColumn, ...] = SPEC.columns) -> TableQuery:
    return read_query(asked).of_columns(columns)


def page_of(spec: TableSpec, data: pa.Table, asked: Asked) -> TableView:
    return table_page(spec, data, read_query(asked))


def export_of(spec: TableSpec, data: pa.Table, asked: Asked) -> TableExport | None:
    return table_export(spec, data, read_query(asked))


def ids(view: TableView) -> list[str]:
    return [cells[0].text for _, cells in view.rows]


def all_pages(data: pa.Table, asked: list[tuple[str, str]]) -> list[TableView]:
    first = page_of(SPEC, data, [*asked, ("size", "25")])
    return [page_of(SPEC, data, [*asked, ("size", "25"), ("page", str(page + 1))]) for page in range(first.pages)]


@given(st.lists(ROW, max_size=60), st.integers(0, 60), ASKED)
@settings(max_examples=40, derandomize=True, deadline=None)
def test_pages_cover_what_the_oracle_finds_in_its_order(rows: list[Any], cut: int, asked: dict[str, str]) -> None:
    data, wanted = table_of(rows, cut), list(asked.items())
    query = query_for(wanted, SPEC.columns)
    found = [row["id"] for row in expected(data, query)]
    pages = all_pages(data, wanted)
    assert [one for page in pages for one in ids(page)] == found
    assert all(len(page.rows) == 25 for page in pages[:-1])
    assert {(page.found, page.total) for page in pages} == {(len(found), len(rows))}
    assert [(page.first, page.last) for page in pages if page.rows] == [
        (start + 1, min(start + 25, len(found))) for start in range(0, len(found), 25)
    ]
    assert all(link == f"/things/{cells[0].text}" for page in pages for link, cells in page.rows)


@given(st.lists(ROW, max_size=40), ASKED)
@settings(max_examples=25, derandomize=True, deadline=None)
def test_exports_hold_what_all_pages_show(rows: list[Any], asked: dict[str, str]) -> None:
    data, wanted = table_of(rows), list(asked.items())
    found = expected(data, query_for(wanted, SPEC.columns))
    parquet = export_of(SPEC, data, [*wanted, ("as", "parquet"), ("page", "3")])
    text = export_of(SPEC, data, [*wanted, ("as", "csv"), ("size", "25")])
    assert parquet is not None
    assert text is not None
    kept = pq.read_table(io.BytesIO(parquet.content))
    assert kept.schema.equals(SCHEMA)
    order = [row["id"] for row in found]
    assert kept["id"].to_pylist() == order
    numbers = [int(name[1:]) for name in order]
    assert text.content == csv_bytes(data.take(pa.array(numbers, pa.int64())))
    for cells in list(csv.reader(io.StringIO(text.content.decode())))[1:]:
        assert not [cell for cell in cells[:5] if re.match(r"[=+\-@\t\r\n]", cell)]
        assert all(cell == formatting.escape_controls(cell) for cell in cells)
    assert (text.name, parquet.name) == ("things.csv", "things.parquet")
    assert (text.media_type, parquet.media_type) == (MEDIA_TYPES["csv"], MEDIA_TYPES["parquet"])


@given(st.lists(st.tuples(NAMES, HOSTILE | ANYTHING | BOUNDS), max_size=30))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_a_query_survives_its_own_url(asked: list[tuple[str, str]]) -> None:
    query = query_for(asked, SPEC.columns)
    url = query.url(page=query.page)
    again = query_for(parse_qsl(url.removeprefix("?"), keep_blank_values=True), SPEC.columns)
    assert again == query
    assert again.url(page=again.page) == url
    assert url.isascii()
    assert not re.search(r"[\s\"'<>#]", url)


@given(st.lists(st.tuples(NAMES | ANYTHING, HOSTILE | ANYTHING), max_size=40))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_no_parameter_makes_a_page_or_an_export_fail(asked: list[tuple[str, str]]) -> None:
    data = table_of([{"count": 1, "share": math.nan, "names": ["a", ""]}, {"text": "", "kind": "nan"}, {}])
    view = page_of(SPEC, data, asked)
    assert 1 <= view.query.page <= view.pages
    assert view.query.size in PAGE_SIZES
    export = export_of(SPEC, data, asked)
    assert (export is not None) == (view.query.export in ("csv", "parquet"))


def test_ten_thousand_parameters_ask_no_more_than_twenty_choices() -> None:
    many = [(name, f"{number}" * 300) for number in range(2_500) for name in ("kind", "names", "find", "x")]
    query = query_for(many, SPEC.columns)
    assert {name: len(values) for name, values in query.choices.items()} == dict.fromkeys(
        ("kind", "names"), MOST_CHOICES
    )
    assert len(query.url()) < 10_000
    assert page_of(SPEC, table_of([{}] * 3), many).found == 0


def test_a_page_that_is_not_there_is_the_last_one() -> None:
    data = table_of([{"count": number} for number in range(60)])
    last = page_of(SPEC, data, [("page", "999999999"), ("size", "25")])
    assert (last.query.page, last.pages, ids(last)[-1]) == (3, 3, "r59")
    assert page_of(SPEC, data, [("page", "9" * 40)]).query.page == 1
    assert page_of(SPEC, data.slice(0, 0), [("page", "7")]).query.page == 1


def test_a_change_of_anything_but_the_page_begins_at_the_first_page() -> None:
    query = query_for([("page", "3"), ("kind", "a")], SPEC.columns)
    assert query.url(sort="id") == "?kind=a&sort=id"
    assert query.url(page=4) == "?kind=a&page=4"
    assert query.url(export="csv") == "?kind=a&as=csv"


def test_a_bound_keeps_all_its_digits_in_links() -> None:
    query = query_for([("count.least", "1234567"), ("share.most", "0.30000000000000004")], SPEC.columns)
    assert query.url() == "?count.least=1234567.0&share.most=0.30000000000000004"
    assert query_for([("count.least", "50")], SPEC.columns).url() == "?count.least=50"


def test_filters_offer_the_most_frequent_values_and_those_that_are_chosen() -> None:
    rows = [{"kind": f"k{number:02}"} for number in range(50) for _ in range(50 - number)] + [{"kind": ""}, {}]
    view = page_of(SPEC, table_of(rows), [("kind", "k49"), ("flag", "yes")])
    offered = view.choices["kind"]
    assert [one.value for one in offered] == [*(f"k{number:02}" for number in range(CHOICES_SHOWN)), "k49"]
    assert [one.value for one in offered if one.chosen] == ["k49"]
    assert offered[0].rows == "50"
    assert [(one.value, one.rows) for one in view.choices["flag"]] == [("yes", "0")]  # so that it can be taken off


@pytest.mark.parametrize("text", ["ΑΣ", "İstanbul", "STRASSE", "É", "ǅ"])
def test_a_text_is_found_as_it_stands_and_in_small_letters(text: str) -> None:
    data = table_of([{"text": f"x{text}y"}, {"text": "other"}])
    for asked in (text, lowered(text)):
        assert ids(page_of(SPEC, data, [("find", asked)])) == ["r0"]


@pytest.mark.parametrize("name", ["kind", "names"])
def test_a_value_that_is_too_long_for_a_url_is_chosen_by_its_beginning(name: str) -> None:
    values = ["a" * 300, "a" * 201, "a" * 199]
    data = table_of([{name: [value] if name == "names" else value} for value in values])
    (long, short) = page_of(SPEC, data, []).choices[name]
    assert (long.value, long.rows, short.value) == ("a" * 200, "2", "a" * 199)
    assert ids(page_of(SPEC, data, [(name, long.value)])) == ["r0", "r1"]


def test_columns_that_stand_aside_are_shown_where_they_are_asked_for_and_always_exported() -> None:
    data = table_of([{"count": 5}])
    assert "count" not in [one.name for one in page_of(SPEC, data, []).columns]
    assert "count" in [one.name for one in page_of(SPEC, data, [("columns", "all")]).columns]
    assert "count" in [one.name for one in page_of(SPEC, data, [("sort", "count")]).columns]
    export = export_of(SPEC, data, [("as", "csv")])
    assert export is not None
    assert export.content.startswith(b"id,text,kind,flag,names,count,share,at\n")


def test_a_table_has_its_own_order_until_another_is_asked_for() -> None:
    spec = TableSpec("things", SPEC.columns, sort="-count")
    data = table_of([{"count": 1}, {"count": 3}, {"count": None}, {"count": 2}])
    assert ids(page_of(spec, data, [("sort", "nothing")])) == ["r1", "r3", "r0", "r2"]
    assert ids(page_of(spec, data, [("sort", "count")])) == ["r0", "r3", "r1", "r2"]
    assert page_of(spec, data, []).query.sort == "count"


@pytest.mark.parametrize("others", [(), (("account", "a&b=/?"),), (("rows", "requests"),)])
def test_pages_of_rows_on_disk_keep_what_else_the_page_was_asked(others: tuple[tuple[str, str], ...]) -> None:
    rows = pa.table(
        {
            one.name: [f"{one.name}-{number}" for number in range(70)] if one.kind == "id" else [None] * 70
            for one in request_spec("").columns
        }
    )
    seen: list[str] = []
    url = "?size=25"
    for _ in range(3):
        query = TableQuery(**{**query_for(parse_qsl(url[1:]), request_spec("").columns).__dict__, "others": others})
        view = requests_view(lambda start, limit: rows.slice(start, limit), 70, query)
        seen += [cells[1].text for _, cells in view.rows]
        url = view.query.url(page=view.query.page + 1)
        assert parse_qsl(url[1:])[: len(others)] == list(others)
    assert seen == rows["request_id"].to_pylist()
    past = requests_view(lambda start, limit: rows.slice(start, limit), 70, TableQuery(page=10**8, size=25))
    assert (past.query.page, past.found, past.last) == (3, 70, 70)


def test_harvested_requests_have_what_the_case_keeps_of_those_that_findings_name() -> None:
    rows = HARVEST.build(request_id=list("abcd"), slice_id=list("abcd"), campaign_id=list("abcd"))
    rows = rows.append_column("account_id", pa.array(["x", "x", "y", None]))
    known = {"account_id": ["y", "x", "z"], "request_id": ["c", "b", "a"], "status": [200, 429, 500]}
    facts = {
        "timestamp": pa.array([3, 2, 1], TIMESTAMP),
        "model": ["m", "n", "o"],
        "input_tokens": [1, 2, 3],
        "output_tokens": [4, 5, None],
    }
    told = add_known_facts(rows, pa.table(known | facts))
    assert told["status"].to_pylist() == [None, 429, 200, None]  # an id is unique within one source only
    assert told["model"].to_pylist() == [None, "n", "m", None]


@pytest.mark.parametrize("text", ["", "-1", "1.0", "٣", "²", "1 ", "1" * 10, "1" * 5000, "0x1", "1_0"])
def test_what_is_no_number_of_32_bits_is_passed_over(text: str) -> None:
    assert whole_number(text, -7) == -7
    assert whole_number("007", -7) == 7
    assert whole_number("9" * 9, -7) == 999_999_999
