"""Join logs of the same calls: an edge log's address, a trace's text and a gateway's account become one request.

All rows are written to files with the names of their calls. `match_calls` finds on hashes of the names which rows are
one call, and the SQL engine joins the files, spilling to disk if memory runs out. If two sources know a column, the
earlier one in `SOURCES` wins, except for what only the edge sees at first hand.
"""

import itertools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.base.arrays import I64, U64
from stillhunt.base.engine import Engine
from stillhunt.base.forced_end import remove_at_forced_end
from stillhunt.base.formatting import plural
from stillhunt.base.ids import MOST_ID_BYTES
from stillhunt.base.progress import Advance, Progress
from stillhunt.base.schema import REQUESTS
from stillhunt.collect.decode.records import NO_COUNTERPART, RecordReader
from stillhunt.collect.formats import all_sources
from stillhunt.collect.input_doubts import ProxyCheck
from stillhunt.collect.join.match_calls import (
    CONTENT,
    LINK_KINDS,
    CallIds,
    by_content,
    numbered_within,
    repeats_as_one,
    reused_ids,
    same_calls,
)
from stillhunt.collect.join.spool import HeldRowsRoom, Spool
from stillhunt.collect.normalise.identity import random_words
from stillhunt.collect.normalise.standardise import Rules, standardise_requests
from stillhunt.collect.values.fields import REQUEST_FIELDS, UNKNOWN_MODEL, RawBatch
from stillhunt.collect.values.kernels import KEYS, hash_rows
from stillhunt.collect.values.rejects import Rejects
from stillhunt.collect.values.strings import short_strings, text_buffers

FIRST_HAND_AT_THE_EDGE = (
    *("client_ip", "client_prefix", "asn", "asn_name", "ip_kind", "country", "user_agent"),
    *("tls_fingerprint", "status"),
)
"""Columns in which a source of role `edge` is more reliable than the gateway behind it."""
ORIGIN_COLUMNS = ("source", "origin_file", "origin_row")
WANTED_FIELDS = (*REQUEST_FIELDS, "account_fallback", "links")
_ROLES = {"calls": 0, "edge": 1, "parts": 2}
_EXTRA_COLUMNS = pa.schema([("row", pa.int64()), ("fallback", pa.string()), ("addressed", pa.bool_())])
"""Columns beside those of REQUESTS: number of the row, stand-in for a missing account, whether that is its address."""
_FILE_ROWS = 1 << 16
_KIND = {kind: place for place, kind in enumerate(LINK_KINDS)}


def joinable(readers: Mapping[int, object]) -> frozenset[int]:
    """Inputs whose rows may be parts of calls that an input of another source records as well."""
    known = {index: reader for index, reader in readers.items() if isinstance(reader, RecordReader)}
    partners = set()
    for (a, one), (b, other) in itertools.combinations(sorted(known.items()), 2):
        if one.source.name != other.source.name and set(one.source.links) & set(other.source.links):
            partners |= {a, b}
    return frozenset(partners)


@dataclass
class _Log:
    """Rows of one source, in one file."""

    rank: int
    role: str
    path: Path
    rows: int = 0


@dataclass
class JoinedLogs:
    """Joined calls, rows that cannot be used and addresses of all rows, each by index of the input.

    `ambiguous` counts rows that were not joined because their names led to several calls of one source.
    """

    spools: dict[int, Spool]
    rejects: dict[int, Rejects]
    proxy_checks: dict[int, ProxyCheck]
    ambiguous: int = 0


def join_logs(
    readers: Mapping[int, RecordReader], rules: Rules, engine: Engine, progress: Progress, room: HeldRowsRoom
) -> JoinedLogs:
    """Read logs of the same calls, by index of the input, and join them; `passed_over` is complete afterwards.

    `room`: for the spools of the joined calls.
    """
    with tempfile.TemporaryDirectory(prefix="stillhunt-join-") as folder:
        remove_at_forced_end(Path(folder))
        join = _Join(readers, rules, engine, Path(folder))
        with progress.stage("joining logs of the same calls", None, "rows") as advance:
            join.read(advance)
            joined = join.joined(room)
    if joined.ambiguous:
        rows = plural(joined.ambiguous, "row")
        progress.note(f"{rows} of joined logs matched several calls each and were not joined")
    return joined


