"""SQL text written for DuckDB gives the same on Spark, and a log is read from wherever a session can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from crooked_log import SCHEMA, crooked_rows, local_sketches, write_log
from test_spark_sketches import CONFIG, whole

from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import EngineError, InputError
from stillhunt.base.schema import SKETCHES

pytestmark = [pytest.mark.service, pytest.mark.spark_more]

STATEMENTS = {
    "counts": "SELECT account_id, count(*) AS n, sum(tokens) AS s FROM calls GROUP BY ALL ORDER BY account_id",
    "distinct": "SELECT count(DISTINCT model) AS n FROM calls WHERE tokens IS NOT NULL",
    "window": """SELECT account_id, tokens, row_number() OVER (PARTITION BY account_id ORDER BY tokens DESC NULLS LAST,
        model) AS place FROM calls QUALIFY place <= 2 ORDER BY account_id, place""",
    "join": """SELECT c.model, m.price FROM calls AS c LEFT JOIN models AS m ON c.model = m.model
        ORDER BY c.model, m.price, c.account_id""",
    "text": "SELECT DISTINCT lower(model) || '/' || left(account_id, 1) AS t FROM calls ORDER BY t",
    "days": "SELECT date_trunc('day', called) AS day, count(*) AS n FROM calls GROUP BY 1 ORDER BY 1",
    "integers": "SELECT tokens // 7 AS q, tokens % 7 AS r FROM calls WHERE tokens IS NOT NULL ORDER BY q, r, model",
}


def small_tables() -> tuple[pa.Table, pa.Table]:
    rows = crooked_rows()[:200]
    calls = pa.table(
        {
            "account_id": [row["account_id"] or "none" for row in rows],
            "model": [row["model"] for row in rows],
            "tokens": pa.array([row["output_tokens"] if i % 9 else None for i, row in enumerate(rows)], pa.int64()),
            "called": pa.array([row["timestamp"] for row in rows], pa.timestamp("us", tz="UTC")),
            "address": pa.array([(1 << 63) + i for i in range(len(rows))], pa.uint64()),
        }
    )
    return calls, pa.table({"model": ["large"], "price": [3]})


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_statement_gives_the_same_rows(engine: Any, name: str) -> None:
    calls, models = small_tables()
    results = []
    with DuckDBEngine(threads=1, memory_gb=1) as duck:
        for one in (duck, engine):
            one.register("calls", calls)
            one.register("models", models)
            results.append(one.sql(STATEMENTS[name], purpose=name).to_pylist())
    assert results[0] == results[1]
    assert results[0]


def test_unsigned_numbers_keep_their_value(engine: Any) -> None:
    engine.register("calls", small_tables()[0])
    assert int(engine.sql("SELECT max(address) AS a FROM calls", purpose="t")["a"][0].as_py()) == (1 << 63) + 199


@pytest.mark.parametrize("statement", ["SELECT frob(", "SELECT nothing FROM nowhere"])
def test_bad_statement_names_its_purpose_and_text(engine: Any, statement: str) -> None:
    with pytest.raises(EngineError) as raised:
        engine.sql(statement, purpose="counting calls")
    assert statement in str(raised.value)


@pytest.mark.parametrize("source", ["/nowhere/log.parquet", "table:no.such.table", 7])
def test_unreadable_source_is_named(engine: Any, source: Any) -> None:
    with pytest.raises(InputError):
        engine.read(source)


def test_what_is_no_log_of_a_cluster_is_named(engine: Any, tmp_path: Path) -> None:
    for name, said in (("part.pb", "reads no OTLP"), ("log", "Parquet format")):
        (tmp_path / name).write_bytes(b"neither of the two")
        with pytest.raises(InputError, match=said):
            engine.read(str(tmp_path / name))


def test_failure_on_an_executor_is_told(engine: Any) -> None:
    with pytest.raises(EngineError, match=r"looking.*ZeroDivisionError"):
        engine.collect(engine.map(engine.session.range(3), dividing, "a int"), purpose="looking")


def dividing(batches: Any) -> Any:
    for _ in batches:
        yield 1 // 0


@pytest.mark.parametrize("source", ["frame", "table", "json", "three files"])
def test_sketches_are_the_same_from_any_source(engine: Any, tmp_path: Path, source: str) -> None:
    from stillhunt_spark.sketches import spark_sketches

    rows = [{**row, "model": None} if i == 5 else row for i, row in enumerate(crooked_rows(8))]
    if source != "three files":  # a row without an id is named by its place, which only files have
        rows = [row for row in rows if row["request_id"]]
    log = write_log(tmp_path / "log", rows)
    expected, rejects, repeats, _here = local_sketches(log, CONFIG)
    given: Any = [f"{log}/part 0.parquet", f"{log}/part 1.parquet", f"{log}/part 2.parquet"]
    if source != "three files":
        frame = engine.session.createDataFrame(pa.Table.from_pylist(rows, SCHEMA))
        frame.createOrReplaceTempView("requests_of_a_test")
        frame.write.mode("overwrite").json(str(tmp_path / "lines.jsonl"))
        given = {"frame": frame, "table": "table:requests_of_a_test", "json": str(tmp_path / "lines.jsonl")}[source]
    sketches, refused, _facts = spark_sketches(engine, given, None, CONFIG)
    dataset = sketches.dataset(1)
    told = [name for name in SKETCHES.names if not name.startswith("origin_")]
    assert whole(dataset).select(told).equals(expected.sort_by(ORDER).select(told))
    assert (sketches.settle_repeats()[1], refused.num_rows) == (repeats, rejects.num_rows)


ORDER = [(name, "ascending") for name in ("account_id", "timestamp", "source", "request_id", "content_hash")]


def test_required_column_that_is_missing_is_named(engine: Any) -> None:
    from stillhunt_spark.sketches import spark_sketches

    frame = engine.session.createDataFrame(pa.table({"request_id": ["a"], "time": [1], "model": ["m"]}))
    with pytest.raises(InputError, match=r'account_id[\s\S]*"timestamp": "time"'):
        spark_sketches(engine, frame, None, CONFIG)


def test_log_without_a_usable_row_is_refused(engine: Any) -> None:
    from stillhunt_spark.sketches import spark_sketches

    row = {"request_id": ["a"], "timestamp": ["no time"], "account_id": ["b"], "model": ["m"]}
    with pytest.raises(InputError, match="no row of the log can be used"):
        spark_sketches(engine, engine.session.createDataFrame(pa.table(row)), None, CONFIG)
