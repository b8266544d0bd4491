"""What `prove` says when a later version of the teacher is named than the one that answered.

    STILLHUNT_TEXTS=texts.parquet python benchmarks/model/versions.py OUT

OUT is the folder of `prove.py`, whose teacher and harvests are used. Later versions are that teacher after some more
steps. Suspects are the version that answered, an honest student of it, and a thief. Rows go to OUT/versions.jsonl.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from prove_cells import BATCH, Cell, ScoredOnce, student
from prove_world import ANSWER_TOKENS, CONTROLS, TEMPERATURE, World

from stillhunt_model.nets.net import Net
from stillhunt_model.proof.control_answers import DrawnAnswers, alike, comparable
from stillhunt_model.proof.preferred_answers import score_likelihoods
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.run import TrainingRecipe, train

STEPS = (0, 4, 32, 256)
"""Steps that the named version learned after it answered."""
TRIED = ((0, 5), (1, 6), (2, 7))
"""Campaign, and the one whose answers stand for those to honest accounts; the thief learned the harvest of 0."""
THIEF = Cell("thief", "none", 0.05, 0.0, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    world = World(options.out)
    suspects = {
        "the version that answered": world.net("teacher-0"),
        "honest student of it": student(world, Cell("honest student", "none", 0.0, 0.0, 0)),
        "thief": student(world, THIEF),
    }
    with (options.out / "versions.jsonl").open("w", encoding="utf-8") as file:
        for steps in STEPS:
            for row in rows_of(world, steps, suspects):
                file.write(json.dumps(row) + "\n")
                file.flush()
                print(row, flush=True)


def rows_of(world: World, steps: int, suspects: dict[str, Net]) -> Iterator[dict[str, Any]]:
    """A row for each campaign and suspect, where the named teacher is so many steps later.

    Args:
        world: models and harvests.
        steps: after the answers.
        suspects: name -> model.
    """
    named = world.net("teacher-0")
    if steps:
        train(named, world.texts.teacher, TrainingRecipe(steps, BATCH, seed=steps))
    for campaign, honest in TRIED:
        found: dict[str, list[Any]] = {name: [] for name in suspects}
        guards = []
        for one in (campaign, honest):
            answers = world.answers(one, "none")
            prompts = [answer.prompt for answer in answers]
            sampling = Sampling(ANSWER_TOKENS, TEMPERATURE, seed=10 * steps + one)
            drawn = generate(named, prompts * CONTROLS, sampling)
            blocks = [drawn[place :: len(prompts)] for place in range(len(prompts))]
            compared = comparable(named, DrawnAnswers(answers, blocks), whole=True)
            guards.append(alike(named, compared))
            for name, net in suspects.items():
                found[name].append(score_likelihoods(ScoredOnce(net), [ScoredOnce(named)], compared).p)
        for name, (p, honest_p) in found.items():
            yield {
                "steps": steps,
                "campaign": campaign,
                "suspect": name,
                "guilty": name == "thief" and campaign == THIEF.campaign,
                "p": p,
                "honest_p": honest_p,
                "alike": all(guards),
            }


if __name__ == "__main__":
    main()
