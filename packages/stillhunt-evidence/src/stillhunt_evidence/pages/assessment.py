"""What stands wherever a verdict is said: verdict, probability in words and number, and the leading alternative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stillhunt.case import CampaignModel
from stillhunt.tools import formatting
from stillhunt_evidence.pages.alternatives import Alternative
from stillhunt_evidence.pages.error_rates import ChangedSettings, measured_share
from stillhunt_evidence.pages.page_texts import PAGE_TEXTS

_EVEN = 0.5
NOT_SETTLED = "not settled: an honest explanation fits as well"
"""The words in place of `likely` and more, where an honest explanation explains nearly all of the evidence."""
_NOT_MEASURED = "not measured: how many groups so stated are campaigns under settings other than the defaults"


@dataclass(frozen=True)
class Assessment:
    """What stands wherever a verdict is said.

    Attributes:
        likelihood: the probability in words; that nothing is settled where an honest explanation fits as well.
        measured: how many groups with such a probability were campaigns, or why that is not said.
        settings: the settings that differ from the defaults, in a sentence; empty where none does.
        caution: that nobody may act on the finding, in a sentence; empty for the verdict act.
    """

    verdict: str
    verdict_words: str
    probability: str
    likelihood: str
    measured: str
    settings: str
    caution: str
    leading: str
    explains_nearly_all: bool


def assess(model: CampaignModel, alternatives: Sequence[Alternative], changed: ChangedSettings) -> Assessment:
    """What stands wherever a verdict on the campaign is said."""
    leading = alternatives[0]
    score: float = model.row["score"]
    return Assessment(
        verdict=model.verdict,
        verdict_words=PAGE_TEXTS["verdict_words"][model.verdict],
        probability=model.probability,
        likelihood=likelihood_beside(model, leading),
        measured=measured_share(score) if changed.rates_hold else _NOT_MEASURED,
        settings=changed.sentence,
        caution=PAGE_TEXTS["not_to_act_on"].get(model.verdict, ""),
        leading=f"{formatting.sentence_case(leading.explanation.name)}: {leading.fit} ({leading.odds})",
        explains_nearly_all=leading.explains_nearly_all,
    )


def likelihood_beside(model: CampaignModel, leading: Alternative) -> str:
    """The probability in words, which claim nothing where an honest explanation fits as well."""
    even: bool = model.row["score"] >= _EVEN
    return NOT_SETTLED if even and leading.explains_nearly_all else model.likelihood


def leading_sentences(alternatives: Sequence[Alternative]) -> tuple[str, ...]:
    """The leading alternative in plain sentences, without bits."""
    leading = alternatives[0]
    name = leading.explanation.name
    if leading.expected is not None and leading.explains_nearly_all:
        first = (
            "A search of a log this large is expected to meet an honest group this strong, so the finding may be "
            f"{name}."
        )
    elif leading.explains_nearly_all:
        first = f"One honest explanation, {name}, explains nearly all of what was seen. Rule it out before you act."
    else:
        first = (
            f"The honest explanation that fits best is {name}. It {leading.fit}: what was seen is "
            f"{leading.comparison}, before asking how common either is."
        )
    missing = [one.sentence for one in leading.missing]
    return (first, *missing, leading.explanation.check)
