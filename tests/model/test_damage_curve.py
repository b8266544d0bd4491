"""The figures of a learning curve, on losses that are written down here."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from stillhunt_model.damage.curve import Interval, bend_of, equal_count, interval_of, learning_curve
from stillhunt_model.damage.measuring import DamageResult
from stillhunt_model.damage.report import damage_document, damage_page, damage_sentences
from stillhunt_model.damage.samples import TakenAnswer
from stillhunt_model.damage.splitting import HARVESTED, HONEST, HeldOut
from stillhunt_model.damage.students import AnswerScores, Students, StudentScores, StudentSpec
from stillhunt_model.training.pairs import TextPair

COUNTS = (16, 32, 64, 128)
ANSWERS = 40


def samples(label: str = "coding") -> list[TakenAnswer]:
    return [
        TakenAnswer(f"r{at}", TextPair("ask", "answer"), at, frozenset(), (("skill", label),)) for at in range(ANSWERS)
    ]


def students(harvested: list[float], honest: list[float], spread: float = 0.01) -> Students:
    """Students whose loss a token is as given, with a little chance; each answer has 10 tokens and 20 bytes."""
    source = np.random.default_rng(0)
    scores = []
    for kind, losses in ((HARVESTED, harvested), (HONEST, honest)):
        for count, loss in zip(COUNTS, losses, strict=True):
            for seed in range(3):
                nats = (10 * loss + spread * source.normal(size=ANSWERS)).tolist()
                exact, others = [True] * ANSWERS, [1.0] * ANSWERS
                scores.append(StudentScores(kind, count, seed, 50, nats, exact, others, 0.0))
    sizes = AnswerScores([0.0] * ANSWERS, [10] * ANSWERS, [20] * ANSWERS, [True] * ANSWERS, [True] * ANSWERS)
    return Students({HARVESTED: COUNTS, HONEST: COUNTS}, scores, sizes, sizes, 1000, 0)


def result(harvested: list[float], honest: list[float], label: str = "coding") -> DamageResult:
    held = HeldOut({HARVESTED: samples(), HONEST: samples()}, samples(), samples(label), samples())
    made = students(harvested, honest)
    curve = learning_curve(made, held, 0)
    return DamageResult(
        "camp-1", StudentSpec(), curve, 500, 400, 300, 128, 90, 128, ANSWERS, ANSWERS, 20, 3, 1000, 0, 24
    )


def test_equal_count_lies_between_points_on_a_scale_of_doublings() -> None:
    losses = np.array([4.0, 3.0, 2.0, 1.0])
    assert equal_count(2.5, losses, COUNTS) == pytest.approx(64 / math.sqrt(2))
    assert equal_count(3.0, losses, COUNTS) == pytest.approx(32)
    assert equal_count(4.0, losses, COUNTS) == 16
    assert equal_count(4.5, losses, COUNTS) == 0
    assert math.isinf(equal_count(0.9, losses, COUNTS))


def test_a_worse_student_of_more_samples_does_not_hide_what_fewer_reached() -> None:
    assert equal_count(1.0, np.array([4.0, 1.0, 3.0, 2.0]), COUNTS) == pytest.approx(32)


def test_the_bend_is_where_doublings_stop_to_bring_much() -> None:
    assert bend_of(np.array([4.0, 2.0, 1.9, 1.85]), COUNTS) == 32
    assert bend_of(np.array([4.0, 2.0, 1.0, 0.9]), COUNTS) == 64
    assert math.isinf(bend_of(np.array([4.0, 3.0, 2.0, 1.0]), COUNTS))
    assert math.isinf(bend_of(np.array([1.0, 2.0, 3.0, 4.0]), COUNTS))
    # A pause before the largest gain is no bend.
    assert bend_of(np.array([4.0, 3.9, 2.0, 1.95]), COUNTS) == 64


def test_a_doubling_and_a_fourfold_are_not_the_same_step() -> None:
    assert bend_of(np.array([4.0, 3.0, 2.5]), (16, 32, 512)) == 32  # 0.5 over four doublings


def test_intervals_hold_infinite_figures() -> None:
    found = interval_of(np.array([3.0, *[2.0] * 50, *[math.inf] * 50]))
    assert (found.value, found.low, found.high) == (3.0, 2.0, math.inf)


def test_a_harvest_that_teaches_is_worth_more_than_all_honest_answers() -> None:
    found = result([4.0, 2.0, 1.0, 0.95], [5.0, 4.8, 4.6, 4.5])
    assert math.isinf(found.curve.honest_worth.value)
    assert found.curve.harvested_worth.value == 0  # 16 samples beat all honest answers
    assert found.curve.bend.value == 64
    assert found.curve.advantage.value == pytest.approx((4.5 - 0.95) / 2, abs=0.01)
    assert found.curve.reached[16].value == pytest.approx(0.5 / 3.55, abs=0.01)
    assert found.curve.reached[128].value == 1
    words = " ".join(damage_sentences(found))
    assert "128 harvested samples are worth more than 128 honest answers" in words
    assert "128 honest answers are worth fewer than 16 harvested samples" in words
    assert "bends at 64 useful samples" in words
    assert "Of the 128 useful samples to learn from, at least 90 are different" in words
    assert "are different" not in " ".join(damage_sentences(replace(found, different=128)))
    assert "largest gain is in skill 'coding'" in words


def test_honest_answers_that_teach_as_much_are_said_to() -> None:
    found = result([4.0, 3.0, 2.0, 1.0], [4.0, 3.0, 2.0, 1.0])
    assert not found.curve.reached
    words = " ".join(damage_sentences(found))
    assert "not certain that the harvest taught these students more than honest answers did" in words
    assert "does not bend within these counts" in words


def test_a_harvest_worth_some_honest_answers_has_a_count_with_bounds() -> None:
    found = result([3.9, 3.5, 3.2, 3.0], [4.0, 3.0, 2.5, 2.4])
    assert found.curve.honest_worth.low <= 32 <= found.curve.honest_worth.high
    better = result([3.0, 2.0, 1.5, 1.2], [4.0, 3.0, 2.0, 1.6])
    assert 32 < better.curve.harvested_worth.value < 64


def test_intervals_are_wider_where_seeds_differ() -> None:
    held = HeldOut({HARVESTED: samples(), HONEST: samples()}, samples(), samples(), samples())
    same, apart = students([2.0] * 4, [4.0] * 4), students([2.0] * 4, [4.0] * 4)
    for one in apart.scores:
        one.nats[:] = [value + 3 * one.seed for value in one.nats]
    widths = [
        (point.loss.high - point.loss.low)
        for point in (learning_curve(made, held, 0).point(HARVESTED, 128) for made in (same, apart))
    ]
    assert widths[1] > 10 * widths[0]


def test_intervals_of_few_seeds_hold_the_loss_of_all_seeds() -> None:
    source = np.random.default_rng(1)
    held = HeldOut({HARVESTED: samples(), HONEST: samples()}, samples(), samples(), samples())
    inside = []
    for _ in range(40):
        made = students([2.0] * 4, [2.0] * 4)
        for one in made.scores:
            luck = 3 * source.normal()
            one.nats[:] = [value + luck for value in one.nats]
        inside += [point.loss.low <= 2 <= point.loss.high for point in learning_curve(made, held, 0).points]
    # Draws of three seeds with replacement alone hold it 3 times in 4.
    assert np.mean(inside) >= 0.9


def test_the_luck_of_seeds_with_few_honest_answers_does_not_hide_an_advantage() -> None:
    held = HeldOut({HARVESTED: samples(), HONEST: samples()}, samples(), samples(), samples())
    made = students([1.0, 0.5, 0.2, 0.1], [4.0, 4.0, 4.0, 3.8])
    for one in made.scores:
        if one.kind == HONEST and one.count < COUNTS[-1]:
            lucky = COUNTS.index(one.count) == one.seed
            one.nats[:] = [value * (0.5 if lucky else 1.25) for value in one.nats]
    advantage = learning_curve(made, held, 0).advantage
    assert advantage.value == pytest.approx((3.8 - 0.1) / 2, abs=0.01)
    assert advantage.low > 1.8  # the best count of each draw would have none in draws of the lucky seed


def test_a_worth_beyond_all_has_the_bound_that_is_not() -> None:
    made = result([3.0, 2.0, 1.5, 1.2], [4.0, 3.0, 2.0, 1.6])
    curve = replace(made.curve, honest_worth=Interval(math.inf, 100.4, math.inf))
    words = " ".join(damage_sentences(replace(made, curve=curve)))
    assert "worth more than 128 honest answers (95 % interval: 100 to more than 128)" in words


def test_answers_given_exactly_may_become_more_when_the_loss_hardly_falls() -> None:
    held = HeldOut({HARVESTED: samples(), HONEST: samples()}, samples(), samples(), samples())
    made = students([4.0, 1.0, 0.9, 0.85], [5.0] * 4)
    for right, bend in (((0, 10, 20, 38), math.inf), ((0, 10, 38, 39), 64)):
        for one in made.scores:
            share = right[COUNTS.index(one.count)] if one.kind == HARVESTED else 0
            one.exact[:] = [at < share for at in range(ANSWERS)]
        curve = learning_curve(made, held, 0)
        assert curve.bend.value == 32
        assert curve.exact_bend is not None
        assert curve.exact_bend.value == bend
        words = " ".join(damage_sentences(replace(result([1.0] * 4, [1.0] * 4), curve=curve)))
        assert ("their number still grows" in words) == math.isinf(bend)
        assert ("For answers that are given exactly, the curve bends at 64" in words) == math.isfinite(bend)
    for one in made.scores:
        one.exact[:] = [False] * ANSWERS
    assert learning_curve(made, held, 0).exact_bend is None


def test_no_bound_of_a_loss_is_below_nothing() -> None:
    held = HeldOut({HARVESTED: samples(), HONEST: samples()}, samples(), samples(), samples())
    made = students([0.1] * 4, [0.1] * 4)
    for one in made.scores:
        one.nats[:] = [value + 3 * one.seed for value in one.nats]
    curve = learning_curve(made, held, 0)
    assert curve.point(HARVESTED, 128).loss.low == 0
    assert curve.gains
    assert all(-1 <= one.share.low <= one.share.high <= 1 for one in curve.gains)


def test_answers_of_one_group_are_drawn_together() -> None:
    apart = samples()
    together = [
        TakenAnswer(one.request_id, one.pair, at // 20, frozenset(), one.labels) for at, one in enumerate(apart)
    ]
    made = students([2.0] * 4, [4.0] * 4)
    for one in made.scores:
        one.nats[:20] = [value + 5 for value in one.nats[:20]]
    widths = []
    for asked in (apart, together):
        held = HeldOut({HARVESTED: apart, HONEST: apart}, apart, asked, apart)
        point = learning_curve(made, held, 0).point(HARVESTED, 128)
        widths.append(point.loss.high - point.loss.low)
    assert widths[1] > 2 * widths[0]


def test_a_share_of_all_is_not_certain() -> None:
    exact = result([4.0, 2.0, 1.0, 0.95], [5.0, 4.8, 4.6, 4.5]).curve.point(HARVESTED, 128).exact
    assert exact is not None
    assert exact.value == 1
    assert 0.85 < exact.low < 0.95


def test_what_is_written_holds_no_text_of_the_log_and_no_infinite_number() -> None:
    found = result([4.0, 2.0, 1.0, 0.95], [5.0, 4.8, 4.6, 4.5], label="a|b\x1b[31m")
    document = damage_document(found)
    assert document["curve"]["honest_worth"]["value"] is None
    assert document["curve"]["honest_worth"]["beyond"] is True
    page = damage_page(found)
    assert "\x1b" not in page
    assert "skill: a\\|b" in page
    assert "95 % intervals" in page
