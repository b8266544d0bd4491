"""What stands wherever a verdict is said: verdict, probability in words and number, and the leading alternative."""

from collections.abc import Sequence
from typing import Any

from stillhunt.case import CampaignModel
from stillhunt.tools import formatting
from stillhunt_evidence.pages.alternatives import Alternative
from stillhunt_evidence.pages.error_rates import ChangedSettings, measured_share
from stillhunt_evidence.pages.page_texts import PAGE_TEXTS


def assess(model: CampaignModel, alternatives: Sequence[Alternative], changed: ChangedSettings) -> dict[str, Any]:
    """What stands wherever a verdict on the campaign is said, by the names that the template has for it."""
    leading = alternatives[0] if alternatives else None
    return {
        "verdict": model.verdict,
        "verdict_words": PAGE_TEXTS["verdict_words"][model.verdict],
        "probability": model.probability,
        "likelihood": model.likelihood,
        "measured": measured_share(model.row["score"]) if changed.rates_hold else changed.not_measured,
        "settings": changed.sentence,
        "caution": PAGE_TEXTS["not_to_act_on"].get(model.verdict, ""),
        "leading": f"{formatting.sentence_case(leading.name)}: {leading.odds}" if leading else not_weighed(model),
        "as_likely": leading is not None and leading.as_likely,
    }


def not_weighed(model: CampaignModel) -> str:
    """Why the case has no explanations beside the claim, in a sentence."""
    said: str = PAGE_TEXTS["not_weighed"]["harvest" if model.harvests else "linked"]
    return said


def leading_sentences(model: CampaignModel, alternatives: Sequence[Alternative]) -> tuple[str, ...]:
    """The leading alternative in plain sentences, without bits, and whom no odds can tell."""
    keys: str = PAGE_TEXTS["keys_caution"]
    if not alternatives:
        return not_weighed(model), keys
    leading = alternatives[0]
    if leading.as_likely:
        first = f"Another explanation, {leading.name}, is {leading.odds}. Rule it out before you act."
    else:
        first = f"Of the other explanations this one fits best: {leading.name}. It is {leading.odds}."
    return first, *([leading.explanation.settles] if leading.explanation.settles else []), keys
