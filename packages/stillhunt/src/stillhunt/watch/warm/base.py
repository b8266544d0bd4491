"""What a cold hunt leaves for the warm ones after it, in the state folder of a data folder."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from stillhunt._version import __version__
from stillhunt.base.column_files import map_table
from stillhunt.base.config import Config
from stillhunt.base.schema import CANDIDATES, SLICED, TOTALS, TRAFFIC
from stillhunt.base.schema_case import CASE_VERSION
from stillhunt.base.units import GIB, HOUR, MINUTE
from stillhunt.extract import SKETCH_VERSION
from stillhunt.link.placing import Learned
from stillhunt.pipeline import HuntedTables

BASE, _UNFINISHED = "base", "base.part"  # names of its folder
_FACTS, _LEARNED, _LAYOUT = "facts.json", "learned.npz", 4
_TABLES = {"traffic": TRAFFIC, "sliced": SLICED, "candidates": CANDIDATES, "totals": TOTALS}


@dataclass(frozen=True)
class Base:
    """One cold hunt, as far as later requests are judged by it."""

    sequence: int  # of its snapshot
    made_at: int
    requests: int  # of TRAFFIC
    inputs: frozenset[str]  # digests of what it read, with all on which their rows depend
    tables: Mapping[str, pa.Table]  # TRAFFIC, SLICED, CANDIDATES and TOTALS by name; each is checked when it is read
    accounts: str  # `digest_accounts` of what it read
    learned: Learned


def write_base(state: Path, hunted: HuntedTables, sequence: int, made_at: int, config: Config) -> None:
    """Write a base beside its name, and rename it once it is complete.

    Arguments as in `Base`, and the settings of the hunt. An input without a digest counts as new each time; what it
    holds already is left out again as a repeat. Where there is no room, an OSError, and nothing of the base stays.
    """
    remove_base(state)
    folder, linked = state / _UNFINISHED, hunted.linked
    tables = {"traffic": linked.traffic, "sliced": hunted.sliced, "totals": linked.totals}
    tables["candidates"] = hunted.candidates
    kept_free = config.serve.free_gb * GIB + sum(table.nbytes for table in tables.values())
    if shutil.disk_usage(state).free < kept_free:
        raise OSError(errno.ENOSPC, "less of the disk than serve.free_gb would be free")
    try:
        folder.mkdir(mode=0o700)
        for name, table in tables.items():
            with _new_file(folder / f"{name}.arrow") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
        with _new_file(folder / _LEARNED) as file:
            np.savez(file, allow_pickle=False, **linked.learned.arrays())
        files = {path.name: _measure_file(path, flush=True) for path in sorted(folder.iterdir())}
        facts = {"sequence": sequence, "made_at": made_at, "requests": linked.traffic.num_rows, "files": files}
        facts |= {"inputs": sorted(hunted.inputs), "accounts": digest_accounts(hunted.customers)}
        with _new_file(folder / _FACTS) as file:
            file.write(json.dumps({**facts, "settings": _settings_digest(config)}).encode())
            file.flush()
            os.fsync(file.fileno())
        folder.rename(state / BASE)
    except BaseException:
        remove_base(state)
        raise


def may_hunt_warm(config: Config) -> bool:
    """Whether a base is still young when the next hunt by the clock is due."""
    return config.watch.cold_hours * HOUR > config.watch.every_minutes * MINUTE


def remove_base(state: Path) -> None:
    """Remove the base and what an interrupted hunt left of one; a link of its name goes, not what it leads to."""
    for path in (state / BASE, state / _UNFINISHED):
        if path.is_symlink():
            path.unlink()
        shutil.rmtree(path, ignore_errors=True)


def read_base(state: Path, config: Config) -> Base | str:
    """The base, or why there is none: it is incomplete or damaged, or settings or program have changed since.

    Its tables are checked when they are first read, and mapped into memory. That and this raise OSError, ValueError,
    KeyError, TypeError or ArrowException where what it holds is not what was written.
    """
    folder = state / BASE
    if folder.is_symlink() or not folder.is_dir():
        return "there is no search before it to go on from"
    facts = json.loads((folder / _FACTS).read_text())
    if facts["settings"] != _settings_digest(config):
        return "settings or the program have changed since the last search"
    files = facts["files"]
    if {path.name for path in folder.iterdir()} != {_FACTS, *files}:
        return "what was kept of the last search is damaged"
    tables = _CheckedTables(folder, files)
    with _checked_path(folder / _LEARNED, files).open("rb") as file, np.load(file) as arrays:
        learned = Learned.of_arrays(arrays)
    sequence, made_at, requests = (int(facts[name]) for name in ("sequence", "made_at", "requests"))
    return Base(sequence, made_at, requests, frozenset(facts["inputs"]), tables, facts["accounts"], learned)


def digest_accounts(customers: pa.Table | None) -> str:
    """SHA-256 of the values of an accounts table, row by row; "" where there is none.

    The table itself is not kept: people's names and notes may stand in it, and the next hunt reads it anyway.
    """
    if customers is None:
        return ""
    with pa.BufferOutputStream() as written:
        pa_csv.write_csv(customers, written)
        return hashlib.sha256(written.getvalue()).hexdigest()


class _CheckedTables(dict[str, pa.Table]):
    """Tables of a folder by name, each checked and mapped when it is first read: most hunts judge nothing again."""

    def __init__(self, folder: Path, files: Mapping[str, list[int | str]]) -> None:
        super().__init__()
        self._folder, self._files = folder, files

    def __missing__(self, name: str) -> pa.Table:
        path = _checked_path(self._folder / f"{name}.arrow", self._files)
        self[name] = _TABLES[name].check(map_table(path))
        return self[name]


def _checked_path(path: Path, files: Mapping[str, list[int | str]]) -> Path:
    """The path of a file that is what was written; a ValueError where it is not."""
    if _measure_file(path) != files[path.name]:
        raise ValueError(f"{path.name} is damaged")
    return path


def _new_file(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _measure_file(path: Path, *, flush: bool = False) -> list[int | str]:
    """Size and SHA-256 of a file that is no link; `flush` it to the disk before."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        if flush:
            os.fsync(file.fileno())
        return [os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()]


def _settings_digest(config: Config) -> str:
    """Of all on which findings depend besides the log."""
    said: dict[str, Any] = {
        **config.model_dump(mode="json", exclude={"state"}),
        "version": [__version__, SKETCH_VERSION, CASE_VERSION, _LAYOUT],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
