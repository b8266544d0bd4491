"""Bits for being drawn from one work queue: right in sign, nothing for a fixed template, and no double dipping.

The laws are shown on the plain twin, which test_link_groups.py holds the compiled search to.
"""

from __future__ import annotations

import numpy as np
import pytest
from plain_groups import (
    effective_choices,
    join_groups,
    phrase_bits,
    split_group,
    topic_bits,
)
from simulated import draw_slices, drawn, fixed, joined, own_phrases

from stillhunt.link.groups.groups import Group, find_groups
from stillhunt.link.groups.slices import ClusterSlices
from stillhunt.link.requests.arrays import Floats, Ints

LEAST = 5
seeds = pytest.mark.parametrize("seed", range(4))


def everyone(slices: ClusterSlices) -> Ints:
    return np.arange(len(slices.account))


@seeds
@pytest.mark.parametrize(("formed_on", "judged"), [(0, 1), (1, 0)])
def test_drawn_slices_earn_bits_on_the_fold_that_did_not_form_the_group(seed: int, formed_on: int, judged: int) -> None:
    rng = np.random.default_rng(seed)
    slices = draw_slices(rng, drawn(rng, 30))
    phrase, freedom = phrase_bits(slices, formed_on, everyone(slices), judged)
    topic = topic_bits(slices, formed_on, everyone(slices), judged)
    assert phrase.mean() > 5.0
    assert topic.mean() > 1.0
    assert (phrase > 0).mean() > 0.9
    # 6 slots of 6 variants: 30 free choices at most, fewer where some variants are rare.
    assert 8.0 < freedom <= 36.0


@seeds
def test_own_recurring_phrases_lose_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slices = draw_slices(rng, own_phrases(rng, 30))
    phrase, _ = phrase_bits(slices, 0, everyone(slices), 1)
    topic = topic_bits(slices, 0, everyone(slices), 1)
    assert phrase.mean() < -5.0
    assert topic.mean() < -1.0


@seeds
def test_one_fixed_template_says_nothing(seed: int) -> None:
    """Everybody sends the same words: shared, but no sign that one work queue draws them out."""
    rng = np.random.default_rng(seed)
    slices = draw_slices(rng, fixed(rng, 30))
    phrase, freedom = phrase_bits(slices, 0, everyone(slices), 1)
    assert np.abs(phrase).max() < 1.0
    assert freedom < 1.0


@seeds
def test_a_stranger_in_the_group_loses_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slices = draw_slices(rng, joined(drawn(rng, 30), own_phrases(rng, 10)))
    phrase, _ = phrase_bits(slices, 0, np.arange(30), 1)
    assert phrase[:30].mean() > 5.0
    assert (phrase[30:] < 0).all()


WIDE = 60
"""Variants of each slot, more than an account has prompts."""


@pytest.mark.parametrize("prompts", [2, 5, 8])
def test_a_few_prompts_through_one_background_sample_wording_are_not_drawn_from_a_wide_grammar(prompts: int) -> None:
    """Most of the group's phrases are missing by chance in any short slice: that must not pass for mixing alike."""
    earned, unknown = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        law = joined(drawn(rng, 30, width=WIDE), fixed(rng, 10, width=WIDE))
        slices = draw_slices(rng, law, [20] * 30 + [prompts - 1] * 10)
        earned.append(phrase_bits(slices, 0, np.arange(30), 1)[0][30:].mean())
        unknown.append(phrase_bits(slices, 0, np.arange(30), 1, forming=True)[0][30:].mean())
    assert max(earned) < 0.0
    assert np.mean(unknown) > np.mean(earned) + 50.0, "they do look alike to a measure that takes counts at face value"


@seeds
@pytest.mark.parametrize("prompts", [2, 20])
def test_drawn_slices_of_a_wide_grammar_earn_bits_however_few_they_are(seed: int, prompts: int) -> None:
    rng = np.random.default_rng(seed)
    slices = draw_slices(rng, drawn(rng, 40, width=WIDE), [20] * 30 + [prompts] * 10)
    phrase, _ = phrase_bits(slices, 0, np.arange(30), 1)
    assert phrase[30:].mean() > 5.0, "also of slices that took no part in forming the group"
    assert (phrase > 0).mean() > 0.9


def test_strength_counts_the_members_that_the_other_fold_confirms_and_caps_each_view() -> None:
    phrase = np.array([30.0, -40.0, 3.0, 500.0])
    topic = np.array([1.0, 2.0, 13.0, 500.0])
    group = Group(cluster=0, formed_on=0, members=np.arange(3), phrase=phrase, topic=topic, freedom=9.0)
    assert group.strength == pytest.approx((12.0 + 1.0) + (3.0 + 12.0)), (
        "the second member is foreign on the other fold"
    )


def test_slices_without_prompts_on_the_judged_fold_say_nothing() -> None:
    rng = np.random.default_rng(0)
    slices = draw_slices(rng, drawn(rng, 12))
    slices.size[1][3] = 0
    slices.phrases[1][3] = 0
    slices.topics[1][3] = 0
    phrase, _ = phrase_bits(slices, 0, everyone(slices), 1)
    assert phrase[3] == 0.0
    assert topic_bits(slices, 0, everyone(slices), 1)[3] == pytest.approx(0.0, abs=1e-9)


