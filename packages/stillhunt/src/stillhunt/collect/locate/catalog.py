"""Find all inputs (files, folders, patterns, tables of databases and in memory) and give them one fixed order."""

import glob
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillhunt.base.case_folder import is_case_folder
from stillhunt.base.engine import Engine
from stillhunt.base.errors import EngineError, InputError
from stillhunt.base.formatting import plural, shorten
from stillhunt.collect.locate.database import is_database, stored_tables
from stillhunt.collect.locate.object_stores import MARK, Place, local_path, remote_files
from stillhunt.collect.values.rejects import NAME_CHARACTERS, Rejects

COMPRESSION_SUFFIXES = (".gz", ".gzip", ".zst", ".zstd")
LOCAL = "file://"
DATA_SUFFIXES = (".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".pb", ".binpb", ".log")
"""Endings of log files. Other files in a folder are not read, unless the user names them one by one."""
SHOWN_NAMES = 5
_ROTATED = re.compile(r"[.\-_]\d[\dt:.\-_]{0,31}$")
"""Number or date behind the suffix of a rotated log: .1, -20261124, .2026-11-24."""


@dataclass(frozen=True)
class FoundFile:
    """One file to read."""

    name: str
    path: Place


@dataclass(frozen=True)
class FoundTable:
    """One table in memory, or one stream of batches, which can be read only once."""

    name: str
    table: pa.Table | None
    stream: Iterator[pa.RecordBatch] | None


Found = FoundFile | FoundTable


@dataclass(frozen=True)
class _PassedBy:
    """Names of what is not read: files named unlike logs, and case folders."""

    files: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)


def find_inputs(sources: Any, engine: Engine, rejects: Rejects, note: Callable[[str], object] = str) -> list[Found]:
    """All inputs, sorted by name; an InputError for a path that matches nothing or an object that is no table.

    `sources` is a path, pattern, folder, table or file already found, or a list of them; the engine scans relations of
    its own kind. `rejects` take folders that cannot be opened; `note` gets sentences about files and cases not read.
    """
    items = list(sources) if isinstance(sources, list | tuple) else [sources]
    if not items:
        raise InputError("no input was given", next_step="name a file, a folder or a table")
    found: dict[tuple[str, str], Found] = {}
    passed_by = _PassedBy()
    for number, item in enumerate(items):
        if isinstance(item, str | os.PathLike):
            for file in _find_given_files(os.fspath(item), rejects, passed_by):
                # A file that is named twice, by itself and by its folder, is read once.
                found.setdefault(("file", _describe_place(file.path)), file)
        elif isinstance(item, FoundFile):
            found.setdefault(("file", _describe_place(item.path)), item)
        else:
            table = _recognise_table(item, number, engine)
            found[("table", f"{number:09d}")] = table
    if passed_by.files:
        note(
            f"{_describe_unread_names(passed_by.files)} not read, being named unlike logs; "
            "name a file by itself to read it"
        )
    if passed_by.cases:
        cases = _describe_unread_names(passed_by.cases, "case folder")
        if not found:
            raise InputError(
                f"nothing but {cases} was given, which a hunt wrote",
                next_step="name request logs; 'explain' reads a case",
            )
        note(f"{cases} not read, being what a hunt wrote")
    # Two files in different folders may have the same name; then their places decide.
    return [found[key] for key in sorted(found, key=lambda key: (found[key].name, key))]


def _describe_place(place: Place) -> str:
    return str(place.absolute()) if isinstance(place, Path) else f"{place.home} {place.key}"


def _describe_unread_names(passed_by: list[str], kind: str = "file") -> str:
    """The number of files or folders that are not read, and some of the names."""
    names = sorted(set(passed_by))
    shown = ", ".join(shorten(name, NAME_CHARACTERS) for name in names[:SHOWN_NAMES])
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return f"{plural(len(names), kind)} ({shown}{more})"


def _find_given_files(given: str, rejects: Rejects, passed_by: _PassedBy) -> list[FoundFile]:
    if is_database(given):
        return [FoundFile(name, table) for name, table in stored_tables(given, rejects)]
    if given.startswith(LOCAL):
        given = local_path(given)
    elif MARK in given:
        return [FoundFile(name, file) for name, file in remote_files(given, _make_noting_test(passed_by))]
    path = Path(given)
    if path.is_dir():
        return _find_folder_files(path, rejects, passed_by)
    if path.exists() or path.is_symlink():
        return [FoundFile(path.name, path)]
    if glob.has_magic(given):
        matches = [Path(p) for p in sorted(glob.glob(given, recursive=True))]  # noqa: PTH207  # Path.glob refuses absolute patterns
        within = {folder for folder in {match.parent for match in matches} if is_case_folder(folder)}
        passed_by.cases.extend(folder.name for folder in within)
        files = [
            file
            for match in matches
            if match.parent not in within
            for file in (
                _find_folder_files(match, rejects, passed_by) if match.is_dir() else [FoundFile(match.name, match)]
            )
        ]
        if files or passed_by.cases:
            return _with_distinct_names(files)
        raise InputError(
            "no file matches the pattern",
            where=shorten(given, NAME_CHARACTERS),
            next_step="check the pattern, and put it in quotes so that the shell leaves it alone",
        )
    raise InputError("no such file or folder", where=shorten(given, NAME_CHARACTERS), next_step="check the path")


