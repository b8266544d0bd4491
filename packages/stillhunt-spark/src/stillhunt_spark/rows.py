"""What an executor does with rows: standardise, pack for the shuffle, cut resent history, sketch."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.schema import REQUESTS, SKETCHES
from stillhunt.base.schema_case import REJECTS
from stillhunt.collect.decode.columnar import ColumnarRows
from stillhunt.collect.history.resent_prefixes import KeySurvey, PrefixCutter
from stillhunt.collect.join.spool import HeldRowsRoom, Spool
from stillhunt.collect.normalise.identity import IdentityHasher
from stillhunt.collect.normalise.networks import open_networks
from stillhunt.collect.normalise.standardise import Rules, standardise_requests
from stillhunt.collect.read.history_cuts import with_bounded_prompts
from stillhunt.collect.read.input_stats import OPTIONAL_COLUMNS, count_sampling_rates
from stillhunt.collect.values.fields import REQUEST_FIELDS, FieldMap
from stillhunt.collect.values.rejects import Rejects
from stillhunt.collect.values.timestamps import TimeRange
from stillhunt.extract import sketch_requests
from stillhunt.extract.store.store import request_in_account, settled_rows, with_distinct_keys
from stillhunt_spark.dataset import Batches, chunks_of, pack_rows, pack_table, packed_batch, unpack_rows

ROW, REJECT, FACT = 0, 1, 2
"""Kinds of rows in one stream."""
NO_ROW = -1
"""Row number if the engine knows none (only Parquet files have row numbers)."""
PLACE_COLUMNS = (_FILE, _SIZE, _NUMBER) = ("stillhunt_file", "stillhunt_size", "stillhunt_row")
PACKED = ("blob", *SKETCHES.names)
"""Packed columns of a stream after sketching: tables of rejects and facts, and the columns of rows."""
_LEFT_BEHIND = frozenset(("response", "tools", "other_settings", "api_key_id", "end_user_id"))
"""Columns of requests that sketches do not need, and that are not shuffled."""
_CARRIED = tuple(name for name in REQUESTS.names if name not in _LEFT_BEHIND)
_STREAM = pa.schema(
    [("kind", pa.int8()), ("key", pa.string()), *((f"reject_{name}", pa.string()) for name in REJECTS.names)]
)
_SPARK_TYPES = {
    pa.string(): "string",
    pa.large_string(): "string",
    pa.int8(): "tinyint",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float64(): "double",
}


@dataclass(frozen=True)
class Reading:
    """What an executor needs to standardise rows: settings with the key, the driver's times, and files by path."""

    fields: FieldMap
    config: Config
    times: TimeRange
    indices: Mapping[str, int]
    names: tuple[str, ...]

    def rules(self) -> Rules:
        """What values must satisfy; made on the executor, since hashers hold memory that cannot be sent."""
        read = self.config.collect
        return Rules(self.config, IdentityHasher(read.identity_key), self.times, self.times, open_networks(read.mmdb))


def plain_path(path: str) -> str:
    """A file's path for comparison: Spark writes one path in several ways (`file:/`, `file:///`, blanks as %20)."""
    return re.sub(r"^file:/+", "/", unquote(path))


def _choose_wire_type(type_: pa.DataType) -> pa.DataType:
    """A type that Spark knows and that holds the same bits."""
    if type_ == pa.large_string():
        return pa.string()
    return pa.int64() if type_ == pa.uint64() or pa.types.is_timestamp(type_) else type_


def _wired_schema() -> pa.Schema:
    return pa.schema(
        [*_STREAM, *(pa.field(name, _choose_wire_type(REQUESTS.arrow.field(name).type)) for name in _CARRIED)]
    )


def stream_schema() -> str:
    """SQL column definitions of the stream."""
    return ", ".join(f"`{field.name}` {_SPARK_TYPES[field.type]}" for field in _wired_schema())


