"""The door for request logs: whatever the user has -> checked REQUESTS tables, rejects and coverage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.engine import Engine
from stillhunt.base.errors import InputError
from stillhunt.base.progress import Advance, Progress
from stillhunt.base.schema import REQUESTS
from stillhunt.collect.catalog import Found, FoundFile, find_inputs
from stillhunt.collect.fields import REQUEST_FIELDS, REQUIRED_REQUEST_FIELDS, FieldMap, field_map
from stillhunt.collect.files import ParquetReader, Reader, UnusableInputError
from stillhunt.collect.history import I64, KEY_COLUMNS, History, Survey, prompt_array
from stillhunt.collect.readers import open_reader
from stillhunt.collect.rejects import NAME_CHARACTERS, Rejects, printable
from stillhunt.collect.spool import Spool
from stillhunt.collect.standardise import Rules, standardise_keys, standardise_requests, standardise_texts
from stillhunt.collect.streams import DamagedFileError, HashedFile
from stillhunt.collect.strings import bounded_texts

OPTIONAL_COLUMNS = frozenset(c.name for c in REQUESTS.columns if c.nullable)
TEXT_FIELDS = ("prompt", "system_prompt", "messages")


@dataclass(frozen=True)
class InputFile:
    """One input, for the record of a run.

    Args:
        name: base name, or path relative to the folder given; `table N` for what lay in memory.
        sha256: of the file's bytes, hexadecimal; empty for tables.
        bytes: size of the file; 0 for tables.
        rows: rows handed on from it.
    """

    name: str
    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Opened:
    """Inputs as found, the readers of those that can be used, and why the others cannot."""

    found: Sequence[Found]
    readers: Mapping[int, Reader]
    rejects: Rejects


class RequestLog:
    """Request rows of all inputs; made by `open_requests`, read once through `batches`.

    `rows`, `rejected_rows`, `inputs`, `present` and `rejects` are complete after the last batch.
    """

    def __init__(self, opened: Opened, config: Config, progress: Progress) -> None:
        self._opened = opened
        self._readers = opened.readers
        self._rejects = opened.rejects
        self._config = config
        self._progress = progress
        self._rules = Rules.of(config)
        self._spools: dict[int, Spool] = {}
        self._row_counts: dict[int, int] = defaultdict(int)
        self._cuts: dict[int, list[tuple[I64, I64]]] = defaultdict(list)
        self._started = False
        self.rows = 0
        self.inputs: list[InputFile] = []
        self.present: frozenset[str] = frozenset()

    @property
    def rejected_rows(self) -> int:
        """Rows set aside so far, also those beyond what `rejects` keeps."""
        return self._rejects.rows

    @property
    def replaced_texts(self) -> int:
        """Texts kept so far with broken UTF-8 replaced by U+FFFD."""
        return self._rejects.replaced_texts

    def rejects(self) -> pa.Table:
        """REJECTS: what was set aside and why; at most 100,000 rows, the rest is only counted."""
        return self._rejects.table()

    def batches(self) -> Iterator[pa.Table]:
        """Checked REQUESTS tables of at most `collect.batch_rows` rows; may be called once.

        Raises:
            InputError: nothing at all could be read, or the log was read before.
        """
        if self._started:
            raise InputError("the log was read before", where="RequestLog.batches", next_step="open it again")
        self._started = True
        with ThreadPoolExecutor(1, "stillhunt-sha256") as pool:
            # Parquet is read in pieces here and there, so its bytes are hashed beside the reading. Text files are
            # hashed as they are read; the few that could not be read to their end follow at the end.
            early = {i: pool.submit(_hash_file, found) for i, found in self._files() if self._is_rewindable(i)}
            survey = self._survey()
            order, in_time = survey.file_order()
            history = History(survey) if survey.any_group else None
            if history is not None and not in_time:
                with self._progress.stage("finding resent history", None, "rows") as advance:
                    history.plan(lambda: _counted(self._accepted(order, Rejects()), advance))
            yield from self._emit(order, history)
            late = {i: _hash_file(found) for i, found in self._files() if i not in early and not self._digest(i)}
            self._record_inputs({**{i: future.result() for i, future in early.items()}, **late})
        if self.replaced_texts:
            self._progress.note(f"{self.replaced_texts} texts held broken UTF-8; it was replaced by U+FFFD")
        if self.rows == 0 and self._rejects.rows:
            raise InputError("no row of the log can be used", where=self._rejects.first, next_step=NOTHING_USABLE)

    def _files(self) -> list[tuple[int, FoundFile]]:
        return [(i, found) for i, found in enumerate(self._opened.found) if isinstance(found, FoundFile)]

    def _is_rewindable(self, index: int) -> bool:
        return index in self._readers and self._readers[index].rewindable

    def _digest(self, index: int) -> str:
        return self._readers[index].digest() if index in self._readers else ""

    def _survey(self) -> Survey:
        """Read what can be read only once into spools, and the key columns of all else."""
        survey = Survey()
        for index in sorted(self._readers):
            reader = self._readers[index]
            if reader.rewindable:
                for raw in reader.batches(KEY_COLUMNS, Rejects()):
                    survey.add(index, standardise_keys(raw, self._rules))
                continue
            spool = self._spools[index] = Spool(REQUESTS.arrow)
            with self._progress.stage(f"reading {reader.name}", None, "rows") as advance:
                for raw in reader.batches(REQUEST_FIELDS, self._rejects):
                    table = standardise_requests(raw, self._rules, self._rejects)
                    survey.add(index, table)
                    spool.add(table)
                    advance(raw.rows)
        return survey

    def _accepted(self, order: Sequence[int], rejects: Rejects) -> Iterator[pa.Table]:
        """All usable rows, prompts with resent history and at full length, in the given order of inputs."""
        for index in order:
            if index in self._spools:
                yield from self._spools[index].tables()
            else:
                for raw in self._readers[index].batches(REQUEST_FIELDS, rejects):
                    yield standardise_requests(raw, self._rules, rejects)

    def _emit(self, order: Sequence[int], history: History | None) -> Iterator[pa.Table]:
        # Inputs without one usable key come last: their rows still have to reach rejects.
        order = [*order, *(i for i in sorted(self._readers) if i not in order)]
        expected = [self._readers[i].rows_expected for i in order]
        total = None if None in expected else sum(n for n in expected if n is not None)
        with self._progress.stage("reading requests", total, "rows") as advance:
            for table in _counted(self._accepted(order, self._rejects), advance):
                if table.num_rows == 0:
                    continue
                if history is not None:
                    table, cuts = history.cut(table)
                    self._remember_cuts(table, cuts)
                table = _with_bounded_prompts(table, self._config)
                self._note(table)
                yield REQUESTS.check(table)

    def _note(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        self._row_counts[table.column("origin_file")[0].as_py()] += table.num_rows
        absent = OPTIONAL_COLUMNS - self.present
        self.present |= {name for name in absent if table.column(name).null_count < table.num_rows}

    def _remember_cuts(self, table: pa.Table, cuts: I64) -> None:
        rows = np.flatnonzero(cuts)
        if rows.size:
            index = table.column("origin_file")[0].as_py()
            self._cuts[index].append((table.column("origin_row").to_numpy()[rows], cuts[rows].astype(np.int32)))

    def _record_inputs(self, hashes: Mapping[int, tuple[str, int]]) -> None:
        for index, found in enumerate(self._opened.found):
            sha256, size = hashes.get(index, ("", 0))
            if isinstance(found, FoundFile) and index not in hashes:
                sha256, size = self._digest(index), found.path.stat().st_size
            self.inputs.append(InputFile(found.name, sha256, size, self._row_counts[index]))

    def texts(self, origins: Sequence[tuple[int, int]]) -> list[tuple[str | None, str | None]]:
        """Prompt and system prompt of some rows, as they were handed on.

        Args:
            origins: (origin_file, origin_row) of each.

        Returns:
            (prompt, system prompt) in the same order; (None, None) for rows that are not there.
        """
        wanted: dict[int, set[int]] = defaultdict(set)
        for file, row in origins:
            wanted[file].add(row)
        found: dict[tuple[int, int], tuple[str | None, str | None]] = {}
        for index in sorted(wanted):
            rows = np.array(sorted(wanted[index]), np.int64)
            for numbers, prompts, systems in self._text_batches(index, rows):
                for place in np.flatnonzero(np.isin(numbers, rows)):
                    row = int(numbers[place])
                    prompt = self._as_handed_on(index, row, prompts[int(place)].as_py())
                    found[index, row] = (prompt, systems[int(place)].as_py())
        return [found.get((file, row), (None, None)) for file, row in origins]

    def _as_handed_on(self, index: int, row: int, prompt: str | None) -> str | None:
        if prompt is None:
            return None
        cut = next((int(c) for rows, cuts in self._cuts[index] for c in cuts[rows == row]), 0)
        rest = pa.array([prompt.encode()[cut:].decode("utf-8", "replace")], pa.large_string())
        bounded: str = bounded_texts(rest, self._config.collect.max_text_bytes, self._config.seed)[0].as_py()
        return bounded

    def _text_batches(self, index: int, rows: I64) -> Iterator[tuple[I64, pa.Array, pa.Array]]:
        """(row numbers, prompts, system prompts) of stretches that hold the wanted rows, and of few others."""
        if index in self._spools:
            for table in self._spools[index].tables():
                systems = table.column("system_prompt").combine_chunks()
                yield table.column("origin_row").to_numpy(), prompt_array(table), systems
        elif index in self._readers:
            reader = self._readers[index]
            if isinstance(reader, ParquetReader):
                groups = frozenset(reader.group_of(int(row)) for row in rows)
                raws = reader.row_groups(TEXT_FIELDS, Rejects(), groups)
            else:
                raws = reader.batches(TEXT_FIELDS, Rejects())
            for raw in raws:
                if np.isin(raw.origin_rows, rows).any():
                    yield (raw.origin_rows, *standardise_texts(raw, self._rules))

    def close(self) -> None:
        """Free what was kept for a second look; `texts` then no longer knows rows of text files."""
        for spool in self._spools.values():
            spool.close()


NOTHING_USABLE = "mend the log or map its fields (--map ours=theirs); every reason is in the rejects"


def _counted(tables: Iterator[pa.Table], advance: Advance) -> Iterator[pa.Table]:
    for table in tables:
        yield table
        advance(table.num_rows)


def _with_bounded_prompts(table: pa.Table, config: Config) -> pa.Table:
    prompts = prompt_array(table)
    bounded = bounded_texts(prompts, config.collect.max_text_bytes, config.seed)
    if bounded is prompts:
        return table
    return table.set_column(table.schema.get_field_index("prompt"), table.schema.field("prompt"), bounded)


def _hash_file(found: FoundFile) -> tuple[str, int]:
    """SHA-256 and size of a file; empty where it cannot be read or has no end (a device)."""
    if not found.path.is_file():
        return "", 0
    source = HashedFile(found.path)
    try:
        for _piece in source.pieces():
            pass
    except DamagedFileError:
        return "", source.size
    return source.sha256(), source.size


def open_inputs(sources: Any, fields: FieldMap, required: Sequence[str], config: Config, engine: Engine) -> Opened:
    """Find and open all inputs; those that cannot be used go to rejects as long as one can.

    Raises:
        InputError: none can be used; names the first reason.
    """
    rejects = Rejects()
    found = find_inputs(sources, engine, rejects)
    readers: dict[int, Reader] = {}
    first: tuple[str, UnusableInputError] | None = None
    for index, item in enumerate(found):
        try:
            readers[index] = open_reader(item, index, fields, required, config)
        except UnusableInputError as error:
            rejects.add(item.name, error.place, error.reason, rows=error.rows)
            first = first or (item.name, error)
    if not readers:
        if first is None:
            raise InputError("nothing can be read", where=rejects.first, next_step="check names and permissions")
        name, cause = first
        raise InputError(
            cause.reason,
            where=f"{printable(name, NAME_CHARACTERS)}, {cause.place}",
            next_step=cause.next_step or "give a file that holds requests",
        )
    return Opened(found, readers, rejects)


def open_requests(
    sources: Any, *, mapping: Mapping[str, str] | None, config: Config, engine: Engine, progress: Progress
) -> RequestLog:
    """Open request logs.

    Args:
        sources: path, folder or pattern; Arrow table or reader; DuckDB relation; Polars or pandas frame; or a list.
            Parquet, JSON lines, a JSON array, CSV or TSV, plain or compressed with gzip or zstd.
        mapping: our column -> the log's column, or a dotted path into nested fields.
        config: settings.
        engine: scans relations of its own kind.
        progress: told how far reading is.

    Raises:
        InputError: no input can be used, or a path names nothing.
        ConfigError: the mapping names a column that does not exist with us.
    """
    fields = field_map(REQUEST_FIELDS, mapping)
    opened = open_inputs(sources, fields, REQUIRED_REQUEST_FIELDS, config, engine)
    return RequestLog(opened, config, progress)