def _make_noting_test(passed_by: _PassedBy) -> Callable[[str], bool]:
    """A test whether an object's name looks like a log; names that do not are noted, unless they are hidden."""

    def looks(path: str) -> bool:
        fits = _looks_like_data(path)
        if not fits and not any(part.startswith((".", "_")) for part in path.split("/")):
            passed_by.files.append(path.rsplit("/", 1)[-1])
        return fits

    return looks


def _find_folder_files(folder: Path, rejects: Rejects, passed_by: _PassedBy) -> list[FoundFile]:
    if is_case_folder(folder):
        passed_by.cases.append(folder.absolute().name)
        return []
    closed: list[str] = []
    others: list[str] = []
    cases: list[str] = []

    def note(error: OSError) -> None:
        name = Path(str(error.filename)).name
        closed.append(name)
        rejects.add(name, "folder", f"cannot be read: {error.strerror or type(error).__name__}")

    files = []
    for current, folders, names in os.walk(folder, onerror=note, followlinks=False):
        visible = sorted(name for name in folders if not name.startswith((".", "_")))
        within = [name for name in visible if is_case_folder(Path(current) / name)]
        folders[:] = [name for name in visible if name not in within]
        cases += [(Path(current) / name).relative_to(folder).as_posix() for name in within]
        for name in sorted(names):
            if name.startswith((".", "_")):
                continue
            path = Path(current) / name
            shown = path.relative_to(folder).as_posix()
            if _looks_like_data(name):
                files.append(FoundFile(shown, path))
            else:
                others.append(shown)
    passed_by.files.extend(others)
    passed_by.cases.extend(cases)
    if not files and not closed:
        only = ", ".join(
            _describe_unread_names(*names) for names in ((others, "file"), (cases, "case folder")) if names[0]
        )
        raise InputError(
            "the folder holds no log files" + (f", only {only}" if only else ""),
            where=shorten(str(folder), NAME_CHARACTERS),
            next_step=f"name a file by itself, or use names that end in {', '.join(DATA_SUFFIXES)} (.gz, .zst)",
        )
    return files


def _with_distinct_names(files: list[FoundFile]) -> list[FoundFile]:
    """Files, with as much of their paths in their names as makes the names differ."""
    if len({file.name for file in files}) == len(files):
        return files
    paths = [Path(_describe_place(file.path)) for file in files]
    common = Path(os.path.commonpath([path.parent for path in paths]))
    return [FoundFile(path.relative_to(common).as_posix(), file.path) for path, file in zip(paths, files, strict=True)]


def plain_name(name: str) -> str:
    """A file's name in lower case, without what compression and log rotation appended to its suffix."""
    lowered = name.lower()
    for suffix in COMPRESSION_SUFFIXES:
        lowered = lowered.removesuffix(suffix)
    plain = _ROTATED.sub("", lowered)
    return plain if plain.endswith(DATA_SUFFIXES) else lowered


def _looks_like_data(name: str) -> bool:
    return plain_name(name).endswith(DATA_SUFFIXES)


def _recognise_table(item: Any, number: int, engine: Engine) -> FoundTable:
    """An Arrow, Polars or pandas table or a relation of the engine, recognised without importing these libraries."""
    name = f"table {number}"
    if isinstance(item, pa.Table):
        return FoundTable(name, item, None)
    if isinstance(item, pa.RecordBatch):
        return FoundTable(name, pa.Table.from_batches([item]), None)
    if isinstance(item, pa.RecordBatchReader):
        return FoundTable(name, None, iter(item))
    module = type(item).__module__.split(".")[0]
    if module == "polars" and hasattr(item, "collect"):
        item = item.collect()
    if module == "polars" and hasattr(item, "to_arrow"):
        return FoundTable(name, item.to_arrow(), None)
    if module == "pandas" and hasattr(item, "columns"):
        return FoundTable(name, pandas_table(item), None)
    try:
        scan = engine.scan(item)
        first = next(scan, None)  # a generator refuses a wrong object only then
        return FoundTable(name, None, scan if first is None else chain((first,), scan))
    except EngineError:
        pass
    if hasattr(item, "__arrow_c_stream__"):
        return FoundTable(name, None, iter(pa.RecordBatchReader.from_stream(item)))
    raise InputError(
        f"{type(item).__name__} cannot be used as an input",
        where="requests or accounts",
        next_step="use a path, an Arrow table, a Polars or pandas frame, or a relation of the engine",
    )


def pandas_table(frame: Any) -> pa.Table:
    """A pandas frame as an Arrow table; columns of mixed objects, which Arrow refuses, become text."""
    arrays, names = [], []
    for name in frame.columns:
        try:
            array = pa.Array.from_pandas(frame[name])
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            array = pa.array([None if v is None or v != v else str(v) for v in frame[name]], pa.large_string())
        arrays.append(array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array)
        names.append(str(name))
    return pa.Table.from_arrays(arrays, names=names)
