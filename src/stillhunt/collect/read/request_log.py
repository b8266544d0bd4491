"""Request rows of all inputs: checked REQUESTS tables, rejects, and what each input held."""

from __future__ import annotations

import functools
import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.engine import Engine
from stillhunt.base.errors import InputError
from stillhunt.base.progress import Advance, Progress
from stillhunt.base.schema import REQUESTS
from stillhunt.collect.decode.columnar import ParquetReader, Part, TableReader
from stillhunt.collect.decode.records import RecordReader
from stillhunt.collect.history.incremental_history import Notes, SettledHistory
from stillhunt.collect.history.resent_prefixes import I64, History, Survey
from stillhunt.collect.join.log_join import join_logs, joinable, with_repeats
from stillhunt.collect.join.spool import Spool
from stillhunt.collect.locate.catalog import FoundFile
from stillhunt.collect.locate.object_stores import size_of
from stillhunt.collect.normalise.standardise import Rules, standardise_keys, standardise_requests
from stillhunt.collect.read.digests import Digests
from stillhunt.collect.read.input_stats import Filling, Ledger
from stillhunt.collect.read.inputs import NOTHING_USABLE, InputFacts, InputFile, Opened
from stillhunt.collect.read.parallel_read import ahead
from stillhunt.collect.read.read_tasks import Step, keys_of_part, spooled, standardised
from stillhunt.collect.read.reread_prompts import (
    TEXT_FIELDS,
    Texts,
    texts_of,
    texts_of_spool,
    with_bounded_prompts,
    without_head,
)
from stillhunt.collect.values.fields import REQUEST_FIELDS
from stillhunt.collect.values.rejects import NAME_CHARACTERS, printable

Cutter: TypeAlias = History | SettledHistory
"""What takes resent history off the rows of inputs, in the order in which they are handed on."""


