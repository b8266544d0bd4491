"""Actions, from the weakest to the strongest, and the reasons that a customer may be told."""

import tomllib
from importlib import resources
from typing import Any, Literal, get_args

DECISION_TEXTS: dict[str, dict[Any, str]] = tomllib.loads(
    resources.files("stillhunt.decide").joinpath("texts.toml").read_text(encoding="utf-8")
)

Action = Literal["observe", "tag", "step_up", "throttle", "limit", "block"]
ACTIONS: tuple[Action, ...] = get_args(Action)
ACTION_MEANINGS: dict[Action, str] = DECISION_TEXTS["actions"]
WITHOUT_FLAG: Action = "tag"
"""The most that a rule may do to an account that is not flagged itself."""
HIGHEST_CEILING: Action = "limit"  # the most that a policy may let rules do; only persons block

ReasonCode = Literal[
    "automated_collection", "linked_accounts", "resold_access", "several_free_tiers", "operator_decision"
]
REASON_TEXTS: dict[ReasonCode, str] = DECISION_TEXTS["reasons"]
"""Reason code -> what a customer is told. None of them says what was seen: that would teach how to avoid it."""


def rank(action: Action) -> int:
    """Place of an action in the order of strength, from 0."""
    return ACTIONS.index(action)


def weaker(first: Action, second: Action) -> Action:
    """The weaker of two actions.

    >>> weaker("block", "tag")
    'tag'
    """
    return min(first, second, key=rank)


def stronger(first: Action, second: Action) -> Action:
    """The stronger of two actions."""
    return max(first, second, key=rank)
