"""The rows behind a number: pages of harvested requests, read from a case folder without loading its long tables."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import cached_property
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.base.errors import CaseError, ContractError
from stillhunt.base.schema_case import HARVEST, HARVEST_FACTS, SLICES, add_missing_facts
from stillhunt.base.shape import Table
from stillhunt_server.case_views.row_accounts import RowAccounts

T = TypeVar("T")
_LOG = logging.getLogger(__name__)

MOST_ROWS_OF_A_PAGE = 10_000
_PLACES_KEPT = 1 << 20
"""Requests of accounts whose places are remembered, 16 bytes each: a reader counts those of one account, and turns
their pages. Judgement."""
_NUMBERED_AT_A_TIME = 1 << 19
"""Rows whose accounts are numbered at a time: 20 MB. Fewer would look up the same slices more often."""
_COLUMNS = ("request_id", "slice_id", "account_id", "campaign_id", *HARVEST_FACTS)

_Span = tuple[int, int, int]
"""Row group, first row in it, and the row after the last."""
_Places = npt.NDArray[np.int64]
"""Row group and row in it, one line a request."""


class HarvestRows:
    """Pages of `harvest.parquet` and `slices.parquet`, one row group in memory at a time.

    harvest.parquet is sorted by campaign and time, and its row groups record the least and the greatest value of each
    column, so that a page of a campaign needs one or two of them, at any offset; one of an account needs those that
    hold its requests. The files stay open: a case folder that is replaced on disk stays readable. May be used by
    several threads at once. A case before version 9 is sorted by campaign, slice and request, and has no more than ids.

    Raises:
        CaseError: a file is missing, is no Parquet, or has other columns than declared; from each method, where it is
            damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._harvest = _SortedFile(folder / "harvest.parquet", HARVEST, ["slice_id", "campaign_id"])
        try:
            self._slices = _SortedFile(folder / "slices.parquet", SLICES, ["account_id", "campaign_id"])
        except CaseError:
            self._harvest.close()
            raise
        self._accounts: pa.DictionaryArray | None = None
        self._numbered: RowAccounts | None = None
        self._lock = Lock()
        self._of_campaign: dict[str, list[_Span]] = {}
        self._of_account: dict[tuple[str, str | None], _Places] = {}

    @cached_property
    def has_facts(self) -> bool:
        """Whether the case says more of its requests than their ids."""
        return self._harvest.tells("timestamp")

    def count(self, campaign_id: str) -> int:
        """Harvested requests of a campaign."""
        return sum(end - begin for _, begin, end in self._campaign_spans(campaign_id))

    def page(self, campaign_id: str, offset: int = 0, limit: int = 100) -> pa.Table:
        """Some harvested requests of a campaign, by time.

        Args:
            limit: most requests; more than 10,000 count as 10,000.

        Returns:
            Columns request_id, slice_id, account_id (null where slices.parquet lacks the slice), campaign_id and
            `HARVEST_FACTS`.
        """
        left, skip = min(max(limit, 0), MOST_ROWS_OF_A_PAGE), max(offset, 0)
        places = [np.zeros((0, 2), np.int64)]
        for group, begin, end in self._campaign_spans(campaign_id):
            first = min(begin + skip, end)
            last = min(first + left, end)
            skip, left = skip - (first - begin), left - (last - first)
            places.append(_places_of(group, np.arange(first, last)))
        return self._read_places(np.concatenate(places))

    def account_count(self, account_id: str, campaign_id: str | None = None) -> int:
        """Harvested requests of an account."""
        return len(self._account_places(account_id, campaign_id))

    def account_page(
        self, account_id: str, offset: int = 0, limit: int = 100, campaign_id: str | None = None
    ) -> pa.Table:
        """Some harvested requests of an account, by time; columns and limits as of `page`."""
        begin, most = max(offset, 0), min(max(limit, 0), MOST_ROWS_OF_A_PAGE)
        return self._read_places(self._account_places(account_id, campaign_id)[begin : begin + most])

    def number_accounts(self) -> None:
        """Note the account of each row, so that the rows of one are found without decoding all: a second for 6 million.

        A case before version 9 needs no such notes: its rows are sorted by slice. Where there is no room for them, rows
        are found as without them.
        """
        if not self.has_facts:
            return
        accounts, slices = self._slice_accounts(), self._slices.whole(["slice_id"])["slice_id"]
        codes = np.append(np.asarray(accounts.indices), len(accounts.dictionary))  # the last: a slice that nobody has
        try:
            numbered = RowAccounts(len(accounts.dictionary))
            for rows in self._harvest.batches("slice_id", _NUMBERED_AT_A_TIME):
                place = pc.index_in(rows.dictionary, value_set=slices).fill_null(len(codes) - 1)
                numbered.add(codes[np.asarray(place)][np.asarray(rows.indices)])
        except OSError as error:
            _LOG.warning("pages of an account's requests take longer: no room for temporary files: %s", error)
            return
        self._numbered = numbered

    def slices_of(self, account_id: str) -> pa.Table:
        """The slices of an account."""
        accounts = self._slice_accounts()
        code = accounts.dictionary.index(account_id).as_py()
        rows = np.flatnonzero(np.asarray(accounts.indices) == code)
        parts = [SLICES.empty()]
        for group, first, end in self._slices.spans():
            own = rows[(rows >= first) & (rows < end)]
            if len(own):
                parts.append(self._slices.group(group, list(SLICES.names)).take(pa.array(own - first)))
        return pa.concat_tables([part.cast(SLICES.arrow) for part in parts])

    def close(self) -> None:
        """Close the files."""
        self._harvest.close()
        self._slices.close()

    def _campaign_spans(self, campaign_id: str) -> list[_Span]:
        """Where a campaign's rows are; remembered, since a reader turns many pages of few campaigns."""
        if campaign_id not in self._of_campaign:
            spans = []
            for group in self._harvest.groups_with(campaign_id=[campaign_id]):
                if self._harvest.only(group, "campaign_id") == campaign_id:
                    spans.append((group, 0, self._harvest.rows(group)))
                else:
                    own = self._harvest.group(group, ["campaign_id"])["campaign_id"]
                    spans += _find_runs(group, np.asarray(pc.equal(own, campaign_id)))
            if not spans:
                return []  # ids that nobody has are not remembered: a reader could send any number of them
            self._of_campaign[campaign_id] = spans
        return self._of_campaign[campaign_id]

    def _account_places(self, account_id: str, campaign_id: str | None) -> _Places:
        """Where an account's rows are, by time; the latest are remembered, for their count and for further pages."""
        wanted = account_id, campaign_id
        found = self._of_account.get(wanted)
        if found is None:
            found = self._find_account(account_id, campaign_id)
            with self._lock:
                self._of_account[wanted] = found
                # one that has none costs a line, too: a reader could ask for any number of them
                while sum(len(own) + 1 for own in self._of_account.values()) > _PLACES_KEPT:
                    del self._of_account[next(iter(self._of_account))]
        return found

    def _find_account(self, account_id: str, campaign_id: str | None) -> _Places:
        own = self.slices_of(account_id).filter(pc.field("campaign_id").is_valid())
        campaigns = own["campaign_id"].unique().to_pylist() if campaign_id is None else [campaign_id]
        slices, by_time = own["slice_id"].combine_chunks(), len(campaigns) < 2  # as rows of one campaign are
        places, times = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.int64)]
        for group, found in self._find_in_groups(account_id, campaigns, slices):
            mixed = campaign_id is not None and self._harvest.only(group, "campaign_id") is None
            further = ["campaign_id"] * mixed + ["timestamp"] * (not by_time)
            if further and len(found):
                rows = self._harvest.group(group, further).take(pa.array(found))
                if mixed:
                    found = found[np.asarray(pc.equal(rows["campaign_id"], campaign_id))]
                else:
                    times.append(rows["timestamp"].cast(pa.int64()).fill_null(0).to_numpy())
            places.append(_places_of(group, found))
        whole = np.concatenate(places)
        return whole if by_time else whole[np.argsort(np.concatenate(times), kind="stable")]

    def _find_in_groups(
        self, account_id: str, campaigns: list[str], slices: pa.Array
    ) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """Row groups that may have rows of some campaigns, each with its rows of an account, whose slices these are."""
        wanted, spans = set(self._harvest.groups_with(campaign_id=campaigns)), list(self._harvest.spans())
        if self._numbered is not None:
            code = self._slice_accounts().dictionary.index(account_id).as_py()
            for group, first, end in spans:
                if group in wanted and code >= 0:
                    yield group, self._numbered.find(code, first, end) - first
            return
        for group in self._harvest.groups_with(campaign_id=campaigns, slice_id=slices.to_pylist()):
            rows = self._harvest.group(group, ["slice_id"])["slice_id"]
            own = (  # each slice is looked up once
                np.asarray(pc.is_in(chunk.dictionary, value_set=slices))[np.asarray(chunk.indices)]
                for chunk in rows.chunks
            )
            yield group, np.flatnonzero(np.concatenate([np.zeros(0, bool), *own]))

    def _read_places(self, places: _Places) -> pa.Table:
        """The rows at some places, in that order, with the account of each."""
        parts = [HARVEST.empty()]
        for group in np.unique(places[:, 0]).tolist():
            rows = self._harvest.group(group, list(HARVEST.names))
            parts.append(rows.take(pa.array(places[places[:, 0] == group, 1])).cast(HARVEST.arrow))
            del rows  # the row group
        order = np.argsort(np.argsort(places[:, 0], kind="stable"))
        page = pa.concat_tables(parts).combine_chunks().take(pa.array(order))
        pa.default_memory_pool().release_unused()  # or each thread of a server would keep the room of a row group
        owners = self._owners_of(pc.unique(page["slice_id"]))
        place = pc.index_in(page["slice_id"], value_set=owners["slice_id"])
        page = page.append_column("account_id", owners["account_id"].take(place)).select(list(_COLUMNS))
        return page.set_column(_COLUMNS.index("model"), "model", page["model"].cast(pa.string()))

    def _owners_of(self, slices: pa.Array) -> pa.Table:
        """Slice and account of each of these slices that slices.parquet has; it is sorted by them."""
        columns = ["slice_id", "account_id"]
        parts = [SLICES.empty().select(columns)]
        for group in self._slices.groups_with(slice_id=slices.to_pylist()) if len(slices) else ():
            rows = self._slices.group(group, columns)
            parts.append(rows.filter(pc.is_in(rows["slice_id"], value_set=slices)).cast(parts[0].schema))
        return pa.concat_tables(parts).combine_chunks()

    def _slice_accounts(self) -> pa.DictionaryArray:
        """Account of each row of slices.parquet, read once: some 5 MB for a million slices."""
        with self._lock:
            if self._accounts is None:
                accounts = self._slices.whole(["account_id"])["account_id"].unify_dictionaries().combine_chunks()
                if isinstance(accounts, pa.ChunkedArray):  # an empty one stays in chunks
                    accounts = pa.array([], pa.string()).dictionary_encode()
                self._accounts = accounts
            return self._accounts


