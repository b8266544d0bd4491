"""Inputs as found and opened: which can be used, and what each held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from stillhunt.base.config import Config
from stillhunt.base.engine import Engine
from stillhunt.base.errors import InputError
from stillhunt.collect.decode.columnar import Reader, UnusableInputError
from stillhunt.collect.decode.records import RecordReader
from stillhunt.collect.formats import CANONICAL
from stillhunt.collect.locate.catalog import Found, FoundFile, find_inputs
from stillhunt.collect.locate.database import StoredTable
from stillhunt.collect.read.recognise import Kinds, open_reader
from stillhunt.collect.values.fields import FieldMap
from stillhunt.collect.values.rejects import NAME_CHARACTERS, Rejects, printable

NOTHING_USABLE = "mend the log or map its fields (--map ours=theirs); above stands why the first row cannot be used"


@dataclass(frozen=True)
class InputFile:
    """One input, for the record of a run.

    Args:
        name: base name, or path relative to the folder given; `table N` for what lay in memory.
        sha256: of the file's bytes, hexadecimal; empty for tables.
        bytes: size of the file; 0 for tables.
        rows: rows handed on from it.
        format: the kind of log; `canonical` where it has our columns.
        passed_over: reason -> records that are no calls.
        by_address: rows that stand under their client's address since the log names no account.
        joined: rows that were put together with those of other logs, or with each other.
        doubts: what may be wrong with it, in sentences.
    """

    name: str
    sha256: str
    bytes: int
    rows: int
    format: str = CANONICAL
    passed_over: Mapping[str, int] = field(default_factory=dict)
    by_address: int = 0
    joined: int = 0
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Opened:
    """Inputs as found, the readers of those that can be used, and why the others cannot.

    Attributes:
        found: all inputs.
        readers: those of the kind wanted, by index.
        rejects: why others cannot be used.
        customers: customer tables that lie among request logs, by index.
    """

    found: Sequence[Found]
    readers: Mapping[int, Reader]
    rejects: Rejects
    customers: Mapping[int, Reader] = field(default_factory=dict)

    def kind_of(self, index: int) -> str:
        """Format of an input."""
        reader = self.readers.get(index) or self.customers.get(index)
        return reader.source.name if isinstance(reader, RecordReader) else CANONICAL

    def customer_files(self) -> list[FoundFile]:
        """Customer tables among the logs."""
        return [item for index in sorted(self.customers) if isinstance(item := self.found[index], FoundFile)]

    def end_snapshots(self) -> None:
        """Leave the databases that were read: an open transaction keeps their servers from tidying up."""
        for item in self.found:
            if isinstance(item, FoundFile) and isinstance(item.path, StoredTable):
                item.path.database.close()


@dataclass(frozen=True)
class InputFacts:
    """What one input held.

    Args:
        rows: rows handed on from it.
        filled: optional column of REQUESTS -> rows that have a value in it.
        rejected: rows set aside.
        rates: share of calls that the log keeps -> rows of which it is known.
        passed_over: reason -> records that are no calls.
        by_address: rows that stand under their client's address.
        joined: rows that were put together with those of other logs, or with each other.
        doubts: what may be wrong with it, in sentences.
    """

    rows: int = 0
    filled: Mapping[str, int] = field(default_factory=dict)
    rejected: int = 0
    rates: Mapping[str, int] = field(default_factory=dict)
    passed_over: Mapping[str, int] = field(default_factory=dict)
    by_address: int = 0
    joined: int = 0
    doubts: tuple[str, ...] = ()

    @property
    def present(self) -> frozenset[str]:
        """Optional columns that had a value."""
        return frozenset(name for name, count in self.filled.items() if count)

    def as_json(self) -> dict[str, Any]:
        """The same as plain values, from which `from_json` makes it again."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> InputFacts:
        """Facts from what `as_json` gave, also after it was written as JSON.

        Args:
            told: plain values.
        """
        return cls(**{**told, "doubts": tuple(told["doubts"])})


def open_inputs(
    sources: Any,
    fields: FieldMap,
    required: Sequence[str],
    config: Config,
    engine: Engine,
    *,
    customers: bool = False,
    note: Callable[[str], None] = lambda _text: None,
) -> Opened:
    """Find and open all inputs; those that cannot be used go to rejects as long as one can.

    Args:
        sources: as for `find_inputs`.
        fields: where our columns are.
        required: our columns that an input must have.
        config: limits.
        engine: scans relations of its own kind.
        customers: whether customer tables are wanted and not logs.
        note: told what is passed by.

    Raises:
        InputError: none can be used (names the first reason), or what the user maps is in no log.
    """
    rejects = Rejects()
    found = find_inputs(sources, engine, rejects, note)
    readers: dict[int, Reader] = {}
    beside: dict[int, Reader] = {}
    kinds = Kinds()
    first: tuple[str, UnusableInputError] | None = None
    for index, item in enumerate(found):
        try:
            reader = open_reader(item, index, fields, required, config, kinds)
            suits = not isinstance(reader, RecordReader) or (reader.source.role == "accounts") is customers
            if customers and not suits:
                raise UnusableInputError(f"{reader.name} is a log of calls, no customer table")
            (readers if suits else beside)[index] = reader
        except UnusableInputError as error:
            rejects.add(item.name, error.place, error.reason, rows=error.rows)
            first = first or (item.name, error)
    if not readers:
        if beside:
            where = printable(found[min(beside)].name, NAME_CHARACTERS)
            raise InputError("customer tables, but no log of calls", where=where, next_step="name the logs too")
        if first is None:
            raise InputError("nothing can be read", where=rejects.first, next_step="check names and permissions")
        name, cause = first
        raise InputError(
            cause.reason,
            where=f"{printable(name, NAME_CHARACTERS)}, {cause.place}",
            next_step=cause.next_step or "give a file that holds requests",
        )
    if all(isinstance(reader, RecordReader) for reader in readers.values()):
        kinds.check_mapping()
    return Opened(found, readers, rejects, beside)
