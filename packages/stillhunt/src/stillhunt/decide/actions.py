"""Actions, from the weakest to the strongest, and the reasons that a customer may be told."""

from __future__ import annotations

from typing import Literal, get_args

Action = Literal["observe", "tag", "step_up", "throttle", "limit", "block"]
ACTIONS: tuple[Action, ...] = get_args(Action)
ACTION_MEANINGS: dict[Action, str] = {
    "observe": "nothing happens; the account is watched",
    "tag": "requests go through, with a header for what stands behind the gateway",
    "step_up": "the account must prove something before it goes on: a card, a phone number, a person",
    "throttle": "fewer requests a minute are answered",
    "limit": "some models or features are refused",
    "block": "all requests are refused",
}
WITHOUT_FLAG: Action = "tag"
"""The most that a rule may do to an account that is not flagged itself."""
HIGHEST_CEILING: Action = "limit"
"""The most that a policy may let rules do; only persons block."""

ReasonCode = Literal["automated_collection", "linked_accounts", "resold_access", "operator_decision"]
REASON_TEXTS: dict[ReasonCode, str] = {
    "automated_collection": "The use of this account looks like automated collection of model outputs, which our "
    "terms do not allow.",
    "linked_accounts": "This account is used together with others in a way that our terms do not allow.",
    "resold_access": "Access through this account seems to be passed on to others, which our terms do not allow.",
    "operator_decision": "Our staff reviewed this account and limited its use.",
}
"""Reason code -> what a customer is told. None of them says what was seen: that would teach how to avoid it."""


def rank(action: Action) -> int:
    """Place of an action in the order of strength, from 0."""
    return ACTIONS.index(action)


def weaker(first: Action, second: Action) -> Action:
    """The weaker of two actions."""
    return min(first, second, key=rank)


def stronger(first: Action, second: Action) -> Action:
    """The stronger of two actions."""
    return max(first, second, key=rank)
