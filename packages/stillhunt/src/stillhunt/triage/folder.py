"""The case folder on disk: written completely or not at all, with the same bytes for the same findings."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.base import formatting
from stillhunt.base.case_folder import CASE_FILES, REPORT_FILE, RUN_FILE, case_folder_around, is_case_folder
from stillhunt.base.config import is_secret
from stillhunt.base.errors import CaseError, ContractError, OutputError
from stillhunt.base.forced_end import RENAMING, remove_at_forced_end
from stillhunt.base.schema_case import CASE_TABLES, CASE_VERSION, CASE_VIEWS, READABLE_VERSIONS, add_missing_facts
from stillhunt.base.shape import Table

_SHOWN_NAMES = 3
_ELSEWHERE = {"next_step": "choose another folder", "command_step": "name another --out"}


def check_target(folder: Path, *, force: bool) -> Path:
    """Refuse a folder to which no case can be written, without leaving anything behind.

    Args:
        force: replace a case folder that is there; anything that is not one is refused all the same.

    Returns:
        The folder's absolute path; links in it are not followed.

    Raises:
        OutputError: something is there that may not be replaced, or no folder can be made there.
    """
    target = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow a link at the target itself
    check_existing(target, force=force)
    if (case := case_folder_around(target.parent)) is not None:
        raise OutputError("a case is not written into a case folder", where=str(case), **_ELSEWHERE)
    beside = next(parent for parent in target.parents if os.path.lexists(parent))
    try:
        Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=beside)).rmdir()
    except OSError as error:
        raise cannot_be_written(target, error) from error
    return target


def check_existing(target: Path, *, force: bool) -> None:
    """Refuse to replace anything but a case folder that holds its own files only, or an empty folder.

    Raises OutputError: something is there that may not be replaced.
    """
    if not os.path.lexists(target):
        return
    where = str(target)
    if target.is_symlink():
        kind = "link" if target.exists() else "link to nothing"
        raise OutputError(f"this is a {kind}, not a case folder, so it is never replaced", where=where, **_ELSEWHERE)
    if not target.is_dir():
        raise OutputError("this is a file, not a case folder, so it is never replaced", where=where, **_ELSEWHERE)
    try:
        names = {entry.name for entry in target.iterdir()}
    except OSError as error:
        raise cannot_be_written(target, error) from error
    if names and not is_case_folder(target):
        raise OutputError("this is not a case folder, so it is never replaced", where=where, **_ELSEWHERE)
    if foreign := sorted(names - CASE_FILES):
        shown = ", ".join(formatting.shorten(name, 80) for name in foreign[:_SHOWN_NAMES])
        more = f" and {len(foreign) - _SHOWN_NAMES} more" if len(foreign) > _SHOWN_NAMES else ""
        raise OutputError(
            f"the case folder also holds what no hunt wrote ({shown}{more}), so it is never replaced",
            where=where,
            next_step="move that elsewhere, or choose another folder",
            command_step="move that elsewhere, or name another --out",
        )
    if not force:
        raise OutputError(
            "the case folder exists already",
            where=where,
            next_step="choose another folder, or replace it with force=True",
            command_step="name another --out, or add --force",
        )


def cannot_be_written(target: Path, error: OSError) -> OutputError:
    """The error for a case folder that the system does not let us write."""
    return OutputError(
        f"the case folder cannot be written: {error.strerror or error}",
        where=str(target),
        next_step="nothing was left behind; free space or choose another folder",
        command_step="nothing was left behind; free space or choose another folder with --out",
    )


TABLES: dict[str, Table] = {**CASE_TABLES, **CASE_VIEWS}

_ROW_GROUP = 1 << 14
"""Rows. Measured on 6 million harvested requests, against 1 << 17: 50 requests of one account, which lie in 7 to 12 row
groups, take 20 ms in place of 130; the file is 12 % longer."""
_WRITERS = 2
"""Tables written at a time; each holds one row group and the order of its rows."""
_LATE_TABLES = ("slices", "harvest", "cited")  # long ones: opened with the case, read when first asked for

_ORDER = {
    "accounts": "account_id",
    "members": "campaign_id account_id",
    "slices": "slice_id account_id",
    "harvest": "campaign_id timestamp request_id slice_id",
    "campaigns": "-score -requests campaign_id",
    "evidence": "campaign_id of_account account_id -bits family kind statement -request_count cited",
    "operators": "relation operator_id campaign_id",
    "rejects": "source place reason raw",
    "samples": "campaign_id request_id account_id",
    "timeline": "campaign_id bucket",
    "member_details": "campaign_id account_id",
    "addresses": "campaign_id account_id kind -requests hash",
    "cited": "campaign_id account_id timestamp request_id",
    "taken": "campaign_id aspect -requests value",
    "phrases": "campaign_id phrase",
    "origins": "campaign_id aspect -requests value",
}
"""Columns by which each table is sorted; a minus means the largest first."""
_SECRET_NAME = re.compile(r"(?i)key|secret|token|passw|credential")
_REDACTED = "redacted"
DAMAGE = "damage"
"""Field of run.json: sentences on acknowledged requests that are missing or damaged."""
_RUN_PARTS: dict[str, type] = {"settings": dict, "counts": dict, "inputs": list, "coverage": list, DAMAGE: list}


def canonical_order(name: str, table: pa.Table) -> pa.Table:
    """A case table in the order in which it is written, for rows in any order."""
    return table.take(indices) if (indices := _order_indices(name, table)) is not None else table


def _order_indices(name: str, table: pa.Table) -> pa.Array | None:
    """Row numbers in canonical order; None where the table is in that order already."""
    keys = [(key.removeprefix("-"), "descending" if key[0] == "-" else "ascending") for key in _ORDER[name].split()]
    if name == "evidence":
        # rows on the whole campaign come first; joined ids break ties between rows that are otherwise equal
        table = table.append_column("of_account", pc.cast(pc.is_valid(table["account_id"]), pa.int8()))
        table = table.append_column("cited", pc.binary_join(table["request_ids"], " "))
    if table.num_rows < 2:
        return None
    return pc.sort_indices(table.select([column for column, _ in keys]), sort_keys=keys)


def write_folder(
    folder: Path,
    tables: Mapping[str, pa.Table],
    run: Mapping[str, Any],
    report: Callable[[], str],
    *,
    force: bool = False,
) -> Path:
    """Write a case folder: into a hidden folder beside it first, then in place with one rename.

    The folder is readable by its owner only: it holds account ids and excerpts of traffic.

    Args:
        run: content of run.json; the values of secret settings are replaced here, too.
        report: makes the content of report.html; called while the tables are written in threads.
        force: replace a case folder that is there, if it holds nothing but a case's files; never anything else.

    Raises:
        OutputError: it exists, the disk is full, or permission is missing; nothing incomplete stays behind.
    """
    target = check_target(folder, force=force)
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
        remove_at_forced_end(temporary)
        _fill_folder(temporary, tables, run, report)
        _sync_folder(temporary)
        with RENAMING:
            _put_in_place(temporary, target, force=force)
        _sync_folder(target.parent)
    except OSError as error:
        raise cannot_be_written(target, error) from error
    finally:
        if temporary is not None and temporary.exists():
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _fill_folder(
    folder: Path, tables: Mapping[str, pa.Table], run: Mapping[str, Any], report: Callable[[], str]
) -> None:
    """Write all files; the longest tables first, in threads beside the report."""
    names = sorted(TABLES, key=lambda name: -tables[name].num_rows)
    with ThreadPoolExecutor(_WRITERS, "stillhunt-write") as pool:
        written = [pool.submit(_write_table, folder / f"{name}.parquet", name, tables[name]) for name in names]
        try:
            record = json.dumps(public_run(run), indent=2, sort_keys=True, ensure_ascii=True)
            _write_text(folder / RUN_FILE, record + "\n")
            _write_text(folder / REPORT_FILE, report())
            for one in written:
                one.result()
        finally:
            for one in written:
                one.cancel()


def _put_in_place(temporary: Path, target: Path, *, force: bool) -> None:
    """Rename the finished folder; an old one is moved aside and removed only when the new one is in place."""
    check_existing(target, force=force)  # another hunt may have written it meanwhile
    if not force:
        temporary.rename(target)  # fails by itself if there is something now
        return
    aside: Path | None = None
    try:
        if os.path.lexists(target):
            aside = temporary.with_suffix(".old")
            target.rename(aside)
        temporary.rename(target)
    except BaseException:  # also an interrupt between the two renames: the old case must come back
        if aside is not None and aside.exists() and not target.exists():
            aside.rename(target)
        raise
    if aside is not None:
        remove_at_forced_end(aside)  # from here on: until now it may have been the only case
        shutil.rmtree(aside, ignore_errors=True)


def _write_table(path: Path, name: str, table: pa.Table) -> None:
    table = TABLES[name].check(table).replace_schema_metadata(None)
    indices = _order_indices(name, table)
    with path.open("wb") as handle:
        with pq.ParquetWriter(handle, TABLES[name].arrow, compression="zstd") as writer:
            for start in range(0, table.num_rows, _ROW_GROUP):
                # one row group at a time: the table is never in memory twice, and pages do not
                # depend on how the rows were chunked
                places = None if indices is None else indices.slice(start, _ROW_GROUP)
                rows = table.slice(start, _ROW_GROUP) if places is None else table.take(places)
                writer.write_table(rows.combine_chunks(), row_group_size=_ROW_GROUP)
        handle.flush()
        os.fsync(handle.fileno())


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the folder's entries survive a power cut, where the file system supports it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def public_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """The run's record without the values of secret settings."""
    return {**run, "settings": _without_secrets(run.get("settings", {}), "")}


