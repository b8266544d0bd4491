"""How far a score is from the thresholds, and what would change it."""

from __future__ import annotations

import math

from stillhunt.base import formatting
from stillhunt.base.config import ScoreSettings
from stillhunt.base.families import LIMIT_FAMILIES, family_label
from stillhunt.triage.score_breakdown import Membership, ScoreSum, probability_of

_PROGRAMME = (
    "If you allow this programme (a contract, research, your own evaluation), declare it under [sanctioned] in the "
    "settings: it then stays visible but is not flagged."
)
OPERATION_MARGINS = (
    "It gets at most the verdict review, however strong the evidence is, because no work queue shows.",
    _PROGRAMME,
)
"""What would change the verdict of an account farm or a relay, in sentences."""


def margin(log2_odds: float, settings: ScoreSettings) -> str:
    """Distance to the thresholds: `3.7 bits below the review threshold`."""
    above_act = log2_odds - log2_odds_of(settings.act_probability)
    above_review = log2_odds - log2_odds_of(settings.review_probability)
    if above_act >= 0:
        return f"{formatting.distance_bits(above_act)} above the act threshold"
    if above_review < 0:
        return f"{formatting.distance_bits(above_review)} below the review threshold"
    return (
        f"{formatting.distance_bits(above_review)} above the review threshold and "
        f"{formatting.distance_bits(above_act)} below the act threshold"
    )


def campaign_margins(total: ScoreSum, verdict: str, settings: ScoreSettings) -> tuple[str, ...]:
    """What would change a campaign's verdict, in sentences."""
    sentences = [formatting.sentence(term.shown) for term in total.terms if term.family in LIMIT_FAMILIES]
    thresholds = " and ".join(
        f"{name} at {formatting.exact_percent(threshold)}"
        for name, threshold in (("review", settings.review_probability), ("act", settings.act_probability))
    )
    sentences.append(f"The score is {margin(total.log2_odds, settings)} (thresholds: {thresholds}).")
    families = [(name, value) for name, value in total.family_bits.items() if value > 0]
    if families:
        sentences.append(_without_strongest(total, *families[0], settings))
    strong = [name for name, value in families if value >= settings.family_floor_bits]
    if verdict != "act" and len(strong) < 2:
        reached = f'only "{family_label(strong[0])}" reaches that' if strong else "none reaches that"
        floor = formatting.distance_bits(settings.family_floor_bits)
        sentences.append(f"The verdict act needs two independent families of at least {floor} each; {reached}.")
    if total.insufficient:
        sentences.append(f"The log has insufficient data for some tests: {lacking(total)}.")
    if verdict != "none":
        sentences.append(_PROGRAMME)
    return tuple(sentences)


def account_margins(main: Membership | None, *, sanctioned: bool, settings: ScoreSettings) -> tuple[str, ...]:
    """What would change an account's verdict, in sentences.

    Args:
        main: its main membership; None where no campaign holds it.
        sanctioned: whether the settings declare its programme.
    """
    if main is None:
        return ("This account is in no group: nothing links its traffic to other accounts beyond chance.",)
    weaker, name = min(
        (main.campaign.probability, "the campaign"), (main.member.probability, "its part in the campaign")
    )
    sentences = [f"The probability cannot exceed that of its weaker factor, {name} ({formatting.probability(weaker)})."]
    if main.verdict != "none" and main.member.log2_odds >= 0:
        spare = formatting.distance_bits(main.member.log2_odds)
        sentences.append(
            f"{spare} of evidence that the traffic is the account's own (a client, card or topics of its own) would "
            "make it likelier a stranger than a member, and it would not be for review."
        )
    if main.verdict == "review" and main.campaign.probability >= settings.act_probability:
        strangers, least = (
            formatting.exact_percent(bound) for bound in (settings.flagged_strangers, settings.flagged_probability)
        )
        sentences.append(
            f"Members of a campaign to act on are flagged together, with at most {strangers} expected strangers among "
            f"them, and each with a probability of membership of at least {least}. A member that lacks a card, client "
            "or sign-up that nearly all the others share is not flagged with them."
        )
    if sanctioned:
        sentences.append("The settings allow its programme; otherwise the probability alone would decide.")
    elif main.verdict != "none":
        sentences.append(_PROGRAMME)
    return tuple(sentences)


def lacking(total: ScoreSum) -> str:
    """The tests for which the log has insufficient data, as their statements put it."""
    return ". ".join(term.shown.rstrip(".") for term in total.insufficient)


def log2_odds_of(probability: float) -> float:
    """Log2 odds of a probability that is neither 0 nor 1."""
    return math.log2(probability / (1 - probability))


def _without_strongest(total: ScoreSum, family: str, family_bits: float, settings: ScoreSettings) -> str:
    left = probability_of(total.log2_odds - family_bits)
    verdict = "still above the act threshold"
    if left < settings.act_probability:
        verdict = f"{'above' if left >= settings.review_probability else 'below'} the review threshold"
    return (
        f'Without its strongest family, "{formatting.shorten(family_label(family), 24)}" '
        f"({formatting.bits(family_bits)} bits), the probability would be {formatting.probability(left)}: {verdict}."
    )
