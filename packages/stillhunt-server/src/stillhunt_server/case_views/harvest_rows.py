"""The rows behind a number: pages of harvested requests, read from a case folder without loading its long tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.base.errors import CaseError, ContractError
from stillhunt.base.schema_case import HARVEST, SLICES
from stillhunt.base.shape import Table

T = TypeVar("T")

MOST_ROWS_OF_A_PAGE = 10_000
_ACCOUNTS_KEPT = 64
"""Accounts whose places are remembered: a reader counts the requests of one, and turns their pages. Judgement."""
_COLUMNS = ("request_id", "slice_id", "account_id", "campaign_id")

_Span = tuple[int, int, int]
"""Row group, first row in it, and the row after the last."""


class HarvestRows:
    """Pages of `harvest.parquet` and `slices.parquet`, one row group in memory at a time.

    harvest.parquet is sorted by campaign, slice and request, and its row groups record the least and the greatest value
    of each column, so that a page needs one or two of them, at any offset. The files stay open: a case folder that is
    replaced on disk stays readable. May be used by several threads at once. It misleads for a file that was not written
    by us in that order: rows would be missing.

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
        self._lock = Lock()
        self._of_campaign: dict[str, list[_Span]] = {}
        self._of_account: dict[tuple[str, str | None], list[_Span]] = {}

    def count(self, campaign_id: str) -> int:
        """Harvested requests of a campaign."""
        return sum(end - begin for _, begin, end in self._campaign_spans(campaign_id))

    def page(self, campaign_id: str, offset: int = 0, limit: int = 100) -> pa.Table:
        """Some harvested requests of a campaign, by slice and request.

        Args:
            limit: most requests; more than 10,000 count as 10,000.

        Returns:
            Columns request_id, slice_id, account_id (null where slices.parquet lacks the slice) and campaign_id.
        """
        return self._read_span_rows(self._campaign_spans(campaign_id), offset, limit)

    def account_count(self, account_id: str, campaign_id: str | None = None) -> int:
        """Harvested requests of an account."""
        return sum(end - begin for _, begin, end in self._account_spans(account_id, campaign_id))

    def account_page(
        self, account_id: str, offset: int = 0, limit: int = 100, campaign_id: str | None = None
    ) -> pa.Table:
        """Some harvested requests of an account, by campaign, slice and request."""
        return self._read_span_rows(self._account_spans(account_id, campaign_id), offset, limit)

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

    def _account_spans(self, account_id: str, campaign_id: str | None) -> list[_Span]:
        """Where an account's rows are; the latest are remembered, for their count and for further pages."""
        wanted = account_id, campaign_id
        found = self._of_account.get(wanted)
        if found is None:
            found = self._find_account(account_id, campaign_id)
            with self._lock:
                if len(self._of_account) >= _ACCOUNTS_KEPT:
                    del self._of_account[next(iter(self._of_account))]
                self._of_account[wanted] = found
        return found

    def _find_account(self, account_id: str, campaign_id: str | None) -> list[_Span]:
        own = self.slices_of(account_id).filter(pc.field("campaign_id").is_valid())
        slices = own["slice_id"]
        campaigns = own["campaign_id"].unique().to_pylist() if campaign_id is None else [campaign_id]
        spans: list[_Span] = []
        for group in self._harvest.groups_with(campaign_id=campaigns, slice_id=slices.to_pylist()):
            rows = self._harvest.group(group, ["slice_id", "campaign_id"])
            wanted = pc.is_in(rows["slice_id"].cast(pa.string()), value_set=slices.combine_chunks())
            if campaign_id is not None:
                wanted = pc.and_(wanted, pc.equal(rows["campaign_id"], campaign_id))
            spans += _find_runs(group, np.asarray(wanted))
        return spans

    def _read_span_rows(self, spans: list[_Span], offset: int, limit: int) -> pa.Table:
        """The rows of some spans from an offset on, with the account of each."""
        left, skip = min(max(limit, 0), MOST_ROWS_OF_A_PAGE), max(offset, 0)
        wanted: dict[int, list[tuple[int, int]]] = {}
        for group, begin, end in spans:
            passed = min(skip, end - begin)
            taken = min(left, end - begin - passed)
            skip, left = skip - passed, left - taken
            if taken:
                wanted.setdefault(group, []).append((begin + passed, taken))
            if not left:
                break
        parts = [HARVEST.empty()]
        for group, pieces in wanted.items():
            parts.append(
                self._harvest.group(group, list(HARVEST.names)).take(_rows_of_runs(pieces)).cast(HARVEST.arrow)
            )
        page = pa.concat_tables(parts).combine_chunks()
        del parts  # the row groups
        pa.default_memory_pool().release_unused()  # or each thread of a server would keep the room of a row group
        owners = self._owners_of(pc.unique(page["slice_id"]))
        place = pc.index_in(page["slice_id"], value_set=owners["slice_id"])
        return page.append_column("account_id", owners["account_id"].take(place)).select(list(_COLUMNS))

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
        self._path, self._coded = path, coded
        self._one_at_a_time = Lock()
        self._source = self._guard_file_access(lambda: pa.OSFile(str(path)))
        try:
            self._metadata = self._guard_file_access(self._make_metadata_reader(table))
        except CaseError:
            self._source.close()
            raise
        self._bounds: dict[str, list[tuple[str, str] | None]] = {
            name: [self._bounds_of(group, place) for group in range(self._metadata.num_row_groups)]
            for place, name in enumerate(table.names)
        }

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

    def group(self, group: int, columns: list[str]) -> pa.Table:
        return self._guard_file_access(
            lambda: self._read_validated_table(lambda file: file.read_row_group(group, columns, use_threads=False))
        )

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
            table.check(file.schema_arrow.empty_table())
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


def _rows_of_runs(pieces: list[tuple[int, int]]) -> pa.Array:
    """Row numbers of some runs, each given by its first row and its length."""
    return pa.array(np.concatenate([np.arange(begin, begin + length) for begin, length in pieces]))


def _find_runs(group: int, wanted: npt.NDArray[Any]) -> list[_Span]:
    """The runs of rows that are wanted; sorted rows have one for each value."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], wanted.astype(np.int8), [0]))))
    return [(group, int(begin), int(end)) for begin, end in zip(edges[::2], edges[1::2], strict=True)]
