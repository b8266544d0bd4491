"""What students say of a harvest, in sentences."""

from __future__ import annotations

import math

from stillhunt.tools import count, number, percent, plural, shorten
from stillhunt_model.damage.curve import CurvePoint, Interval
from stillhunt_model.damage.measuring import DamageResult
from stillhunt_model.damage.parameters import BEND_SHARE, LEAST_GAIN_SAMPLES
from stillhunt_model.damage.splitting import HARVESTED, HONEST

SHOWN_CHARS = 60
"""Characters shown of an id or a name."""
NOT_SHOWN = (
    (
        "This does not show what a large model gained. A small student shows that the answers teach, and from which "
        "count on they teach little more; a model that knows much already needs fewer samples and gains other things."
    ),
    "It does not show that a model was trained on the harvest: 'prove' tests that.",
    (
        "Loss is measured on answers of the campaign's own kind: it says how well they can be imitated, not whether "
        "they are right."
    ),
)


def bounded(one: Interval) -> str:
    """A figure with its bounds: `0.870 (0.857 to 0.883)`."""
    return f"{number(one.value, 3)} ({number(one.low, 3)} to {number(one.high, 3)})"


def exact_share(point: CurvePoint | None) -> str:
    """The share of short answers that students give exactly, with its bounds; empty where it is not known.

    Args:
        point: the students; None where there are none.
    """
    if point is None or point.exact is None:
        return ""
    return f"{percent(point.exact.value)} ({percent(point.exact.low)} to {percent(point.exact.high)})"


def damage_sentences(result: DamageResult) -> list[str]:
    """What was found, in sentences."""
    return [_basis(result), _worth(result), _reached(result), _bend(result), *_skills(result), *_exactness(result)]


def _largest(result: DamageResult, kind: str) -> CurvePoint:
    return max((one for one in result.curve.points if one.kind == kind), key=lambda one: one.count)


def _basis(result: DamageResult) -> str:
    most, honest = (_largest(result, kind).count for kind in (HARVESTED, HONEST))
    whole = "" if result.useful is None else f" of {count(result.useful)} that the campaign took"
    return (
        f"{plural(result.students, 'student')} of {count(result.parameters)} parameters learned from up to "
        f"{plural(most, 'useful sample')}{whole}, or from up to {plural(honest, 'random honest answer')}, with "
        f"{plural(result.spec.steps, 'update')} each whatever the count, and were asked "
        f"{plural(result.asked, 'harvested answer')} that none of them had seen."
    )


def _worth(result: DamageResult) -> str:
    curve = result.curve
    most, honest = (_largest(result, kind).count for kind in (HARVESTED, HONEST))
    difference = bounded(curve.advantage)
    if curve.advantage.low <= 0:
        return (
            "It is not certain that the harvest taught these students more than honest answers did: the difference is "
            f"{difference} nats a byte, and more seeds make its interval narrower."
        )
    smallest = min(one.count for one in curve.points)
    worth = _answers(curve.honest_worth, (smallest, honest), "honest answers")
    inverse = _answers(curve.harvested_worth, (smallest, most), "harvested samples")
    return (
        f"{count(most)} harvested samples are worth {worth}; {count(honest)} honest answers are worth {inverse}. The "
        f"difference is {difference} nats a byte."
    )


def _answers(worth: Interval, tried: tuple[int, int], what: str) -> str:
    value, low, high = (_answer_count(one, tried) for one in (worth.value, worth.low, worth.high))
    if value == low == high:
        return f"{value} {what}"
    about = "about " if 0 < worth.value < math.inf else ""
    return f"{about}{value} {what} (95 % interval: {low} to {high})"


def _answer_count(one: float, tried: tuple[int, int]) -> str:
    """A count of answers, or that it lies beyond those that were tried."""
    smallest, most = tried
    if math.isinf(one):
        return f"more than {count(most)}"
    return count(round(one)) if one else f"fewer than {count(smallest)}"


def _reached(result: DamageResult) -> str:
    if not result.curve.reached:
        return "Since no gain over honest answers is certain, there is no share of it that fewer samples reach."
    parts = [
        f"{count(at)} samples {percent(one.value) if one.value > 0 else 'none'}"
        for at, one in result.curve.reached.items()
    ]
    return f"Of the gain of all harvested samples over honest answers, fewer samples reach: {', '.join(parts)}."


def _bend(result: DamageResult) -> str:
    curve, share = result.curve, percent(BEND_SHARE)
    if curve.learned.low <= 0:
        return "More harvested samples taught nothing beyond chance, so that there is no curve to bend."
    if math.isinf(curve.bend.value):
        return (
            f"The curve does not bend within these counts: the last doubling still brings {share} or more of what the "
            f"best one brought (it bends in {percent(curve.bent)} of the draws). More samples would teach more."
        )
    return (
        f"The curve bends at {_bend_count(curve.bend)}: from there on a doubling brings less than {share} of what the "
        "best one brought."
    )


def _skills(result: DamageResult) -> list[str]:
    if not result.curve.gains:
        return [
            f"No skill or subject has {LEAST_GAIN_SAMPLES} held-out answers, so that none can be compared with another."
        ]
    sure = [one for one in result.curve.gains if one.gain.low > 0]
    if not sure:
        return ["No skill or subject has a gain beyond chance."]
    best = max(sure, key=lambda one: (one.gain.value, one.name))
    shown = f"{best.aspect} {shorten(best.name, SHOWN_CHARS)!r}"
    part = f"{number(100 * best.share.value, 0)} % of the loss, on {plural(best.asked, 'held-out answer')}"
    return [f"The largest gain is in {shown}: {bounded(best.gain)} nats a byte, {part}."]


def _exactness(result: DamageResult) -> list[str]:
    best, honest = (_largest(result, kind) for kind in (HARVESTED, HONEST))
    if best.exact is None:
        return []
    parts = f"students of all harvested samples give {exact_share(best)} exactly, those of honest answers"
    return [f"Of the short held-out answers, {parts} {exact_share(honest)}.", *_exact_bend(result)]


def _exact_bend(result: DamageResult) -> list[str]:
    bend = result.curve.exact_bend
    if bend is None:
        return []
    if math.isinf(bend.value):
        low = "" if math.isinf(bend.low) else f" (95 % interval: from {count(round(bend.low))})"
        return [f"By answers that are given exactly, the curve bends beyond these counts{low}: they still become more."]
    return [f"By answers that are given exactly, the curve bends at {_bend_count(bend)}."]


def _bend_count(bend: Interval) -> str:
    high = "beyond all" if math.isinf(bend.high) else count(round(bend.high))
    low = "beyond all" if math.isinf(bend.low) else count(round(bend.low))
    return f"{count(round(bend.value))} useful samples (95 % interval: {low} to {high})"
