"""What the reader knows of a log format: how its files are recognised, and how a record becomes rows of REQUESTS."""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.resources import files
from typing import Any, Literal, TypeAlias, TypedDict

Record: TypeAlias = Any
"""One record as decoded: a mapping of JSON, CSV or Parquet, a message of OTLP, or a line of text."""
Row: TypeAlias = dict[str, Any]
"""Column of REQUESTS -> value as the log has it; a column without a value is absent or None. Four more keys may be
present: `messages` (chat messages, from which the new content is taken), `links` (ids of the call, see `Source.links`),
`account_fallback` (the account if no log names one), `attributes` (where --map finds fields, if not in the record)."""
OtherJson: TypeAlias = str | int | float | bool | list[Any] | None
"""Any JSON value that is not an object. A field typed `SomeObject | OtherJson` accepts whatever an odd log holds."""
Framing: TypeAlias = Literal["json", "csv", "parquet", "protobuf", "text"]
"""How records are cut out of a file; "json" is JSON lines or one array, "csv" any delimited file with a header."""


class PassedOverError(Exception):
    """The record, or `count` parts of it, is no model call; the reason is counted and shown on the screen."""

    def __init__(self, reason: str, count: int = 1) -> None:
        super().__init__(reason)
        self.count = count


class BrokenRecordError(Exception):
    """The record should be a model call but cannot be read as one; it goes to REJECTS with this reason."""


SHAPE_ERRORS = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)
"""What reading a record may raise if the record does not have the structure that its format documents."""


@dataclass(frozen=True)
class Sample:
    """The beginning of an input, by which its format is recognised."""

    framing: Framing  # how records were cut out
    records: Sequence[Record]
    names: frozenset[str]  # top-level field names that at least a quarter of the records have; all names if `mixed`
    mixed: bool = False  # the second try, after no format fitted the usual records: one fitting record is enough

    def holds(self, *names: str) -> bool:
        """Whether the records have all these top-level fields."""
        return self.names.issuperset(names)

    def mostly(self, fits: Iterable[bool]) -> bool:
        """Whether enough parts fit: a quarter, since a client could forge one; any if `mixed`."""
        found = list(fits)
        return any(found) if self.mixed else 4 * sum(found) >= len(found) > 0


@dataclass(frozen=True)
class Source:
    """One log format."""

    name: str  # word for `--format`, lower case with dashes
    title: str
    recognises: Callable[[Sample], bool]  # whether a sample has this format
    # column of REQUESTS -> where the log has it, in words or as a path, in the order of docs/sources.md
    carries: Mapping[str, str]
    # one record -> its calls, none or several. May raise PassedOverError and BrokenRecordError, or yield them in place
    # of a row when they concern only a part of the record
    rows: Callable[[Record], Iterable[Row | PassedOverError | BrokenRecordError]] | None = None
    # kinds of ids by which its rows may be joined with rows of other sources. `links` of a row are written "kind:id";
    # the kinds are "call" (LiteLLM's call id), "edge" (x-request-id), "response" (id of the answer), "span" (trace
    # id/span id) and "batch" (custom_id)
    links: tuple[str, ...] = ()
    # "calls" if a row is a call by itself; "edge" if it completes calls of other logs, and is a call only when no other
    # log is given; "parts" if it is never a call by itself; "accounts" if a record is a customer
    role: Literal["calls", "edge", "parts", "accounts"] = "calls"
    record_type: Any = None  # msgspec type to decode a JSON line into, for speed; any JSON value when None
    # TypedDict of the fields that `rows` uses, for speed: the decoder skips all other fields of a JSON line. Fields
    # that are objects are typed `SomeObject | OtherJson`
    fields_read: Any = None
    # as `fields_read`, with the types of `plain_bodies` for bodies. Tried first; a record that does not fit is decoded
    # without it. `rows` must give the same rows either way
    plain_record: Any = None
    columns: tuple[str, ...] = ()  # top-level columns read from a Parquet or CSV file; all when empty
    # reads all records of all inputs of this source before any row is made; its result goes to `rows_within`
    gather: Callable[[Iterator[Record]], Any] | None = None
    # as `rows`, with the result of `gather`; exactly one of the two is set
    rows_within: Callable[[Record, Any], Iterable[Row | PassedOverError | BrokenRecordError]] | None = None
    notes: tuple[str, ...] = ()  # what can mislead, for the screen and docs/sources.md
    switch_on: str = ""  # how the log is switched on, for docs/sources.md
    versions: str = ""  # versions of the software whose records the tests read
    # its records have neither account nor time, as files of batch APIs. `collect.default_account` or the file name, and
    # the time at which the file was changed, stand in for them
    nameless: bool = False
    sampled: bool = False  # the log may be a sample of the calls and does not state its rate
    # kinds of files in which the format is looked for
    framings: frozenset[Framing] = field(default_factory=lambda: frozenset({"json"}))
    # records as the log has them, which `stillhunt plugin test` reads; none where it is built in
    examples: tuple[Record, ...] = ()


def call_links(**ids: Any) -> list[str]:
    """Links of a row, "kind:id", for those ids that are present; see `Source.links`."""
    return [f"{kind}:{value}" for kind, value in ids.items() if value is not None and value != "" and value != "-"]


def record_type(name: str, any_value: Iterable[str], **typed: Any) -> Any:
    """Type of a record for `Source.fields_read` or `Source.plain_record`: fields of any value, and typed ones."""
    return TypedDict(name, dict.fromkeys(any_value, Any) | typed, total=False)  # type: ignore[operator]  # names are data


def load_source(name: str, recognises: Callable[[Sample], bool] | None = None, **functions: Any) -> Source:
    """One of our own sources: what `sources.toml` says of it; without `recognises`, the names of its fields tell."""
    words = dict(_load_source_descriptions()[name])
    fields = words.pop("fields", {})
    words["framings"] = frozenset(words.get("framings", ("json",)))
    words["recognises"] = recognises or partial(
        _has_fields, fields["all"], fields.get("some", ()), fields.get("least", 1)
    )
    words |= {key: tuple(value) for key, value in words.items() if isinstance(value, list)}
    return Source(**words | functions | {"name": name, "carries": _carried_by(name)})


def _has_fields(needed: Sequence[str], others: Sequence[str], least: int, sample: Sample) -> bool:
    return sample.holds(*needed) and len(sample.names.intersection(others)) >= min(least, len(others))


def _carried_by(name: str) -> dict[str, str]:
    """Column -> where a source has it."""
    stated = dict(_load_source_descriptions()[name]["carries"])
    carries = _carried_by(stated.pop("like")) if "like" in stated else {}
    return carries | {column: where for columns, where in stated.items() for column in columns.split(", ")}


@cache
def _load_source_descriptions() -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "sources.toml").read_text("utf-8"))
