"""A cluster's log with the methods by which a hunt walks through any log."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.errors import ContractError, InputError
from stillhunt.base.progress import Progress
from stillhunt.collect import LogFacts
from stillhunt.collect.locate.database import is_database
from stillhunt_spark.engine import SparkEngine, is_frame
from stillhunt_spark.sketches import SparkSketches, spark_sketches, spark_texts


class SparkLog:
    """Request logs of a cluster, as `SparkEngine.read` takes them; `facts` are there after `sketch`.

    The settings have a key (`with_identity_key`). Raises InputError for a database, EngineError without a session.
    """

    def __init__(self, requests: Any, mapping: Mapping[str, str] | None, config: Config, progress: Progress) -> None:
        if any(map(is_database, requests if isinstance(requests, list | tuple) else [requests])):
            raise InputError(
                "the Spark engine reads files, no database",
                where="engine spark",
                next_step="set engine to duckdb, or export the table as Parquet",
                command_step="use --engine duckdb, or export the table as Parquet",
            )
        self._requests, self._mapping, self._config, self._progress = requests, mapping, config, progress
        self._engine = SparkEngine(master=config.spark_master, memory_gb=config.memory_limit_gb)
        self._facts: LogFacts | None = None

    @property
    def facts(self) -> LogFacts:
        """What the log held; raises ContractError before `sketch`."""
        if self._facts is None:
            raise ContractError("the log was not read yet", where="SparkLog")
        return self._facts

    def accounts_source(self, accounts: Any) -> Any:
        """The customer table of `hunt`: as it is if this machine can read it, else read by the session."""
        is_path = isinstance(accounts, str | os.PathLike) and not is_database(accounts)
        is_remote = is_path and not Path(accounts).exists() and ":" in os.fspath(accounts)
        if not is_frame(accounts) and not is_remote:
            return accounts
        return self._engine.collect(self._engine.read(accounts), purpose="reading accounts")

    def sketch(self) -> tuple[SparkSketches, pa.Table]:
        """Sketches and REJECTS; an InputError if the log cannot be read, an EngineError if Spark fails."""
        with self._progress.stage("sketching on the cluster", None, "rows") as advance:
            sketches, rejects, self._facts = spark_sketches(self._engine, self._requests, self._mapping, self._config)
            advance(sketches.rows)
        return sketches, rejects

    def known_digests(self) -> frozenset[str]:
        """None: of a cluster, nothing is kept between hunts."""
        return frozenset()

    def prompts(self, requests: pa.Table) -> list[str | None]:
        """Prompts of the requests with these account_id and request_id, read again."""
        wanted = requests.select(["account_id", "request_id"])
        found = spark_texts(self._engine, self._requests, self._mapping, self._config, wanted).to_pylist()
        prompts = {(row["account_id"], row["request_id"]): row["prompt"] for row in reversed(found)}
        return [prompts.get((row["account_id"], row["request_id"])) for row in wanted.to_pylist()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._engine.close()
