"""What was tried beside the surrogate of `text_only.py`, on the same suspects and replies.

    STILLHUNT_TEXTS=texts.parquet python benchmarks/model/text_only_rivals.py OUT --suspects 3

OUT is that of `text_only.py`, whose suspects are taken. Rows go to OUT/text_only_rivals.jsonl as they are finished, and
a run that ended goes on; a suspect takes two minutes of a core.

- draws alone: nobody has the teacher's weights or any base; a small model that learned all draws takes their place.
- draws and the base: as before, but surrogates start from the model from which the suspect was made.
- mixture: the base is not known; what surrogates of the teacher, and of kin, show is added up.
- proxy ratio: each of ten proxies learns one of the ten draws to every prompt, in columns that hide which was logged;
  do replies to a prompt fit the proxy best that has the logged one?
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from prove_world import ANSWER_TOKENS
from text_only import KINDS, TRIED, compared_answers, key_of
from text_only_world import SmallWorld

from stillhunt_model.nets.net import Net
from stillhunt_model.proof.control_answers import DrawnAnswers
from stillhunt_model.proof.own_models import learn_reader
from stillhunt_model.proof.preferred_answers import compute_preference
from stillhunt_model.proof.surrogate import score_with_replies
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.likelihood import answer_logprobs
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train

REPLIES = 10
PROXY = TrainingRecipe(steps=60, batch=32, learning_rate=1.5e-3)
"""How a proxy learns its hundred draws: nineteen times each."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--suspects", type=int, default=3, help="of each kind")
    options = parser.parse_args()
    torch.set_num_threads(1)
    world, path = SmallWorld(options.out), options.out / "text_only_rivals.jsonl"
    done = {key_of(json.loads(line)) for line in path.read_text().splitlines()} if path.exists() else set()
    for seed in range(options.suspects):
        for kind in KINDS:
            if (kind, seed, REPLIES) not in done:
                row = try_rivals(world, kind, seed)
                with path.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(row, flush=True)


def try_rivals(world: SmallWorld, kind: str, seed: int) -> dict[str, Any]:
    """A row: p-values of each rival on one suspect that `text_only.py` trained.

    Args:
        world: teacher, base, kin and texts.
        kind: one of `KINDS`.
        seed: of the suspect.
    """
    begun, campaign = time.process_time(), seed % TRIED
    base = world.net("base-0")
    # It is kept: nothing is trained.
    suspect = world.trained(f"text-{kind.replace(' ', '_')}-{seed}", base, [], TrainingRecipe(1))
    prompts = world.prompts(campaign)
    said = generate(suspect, prompts * REPLIES, Sampling(ANSWER_TOKENS, 1.0, seed=seed))
    replies = [TextPair(*one) for one in zip(prompts * REPLIES, said, strict=True) if one[1]]
    drawn, teacher, kin = compared_answers(world, campaign), world.net("teacher-0"), world.net("kin-1")
    reader = learn_reader([drawn], "draws", seed)
    found = {
        "draws alone": score_with_replies(replies, drawn, reader, [reader], seed).p,
        "draws and the base": score_with_replies(replies, drawn, reader, [world.net("base-0")], seed).p,
        "mixture of teacher and kin": score_with_replies(replies, drawn, teacher, [teacher, kin], seed).p,
        "proxy ratio, from kin": proxy_p(replies, drawn, kin, seed),
        "proxy ratio, from the base": proxy_p(replies, drawn, world.net("base-0"), seed),
    }
    seconds = time.process_time() - begun
    return {"kind": kind, "seed": seed, "replies": REPLIES, "p": found, "cpu_seconds": round(seconds, 1)}


def proxy_p(replies: list[TextPair], drawn: DrawnAnswers, base: Net, seed: int) -> float:
    """How much better replies to a prompt fit proxies that learned the logged answer to it.

    In each block the draws are shuffled into columns, and a proxy learns one column. Had draws changed places, every
    proxy would be as it is, so that the column of the logged one is any of the ten.

    Args:
        replies: of the suspect.
        drawn: logged answers with controls.
        base: from which proxies start.
        seed: of the shuffle.
    """
    source = random.Random(seed)  # noqa: S311  # columns are no secret
    blocks = [[answer.answer, *texts] for answer, texts in zip(drawn.answers, drawn.controls, strict=True)]
    columns = [source.sample(range(len(block)), len(block)) for block in blocks]
    most = max(map(len, blocks))
    values = np.full((len(blocks), most), -np.inf)
    prompts = [one.prompt for one in drawn.answers]
    for column in range(most):
        net = Net(copy.deepcopy(base.model), base.tokenizer, "proxy")
        rows = [place for place, order in enumerate(columns) if column < len(order)]
        train(net, [TextPair(prompts[row], blocks[row][columns[row][column]]) for row in rows], PROXY)
        fits = {prompt: list[float]() for prompt in prompts}
        for pair, scores in zip(replies, answer_logprobs(net, replies), strict=True):
            fits.get(pair.prompt, []).append(sum(scores))
        for row in rows:
            values[row, columns[row][column]] = np.mean(fits[prompts[row]]) if fits[prompts[row]] else 0.0
    return compute_preference([values[row, : len(block)].tolist() for row, block in enumerate(blocks)]).p


if __name__ == "__main__":
    main()
