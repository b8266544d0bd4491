"""What is known of each input of a log: counted while it is handed on, or remembered from an earlier hunt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.schema import REQUESTS
from stillhunt.collect.checks.duplicate_inputs import Twins
from stillhunt.collect.checks.proxy_check import Peers
from stillhunt.collect.decode.columnar import Reader
from stillhunt.collect.decode.records import RecordReader
from stillhunt.collect.read.inputs import InputFacts, InputFile, Opened
from stillhunt.collect.values.rejects import NAME_CHARACTERS, printable

OPTIONAL_COLUMNS = frozenset(c.name for c in REQUESTS.columns if c.nullable)


class Filling(NamedTuple):
    """How far a log is filled.

    Attributes:
        shares: optional column -> share of the requests that have a value, 0 to 1; nothing where there are none.
        rates: share of calls that a log keeps -> requests of which that is known.
    """

    shares: dict[str, float]
    rates: dict[float, int]

    @classmethod
    def of(cls, rows: int, filled: Mapping[str, int], rates: Mapping[str, int]) -> Filling:
        """From what was counted.

        Args:
            rows: requests.
            filled: optional column -> requests that have a value.
            rates: share of calls that a log keeps, as text -> requests.
        """
        shares = {name: count / rows for name, count in filled.items()} if rows else {}
        return cls(shares, {float(rate): count for rate, count in sorted(rates.items())})


class Ledger:
    """Facts of the inputs of one log.

    Args:
        opened: the inputs.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._twins = Twins()
        edges = [index for index, reader in opened.readers.items() if _is_edge(reader)]
        self._edges = frozenset(edges if len(edges) > 1 else ())
        self.facts: dict[int, InputFacts] = {}
        self.peers: defaultdict[int, Peers] = defaultdict(Peers)
        """Addresses met in each input that was read in this hunt."""

    def reject(self, index: int, rows: int) -> None:
        """Count rows of an input that were set aside."""
        facts = self.facts.get(index, InputFacts())
        self.facts[index] = replace(facts, rejected=facts.rejected + rows)

    def hand_on(self, index: int, table: pa.Table) -> None:
        """Count rows of an input that are handed on.

        Args:
            index: of the input.
            table: REQUESTS.
        """
        facts = self.facts.get(index, InputFacts())
        filled = {name: table.num_rows - table.column(name).null_count for name in OPTIONAL_COLUMNS}
        self.facts[index] = replace(
            facts,
            rows=facts.rows + table.num_rows,
            filled=_sum(facts.filled, filled),
            rates=_sum(facts.rates, rates_of(table)),
        )
        if index in self._edges:
            self._twins.note(index, table)

    def of(self, index: int) -> InputFacts:
        """All facts of an input; complete once it was read to its end, or is known from an earlier hunt.

        Args:
            index: of the input.
        """
        facts = self.facts.get(index, InputFacts())
        reader = self._opened.readers.get(index) or self._opened.customers.get(index)
        if not isinstance(reader, RecordReader) or not reader.found:  # not read in this hunt
            return facts
        name = reader.source.name
        doubts = [self.peers[index].doubt(name, edge=reader.source.role == "edge")]
        if reader.source.sampled and facts.rows and not facts.rates:
            doubts.append(f"it may be a sample: set collect.sampling_rate.{name} to the share of calls kept, 1 if all")
        return replace(
            facts,
            passed_over=dict(sorted(reader.passed_over.items())),
            by_address=reader.by_address,
            joined=reader.handed_on,
            doubts=tuple(filter(None, doubts)),
        )

    def files(self, bytes_of: Mapping[int, tuple[str, int]]) -> list[InputFile]:
        """The inputs for the record of a run.

        Args:
            bytes_of: SHA-256 and size of those that are files.
        """
        names = {index: printable(found.name, NAME_CHARACTERS) for index, found in enumerate(self._opened.found)}
        twins = self._twins.doubts(names)
        files = []
        for index, found in enumerate(self._opened.found):
            facts = self.of(index)
            sha256, size = bytes_of.get(index, ("", 0))
            doubts = (*facts.doubts, *([twins[index]] if index in twins else []))
            files.append(
                InputFile(
                    found.name,
                    sha256,
                    size,
                    facts.rows,
                    self._opened.kind_of(index),
                    facts.passed_over,
                    facts.by_address,
                    facts.joined,
                    doubts,
                )
            )
        return files

    def filling(self) -> Filling:
        """How far columns are filled so far, and of which calls the log is a sample."""
        rows = sum(facts.rows for facts in self.facts.values())
        filled: dict[str, int] = {}
        rates: dict[str, int] = {}
        for facts in self.facts.values():
            filled, rates = _sum(filled, facts.filled), _sum(rates, facts.rates)
        return Filling.of(rows, filled, rates)


def _is_edge(reader: Reader) -> bool:
    return isinstance(reader, RecordReader) and reader.source.role == "edge"


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({**one, **other})}


def rates_of(table: pa.Table) -> dict[str, int]:
    """Share of calls that the log keeps, as text that tells it exactly -> rows of which it is known.

    Args:
        table: REQUESTS.
    """
    column = table.column("sampling_rate")
    if column.null_count == table.num_rows:
        return {}
    values, counts = np.unique(pc.drop_null(column).to_numpy(), return_counts=True)
    return {repr(value): count for value, count in zip(values.tolist(), counts.tolist(), strict=True)}
