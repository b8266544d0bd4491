"""From a cluster's logs to sketches: the rooms `collect` and `extract`, run on Spark's executors.

    frame --standardise--> rows --shuffle by account, sort by time--> cut history, sketch --settle--> SparkDataset

The text is shuffled once, because resent history is found only among all calls of an account. Everything after that
works on sketches. Rejected rows and facts about the log travel in the same stream as rows of another kind and are
split off at the end, so that the text is read once.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.errors import InputError
from stillhunt.base.schema import REQUESTS, SKETCHES
from stillhunt.base.schema_case import REJECTS
from stillhunt.collect import InputFile, LogFacts
from stillhunt.collect.normalise.identity import with_identity_key
from stillhunt.collect.normalise.standardise import Rules
from stillhunt.collect.read.input_stats import ColumnStats
from stillhunt.collect.read.inputs import NO_USABLE_ROW
from stillhunt.collect.values.field_suggestions import advise_mapping
from stillhunt.collect.values.fields import (
    OPTIONAL_ADVICE,
    REQUEST_FIELDS,
    REQUIRED_REQUEST_FIELDS,
    FieldMap,
    field_map,
)
from stillhunt.collect.values.rejects import KEPT_ROWS, AccountCounts
from stillhunt_spark.dataset import Batches, SparkDataset, chunks_of, packed_schema, persisted, unpack_table
from stillhunt_spark.engine import SparkEngine
from stillhunt_spark.rows import (
    FACT,
    PACKED,
    PLACE_COLUMNS,
    REJECT,
    ROW,
    Reading,
    pick_texts,
    plain_path,
    settle_batches,
    sketch_batches,
    standardise_batches,
    stream_schema,
)


class SparkSketches:
    """Sketches of a cluster's log, each request once; `repeats` counts calls with shared ids, and exact repeats."""

    def __init__(self, dataset: SparkDataset, rows: int, repeats: tuple[int, int]) -> None:
        self._dataset, self._repeats = dataset, repeats
        self.rows = rows

    def settle_repeats(self) -> tuple[int, int]:
        """Nothing is left to settle: number of calls that share their id, and of exact repeats that were dropped."""
        return self._repeats

    def dataset(self, threads: int) -> SparkDataset:
        """The sketches in account partitions; the cluster decides how many are worked on at a time."""
        del threads
        return self._dataset


def spark_sketches(
    engine: SparkEngine, sources: Any, mapping: Mapping[str, str] | None, config: Config
) -> tuple[SparkSketches, pa.Table, LogFacts]:
    """Sketch the logs of a cluster.

    Args:
        sources: what `SparkEngine.read` takes, or a list of it.
        mapping: our column -> the log's column, or a dotted path into nested fields.

    Returns:
        (sketches, each (source, request id) once; REJECTS; facts of the log, whose inputs have no hash since a
        cluster does not read files from end to end in one place).

    Raises:
        InputError: nothing can be read, a required column is missing, or the request ids are not unique enough.
        EngineError: Spark failed.
    """
    frame, reading = _standardised_frame(engine, sources, mapping, with_identity_key(config))
    packed = f"kind tinyint, {packed_schema(PACKED)}"
    sketched = persisted(engine.map(_by_account(engine, frame), partial(sketch_batches, config), packed))
    settled = persisted(engine.map(sketched, settle_batches, packed))
    sketched.unpersist()
    rejects, facts, repeats = _describe_settled_log(engine, settled, reading)
    if facts.rows == 0 and facts.rejected_rows:
        first = f"{rejects['source'][0]}, {rejects['place'][0]}: {rejects['reason'][0]}"
        raise InputError("no row of the log can be used", where=first, **NO_USABLE_ROW)
    rows = settled.where(f"kind = {ROW}").select(*SKETCHES.names)
    dataset = SparkDataset(engine, rows, SKETCHES.names, settled)
    return SparkSketches(dataset, facts.rows, repeats), rejects, facts


