"""Whole logs as targets: damaged records between good ones, read as `hunt` reads them.

The first byte of an input says how it is laid out (`Layout`), so that the fuzzer can keep to one; the rest is the
damaged part. What must hold: no exception but an error of ours; every record is a row, a reject or passed over; rows
of the good records beside it are, to the last column, what they are without it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from mutating import Change

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import InputError, StillhuntError
from stillhunt.base.progress import Silent
from stillhunt.collect import open_accounts, open_requests
from stillhunt.collect.decode.records import RecordReader
from stillhunt.collect.normalise.standardise import Rules, standardise_requests
from stillhunt.collect.read.inputs import open_inputs
from stillhunt.collect.values.fields import REQUEST_FIELDS, REQUIRED_REQUEST_FIELDS, field_map

FULL_SHARE = 16
"""One of so many inputs is read through the public entry point, with joins and history; others up to checked rows."""
LEAST_INPUT, LONGEST_INPUT = 1 << 12, 1 << 16


@cache
def engine() -> DuckDBEngine:
    """One for all targets of a process: what it starts would not outlive a fork."""
    return DuckDBEngine(threads=1)


def scratch() -> Path:
    """A folder of this process, which is removed in the end; one that was forked has its own."""
    return _scratch_of(os.getpid())


@cache
def _scratch_of(process: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"stillhunt-fuzz-{process}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Harm(Exception):  # noqa: N818 - what is looked for, not an error of the program
    """Something that must hold does not."""


@dataclass(frozen=True)
class Target:
    """One parser to fuzz.

    Attributes:
        name: for the command line and the table.
        seeds: inputs to start from.
        change: changes an input and keeps its shape.
        check: reads an input; raises whatever is wrong.
    """

    name: str
    seeds: Sequence[bytes]
    change: Change
    check: Callable[[bytes], None]

    @property
    def longest(self) -> int:
        """Bytes of the longest input that is tried: twice what it starts from."""
        return min(max(LEAST_INPUT, 2 * max(map(len, self.seeds))), LONGEST_INPUT)


def settings(log_format: str, batch_rows: int) -> Config:
    """Narrow limits, so that small inputs pass them."""
    collect = {
        "identity_key": "fuzz",
        "format": log_format,
        "batch_rows": batch_rows,
        "default_account": "acct-9",
        "max_line_bytes": 1 << 16,
        "max_text_bytes": 4096,
    }
    return Config.load({"collect": collect, "threads": 1}, environ={})


@dataclass(frozen=True)
class Layout:
    """What the first byte of an input says.

    Attributes:
        between: whether good records stand around the damaged part.
        forced: whether the format is given by name.
        few: whether rows are handled two at a time.
    """

    between: bool
    forced: bool
    few: bool

    @classmethod
    def of(cls, data: bytes) -> Layout:
        """That of an input."""
        mode = data[0] if data else 0
        return cls(not mode & 2, not mode & 1, bool(mode & 4))


@dataclass
class Found:
    """What was read.

    Attributes:
        rows: checked rows as dicts.
        raw: rows before they were checked.
        rejects: rows set aside.
        passed: records passed over.
        met: records met; -1 where the reader does not tell.
        kind: the format.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    raw: int = 0
    rejects: int = 0
    passed: int = 0
    met: int = -1
    kind: str = ""


