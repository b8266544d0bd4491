"""Conditions in CEL (https://cel.dev): checked for types and cost when they are compiled, then true or not of values.

The library is Google's binding of the reference implementation. It bounds nesting (32) and steps of an evaluation
(10,000), and its regular expressions are RE2. It does not bound the values that are made: eight loops behind each other
that double a text ten times fill any memory. So loops within or behind loops are bounded here.
"""

from __future__ import annotations

import math
import re
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stillhunt import ConfigError
from stillhunt.live import FULLEST_TEXT
from stillhunt.tools import shorten

if TYPE_CHECKING:
    from cel_expr_python import cel

MOST_CONDITION_CHARACTERS = 2_000
"""Characters of a condition. Judgement: a page, more than anybody reviews."""
MOST_MICROSECONDS = 100.0
"""CPU time of a condition for an account all of whose texts and lists are full: a million accounts take 100 seconds.
Judgement: an ordinary condition takes 3 to 10."""
FULLEST_LIST = 5
"""Values in a list of a column, as the case keeps them."""
MOST_LOOPS = 2
"""Loops (all, exists, map, filter) within or behind each other. In 2,000 characters two make at most some 90,000 copies
of a column, which is 20 MB; three make gigabytes."""
_TRIES, _EVALUATIONS = 5, 20
_PLACED = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_PARTS: dict[str, dict[int, str]] = {
    "any": {2: "checked"}, "checked": {2: "entry", 4: "node"}, "entry": {2: "reference"}, "reference": {1: "name"},
    "node": {5: "call", 6: "call", 7: "call", 8: "struct", 9: "loop"}, "call": {1: "node", 3: "node"},
    "struct": {2: "pair"}, "pair": {3: "node", 4: "node"}, "loop": dict.fromkeys((2, 4, 5, 6, 7), "node"),
}  # fmt: skip
"""Message -> field -> message, of https://github.com/google/cel-spec, proto/cel/expr: those that lead to names and
loops. Select, Call and CreateList have their nodes in the same fields."""
_PLAIN = {"text": "STRING", "number": "INT", "share": "DOUBLE", "flag": "BOOL", "moment": "TIMESTAMP"}
_PYTHON = {"text": str, "number": int, "share": float, "flag": bool, "moment": datetime, "texts": list}
_FULLEST: dict[str, Any] = {
    "text": "x" * FULLEST_TEXT, "number": 1, "share": 0.5, "flag": True, "moment": datetime(2026, 1, 1, tzinfo=UTC),
    "texts": ["x" * FULLEST_TEXT] * FULLEST_LIST,
}  # fmt: skip


class RuleColumn(NamedTuple):
    """One column that conditions may name."""

    name: str  # such as `account.plan`, or `signal.radar` of a declared signal
    kind: str  # text, number, share, flag, moment or texts
    meaning: str


@cache
def rule_columns() -> Mapping[str, RuleColumn]:
    """The columns that there always are, by name; `signal_columns` has those of declared signals."""
    declared = tomllib.loads(resources.files(__package__).joinpath("columns.toml").read_text(encoding="utf-8"))
    found = {}
    for table, columns in declared.items():
        for name, said in columns.items():
            kind, _, meaning = said.partition(": ")
            found[f"{table}.{name}"] = RuleColumn(f"{table}.{name}", kind, meaning)
    return found


