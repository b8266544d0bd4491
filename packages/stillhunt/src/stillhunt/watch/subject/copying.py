"""A copy of what a data folder holds on one account, for its owner: of this account alone, without names of staff."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from google.protobuf.json_format import MessageToDict

from stillhunt.base.errors import OutputError
from stillhunt.triage import Case
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt.watch.subject.holdings import Search, holdings_beside, parts_in_time, subject_ids
from stillhunt.watch.subject.records import read_export_entry, split_part
from stillhunt.watch.subject.rows import all_tables, own_rows

LEFT_OUT = (
    "Left out: records that hold calls of others, too; names and notes of staff; alerts, cases and audit, which are "
    "about others as well; earlier snapshots, which say the same of earlier times; logs and backups outside."
)
_OF_STAFF = frozenset(("author", "by", "decided_by", "note", "digest", "before"))


def copy_holdings(search: Search, out: Path) -> dict[str, int]:
    """Write a copy of what is held on an account into a new folder.

    Returns:
        File -> how many rows or records are in it; `shared records` are those that hold calls of others and stay out.

    Raises:
        OutputError: the folder is there, or cannot be written.
        CaseError: the latest snapshot is damaged.
    """
    try:
        out.mkdir(mode=0o700, parents=True)
        records, shared = _own_records(search)
        counts = {"records.jsonl": _write_lines(out / "records.jsonl", records)}
        for table, rows in own_rows(search.database, search.account).items():
            told = [{name: value for name, value in row.items() if name not in _OF_STAFF} for row in rows]
            counts[f"{table}.jsonl"] = _write_lines(out / f"{table}.jsonl", told)
        for table, found in _snapshot_rows(search):
            counts[f"snapshot_{table}.jsonl"] = _write_lines(out / f"snapshot_{table}.jsonl", found)
        for held in holdings_beside(search, ()):
            if held.rows:
                counts[f"{held.store}.jsonl"] = _write_lines(out / f"{held.store}.jsonl", held.rows)
        about = {"account": search.account, "made_at": search.now, "holds": counts, "left_out": LEFT_OUT}
        _write_lines(out / "about.json", [{**about, "shared_records": shared}])
    except OSError as error:
        raise OutputError(
            f"the copy cannot be written: {error.strerror or 'an error of the disk'}",
            where=str(out),
            next_step="name a folder that does not exist yet, on a disk with room",
        ) from error
    return {**counts, "shared records": shared}


def _own_records(search: Search) -> tuple[list[Any], int]:
    """Records that are the account's as a whole, and how many hold calls of others, too."""
    ids, found, shared = subject_ids(search), list[Any](), 0
    for path, _, _ in parts_in_time(search.folder, search.now):
        for record, kept, own in split_part(path, ids):
            shared += bool(own and kept)
            if own and not kept:
                found.append(_read_record(path, record))
    return found, shared


def _read_record(path: Path, record: bytes) -> Any:
    try:
        return MessageToDict(read_export_entry(path, record)) if ".pb" in path.name else json.loads(record)
    except ValueError:
        return record.decode("utf-8", "replace")


def _snapshot_rows(search: Search) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    latest = latest_snapshot(search.folder)
    if latest is None:
        return
    for name, table in all_tables(Case.read(latest.case)).items():
        if "account_id" in table.column_names:
            own = table.filter(pc.equal(table["account_id"], search.account))
            if own.num_rows:
                yield name, own.to_pylist()


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any] | Any]) -> int:
    lines = [json.dumps(row, ensure_ascii=False, default=_as_text) for row in rows]
    with path.open("x", encoding="utf-8") as file:
        path.chmod(0o600)
        file.writelines(f"{line}\n" for line in lines)
    return len(lines)


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
