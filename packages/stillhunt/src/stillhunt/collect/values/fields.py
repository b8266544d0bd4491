"""Which field of a log holds a column of REQUESTS or ACCOUNTS, how its value is fetched, and rows of such columns."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.errors import ConfigError, InputError
from stillhunt.base.formatting import shorten
from stillhunt.base.schema import ACCOUNTS, REQUESTS, SAMPLING_PARAMETERS
from stillhunt.collect.values.field_suggestions import MAX_LEAVES, SHOWN_CHARACTERS, near_names, shown_names
from stillhunt.collect.values.json_values import decode_json
from stillhunt.collect.values.other_settings import SETTING_FIELDS

REQUEST_FIELDS = (
    *(name for name in REQUESTS.names if name not in ("client_prefix", "origin_file", "origin_row")),
    "messages",
    *SETTING_FIELDS,
)
"""Columns that are looked for in request logs; the client's prefix is derived, `messages` may replace the prompt, and
the settings become names in `other_settings`."""
ACCOUNT_FIELDS = (*(name for name in ACCOUNTS.names if name != "signup_prefix"), "email")
REQUIRED_REQUEST_FIELDS = ("request_id", "timestamp", "account_id", "model")
REQUIRED_ACCOUNT_FIELDS = ("account_id",)
UNKNOWN_MODEL = "unknown"
"""Model of calls that name none, such as those of edge logs."""
OPTIONAL_ADVICE = ("prompt", "messages", "client_ip")
"""Optional columns for which a mapping is proposed too when required ones are missing."""
Column: TypeAlias = pa.Array | list[Any]
"""Values of one column: an Arrow array, or Python objects where types are mixed."""


@dataclass(frozen=True)
class FieldMap:
    """For each column the paths at which it is looked for, the user's own first; what inputs had at their beginning."""

    paths: Mapping[str, tuple[str, ...]]
    met: set[tuple[str, str]] = field(default_factory=set, compare=False)
    names: dict[str, None] = field(default_factory=dict, compare=False)

    @property
    def mapped(self) -> list[tuple[str, str]]:
        """Entries of the user's mapping that differ from the column's own name."""
        return [(name, paths[0]) for name, paths in self.paths.items() if len(paths) > 1]

    def meet(self, leaves: Sequence[str]) -> None:
        """Note which mapped fields an input has, by their dotted names; what lies below a leaf is not known."""
        if self.mapped:
            self.names.update(dict.fromkeys(leaves[: max(MAX_LEAVES - len(self.names), 0)]))
        whole = len(leaves) >= MAX_LEAVES
        for entry in self.mapped:
            path = entry[1]
            if whole or any(f"{leaf}.".startswith(f"{path}.") or path.startswith(f"{leaf}.") for leaf in leaves):
                self.met.add(entry)

    def check_mapping(self) -> None:
        """Refuse a mapping of a field that no log has, where all logs are of known formats."""
        names = list(self.names)
        for ours, path in self.mapped:
            if (ours, path) not in self.met:
                near = near_names(path, names) or near_names(ours, names)
                raise InputError(
                    "no record at the beginning of the logs has this field",
                    where=mapping_place(ours, path),
                    next_step=f"did you mean {' or '.join(near)}?" if near else f"fields: {shown_names(names)}",
                    command_step=f"try --map {shlex.quote(f'{ours}={near[0]}')}" if near else "",
                )

    def unmapped(self) -> tuple[str, ...]:
        """Sentences about mapped fields that no input has."""
        sentences = []
        for name, path in self.mapped:
            if (name, path) not in self.met:
                near = near_names(path, list(self.names)) or near_names(name, list(self.names))
                hint = f"; did you mean {' or '.join(near)}?" if near else ""
                shown = shorten(path, SHOWN_CHARACTERS)
                sentences.append(f"{name} is mapped to {shown}, a field that no log has at its beginning{hint}")
        return tuple(sentences)

    def candidates(self) -> tuple[str, ...]:
        """Every top-level field that may hold a wanted value, sorted."""
        every = (path for paths in self.paths.values() for path in paths)
        return tuple(sorted({top for path in every for top, _rest in path_splits(path)}))

    def missing(self, required: Iterable[str], found: Collection[str]) -> list[str]:
        """Required columns for which no candidate is among the top-level names found."""
        return [
            name
            for name in required
            if not any(top in found for path in self.paths[name] for top, _rest in path_splits(path))
        ]


