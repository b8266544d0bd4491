"""Conditions in CEL (https://cel.dev): checked for types and cost when they are compiled, then true or not of values.

The library is Google's binding of the reference implementation. It bounds nesting (32) and steps of an evaluation
(10,000), and its regular expressions are RE2, so that none runs for ever.
"""

from __future__ import annotations

import math
import re
import time
import tomllib
from collections.abc import Mapping
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
_TRIES, _EVALUATIONS = 5, 20
_PLACED = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_NAMED = re.compile(r"\b(account|hour)\s*\.\s*([a-z_]+)")
_PLAIN = {"text": "STRING", "number": "INT", "share": "DOUBLE", "flag": "BOOL", "moment": "TIMESTAMP"}
_PYTHON = {"text": str, "number": int, "share": float, "flag": bool, "moment": datetime, "texts": list}
_FULLEST: dict[str, Any] = {
    "text": "x" * FULLEST_TEXT, "number": 1, "share": 0.5, "flag": True, "moment": datetime(2026, 1, 1, tzinfo=UTC),
    "texts": ["x" * FULLEST_TEXT] * FULLEST_LIST,
}  # fmt: skip


class RuleColumn(NamedTuple):
    """One column that conditions may name.

    Attributes:
        name: such as `account.plan`.
        kind: text, number, share, flag, moment or texts.
    """

    name: str
    kind: str
    meaning: str


@cache
def rule_columns() -> Mapping[str, RuleColumn]:
    """All columns, by name."""
    declared = tomllib.loads(resources.files(__package__).joinpath("columns.toml").read_text(encoding="utf-8"))
    found = {}
    for table, columns in declared.items():
        for name, said in columns.items():
            kind, _, meaning = said.partition(": ")
            found[f"{table}.{name}"] = RuleColumn(f"{table}.{name}", kind, meaning)
    return found


@dataclass(frozen=True)
class RuleCondition:
    """A condition that was checked.

    Attributes:
        over: what it is asked of: each account, or each of its hours.
        names: columns that it may read.
    """

    text: str
    over: Literal["account", "hour"]
    names: frozenset[str]
    expression: cel.Expression

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of some values.

        Args:
            values: column -> value; what is not known is left out, and then whatever depends on it is not true.
        """
        try:
            return self.expression.eval(data=values).value() is True
        except RuntimeError:  # it took more steps than the library allows
            return False


def compile_condition(text: str, where: str = "when") -> RuleCondition:
    """Check a condition, and prepare it.

    Raises:
        ConfigError: it is too long, is no CEL, names no column, mixes types, is no yes or no, or costs too much.
    """
    if len(text) > MOST_CONDITION_CHARACTERS:
        raise _refuse_condition(f"it has more than {MOST_CONDITION_CHARACTERS:,} characters", where)
    from cel_expr_python import cel  # start-up time, and 50 MB

    types = {one.name: _cel_type(one.kind) for one in rule_columns().values()}
    try:
        expression = cel.NewEnv(variables=types).compile(text)
    except RuntimeError as error:  # all that the library raises
        place = _PLACED.search(str(error))
        said = place[3] if place else str(error).partition(" [")[0]
        raise _refuse_condition(
            shorten(said.replace(" (in container '')", ""), 300), f"{where}:{place[1]}:{place[2]}" if place else where
        ) from error
    if expression.return_type() != cel.Type.BOOL:
        raise _refuse_condition(
            f"it is of the type {expression.return_type().name()}, and must be true or false", where
        )
    names = frozenset(f"{table}.{name}" for table, name in _NAMED.findall(text)) & types.keys()
    over: Literal["account", "hour"] = "hour" if any(name.startswith("hour.") for name in names) else "account"
    condition = RuleCondition(text, over, names, expression)
    if (took := _measure_condition(condition)) > MOST_MICROSECONDS:
        said = "too many steps" if math.isinf(took) else f"{took:,.0f} microseconds"
        raise _refuse_condition(
            f"it takes {said} for one account; at most {MOST_MICROSECONDS:,.0f} microseconds are allowed", where
        )
    return condition


def check_values(values: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Values of columns as `RuleCondition.holds` takes them, for an example.

    Raises:
        ConfigError: a column is not there, or the value is not of its type.
    """
    for name, value in values.items():
        column = rule_columns().get(name)
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


def _cel_type(kind: str) -> cel.Type:
    from cel_expr_python import cel  # as above

    plain: cel.Type = cel.Type.List(cel.Type.STRING) if kind == "texts" else getattr(cel.Type, _PLAIN[kind])
    return plain


def _measure_condition(condition: RuleCondition) -> float:
    """Microseconds of one evaluation on the fullest values, the least of some tries."""
    values = {one.name: _FULLEST[one.kind] for one in rule_columns().values()}
    took = []
    for _ in range(_TRIES):
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
