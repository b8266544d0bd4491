"""What a customer under a countermeasure reads with each answer. Nothing is changed without it."""

from __future__ import annotations

from stillhunt_model.blunt.measures import MeasureName
from stillhunt_model.blunt.parameters import KEEP_SAMPLES, OUTLINE_EVERY

_WHY = "This account belongs to a group whose requests look like an automated collection of answers."
_WHAT: dict[MeasureName, str] = {
    "withhold": "The working that came with this answer is withheld.",
    "summarise": "The working that came with this answer is an outline: whole steps are left out, where it says so, "
    "and what is left out may qualify what is shown.",
    "rewrite": "The steps of the working that came with this answer are numbered and given in reverse order. No step "
    "is changed.",
    "cap": "The number of answers to this group is limited.",
}
_RESULT, _NO_RESULT = "The answer itself is unchanged.", "There was no answer apart from the working."
REFUSED_ANSWER = "This request is not answered: the limit of answers to this account's group is reached."
"""Stands in the place of an answer that is refused."""


def changed_notice(measure: MeasureName, appeal: str = "", *, has_result: bool = True) -> str:
    """The notice that goes with a changed answer.

    Args:
        appeal: address at which the customer appeals; empty where the terms name it.
        has_result: whether the answer has anything beside its reasoning.
    """
    return f"{_WHAT[measure]} {_RESULT if has_result else _NO_RESULT} {_WHY} {_appeal(appeal)}"


def refused_notice(until: str, appeal: str = "") -> str:
    """The notice that goes with a refused answer.

    Args:
        until: when the order ends, in words.
        appeal: address at which the customer appeals; empty where the terms name it.
    """
    return f"{_WHAT['cap']} It is reached, and further requests are refused until {until}. {_WHY} {_appeal(appeal)}"


def measure_in_words(measure: MeasureName, keep: int = KEEP_SAMPLES) -> str:
    """One sentence on what a measure does, for terms and help.

    Args:
        keep: useful samples that are answered under a cap.
    """
    return {
        "withhold": "The result is given in full; the working that led to it is withheld.",
        "summarise": f"The result is given in full; of the working, one whole step in {OUTLINE_EVERY} is shown, and "
        "each gap says how many steps are left out.",
        "rewrite": "The result is given in full; all steps of the working are given, numbered, the last one first.",
        "cap": f"After {keep:,} distinct questions of the group, further requests are refused until the measure ends.",
    }[measure]


def _appeal(address: str) -> str:
    return f"If this is wrong, appeal at {address}." if address else "If this is wrong, appeal as the terms say."
