"""Where the segments of each input are kept: in the folder of this hunt, or in a state folder that outlives it.

With the setting `state`, the segments of an input are kept in a folder whose name is made from the digest of the
input's bytes and of everything else on which its segments depend: the version of the sketches, the settings of reading,
the mapping of columns, the key of the hashes, and what was cut from its prompts as resent history. The last of these
depends on earlier inputs, so the first part of the name leaves it out: all folders of an input can then be found before
the cuts are known. A changed file or setting leads to a new name; a removed file is not asked for. A folder is written
under a temporary name and renamed once it is complete, so that a hunt that is killed leaves nothing unfinished.

A file beside the folders records which of them the latest hunts used together, because what a folder holds about resent
history was found among those inputs.
"""

import hashlib
import json
import os
import secrets
import shutil
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.ipc

from stillhunt.base.column_files import find_next_step
from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError
from stillhunt.base.plugin_groups import reader_versions
from stillhunt.base.schema_case import REJECTS
from stillhunt.extract.store.folders import own_folder
from stillhunt.extract.store.segments import damaged, vanished
from stillhunt.extract.store.store import SegmentWriter, Store
from stillhunt.extract.text.words import SKETCH_VERSION

LAYOUT = 8
"""Version of what a kept folder holds; a new one makes new folders."""
FACTS, REJECTED, TOGETHER = "facts", "rejects.arrow", "together"
MOST_TOGETHER = 8
"""Number of latest hunts whose folders are recorded: several logs may share a state folder."""
_MAKE_ROOM = "make room there (about 300 bytes a request), or name another place with TMPDIR"
_TOGETHER = 0
"""Number of the writer of all inputs, where nothing is kept."""
_PART = 32
"""Characters of each of the two parts of a folder's name."""
NOTES = ("marks", RELATIVE := "followers")
"""Tables about resent history in an input; the relative one holds only among the inputs of one hunt."""


@dataclass(frozen=True)
class KeptInput:
    """What was learned while an input was read, kept beside its segments; `cuts` are (row, bytes) of prompts."""

    rows: int
    known: Mapping[str, Any]
    cuts: tuple[tuple[int, int], ...] = ()


