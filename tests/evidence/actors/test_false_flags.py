"""Actors are not accused by marks that others plant; a perfect false flag wins, and that is said."""

from __future__ import annotations

import pytest
from actor_scenes import BENCHMARKS
from attribution_cases import PERFECT, STRENGTHS, false_flag, honest_world

from stillhunt_evidence.actors.attribution import attribute_seen
from stillhunt_evidence.actors.observed import seen_case

SEEDS = (9001, 9002)


@pytest.mark.parametrize("strength", range(len(STRENGTHS)), ids=STRENGTHS)
def test_planted_marks_name_nobody(strength: int) -> None:
    """`benchmarks/evidence/attribution.py` does it two hundred times."""
    for seed in SEEDS:
        for bait in (False, True):
            world = false_flag(seed, strength, bait=bait, by_known=seed % 2 == 0)
            found = attribute_seen(seen_case(world.case, world.actors.hashes), "c-flag", world.actors)
            assert found.named is None, (seed, bait)


def test_a_perfect_false_flag_wins_and_the_answer_says_what_it_needed() -> None:
    for seed in SEEDS:
        world = false_flag(seed, PERFECT, bait=True, by_known=False)
        found = attribute_seen(seen_case(world.case, world.actors.hashes), "c-flag", world.actors)
        assert found.named == world.truth[0].framed
        assert any("A false flag" in one and "payment instruments" in one for one in found.alternatives)


def test_names_in_honest_worlds_are_right() -> None:
    names = []
    for seed in range(9101, 9105):
        world = honest_world(seed)
        seen = seen_case(world.case, world.actors.hashes)
        found = [(attribute_seen(seen, one.campaign_id, world.actors).named, one.actor) for one in world.truth]
        names += [pair for pair in found if pair[0] is not None]
    assert names
    assert all(named == actor for named, actor in names)


def test_the_benchmark_has_the_figures_of_two_hundred() -> None:
    assert (BENCHMARKS / "attribution.py").exists()
