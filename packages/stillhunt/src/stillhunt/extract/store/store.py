"""Sketches of all inputs, kept as segments: later passes read them, and a later hunt need not make them again.

Nothing that is learned from the log enters a segment. Its content depends only on its input file and the settings of
reading, so the segments of a file can be kept under the file's digest and joined with those of any other files.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.coded import plain
from stillhunt.base.dataset import LocalDataset, Source
from stillhunt.base.schema import SKETCHES
from stillhunt.extract.store.segments import ORIGIN_COLUMN, PARTITIONS, Segment, joined, write_segment

SEGMENT_ROWS = 262_144
"""Requests from which a segment is written; bounds memory, changes no result."""
SMALL_ROWS, MANY_SEGMENTS = SEGMENT_ROWS // 8, 32
"""Segments with fewer requests are joined where there are so many of them. Judgement: reading one more of 250 kB costs
as much as opening it 20 times, and there are some 30 passes."""
MARK_EVERY = 32
"""Files between two marks, on the average. Judgement: a window of two weeks has some 40 runs then."""
JOINED = "00000.segment"
WORKED_ROWS = 250_000
"""Requests that a pass works on at a time, about: few partitions of a large log, all of a small one."""
HELD_ROWS = 32_768
"""Requests up to which their sketches stay in memory once they were read. Judgement: they take some 50 MB, and the
passes of a small hunt would spend half of its time on opening the streams of 64 partitions again."""
SHARED_ID = "request_id: that of other calls of the account, so told apart by their content"
"""What became of ids that a client gave to several calls."""
OF_REPEATS = ("request_key", "account_key", "content_hash", "origin_file", "origin_row")
_SPREAD = 0x9E3779B97F4A7C15
"""Odd factor that keeps keys of accounts apart from keys of requests."""
Keys = npt.NDArray[np.uint64]


class SegmentWriter:
    """Segments in an empty folder, of one input file or of several; written by the pool, or by the caller where None.

    `written` holds the path of each with the input files that it is of.
    """

    def __init__(self, folder: Path, pool: Executor | None = None) -> None:
        self._folder = folder
        self._pool = pool
        self._pending: list[tuple[int, pa.Table]] = []
        self._rows = 0
        self.rows: Counter[int] = Counter()  # by input file
        self.written: list[tuple[Path, list[int]]] = []
        self._writing: list[Future[None]] = []
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)

    def add(self, origin_file: int, sketches: pa.Table) -> None:
        """Take sketches of an input file, in its order."""
        self._pending.append((origin_file, sketches))
        self._rows += sketches.num_rows
        self.rows[origin_file] += sketches.num_rows
        if self._rows >= SEGMENT_ROWS:
            self.flush()

    def close(self) -> None:
        """Write what is left; the segments are complete then."""
        self.flush()
        for written in self._writing:
            written.result()

    def flush(self) -> None:
        """Write what is held back to make larger segments, if anything is."""
        if not self._rows:
            return
        path = self._folder / f"{len(self.written):05d}.segment"
        origins = sorted({origin for origin, _table in self._pending})
        if len(origins) == 1:
            table = pa.concat_tables([table for _origin, table in self._pending])
        else:
            table = pa.concat_tables([with_origin(table, origins.index(origin)) for origin, table in self._pending])
        self._pending, self._rows = [], 0
        self.written.append((path, origins))
        write = partial(write_segment, path, table, several=len(origins) > 1)
        if self._pool is None:
            write()
        else:
            self._writing.append(self._pool.submit(write))


class Store:
    """Segments of all inputs of one hunt, by index and folder of each input file.

    Args:
        folders: inputs with folders of their own.
        together: segments of several inputs, and of which.
        rows_together: requests of each of those.
    """

    def __init__(
        self,
        folders: Sequence[tuple[int, Path]],
        together: Sequence[tuple[Path, Sequence[int]]] = (),
        rows_together: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        self._segments = [Segment(path, origins) for path, origins in together]
        self.rows_of: Counter[int] = Counter(rows_together)
        for origin_file, folder in folders:
            own = [Segment(path, [origin_file]) for path in sorted(folder.glob("*.segment"))]
            self.rows_of[origin_file] += sum(segment.rows for segment in own)
            self._segments += own
        self.rows = sum(segment.rows for segment in self._segments)
        self._dropped: Keys = np.zeros(0, np.uint64)
        self._dropped_rows: set[tuple[int, int]] = set()
        self._shared: Keys = np.zeros(0, np.uint64)
        self._held: pa.Table | None = None

    def gather_small(self, folder: Path, state: Path) -> list[str]:
        """Join small segments into few large ones in `folder`: each pass opens all, and a log may have thousands.

        No result depends on it: within a partition, the rows stay in their order. A run of kept segments that will be
        the same in the next hunt is kept in `state` as well; gives the names of those.
        """
        small = [segment for segment in self._segments if segment.rows < SMALL_ROWS]
        if len(small) < MANY_SEGMENTS:
            return []
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        gathered: list[Segment] = []
        kept = []
        for run, lasting in _iterate_segment_runs(self._segments):
            name = _name_of(run)
            if len(run) == 1:
                gathered += run
            elif lasting:
                kept.append(name)
                if not (state / name).exists():
                    _join_segment_run(run, folder / name)
                    try:
                        (folder / name).rename(state / name)
                    except OSError:  # another hunt with the same state folder was faster, or there is no room
                        if not (state / name).exists():
                            raise
                gathered.append(Segment(state / name / JOINED, _list_run_origins(run)))
            else:
                _join_segment_run(run, folder / name)
                gathered.append(Segment(folder / name / JOINED, _list_run_origins(run)))
        self._segments = gathered
        return kept

    def rows_beyond(self, inputs: Sequence[int]) -> pa.Table:
        """Sketches of some inputs alone, each call once, without those that repeat a call of the other inputs."""
        wanted, everywhere = pa.array(inputs, pa.int32()), range(PARTITIONS)
        own = [segment for segment in self._segments if set(segment.origins) & set(inputs)]
        table = joined([one for segment in own for one in segment.read(everywhere, SKETCHES.names)], SKETCHES.names)
        table = table.filter(pc.is_in(table[ORIGIN_COLUMN], value_set=wanted))
        keys = table["request_key"].unique()
        both = [table.select(list(OF_REPEATS))]
        for segment in (one for one in self._segments if set(one.origins) - set(inputs)):
            key = joined(segment.read(everywhere, ["request_key"]), ["request_key"])["request_key"]
            if pc.any(pc.is_in(key, value_set=keys)).as_py():  # few segments, whose other columns cost more
                known = joined(segment.read(everywhere, OF_REPEATS), OF_REPEATS)
                of_others = pc.invert(pc.is_in(known[ORIGIN_COLUMN], value_set=wanted))
                known = known.filter(pc.and_(pc.is_in(known["request_key"], value_set=keys), of_others))
                first = pa.repeat(pa.scalar(-1, pa.int32()), known.num_rows)  # they come before what repeats them
                both.append(known.set_column(OF_REPEATS.index(ORIGIN_COLUMN), ORIGIN_COLUMN, first))
        _, repeated, _ = settled_rows(joined(both, OF_REPEATS))
        return table.filter(pa.array(~repeated[: table.num_rows]))

    def dataset(self, threads: int) -> LocalDataset:
        """The sketches in account partitions, of which `threads` are worked on at a time."""
        groups = max(1, min(PARTITIONS, self.rows // WORKED_ROWS))
        bounds = np.linspace(0, PARTITIONS, groups + 1).astype(int)
        sources = [self._make_partition_source(range(first, last)) for first, last in pairwise(bounds.tolist())]
        return LocalDataset(sources, SKETCHES.names, threads)

    def _make_partition_source(self, partitions: range) -> Source:
        def read(columns: Sequence[str] | None) -> pa.Table:
            return self._read_settled_rows(partitions, SKETCHES.names if columns is None else columns)

        return read

    def _read_settled_rows(self, partitions: range, columns: Sequence[str]) -> pa.Table:
        settled = len(self._dropped) or ("request_key" in columns and len(self._shared))
        extra = [name for name in OF_REPEATS if name not in columns] if settled else []
        table = self._read_stored_rows(partitions, [*columns, *extra])
        if settled:
            table = with_distinct_keys(self._without_dropped(table), self._shared).select(list(columns))
        return table

    def _read_stored_rows(self, partitions: range, columns: Sequence[str]) -> pa.Table:
        """Rows as they were written, repeats too."""
        if len(partitions) < PARTITIONS or self.rows > HELD_ROWS:
            tables = [table for segment in self._segments for table in segment.read(partitions, columns)]
            return joined(tables, columns)
        if self._held is None:
            tables = [table for segment in self._segments for table in segment.read(partitions, SKETCHES.names)]
            self._held = joined(tables, SKETCHES.names)
        return self._held.select(list(columns))

    def _without_dropped(self, table: pa.Table) -> pa.Table:
        near = np.flatnonzero(np.isin(table.column("request_key").to_numpy(), self._dropped))
        if not len(near):
            return table
        files = table.column("origin_file").to_numpy()[near].tolist()
        rows = table.column("origin_row").to_numpy()[near].tolist()
        keep = np.ones(table.num_rows, bool)
        keep[near] = [place not in self._dropped_rows for place in zip(files, rows, strict=True)]
        return table.filter(pa.array(keep))

    def settle_repeats(self) -> tuple[int, int]:
        """Keep each call once, the first of equal content; how many share an id, told apart, and how many repeat."""
        keys = np.empty(self.rows, np.uint64)
        first = 0
        for table in self._read_all(["request_key"]):
            keys[first : first + table.num_rows] = table.column("request_key").to_numpy()
            first += table.num_rows
        keys.sort()
        twice = np.unique(keys[1:][keys[1:] == keys[:-1]])
        del keys
        if not len(twice):
            return 0, 0
        table = joined(list(self._iterate_repeated_rows(twice)), OF_REPEATS)
        key, repeated, shares = settled_rows(table)
        file, row = table.column("origin_file").to_numpy()[repeated], table.column("origin_row").to_numpy()[repeated]
        self._dropped, self._dropped_rows = np.unique(key[repeated]), set(zip(file.tolist(), row.tolist(), strict=True))
        self._shared = np.unique(request_in_account(table)[shares])
        return int(shares.sum()), int(repeated.sum())

    def _iterate_repeated_rows(self, twice: Keys) -> Iterator[pa.Table]:
        for table in self._read_all(OF_REPEATS):
            yield table.filter(pc.is_in(table.column("request_key"), value_set=pa.array(twice)))

    def _read_all(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        if self.rows <= HELD_ROWS:
            return iter([self._read_stored_rows(range(PARTITIONS), columns)])
        return (table for segment in self._segments for table in segment.read(range(PARTITIONS), columns))


def settled_rows(table: pa.Table) -> tuple[Keys, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Of all rows of these ids (`OF_REPEATS`): keys, which exactly repeat an earlier one, which others share an id."""
    key, _account, content, file, row = (table.column(name).to_numpy() for name in OF_REPEATS)
    own = request_in_account(table)
    order = np.lexsort((row, file, content, own))
    after = own[order][1:] == own[order][:-1]
    repeated, shares = np.zeros(len(order), np.bool_), np.zeros(len(order), np.bool_)
    repeated[order[1:]] = after & (content[order][1:] == content[order][:-1])
    stay = order[~repeated[order]]
    after = own[stay][1:] == own[stay][:-1]
    shares[stay[1:]] |= after
    shares[stay[:-1]] |= after
    return key, repeated, shares


