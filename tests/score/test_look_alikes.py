"""Honest look-alikes of the lab, each alone and in number: none is accused."""

from __future__ import annotations

import numpy as np
import pytest

import stillhunt
from stillhunt.base.conduct_flags import BITS, CONDUCT_FLAGS
from stillhunt.base.config import Config
from stillhunt.base.families import SKILLS
from stillhunt.score.output.tables import models_of, skills_of
from stillhunt_lab.worlds.assemble import assemble
from stillhunt_lab.worlds.personas import CHAT, RECIPES, build_persona
from stillhunt_lab.worlds.scene import open_scene

OTHERS = 150


@pytest.mark.parametrize(("persona", "count"), [("seat", 70), ("class", 72), ("framework", 60), ("serverless", 60)])
def test_look_alikes_are_not_accused(persona: str, count: int) -> None:
    """Offices, classes, users of one framework and apps behind one address, a third of all accounts."""
    scene = open_scene(17, 8)
    recipe = RECIPES[persona]
    parts = [build_persona(scene, CHAT, OTHERS), build_persona(scene, recipe, count)]
    requests, accounts, truth, _ = assemble(scene, parts)
    assert truth["persona"].to_pylist().count(persona) == count
    case = stillhunt.hunt(requests, accounts, Config())
    assert case.run["counts"]["flagged"] == 0
    assert case.run["counts"]["campaigns"] == 0


def test_skills_name_flags_that_exist() -> None:
    known = {bit for bit, _, _ in CONDUCT_FLAGS}
    assert {1 << bit for flags, _ in SKILLS for bit in range(32) if flags >> bit & 1} <= known
    assert len({name for _, name in SKILLS}) == len(SKILLS)


def test_skills_and_models_are_named_by_frequency() -> None:
    bits = {name: flags & -flags for flags, name in SKILLS}
    conduct = np.array([bits["coding"]] * 6 + [bits["mathematics"]] * 4 + [0] * 2, np.uint32)
    assert skills_of(conduct) == ["coding", "mathematics"]
    assert skills_of(conduct[:0]) == ["general instruction following"]
    assert models_of({"b": 2, "a": 2, "c": 1}) == ["a", "b", "c"]


def test_answers_name_skills_that_the_requests_do_not() -> None:
    """An answer that shows its reasoning was taken with it, whatever was asked."""
    answers = np.array([BITS["REASONED_ANSWER"]] * 3 + [BITS["GRADED_ANSWER"]] * 2 + [0], np.uint32)
    assert skills_of(answers) == ["reasoning traces", "grading with rubrics"]
    assert skills_of(np.array([BITS["TRANSLATION"], 0], np.uint32)) == ["translation"]