def inputs_with_repeats(
    readers: Mapping[int, RecordReader], spools: Mapping[int, Spool], *, separately: bool
) -> list[frozenset[int]]:
    """Groups of inputs to join among themselves, or `separately`: ids of several calls, or several rows of one."""
    groups: dict[tuple[str, int], list[int]] = {}
    for index, reader in sorted(readers.items()):
        if reader.source.links and reader.source.role != "parts":
            groups.setdefault((reader.source.name, index if separately else -1), []).append(index)
    found = []
    for members in groups.values():
        ids = CallIds()
        for index in members:
            for table in spools[index].tables():
                ids.note(table, 0, index)
        if ids.repeated():
            found.append(frozenset(members))
    return found


class _Join:
    """One join of several logs: `read` them all, then ask for `joined`."""

    def __init__(self, readers: Mapping[int, RecordReader], rules: Rules, engine: Engine, folder: Path) -> None:
        self._readers, self._rules, self._engine, self._folder = readers, rules, engine, folder
        self._rejects: dict[int, Rejects] = {index: Rejects() for index in readers}
        self._proxy_checks: dict[int, ProxyCheck] = {index: ProxyCheck() for index in readers}
        self._secret = random_words(KEYS)
        self._logs: list[_Log] = []
        self._names: list[U64] = []
        self._kinds: list[I64] = []
        self._named: list[I64] = []
        self._ids = CallIds(self._secret)
        self._rows = 0

    def read(self, advance: Advance) -> None:
        """Read all inputs to their end."""
        order = [source.name for source in all_sources()]
        schema = pa.schema(
            [(field.name, field.type) for field in (*REQUESTS.arrow, *_EXTRA_COLUMNS)]
        )  # all may be null

        def place(index: int) -> int:
            return order.index(self._readers[index].source.name)

        for rank, group in itertools.groupby(sorted(self._readers, key=lambda i: (place(i), i)), key=place):
            members = list(group)
            source = self._readers[members[0]].source
            log = _Log(_ROLES[source.role] * len(order) + rank, source.role, self._folder / f"{source.name}.parquet")
            self._logs.append(log)
            with pq.ParquetWriter(log.path, schema, compression="lz4") as writer:
                for index in members:
                    reader = self._readers[index]
                    reader.joined, reader.by_address = True, 0
                    for raw in reader.batches(WANTED_FIELDS, self._rejects[index]):
                        self._proxy_checks[index].note(raw)
                        table = self._note_call_rows(raw, log, self._rejects[index])
                        writer.write_table(table.cast(schema), _FILE_ROWS)
                        advance(raw.rows)

    def _note_call_rows(self, raw: RawBatch, log: _Log, rejects: Rejects) -> pa.Table:
        """Checked rows with their numbers; hashes of the names of their calls are kept."""
        table = standardise_requests(raw, self._rules, rejects, required=())
        # Rejected rows are missing from the table; the others are found by their number within the input.
        kept = np.searchsorted(raw.origin_rows, table.column("origin_row").to_numpy())
        rows = np.arange(self._rows, self._rows + table.num_rows, dtype=np.int64)
        links = raw.columns.get("links")
        values = links if isinstance(links, list) else [None] * raw.rows
        counts = np.array([len(values[i] or ()) for i in kept], np.int64)
        found = [str(name) for i in kept for name in values[i] or ()]
        flat = _text_array(found, pa.large_string())
        hashes = np.zeros(len(flat), np.uint64)
        hash_rows(*text_buffers(flat), self._secret, hashes)
        self._names.append(hashes)
        kinds = np.array([_KIND[name.partition(":")[0]] for name in found], np.int64)
        self._kinds.append(kinds)
        named, answers = np.repeat(rows, counts), np.zeros(table.num_rows, np.uint64)
        self._named.append(named)
        of_answers = kinds == _KIND["response"]
        answers[named[of_answers] - self._rows] = hashes[of_answers] | np.uint64(1)
        self._ids.note(table, log.rank, raw.origin_file, answers)
        self._rows += table.num_rows
        log.rows += table.num_rows
        stands, addresses = (_list_column_values(raw, name) for name in ("account_fallback", "client_ip"))
        fallback, _changes, _broken = short_strings([stands[i] for i in kept], MOST_ID_BYTES)
        addressed = pa.array([None if stands[i] is None else stands[i] == addresses[i] for i in kept], pa.bool_())
        for name, values in (("row", pa.array(rows)), ("fallback", fallback), ("addressed", addressed)):
            table = table.append_column(name, values)
        return table

    def joined(self, room: HeldRowsRoom) -> JoinedLogs:
        """The calls; to be called once, after `read`."""
        ids, attributes = self._ids.arrays()
        names = np.concatenate([*self._names, np.zeros(0, np.uint64)])
        kinds, named = (np.concatenate([*parts, np.zeros(0, np.int64)]) for parts in (self._kinds, self._named))
        call, _first, _rows = repeats_as_one(ids, attributes)
        content, rows = by_content(attributes)
        names, named = np.concatenate([names, content]), np.concatenate([named, rows])
        kinds = np.concatenate([kinds, np.full(rows.size, _KIND[CONTENT])])
        calls = same_calls(names, kinds, named, call, attributes)
        reused = reused_ids(ids, attributes, call)
        numbered = {
            "row": np.arange(ids.size),
            "representative": calls.representative,
            "repeated": calls.repeated,
            "reused": reused,
            "number": numbered_within(ids, attributes, reused),
        }
        self._engine.register("calls", pa.table(numbered))
        spools = {i: Spool(REQUESTS.arrow, room) for i in self._readers}
        result = JoinedLogs(spools, self._rejects, self._proxy_checks, calls.ambiguous)
        ranked = sorted((log for log in self._logs if log.rows), key=lambda log: log.rank)
        for log in ranked:
            statement = _build_join_statement(log, ranked)
            for batch in self._engine.stream(statement, purpose="joining logs of the same calls"):
                self._hand_out_calls(pa.Table.from_batches([batch]), log, result)
        return result

    def _hand_out_calls(self, table: pa.Table, log: _Log, result: JoinedLogs) -> None:
        """Give calls to their inputs; rows that only complete calls and matched none are passed over."""
        table = self._fill_missing_times(table)
        useless = pc.or_(pc.is_null(table["account_id"]), pc.is_null(table["timestamp"]))
        if log.role == "parts":
            useless = pa.array(np.ones(table.num_rows, np.bool_))
        lost = table.filter(useless)
        for index, reason, account in zip(
            *_explain_lost_rows(lost, log.role), lost["account_id"].to_pylist(), strict=True
        ):
            if log.role == "calls":
                result.rejects[index].add(self._readers[index].name, "a call", reason, account=account)
            else:
                self._readers[index].passed_over[reason] += 1
        table = table.filter(pc.invert(useless))
        model = pc.fill_null(table["model"], UNKNOWN_MODEL)
        table = table.set_column(table.schema.get_field_index("model"), "model", model)
        for index in pc.unique(table["origin_file"]).to_pylist():
            part = table.filter(pc.equal(table["origin_file"], index))
            self._readers[index].by_address += pc.sum(part["by_address"]).as_py() or 0
            result.spools[index].add(part.select(REQUESTS.names).cast(REQUESTS.arrow).combine_chunks())

    def _fill_missing_times(self, table: pa.Table) -> pa.Table:
        """Calls without a time take that of their file, if their format says so."""
        files = {i: reader.changed() for i, reader in self._readers.items() if reader.source.nameless}
        if not files:
            return table
        stamps = pa.array([files.get(i) for i in table["origin_file"].to_pylist()], pa.timestamp("us", "UTC"))
        place = table.schema.get_field_index("timestamp")
        return table.set_column(place, "timestamp", pc.coalesce(table["timestamp"], stamps))


