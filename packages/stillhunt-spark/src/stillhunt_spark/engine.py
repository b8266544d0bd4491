"""Spark behind the engine protocol; with `dataset` the only files that know Spark.

Statements are written for DuckDB and transpiled. PySpark is imported when an engine is opened: it is an optional
part, and a hunt on one machine must not wait for it.
"""

import logging
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from stillhunt.base.errors import EngineError, InputError
from stillhunt.base.installing import install_command

CONNECT_SCHEME = "sc://"
_CONNECT_SECONDS = 20.0
"""For a Spark Connect server to answer; PySpark itself tries for ten minutes, without a word."""
READER_PREFIXES = ("delta", "iceberg", "orc", "avro")
"""`delta:PATH` and so on are read by the session's own reader of that name, `table:NAME` from its catalogue."""
TEXT_SUFFIXES = {".jsonl": "json", ".ndjson": "json", ".json": "json", ".csv": "csv", ".tsv": "csv"}
_OTLP_SUFFIX = ".pb"
"""Of parts of a spool."""
SPARK_COMPRESSION_SUFFIXES = (".gz", ".gzip", ".zst", ".zstd", ".bz2")
_PARTITIONS, _PARTITIONS_UNSET = "spark.sql.shuffle.partitions", "200"
"""Spark's default suits a cluster; on one machine its hundreds of tiny tasks take minutes for a small log."""
_RAISED = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)\b")
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # A batch of long prompts must fit the worker and Arrow's 2 GiB per column, however many rows that is.
    "spark.sql.execution.arrow.maxBytesPerBatch": str(64 << 20),
}
"""What is asked of a session that is opened here; a session that is given keeps its own."""
START_SETTINGS = {"spark.ui.showConsoleProgress": "false", "spark.driver.maxResultSize": "0"}
"""What only whoever starts Spark can set; a Spark Connect server was started by somebody else."""