class Partials:
    """Segments of the inputs of one hunt; `config.state` outlives the hunt, `mapping` is the log's names of columns."""

    def __init__(self, config: Config, mapping: Mapping[str, str] | None = None) -> None:
        self._state = Path(config.state) if config.state else None
        self._settings = _settings_digest(config, mapping)
        self._folder = own_folder(self._state)
        self._writers: dict[int, SegmentWriter] = {}
        self._pool: Executor | None = None
        self._latest = -1
        self._inputs: dict[int, str] = {}
        self._names: dict[int, str] = {}
        self._kept: dict[int, Path] = {}
        self._kept_rows: dict[int, int] = {}

    def recall(self, digests: Mapping[int, str]) -> tuple[dict[int, dict[str, pa.Table]], frozenset[int]]:
        """What is kept of the history in inputs, by SHA-256 of each that has one, whatever was cut there.

        Gives notes as `keep` got them, and which inputs were used together in one earlier hunt, those included of which
        nothing is kept.
        """
        if self._state is None:
            return {}, frozenset()
        for index, digest in digests.items():
            if digest:
                self._inputs[index] = _name_part([digest, self._settings])
        kept: dict[str, list[str]] = {}
        for path in sorted(self._state.iterdir()):
            kept.setdefault(path.name[:_PART], []).append(path.name)
        wanted = set(self._inputs.values())
        earlier = [{name[:_PART]: name for name in names} for names in _read_recent_folder_names(self._state)]
        best = max(earlier, key=lambda names: len(wanted & names.keys()), default={})
        notes = {}
        for index, own in self._inputs.items():
            for name in [best.get(own, ""), *kept.get(own, ())]:
                if name and _facts_of(self._state / name) is not None:
                    notes[index] = {note: _read_checked_table(self._state / name / f"{note}.arrow") for note in NOTES}
                    if name != best.get(own):
                        notes[index].pop(RELATIVE)
                    break
        return notes, frozenset(index for index, own in self._inputs.items() if own in best)

    def expect(self, owed: Mapping[int, str]) -> dict[int, KeptInput]:
        """Name the inputs, each with a hash of what it takes from others; gives those whose segments are here."""
        if self._state is None:
            return {}
        self._names = {index: own + _name_part([owed[index]]) for index, own in self._inputs.items() if index in owed}
        found = {}
        for index, name in self._names.items():
            facts = _facts_of(self._state / name)
            if facts is not None:
                self._kept[index] = self._state / name
                self._kept_rows[index] = facts.rows
                found[index] = facts
        _note_together(self._state, sorted(set(self._names.values())))
        return found

    def write_in(self, pool: Executor) -> None:
        """Let a pool write the segments; it must be open until `store` gave them.

        As long as the caller waits in order for other work that it gave the same pool, few segments wait in memory.
        """
        self._pool = pool

    def add(self, origin_file: int, sketches: pa.Table) -> None:
        """Take sketches of one input, in its order."""
        # Without a state, nothing is kept of one input alone, and small inputs share segments.
        writer = _TOGETHER if self._state is None else origin_file
        try:
            if writer not in self._writers:
                self._writers[writer] = SegmentWriter(self._locate_partial(writer), self._pool)
            if self._latest not in (-1, writer):
                # Inputs come one after the other: what is left of the last one would else wait until all are read.
                self._writers[self._latest].flush()
            self._latest = writer
            self._writers[writer].add(origin_file, sketches)
        except OSError as error:
            raise self._no_room(error) from error

    def keep(self, origin_file: int, facts: KeptInput, rejects: pa.Table, notes: Mapping[str, pa.Table]) -> None:
        """Keep what was learned of one input, and notes for `recall`, for later hunts, if there is a folder for it."""
        name = self._names.get(origin_file)
        if self._state is None or name is None or origin_file not in self._writers:
            return
        try:
            self._writers[origin_file].close()
            made = self._locate_partial(origin_file)
            for file, table in [(REJECTED, rejects), *((f"{note}.arrow", notes[note]) for note in NOTES)]:
                with pa.OSFile(str(made / file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                    writer.write_table(table)
            text = json.dumps(
                {**asdict(facts), "sizes": _measure_file_sizes(made), "sums": _compute_arrow_checksums(made)}
            )
            (made / FACTS).write_text(f"{zlib.crc32(text.encode())} {text}")
            final = self._state / name
            if _facts_of(final) is None:
                shutil.rmtree(final, ignore_errors=True)
                made.rename(final)
            self._kept[origin_file] = final
        except OSError as error:
            raise self._no_room(error) from error

    def rejects(self, origin_file: int, name: str) -> pa.Table:
        """REJECTS of an input whose segments were here already, under the name that it has now."""
        table = _read_checked_table(self._kept[origin_file] / REJECTED)
        return table.set_column(0, REJECTS.arrow.field("source"), pa.array([name] * table.num_rows, pa.string()))

    def store(self) -> Store:
        """All segments; none may be added later. An OutputError if there is no room, or if what was written is gone."""
        try:
            for index, writer in self._writers.items():
                if index not in self._kept:
                    writer.close()
        except OSError as error:
            raise self._no_room(error) from error
        if self._state is None:
            made = self._writers.get(_TOGETHER)
            store = Store([]) if made is None else Store([], made.written, made.rows)
            if made is not None and store.rows != (wanted := made.rows.total()):
                raise vanished(self._folder, f"{store.rows} of {wanted} requests are there")
            return store
        folders = {**{index: self._locate_partial(index) for index in self._writers}, **self._kept}
        store = Store(sorted(folders.items()))
        own = {index: writer.rows[index] for index, writer in self._writers.items()}
        for index, rows in {**self._kept_rows, **own}.items():
            if store.rows_of[index] != rows:
                raise damaged(
                    folders[index] / FACTS, ValueError(f"{store.rows_of[index]} of {rows} requests are there")
                )
        try:
            joined = store.gather_small(self._folder / "gathered", self._state)
        except OSError as error:
            raise self._no_room(error) from error
        if self._state is not None and joined:
            _note_together(self._state, sorted({*self._names.values(), *joined}))
        return store

    def _locate_partial(self, origin_file: int) -> Path:
        return self._folder / f"{origin_file:05d}"

    def _no_room(self, error: OSError) -> OutputError:
        return OutputError(
            f"sketches cannot be kept: {error.strerror}",
            where=str(self._folder),
            next_step=find_next_step(error, f"{_MAKE_ROOM} or the setting state"),
            command_step=find_next_step(error, f"{_MAKE_ROOM} or --state"),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _name_part(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:_PART]


def _read_checked_table(path: Path) -> pa.Table:
    try:
        with pa.memory_map(str(path)) as source:
            if zlib.crc32(source.read_buffer()) != _verified_facts(path.parent)["sums"][path.name]:
                raise ValueError("its bytes are not those that were written")
            source.seek(0)
            return pa.ipc.open_file(source).read_all()
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise damaged(path, error) from error


def _read_recent_folder_names(state: Path) -> list[list[str]]:
    """Names of the folders that each of the latest hunts used; empty where the record is damaged or missing."""
    try:
        return [[str(name) for name in names] for names in json.loads((state / TOGETHER).read_text())]
    except (OSError, ValueError, TypeError, RecursionError):
        return []


def names_in_use(state: Path) -> frozenset[str]:
    """Names of the kept folders that any of the latest hunts used; empty where that is not recorded."""
    return frozenset(name for names in _read_recent_folder_names(state) for name in names)


def _note_together(state: Path, names: list[str]) -> None:
    """Record which folders are used together; a concurrent hunt may overwrite the record, which only costs time."""
    earlier = [other for other in _read_recent_folder_names(state) if other != names][: MOST_TOGETHER - 1]
    beside = state / f"{TOGETHER}.{os.getpid()}-{secrets.token_hex(4)}"
    try:
        beside.touch(mode=0o600)
        beside.write_text(json.dumps([names, *earlier]))
        beside.replace(state / TOGETHER)
    except OSError as error:
        step = find_next_step(error, "make room there")
        raise OutputError(str(error.strerror), where=str(state), next_step=step) from error


def _measure_file_sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.name != FACTS}


def _compute_arrow_checksums(folder: Path) -> dict[str, int]:
    """Checksums of what lies beside the segments, which have their own."""
    return {path.name: zlib.crc32(path.read_bytes()) for path in sorted(folder.glob("*.arrow"))}


def _verified_facts(folder: Path) -> Any:
    checksum, text = (folder / FACTS).read_text().split(" ", 1)
    if int(checksum) != zlib.crc32(text.encode()):
        raise ValueError("the facts are not those that were written")
    return json.loads(text)


def _facts_of(folder: Path) -> KeptInput | None:
    """What a kept folder holds; None where there is none, or where a file of it is missing, cut short or unreadable."""
    try:
        facts = _verified_facts(folder)
        if facts.pop("sizes") != _measure_file_sizes(folder):
            return None
        cuts = tuple((int(row), int(size)) for row, size in facts["cuts"])
        return KeptInput(int(facts["rows"]), dict(facts["known"]), cuts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _settings_digest(config: Config, mapping: Mapping[str, str] | None) -> str:
    read = config.collect.model_dump(mode="json", exclude={"rejects_limit", "batch_rows"})
    read["mmdb"] = [_stamp_lookup_file(Path(path)) for path in config.collect.mmdb]
    parts = [LAYOUT, SKETCH_VERSION, config.seed, read, sorted((mapping or {}).items()), *reader_versions()]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _stamp_lookup_file(path: Path) -> tuple[str, int, int] | None:
    """Path, size and time of change of a file: what was looked up in it holds as long as these stand."""
    try:
        found = path.stat()
    except OSError:
        return None  # opening the file reports the error
    return str(path.absolute()), found.st_size, found.st_mtime_ns