def test_effective_choices_counts_phrases_of_one_sentence_once() -> None:
    """Phrases that always stand together are one choice, however many they are."""
    rng = np.random.default_rng(3)
    slices = draw_slices(rng, drawn(rng, 20))
    members = everyone(slices)
    rate = (slices.phrases[0].sum(axis=0) + 0.5) / (slices.size[0].sum() + 1.0)
    single = effective_choices(slices, 0, members, rate)
    width = slices.phrases.shape[2]
    doubled = ClusterSlices(
        cluster=0,
        account=slices.account,
        size=slices.size,
        phrases=np.concatenate([slices.phrases, slices.phrases], axis=2),
        topics=slices.topics,
        member=tuple(np.concatenate([m, m]) for m in slices.member),
        request=tuple(np.concatenate([r, r]) for r in slices.request),
        phrase=tuple(np.concatenate([p, p + width]) for p in slices.phrase),
    )
    assert effective_choices(doubled, 0, members, np.concatenate([rate, rate])) == pytest.approx(single, rel=0.05)


def searched(slices: ClusterSlices, fold: int, wanted: int) -> tuple[Ints, Floats, Floats]:
    """The most alike slices, searched for on one fold; their bits on that fold and on the other."""

    def bits(members: Ints, judged: int) -> Floats:
        phrase, _ = phrase_bits(slices, fold, members, judged)
        total: Floats = phrase + topic_bits(slices, fold, members, judged)
        return total

    members = everyone(slices)
    for _ in range(6):
        members = np.sort(np.argsort(-bits(members, fold), kind="stable")[:wanted])
    return members, bits(members, fold)[members], bits(members, 1 - fold)[members]


@seeds
def test_no_double_dipping(seed: int) -> None:
    """Among honest slices, a search finds sets that look like one queue on the fold that chose them, on no other."""
    rng = np.random.default_rng(seed)
    slices = draw_slices(rng, own_phrases(rng, 400, preference=12.0), prompts=10)
    _, forming, held_out = searched(slices, 0, 12)
    assert forming.mean() > held_out.mean() + 3.0
    assert held_out.mean() <= 0.0


@seeds
def test_groups_of_honest_slices_are_not_believed_by_the_other_fold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slices = draw_slices(rng, own_phrases(rng, 200, preference=8.0), prompts=12)
    forming, held_out = [], []
    for formed_on in (0, 1):
        for group in find_groups(slices, formed_on=formed_on, least=LEAST):
            phrase, _ = phrase_bits(slices, formed_on, group.members, formed_on)
            forming.append((phrase + topic_bits(slices, formed_on, group.members, formed_on))[group.members])
            held_out.append((group.phrase + group.topic)[group.members])
    assert np.concatenate(forming).mean() > 0.0, "the search did find something that looks drawn from one work queue"
    assert np.concatenate(held_out).mean() <= 0.0


@seeds
def test_drawn_slices_are_found_among_strangers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slices = draw_slices(rng, joined(drawn(rng, 20), own_phrases(rng, 80)))
    for formed_on in (0, 1):
        groups = find_groups(slices, formed_on=formed_on, least=LEAST)
        found = max(groups, key=lambda group: len(group.members))
        assert set(range(20)) <= set(found.members.tolist())
        assert len(found.members) <= 22
        assert found.phrase[found.members].mean() > 5.0
        assert (found.formed_on, found.cluster) == (formed_on, 0)


@seeds
def test_two_operators_with_one_grammar_are_with_distinct_keys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slices = draw_slices(rng, joined(drawn(rng, 20), drawn(rng, 25)))
    groups = find_groups(slices, formed_on=0, least=LEAST)
    assert sorted(tuple(group.members.tolist()) for group in groups) == [tuple(range(20)), tuple(range(20, 45))]


@seeds
def test_split_parts_two_work_queues_and_leaves_one_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    two = draw_slices(rng, joined(drawn(rng, 20), drawn(rng, 25)))
    parts = split_group(two, 0, everyone(two), LEAST)
    assert sorted(part.tolist() for part in parts) == [list(range(20)), list(range(20, 45))]
    one = draw_slices(rng, drawn(rng, 45))
    assert [part.tolist() for part in split_group(one, 0, everyone(one), LEAST)] == [list(range(45))]


@seeds
def test_join_undoes_a_split_by_chance_and_keeps_a_true_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = draw_slices(rng, drawn(rng, 40))
    joined_again = join_groups(one, 0, [np.arange(15), np.arange(15, 40)])
    assert [part.tolist() for part in joined_again] == [list(range(40))]
    two = draw_slices(rng, joined(drawn(rng, 20), drawn(rng, 20)))
    kept = join_groups(two, 0, [np.arange(20), np.arange(20, 40)])
    assert [part.tolist() for part in kept] == [list(range(20)), list(range(20, 40))]


def test_too_few_slices_are_no_group() -> None:
    rng = np.random.default_rng(1)
    slices = draw_slices(rng, drawn(rng, LEAST - 1))
    assert find_groups(slices, formed_on=0, least=LEAST) == []
    complete = draw_slices(rng, drawn(rng, 2 * LEAST - 1))
    assert len(split_group(complete, 0, everyone(complete), LEAST)) == 1
