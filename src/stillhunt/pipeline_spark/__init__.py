"""The way from a cluster's logs to sketches: the rooms `collect` and `extract`, run on Spark's executors.

    frame --standardise--> rows --shuffle by account, in order of time--> history off, sketch --settle--> SparkDataset

The text is shuffled once, because resent history can only be told with all calls of an account side by side. Everything
after that works on sketches. What was set aside, and what the log carried, travels as rows of another kind in the same
stream and is split off at the end, so that the text is read once.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.engine_spark import SparkEngine
from stillhunt.base.engine_spark_dataset import (
    Batches,
    SparkDataset,
    chunks_of,
    packed_schema,
    persisted,
    unpack_table,
)
from stillhunt.base.errors import InputError
from stillhunt.base.schema import REJECTS, REQUESTS, SKETCHES
from stillhunt.collect import InputFile
from stillhunt.collect.normalise.standardise import Rules
from stillhunt.collect.read.input_stats import Filling
from stillhunt.collect.values.fields import (
    REQUEST_FIELDS,
    REQUIRED_REQUEST_FIELDS,
    FieldMap,
    field_map,
    missing_columns_advice,
)
from stillhunt.collect.values.rejects import KEPT_ROWS
from stillhunt.pipeline_spark.rows import (
    FACT,
    PACKED,
    PLACE_COLUMNS,
    REJECT,
    ROW,
    Reading,
    pick_texts,
    plain_path,
    sketch_batches,
    standardise_batches,
    stream_schema,
)
from stillhunt.pipeline_spark.settle import contested_ids, settle_batches


@dataclass(frozen=True)
class LogFacts:
    """What the log was, for the record of a run.

    Args:
        inputs: files in sorted order of paths; no hash, the files of a cluster are not read whole in one place.
        filling: how far its columns are filled, and of which calls it is a sample.
        rows: requests, each counted once.
        rejected_rows: rows set aside, also those beyond what REJECTS keeps.
        repeats: exact repeats of a request, which are only counted.
        replaced_texts: texts kept with broken UTF-8 replaced.
    """

    inputs: tuple[InputFile, ...]
    filling: Filling
    rows: int
    rejected_rows: int
    repeats: int
    replaced_texts: int


def with_identity_key(config: Config) -> Config:
    """The settings with a key for hashes of identities, a fresh random one where none is set.

    Each executor is a process of its own, so a key for the process would tell equal addresses apart. A hunt takes the
    settings from here for requests and accounts alike, and writes the user's own into its record.
    """
    if config.collect.identity_key:
        return config
    collect = config.collect.model_copy(update={"identity_key": secrets.token_hex(32)})
    return config.model_copy(update={"collect": collect})


def spark_sketches(
    engine: SparkEngine, sources: Any, mapping: Mapping[str, str] | None, config: Config
) -> tuple[SparkDataset, pa.Table, LogFacts]:
    """Sketch the logs of a cluster.

    Args:
        engine: the Spark engine.
        sources: what `SparkEngine.read` takes, or a list of it.
        mapping: our column -> the log's column, or a dotted path into nested fields.
        config: settings.

    Returns:
        (SKETCHES, each (source, request id) once, all rows of an account in one partition; REJECTS; facts).

    Raises:
        InputError: nothing can be read, a required column is missing, or request ids are none.
        EngineError: Spark failed.
    """
    frame, reading = _standardised_frame(engine, sources, mapping, with_identity_key(config))
    packed = f"kind tinyint, {packed_schema(PACKED)}"
    sketched = persisted(engine.map(_by_account(engine, frame), partial(sketch_batches, config), packed))
    contested = contested_ids(engine, sketched.where(f"kind = {ROW}").select(*SKETCHES.names))
    settled = persisted(engine.map(sketched, partial(settle_batches, contested), packed))
    sketched.unpersist()
    rejects, facts = _told(engine, settled, reading)
    if facts.rows == 0 and facts.rejected_rows:
        first = f"{rejects['source'][0]}, {rejects['place'][0]}: {rejects['reason'][0]}"
        raise InputError(
            "no row of the log can be used", where=first, next_step="mend the log or name its fields with --map"
        )
    rows = settled.where(f"kind = {ROW}").select(*SKETCHES.names)
    return SparkDataset(engine, rows, SKETCHES.names, settled), rejects, facts


def spark_texts(
    engine: SparkEngine, sources: Any, mapping: Mapping[str, str] | None, config: Config, wanted: pa.Table
) -> pa.Table:
    """Prompts of some requests as they were handed on, read from the log again.

    Args:
        engine: the Spark engine.
        sources: as for `spark_sketches`.
        mapping: as for `spark_sketches`.
        config: settings.
        wanted: account_id and request_id of the requests; a few thousand at most.

    Returns:
        account_id, request_id, prompt; sorted by these, in any number for a repeated request.

    Raises:
        InputError: the log can no longer be read.
        EngineError: Spark failed.
    """
    frame, _ = _standardised_frame(engine, sources, mapping, config)
    # All calls of these accounts: what is resent history shows only beside the calls that it repeats.
    own = frame.where(frame["account_id"].isin(pc.unique(wanted["account_id"]).to_pylist()))
    requests = set(zip(wanted["account_id"].to_pylist(), wanted["request_id"].to_pylist(), strict=True))
    found = engine.map(_by_account(engine, own), partial(pick_texts, config, requests), packed_schema(("blob",)))
    tables = [unpack_table(blob) for blob in engine.collect(found, purpose="reading excerpts")["blob"]]
    columns = ("account_id", "request_id", "prompt")
    table = pa.concat_tables([REQUESTS.empty().select(list(columns)), *tables])
    return table.sort_by([(name, "ascending") for name in columns])


def _standardised_frame(
    engine: SparkEngine, sources: Any, mapping: Mapping[str, str] | None, config: Config
) -> tuple[Any, Reading]:
    """The stream of standardised rows, rejects and facts, not yet computed."""
    fields = field_map(REQUEST_FIELDS, mapping)
    given = list(sources) if isinstance(sources, list | tuple) else [sources]
    if not given:
        raise InputError("no input given", next_step="name a file, a folder or a table")
    streams, files = _placed_frames(engine, given, fields)
    names = tuple(f"table {number}" for number in range(len(given))) if files is None else _short_names(files)
    indices = {path: index for index, path in enumerate(files or ())}
    reading = Reading(fields, config, Rules.of(config).request_times, indices, names)
    frame = None
    for number, placed in enumerate(streams):
        stream = engine.map(placed, partial(standardise_batches, reading, number), stream_schema())
        frame = stream if frame is None else frame.unionAll(stream)
    return frame, reading


def _placed_frames(engine: SparkEngine, given: Sequence[Any], fields: FieldMap) -> tuple[list[Any], list[str] | None]:
    """Of each source the columns that may be wanted with their place; all files, None where a source tells none."""
    frames, files = [], set()
    all_tell = True
    wanted = frozenset(fields.candidates())
    for source in given:
        frame = engine.read(source)
        missing = fields.missing(REQUIRED_REQUEST_FIELDS, frame.columns)
        if missing:
            what, next_step = missing_columns_advice(missing, frame.columns)
            raise InputError(what, where=f"{source!s:.200}", next_step=next_step)
        placed, tells = engine.placed(frame, [c for c in frame.columns if c in wanted], PLACE_COLUMNS)
        frames.append(placed)
        all_tell &= tells
        files |= {plain_path(path) for path in frame.inputFiles()} if tells else set()
    return frames, sorted(files) if all_tell else None


def _short_names(files: Sequence[str]) -> tuple[str, ...]:
    """Names below the folder that all files have in common."""
    parts = [path.split("/") for path in files]
    shared = 0
    while len({tuple(part[: shared + 1]) for part in parts}) == 1 and shared < min(map(len, parts)) - 1:
        shared += 1
    return tuple("/".join(part[shared:]) for part in parts)


def _by_account(engine: SparkEngine, frame: Any) -> Any:
    """All rows of an account in one partition, in order of time: so history can be taken off in one reading."""
    return frame.repartition(engine.partitions, "key").sortWithinPartitions("kind", "timestamp", "turn")


def _told(engine: SparkEngine, settled: Any, reading: Reading) -> tuple[pa.Table, LogFacts]:
    """REJECTS, the first in order of file and place, and the facts of the log."""
    schema = ", ".join(f"`{name}` string" for name in REJECTS.names)
    told = engine.collect(
        engine.map(settled.where(f"kind = {FACT}").select("blob"), table_rows, schema), purpose="facts of the log"
    )
    facts = [json.loads(text) for text in told["raw"].to_pylist()]
    engine.map(settled.where(f"kind = {REJECT}").select("blob"), table_rows, schema).createOrReplaceTempView(
        "stillhunt_rejects"
    )
    rejected = engine.sql("SELECT COUNT(*) AS n FROM stillhunt_rejects", purpose="rejects")["n"][0].as_py()
    order = ", ".join(REJECTS.names)
    first = engine.sql(
        f"SELECT {order} FROM stillhunt_rejects ORDER BY {order} LIMIT {KEPT_ROWS}",  # noqa: S608  # our own names
        purpose="rejects",
    )
    rows: Counter[int] = Counter()
    filled: Counter[str] = Counter()
    rates: Counter[str] = Counter()
    sizes: dict[int, int] = {}
    for fact in facts:
        filled.update(fact.get("filled", {}))
        rates.update(fact.get("rates", {}))
        rows.update({int(index): count for index, count in fact.get("rows", {}).items()})
        sizes.update({int(index): size for index, size in fact.get("sizes", {}).items()})
    inputs = tuple(InputFile(name, "", sizes.get(i, 0), rows[i]) for i, name in enumerate(reading.names))
    return first.cast(REJECTS.arrow), LogFacts(
        inputs,
        Filling.of(rows.total(), filled, rates),
        sum(fact.get("settled", 0) for fact in facts),
        int(rejected),
        sum(fact.get("repeats", 0) for fact in facts),
        sum(fact.get("replaced", 0) for fact in facts),
    )


def table_rows(batches: Batches) -> Batches:
    """Executor: packed tables -> their rows."""
    for chunk in chunks_of(batches):
        for batch in unpack_table(chunk["blob"]).to_batches():  # all of one schema, whatever may be null in it
            yield pa.RecordBatch.from_arrays(batch.columns, names=list(REJECTS.names))
