"""Inputs that are read once and held: those that cannot be read again cheaply, and logs of the same calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from stillhunt.base.engine import Engine
from stillhunt.base.progress import Progress
from stillhunt.base.schema import REQUESTS
from stillhunt.collect.decode.records import RecordReader
from stillhunt.collect.join.log_join import inputs_with_repeats, join_logs, joinable
from stillhunt.collect.join.spool import Spool
from stillhunt.collect.normalise.standardise import Rules, standardise_requests
from stillhunt.collect.read.input_stats import InputStats
from stillhunt.collect.read.inputs import OpenedInputs
from stillhunt.collect.values.fields import REQUEST_FIELDS
from stillhunt.collect.values.rejects import Rejects

SeeRows = Callable[[int, pa.Table], None]
"""Called with the index of an input and some of its rows."""


class HeldInputs:
    """Checked rows of inputs that are read once, held in spools; `index in held` says whether an input is.

    Args:
        stats: counts rejected rows and client addresses.
        engine: joins logs of the same calls.
        progress: told how far reading is.
    """

    def __init__(
        self, opened: OpenedInputs, rules: Rules, stats: InputStats, engine: Engine, progress: Progress
    ) -> None:
        self._readers, self._rejects = opened.readers, opened.rejects
        self._rules, self._stats, self._engine, self._progress = rules, stats, engine, progress
        self._spools: dict[int, Spool] = {}
        self._looked_at: frozenset[int] = frozenset()
        self.joined = joinable(opened.readers)
        """Inputs whose calls may be recorded in other inputs as well."""

    def __contains__(self, index: int) -> bool:
        return index in self._spools

    def tables(self, index: int) -> Iterator[pa.Table]:
        """Checked rows of an input that is held, in order; prompts have full length and resent history."""
        return self._spools[index].tables()

    def hold(self, inputs: Sequence[int], see: SeeRows | None = None) -> None:
        """Read those of some inputs that are read once and are not held yet."""
        self._join(frozenset(inputs))
        for index in inputs:
            reader = self._readers[index]
            if see is not None and index in self.joined:
                for table in self.tables(index):
                    see(index, table)
            if reader.rewindable or index in self._spools:
                continue
            spool = self._spools[index] = Spool(REQUESTS.arrow)
            rejects = Rejects()
            with self._progress.stage(f"reading {reader.name}", None, "rows") as advance:
                for raw in reader.batches(REQUEST_FIELDS, rejects):
                    self._stats.proxy_checks[index].note(raw)
                    table = standardise_requests(raw, self._rules, rejects)
                    if see is not None:
                        see(index, table)
                    spool.add(table)
                    advance(raw.rows)
            self._count(index, rejects)
        self._join_repeats(inputs)

    def _join(self, wanted: frozenset[int]) -> None:
        """Read all logs of the same calls if one of them is wanted: rows of one are completed by rows of another."""
        if not wanted & self.joined or self.joined & self._spools.keys():
            return
        readers = {i: reader for i in self.joined if isinstance(reader := self._readers[i], RecordReader)}
        joined = join_logs(readers, self._rules, self._engine, self._progress)
        self._stats.proxy_checks |= joined.proxy_checks
        for index, rejects in sorted(joined.rejects.items()):
            self._spools[index] = joined.spools[index]
            self._count(index, rejects)

    def _count(self, index: int, rejects: Rejects) -> None:
        self._stats.count_rejected(index, rejects)
        self._rejects.absorb(rejects)

    def _join_repeats(self, inputs: Sequence[int]) -> None:
        """Join rows of vendor logs that are one call, and give calls that share an id names of their own."""
        new = set(inputs) - self.joined - self._looked_at
        readers = {i: reader for i in sorted(new) if isinstance(reader := self._readers[i], RecordReader)}
        self._looked_at |= readers.keys()
        # What is kept of an input for a later hunt must not depend on the inputs beside it.
        for group in inputs_with_repeats(readers, self._spools, separately=bool(self._rules.config.state)):
            joined = join_logs({i: readers[i] for i in group}, self._rules, self._engine, self._progress)
            for index, spool in joined.spools.items():
                self._spools[index].close()
                self._spools[index] = spool

    def close(self) -> None:
        """Free memory and temporary files."""
        for spool in self._spools.values():
            spool.close()