class SparkEngine:
    """A Spark session.

    Args:
        master: master URL (`local[*]`, `spark://host:7077`, `yarn`, `k8s://...`) or Spark Connect URL (`sc://host`);
            empty for the running session, else what the surroundings configure.
        session: an existing session, used as it is and left open.
        memory_gb: memory of the JVM that is started here, GiB; clusters have their own settings.

    Raises:
        EngineError: PySpark or Java is absent, or no session can be had.
    """

    name = "spark"

    def __init__(self, *, master: str = "", session: Any = None, memory_gb: float = 2.0) -> None:
        _import_pyspark()
        running = session if session is not None or master else _running_session()
        self._own = running is None
        self.session = _open_session(master, memory_gb) if running is None else running

    def register(self, table_name: str, table: pa.Table) -> None:
        """Make an Arrow table known under a name; an earlier one of that name is replaced.

        Spark has no unsigned numbers: those of 64 bits become decimals, shorter ones the next longer signed type.
        """
        self.session.createDataFrame(_widen_unsigned_columns(table)).createOrReplaceTempView(table_name)

    def sql(self, statement: str, *, purpose: str) -> pa.Table:
        """Run one statement; raises EngineError with the purpose and the SQL text as written."""
        return self.collect(self.query(statement, purpose=purpose), purpose=purpose)

    def query(self, statement: str, *, purpose: str) -> Any:
        """The frame of one statement, not yet computed; raises EngineError as `sql` does."""
        try:
            return self.session.sql(transpiled(statement))
        except _spark_errors() as error:
            place = "SQL: " + " ".join(statement.split())[:400]
            raise EngineError(f"{purpose} failed: {_first_line(error)}", where=place) from error

    def collect(self, frame: Any, *, purpose: str) -> pa.Table:
        """Bring a frame to the driver; raises EngineError."""
        try:
            with _silence_pandas_warning():
                return frame.toArrow()
        except _spark_errors() as error:
            raise EngineError(f"{purpose} failed: {_first_line(error)}", where="Spark") from error

    def stream(self, statement: str, *, purpose: str) -> Iterator[pa.RecordBatch]:
        """Rows of one statement batch by batch, all of them on the driver."""
        yield from self.sql(statement, purpose=purpose).to_batches()

    def scan(self, relation: object) -> Iterator[pa.RecordBatch]:
        """Arrow batches of a Spark frame, all of it on the driver: for tables of accounts, not for requests."""
        if not is_frame(relation):
            raise EngineError(f"{type(relation).__name__} is not a Spark frame", where="hunt(requests=...)")
        yield from self.collect(relation, purpose="reading a frame").to_batches()

    def read(self, source: Any) -> Any:
        """The frame of one source.

        `source`: a frame; a path or pattern of any file system that the session knows (Parquet; JSON lines, CSV and TSV
        by their suffix); `table:NAME`; `delta:PATH`, `iceberg:NAME`, `orc:PATH`, `avro:PATH`. Raises InputError: the
        session cannot read it.
        """
        if is_frame(source):
            return source
        if not isinstance(source, str | os.PathLike):
            raise InputError(
                f"{type(source).__name__} is no input of the Spark engine",
                where="requests",
                next_step="give a path, table:NAME, or a frame of the session",
            )
        given = os.fspath(source)
        try:
            return self._read_named(given)
        except _spark_errors() as error:
            raise InputError(
                f"Spark cannot read it: {_first_line(error)}",
                where=given,
                next_step="check the name, and that the session has the reader and the right to it",
            ) from error

    def _read_named(self, given: str) -> Any:
        prefix, _, rest = given.partition(":")
        if prefix == "table":
            return self.session.table(rest)
        if prefix in READER_PREFIXES and not rest.startswith("//"):
            return self.session.read.format(prefix).load(rest)
        if given.endswith(_OTLP_SUFFIX):
            raise InputError(
                "a cluster reads no OTLP",
                where=given,
                next_step="set engine to duckdb, or write the log as Parquet",
            )
        path = _resolve_path_url(given)
        kind = _detect_source_kind(given)
        if kind == "json":
            return self.session.read.json(path)
        if kind == "csv":
            separator = "\t" if ".tsv" in given.lower() else ","
            options = {"header": True, "sep": separator, "multiLine": True, "escape": '"'}
            return self.session.read.options(**options).csv(path)
        return self.session.read.option("mergeSchema", True).parquet(path)

    @property
    def partitions(self) -> int:
        """Partitions of a shuffle: what the session is set to."""
        return int(self.session.conf.get(_PARTITIONS))

    def placed(self, frame: Any, columns: Sequence[str], names: tuple[str, str, str]) -> tuple[Any, bool]:
        """Some columns of a frame with (path, size, row) of each row's origin, and whether the source tells files."""
        path, size, row = names
        kept = [f"`{column}`" for column in columns]
        file = [f"_metadata.file_path AS {path}", f"_metadata.file_size AS {size}"]
        nothing = [f"CAST(NULL AS STRING) AS {path}", f"CAST(NULL AS BIGINT) AS {size}"]
        no_row = f"CAST(NULL AS BIGINT) AS {row}"
        for places in ((*file, f"_metadata.row_index AS {row}"), (*file, no_row)):
            try:
                with _silence_refusals():
                    placed = frame.selectExpr(*kept, *places)
                    _ = placed.schema  # Spark Connect looks at a plan only when asked
            except _spark_errors():
                continue
            return placed, True
        return frame.selectExpr(*kept, *nothing, no_row), False

    def map(self, frame: Any, function: Any, schema: str) -> Any:
        """Run a picklable function over the batches of each partition; `schema`, in SQL, is the result's."""
        with _silence_pandas_warning():
            return frame.mapInArrow(function, schema)

    def forget(self, frame: Any) -> None:
        """Give back what Spark keeps of a frame; nothing is left to give back where the session has ended."""
        with suppress(*_spark_errors(), OSError):
            frame.unpersist()

    def close(self) -> None:
        """End the session if it was opened here."""
        if self._own:
            self.session.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def is_frame(value: object) -> bool:
    """True for a Spark frame, classic or of Spark Connect, without importing either."""
    return type(value).__module__.startswith("pyspark.sql.") and hasattr(value, "mapInArrow")


def transpiled(statement: str) -> str:
    """A statement of DuckDB's common subset as Spark wants it; an EngineError if it is none, or sqlglot is absent."""
    try:
        import sqlglot  # an optional part: only needed where Spark is
    except ImportError as error:
        raise _build_missing_package_error("sqlglot") from error
    try:
        written: list[str] = sqlglot.transpile(statement, read="duckdb", write="spark")
    except sqlglot.errors.SqlglotError as error:
        place = "SQL: " + " ".join(statement.split())[:400]
        raise EngineError(f"the statement cannot be transpiled: {_first_line(error)}", where=place) from error
    return written[0]


def _import_pyspark() -> Any:
    try:
        import pyspark.sql  # an optional part, and slow to import
    except ImportError as error:
        raise _build_missing_package_error("PySpark") from error
    return pyspark.sql


def _build_missing_package_error(what: str) -> EngineError:
    return EngineError(
        f"{what} is not installed", where="engine spark", next_step=f"{install_command('spark')}; it needs Java too"
    )


def _running_session() -> Any:
    """The session of a notebook or script around us, which is theirs to end; None where there is none."""
    with _silence_pandas_warning():
        return _import_pyspark().SparkSession.getActiveSession()