def _without_secrets(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_secrets(part, f"{name}.{key}" if name else str(key)) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(part, name) for part in value]
    if isinstance(value, str) and value and (is_secret(name) or _SECRET_NAME.search(name.rpartition(".")[2])):
        return _REDACTED
    return value


class StoredTables(Mapping[str, pa.Table]):
    """The tables of a case folder; the long ones are read when first asked for.

    All files are opened and their columns checked at once, so a damaged folder is found early, and a case
    that is replaced on disk stays readable to those who opened it before.

    Args:
        hold: makes of each table that is read at once the same table as it is kept.

    Raises:
        CaseError: a file is missing, is no Parquet, or has other columns than declared.
    """

    def __init__(
        self, folder: Path, names: tuple[str, ...], hold: Callable[[pa.Table], pa.Table] | None = None
    ) -> None:
        self._folder, self._hold = folder, hold
        self._files = {name: self._guard_table_access(name, partial(self._open_stored_table, name)) for name in names}
        self._read = {name: self.read_again(name) for name in names if name not in _LATE_TABLES}

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self._read:
            self._read[name] = self.read_again(name)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def _open_stored_table(self, name: str) -> pq.ParquetFile:
        file = pq.ParquetFile(self._folder / f"{name}.parquet", pre_buffer=False)
        TABLES[name].check(add_missing_facts(file.schema_arrow.empty_table()))
        return file

    def read_again(self, name: str) -> pa.Table:
        """A table, which is not kept; see the class for what is raised."""
        return self._guard_table_access(name, partial(self._read_checked, name))

    def _read_checked(self, name: str) -> pa.Table:
        # without threads: each would keep room for what it decoded, 50 MB for a case of 50,000 accounts
        table = TABLES[name].check(add_missing_facts(self._files[name].read(use_threads=name in _LATE_TABLES)))
        table.validate(full=True)  # text that is not UTF-8 would fail later, far from its cause
        return table if self._hold is None or name in _LATE_TABLES else self._hold(table)

    def _guard_table_access(self, name: str, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (OSError, pa.ArrowException, ContractError) as error:
            raise CaseError(
                f"the case folder is damaged: {error}",
                where=str(self._folder / f"{name}.parquet"),
                next_step="run the hunt again, or restore the folder",
            ) from error


def read_run(folder: Path) -> dict[str, Any]:
    """The content of run.json; a CaseError if there is no case folder, or one of another version."""
    path = folder / RUN_FILE
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CaseError(
            "this is not a case folder: run.json is missing or unreadable",
            where=str(folder),
            next_step="Case.write writes one",
            command_step="'stillhunt hunt LOGS --out FOLDER' writes one",
        ) from error
    version = run.get("case_version") if isinstance(run, dict) else None
    if version not in READABLE_VERSIONS:
        raise CaseError(
            f"the case has version {version!r:.20}, this stillhunt reads version {CASE_VERSION}",
            where=str(path),
            next_step="run the hunt again, or use the stillhunt that wrote it",
        )
    _check_shape(run, path)
    return dict(run)


def _check_shape(run: dict[str, Any], path: Path) -> None:
    """Refuse a record whose parts have the wrong type, before distant code fails on them."""
    wrong = [name for name, kind in _RUN_PARTS.items() if not isinstance(run.get(name, kind()), kind)]
    wrong += [
        name
        for name in ("inputs", "coverage")
        if name not in wrong and not all(isinstance(row, dict) for row in run.get(name, []))
    ]
    if wrong:
        raise CaseError(
            f"the case folder is damaged: {', '.join(wrong)} in run.json cannot be read",
            where=str(path),
            next_step="run the hunt again, or restore the folder",
        )
