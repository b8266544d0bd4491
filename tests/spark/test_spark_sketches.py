"""What a cluster makes of a log is what one machine makes of it, row for row and bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from crooked_log import crooked_rows, local_sketches, same_rows, write_log

from stillhunt.base.config import Config
from stillhunt.base.schema import SKETCHES

pytestmark = [pytest.mark.service, pytest.mark.spark_more]

CONFIG = Config(collect={"identity_key": "a fixed key, so that hashes of two readings compare"})
CANONICAL = [(name, "ascending") for name in ("account_id", "timestamp", "source", "request_id", "content_hash")]


def heads_of_prompts(table: pa.Table, context: Any) -> pa.Table:
    return pa.table({"long": pc.greater(table["words"], context)})


def counts(table: pa.Table, context: Any) -> pa.Table:
    return table.group_by("account_id").aggregate([("long", "sum"), ("words", "count")])


def whole(dataset: Any) -> pa.Table:
    return dataset.gather(same_rows, SKETCHES.arrow, columns=SKETCHES.names).sort_by(CANONICAL)


def test_sketches_are_the_same(engine: Any, tmp_path: Path) -> None:
    from stillhunt_spark.sketches import spark_sketches, spark_texts

    log = write_log(tmp_path / "log", crooked_rows())
    expected, rejects, repeats, here = local_sketches(log, CONFIG)
    sketches, refused, facts = spark_sketches(engine, log, None, CONFIG)
    dataset = sketches.dataset(1)

    assert whole(dataset).equals(expected.sort_by(CANONICAL))
    assert refused.to_pylist() == rejects.to_pylist()
    assert facts.changed == here.changed
    assert facts.set_aside == here.set_aside
    assert (sketches.rows, sketches.settle_repeats()[1], facts.rejected_rows) == (
        expected.num_rows,
        repeats,
        rejects.num_rows,
    )
    assert {"prompt", "response", "turn", "client_ip"} <= facts.columns.present
    assert "system_prompt" not in facts.columns.present
    assert [one.name for one in facts.inputs] == ["part 0.parquet", "part 1.parquet", "part 2.parquet"]
    assert all(one.bytes > 0 and one.rows > 0 for one in facts.inputs)

    owners = dataset.gather(account_partitions, pa.schema([("account_id", pa.string())]), columns=["account_id"])
    assert len(pc.unique(owners["account_id"])) == owners.num_rows == 40

    longer = dataset.extend(heads_of_prompts, pa.schema([("long", pa.bool_())]), 25, columns=["words"])
    assert longer.names == (*SKETCHES.names, "long")
    schema = pa.schema([("account_id", pa.string()), ("long_sum", pa.int64()), ("words_count", pa.int64())])
    counted = longer.gather(counts, schema, columns=["account_id", "words", "long"]).sort_by("account_id")
    local = expected.append_column("long", pc.greater(expected["words"], 25))
    assert counted.equals(counts(local, None).select(schema.names).cast(schema).sort_by("account_id"))

    wanted = pa.table({"account_id": ["a03", "a01"], "request_id": ["r01034", "r01012"]})
    texts = spark_texts(engine, log, None, CONFIG, wanted)
    assert texts["request_id"].to_pylist() == ["r01012", "r01034"]
    assert all(text.startswith("\nstep") for text in texts["prompt"].to_pylist())


def account_partitions(table: pa.Table, context: Any) -> pa.Table:
    return pa.table({"account_id": pc.unique(table["account_id"])})