def request_in_account(table: pa.Table) -> Keys:
    """Key of a request id within its account."""
    spread = table.column("account_key").to_numpy() * np.uint64(_SPREAD)
    found: Keys = table.column("request_key").to_numpy() ^ spread
    return found


def with_distinct_keys(table: pa.Table, shared: Keys) -> pa.Table:
    """Rows (`OF_REPEATS`) with another request_key where calls of an account share one: their order is fixed."""
    if not len(shared):
        return table
    own = np.isin(request_in_account(table), shared)
    key = table.column("request_key").to_numpy()
    keys = np.where(own, key ^ table.column("content_hash").to_numpy(), key)
    return table.set_column(
        table.schema.get_field_index("request_key"), SKETCHES.arrow.field("request_key"), pa.array(keys)
    )


def _iterate_segment_runs(segments: Sequence[Segment]) -> Iterator[tuple[list[Segment], bool]]:
    """Segments in runs of at most `SEGMENT_ROWS` requests, each with whether the next hunt will have the same run.

    Marks are segments that their names choose. So a run between two of them is the same in every hunt that has it,
    though files come and go at both ends of the window.
    """
    run: list[Segment] = []
    after_mark = False
    for segment in segments:
        if run and sum(one.rows for one in run) + segment.rows > SEGMENT_ROWS:
            yield run, after_mark and all(one.is_kept for one in run)
            run = []
        run.append(segment)
        if segment.is_kept and int(segment.kept_name[:8], 16) % MARK_EVERY == 0:
            yield run, after_mark and all(one.is_kept for one in run)
            run, after_mark = [], True
    if run:
        yield run, False


def _name_of(run: Sequence[Segment]) -> str:
    names = (f"{segment.kept_name}/{segment.path.name}" for segment in run)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _list_run_origins(run: Sequence[Segment]) -> list[int]:
    """Indexes of the input files of a run, by their place in it."""
    return [segment.origins[0] for segment in run]


def with_origin(table: pa.Table, place: int) -> pa.Table:
    """Rows whose input file is that at a place among several."""
    places = pa.repeat(pa.scalar(place, pa.int32()), table.num_rows)
    return table.set_column(table.column_names.index(ORIGIN_COLUMN), ORIGIN_COLUMN, places)


def _join_segment_run(run: Sequence[Segment], folder: Path) -> None:
    folder.mkdir(mode=0o700)
    tables: list[pa.Table] = []
    for place, segment in enumerate(run):
        tables += (with_origin(table, place) for table in segment.read(range(PARTITIONS), SKETCHES.names))
    table = joined(tables, SKETCHES.names)
    coded_anew = pa.table({name: plain(table.column(name)) for name in table.column_names})
    write_segment(folder / JOINED, coded_anew, several=True)
