"""What `stillhunt model prove` found out about a model, in sentences that claim no more than its tests."""

from collections.abc import Mapping
from typing import Any

from stillhunt.tools import formatting
from stillhunt_evidence.pages.page_texts import PAGE_TEXTS

_NAME_CHARS = 200
_SMALLEST_SHOWN = 1e-299
NOT_SHOWN_BY_TRAINING: tuple[str, ...] = tuple(PAGE_TEXTS["not_shown_by_training"])


def about_p_value(pairs: int, alpha: float) -> tuple[str, ...]:
    """What the corrected p-value says, in sentences.

    `pairs`: of suspect and campaign, for which the register was made.
    """
    numbers = {"pairs": formatting.count(pairs), "alpha": f"{alpha:g}"}
    return tuple(one.format_map(numbers) for one in PAGE_TEXTS["about_p_value"])


def training_sentences(proof: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Whether a model was trained on the answers of the campaign, for counsel."""
    if proof is None:
        return ()
    (campaign,) = proof["campaigns"]
    name = formatting.shorten(proof["suspect"]["name"], _NAME_CHARS)
    bar = f"corrected p-value {p_value(campaign['corrected'])}, where {proof['alpha']:g} is needed"
    concluded = (
        f"The tests conclude that it was {campaign['verdict']}: {bar}."
        if proof["named"] or campaign["corrected"] <= proof["alpha"]
        else f"The tests reach no conclusion: {bar}."
    )
    tests = formatting.join_words([f"{one['name']} (p = {p_value(one['p'])})" for one in campaign["tests"]])
    return (
        f"One model was examined: {name}, SHA-256 {proof['suspect']['fingerprint']}.",
        concluded,
        *_used_part(campaign["answers"], campaign["requests"]),
        f"Tests: {tests}. They used {formatting.plural(proof['asked'], 'query', 'queries')} in all.",
        *about_p_value(proof["pairs"], proof["alpha"]),
        *NOT_SHOWN_BY_TRAINING,
    )


def _used_part(answers: int, requests: int) -> tuple[str, ...]:
    """Of how many harvested requests the answers were used; nothing without a case, which alone knows how many."""
    if not requests:
        return ()
    return (f"The tests were given the answers to {used_of_harvested(answers, requests)}.",)


def used_of_harvested(answers: int, requests: int) -> str:
    """How many of how many harvested requests were used.

    `requests`: harvested requests of the campaign in the case; 0 without a case.
    """
    if not requests:
        return formatting.plural(answers, "harvested answer")
    return f"{formatting.count(answers)} of {formatting.plural(requests, 'harvested request')}"


def p_value(value: float) -> str:
    """A p-value for people."""
    if value < _SMALLEST_SHOWN:
        return f"< {_SMALLEST_SHOWN:.0e}"
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"
