"""Numbers that decide something: one readable table per room, checked and typed when the room is imported.

`parameters.toml` of a room has one line for each number: value, unit, meaning, and where it comes from. That is
`measured` (the script that measures it, and what it found), `derived` (a formula) or `judgement` (a reason); a
judgement also has `would_measure`, of its own or of its table. A room declares the names and types as a NamedTuple and
reads its values with `read_parameters`. `docs/parameters.md` is written from the tables, and
`benchmarks/quality/sensitivity.py` moves one number at a time through `moved`.

Settings (`config.py`) are what a user may change; parameters are what the method rests on. Numbers on which no verdict,
decision, proof or alarm depends are constants beside their use.
"""

import math
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from stillhunt.base.errors import ContractError

T = TypeVar("T")
Origin = Literal["measured", "derived", "judgement"]
PARAMETER_FILE = "parameters.toml"
_ABOUT = "about"
_WOULD_MEASURE = "would_measure"


@dataclass(frozen=True)
class Provenance:
    """Where a number comes from: measured, derived by a formula, or judgement; and how, as one phrase."""

    origin: Origin
    how: str


def measured(how: str) -> Provenance:
    """A number that was measured."""
    return Provenance("measured", how)


def derived(how: str) -> Provenance:
    """A number that follows from others."""
    return Provenance("derived", how)


def judgement(how: str) -> Provenance:
    """A number that somebody chose."""
    return Provenance("judgement", how)


@dataclass(frozen=True)
class Parameter:
    """One number of a table, for pages and for the sensitivity benchmark."""

    # table, name: `table.name` is unique, such as `score.failover.cap_bits`
    table: str
    name: str
    value: Any  # a number, or a tuple of numbers
    unit: str  # its unit; `1` for a share or a count without one
    meaning: str  # what it decides, in one sentence
    provenance: Provenance
    would_measure: str | None = None  # what would measure a judgement; None where the number has another origin


@dataclass(frozen=True)
class _Table:
    about: str
    kind: type
    parameters: tuple[Parameter, ...]


_TABLES: dict[str, _Table] = {}
moved: dict[str, Any] = {}
"""`table.name` -> value used instead of the declared one. Only the sensitivity benchmark writes it, and only in a fresh
process before any room is imported; nothing else may, for a finding would then rest on numbers that no page names."""


def read_parameters(kind: type[T], table: str) -> T:
    """The numbers of one table, from the nearest `parameters.toml` in or above the folder of the kind's module.

    Args:
        kind: a NamedTuple whose fields are the numbers' names and types: int, float, or a tuple of them.
        table: room and subject, such as `score.failover`; each table is read once.

    Raises:
        ContractError: a name is missing or superfluous, or a value has another type or is out of range; says the file
            and the key.
    """
    if table in _TABLES:
        raise ContractError(f"two parameter tables are called {table}", where="base.parameters")
    file = _file_of(kind)
    declared = _table_of(file, table)
    types = get_type_hints(kind)
    names = declared.keys() - {_ABOUT, _WOULD_MEASURE}
    for fault, wrong in (("is missing", types.keys() - names), ("is no field of the table", names - types.keys())):
        if wrong:
            raise ContractError(f"it {fault}", where=f"{file}: {table}.{min(wrong)}")
    parameters = tuple(_parse_parameter(table, name, declared, types[name], file) for name in types)
    _TABLES[table] = _Table(declared[_ABOUT], kind, parameters)
    return kind(**{one.name: moved.get(f"{table}.{one.name}", one.value) for one in parameters})


def parameter_values(beginning: str) -> dict[str, dict[str, Any]]:
    """Values by table and name of all imported tables whose names begin so (such as `score.`), in what JSON has."""
    return {
        table: {one.name: list(one.value) if isinstance(one.value, tuple) else one.value for one in parameters}
        for table, (_, parameters) in all_parameters().items()
        if table.startswith(beginning)
    }


def all_parameters() -> Mapping[str, tuple[str, tuple[Parameter, ...]]]:
    """Every table that was read, by name: what it is about, and its parameters in the order of the fields."""
    return {name: (table.about, table.parameters) for name, table in sorted(_TABLES.items())}


def _file_of(kind: type) -> Path:
    module = Path(sys.modules[kind.__module__].__file__ or "")
    for folder in module.parents:
        if (folder / PARAMETER_FILE).is_file():
            return folder / PARAMETER_FILE
    raise ContractError(f"no {PARAMETER_FILE} lies in its folder or above", where=str(module))


@cache
def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ContractError(f"it is no TOML: {error}", where=str(file)) from error


def _table_of(file: Path, table: str) -> dict[str, Any]:
    found: Any = _read_file(file)
    for part in table.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get(_ABOUT), str):
        raise ContractError("it has no such table that says what it is about", where=f"{file}: {table}")
    return found


def _parse_parameter(table: str, name: str, declared: Mapping[str, Any], kind: Any, file: Path) -> Parameter:
    where, entry = f"{file}: {table}.{name}", declared[name]
    if not isinstance(entry, dict):
        raise ContractError("it is no inline table", where=where)
    origins = [origin for origin in get_args(Origin) if origin in entry]
    if len(origins) != 1:
        raise ContractError(f"it needs one of {', '.join(get_args(Origin))}", where=where)
    texts = {"unit", "meaning", *origins}
    if origins == ["judgement"]:
        entry = {_WOULD_MEASURE: declared.get(_WOULD_MEASURE), **entry}
        texts.add(_WOULD_MEASURE)
    for key in sorted(texts | entry.keys() | {"value"}):
        if key not in entry or key not in texts | {"value"}:
            raise ContractError(f"{key} is {'missing' if key in texts else 'superfluous'}", where=where)
        if key != "value" and not (isinstance(entry[key], str) and entry[key]):
            raise ContractError(f"{key} is missing, or no text", where=where)
    value = _parse_typed_value(entry["value"], kind, where)
    units = entry["unit"].split(", ")
    for place, one in enumerate(value if isinstance(value, tuple) else (value,)):
        is_share = units[min(place, len(units) - 1)].startswith(("share", "probability"))
        if not math.isfinite(one) or (is_share and not 0 <= one <= 1):
            raise ContractError(f"{one} is out of range", where=where)
    provenance = Provenance(origins[0], entry[origins[0]])
    return Parameter(table, name, value, entry["unit"], entry["meaning"], provenance, entry.get(_WOULD_MEASURE))


def _parse_typed_value(value: Any, kind: Any, where: str) -> Any:
    if get_origin(kind) is not tuple:
        if type(value) is not kind:
            raise ContractError(f"{value!r} is no {getattr(kind, '__name__', kind)}", where=where)
        return value
    parts = get_args(kind)
    if not isinstance(value, list) or (parts[-1] is not Ellipsis and len(value) != len(parts)):
        raise ContractError(f"{value!r} is no {kind}", where=where)
    kinds: Iterator[Any] = iter(parts if parts[-1] is not Ellipsis else parts[:1] * len(value))
    return tuple(_parse_typed_value(one, next(kinds), where) for one in value)
