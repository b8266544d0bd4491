"""What the database says of one account, and what of it is erased.

The decision log stays whole: each entry has the hash of the one before, so that a changed or missing one shows, and it
is the record by which a customer can contest what was done to them. The audit stays: it says who looked at whom.
"""

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Table, delete, select, update

from stillhunt.base.errors import CaseError
from stillhunt.base.schema import REMEMBERED
from stillhunt.base.table_files import parquet_bytes
from stillhunt.triage import Case
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import (
    ALERTS,
    APPEALS,
    CAMPAIGN_EVENTS,
    CAMPAIGN_MEMBERS,
    CAMPAIGN_ROWS,
    DECISIONS,
    LINKED_ACCOUNTS,
    LINKED_SENDERS,
)
from stillhunt.watch.database.tables_console import AUDIT, CASE_EVENTS, CASES, SAVED_FILTERS
from stillhunt.watch.early_signs.signs import SIGNS_FILE, read_signs, signs_as_json
from stillhunt.watch.folder import sync_folder, sync_path
from stillhunt.watch.follow_ups import FOLLOW_UPS_FILE, follow_ups_as_json, read_follow_ups
from stillhunt.watch.rule_rows import RULE_FILES, RuleRows, read_rule_rows, rule_files
from stillhunt.watch.snapshots import CASE, CHECKSUMS_FILE, REMEMBERED_FILE, Snapshot, write_checksums
from stillhunt.watch.subject.records import Mentions

Row = Mapping[str, Any]
CHAINED = "entries of the decision log are chained by hashes; one that is taken out breaks the chain"
WHO_LOOKED = "the audit says who looked at whom; rows are added and never changed"
OPEN_APPEAL = "the appeal is open: decide it first"


@dataclass(frozen=True)
class RowOfAccount:
    """A row about an account."""

    table: str
    key: tuple[Any, ...]
    # first, last: the time that it is about, microseconds since 1970; what a hold is compared with
    first: int
    last: int
    stays: str  # why it is not erased; "" where it is


@dataclass(frozen=True)
class _Kind:
    table: Table
    columns: tuple[str, ...]  # texts that may name the account; empty where account_id says it
    span: Callable[[Row], tuple[int, int]]
    stays: Callable[[Row], str] = lambda _row: ""
    holds: Callable[[Row], bool] = lambda _row: True  # whether there is anything left to erase


def _make_moment_span(column: str) -> Callable[[Row], tuple[int, int]]:
    return lambda row: (row[column], row[column])


_KINDS = (
    _Kind(CAMPAIGN_MEMBERS, (), lambda row: (row["first_seen"] or 0, row["last_seen"] or 0)),
    _Kind(LINKED_ACCOUNTS, (), _make_moment_span("at")),
    _Kind(LINKED_SENDERS, (), _make_moment_span("at")),
    _Kind(DECISIONS, (), lambda row: (row["made_at"], row["expires_at"]), lambda _row: CHAINED),
    _Kind(
        APPEALS,
        (),
        lambda row: (row["filed_at"], max(row["filed_at"], row["decided_at"] or row["due_at"])),
        lambda row: OPEN_APPEAL if row["status"] == "open" else "",
        lambda row: bool(row["text"] or row["note"]),
    ),
    _Kind(ALERTS, ("body",), _make_moment_span("at")),
    _Kind(CAMPAIGN_EVENTS, ("others", "reason"), _make_moment_span("at")),
    _Kind(CASES, ("labels", "narrative"), lambda row: (row["opened_at"], row["changed_at"])),
    _Kind(CASE_EVENTS, ("note", "before", "after"), _make_moment_span("at")),
    _Kind(SAVED_FILTERS, ("name", "query"), _make_moment_span("made_at")),
    _Kind(AUDIT, ("about",), _make_moment_span("at"), lambda _row: WHO_LOOKED),
)
_DELETED = (CAMPAIGN_MEMBERS, LINKED_ACCOUNTS, LINKED_SENDERS, ALERTS, SAVED_FILTERS)
"""Tables whose rows go as a whole; of others, the words go."""