@dataclass(frozen=True)
class RuleCondition:
    """A condition that was checked."""

    text: str
    over: Literal["account", "hour"]  # what it is asked of: each account, or each of its hours
    names: frozenset[str]  # columns that it may read
    expression: cel.Expression
    columns: Mapping[str, RuleColumn]  # all that it could have named

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of some values.

        `values`: column -> value; what is not known is left out, and then whatever depends on it is not true.
        """
        try:
            return self.expression.eval(data=values).value() is True
        except RuntimeError:  # it took more steps than the library allows
            return False


def typed_columns(signals: Mapping[str, str]) -> Mapping[str, RuleColumn]:
    """The columns that there always are, with those of signals.

    `signals`: column -> type, as a saved rule keeps them.
    """
    return {**rule_columns(), **{name: RuleColumn(name, kind, "") for name, kind in signals.items()}}


def compile_condition(text: str, where: str = "when", columns: Mapping[str, RuleColumn] | None = None) -> RuleCondition:
    """Check a condition, and prepare it; what it costs is not measured.

    `columns`: that it may name; without it, those that there always are.

    Raises ConfigError: it is too long, is no CEL, names no column, mixes types, is no yes or no, or has loops in loops.
    """
    if len(text) > MOST_CONDITION_CHARACTERS:
        raise _refuse_condition(f"it has more than {MOST_CONDITION_CHARACTERS:,} characters", where)
    from cel_expr_python import cel  # start-up time, and 50 MB

    columns = rule_columns() if columns is None else columns
    types = {one.name: _cel_type(one.kind) for one in columns.values()}
    try:
        expression = cel.NewEnv(variables=types).compile(text)
    except RuntimeError as error:  # all that the library raises
        place = _PLACED.search(str(error))
        said = place[3] if place else str(error).partition(" [")[0]
        raise _refuse_condition(
            shorten(said.replace(" (in container '')", ""), 300),
            f"{where}:{place[1]}:{place[2]}" if place and int(place[1]) > 0 else where,
        ) from error
    if expression.return_type() != cel.Type.BOOL:
        raise _refuse_condition(
            f"it is of the type {expression.return_type().name()}, and must be true or false", where
        )
    checked = list(_walk_checked("any", expression.serialize()))
    if max(loops for _, loops in checked) > MOST_LOOPS:
        raise _refuse_condition(
            f"more than {MOST_LOOPS} of all, exists, map and filter stand within or behind each other", where
        )
    names = frozenset(name for name, _ in checked) & types.keys()
    over: Literal["account", "hour"] = "hour" if any(name.startswith("hour.") for name in names) else "account"
    return RuleCondition(text, over, names, expression, columns)


def measure_condition(condition: RuleCondition, examples: Iterable[Mapping[str, Any]], where: str = "when") -> float:
    """Microseconds of CPU time that a condition takes for the worst account: all values full, or those of an example.

    `examples`: column -> value; they lead past what full values stop at, such as `account.plan == 'free' &&`. Raises
    ConfigError: it costs too much.
    """
    full = {one.name: _FULLEST[one.kind] for one in condition.columns.values()}
    took = max(_measure_evaluation(condition, full | dict(values)) for values in ({}, *examples))
    if took > MOST_MICROSECONDS:
        said = "too many steps" if math.isinf(took) else f"{took:,.0f} microseconds"
        raise _refuse_condition(
            f"it takes {said} for one account; at most {MOST_MICROSECONDS:,.0f} microseconds are allowed", where
        )
    return took


def check_values(
    values: Mapping[str, Any], where: str, columns: Mapping[str, RuleColumn] | None = None
) -> Mapping[str, Any]:
    """Values of columns as `RuleCondition.holds` takes them, for an example.

    `columns`: as for `compile_condition`. Raises ConfigError: a column is not there, or the value is not of its type.
    """
    columns = rule_columns() if columns is None else columns
    for name, value in values.items():
        column = columns.get(name)
        if column is None:
            raise _refuse_condition(f"there is no column {shorten(name, 60)}", where)
        kind = _PYTHON[column.kind]
        fits = type(value) is kind
        if isinstance(value, datetime):
            fits = fits and value.tzinfo is not None
        elif kind is list:
            fits = isinstance(value, list) and all(type(one) is str for one in value)
        if not fits:
            raise _refuse_condition(f"{name} is a {column.kind}, and this is {shorten(repr(value), 60)}", where)
    return values


def _walk_checked(message: str, content: bytes, loops: int = 0) -> Iterator[tuple[str, int]]:
    """Names that a checked condition refers to, and how many loops are around each place of it.

    `message`: of `_PARTS`. `content`: it in protobuf's wire format, as the library writes it.
    """
    loops += message == "loop"
    yield (content.decode() if message == "name" else ""), loops
    at, parts = 0, _PARTS.get(message, {})
    while parts and at < len(content):
        key, at = _read_varint(content, at)
        size = {1: 8, 5: 4}.get(key & 7, 0)
        if key & 7 in (0, 2):
            size, at = _read_varint(content, at)
        if key & 7 == 2 and key >> 3 in parts:
            yield from _walk_checked(parts[key >> 3], content[at : at + size], loops)
        at += size if key & 7 else 0


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    """A number at a place, and the place after it."""
    number = shift = 0
    while content[at] & 0x80:
        number, shift, at = number | (content[at] & 0x7F) << shift, shift + 7, at + 1
    return number | content[at] << shift, at + 1


def _cel_type(kind: str) -> cel.Type:
    from cel_expr_python import cel  # as above

    plain: cel.Type = cel.Type.List(cel.Type.STRING) if kind == "texts" else getattr(cel.Type, _PLAIN[kind])
    return plain


def _measure_evaluation(condition: RuleCondition, values: Mapping[str, Any]) -> float:
    """Microseconds of one evaluation: of the first try within what is allowed, or the least of some."""
    took: list[float] = []
    while len(took) < _TRIES and min(took, default=math.inf) > MOST_MICROSECONDS:
        began = time.thread_time()
        for _ in range(_EVALUATIONS):
            try:
                condition.expression.eval(data=values)
            except RuntimeError:  # more than 10,000 steps
                return math.inf
            if time.thread_time() - began > _EVALUATIONS * MOST_MICROSECONDS * 1e-5:
                break  # ten times too much: once is enough
        took.append((time.thread_time() - began) / _EVALUATIONS * 1e6)
    return min(took)


def _refuse_condition(what: str, where: str) -> ConfigError:
    return ConfigError(
        f"the rule cannot be used: {what}",
        where=where,
        next_step="'stillhunt rules columns' lists columns and types; whole numbers are 5, shares are 5.0",
    )
