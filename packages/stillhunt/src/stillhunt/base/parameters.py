"""Numbers that decide something: declared once, each with its unit, its meaning and where it comes from.

A parameter table is a frozen dataclass whose fields are made by `parameter`. A room reads its numbers from the one
instance that `values_of` gives it. `docs/parameters.md` is written from the tables, and
`benchmarks/quality/sensitivity.py` moves one number at a time through `moved`.

Settings (`config.py`) are what a user may change; parameters are what the method rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar, cast

from stillhunt.base.errors import ContractError

T = TypeVar("T")
Origin = Literal["measured", "derived", "judgement"]


@dataclass(frozen=True)
class Provenance:
    """Where a number comes from.

    Attributes:
        origin: measured (on worlds or real logs), derived (by a formula), or judgement.
        how: the script, the formula or the reason, as one phrase.
    """

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


def parameter(value: T, *, unit: str, meaning: str, provenance: Provenance) -> T:
    """Declare one number of a parameter table.

    Args:
        value: the number, or a tuple of numbers.
        unit: its unit; `1` for a share or a count without one.
        meaning: what it decides, in one sentence.

    Returns:
        A dataclass field; typed as the value, so that mypy checks the table.
    """
    declared: T = field(default=value, metadata={"unit": unit, "meaning": meaning, "provenance": provenance})
    return declared


@dataclass(frozen=True)
class Parameter:
    """One declared number, for pages and for the sensitivity benchmark."""

    table: str
    name: str
    value: Any
    unit: str
    meaning: str
    provenance: Provenance


@dataclass(frozen=True)
class _Table:
    name: str
    about: str
    kind: type


_TABLES: dict[str, _Table] = {}

moved: dict[str, Any] = {}
"""`table.name` -> value used instead of the declared one. Only the sensitivity benchmark writes it, and only in a fresh
process before any room is imported; nothing else may, for a finding would then rest on numbers that no page names."""


def parameter_table(name: str, about: str) -> Callable[[type[T]], type[T]]:
    """Register a frozen dataclass of parameters.

    Args:
        name: room and subject, such as `score.failover`; unique.
        about: one sentence for the page.

    Raises:
        ContractError: the name is taken, or a field was not made by `parameter`.
    """

    def register(kind: type[T]) -> type[T]:
        if name in _TABLES:
            raise ContractError(f"two parameter tables are called {name}", where="base.parameters")
        undeclared = [one.name for one in fields(cast("Any", kind)) if "provenance" not in one.metadata]
        if undeclared:
            raise ContractError(f"{undeclared} have no unit, meaning and provenance", where=f"parameter table {name}")
        _TABLES[name] = _Table(name, about, kind)
        return kind

    return register


def values_of(kind: type[T]) -> T:
    """The one instance of a parameter table that a room computes with."""
    (name,) = (table.name for table in _TABLES.values() if table.kind is kind)
    changed = {
        one.name: moved[f"{name}.{one.name}"] for one in fields(cast("Any", kind)) if f"{name}.{one.name}" in moved
    }
    return kind(**changed)


def parameter_values(beginning: str) -> dict[str, dict[str, Any]]:
    """The values of all parameters of a room, by table and name, in what JSON has.

    Args:
        beginning: of the names of its tables, such as `score.`; a table counts from when its module was imported.
    """
    return {
        table: {one.name: list(one.value) if isinstance(one.value, tuple) else one.value for one in parameters}
        for table, (_, parameters) in all_parameters().items()
        if table.startswith(beginning)
    }


def all_parameters() -> Mapping[str, tuple[str, tuple[Parameter, ...]]]:
    """Every table that was imported, by name: what it is about, and its parameters in the order of declaration."""
    return {
        name: (
            table.about,
            tuple(
                Parameter(
                    name,
                    one.name,
                    one.default,
                    one.metadata["unit"],
                    one.metadata["meaning"],
                    one.metadata["provenance"],
                )
                for one in fields(cast("Any", table.kind))
            ),
        )
        for name, table in sorted(_TABLES.items())
    }
