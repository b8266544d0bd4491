"""What would change a score: which evidence carries it, and how far the next verdict is away."""

from __future__ import annotations

import math

from stillhunt.base import formatting as plain
from stillhunt.base.config import ScoreSettings
from stillhunt.base.families import family_label
from stillhunt.triage.score_breakdown import Membership, Sum, probability_of

_PROGRAMME = (
    "If it is a programme that you allow (contract, research, own evaluation), declare it under [sanctioned] in the "
    "settings: it stays visible and is not flagged."
)


def of_campaign(total: Sum, verdict: str, settings: ScoreSettings) -> tuple[str, ...]:
    """What would change a campaign's verdict, in sentences.

    Args:
        total: its evidence.
        verdict: act, review or none.
        settings: thresholds of the run.
    """
    sentences = [plain.sentence_case(term.statement) + "." for term in total.terms if term.family == "budget"]
    sentences.append(_margin(total.log2_odds, settings))
    families = [(name, value) for name, value in total.family_bits.items() if value > 0]
    if families:
        sentences.append(_without_strongest(total, *families[0], settings))
    strong = [name for name, value in families if value >= settings.family_floor_bits]
    if verdict != "act" and len(strong) < 2:
        reach = f"only {family_label(strong[0]).lower()} does" if strong else "none does"
        sentences.append(
            f"The verdict act needs two independent families of at least {settings.family_floor_bits:.1f} bits; "
            f"{reach}."
        )
    if total.untold:
        lacking = "; ".join(plain.shorten(term.statement, 400) for term in total.untold)
        sentences.append(f"The log holds too little for some tests: {lacking}.")
    if verdict != "none":
        sentences.append(_PROGRAMME)
    return tuple(sentences)


def of_account(main: Membership | None, *, sanctioned: bool, settings: ScoreSettings) -> tuple[str, ...]:
    """What would change an account's verdict, in sentences.

    Args:
        main: its main membership; None where no campaign holds it.
        sanctioned: whether the settings declare its programme.
        settings: thresholds of the run.
    """
    if main is None:
        return ("No group holds this account: nothing ties its traffic to other accounts beyond chance.",)
    weaker, name = min(
        (main.campaign.probability, "the campaign"), (main.member.probability, "its part in the campaign")
    )
    sentences = [f"The weaker factor is {name} ({plain.probability(weaker)}); the score cannot be above it."]
    needed = settings.review_probability / main.campaign.probability
    if main.probability >= settings.review_probability and needed < 1:
        spare = main.member.log2_odds - _log2_odds(needed)
        sentences.append(
            f"Signs that the traffic is its own (human follow-ups, own topics, repeats) worth {spare:.1f} bits would "
            f"bring it below {_line(settings.review_probability)}, the line for review."
        )
    if sanctioned:
        sentences.append("Its programme is declared in the settings; without that the score alone would decide.")
    elif main.probability >= settings.review_probability:
        sentences.append(_PROGRAMME)
    return tuple(sentences)


def _margin(log2_odds: float, settings: ScoreSettings) -> str:
    act, review = settings.act_probability, settings.review_probability
    above_act, above_review = log2_odds - _log2_odds(act), log2_odds - _log2_odds(review)
    if above_act >= 0:
        return f"It stands {above_act:.1f} bits above the line for act ({_line(act)})."
    if above_review >= 0:
        return (
            f"It stands {above_review:.1f} bits above the line for review ({_line(review)}) and lacks {-above_act:.1f} "
            f"bits to the line for act ({_line(act)})."
        )
    return f"It lacks {-above_review:.1f} bits to the line for review ({_line(review)})."


def _without_strongest(total: Sum, family: str, family_bits: float, settings: ScoreSettings) -> str:
    left = probability_of(total.log2_odds - family_bits)
    name = family_label(family).lower()
    verdict = "still above the line for act"
    if left < settings.act_probability:
        verdict = "above the line for review" if left >= settings.review_probability else "below the line for review"
    return (
        f"Without its strongest family, {plain.shorten(name, 24)} ({plain.bits(family_bits)} bits), the probability "
        f"would be {plain.probability(left)}: {verdict}."
    )


def _log2_odds(probability: float) -> float:
    return math.log2(probability / (1 - probability))


def _line(threshold: float) -> str:
    return f"{threshold * 100:.6g} %"