def _build_stream_batch(columns: Mapping[str, pa.Array], rows: int) -> pa.RecordBatch:
    """Rows of the stream from the columns that this kind of row has."""
    schema = _wired_schema()
    arrays = [columns[field.name] if field.name in columns else pa.nulls(rows, field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def standardise_batches(reading: Reading, number: int, batches: Batches) -> Batches:
    """Standardise rows as they were read; runs on an executor."""
    rows: Counter[int] = Counter()
    sizes: dict[int, int] = {}
    filled: Counter[str] = Counter()
    rates: Counter[str] = Counter()
    rules, seen = reading.rules(), Rejects()
    for batch in batches:
        for index, part in _iterate_file_stretches(batch, reading, number):
            rejects = Rejects()
            table = _standard_part(part, index, (reading, rules), rejects)
            rows[index] += table.num_rows
            sizes[index] = int(part.column(_SIZE)[0].as_py() or 0)
            filled.update({name: table.num_rows - table.column(name).null_count for name in OPTIONAL_COLUMNS})
            rates.update(count_sampling_rates(table))
            if table.num_rows:
                yield _row_stream(table)
            if rejects.rows:
                yield _reject_stream(rejects.table())
            seen.count(rejects)
    facts = {
        "rows": rows,
        "sizes": sizes,
        "filled": filled,
        "rates": rates,
        "replaced": seen.replaced_texts,
        "changed": seen.changed,
        "set_aside": seen.by_account.rows(),
    }
    columns = {"kind": pa.array([FACT], pa.int8()), "key": pa.array([f"{number}"])}
    yield _build_stream_batch({**columns, "reject_raw": pa.array([json.dumps(facts)])}, 1)


def _iterate_file_stretches(
    batch: pa.RecordBatch, reading: Reading, number: int
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Stretches of a batch that come from one file, with the index of the file."""
    if batch.num_rows == 0:
        return
    paths = batch.column(_FILE).dictionary_encode()
    codes = paths.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    starts = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), batch.num_rows]
    for start, end in itertools.pairwise(starts):
        path = paths[start].as_py()
        index = number if path is None else reading.indices.get(plain_path(path), number)
        yield index, batch.slice(start, end - start)


def _standard_part(part: pa.RecordBatch, index: int, how: tuple[Reading, Rules], rejects: Rejects) -> pa.Table:
    reading, rules = how
    numbers = part.column(_NUMBER).fill_null(NO_ROW).to_numpy(zero_copy_only=False)
    raw = ColumnarRows(reading.names[index], index, reading.fields).wrap(part, REQUEST_FIELDS, 0)

    def place(row: int) -> str:
        return f"row {numbers[row]}" if numbers[row] != NO_ROW else "row of no known number"

    return standardise_requests(replace(raw, origin_rows=numbers, place=place), rules, rejects)


def _row_stream(table: pa.Table) -> pa.RecordBatch:
    rows = table.num_rows
    columns = {"kind": pa.array(np.full(rows, ROW, np.int8))}
    for name in _CARRIED:
        column = table.column(name).combine_chunks()
        array = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        wired = _choose_wire_type(array.type)
        columns[name] = array.cast(wired) if wired == pa.string() else array.view(wired)
    return _build_stream_batch({**columns, "key": columns["account_id"]}, rows)


def _reject_stream(table: pa.Table) -> pa.RecordBatch:
    rejects = {f"reject_{name}": table.column(name).combine_chunks() for name in REJECTS.names}
    kind = pa.array(np.full(table.num_rows, REJECT, np.int8))
    return _build_stream_batch({"kind": kind, "key": rejects["reject_place"], **rejects}, table.num_rows)


def _unpack_stream_requests(batch: pa.RecordBatch) -> pa.Table:
    """REQUESTS from rows of the stream."""
    arrays = []
    for field in REQUESTS.arrow:
        if field.name in _LEFT_BEHIND:
            arrays.append(pa.nulls(batch.num_rows, field.type))
            continue
        column = batch.column(field.name)
        is_text = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        arrays.append(column.cast(field.type) if is_text else column.view(field.type))
    return pa.Table.from_arrays(arrays, schema=REQUESTS.arrow)


def _iterate_parts_of_kind(batches: Batches, kind: int) -> Iterator[pa.RecordBatch]:
    """Rows of one kind, in order."""
    for batch in batches:
        part = batch.filter(pc.equal(batch.column("kind"), kind))
        if part.num_rows:
            yield part


def sketch_batches(config: Config, batches: Batches) -> Batches:
    """Pack the sketches of some accounts' stream, in order of time, with rejects and facts; runs on an executor."""
    others: list[pa.RecordBatch] = []
    for table in _used_rows(config, batches, others):
        for chunk in pack_rows(sketch_requests(table, config)):
            yield packed(ROW, **chunk)
    aside = pa.Table.from_batches(others, schema=_STREAM)
    for kind in (REJECT, FACT):
        own = aside.filter(pc.equal(aside["kind"], kind))
        if own.num_rows:
            yield packed(kind, blob=pack_table(own.select(_STREAM.names[2:]).rename_columns(list(REJECTS.names))))


def _used_rows(config: Config, batches: Batches, others: list[pa.RecordBatch]) -> Iterator[pa.Table]:
    """REQUESTS without resent history and with bounded prompts; rows of other kinds are appended to `others`."""
    survey, room = KeySurvey(), HeldRowsRoom()
    spool = Spool(REQUESTS.arrow, room)
    for batch in batches:
        others.extend(
            part.select(_STREAM.names)
            for kind in (REJECT, FACT)
            for part in _iterate_parts_of_kind(iter([batch]), kind)
        )
        for part in _iterate_parts_of_kind(iter([batch]), ROW):
            table = _unpack_stream_requests(part)
            survey.add(0, table)
            spool.add(table)
    cutter = PrefixCutter(survey) if survey.grouped_rows else None
    for table in spool.tables():
        yield with_bounded_prompts(table if cutter is None else cutter.cut(table)[0], config)
    room.close()


def pick_texts(config: Config, wanted: set[tuple[str, str]], batches: Batches) -> Batches:
    """Prompts of the wanted requests; runs on an executor."""
    for table in _used_rows(config, batches, []):
        pairs = zip(table["account_id"].to_pylist(), table["request_id"].to_pylist(), strict=True)
        found = table.filter(pa.array([pair in wanted for pair in pairs]))
        if found.num_rows:
            yield packed_batch({"blob": pack_table(found.select(["account_id", "request_id", "prompt"]))})


def packed(kind: int, **columns: bytes) -> pa.RecordBatch:
    """One row of the stream after sketching."""
    batch = packed_batch({name: columns.get(name) for name in PACKED})
    return pa.RecordBatch.from_arrays(
        [pa.array([kind], pa.int8()), *batch.columns], names=["kind", *batch.schema.names]
    )


def settle_batches(batches: Batches) -> Batches:
    """Keep each call of some accounts once; runs on an executor.

    Yields packed sketches, and rejects and facts in packed tables.
    """
    chunks = chunks_of(batches)
    for chunk in chunks:
        if chunk["kind"].as_py() != ROW:
            yield packed(chunk["kind"].as_py(), blob=chunk["blob"].as_py())
    own = [chunk for chunk in chunks if chunk["kind"].as_py() == ROW]
    if not own:
        return
    table = unpack_rows(own, SKETCHES.names).cast(SKETCHES.arrow)
    _key, repeated, shares = settled_rows(table)
    facts = {"repeats": int(repeated.sum()), "settled": int((~repeated).sum()), "shared": int(shares.sum())}
    yield packed(FACT, blob=pack_table(REJECTS.build(source=[""], place=[""], reason=[""], raw=[json.dumps(facts)])))
    table = with_distinct_keys(table, np.unique(request_in_account(table)[shares]))
    for packed_rows in pack_rows(table.filter(pa.array(~repeated)) if repeated.any() else table):
        yield packed(ROW, **packed_rows)
