"""The learning curve: what students of harvested and of honest answers know, with intervals.

Every figure is one function of a table of losses. Its interval comes from drawing seeds and held-out groups again, the
same for all students, so that differences between them keep what they have in common.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student_t

from stillhunt_model.damage.parameters import BEND_SHARE, LEAST_GAIN_SAMPLES
from stillhunt_model.damage.splitting import HARVESTED, HONEST, KINDS, HeldOut
from stillhunt_model.damage.students import Students

# Draws of seeds and held-out groups from which intervals come (the bounds of a 95 % interval are then known to one or
# two percent of its width)
_RESAMPLES = 1000


Floats = npt.NDArray[np.float64]
_BOUNDS = (0.025, 0.975)
_LEAST = 1e-9
"""Least loss, so that a share of it is a number."""
_Z = 1.96
"""Standard deviations on either side of a 95 % interval."""


@dataclass(frozen=True)
class Interval:
    """A figure with the bounds of its 95 % interval; infinite where it lies beyond what was tried."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class CurvePoint:
    """Students of one kind and count."""

    kind: str
    count: int
    loss: Interval  # nats a token of held-out harvested answers
    loss_by_byte: Interval
    exact: Interval | None  # share of short held-out answers that they give exactly; None where too few are short
    best_steps: tuple[int, ...]  # updates after which each was at its best


@dataclass(frozen=True)
class LabelGain:
    """What the harvest teaches of one skill or subject."""

    aspect: str
    name: str
    asked: int
    gain: Interval  # nats a byte by which students of all harvested samples beat those of as many honest answers
    share: Interval  # the same as a share of the loss of the latter


@dataclass(frozen=True)
class LearningCurve:
    """What a harvest is worth."""

    points: tuple[CurvePoint, ...]
    advantage: Interval  # nats a byte by which students of all harvested samples beat those of honest answers
    # honest answers that teach as much as all harvested samples; infinite for more than there were, 0 for fewer than
    # the smallest count
    honest_worth: Interval
    harvested_worth: Interval  # harvested samples that teach as much as all honest answers; likewise
    # count -> share of the way from all honest answers to all harvested samples that a student of so many harvested
    # samples has gone; empty where the harvest has no certain advantage
    reached: dict[int, Interval]
    learned: Interval  # nats a byte between the smallest count and all of the harvest
    # count from which a doubling brings less than `bend_share` of the best one; infinite where there is none
    bend: Interval
    bent: float  # share of the draws in which the curve bends within the counts
    # the same count by the share of short answers that are given exactly, which goes on to rise when the loss hardly
    # falls; None where too few are short or more samples bring no more of them
    exact_bend: Interval | None
    gains: tuple[LabelGain, ...]
    honest_loss: dict[str, Interval]  # kind -> nats a byte of held-out honest answers, of students with all samples

    def point(self, kind: str, count: int) -> CurvePoint:
        """The students of one kind and count."""
        return next(one for one in self.points if (one.kind, one.count) == (kind, count))


class _Losses:
    """Losses of all students, drawn again; the first draw is the true one.

    Attributes:
        nats: kind -> loss of each answer, counts x seeds x answers.
    """

    def __init__(self, students: Students, held: HeldOut, seed: int) -> None:
        self.counts = students.counts
        self.tokens, self.bytes = (np.array(one, float) for one in (students.asked.tokens, students.asked.bytes))
        self.nats = _stack_student_values(students, [one.nats for one in students.scores])
        self.exact = _stack_student_values(students, [[float(one) for one in score.exact] for score in students.scores])
        self.honest = _stack_student_values(students, [one.honest_nats for one in students.scores])
        source = np.random.default_rng(seed)
        seeds = self.nats[HARVESTED].shape[1]
        chosen = source.multinomial(seeds, np.full(seeds, 1 / seeds), _RESAMPLES) / seeds
        even = np.full((1, seeds), 1 / seeds)
        self.seed_weights = np.vstack([even, even + _compute_seed_widening(seeds) * (chosen - even)])
        self.weights = _group_weights([one.group for one in held.asked], source)
        self.honest_weights = _group_weights([one.group for one in held.asked_honest], source)

    def mean(self, values: dict[str, Floats], per: Floats, weights: Floats) -> dict[str, Floats]:
        """Kind -> mean over answers and seeds, draws x counts."""
        means = {}
        for kind, each in values.items():
            by_seed = np.einsum("csp,bp->bcs", each, weights)
            means[kind] = np.einsum("bcs,bs->bc", by_seed, self.seed_weights)
        # Neither a loss nor a share is below 0, however far the seeds of a draw are from their mean.
        return {kind: np.maximum(mean / (weights @ per)[:, None], 0.0) for kind, mean in means.items()}


