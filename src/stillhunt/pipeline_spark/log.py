"""A cluster's log in the shape in which the spine walks through it, as `collect` and `extract` give it here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.engine_spark import SparkEngine, is_frame
from stillhunt.base.engine_spark_dataset import SparkDataset
from stillhunt.base.errors import ContractError, InputError
from stillhunt.base.progress import Progress
from stillhunt.base.schema import REJECTS
from stillhunt.collect import InputFile
from stillhunt.collect.locate.database import is_database
from stillhunt.collect.read.input_stats import Filling
from stillhunt.pipeline_spark import LogFacts, spark_sketches, spark_texts


class SparkSketches:
    """Sketches of a cluster's log, each request once."""

    def __init__(self, dataset: SparkDataset, facts: LogFacts) -> None:
        self._dataset = dataset
        self._repeats = facts.repeats
        self.rows = facts.rows

    def settle_repeats(self) -> tuple[pa.Table, int, int]:
        """Nothing is left to settle: no REJECTS, none counted, and the exact repeats that were met."""
        return REJECTS.empty(), 0, self._repeats

    def dataset(self, threads: int) -> SparkDataset:
        """The sketches in account partitions; how many are worked on at a time is the cluster's affair."""
        del threads
        return self._dataset


class SparkLog:
    """Request logs of a cluster; `inputs`, `present` and `rejected_rows` are complete after `sketched`.

    Args:
        requests: what `SparkEngine.read` takes, or a list of it.
        mapping: our column -> the log's column, or a dotted path into nested fields.
        config: settings with a key for hashes of identities, see `with_identity_key`.
        progress: told of the reading.

    Raises:
        InputError: a log is in a database.
        EngineError: PySpark or Java is absent, or no session can be had.
    """

    def __init__(self, requests: Any, mapping: Mapping[str, str] | None, config: Config, progress: Progress) -> None:
        if any(map(is_database, requests if isinstance(requests, list | tuple) else [requests])):
            raise InputError(
                "a cluster reads files and no database",
                where="--engine spark",
                next_step="hunt with --engine duckdb, or export the table as Parquet",
            )
        self._requests, self._mapping, self._config, self._progress = requests, mapping, config, progress
        self._engine = SparkEngine(master=config.spark_master, memory_gb=config.memory_limit_gb)
        self._facts: LogFacts | None = None

    @property
    def facts(self) -> LogFacts:
        """What the log was; raises ContractError before `sketched`."""
        if self._facts is None:
            raise ContractError("the log was not read yet", where="SparkLog")
        return self._facts

    @property
    def inputs(self) -> list[InputFile]:
        """Files of the log."""
        return list(self.facts.inputs)

    @property
    def present(self) -> frozenset[str]:
        """Optional columns that carry values."""
        return frozenset(name for name, share in self.filling.shares.items() if share)

    @property
    def filling(self) -> Filling:
        """How far columns are filled, and of which calls the log is a sample."""
        return self.facts.filling

    @property
    def rejected_rows(self) -> int:
        """Rows set aside, also those beyond what REJECTS keeps."""
        return self.facts.rejected_rows

    def table(self, source: Any) -> Any:
        """A table of accounts: what this machine can read as it is, all else read by the session.

        Args:
            source: as for `hunt`.
        """
        is_path = isinstance(source, str | os.PathLike) and not is_database(source)
        if not is_frame(source) and not (is_path and not Path(source).exists() and ":" in os.fspath(source)):
            return source
        return self._engine.collect(self._engine.read(source), purpose="reading accounts")

    def sketched(self) -> tuple[SparkSketches, pa.Table]:
        """Sketches and REJECTS.

        Raises:
            InputError: nothing can be read, or a required column is missing.
            EngineError: Spark failed.
        """
        with self._progress.stage("sketching on the cluster", None, "rows") as advance:
            dataset, rejects, self._facts = spark_sketches(self._engine, self._requests, self._mapping, self._config)
            advance(self._facts.rows)
        return SparkSketches(dataset, self._facts), rejects

    def texts_of(self, rows: pa.Table) -> list[tuple[str | None, str | None]]:
        """Prompts of some requests, read again; in the form of `RequestLog.texts`.

        Args:
            rows: account_id and request_id of each.
        """
        wanted = rows.select(["account_id", "request_id"])
        found = spark_texts(self._engine, self._requests, self._mapping, self._config, wanted).to_pylist()
        prompts = {(row["account_id"], row["request_id"]): row["prompt"] for row in reversed(found)}
        return [(prompts.get((row["account_id"], row["request_id"])), None) for row in wanted.to_pylist()]

    def close(self) -> None:
        """End the session if it was opened here."""
        self._engine.close()