@dataclass(frozen=True)
class LogTarget:
    """A log in one format.

    Attributes:
        name: of the target.
        kind: for `--format`.
        head: good records before the damaged part.
        tail: good records behind it, which it can take along where `lines` is False.
        lines: whether records are lines, whatever is in them.
        counted: number of records of such content, by other means than the reader's; None where nobody can tell.
        left: columns that good records do not keep, as what stands for a time that no log tells.
        mapping: as for --map.
        beside: a second file, without which these are no calls.
        suffix: of the file's name.
    """

    name: str
    kind: str
    head: bytes
    tail: bytes = b""
    lines: bool = True
    counted: Callable[[bytes], int] | None = None
    left: frozenset[str] = frozenset()
    mapping: Mapping[str, str] | None = None
    beside: bytes = b""
    suffix: str = "jsonl"

    def check(self, data: bytes) -> None:
        """Read one input.

        Raises:
            Harm: something that must hold does not.
        """
        layout, damaged = Layout.of(data), data[1:]
        if not self.head:
            layout = replace(layout, between=False)
        content = self.head + damaged + b"\n" * self.lines + self.tail if layout.between else damaged
        by_entry_point = zlib.crc32(data) % FULL_SHARE == 0
        try:
            found = self._through_entry_point(content, layout) if by_entry_point else self._checked(content, layout)
        except InputError:
            # Other records may outnumber the good ones, and the log then be none of this kind.
            if layout.between and layout.forced:
                raise Harm("good records, and the log is refused") from None
            return
        except StillhuntError:
            return
        if layout.between and found.kind == self.kind:
            self._compare(found, damaged, by_entry_point)

    def _compare(self, found: Found, damaged: bytes, by_entry_point: bool) -> None:
        without = self.left | ({"prompt"} if by_entry_point else set())  # prompts lose what others before them hold
        rows = {_key(row, without) for row in found.rows}
        good = (
            self._good_joined
            if by_entry_point and self.beside
            else self._good
            if self.lines and self.tail
            else self._good_head
        )
        for row in good.rows:
            if _key(row, without) not in rows:
                raise Harm(f"a good record's row is lost or changed: {row}")
        if self.counted is not None and not by_entry_point:
            good, expected = self._good, self.counted(damaged)
            if found.met >= 0 and found.met != good.met + expected:
                raise Harm(f"{expected} damaged records, and {found.met - good.met} were met")
            counted = [one.raw + one.rejects + one.passed for one in (found, good)]
            if counted[0] - counted[1] < expected:
                raise Harm(
                    f"{expected} damaged records, and {counted[0] - counted[1]} are rows, rejects or passed over"
                )

    @cached_property
    def _good(self) -> Found:
        found = self._alone(self.head + self.tail)
        if found.rejects:
            raise Harm(f"the good records of {self.name} are not good")
        return found

    @cached_property
    def _good_head(self) -> Found:
        return self._alone(self.head)

    @cached_property
    def _good_joined(self) -> Found:
        """What the good records complete, whatever else is in the second file."""
        found = self._through_entry_point(self.head + self.tail, Layout(True, True, False))
        found.rows = [row for row in found.rows if row["response"] is not None]
        return found

    def _alone(self, content: bytes) -> Found:
        found = self._checked(content, Layout(True, True, False))
        if not found.rows:
            raise Harm(f"the good records of {self.name} are not good")
        return found

    def _paths(self, content: bytes, *, by_entry_point: bool) -> list[str]:
        path = scratch() / f"log.{self.suffix}"
        path.write_bytes(content)
        if not self.beside or not by_entry_point:
            return [str(path)]
        other = scratch() / "beside.jsonl"
        other.write_bytes(self.beside)
        return [str(path), str(other)]

    def _config(self, layout: Layout, *, by_entry_point: bool) -> Config:
        forced = layout.forced and not (by_entry_point and self.beside)
        return settings(self.kind if forced else "", 2 if layout.few else 65_536)

    def _checked(self, content: bytes, layout: Layout) -> Found:
        config, fields = self._config(layout, by_entry_point=False), field_map(REQUEST_FIELDS, self.mapping)
        opened = open_inputs(
            self._paths(content, by_entry_point=False), fields, REQUIRED_REQUEST_FIELDS, config, engine()
        )
        rules, found = Rules.of(config), Found()
        for index, reader in sorted(opened.readers.items()):
            required = REQUIRED_REQUEST_FIELDS
            if isinstance(reader, RecordReader) and reader.source.role == "parts":
                reader.joined, required = True, ("request_id",)  # as where the calls that they complete are there
            for raw in reader.batches(REQUEST_FIELDS, opened.rejects):
                before = opened.rejects.rows
                table = standardise_requests(raw, rules, opened.rejects, required)
                refused = opened.rejects.rows - before
                if table.num_rows + refused != raw.rows:
                    raise Harm(f"{raw.rows} rows became {table.num_rows} and {refused} rejects")
                found.rows += table.to_pylist()
                found.raw += table.num_rows
            found.kind = opened.format_of(index)
            if isinstance(reader, RecordReader):
                found.met, found.passed = reader.found, reader.passed_over.total()
        found.rejects = opened.rejects.rows
        opened.rejects.table()
        return found

    def _through_entry_point(self, content: bytes, layout: Layout) -> Found:
        config = self._config(layout, by_entry_point=True)
        log = open_requests(
            self._paths(content, by_entry_point=True),
            mapping=self.mapping,
            config=config,
            engine=engine(),
            progress=Silent(),
        )
        try:
            tables = list(log.batches())
            rows = pa.concat_tables(tables).to_pylist() if tables else []
            if len(rows) != log.facts.rows or len(rows) != sum(file.rows for file in log.facts.inputs):
                raise Harm(f"{len(rows)} rows, and {log.facts.rows} are counted")
            for prompt, row in zip(
                log.prompts([(row["origin_file"], row["origin_row"]) for row in rows]), rows, strict=True
            ):
                if prompt != row["prompt"]:
                    raise Harm(f"the prompt of a row is another when it is read again: {row}")
            log.rejects()
        finally:
            log.close()
        return Found(rows, rejects=log.facts.rejected_rows, kind=log.facts.inputs[-1].format)


@dataclass(frozen=True)
class AccountsTarget:
    """A customer table.

    Attributes:
        name: of the target.
        head: good records before the damaged part, by themselves a table.
        tail: good records behind it.
        suffix: of the file's name.
    """

    name: str
    head: bytes
    tail: bytes = b""
    suffix: str = "jsonl"

    def check(self, data: bytes) -> None:
        """Read one input.

        Raises:
            Harm: something that must hold does not.
        """
        layout = Layout.of(data)
        content = self.head + data[1:] + b"\n" + self.tail if layout.between else data[1:]
        try:
            rows = self._rows(content, 2 if layout.few else 65_536)
        except StillhuntError:
            return  # a damaged record can make the file one of another kind
        keys = {_key(row, frozenset()) for row in rows}
        if layout.between and not self._good <= keys and any(row["account_id"] in self._ids for row in rows):
            raise Harm("a good record's row is lost or changed")

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(row["account_id"] for row in self._rows(self.head + self.tail, 65_536))

    @cached_property
    def _good(self) -> set[str]:
        return {_key(row, frozenset()) for row in self._rows(self.head + (self.tail if self.lines else b""), 65_536)}

    @property
    def lines(self) -> bool:
        """Whether records are lines, whatever is in them."""
        return self.suffix != "csv"

    def _rows(self, content: bytes, batch_rows: int) -> list[dict[str, Any]]:
        path = scratch() / f"accounts.{self.suffix}"
        path.write_bytes(content)
        table, _rejects = open_accounts(
            str(path), mapping=None, config=settings("", batch_rows), engine=engine(), progress=Silent()
        )
        return [] if table is None else table.to_pylist()


def _key(row: Mapping[str, Any], left: frozenset[str] | set[str]) -> str:
    kept = {name: value for name, value in row.items() if name not in left and not name.startswith("origin_")}
    return repr(sorted(kept.items()))


def filled_lines(data: bytes) -> int:
    """Lines that are not blank."""
    return sum(bool(line) and not line.isspace() for line in data.split(b"\n"))