def _compute_seed_widening(seeds: int) -> float:
    """By how much draws of few seeds are too close to their mean.

    A draw with replacement lacks one degree of freedom, and what it knows of the spread is itself by chance: as for the
    mean of so few numbers, bounds are those of Student's distribution.
    """
    return math.sqrt(seeds / (seeds - 1)) * float(student_t.ppf(_BOUNDS[1], seeds - 1)) / _Z


def _stack_student_values(students: Students, values: Sequence[Sequence[float]]) -> dict[str, Floats]:
    found = {}
    for kind in KINDS:
        rows = [
            [
                value
                for one, value in zip(students.scores, values, strict=True)
                if (one.kind, one.count) == (kind, count)
            ]
            for count in students.counts[kind]
        ]
        found[kind] = np.array(rows, float)
    return found


def _group_weights(groups: Sequence[int], source: np.random.Generator) -> Floats:
    """How often each answer is drawn, draws x answers; answers of a group are drawn together; all once at first."""
    names, place = np.unique(np.array(groups, np.int64), return_inverse=True)
    if not len(names):
        return np.zeros((_RESAMPLES + 1, 0))
    drawn = source.multinomial(len(names), np.full(len(names), 1 / len(names)), _RESAMPLES)
    return np.vstack([np.ones((1, len(groups))), drawn[:, place].astype(float)])


def learning_curve(students: Students, held: HeldOut, seed: int) -> LearningCurve:
    """What the students say of the harvest."""
    losses = _Losses(students, held, seed)
    by_token = losses.mean(losses.nats, losses.tokens, losses.weights)
    by_byte = losses.mean(losses.nats, losses.bytes, losses.weights)
    counts = losses.counts
    harvested, honest = by_byte[HARVESTED], by_byte[HONEST]
    bends = np.array([bend_of(row, counts[HARVESTED]) for row in harvested])
    learned = harvested[:, 0] - harvested[:, -1]
    # The same count in all draws: the least of several in each draw is low by chance alone, and hides an advantage.
    best_honest = honest[:, int(np.argmin(honest[0]))]
    advantage = interval_of(best_honest - harvested[:, -1])
    exact = _exact_shares(students, losses)
    return LearningCurve(
        points=_build_curve_points(students, losses, (by_token, by_byte, exact)),
        advantage=advantage,
        honest_worth=interval_of(_compute_for_each_draw(equal_count, harvested[:, -1], honest, counts[HONEST])),
        harvested_worth=interval_of(_compute_for_each_draw(equal_count, best_honest, harvested, counts[HARVESTED])),
        reached=_compute_reached_shares(harvested, best_honest, counts[HARVESTED]) if advantage.low > 0 else {},
        learned=interval_of(learned),
        bend=interval_of(bends),
        bent=float(np.isfinite(bends[1:]).mean()),
        exact_bend=_exact_bend(exact[HARVESTED], counts[HARVESTED]) if exact else None,
        gains=_compute_label_gains(losses, held),
        honest_loss=_honest_loss(losses, students),
    )


def interval_of(draws: Floats) -> Interval:
    """A figure with its interval.

    `draws`: the figure first, then as it comes out in each draw; infinite ones count as beyond everything.
    """
    if np.isnan(draws).any():
        return Interval(math.nan, math.nan, math.nan)
    # Of the order, not between two of its places: a bound between a number and infinity is no number.
    low, high = np.quantile(draws[1:], _BOUNDS, method="nearest")
    return Interval(float(draws[0]), float(low), float(high))


def _compute_for_each_draw(
    of: Callable[[float, Floats, tuple[int, ...]], float], wanted: Floats, losses: Floats, counts: tuple[int, ...]
) -> Floats:
    return np.array([of(float(one), row, counts) for one, row in zip(wanted, losses, strict=True)])


def equal_count(wanted: float, losses: Floats, counts: Sequence[int]) -> float:
    """The count at which a curve comes to a loss, between its points on a scale of doublings.

    `losses`: of each count; what a smaller count reached counts for larger ones, too. Returns the count; infinity where
    the curve stays above, 0 where it is below from the start.
    """
    best = np.minimum.accumulate(losses)
    if wanted >= best[0]:
        return float(counts[0]) if wanted == best[0] else 0.0
    if wanted < best[-1]:
        return math.inf
    after = int(np.argmax(best <= wanted))
    before = after - 1
    part = (best[before] - wanted) / (best[before] - best[after])
    return float(2 ** (math.log2(counts[before]) + part * math.log2(counts[after] / counts[before])))