def field_map(names: Sequence[str], mapping: Mapping[str, str] | None) -> FieldMap:
    """Columns and the paths at which they are looked for; those of the other table are allowed in the mapping.

    Raises ConfigError where it names a column that does not exist, or a path that cannot be used.
    """
    known = {*REQUEST_FIELDS, *ACCOUNT_FIELDS}
    for name, path in (mapping or {}).items():
        where = mapping_place(name, path)
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise ConfigError(
                f"there is no column '{shorten(name, SHOWN_CHARACTERS)}'",
                where=where,
                next_step='write mapping={"COLUMN": "FIELD"}' + hint,
                command_step="write --map COLUMN=FIELD" + hint,
            )
        if any("\ud800" <= character <= "\udfff" for character in path):  # invalid bytes of the command line
            raise ConfigError("the name of a field is not UTF-8", where=where, next_step="write it in UTF-8")
        if any(character in '"\\' or character < " " for character in path):
            reason = "the name of a field has a quotation mark, a backslash or a control character"
            raise ConfigError(reason, where=where, next_step="rename the field in the log, or export it anew")
        if not path:
            raise ConfigError(
                "the mapping is empty",
                where=where,
                next_step=f'mapping={{"{name}": "their.field"}}',
                command_step=f"--map {name}=their.field",
            )
    paths = {name: tuple(dict.fromkeys(p for p in ((mapping or {}).get(name), name) if p)) for name in names}
    beside = next((p for one in SAMPLING_PARAMETERS if "." in (p := (mapping or {}).get(one, ""))), "")
    if beside:  # the other settings of a call lie where the user found these
        nested = {name: (f"{beside.rpartition('.')[0]}.{name}",) for name in SETTING_FIELDS}
        paths |= {name: path for name, path in nested.items() if len(paths.get(name, ("", ""))) == 1}
    return FieldMap(paths)


def mapping_place(name: str, path: str) -> str:
    """An entry of the mapping as the place of an error: `mapping account_id=user.id`."""
    return f"mapping {shorten(name, SHOWN_CHARACTERS)}={shorten(path, SHOWN_CHARACTERS)}"


def path_splits(path: str) -> list[tuple[str, tuple[str, ...]]]:
    """All ways to split a dotted path into a top-level name and the steps below it, the longest name first."""
    parts = path.split(".")
    return [(".".join(parts[:n]), tuple(parts[n:])) for n in range(len(parts), 0, -1)]


def from_object(record: Mapping[str, Any], path: str) -> Any:
    """Value at a dotted path in a decoded JSON object; None if there is none."""
    for top, rest in path_splits(path):
        if top in record and record[top] is not None:
            value = step_down(record[top], rest)
            if value is not None:
                return value
    return None


def step_down(value: Any, steps: Sequence[str]) -> Any:
    """Value that is reached by following steps into nested values; text on the way is read as JSON.

    `steps`: keys of objects, or positions in lists. A key may itself contain dots (`attributes` with the key
    `gen_ai.request.model`): steps are joined to the longest key that exists.
    """
    if not steps or value is None:
        return value
    if isinstance(value, str | bytes):
        value = decode_json(value)
    if isinstance(value, list) and value and all(isinstance(v, tuple) and len(v) == 2 for v in value):
        value = dict(value)  # an Arrow map
    if isinstance(value, Mapping):
        for n in range(len(steps), 0, -1):
            key = ".".join(steps[:n])
            if key in value:
                return step_down(value[key], steps[n:])
        return None
    if isinstance(value, list | tuple) and steps[0].lstrip("-").isdecimal() and len(steps[0]) < 10:
        index = int(steps[0])
        return step_down(value[index], steps[1:]) if -len(value) <= index < len(value) else None
    return None


def from_arrow(batch: pa.RecordBatch, paths: Sequence[str]) -> Column | None:
    """Column at the first path that the batch has; None if it has none of them."""
    for path in paths:
        for top, rest in path_splits(path):
            index = batch.schema.get_field_index(top)
            if index >= 0:
                return _fetch_nested_column(batch.column(index), rest)
    return None


def _fetch_nested_column(array: pa.Array, steps: Sequence[str]) -> Column:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if not steps:
        return array
    if pa.types.is_struct(array.type):
        for n in range(len(steps), 0, -1):
            key = ".".join(steps[:n])
            if array.type.get_field_index(key) >= 0:
                return _fetch_nested_column(pc.struct_field(array, key), steps[n:])
        return pa.nulls(len(array))
    return python_column([step_down(value, steps) for value in array.to_pylist()])


def python_column(values: list[Any]) -> Column:
    """An Arrow array if all values have one plain type, else the values themselves.

    Mixed columns are not converted here: as floats, 1 and 1.5 would cost large neighbours some digits, so that the
    result for one row would depend on the rows beside it.
    """
    if values.count(None) == len(values):
        return pa.nulls(len(values))
    kinds = set(map(type, values)) - {type(None)}
    try:
        if kinds == {str}:
            return pa.array(values, pa.large_string())
        if kinds == {int}:
            return pa.array(values, pa.int64())
        if kinds == {float}:
            return pa.array(values, pa.float64())
    except (pa.ArrowInvalid, OverflowError, UnicodeError):
        return values
    return values


@dataclass(frozen=True)
class RawBatch:
    """Some rows of one input; columns that it lacks are absent.

    `origin_rows` are numbers within the input; `place` and `raw` give a row's place in words, and its text for rejects.
    """

    columns: Mapping[str, Column]
    rows: int
    source: str
    origin_file: int
    origin_rows: npt.NDArray[np.int64]
    place: Callable[[int], str]
    raw: Callable[[int], str]

    def take(self, rows: npt.NDArray[np.int64]) -> RawBatch:
        """A batch with only these rows, given by their numbers in this batch."""
        chosen = pa.array(rows)
        columns = {
            name: [column[row] for row in rows.tolist()] if isinstance(column, list) else column.take(chosen)
            for name, column in self.columns.items()
        }
        return replace(
            self,
            columns=columns,
            rows=len(rows),
            origin_rows=self.origin_rows[rows],
            place=lambda row: self.place(int(rows[row])),
            raw=lambda row: self.raw(int(rows[row])),
        )
