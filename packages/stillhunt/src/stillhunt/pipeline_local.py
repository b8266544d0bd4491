"""Logs on this machine: read by `collect`, sketched by `extract`; what earlier hunts sketched is not read again."""

import os
from collections import deque
from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.engine import Engine
from stillhunt.base.progress import Progress
from stillhunt.collect import InputFacts, LogFacts, RequestLog, open_requests
from stillhunt.extract import KeptInput, Partials, Store, identity_key, sketch_requests


def with_state_key(config: Config) -> Config:
    """The settings with the identity key of the state folder, so that new hashes compare with those that are kept."""
    if not config.state or config.collect.identity_key:
        return config
    key = identity_key(Path(config.state))
    return config.model_copy(update={"collect": config.collect.model_copy(update={"identity_key": key})})


def customer_tables(accounts: Any, log: RequestLog) -> Any:
    """The customer tables that the user named and those found among the logs; None if there are none."""
    found = log.opened.customer_files()
    if not found:
        return accounts
    named = [] if accounts is None else list(accounts) if isinstance(accounts, list | tuple) else [accounts]
    return [*named, *found]


class LocalLog:
    """Request logs on this machine; `facts` are complete after `sketch`.

    Args:
        requests: as for `open_requests`.
        mapping: our column -> the log's column, or a dotted path into nested fields.
        config: settings; see `with_state_key`.
        engine: scans relations of its own kind and joins logs of the same calls.

    Raises:
        InputError: no input can be used.
        ConfigError: the mapping names a column that we do not have.
    """

    def __init__(
        self, requests: Any, mapping: Mapping[str, str] | None, config: Config, engine: Engine, progress: Progress
    ) -> None:
        self._log = open_requests(requests, mapping=mapping, config=config, engine=engine, progress=progress)
        self._config = config
        self._partials = Partials(config, mapping)
        self._workers = config.threads or os.cpu_count() or 1
        self._pending: deque[tuple[int, Future[pa.Table]]] = deque()

    @property
    def facts(self) -> LogFacts:
        """What the log held, as far as it was read."""
        return self._log.facts

    def accounts_source(self, accounts: Any) -> Any:
        """The customer tables that the user named and those found among the logs; None if there are none."""
        return customer_tables(accounts, self._log)

    def sketch(self) -> tuple[Store, pa.Table]:
        """Sketches of all inputs, and REJECTS. Raises InputError: no row is usable; OutputError: there is no room."""
        kept = self._kept_inputs() if self._config.state else frozenset()
        with ThreadPoolExecutor(self._workers, "stillhunt-extract") as pool:
            self._partials.write_in(pool)
            for batch in self._log.batches(kept):
                index = batch.column("origin_file")[0].as_py()
                if self._pending and self._pending[-1][0] != index:
                    self._input_ended()
                self._pending.append((index, pool.submit(sketch_requests, batch, self._config)))
                del batch  # its text is not needed while the sketches of earlier batches are awaited
                self._store_sketches(self._workers)
            if self._pending:
                self._input_ended()
            self._store_sketches(0)
            store = self._partials.store()
        earlier = [
            self._partials.rejects(index, self._log.opened.name_of(index))
            for index in kept
            if index not in self._log.rows.held
        ]
        return store, pa.concat_tables([self._log.rejects(), *earlier])

    def sketch_beyond(self, known: Collection[str], most: float) -> tuple[pa.Table | None, pa.Table]:
        """Sketches of calls in the inputs whose digest is none of those that are known, and REJECTS of all inputs.

        All are opened, since what is cut from a prompt as resent history may stand in any of them, and since a call may
        repeat one in any of them. None instead of sketches where these inputs have more than `most` rows. Raises as
        `sketch`.
        """
        store, rejects = self.sketch()
        digests = self._log.digests()
        new = [index for index in store.rows_of if digests.get(index, "") not in known]
        return store.rows_beyond(new) if sum(store.rows_of[index] for index in new) <= most else None, rejects

    def known_digests(self) -> frozenset[str]:
        """Hashes of all that the rows of each input depend on, where it is known."""
        return frozenset(filter(None, self._log.digests().values()))

    def prompts(self, requests: pa.Table) -> list[str | None]:
        """Prompts of some requests, by their origin_file and origin_row, read again."""
        files, rows = requests["origin_file"].to_pylist(), requests["origin_row"].to_pylist()
        return self._log.prompts(list(zip(files, rows, strict=True)))

    def _kept_inputs(self) -> frozenset[int]:
        """Inputs whose sketches an earlier hunt kept; what it found in them is entered in the log."""
        # What is cut as resent history depends on all inputs, so it must be known before kept sketches can be named.
        kept = self._partials.expect(self._log.history.settle(*self._partials.recall(self._log.digests())))
        for index, found in kept.items():
            self._log.remember(index, InputFacts.from_json(found.known), found.cuts)
            self._log.history.take_notes(index)  # they are in the state folder, and take 37 bytes a prompt here
        return frozenset(kept)

    def _store_sketches(self, waiting: int) -> None:
        """Store finished sketches in order until at most so many batches wait."""
        while len(self._pending) > waiting:
            index, future = self._pending.popleft()
            self._partials.add(index, future.result())

    def _input_ended(self) -> None:
        """Keep the sketches of an input as soon as it is complete: a hunt that is killed loses one input's work."""
        if not self._config.state:
            return
        index = self._pending[-1][0]
        self._store_sketches(0)
        facts = self._log.stats.of(index)
        if facts.rejected and self._log.opened.shares_name(index):
            return  # its rejects cannot be told from those of another input
        found = KeptInput(facts.rows, facts.as_json(), tuple(self._log.history.cuts(index)))
        self._partials.keep(index, found, self._log.rejects_of(index), self._log.history.take_notes(index))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.close()
        self._partials.__exit__(kind, error, trace)
