"""Who of a campaign to act on is flagged: a set that keeps the expected share of strangers in bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.config import Config, ScoreSettings
from stillhunt.score.verdict import rules
from stillhunt.score.verdict.rules import Claim, Weighed
from thoroughness import examples

SETTINGS = Config().score
steady = settings(derandomize=True, deadline=None, max_examples=examples(100))
near_one = st.floats(0.0, 14.0).map(lambda bits: 1.0 - 2.0**-bits)
members = st.lists(st.one_of(near_one, st.floats(0.0, 1.0)), max_size=60).map(lambda own: np.array(own, np.float64))


def group_of(probability: np.ndarray) -> Weighed:
    """A group whose members are part of it with such probabilities."""
    with np.errstate(divide="ignore"):
        bits = np.log2(probability) - np.log2(1.0 - probability)
    claim = Claim("harvest", 20.0, -5.5, 0.0, "chance", {"chance": 20.0})
    return Weighed(claim, [], [], 0.0, bits, probability, np.zeros(len(probability), bool))


def flagged_members(probability: np.ndarray, settings: ScoreSettings, standing: np.ndarray | None = None) -> np.ndarray:
    return rules.flagged_members(group_of(probability), settings, standing)


@steady
@given(members)
def test_the_expected_share_of_strangers_is_within_the_bound(probability: np.ndarray) -> None:
    flagged = flagged_members(probability, SETTINGS)
    assert flagged.tolist() == sorted({*flagged.tolist()})
    if len(flagged):
        assert (1.0 - probability[flagged]).mean() <= SETTINGS.flagged_strangers + 1e-12
        assert probability[flagged].min() >= SETTINGS.flagged_probability


@steady
@given(members)
def test_as_many_are_flagged_as_the_bounds_allow_the_surest_first(probability: np.ndarray) -> None:
    flagged = flagged_members(probability, SETTINGS)
    others = np.setdiff1d(np.arange(len(probability)), flagged)
    if not len(others):
        return
    surest = probability[others].max()
    assert len(flagged) == 0 or probability[flagged].min() > surest
    equals = int((probability == surest).sum())
    strangers = (1.0 - probability[flagged]).sum() + equals * (1.0 - surest)
    too_many = strangers / (len(flagged) + equals) > SETTINGS.flagged_strangers - 1e-12
    assert too_many or surest < SETTINGS.flagged_probability


@steady
@given(members, st.floats(0.0, 1.0), st.integers(0, 59))
def test_a_surer_member_takes_no_other_ones_flag(probability: np.ndarray, step: float, place: int) -> None:
    if place >= len(probability):
        return
    surer = probability.copy()
    surer[place] += (1.0 - surer[place]) * step
    before, after = flagged_members(probability, SETTINGS), flagged_members(surer, SETTINGS)
    assert len(after) >= len(before)
    # The order of equals may change; who was surer than the last of those flagged stays so.
    clear = before[probability[before] > (probability[before].min() if len(before) else 0.0)]
    assert np.isin(clear, after).all()


@pytest.mark.parametrize(("probability", "flagged"), [(0.9899, 0), (0.9901, 30), (1.0, 30), (0.96, 0), (0.0, 0)])
def test_members_of_one_probability_are_flagged_together_or_not_at_all(probability: float, flagged: int) -> None:
    assert len(flagged_members(np.full(30, probability), SETTINGS)) == flagged


def test_sure_members_carry_a_doubtful_one_down_to_the_floor() -> None:
    """Ninety-nine who are sure leave room for one stranger in a hundred; the floor still holds for each."""
    sure = np.ones(99)
    assert len(flagged_members(np.append(sure, 0.951), SETTINGS)) == 100
    assert len(flagged_members(np.append(sure, 0.949), SETTINGS)) == 99
    assert flagged_members(np.array([0.94, 1.0, 0.98, 0.999]), SETTINGS).tolist() == [1, 2, 3]
    assert flagged_members(np.array([0.96, 1.0, 0.97]), SETTINGS).tolist() == [1]


def test_nobody_is_flagged_of_nobody() -> None:
    assert flagged_members(np.zeros(0), SETTINGS).tolist() == []


def test_the_bounds_are_those_of_the_settings() -> None:
    probability = np.array([1.0, 0.96, 0.93])
    loose = Config(score={"flagged_strangers": 0.05, "flagged_probability": 0.9}).score
    assert flagged_members(probability, loose).tolist() == [0, 1, 2]
    floor = Config(score={"flagged_strangers": 0.05, "flagged_probability": 0.95}).score
    assert flagged_members(probability, floor).tolist() == [0, 1]


@steady
@given(members, st.integers(0, 2**32 - 1))
def test_what_an_account_is_called_decides_nothing(probability: np.ndarray, seed: int) -> None:
    """Of equals all are flagged or none: an order of members by other ids flags the same ones."""
    doubled = np.concatenate([probability, probability])
    order = np.random.default_rng(seed).permutation(len(doubled))
    before = set(flagged_members(doubled, SETTINGS).tolist())
    after = {int(order[place]) for place in flagged_members(doubled[order], SETTINGS)}
    assert before == after
    assert all(place % len(probability) + other in before for place in before for other in (0, len(probability)))


def test_who_is_set_apart_is_never_flagged_and_counts_as_a_stranger_to_nobody() -> None:
    group = group_of(np.ones(30))
    apart = np.arange(30) < 10
    assert rules.flagged_members(replace(group, set_apart=apart), SETTINGS).tolist() == list(range(10, 30))
    before = np.ones(30, bool)
    assert rules.flagged_members(replace(group, set_apart=apart), SETTINGS, before).tolist() == list(range(10, 30))


def test_whoever_was_flagged_stays_so_some_bits_below_the_floor() -> None:
    """The noise of one look moves nobody to and fro; evidence against does."""
    floor = float(np.log2(SETTINGS.flagged_probability / (1.0 - SETTINGS.flagged_probability)))
    bits = np.array([floor - rules._STANDING_MEMBER_BITS + 0.01, floor - rules._STANDING_MEMBER_BITS - 0.01] * 2)
    probability = np.append(np.ones(20), 1.0 / (1.0 + np.exp2(-bits)))
    before = np.arange(24) >= 22
    assert flagged_members(probability, SETTINGS).tolist() == list(range(20))
    assert flagged_members(probability, SETTINGS, before).tolist() == [*range(20), 22]
