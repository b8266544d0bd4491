"""A teacher, its harvested answers, a model that was trained on them and one that was not; made once a process."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from prose import prose_pairs, prose_world

from stillhunt.base.config import Config
from stillhunt.base.progress import Silent
from stillhunt_model.marks.keys import StandingMarks
from stillhunt_model.nets.net import Net, save_net
from stillhunt_model.nets.tiny import TinySize, text_tokenizer, tiny_net
from stillhunt_model.proof.proving import CampaignHarvest, ProofContext
from stillhunt_model.proof.suspects import weights_fingerprint
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train

SIZE = TinySize(width=32, layers=2, heads=2, longest=96)
ANSWERS = 32
"""Of each of two campaigns, and of honest accounts."""
COMPARED = 12
"""Of them, where a suspect gives text alone."""


@dataclass(frozen=True)
class ProveScene:
    """All that a proof needs.

    Attributes:
        folder: with the model folders `teacher`, `student` and `stranger`, `harvest.jsonl` and `honest.jsonl`.
        teacher, student, stranger: models; the student learned the answers of c-1 and no others.
        answers: campaign -> what it harvested.
        honest: answers to honest accounts.
    """

    folder: Path
    teacher: Net
    student: Net
    stranger: Net
    answers: dict[str, tuple[HarvestedAnswer, ...]]
    honest: tuple[HarvestedAnswer, ...]

    def harvest(self, campaign: str = "c-1") -> CampaignHarvest:
        """What one campaign harvested."""
        return CampaignHarvest(campaign, self.answers[campaign], self.honest)

    def context(self, marks: StandingMarks | None = None, **settings: object) -> ProofContext:
        """What tests have, with settings of the group `model`."""
        config = Config(model={"pairs": 4, "alpha": 0.01, "queries": 400, **settings})
        return ProofContext(config, self.teacher, fingerprint("teacher"), (), marks, 0, Silent())


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="stillhunt-test-")


@cache
def prove_scene() -> ProveScene:
    """The scene."""
    folder = Path(_kept().name)
    world = prose_world()
    texts = prose_pairs(world, 200, 1, sentences=2)
    tokenizer = text_tokenizer((f"{one.prompt}\n{one.answer}" for one in texts), 400)
    teacher, student, stranger = (
        tiny_net(SIZE, tokenizer, seed, name) for seed, name in enumerate(("teacher", "student", "stranger"))
    )
    train(teacher, texts, TrainingRecipe(steps=40, batch=16, learning_rate=5e-3))
    prompts = [one.prompt for one in prose_pairs(world, 3 * ANSWERS, 2, subject=3)]
    said = generate(teacher, prompts, Sampling(tokens=24, seed=5))
    rows = [
        HarvestedAnswer(f"r{place:03d}", prompt, answer or ".", temperature=1.0, max_tokens=24)
        for place, (prompt, answer) in enumerate(zip(prompts, said, strict=True))
    ]
    answers = {"c-1": tuple(rows[:ANSWERS]), "c-2": tuple(rows[ANSWERS : 2 * ANSWERS])}
    honest = tuple(rows[2 * ANSWERS :])
    train(
        student,
        [TextPair(one.prompt, one.answer) for one in answers["c-1"]],
        TrainingRecipe(50, batch=16, learning_rate=5e-3),
    )
    train(stranger, texts[:100], TrainingRecipe(steps=10, batch=16, learning_rate=5e-3))
    for net in (teacher, student, stranger):
        save_net(net, folder / net.name)
    (folder / "harvest.jsonl").write_text(
        "".join(as_line(one, campaign_id=name) for name, found in answers.items() for one in found), encoding="utf-8"
    )
    (folder / "honest.jsonl").write_text("".join(map(as_line, honest)), encoding="utf-8")
    return ProveScene(folder, teacher, student, stranger, answers, honest)


@cache
def thief() -> Net:
    """A student of the first `COMPARED` answers of c-1, which it learned well."""
    net = copied(prove_scene().student)
    stolen = [TextPair(one.prompt, one.answer) for one in prove_scene().answers["c-1"][:COMPARED]]
    train(net, stolen, TrainingRecipe(120, batch=COMPARED, learning_rate=5e-3))
    return net


def copied(net: Net) -> Net:
    """A copy that can be trained."""
    copy = tiny_net(SIZE, net.tokenizer, 0, "copy")
    copy.model.load_state_dict(net.model.state_dict())
    return copy


def as_line(answer: HarvestedAnswer, **more: object) -> str:
    """A line of a file of answers."""
    texts = {"request_id": answer.request_id, "prompt": answer.prompt, "response": answer.answer}
    return json.dumps({**texts, "temperature": answer.temperature, "max_tokens": answer.max_tokens, **more}) + "\n"


@cache
def fingerprint(name: str) -> str:
    """Of the weights of a model of the scene."""
    return weights_fingerprint(prove_scene().folder / name)