def database_rows(database: WatchDatabase, account: str) -> list[RowOfAccount]:
    """Rows about an account, or that name it, by table and key; none of which nothing is left to erase."""
    found = []
    for kind in _KINDS:
        names = [column.name for column in kind.table.primary_key.columns]
        rows = [
            RowOfAccount(kind.table.name, tuple(row[name] for name in names), *kind.span(row), kind.stays(row))
            for row in _find_account_rows(database, kind, account)
        ]
        found += sorted(rows, key=lambda row: repr(row.key))
    return found


def own_rows(database: WatchDatabase, account: str) -> dict[str, list[Row]]:
    """Table -> rows that are about an account alone, and not only name it."""
    kinds = [kind for kind in _KINDS if not kind.columns]
    return {kind.table.name: _find_account_rows(database, kind, account) for kind in kinds}


def erase_row(connection: Connection, table: str, key: Sequence[Any], account: str) -> None:
    """Delete a row, or take the words about an account out of it."""
    kind = next(one for one in _KINDS if one.table.name == table)
    mine = [column == value for column, value in zip(kind.table.primary_key.columns, key, strict=True)]
    if kind.table in _DELETED:
        connection.execute(delete(kind.table).where(*mine))
        return
    if kind.table is APPEALS:
        connection.execute(update(APPEALS).where(*mine).values(text="", note=""))
        return
    row = connection.execute(select(kind.table).where(*mine)).mappings().one()
    mentions = Mentions(account)
    values = {name: mentions.removed_from(row[name]) for name in kind.columns}
    connection.execute(update(kind.table).where(*mine).values(**values))


def _find_account_rows(database: WatchDatabase, kind: _Kind, account: str) -> list[Row]:
    table, mentions = kind.table, Mentions(account)
    if not kind.columns:
        statement = select(table).where(table.c.account_id == account)
        if table is CAMPAIGN_MEMBERS:
            times = (CAMPAIGN_ROWS.c.first_seen, CAMPAIGN_ROWS.c.last_seen)
            joined = CAMPAIGN_ROWS.c.campaign_id == table.c.campaign_id
            statement = select(table, *times).join(CAMPAIGN_ROWS, joined).where(table.c.account_id == account)
        return [row for row in database.read(statement) if kind.holds(row)]
    if table is SAVED_FILTERS:  # its query is what stands in a URL
        forms = {account, quote(account, safe=""), quote_plus(account)}
        return [row for row in database.read(select(table)) if any(form in row["query"] for form in forms)]
    rows = database.read(select(table))
    return [row for row in rows if any(mentions.found_in(row[name] or "") for name in kind.columns)]


_EXCHANGE, _HERE = 2, -100  # RENAME_EXCHANGE of Linux, and AT_FDCWD: paths count from the working folder


def all_tables(case: Case) -> dict[str, pa.Table]:
    """All tables of a case, those that only readers need as well."""
    return {**{name: case.tables[name] for name in case.tables}, **case.views}


def rows_naming(snapshot: Snapshot, account: str) -> dict[str, int]:
    """How many rows of each table and file of a snapshot name an account. Raises CaseError: it cannot be read."""
    tables = all_tables(Case.read(snapshot.case))
    requests = _requests_of(tables, account)
    found = {}
    for name, table in tables.items():
        kept = _keep_rows_of_others(name, table, tables, account)
        changed = len(_changed_rows(kept, account, requests)) if kept.num_rows else 0
        found[name] = table.num_rows - kept.num_rows + changed
    found[SIGNS_FILE] = sum(
        account in sign.accounts or Mentions(account).found_in(sign.statement) for sign in read_signs(snapshot.path)
    )
    found[FOLLOW_UPS_FILE] = int(account in (read_follow_ups(snapshot.path) or {}))
    files = dict(zip(RULE_FILES, read_rule_rows(snapshot), strict=True))
    try:
        files[REMEMBERED_FILE] = snapshot.remembered()
    except CaseError:  # it may name the account, so it goes as a whole
        found[f"{REMEMBERED_FILE} (cannot be read)"] = 1
    found |= {name: pc.sum(pc.equal(table["account_id"], account)).as_py() or 0 for name, table in files.items()}
    return {name: rows for name, rows in found.items() if rows}