def spark_texts(
    engine: SparkEngine, sources: Any, mapping: Mapping[str, str] | None, config: Config, wanted: pa.Table
) -> pa.Table:
    """Prompts of some requests, read from the log again: without resent history, and of bounded length.

    Args:
        sources: as for `spark_sketches`.
        mapping: as for `spark_sketches`.
        wanted: account_id and request_id of the requests; a few thousand at most.

    Returns:
        account_id, request_id, prompt; sorted by these; a request id that is repeated gives several rows.

    Raises:
        InputError: the log can no longer be read.
        EngineError: Spark failed.
    """
    frame, _ = _standardised_frame(engine, sources, mapping, config)
    # All calls of these accounts are read: resent history is found only beside the calls that it repeats.
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
        raise InputError("no input was given", next_step="name a file, a folder or a table")
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
    """The columns that may be wanted of each source, with places; all files, or None if a source names none."""
    frames, files = [], set()
    all_named = True
    wanted = frozenset(fields.candidates())
    for source in given:
        frame = engine.read(source)
        missing = fields.missing(REQUIRED_REQUEST_FIELDS, frame.columns)
        if missing:
            told = advise_mapping(missing, frame.columns, OPTIONAL_ADVICE)
            where = f"{source!s:.200}"
            raise InputError(told.what, where=where, next_step=told.next_step, command_step=told.command_step)
        fields.meet(frame.columns)
        placed, named = engine.placed(frame, [c for c in frame.columns if c in wanted], PLACE_COLUMNS)
        frames.append(placed)
        all_named &= named
        files |= {plain_path(path) for path in frame.inputFiles()} if named else set()
    return frames, sorted(files) if all_named else None


def _short_names(files: Sequence[str]) -> tuple[str, ...]:
    """Names below the folder that all files have in common."""
    parts = [path.split("/") for path in files]
    shared = 0
    while len({tuple(part[: shared + 1]) for part in parts}) == 1 and shared < min(map(len, parts)) - 1:
        shared += 1
    return tuple("/".join(part[shared:]) for part in parts)


def _by_account(engine: SparkEngine, frame: Any) -> Any:
    """All rows of an account in one partition, in order of time, so that one reading can cut resent history."""
    return frame.repartition(engine.partitions, "key").sortWithinPartitions("kind", "timestamp", "turn")


def _describe_settled_log(
    engine: SparkEngine, settled: Any, reading: Reading
) -> tuple[pa.Table, LogFacts, tuple[int, int]]:
    """REJECTS (the first rows in order of file and place), facts of the log, and as `SparkSketches` takes repeats."""
    schema = ", ".join(f"`{name}` string" for name in REJECTS.names)
    packed_facts = settled.where(f"kind = {FACT}").select("blob")
    rows_of_facts = engine.collect(engine.map(packed_facts, table_rows, schema), purpose="facts of the log")
    facts = [json.loads(text) for text in rows_of_facts["raw"].to_pylist()]
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
    changed: Counter[str] = Counter()
    sizes: dict[int, int] = {}
    set_aside = AccountCounts()
    for fact in facts:
        changed.update(fact.get("changed", {}))
        set_aside.add(fact.get("set_aside", {}))
        filled.update(fact.get("filled", {}))
        rates.update(fact.get("rates", {}))
        rows.update({int(index): count for index, count in fact.get("rows", {}).items()})
        sizes.update({int(index): size for index, size in fact.get("sizes", {}).items()})
    total = {name: sum(fact.get(name, 0) for fact in facts) for name in ("settled", "replaced", "repeats", "shared")}
    inputs = tuple(InputFile(name, "", sizes.get(i, 0), rows[i]) for i, name in enumerate(reading.names))
    columns = ColumnStats.of(rows.total(), filled, rates)
    unmapped = reading.fields.unmapped()
    by_account = dict(sorted(set_aside.rows().items()))
    found = LogFacts(
        inputs,
        columns,
        total["settled"],
        int(rejected),
        total["replaced"],
        unmapped,
        by_account,
        dict(sorted(changed.items())),
    )
    return first.cast(REJECTS.arrow), found, (total["shared"], total["repeats"])


def table_rows(batches: Batches) -> Batches:
    """Unpack the rows of packed tables, on an executor."""
    for chunk in chunks_of(batches):
        for batch in unpack_table(chunk["blob"]).to_batches():  # all of one schema, whatever may be null in it
            yield pa.RecordBatch.from_arrays(batch.columns, names=list(REJECTS.names))
