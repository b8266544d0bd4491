"""What a customer reads under a countermeasure: a notice with each answer, and the text for the terms of service."""

from collections.abc import Sequence

from stillhunt_model.blunt.measures import MEASURES, MeasureName
from stillhunt_model.blunt.parameters import HONEST_FLAGGED_BOUND, KEEP_SAMPLES, OUTLINE_EVERY
from stillhunt_model.data_files import read_data
from stillhunt_model.orders.order import LONGEST_ORDER_DAYS

_TEXTS = read_data("notices")
REFUSED_ANSWER: str = _TEXTS["refused_answer"]
"""Stands in the place of an answer that is refused."""


def changed_notice(measure: MeasureName, appeal: str = "", *, has_result: bool = True) -> str:
    """The notice that goes with a changed answer.

    `appeal`: address at which the customer appeals; empty where the terms name it.
    """
    answer = _TEXTS["result" if has_result else "no_result"]
    return f"{_TEXTS['done'][measure]} {answer} {_TEXTS['why']} {_write_appeal_sentence(appeal)}"


def refused_notice(until: str, appeal: str = "") -> str:
    """The notice that goes with a refused answer.

    `until`: when the order ends, in words.
    """
    refused = f"It is reached, and further requests are refused until {until}."
    return f"{_TEXTS['done']['cap']} {refused} {_TEXTS['why']} {_write_appeal_sentence(appeal)}"


def measure_in_words(measure: MeasureName, keep: int = KEEP_SAMPLES) -> str:
    """One sentence on what a measure does, for terms and help."""
    does: str = _TEXTS["does"][measure]
    return does.format(every=OUTLINE_EVERY, keep=keep)


def _write_appeal_sentence(address: str) -> str:
    return f"If this is wrong, appeal at {address}." if address else "If this is wrong, appeal as the terms say."


def blunt_policy(measures: Sequence[MeasureName] = MEASURES, keep: int = KEEP_SAMPLES) -> str:
    """Text for the terms of service."""
    policy = _TEXTS["policy"]
    allowed = "\n".join(f"- **{measure}**: {measure_in_words(measure, keep)}" for measure in measures)
    after = policy["after"].format(days=LONGEST_ORDER_DAYS, honest=f"{HONEST_FLAGGED_BOUND * 100_000:g}")
    return f"{policy['before']}\n{allowed}\n{after}"
