"""Request logs: opened, read once as checked REQUESTS tables, and described when all is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.engine import Engine
from stillhunt.base.errors import InputError
from stillhunt.base.formatting import plural, shorten
from stillhunt.base.progress import Progress
from stillhunt.base.schema import REQUESTS
from stillhunt.collect.locate.object_stores import size_of
from stillhunt.collect.normalise.standardise import Rules
from stillhunt.collect.read.digests import Digests
from stillhunt.collect.read.history_cuts import HistoryCuts, reread_prompts, with_bounded_prompts
from stillhunt.collect.read.input_stats import InputFacts, InputFile, InputStats, LogFacts
from stillhunt.collect.read.inputs import NO_USABLE_ROW, OpenedInputs, open_inputs
from stillhunt.collect.read.rows import RowReader
from stillhunt.collect.values.fields import REQUEST_FIELDS, REQUIRED_REQUEST_FIELDS, field_map
from stillhunt.collect.values.rejects import NAME_CHARACTERS


def open_requests(
    sources: Any, *, mapping: Mapping[str, str] | None, config: Config, engine: Engine, progress: Progress
) -> RequestLog:
    """Open request logs.

    Args:
        sources: path, folder or pattern of files (Parquet, JSON lines, a JSON array, CSV or TSV, plain or compressed
            with gzip or zstd, or a vendor's log); address of a database; Arrow table or reader; DuckDB relation;
            Polars or pandas frame; or a list of these.
        mapping: our column -> the log's column, or a dotted path into nested fields.
        engine: scans relations of its own kind and joins logs of the same calls.

    Raises:
        InputError: no input can be used, or a path leads to nothing.
        ConfigError: the mapping names a column that we do not have.
    """
    fields = field_map(REQUEST_FIELDS, mapping)
    opened = open_inputs(sources, fields, REQUIRED_REQUEST_FIELDS, config, engine, note=progress.note)
    return RequestLog(opened, config, engine, progress)


class RequestLog:
    """Request rows of all inputs; `open_requests` makes one, `batches` reads it once.

    `facts`, `rejects` and `stats` are complete after the last batch.
    """

    def __init__(self, opened: OpenedInputs, config: Config, engine: Engine, progress: Progress) -> None:
        self.opened = opened
        self.stats = InputStats(opened)
        self._config, self._progress = config, progress
        self._rules = Rules.of(config)
        self.rows = RowReader(opened, self._rules, self.stats, engine, progress)
        self.history = HistoryCuts(self.rows, config.collect.identity_key, progress)
        self._digests = Digests(opened.found, config.state)
        self._known_rejected = 0
        self._inputs: list[InputFile] = []
        self._started = False

    @property
    def facts(self) -> LogFacts:
        """What the log held, as far as it was read."""
        rejects = self.opened.rejects
        rejected = rejects.rows + self._known_rejected
        inputs, columns, unmapped = tuple(self._inputs), self.stats.columns(), self.opened.unmapped
        return LogFacts(
            inputs,
            columns,
            self.stats.rows,
            rejected,
            rejects.replaced_texts,
            unmapped,
            self.stats.set_aside(),
            self.stats.changed(),
        )

    def rejects(self) -> pa.Table:
        """REJECTS: the rejected rows with reasons; the first 100,000, further ones are only counted."""
        return self.opened.rejects.table()

    def rejects_of(self, index: int) -> pa.Table:
        """REJECTS of the input of this index, and of others that share its name."""
        table = self.rejects()
        return table.filter(pc.equal(table.column("source"), self.opened.name_of(index)))

    def digests(self) -> dict[int, str]:
        """Hash of all bytes that the rows of each input file depend on, by index; empty where there is none."""
        files = [index for index in self.opened.files() if index in self.rows.inputs]
        self._digests.begin(files, min(self.rows.threads, 2))
        found = {index: self._digests.of(index)[0] for index in files}
        self._digests.end()
        # A row of a joined log holds values from the other logs, so each of these inputs depends on all of them.
        joined = self.rows.held.joined
        parts = sorted(found.get(index, "") for index in joined)
        # Nobody knows whether a table without a digest changed, so neither does anybody of what was joined with it.
        together = hashlib.sha256("".join(parts).encode()).hexdigest() if all(parts) else ""
        return {i: (together and digest + together) if i in joined else digest for i, digest in found.items()}

    def remember(self, index: int, facts: InputFacts, cuts: Sequence[tuple[int, int]] = ()) -> None:
        """Enter `stats.of` and `history.cuts` of an earlier hunt for an input that `batches` will skip."""
        self.stats.remember(index, facts)
        self.history.remember(index, cuts)
        if index not in self.rows.held:
            self._known_rejected += facts.rejected

    def batches(self, skip: frozenset[int] = frozenset()) -> Iterator[pa.Table]:
        """Checked REQUESTS tables of at most `collect.batch_rows` rows, without resent history; may be called once.

        Several stretches of the inputs are decoded at once ahead of the caller. Neither the tables nor their order
        depend on it.

        Args:
            skip: inputs not to read; see `remember`.

        Raises:
            InputError: no row at all can be used, or the log was read before.
        """
        if self._started:
            raise InputError("the log was read before", where="RequestLog.batches", next_step="open the log again")
        self._started = True
        try:
            # Parquet is read in pieces here and there, so its bytes are hashed beside the reading. Text files are
            # hashed as they are read; the few that could not be read to their end are hashed after that.
            self._digests.begin([i for i in self.opened.files() if i in skip or self.rows.can_read_again(i)])
            yield from self._used_rows(self.history.begin(skip))
            self._inputs = self.stats.input_files(self._hash_input_files())
        finally:
            self.history.end()
            self._digests.end()
            self.opened.end_snapshots()
        self._check_not_empty()

    def _used_rows(self, order: Sequence[int]) -> Iterator[pa.Table]:
        with self._progress.stage("reading requests", self.rows.rows_expected(order), "rows") as advance:
            for index, table, rejects in self.rows.checked(order):
                self.opened.rejects.absorb(rejects)
                self.stats.count_rejected(index, rejects)
                if table is None or table.num_rows == 0:
                    continue
                table = with_bounded_prompts(self.history.cut(index, table), self._config)
                self.stats.count_used(index, table)
                yield REQUESTS.check(table)
                advance(table.num_rows)

    def _hash_input_files(self) -> dict[int, tuple[str, int]]:
        """SHA-256 and size of each input file; of most files, reading gave the hash."""
        files = self.opened.files()
        self._digests.begin([index for index in files if not self.rows.digest(index)])
        return {
            index: self._digests.of(index)
            if self._digests.known(index)
            else (self.rows.digest(index), size_of(found.path))
            for index, found in files.items()
        }

    def _check_not_empty(self) -> None:
        rejects = self.opened.rejects
        if rejects.replaced_texts:
            texts = plural(rejects.replaced_texts, "text")
            self._progress.note(f"{texts} held invalid UTF-8, which was replaced by U+FFFD")
        if self.stats.rows:
            return
        if rejects.rows:
            raise InputError("no row of the log can be used", where=rejects.first, **NO_USABLE_ROW)
        passed_over = [(one.name, why) for one in self._inputs for why in one.passed_over]
        if passed_over:
            name, why = passed_over[0]
            raise InputError(
                f"the logs hold no call of a model; a record was passed over because: {why}",
                where=shorten(name, NAME_CHARACTERS),
                next_step="'stillhunt inspect' shows what each file is; docs/sources.md shows how to log the calls",
            )

    def prompts(self, origins: Sequence[tuple[int, int]]) -> list[str | None]:
        """Prompts of (origin_file, origin_row), read again, as `batches` gave them; None where there is none."""
        return reread_prompts(origins, self.rows, self.history, self._rules)

    def close(self) -> None:
        """Free what is held of the inputs; `prompts` then no longer knows rows of text files."""
        self.opened.end_snapshots()
        self.rows.held.close()