def rewrite_snapshot(snapshot: Snapshot, account: str) -> None:
    """Put a snapshot without an account in its place, in one step for every reader.

    Numbers of campaigns stay as they were found: they say how many, not who.

    Raises:
        CaseError: the snapshot cannot be read.
        OSError: it cannot be written; the snapshot is as it was.
    """
    case = Case.read(snapshot.case)
    tables = all_tables(case)
    requests = _requests_of(tables, account)
    left = {name: _erase_account_from_table(name, table, tables, account, requests) for name, table in tables.items()}
    hidden = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=snapshot.path.parent))
    try:
        views = {name: left.pop(name) for name in case.views}
        Case(left, run=case.run, **views).write(hidden / CASE)
        for path in snapshot.path.iterdir():
            if path.is_file() and not path.is_symlink() and path.name != CHECKSUMS_FILE:
                (hidden / path.name).write_bytes(_file_without(path, snapshot, account))
        write_checksums(hidden)
        shutil.copystat(snapshot.path, hidden)
        for path in (*hidden.rglob("*"), hidden):
            sync_path(path)
        _exchange_folders(hidden, snapshot.path)
        sync_folder(snapshot.path.parent)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _file_without(path: Path, snapshot: Snapshot, account: str) -> bytes:
    if path.name == SIGNS_FILE:
        signs = [
            msgspec.structs.replace(
                sign,
                accounts=[one for one in sign.accounts if one != account],
                statement=Mentions(account).removed_from(sign.statement),
            )
            for sign in read_signs(snapshot.path)
        ]
        return signs_as_json([sign for sign in signs if sign.accounts])
    if path.name == FOLLOW_UPS_FILE:
        counts = read_follow_ups(snapshot.path) or {}
        return follow_ups_as_json({name: count for name, count in counts.items() if name != account})
    if path.name in RULE_FILES:
        kept = (one.filter(pc.not_equal(one["account_id"], account)) for one in read_rule_rows(snapshot))
        return rule_files(RuleRows(*kept))[path.name]
    if path.name == REMEMBERED_FILE:
        groups = REMEMBERED.empty()  # where what was kept cannot be read
        with suppress(CaseError):
            groups = snapshot.remembered()
        return parquet_bytes(groups.filter(pc.not_equal(groups["account_id"], account)))
    return path.read_bytes()


def _exchange_folders(new: Path, old: Path) -> None:
    """Swap two folders in one step where the system can, so that no reader sees neither; else file by file."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None, use_errno=True)
        if hasattr(library, "renameat2") and not library.renameat2(
            _HERE, os.fsencode(new), _HERE, os.fsencode(old), _EXCHANGE
        ):
            return
    for path in sorted(new.rglob("*")):
        if path.is_file():
            path.replace(old / path.relative_to(new))


def _requests_of(tables: Mapping[str, pa.Table], account: str) -> pa.Array:
    """Ids of the account's requests, as far as the tables tell them."""
    harvest = tables["harvest"]
    own = [harvest.filter(pc.is_in(harvest["slice_id"], value_set=_slices_of(tables, account)))["request_id"]]
    for name in ("cited", "samples"):
        table = tables[name]
        own.append(table.filter(pc.equal(table["account_id"], account))["request_id"])
    own.append(pa.chunked_array([_not_of_others(tables, account)]))
    return pc.unique(pa.chunked_array([chunk for column in own for chunk in column.chunks], pa.string()))


