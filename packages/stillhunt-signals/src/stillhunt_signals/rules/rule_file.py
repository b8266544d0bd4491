"""A rule in its file: what it does, its condition, and examples by which it is tried whenever it is saved."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stillhunt import ConfigError
from stillhunt.live import HIGHEST_CEILING, RuleTerms, parse_declared, rank
from stillhunt_signals.rules.language import (
    RuleColumn,
    RuleCondition,
    check_values,
    compile_condition,
    measure_condition,
)

MOST_RULE_BYTES = 64 << 10
"""Bytes of the file of a rule. Judgement: a condition of 2 KB and some hundred examples."""
_NEXT_STEP = "docs/howto/decide.md has one to begin with"


class RuleExample(BaseModel):
    """Values of some columns, and whether the rule fits them; other columns are not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    fits: bool
    account: dict[str, Any] = {}
    hour: dict[str, Any] = {}
    signal: dict[str, Any] = {}

    def values(self) -> Mapping[str, Any]:
        """Column -> value."""
        tables = {"account": self.account, "hour": self.hour, "signal": self.signal}
        return {f"{table}.{name}": value for table, own in tables.items() for name, value in own.items()}


class OwnRuleFile(RuleTerms):
    """The content of the file."""

    when: str = Field(min_length=1)  # the condition, in CEL
    about: str = Field("", max_length=1000)  # what it is for, for colleagues
    example: tuple[RuleExample, ...]  # at least one that fits and one that does not

    @model_validator(mode="after")
    def _may_be_used(self) -> Self:
        if rank(self.action) > rank(HIGHEST_CEILING):
            raise ValueError(f"rules go to {HIGHEST_CEILING} at most; only persons block")
        if {one.fits for one in self.example} != {True, False}:
            raise ValueError("example: give at least one that fits and one that does not")
        return self


def parse_rule(
    content: bytes, name: str, columns: Mapping[str, RuleColumn] | None = None
) -> tuple[OwnRuleFile, RuleCondition]:
    """A rule and its condition, checked, and tried by its examples.

    Args:
        content: TOML.
        name: of the file, for errors.
        columns: as for `compile_condition`.

    Raises:
        ConfigError: something in it is unknown, malformed or of a wrong type, or an example says otherwise.
    """
    if len(content) > MOST_RULE_BYTES:
        raise ConfigError("the rule cannot be used: it is larger than 64 KiB", where=name, next_step=_NEXT_STEP)
    rule = parse_declared(content, OwnRuleFile, "rule", name, next_step=_NEXT_STEP)
    condition = compile_condition(rule.when, f"{name}: when", columns)
    for place, example in enumerate(rule.example, 1):
        where = f"{name}: example {place}"
        if condition.holds(check_values(example.values(), where, columns)) is not example.fits:
            does = "does not fit" if example.fits else "fits"
            raise ConfigError(
                f"the rule cannot be used: it {does} this example, and should be otherwise",
                where=where,
                next_step="change the condition or the example; a value that the example does not give is not known",
            )
    return rule, condition


def check_new_rule(
    content: bytes, name: str, columns: Mapping[str, RuleColumn] | None = None
) -> tuple[OwnRuleFile, RuleCondition, float]:
    """What `parse_rule` gives, and the microseconds that the condition takes, which are measured once.

    Raises ConfigError: as there, or the condition costs too much.
    """
    rule, condition = parse_rule(content, name, columns)
    return rule, condition, measure_condition(condition, (one.values() for one in rule.example), f"{name}: when")


def read_rule(path: Path) -> bytes:
    """The content of the file of a rule.

    Raises ConfigError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MOST_RULE_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"the rule cannot be read: {error.strerror or error}", where=str(path), next_step=_NEXT_STEP
        ) from error