def _explain_lost_rows(table: pa.Table, role: str) -> tuple[list[int], list[str]]:
    """Input of each row that is not a call, and the reason."""
    inputs = table["origin_file"].to_pylist()
    if role != "calls":
        return inputs, [NO_COUNTERPART] * len(inputs)
    accounts = table["account_id"].is_null().to_pylist()
    return inputs, [f"{'account_id' if account else 'timestamp'}: required value is missing" for account in accounts]


def _list_column_values(raw: RawBatch, name: str) -> list[Any]:
    values = raw.columns.get(name)
    return [None] * raw.rows if values is None else values if isinstance(values, list) else values.to_pylist()


def _text_array(values: Sequence[str | None], kind: pa.DataType) -> pa.Array:
    """Texts as an array; a lone surrogate, which UTF-8 cannot hold, becomes a question mark."""
    try:
        return pa.array(values, kind)
    except UnicodeError:
        return pa.array([v if v is None else v.encode("utf-8", "replace").decode() for v in values], kind)


def _quote_sql_path(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _build_join_statement(log: _Log, logs: list[_Log]) -> str:
    """SQL for the rows of one log that represent their calls, completed from other logs and from repeats."""
    own = [("h", log), ("r", log)]
    parts = [*own, *((f"p{n}", other) for n, other in enumerate(logs) if other is not log)]
    ranked = sorted(parts, key=lambda pair: pair[1].rank)
    at_edge = sorted(parts, key=lambda pair: (pair[1].role != "edge", pair[1].rank))
    # Without a gateway's log, an edge log is hunted by address; beside one, its other rows are not calls.
    by_address = log.role == "calls" or all(other.role != "calls" for other in logs)
    columns = []
    for name in REQUESTS.names:
        order = at_edge if name in FIRST_HAND_AT_THE_EDGE else ranked
        if name == "request_id":
            columns.append(
                "CASE WHEN NOT o.reused THEN h.request_id WHEN o.number = 0 "
                "THEN h.request_id || '@' || epoch_us(h.timestamp) "
                "ELSE h.request_id || '@' || epoch_us(h.timestamp) || '.' || o.number END AS request_id"
            )
            continue
        if name in ORIGIN_COLUMNS:
            columns.append(f"h.{name} AS {name}")
            continue
        values = [f"{alias}.{name}" for alias, _ in order]
        if name == "account_id" and by_address:
            values += [f"{alias}.fallback" for alias, _ in order]
        columns.append(f"coalesce({', '.join(values)}) AS {name}")
    accounts, stands = ([f"{alias}.{name}" for alias, _ in ranked] for name in ("account_id", "addressed"))
    stands_for_it = f"coalesce({', '.join(accounts)}) IS NULL AND coalesce({', '.join(stands)}, false)"
    columns.append(f"{stands_for_it if by_address else 'false'} AS by_address")
    joins = " ".join(
        f"LEFT JOIN ({_completing_rows(other)}) {alias} ON {alias}.call = h.row" for alias, other in parts[1:]
    )
    return (
        f"SELECT {', '.join(columns)} FROM read_parquet({_quote_sql_path(log.path)}) h "  # noqa: S608  # own names and files
        f"JOIN calls o ON h.row = o.row {joins} WHERE o.representative = o.row ORDER BY h.row"
    )


def _completing_rows(log: _Log) -> str:
    """SQL for one row per call that a log completes; of repeated rows the first that has a value."""
    names = [name for name in REQUESTS.names if name not in ORIGIN_COLUMNS] + ["fallback", "addressed"]
    path = _quote_sql_path(log.path)
    rows = f"FROM read_parquet({path}) r JOIN calls n ON r.row = n.row WHERE n.representative <> n.row"
    one = ", ".join(f"r.{name}" for name in names)
    merged = ", ".join(f"arg_min(r.{name}, r.row) AS {name}" for name in names)
    return (
        f"SELECT n.representative AS call, {one} {rows} AND NOT n.repeated UNION ALL "  # own names and files
        f"SELECT n.representative AS call, {merged} {rows} AND n.repeated GROUP BY n.representative"
    )