def _not_of_others(tables: Mapping[str, pa.Table], account: str) -> pa.Array:
    """Requests that evidence about the account's campaigns and groups cites, and that no table says are another's.

    Of groups left alone (verdict none), no table tells who sent a request that is cited: all of theirs are taken.
    """
    evidence, members = tables["evidence"], tables["members"]
    groups = pc.unique(members.filter(pc.equal(members["account_id"], account))["campaign_id"])
    about = pc.and_(pc.is_in(evidence["campaign_id"], value_set=groups), pc.is_null(evidence["account_id"]))
    cited = pc.unique(pc.list_flatten(evidence.filter(about)["request_ids"]))
    of_others = [_keep_rows_of_others(name, tables[name], tables, account) for name in ("harvest", "cited", "samples")]
    known = [table["request_id"] for table in of_others]
    known.append(pc.list_flatten(evidence.filter(pc.not_equal(evidence["account_id"], account))["request_ids"]))
    others = pa.chunked_array([chunk for column in known for chunk in column.chunks], pa.string())
    return cited.filter(pc.invert(pc.is_in(cited, value_set=others)))


def _slices_of(tables: Mapping[str, pa.Table], account: str) -> pa.Array:
    slices = tables["slices"]
    return slices.filter(pc.equal(slices["account_id"], account))["slice_id"].combine_chunks()


def _keep_rows_of_others(name: str, table: pa.Table, tables: Mapping[str, pa.Table], account: str) -> pa.Table:
    """The rows of a table that are not about the account."""
    if name == "harvest":
        return table.filter(pc.invert(pc.is_in(table["slice_id"], value_set=_slices_of(tables, account))))
    if "account_id" not in table.column_names:
        return table
    return table.filter(pc.fill_null(pc.not_equal(table["account_id"], account), fill_value=True))


def _erase_account_from_table(
    name: str, table: pa.Table, tables: Mapping[str, pa.Table], account: str, requests: pa.Array
) -> pa.Table:
    """A table without the rows about the account, and with other rows that name it or its requests changed."""
    kept = _keep_rows_of_others(name, table, tables, account)
    changed = _changed_rows(kept, account, requests)
    if not changed:
        return kept
    own, places = set(requests.to_pylist()), set(changed)
    for place, column in enumerate(kept.column_names):
        if column in ("account_id", "request_id") or not _holds_text(kept.schema.field(column).type):
            continue
        values = kept[column].to_pylist()
        for row in places:
            values[row] = _value_without(column, values[row], account, own)
        kept = kept.set_column(place, kept.schema.field(column), pa.array(values, kept.schema.field(column).type))
    return kept


def _value_without(column: str, value: Any, account: str, requests: set[str]) -> Any:
    if isinstance(value, list):
        if column == "request_ids":
            return [one for one in value if one not in requests]
        return [_value_without(column, one, account, requests) for one in value]
    return Mentions(account).removed_from(value) if isinstance(value, str) else value


def _changed_rows(table: pa.Table, account: str, requests: pa.Array) -> list[int]:
    """Rows about others in which the account is named, or one of its requests."""
    places: set[int] = set()
    for column in table.column_names:
        kind = table.schema.field(column).type
        if not _holds_text(kind) or column in ("account_id", "request_id"):
            continue
        values = table[column].combine_chunks()
        parents = pc.list_parent_indices(values) if pa.types.is_list(kind) else None
        texts = pc.list_flatten(values) if parents is not None else values
        hits = pc.is_in(texts, value_set=requests) if column == "request_ids" else pc.match_substring(texts, account)
        rows = pc.indices_nonzero(pc.fill_null(hits, fill_value=False))
        if column != "request_ids":
            named = [Mentions(account).found_in(text) for text in texts.take(rows).to_pylist()]
            rows = rows.filter(pa.array(named, pa.bool_()))
        places.update((rows if parents is None else parents.take(rows)).to_pylist())
    return sorted(places)


def _holds_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or (pa.types.is_list(kind) and pa.types.is_string(kind.value_type)))