class _SortedFile:
    """A Parquet file of the case folder with what its row groups record of their values."""

    def __init__(self, path: Path, table: Table, coded: list[str]) -> None:
        self._path, self._table, self._coded = path, table, coded
        self._one_at_a_time = Lock()
        self._source = self._guard_file_access(lambda: pa.OSFile(str(path)))
        try:
            self._metadata = self._guard_file_access(self._make_metadata_reader(table))
        except CaseError:
            self._source.close()
            raise
        self._bounds: dict[str, list[tuple[str, str] | None]] = {
            name: [self._bounds_of(group, place) for group in range(self._metadata.num_row_groups)]
            for place, name in enumerate(self._metadata.schema.names)
        }

    def tells(self, name: str) -> bool:
        """Whether it has a column, and values in it: an erasure adds columns to a case of an earlier version."""
        if name not in self._bounds:
            return False
        place = list(self._bounds).index(name)
        groups = [self._metadata.row_group(group) for group in range(self._metadata.num_row_groups)]
        known = [group.column(place).statistics for group in groups]
        return all(one is None or one.num_values > 0 for one in known)

    def groups_with(self, **values: list[str]) -> Iterable[int]:
        """Row groups that may hold one of the values of each named column, in order."""
        for group in range(self._metadata.num_row_groups):
            if all(self._may_hold(group, name, wanted) for name, wanted in values.items()):
                yield group

    def only(self, group: int, name: str) -> str | None:
        """The value that all rows of a row group have in a column; None where there are several or it is not known."""
        bounds = self._bounds[name][group]
        return bounds[0] if bounds and bounds[0] == bounds[1] else None

    def rows(self, group: int) -> int:
        return int(self._metadata.row_group(group).num_rows)

    def spans(self) -> Iterable[_Span]:
        """Each row group with its first row in the file and the row after its last."""
        first = 0
        for group in range(self._metadata.num_row_groups):
            yield group, first, first + self.rows(group)
            first += self.rows(group)

    def batches(self, coded: str, most: int) -> Iterator[pa.DictionaryArray]:
        """A coded column of all rows, whole row groups at a time: as many as begin within so many rows."""
        spans = list(self.spans())
        for _, together in groupby(spans, lambda span: span[1] // most):
            column = self.groups([group for group, _, _ in together], [coded])[coded].unify_dictionaries()
            yield column.combine_chunks()

    def group(self, group: int, columns: list[str]) -> pa.Table:
        return self.groups([group], columns)

    def groups(self, groups: list[int], columns: list[str]) -> pa.Table:
        def read(file: pq.ParquetFile) -> pa.Table:
            rows = file.read_row_groups(groups, columns, use_threads=False)
            for column in self._table.columns:  # what an earlier version did not write
                if column.name in columns and column.name not in rows.column_names:
                    rows = rows.append_column(column.name, pa.nulls(rows.num_rows, column.type))
            return rows.select(columns)

        return self._guard_file_access(lambda: self._read_validated_table(read))

    def whole(self, columns: list[str]) -> pa.Table:
        return self._guard_file_access(
            lambda: self._read_validated_table(lambda file: file.read(columns, use_threads=False))
        )

    def close(self) -> None:
        self._source.close()

    def _read_validated_table(self, read: Callable[[pq.ParquetFile], pa.Table]) -> pa.Table:
        reader = pq.ParquetFile(self._source, metadata=self._metadata, read_dictionary=self._coded)
        with self._one_at_a_time, closing(reader) as file:  # many readers at once would need a row group each
            table = read(file)
        table.validate(full=True)  # text that is not UTF-8 would fail later, far from its cause
        return table

    def _make_metadata_reader(self, table: Table) -> Callable[[], pq.FileMetaData]:
        def read() -> pq.FileMetaData:
            file = pq.ParquetFile(self._source)
            table.check(add_missing_facts(file.schema_arrow.empty_table()))
            return file.metadata

        return read

    def _bounds_of(self, group: int, place: int) -> tuple[str, str] | None:
        """Least and greatest value; None where the file does not say, as for very long texts."""
        found = self._metadata.row_group(group).column(place).statistics
        try:
            return (found.min, found.max) if found is not None and isinstance(found.min, str) else None
        except UnicodeDecodeError:  # it is damaged, which is said where its rows are read
            return None

    def _may_hold(self, group: int, name: str, wanted: list[str]) -> bool:
        bounds = self._bounds[name][group]
        return bounds is None or any(bounds[0] <= value <= bounds[1] for value in wanted)

    def _guard_file_access(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (OSError, pa.ArrowException, ContractError) as error:
            raise CaseError(
                f"the case folder is damaged: {error}",
                where=str(self._path),
                next_step="run the hunt again, or restore the folder",
            ) from error


def _places_of(group: int, rows: npt.NDArray[np.integer[Any]]) -> _Places:
    return np.stack([np.full(len(rows), group), rows], axis=1)


def _find_runs(group: int, wanted: npt.NDArray[Any]) -> list[_Span]:
    """The runs of rows that are wanted; sorted rows have one for each value."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], wanted.astype(np.int8), [0]))))
    return [(group, int(begin), int(end)) for begin, end in zip(edges[::2], edges[1::2], strict=True)]
