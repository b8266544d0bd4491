"""What is known about each input of a log: counted while its rows are read, or remembered from an earlier hunt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.schema import REQUESTS
from stillhunt.collect.decode.records import RecordReader
from stillhunt.collect.formats import CANONICAL_FORMAT
from stillhunt.collect.input_doubts import DuplicateInputs, ProxyCheck
from stillhunt.collect.read.inputs import OpenedInputs
from stillhunt.collect.values.rejects import AccountCounts, Rejects

OPTIONAL_COLUMNS = frozenset(c.name for c in REQUESTS.columns if c.nullable)


class ColumnStats(NamedTuple):
    """How completely the columns of a log are filled, and which share of the calls the log kept."""

    # optional column -> share of the requests that have a value, 0 to 1; empty if there are no requests
    filled: dict[str, float]
    # share of calls that a log keeps -> number of requests for which this share is known
    sampling_rates: dict[float, int]

    @classmethod
    def of(cls, rows: int, filled: Mapping[str, int], rates: Mapping[str, int]) -> ColumnStats:
        """Shares from the requests that have a value in each column, and from those of each share that a log keeps."""
        shares = {name: count / rows for name, count in filled.items()} if rows else {}
        return cls(shares, {float(rate): count for rate, count in sorted(rates.items())})

    @property
    def present(self) -> frozenset[str]:
        """Optional columns in which at least one request has a value."""
        return frozenset(name for name, share in self.filled.items() if share)


@dataclass(frozen=True)
class InputFile:
    """One input, as run.json records it.

    Args:
        name: base name, or path relative to the given folder; `table N` for a table in memory.
        sha256: hash of the file's bytes, hexadecimal; empty for tables.
        bytes: size of the file; 0 for tables.
        format: format of the log; `canonical` if it has our columns. For the others see `InputFacts`.
    """

    name: str
    sha256: str
    bytes: int
    rows: int
    format: str = CANONICAL_FORMAT
    passed_over: Mapping[str, int] = field(default_factory=dict)
    by_address: int = 0
    joined: int = 0
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class InputFacts:
    """What one input held.

    Args:
        rows: number of its rows that were used.
        filled: optional column of REQUESTS -> number of rows that have a value in it.
        rejected: number of rows that were rejected.
        set_aside: account -> number of them, where the account can be read; see `AccountCounts`.
        changed: "COLUMN: what became of the value" -> number of values that could not be kept as they were.
        rates: share of calls that the log keeps, as text -> number of rows for which it is known.
        passed_over: reason -> number of records that are not calls.
        by_address: rows counted under their client's address because the log names no account.
        joined: rows that were joined with rows of other logs, or with each other.
        doubts: possible faults of the input, in sentences.
    """

    rows: int = 0
    filled: Mapping[str, int] = field(default_factory=dict)
    rejected: int = 0
    set_aside: Mapping[str, int] = field(default_factory=dict)
    changed: Mapping[str, int] = field(default_factory=dict)
    rates: Mapping[str, int] = field(default_factory=dict)
    passed_over: Mapping[str, int] = field(default_factory=dict)
    by_address: int = 0
    joined: int = 0
    doubts: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The facts as plain values; `from_json` reverses this."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> InputFacts:
        """Facts from the values that `as_json` gave, also after a round trip through JSON."""
        return cls(**{**values, "doubts": tuple(values["doubts"])})


@dataclass(frozen=True)
class LogFacts:
    """What a whole log held, as run.json records it.

    Args:
        inputs: its inputs, in order of their names.
        columns: how completely its columns are filled, and of which calls it is a sample.
        rejected_rows: number of rejected rows, including those beyond the limit of REJECTS.
        replaced_texts: number of texts in which broken UTF-8 was replaced by U+FFFD.
        unmapped: sentences about fields that the user mapped and no input has.
    """

    inputs: tuple[InputFile, ...]
    columns: ColumnStats
    rows: int
    rejected_rows: int
    replaced_texts: int
    unmapped: tuple[str, ...] = ()
    set_aside: Mapping[str, int] = field(default_factory=dict)
    changed: Mapping[str, int] = field(default_factory=dict)


class InputStats:
    """Counts facts about the inputs of one log."""

    def __init__(self, opened: OpenedInputs) -> None:
        self._opened = opened
        self._duplicates = DuplicateInputs()
        known = {index: reader for index, reader in opened.readers.items() if isinstance(reader, RecordReader)}
        edges = [index for index, reader in known.items() if reader.source.role == "edge"]
        self._edges = frozenset(edges if len(edges) > 1 else ())
        self._facts: dict[int, InputFacts] = {}
        self.proxy_checks: defaultdict[int, ProxyCheck] = defaultdict(ProxyCheck)
        """Client addresses of each input that is read in this hunt."""

    @property
    def rows(self) -> int:
        """Number of rows used so far, including those of inputs known from an earlier hunt."""
        return sum(facts.rows for facts in self._facts.values())

    def remember(self, index: int, facts: InputFacts) -> None:
        """Enter the facts that an earlier hunt found about an input."""
        self._facts[index] = facts

    def count_rejected(self, index: int, rejects: Rejects) -> None:
        """Count rejected rows and changed values of an input."""
        facts = self._facts.get(index, InputFacts())
        set_aside = AccountCounts()
        for counts in (facts.set_aside, rejects.by_account.rows()):
            set_aside.add(counts)
        self._facts[index] = replace(
            facts,
            rejected=facts.rejected + rejects.rows,
            set_aside=set_aside.rows(),
            changed=_add_counts(facts.changed, rejects.changed),
        )

    def count_used(self, index: int, table: pa.Table) -> None:
        """Count rows of an input that are used."""
        facts = self._facts.get(index, InputFacts())
        filled = {name: table.num_rows - table.column(name).null_count for name in OPTIONAL_COLUMNS}
        self._facts[index] = replace(
            facts,
            rows=facts.rows + table.num_rows,
            filled=_add_counts(facts.filled, filled),
            rates=_add_counts(facts.rates, count_sampling_rates(table)),
        )
        if index in self._edges:
            self._duplicates.note(index, table)

    def of(self, index: int) -> InputFacts:
        """All facts about an input; complete once all of it was read, or if an earlier hunt read it."""
        facts = self._facts.get(index, InputFacts())
        reader = self._opened.readers.get(index) or self._opened.customers.get(index)
        if not isinstance(reader, RecordReader) or not reader.found:  # not read in this hunt
            return facts
        name = reader.source.name
        doubts = [self.proxy_checks[index].doubt(name, edge=reader.source.role == "edge")]
        if reader.source.sampled and facts.rows and not facts.rates:
            doubts.append(
                f"the log may hold only a sample of the calls: set collect.sampling_rate.{name} to the share of calls "
                "that it keeps (1 for all)"
            )
        return replace(
            facts,
            passed_over=dict(sorted(reader.passed_over.items())),
            by_address=reader.by_address,
            joined=reader.handed_on,
            doubts=tuple(filter(None, doubts)),
        )

    def input_files(self, hashes: Mapping[int, tuple[str, int]]) -> list[InputFile]:
        """The inputs as run.json records them, with SHA-256 and size by index of those that are files."""
        duplicates = self._duplicates.doubts({i: self._opened.name_of(i) for i in range(len(self._opened.found))})
        files = []
        for index, found in enumerate(self._opened.found):
            facts = self.of(index)
            files.append(
                InputFile(
                    found.name,
                    *hashes.get(index, ("", 0)),
                    rows=facts.rows,
                    format=self._opened.format_of(index),
                    passed_over=facts.passed_over,
                    by_address=facts.by_address,
                    joined=facts.joined,
                    doubts=(*facts.doubts, *([duplicates[index]] if index in duplicates else [])),
                )
            )
        return files

    def set_aside(self) -> dict[str, int]:
        """Account -> number of its rejected rows in all inputs."""
        counts = AccountCounts()
        for facts in self._facts.values():
            counts.add(facts.set_aside)
        return dict(sorted(counts.rows().items()))

    def changed(self) -> dict[str, int]:
        """Values of all inputs that could not be kept as they were, by column and what became of them."""
        changed: dict[str, int] = {}
        for facts in self._facts.values():
            changed = _add_counts(changed, facts.changed)
        return changed

    def columns(self) -> ColumnStats:
        """How completely the columns are filled so far, and of which calls the log is a sample."""
        filled: dict[str, int] = {}
        rates: dict[str, int] = {}
        for facts in self._facts.values():
            filled, rates = _add_counts(filled, facts.filled), _add_counts(rates, facts.rates)
        return ColumnStats.of(self.rows, filled, rates)


def _add_counts(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({**one, **other})}


def count_sampling_rates(table: pa.Table) -> dict[str, int]:
    """Share of calls that a log keeps, as text without loss -> number of rows for which it is known."""
    column = table.column("sampling_rate")
    if column.null_count == table.num_rows:
        return {}
    values, counts = np.unique(pc.drop_null(column).to_numpy(), return_counts=True)
    return {repr(value): count for value, count in zip(values.tolist(), counts.tolist(), strict=True)}
