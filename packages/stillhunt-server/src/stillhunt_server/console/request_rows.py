"""Rows behind a number of requests: as long as the traffic, so that they are read page by page."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from starlette.responses import Response, StreamingResponse

from stillhunt.base.schema_case import HARVEST_FACTS
from stillhunt.base.table_files import csv_bytes
from stillhunt_server.console.answers import render
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.rendering import account_url
from stillhunt_server.console.table_query import Row, TableColumn, TableQuery
from stillhunt_server.console.tables import MEDIA_TYPES, TableSpec, TableView, table_page

EXPORTED_AT_A_TIME = 10_000
"""Rows of one piece of an export: it bounds memory."""


def log_url(template: str, request_id: str) -> str:
    """Where a request is in the reader's own log store; "" where no address is set."""
    return template.replace("{request_id}", quote(request_id, safe="")) if request_id else ""


def _account_link(row: Row) -> str:
    return account_url(row["account_id"]) if row["account_id"] else ""


def cited_spec(log_link: str) -> TableSpec:
    """The table of the requests that findings name.

    Args:
        log_link: address of a request in the reader's own log store; "" for none.
    """
    return TableSpec(
        "cited",
        (
            TableColumn("timestamp", "Time", "time"),
            TableColumn("request_id", "Request", "id", link=lambda row: log_url(log_link, row["request_id"])),
            TableColumn("account_id", "Account", "id", link=lambda row: account_url(row["account_id"])),
            TableColumn("model", "Model", "choice"),
            TableColumn("status", "Status", "choice"),
            TableColumn("input_tokens", "Input tokens", "figure"),
            TableColumn("output_tokens", "Output tokens", "figure"),
            TableColumn("client", "Client", "choice"),
            TableColumn("network", "Network", "choice", aside=True),
            TableColumn("country", "Country", "choice"),
            TableColumn("temperature", "Temperature", "figure", aside=True),
            TableColumn("max_tokens", "Most tokens", "figure", aside=True),
        ),
        row_value=lambda row: str(row["request_id"]),
        empty="No finding names a request of it.",
        sort="timestamp",
    )


def request_spec(log_link: str, *, of_account: bool = False) -> TableSpec:
    """The table of harvested requests.

    Args:
        log_link: address of a request in the reader's own log store; "" for none.
        of_account: whether they are those of an account, in several campaigns perhaps.
    """
    return TableSpec(
        "requests",
        (
            TableColumn("timestamp", "Time", "time"),
            TableColumn("request_id", "Request", "id", link=lambda row: log_url(log_link, row["request_id"])),
            TableColumn("account_id", "Account", "id", link=_account_link),
            TableColumn("model", "Model", "choice"),
            TableColumn("status", "Status", "choice"),
            TableColumn("input_tokens", "Input tokens", "figure"),
            TableColumn("output_tokens", "Output tokens", "figure"),
            TableColumn("slice_id", "Slice", "id", aside=True),
            TableColumn("campaign_id", "Campaign", "id", aside=not of_account),
        ),
        empty="No request is counted as harvested.",
    )


Pages = Callable[[int, int], pa.Table]
"""Gives the rows from a place on, at most so many."""


def add_known_facts(rows: pa.Table, cited: pa.Table) -> pa.Table:
    """Harvested requests of a case before version 9, with what it has of those that findings name.

    Of the others, it has the ids alone.
    """
    near = cited.filter(pc.is_in(cited["request_id"], value_set=rows["request_id"].combine_chunks()))
    keys = [pc.binary_join_element_wise(one["account_id"], one["request_id"], "\0") for one in (rows, near)]
    places = pc.index_in(keys[0], value_set=keys[1].combine_chunks())
    for name in HARVEST_FACTS:
        told = pc.coalesce(rows[name], near[name].take(places).cast(rows[name].type))
        rows = rows.set_column(rows.column_names.index(name), name, told)
    return rows


def answer_requests(request: PageRequest, campaign: str, head: Mapping[str, Any], account: str = "") -> Response:
    """A page of the harvested requests of a campaign, of one of its accounts where that is asked for, or their export.

    Args:
        account: whose, on the page of an account; elsewhere, the parameter `account` may name one.
    """
    rows, others = request.derived.rows, (("rows", "requests"),) if account else ()
    if not account and (account := request.given["account"]):
        others = (("account", account),)
    total = rows.account_count(account, campaign or None) if account else rows.count(campaign)

    def page(offset: int, limit: int) -> pa.Table:
        if account:
            return rows.account_page(account, offset, limit, campaign or None)
        return rows.page(campaign, offset, limit)

    query = replace(request.query, others=others)
    if query.export:
        headers = {"content-disposition": f'attachment; filename="requests.{query.export}"'}
        content = _iterate_csv_chunks(page, total) if query.export == "csv" else _iterate_parquet_chunks(page, total)
        return StreamingResponse(content, media_type=MEDIA_TYPES[query.export], headers=headers)
    log_link = request.console.config.console.log_link
    template = "campaign_requests.html" if campaign else "account_requests.html"
    known = page
    if not rows.has_facts:  # an earlier version wrote it
        cited = request.case.of_campaign("cited", campaign) if campaign else request.case.case.cited

        def known(offset: int, limit: int) -> pa.Table:
            return add_known_facts(page(offset, limit), cited)

    view = requests_view(known, total, query, log_link, of_account=not campaign)
    return render(request, template, {"view": view, "account": account, "ids_only": not rows.has_facts, **head})


def requests_view(
    page: Pages, total: int, query: TableQuery, log_link: str = "", *, of_account: bool = False
) -> TableView:
    """One page of rows that are not in memory."""
    spec, pages = request_spec(log_link, of_account=of_account), max(1, -(-total // query.size))
    number = min(query.page, pages)
    shown = table_page(spec, page((number - 1) * query.size, query.size), TableQuery(size=250))
    asked_for = TableQuery(page=number, size=query.size, others=query.others)
    return TableView(spec, asked_for, shown.rows, total, total, pages, {})


def _iterate_csv_chunks(page: Pages, total: int) -> Iterator[bytes]:
    for start in range(0, max(total, 1), EXPORTED_AT_A_TIME):
        content = csv_bytes(page(start, EXPORTED_AT_A_TIME))
        yield content if start == 0 else content.partition(b"\n")[2]


def _iterate_parquet_chunks(page: Pages, total: int) -> Iterator[bytes]:
    sink = _Sink()
    writer: pq.ParquetWriter | None = None
    for start in range(0, max(total, 1), EXPORTED_AT_A_TIME):
        rows = page(start, EXPORTED_AT_A_TIME)
        writer = writer or pq.ParquetWriter(sink, rows.schema, compression="zstd")
        writer.write_table(rows)
        yield sink.taken()
    if writer is not None:
        writer.close()
        yield sink.taken()


class _Sink(io.RawIOBase):
    """A file that is taken away piece by piece while it is written; places in it are those in the whole file."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        self._written += len(data)
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content