def _open_session(master: str, memory_gb: float) -> Any:
    spark = _import_pyspark()
    refused: tuple[type[BaseException], ...] = (*_spark_errors(), ImportError, RuntimeError, OSError, ValueError)
    with _silence_pandas_warning():
        builder = spark.SparkSession.builder.appName("stillhunt")
        remote = master.startswith(CONNECT_SCHEME)
        for name, value in (SETTINGS if remote else SETTINGS | START_SETTINGS).items():
            builder = builder.config(name, value)
        try:
            if remote:
                _wait_for_connect_server(master)
                return builder.remote(master).getOrCreate()
            _require_java()
            if not master or master.startswith("local"):
                os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
                builder = builder.config("spark.driver.memory", f"{max(int(memory_gb * 1024), 512)}m")
            session = (builder.master(master) if master else builder).getOrCreate()
        except refused as error:
            install = "pip install 'pyspark[connect]'" if remote and isinstance(error, ImportError) else ""
            raise EngineError(
                f"no Spark session: {_first_line(error)}",
                where=f"master {master or '(none given)'}",
                next_step=install
                or "check the master's URL, that it answers, and that its Spark is as new as PySpark here",
            ) from error
        if session.sparkContext.master.startswith("local") and session.conf.get(_PARTITIONS) == _PARTITIONS_UNSET:
            session.conf.set(_PARTITIONS, str(2 * session.sparkContext.defaultParallelism))
        return session


def _wait_for_connect_server(url: str) -> None:
    import grpc  # an optional part, also the next
    from pyspark.sql.connect.client import DefaultChannelBuilder  # as above

    with DefaultChannelBuilder(url).toChannel() as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_CONNECT_SECONDS)
        except grpc.FutureTimeoutError:
            raise TimeoutError(f"no Spark Connect server answers within {_CONNECT_SECONDS:.0f} seconds") from None


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME", "")
    if shutil.which("java") is None and not (home and (Path(home) / "bin" / "java").exists()):
        raise EngineError(
            "Spark needs Java 17 or newer, and no java was found",
            where="engine spark",
            next_step="install a Java runtime (Debian: apt-get install default-jre-headless) or set JAVA_HOME; "
            "a Spark Connect URL (sc://host) needs none here; the engine duckdb needs none at all",
        )


def _spark_errors() -> tuple[type[BaseException], ...]:
    from pyspark.errors import PySparkException  # an optional part

    try:
        from py4j.protocol import Py4JError  # absent where only Spark Connect is installed
    except ImportError:
        return (PySparkException,)
    return (PySparkException, Py4JError)


@contextmanager
def _silence_pandas_warning() -> Iterator[None]:
    """No word about the version of pandas, which nothing here uses."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
        yield


@contextmanager
def _silence_refusals() -> Iterator[None]:
    """No lines of PySpark's log about a plan that is only tried."""
    from pyspark.logger import PySparkLogger  # an optional part

    log = PySparkLogger.getLogger("SQLQueryContextLogger")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def _first_line(error: BaseException) -> str:
    lines = [line.strip(" :\t") for line in str(error).splitlines()]
    lines = [line for line in lines if line and not line.startswith("An error occurred while calling")]
    if not lines:
        return type(error).__name__
    # What fails on an executor comes back as the text of its traceback, the error itself below it.
    raised = [line for line in lines if _RAISED.match(line)]
    return (raised[-1] if raised and any(line.startswith("Traceback") for line in lines) else lines[0])[:400]


def _resolve_path_url(given: str) -> str:
    """A path that exists here as a URL, so that a cluster's default file system does not claim it."""
    path = Path(given)
    if "://" in given or not (path.exists() or given.startswith("/")):
        return given
    return "file://" + os.fspath(path.absolute())


def _detect_source_kind(given: str) -> str:
    path = Path(given)
    if path.is_dir():
        names = sorted(p.name for p in path.rglob("*") if p.is_file() and not p.name.startswith((".", "_")))
        return _kind_of_names(names)
    return _kind_of_names([path.name])


def _kind_of_names(names: Sequence[str]) -> str:
    for name in names:
        lowered = name.lower()
        for suffix in SPARK_COMPRESSION_SUFFIXES:
            lowered = lowered.removesuffix(suffix)
        for suffix, kind in TEXT_SUFFIXES.items():
            if lowered.endswith(suffix):
                return kind
    return "parquet"


def _widen_unsigned_columns(table: pa.Table) -> pa.Table:
    larger = {pa.uint64(): pa.decimal128(20), pa.uint32(): pa.int64(), pa.uint16(): pa.int32(), pa.uint8(): pa.int16()}
    fields = [field.with_type(larger.get(field.type, field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))