class RequestLog:
    """Request rows of all inputs; made by `open_requests`, read once through `batches`.

    `rows`, `rejected_rows`, `inputs`, `present`, `facts` and `rejects` are complete after the last batch.
    """

    def __init__(self, opened: Opened, config: Config, engine: Engine, progress: Progress) -> None:
        self._opened, self._engine = opened, engine
        self._readers, self._rejects = opened.readers, opened.rejects
        self._config, self._progress = config, progress
        self._rules = Rules.of(config)
        self._rules.formats = {i: r.source.name for i, r in opened.readers.items() if isinstance(r, RecordReader)}
        self._threads = config.threads or os.cpu_count() or 1
        self._digests = Digests(opened.found, config.state)
        self._settled: SettledHistory | None = None
        self._spools: dict[int, Spool] = {}
        self._joined = joinable(opened.readers)
        self._looked_at: frozenset[int] = frozenset()
        self._cuts: dict[int, list[tuple[I64, I64]]] = defaultdict(list)
        self._started = False
        self._known_rejected = 0
        self._ledger = Ledger(opened)
        self.inputs: list[InputFile] = []
        self.customers = opened.customer_files()
        """Customer tables that lie among the logs, for `open_accounts`."""

    @property
    def facts(self) -> dict[int, InputFacts]:
        """What each input held, by its index, so far."""
        return {index: self._ledger.of(index) for index in self._ledger.facts}

    @property
    def filling(self) -> Filling:
        """How far columns are filled so far, and of which calls the log is a sample."""
        return self._ledger.filling()

    @property
    def rows(self) -> int:
        """Rows handed on so far, those of known inputs included."""
        return sum(facts.rows for facts in self._ledger.facts.values())

    @property
    def present(self) -> frozenset[str]:
        """Optional columns that had a value so far."""
        return frozenset(name for name, share in self.filling.shares.items() if share)

    @property
    def rejected_rows(self) -> int:
        """Rows set aside so far, also those beyond what `rejects` keeps."""
        return self._rejects.rows + self._known_rejected

    @property
    def replaced_texts(self) -> int:
        """Texts kept so far with broken UTF-8 replaced by U+FFFD."""
        return self._rejects.replaced_texts

    def rejects(self) -> pa.Table:
        """REJECTS: what was set aside and why; at most 100,000 rows, the rest is only counted."""
        return self._rejects.table()

    def digests(self) -> dict[int, str]:
        """SHA-256 of the bytes of every input file that can be used, by its index; the run's record uses them again."""
        files = [index for index, _found in self._files() if index in self._readers]
        self._digests.begin(files, min(self._threads, 2))
        found = {index: self._digests.of(index)[0] for index in files}
        self._digests.end()
        # Rows of logs that are joined hold what the others told: all of them are one, for what is kept of each.
        parts = sorted(found.get(i, "") for i in self._joined)
        # Of a table nobody knows whether it is as it was, nor then what was joined with it.
        together = hashlib.sha256("".join(parts).encode()).hexdigest() if all(parts) else ""
        return {i: (together and digest + together) if i in self._joined else digest for i, digest in found.items()}

    def settle_history(self, known: Mapping[int, Notes], together: frozenset[int]) -> dict[int, str]:
        """Find all cuts of resent history before any row is handed on, reading only what is needed for it.

        Args:
            known: what `take_history` told of some inputs in earlier hunts.
            together: inputs of one earlier hunt, in which what is known of their relations was found.

        Returns:
            For each input a hash of what its rows owe to other inputs.
        """
        inputs, key = sorted(self._readers), self._config.collect.identity_key
        known = {index: known[index] for index in inputs if index in known}
        with self._progress.stage("finding resent history", None, "rows") as advance:
            reading = functools.partial(self._usable, advance=advance)
            self._settled = SettledHistory(reading, inputs, known, frozenset(inputs) - together, key)
        return {index: self._settled.digest(index) for index in inputs}

    def take_history(self, index: int) -> Notes:
        """What a later hunt needs to know of the history in an input, given once; nothing if it was not settled."""
        return self._settled.take_notes(index) if self._settled is not None else {}

    def note_known(self, index: int, facts: InputFacts, cuts: Sequence[tuple[int, int]] = ()) -> None:
        """Say what an input that will be skipped holds, as an earlier reading told it.

        Args:
            index: of the input.
            facts: `facts` of that reading.
            cuts: `cuts` of that reading.
        """
        self._ledger.facts[index] = facts
        if not self.was_read(index):
            self._known_rejected += facts.rejected
        if cuts:
            rows, sizes = np.array(cuts, np.int64).T
            self._cuts[index].append((rows, sizes))

    def was_read(self, index: int) -> bool:
        """Whether a text file was read for its history, and its rejects are known by that."""
        return index in self._spools

    def cuts(self, index: int) -> list[tuple[int, int]]:
        """(row, bytes) of each prompt of an input from which resent history was cut."""
        return [pair for rows, sizes in self._cuts[index] for pair in zip(rows.tolist(), sizes.tolist(), strict=True)]

    def rejects_of(self, index: int) -> pa.Table:
        """REJECTS of one input; what has its name."""
        table = self.rejects()
        return table.filter(pc.equal(table.column("source"), self.name_of(index)))

    def shares_name(self, index: int) -> bool:
        """Whether another input has the same name, so that `rejects_of` cannot tell their rejects apart."""
        return sum(found.name == self._opened.found[index].name for found in self._opened.found) > 1

    def name_of(self, index: int) -> str:
        """Name of an input as REJECTS has it."""
        return printable(self._opened.found[index].name, NAME_CHARACTERS)

    def batches(self, skip: frozenset[int] = frozenset()) -> Iterator[pa.Table]:
        """Checked REQUESTS tables of at most `collect.batch_rows` rows; may be called once.

        Several stretches of the inputs are decoded at once ahead of the caller; which tables come, and their order,
        does not depend on it.

        Args:
            skip: inputs not to read; see `note_known`.

        Raises:
            InputError: nothing at all could be read, or the log was read before.
        """
        if self._started:
            raise InputError("the log was read before", where="RequestLog.batches", next_step="open it again")
        self._started = True
        try:
            # Parquet is read in pieces here and there, so its bytes are hashed beside the reading. Text files are
            # hashed as they are read; the few that could not be read to their end follow at the end.
            self._digests.begin([index for index, _found in self._files() if index in skip or self._rewinds(index)])
            if self._settled is not None:
                history: Cutter | None = self._settled
                order = [index for index in sorted(self._readers) if index not in skip]
            else:
                order, history = self._history(skip)
            # Inputs without one usable key come last: their rows still have to reach rejects.
            rest = [index for index in sorted(self._readers) if index not in order and index not in skip]
            yield from self._emit([*order, *rest], history)
            self._record_inputs()
        finally:
            self._digests.end()
            self._opened.end_snapshots()
        if self.replaced_texts:
            self._progress.note(f"{self.replaced_texts} texts held broken UTF-8; it was replaced by U+FFFD")
        if self.rows == 0 and self._rejects.rows:
            raise InputError("no row of the log can be used", where=self._rejects.first, next_step=NOTHING_USABLE)
        passed = [(one.name, why) for one in self.inputs for why in one.passed_over]
        if self.rows == 0 and passed:
            raise InputError(
                f"the logs hold no call of a model; records passed over: {passed[0][1]}",
                where=printable(passed[0][0], NAME_CHARACTERS),
                next_step="'stillhunt inspect' shows what each file is, docs/sources.md how a log is switched on",
            )

    def _history(self, skip: frozenset[int]) -> tuple[list[int], Cutter | None]:
        survey = self._survey(Survey(conversations=self._may_hold_conversations()), skip)
        order, in_time = survey.file_order(skip)
        history = History(survey) if survey.grouped_rows else None
        if history is not None and not in_time:
            with self._progress.stage("finding resent history", None, "rows") as advance:
                history.plan(lambda: (table for _index, table in self._usable(order, advance)))
        return order, history

    def _files(self) -> list[tuple[int, FoundFile]]:
        return [(i, found) for i, found in enumerate(self._opened.found) if isinstance(found, FoundFile)]

    def _may_hold_conversations(self) -> bool:
        return any(
            not isinstance(reader, ParquetReader | TableReader) or reader.holds("conversation_id")
            for reader in self._readers.values()
        )

    def _rewinds(self, index: int) -> bool:
        return index in self._readers and self._readers[index].rewindable

    def _survey(self, survey: Survey, skip: frozenset[int]) -> Survey:
        """Read what can be read only once into spools, and the key columns of all else."""
        wanted = [index for index in sorted(self._readers) if index not in skip]
        keys = functools.partial(standardise_keys, rules=self._rules, wanted=survey.columns)
        rewindable = (index for index in wanted if self._rewinds(index))
        parts = (
            functools.partial(keys_of_part, i, part, keys)
            for i in rewindable
            for part in self._parts(i, survey.columns)
        )
        for index, table in ahead(parts, self._threads):
            survey.add(index, table)
        self._spool(wanted, survey)
        return survey

    def _spool(self, inputs: Sequence[int], survey: Survey | None) -> None:
        """Read what can be read only once, if it was not yet."""
        self._join(frozenset(inputs))
        for index in inputs:
            reader = self._readers[index]
            if index in self._joined and survey is not None:
                for table in self._spools[index].tables():
                    survey.add(index, table)
            if reader.rewindable or index in self._spools:
                continue
            spool = self._spools[index] = Spool(REQUESTS.arrow)
            before = self._rejects.rows
            with self._progress.stage(f"reading {reader.name}", None, "rows") as advance:
                for raw in reader.batches(REQUEST_FIELDS, self._rejects):
                    self._ledger.peers[index].note(raw)
                    table = standardise_requests(raw, self._rules, self._rejects)
                    if survey is not None:
                        survey.add(index, table)
                    spool.add(table)
                    advance(raw.rows)
            self._ledger.reject(index, self._rejects.rows - before)
        self._join_repeats(inputs)

    def _join_repeats(self, inputs: Sequence[int]) -> None:
        """Put rows of vendor logs together that are one call, and tell calls apart that bear one id."""
        new = set(inputs) - self._joined - self._looked_at
        fresh = {i: reader for i in sorted(new) if isinstance(reader := self._readers[i], RecordReader)}
        self._looked_at |= fresh.keys()
        for group in with_repeats(fresh, self._spools, alone=bool(self._config.state)):
            joined = join_logs({i: fresh[i] for i in group}, self._rules, self._engine, self._progress)
            for index, spool in joined.spools.items():
                self._spools[index].close()
                self._spools[index] = spool

    def _join(self, indices: frozenset[int]) -> None:
        """Read all logs of the same calls if one of them is wanted: rows of one hold what another told."""
        if not indices & self._joined or self._joined & self._spools.keys():
            return
        readers = {i: reader for i in self._joined if isinstance(reader := self._readers[i], RecordReader)}
        joined = join_logs(readers, self._rules, self._engine, self._progress)
        self._ledger.peers |= joined.peers
        for index, rejects in sorted(joined.rejects.items()):
            self._spools[index] = joined.spools[index]
            self._ledger.reject(index, rejects.rows)
            self._rejects.absorb(rejects)

    def _parts(self, index: int, wanted: Sequence[str]) -> Iterator[Part]:
        reader = self._readers[index]
        if isinstance(reader, ParquetReader | TableReader):
            yield from reader.parts(wanted)
        else:
            yield functools.partial(reader.batches, wanted)

    def _steps(self, order: Sequence[int]) -> Iterator[Step]:
        """All usable rows, prompts with resent history and at full length, in the given order of inputs."""

        def stretches() -> Iterator[Callable[[], Iterator[Step]]]:
            for index in order:
                if index in self._spools:
                    yield functools.partial(spooled, index, self._spools[index])
                else:
                    for part in self._parts(index, REQUEST_FIELDS):
                        yield functools.partial(standardised, index, part, self._rules)

        return ahead(stretches(), self._threads)

    def _usable(self, order: Sequence[int], advance: Advance) -> Iterator[tuple[int, pa.Table]]:
        """Usable rows as in `_steps`, for a look at their history."""
        self._spool(order, None)
        for index, table, _rejects in self._steps(order):
            if table is not None:
                yield index, table
                advance(table.num_rows)

    def _emit(self, order: Sequence[int], history: Cutter | None) -> Iterator[pa.Table]:
        expected = [self._readers[i].rows_expected for i in order]
        total = None if None in expected else sum(n for n in expected if n is not None)
        with self._progress.stage("reading requests", total, "rows") as advance:
            for index, table, rejects in self._steps(order):
                self._rejects.absorb(rejects)
                self._ledger.reject(index, rejects.rows)
                if table is None or table.num_rows == 0:
                    continue
                if history is not None:
                    table, cuts = history.cut(table)
                    self._remember_cuts(index, table, cuts)
                table = with_bounded_prompts(table, self._config)
                self._ledger.hand_on(index, table)
                yield REQUESTS.check(table)
                advance(table.num_rows)

    def _remember_cuts(self, index: int, table: pa.Table, cuts: I64) -> None:
        rows = np.flatnonzero(cuts)
        if rows.size:
            self._cuts[index].append((table.column("origin_row").to_numpy()[rows], cuts[rows].astype(np.int32)))

    def _record_inputs(self) -> None:
        unread = [i for i, _ in self._files() if i not in self._readers or not self._readers[i].digest()]
        self._digests.begin(unread)
        known = {i: self._digests.of(i) for i, _found in enumerate(self._opened.found) if self._digests.known(i)}
        read = {i: (self._readers[i].digest(), size_of(f.path)) for i, f in self._files() if i not in known}
        self.inputs = self._ledger.files(known | read)

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
        ordered = {index: np.array(sorted(wanted[index]), np.int64) for index in sorted(wanted)}
        stretches = (one for index, rows in ordered.items() for one in self._text_stretches(index, rows))
        found: dict[tuple[int, int], tuple[str | None, str | None]] = {}
        for index, numbers, prompts, systems in ahead(stretches, self._threads):
            for row, prompt, system in zip(numbers.tolist(), prompts.to_pylist(), systems.to_pylist(), strict=True):
                found[index, row] = (self._as_handed_on(index, row, prompt), system)
        return [found.get((file, row), (None, None)) for file, row in origins]

    def _as_handed_on(self, index: int, row: int, prompt: str | None) -> str | None:
        if prompt is None:
            return None
        cut = next((int(c) for rows, cuts in self._cuts[index] for c in cuts[rows == row]), 0)
        return without_head(prompt, cut, self._config)

    def _text_stretches(self, index: int, rows: I64) -> Iterator[Callable[[], Iterator[Texts]]]:
        """What reads the wanted rows of an input, ascending, in stretches that hold few others."""
        if index in self._spools:
            yield functools.partial(texts_of_spool, index, self._spools[index], rows)
        elif index in self._readers:
            reader = self._readers[index]
            if isinstance(reader, ParquetReader):
                for own, part in reader.parts_with(TEXT_FIELDS, rows):
                    yield functools.partial(texts_of, index, part, own, self._rules)
            else:
                yield functools.partial(
                    texts_of, index, functools.partial(reader.batches, TEXT_FIELDS), rows, self._rules
                )

    def close(self) -> None:
        """Free what was kept for a second look; `texts` then no longer knows rows of text files."""
        self._opened.end_snapshots()
        for spool in self._spools.values():
            spool.close()
