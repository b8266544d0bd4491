"""What a kind of log is to the reader: how it is told from others, and how its records become rows of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Record: TypeAlias = Any
"""One record as decoded: a mapping of JSON, CSV or Parquet, a message of OTLP, or a line of text."""
Row: TypeAlias = dict[str, Any]
"""Our column -> value as found; absent or None where the record has none. Beside the columns of REQUESTS: `messages`
(chat messages, read for new content), `links` (names of the call, see `Source.links`), `account_fallback` (who is the
account where no log names one), `attributes` (what --map looks in, where it is not the record)."""

OtherJson: TypeAlias = str | int | float | bool | list[Any] | None
"""Any JSON value that is no object: beside the type of one, it keeps the decoder from refusing an odd log."""

Framing: TypeAlias = Literal["json", "csv", "parquet", "protobuf", "text"]
"""How records are cut out of a file; "json" is both lines and one array, and "csv" any delimited file with a header."""


class PassedOverError(Exception):
    """The record is no call of a model; the reason is counted on the screen."""


class BrokenRecordError(Exception):
    """The record should be a call and cannot be read as one; it goes to rejects with this reason."""


@dataclass(frozen=True)
class Sample:
    """The beginning of an input, to recognise it by.

    Attributes:
        framing: how records were cut out.
        records: a few of them.
        names: top-level names that at least a quarter of them hold; all names where it is `mixed`.
        mixed: whether anything will do: the log was not recognised by what is usual in it.
    """

    framing: Framing
    records: Sequence[Record]
    names: frozenset[str]
    mixed: bool = False

    def holds(self, *names: str) -> bool:
        """Whether all these top-level names were found."""
        return self.names.issuperset(names)

    def mostly(self, found: Iterable[bool]) -> bool:
        """Whether some of its parts are so: a quarter of them, for one that a client made so says nothing of a log."""
        told = list(found)
        return any(told) if self.mixed else 4 * sum(told) >= len(told) > 0


@dataclass(frozen=True)
class Source:
    """One kind of log.

    Attributes:
        name: the word for `--format`, lower case with dashes.
        title: for the screen.
        recognises: whether a sample is of this kind.
        rows: one record -> its calls, none or several; may raise PassedOverError and BrokenRecordError, and may yield
            them in place of a row where only that part of the record is none.
        carries: our column -> where it stands in the log, in words or as a path, in the order of docs/sources.md.
        links: kinds of ids by which its rows may be joined with those of other sources; `links` of a row are written
            "kind:id", and the kinds are "call" (LiteLLM's call id), "edge" (x-request-id), "response" (id of the
            answer) and "span" (trace id/span id).
        role: "calls" where a row is a call by itself; "edge" where it completes calls of others, and is a call only
            if it stands alone; "parts" where it never is one; "accounts" where a record is a customer.
        record_type: msgspec type to decode a JSON line into, for speed; any JSON value when None.
        fields_read: TypedDict of the fields that `rows` looks at, for speed: the decoder skips all others of a JSON
            line. Objects in it are typed with `OtherJson` beside.
        plain_record: TypedDict as `fields_read`, with the types of `plain_bodies` where bodies stand. Tried first; a
            record that does not fit is decoded as without it. `rows` gives the same of both.
        columns: top-level columns read from a Parquet or CSV file; all when empty.
        gather: run over all records of all inputs of this source before any row is made; what it gives is handed to
            `rows_within`.
        rows_within: as `rows`, with what `gather` gave; one of the two is set.
        notes: traps, for the screen and docs/sources.md.
        switch_on: how the log is switched on, for docs/sources.md.
        versions: of the software whose records the tests read.
        nameless: its records tell neither account nor time, as files of batch APIs: `collect.default_account` or the
            file's name, and when the file was changed, stand for them.
        sampled: its records may be a sample of the calls, of which they do not tell the rate.
        framings: the files it is looked for in.
    """

    name: str
    title: str
    recognises: Callable[[Sample], bool]
    carries: Mapping[str, str]
    rows: Callable[[Record], Iterable[Row | PassedOverError | BrokenRecordError]] | None = None
    links: tuple[str, ...] = ()
    role: Literal["calls", "edge", "parts", "accounts"] = "calls"
    record_type: Any = None
    fields_read: Any = None
    plain_record: Any = None
    columns: tuple[str, ...] = ()
    gather: Callable[[Iterator[Record]], Any] | None = None
    rows_within: Callable[[Record, Any], Iterable[Row | PassedOverError | BrokenRecordError]] | None = None
    notes: tuple[str, ...] = ()
    switch_on: str = ""
    versions: str = ""
    nameless: bool = False
    sampled: bool = False
    framings: frozenset[Framing] = field(default_factory=lambda: frozenset({"json"}))