def bend_of(losses: Floats, counts: Sequence[int]) -> float:
    """The count from which every doubling brings less than a share of what the best one brought.

    Returns the count; infinity where the last doubling still brings that share, or none brought anything.
    """
    doublings = np.log2(np.array(counts[1:], float) / np.array(counts[:-1], float))
    gains = (losses[:-1] - losses[1:]) / doublings
    if not len(gains) or gains.max() <= 0:
        return math.inf
    small = gains < BEND_SHARE * gains.max()
    place = len(gains)
    while place > 0 and small[place - 1]:
        place -= 1
    return float(counts[place]) if place < len(gains) else math.inf


def _exact_shares(students: Students, losses: _Losses) -> dict[str, Floats]:
    """Kind -> share of the short answers that are given exactly, draws x counts; empty where too few are short."""
    short = np.array(students.asked.short)
    if short.sum() < LEAST_GAIN_SAMPLES:
        return {}
    # A draw without a short answer would have no share; there are enough of them that none comes.
    return losses.mean(losses.exact, short.astype(float), losses.weights * short)


def _exact_bend(exact: Floats, counts: tuple[int, ...]) -> Interval | None:
    if interval_of(exact[:, -1] - exact[:, 0]).low <= 0:
        return None
    return interval_of(np.array([bend_of(-row, counts) for row in exact]))


def _build_curve_points(
    students: Students, losses: _Losses, means: tuple[dict[str, Floats], dict[str, Floats], dict[str, Floats]]
) -> tuple[CurvePoint, ...]:
    by_token, by_byte, exact = means
    short = sum(students.asked.short)
    points = []
    for kind in KINDS:
        for place, count in enumerate(losses.counts[kind]):
            steps = tuple(one.best_step for one in students.scores if (one.kind, one.count) == (kind, count))
            points.append(
                CurvePoint(
                    kind,
                    count,
                    interval_of(by_token[kind][:, place]),
                    interval_of(by_byte[kind][:, place]),
                    _widen_share_interval(interval_of(exact[kind][:, place]), short) if exact else None,
                    steps,
                )
            )
    return tuple(points)


def _widen_share_interval(share: Interval, answers: int) -> Interval:
    """The interval of a share, at least as wide as that of so many single answers (Wilson's).

    Where all are right or none is, drawing again says that it is certain.
    """
    middle = (share.value + _Z**2 / (2 * answers)) / (1 + _Z**2 / answers)
    spread = math.sqrt(share.value * (1 - share.value) / answers + _Z**2 / (4 * answers**2)) * _Z
    spread /= 1 + _Z**2 / answers
    return Interval(share.value, max(0.0, min(share.low, middle - spread)), min(1.0, max(share.high, middle + spread)))


def _compute_reached_shares(harvested: Floats, best_honest: Floats, counts: tuple[int, ...]) -> dict[int, Interval]:
    way = np.maximum(best_honest - harvested[:, -1], 1e-12)
    return {count: interval_of((best_honest - harvested[:, place]) / way) for place, count in enumerate(counts)}


def _compute_label_gains(losses: _Losses, held: HeldOut) -> tuple[LabelGain, ...]:
    """Skills, then subjects, each with the surest gain first."""
    labels = sorted({label for one in held.asked for label in one.labels})
    gains = []
    for aspect, name in labels:
        shows = np.array([(aspect, name) in one.labels for one in held.asked])
        if shows.sum() < LEAST_GAIN_SAMPLES:
            continue
        weights = losses.weights * shows
        drawn = (weights @ losses.bytes) > 0
        kept = {
            kind: values[:, -1][drawn]
            for kind, values in losses.mean(
                losses.nats, losses.bytes, np.where(drawn[:, None], weights, losses.weights)
            ).items()
        }
        gain = kept[HONEST] - kept[HARVESTED]
        # In a draw in which honest students have next to no loss, any share of it would be possible.
        share = np.clip(gain / np.maximum(kept[HONEST], _LEAST), -1.0, 1.0)
        gains.append(LabelGain(aspect, name, int(shows.sum()), interval_of(gain), interval_of(share)))
    return tuple(sorted(gains, key=lambda one: (one.aspect, -one.gain.low, one.name)))


def _honest_loss(losses: _Losses, students: Students) -> dict[str, Interval]:
    sizes = np.array(students.asked_honest.bytes, float)
    if not len(sizes):
        return {}
    means = losses.mean(losses.honest, sizes, losses.honest_weights)
    return {kind: interval_of(means[kind][:, -1]) for kind in KINDS}
