"""Power and error rate of proof from text alone: surrogates that learned a suspect's replies.

    STILLHUNT_TEXTS=texts.parquet python benchmarks/model/text_only.py OUT --thieves 6 --innocents 20

A suspect learns 2,000 texts, of which a thief has 100 answers that a campaign harvested, and an innocent student as
many other answers of the same teacher to the same prompts. It is asked for ten replies to each of the 100 prompts. Rows
go to OUT/text_only.jsonl as they are finished, and a run that ended goes on; a suspect takes about a minute of a core.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any

import torch
from prove_cells import EPOCHS, SAMPLES, ScoredOnce
from prove_world import ANSWER_TOKENS, ASKED, BATCH
from text_only_world import SmallWorld

from stillhunt_model.nets.net import Net
from stillhunt_model.proof.control_answers import DrawnAnswers, comparable, cut_as_logged, separate_draws
from stillhunt_model.proof.preferred_answers import score_likelihoods
from stillhunt_model.proof.surrogate import score_with_replies
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe

KINDS = {"thief": "harvested", "honest student": "honest"}
"""Kind of suspect -> which draw of the teacher it learned."""
TRIED = 4
"""Campaigns whose prompts and draws are used in turn."""
RATE = 1.5e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--thieves", type=int, default=6)
    parser.add_argument("--innocents", type=int, default=20)
    parser.add_argument("--replies", type=int, default=10, help="to each prompt")
    options = parser.parse_args()
    torch.set_num_threads(1)
    world = SmallWorld(options.out)
    rows = options.out / "text_only.jsonl"
    done = {key_of(json.loads(line)) for line in rows.read_text().splitlines()} if rows.exists() else set()
    cells = [("thief", seed, options.replies) for seed in range(options.thieves)]
    cells += [("honest student", seed, options.replies) for seed in range(options.innocents)]
    for kind, seed, replies in sorted(cells, key=lambda one: one[1]):
        if (kind, seed, replies) not in done:
            row = run_suspect(world, kind, seed, replies)
            with rows.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(row, flush=True)


def key_of(row: dict[str, Any]) -> tuple[str, int, int]:
    """What tells rows apart.

    Args:
        row: of a suspect.
    """
    return row["kind"], row["seed"], row["replies"]


def run_suspect(world: SmallWorld, kind: str, seed: int, each: int) -> dict[str, Any]:
    """Train a suspect, ask it, and let surrogates learn its replies.

    Args:
        world: teacher, base, kin and texts.
        kind: one of `KINDS`.
        seed: of its texts and training.
        each: replies to each prompt.

    Returns:
        A row: p-values by what the surrogate starts from, and that of the suspect's own likelihoods.
    """
    begun, campaign = time.process_time(), seed % TRIED
    source, prompts = random.Random(f"{kind}-{seed}"), world.prompts(campaign)  # noqa: S311  # texts are no secret
    learned = world.harvest(campaign, "none", KINDS[kind])
    pairs = source.sample(world.texts.own, SAMPLES - ASKED)
    pairs += [TextPair(*one) for one in zip(prompts, learned, strict=True)]
    recipe = TrainingRecipe(EPOCHS * SAMPLES // BATCH, BATCH, RATE, seed=seed)
    suspect = world.trained(f"text-{kind.replace(' ', '_')}-{seed}", world.net("base-0"), pairs, recipe)
    said = generate(suspect, prompts * each, Sampling(ANSWER_TOKENS, 1.0, seed=seed))
    replies = [TextPair(*one) for one in zip(prompts * each, said, strict=True) if one[1]]
    teacher, drawn = world.net("teacher-0"), compared_answers(world, campaign)
    bases: dict[str, list[Net]] = {
        "teacher": [teacher],
        "kin": [world.net("kin-1")],
        "base": [world.net("base-0")],
        "kin and base": [world.net("kin-1"), world.net("base-0")],
    }
    found = {name: score_with_replies(replies, drawn, teacher, nets, seed).p for name, nets in bases.items()}
    references = [ScoredOnce(teacher), ScoredOnce(world.net("base-0"))]
    found["likelihoods, base known"] = score_likelihoods(ScoredOnce(suspect), references, drawn).p
    seconds = time.process_time() - begun
    return {"kind": kind, "seed": seed, "replies": each, "p": found, "cpu_seconds": round(seconds, 1)}


def compared_answers(world: SmallWorld, campaign: int) -> DrawnAnswers:
    """Harvested answers with controls, as `prove` compares them.

    Args:
        world: which has them.
        campaign: its number.
    """
    answers, controls = world.answers(campaign, "none"), world.controls(campaign, "none")
    texts = [[control[place] for control in controls] for place in range(len(answers))]
    return separate_draws(comparable(world.net("teacher-0"), cut_as_logged(DrawnAnswers(answers, texts)), whole=True))


if __name__ == "__main__":
    main()
