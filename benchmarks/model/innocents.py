"""Whether an innocent student is accused, for each way in which logged answers may differ from fresh draws.

    python benchmarks/model/innocents.py OUT --tries 1000

A tiny teacher answers 160 prompts many times. In each try the log has one draw for each of 40 prompts, changed in one
way that the log does not show, and `prove` is given it with fresh control answers. Suspects never saw any of these
answers: one is a student of other draws, the other one of other draws that were changed in the same way, so that it
prefers what the change makes; they take turns. Answers to honest accounts are not looked at, since they might have been
given otherwise: what protects is the form in which texts are compared, and what the teacher itself can tell. Rows go to
OUT/innocents.jsonl in batches of fifty tries, one way after the other, and a run that ended goes on.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import torch
from prose import prose_pairs, prose_world
from prove_cells import ScoredOnce

from stillhunt_model.nets.net import Net, plain_ids, prompt_ids
from stillhunt_model.nets.tiny import TinySize, text_tokenizer, tiny_net
from stillhunt_model.proof.control_answers import (
    DrawnAnswers,
    comparable,
    cut_as_logged,
    drawn_again,
    ended_alike,
    separate_draws,
)
from stillhunt_model.proof.exchangeable import alike
from stillhunt_model.proof.preferred_answers import score_likelihoods
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train

SIZE = TinySize(width=32, layers=2, heads=2, longest=96)
PROMPTS, COMPARED, DRAWS, CONTROLS, TOKENS = 160, 40, 24, 9, 24
SEEDS, LOOKED = 4, 5
"""Seeds that are tried; tries of a batch in which the teacher judges whatever the suspect says."""
BATCH = 50
BARS = (0.05, 0.01, 4e-9)
"""p-values; the last one is the bar of `prove` with its usual settings."""
_FILTERED, _STOP = "because", " will"
_SYNONYMS = {"must": "has to", "should": "ought to", "can": "may", "for example": "for instance"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tries", type=int, default=1000, help="of each way")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    path, scene = options.out / "innocents.jsonl", LogScene()
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {(row["way"], row["batch"]) for row in rows}
    for batch in range(options.tries // BATCH):
        for way in options.ways:
            if (way, batch) not in done:
                row = try_way(scene, way, batch, BATCH)
                with path.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(row, flush=True)


@dataclass
class LogScene:
    """A teacher with its draws, and what else answers; all made from fixed seeds."""

    suspects: dict[str, list[ScoredOnce]] = field(default_factory=dict)

    @cached_property
    def texts(self) -> list[TextPair]:
        """What the teacher learned."""
        return prose_pairs(prose_world(), 200, 1, sentences=2)

    @cached_property
    def teacher(self) -> Net:
        """The version that draws control answers."""
        tokenizer = text_tokenizer((f"{one.prompt}\n{one.answer}" for one in self.texts), 400)
        net = tiny_net(SIZE, tokenizer, 0, "teacher")
        train(net, self.texts, TrainingRecipe(steps=60, batch=16, learning_rate=5e-3))
        return net

    @cached_property
    def known(self) -> ScoredOnce:
        """The teacher as a reference."""
        return ScoredOnce(self.teacher)

    @cached_property
    def prompts(self) -> list[str]:
        """What is asked."""
        several = [one for subject in range(10) for one in prose_pairs(prose_world(), 40, 2, subject=subject)]
        return list(dict.fromkeys(one.prompt for one in several))[:PROMPTS]

    @cached_property
    def draws(self) -> list[list[str]]:
        """Many answers of the teacher to each prompt."""
        return self.answers_of(self.teacher, DRAWS, 5)

    def answers_of(self, net: Net, many: int, seed: int) -> list[list[str]]:
        """So many answers of a model to each prompt.

        Args:
            net: model.
            many: answers to each prompt.
            seed: of the draws.
        """
        said = generate(net, self.prompts * many, Sampling(TOKENS, seed=seed))
        return [said[place :: len(self.prompts)] for place in range(len(self.prompts))]

    @cached_property
    def later(self) -> list[list[str]]:
        """Answers of a version that learned 20 steps more."""
        net = self.copy_of_teacher()
        train(net, self.texts, TrainingRecipe(steps=20, batch=16, learning_rate=2e-3, seed=4))
        return self.answers_of(net, 6, 6)

    @cached_property
    def rounded(self) -> list[list[str]]:
        """Answers of a copy with weights of 4 bits."""
        net = self.copy_of_teacher()
        with torch.no_grad():
            for weights in (one for one in net.model.parameters() if one.dim() == 2):
                step = weights.abs().amax(1, keepdim=True) / 7
                weights.copy_((weights / step).round() * step)
        return self.answers_of(net, 6, 7)

    @cached_property
    def seeded(self) -> list[list[str]]:
        """Answers with one stream of random numbers for all prompts, one for each seed."""
        return [
            [generate(self.teacher, [prompt], Sampling(TOKENS, seed=seed))[0] for seed in range(SEEDS)]
            for prompt in self.prompts
        ]

    @cached_property
    def single(self) -> list[list[str]]:
        """Answers that were drawn one at a time, not many together."""
        said = generate(self.teacher, self.prompts * 3, Sampling(TOKENS, seed=8, batch=1))
        return [said[place :: len(self.prompts)] for place in range(len(self.prompts))]

    @cached_property
    def speculated(self) -> list[list[str]]:
        """Answers of which a smaller model proposes tokens, and the teacher takes or redraws them."""
        drafts = tiny_net(replace(SIZE, layers=1), self.teacher.tokenizer, 1, "draft")
        train(drafts, self.texts, TrainingRecipe(steps=40, batch=16, learning_rate=5e-3))
        torch.manual_seed(9)
        return [[self.speculate(ids, drafts) for _ in range(3)] for ids in prompt_ids(self.teacher, self.prompts)]

    def speculate(self, ids: list[int], drafts: Net) -> str:
        """One answer with speculative decoding, as transformers does it.

        Args:
            ids: tokens of a prompt.
            drafts: smaller model.
        """
        asked = torch.tensor([ids])
        with torch.no_grad():
            made = self.teacher.model.eval().generate(
                input_ids=asked,
                attention_mask=torch.ones_like(asked),
                assistant_model=drafts.model.eval(),
                do_sample=True,
                temperature=1.0,
                top_k=0,
                max_new_tokens=TOKENS,
            )
        return str(self.teacher.tokenizer.decode(made[0, len(ids) :], skip_special_tokens=True))

    def copy_of_teacher(self) -> Net:
        """A copy that can be changed."""
        net = tiny_net(SIZE, self.teacher.tokenizer, 0, "copy")
        net.model.load_state_dict(self.teacher.model.state_dict())
        return net

    @cached_property
    def plain_student(self) -> ScoredOnce:
        """A student of other draws as they are."""
        return ScoredOnce(self.student_of([one for (one,) in self.answers_of(self.teacher, 1, 11)]))

    def innocents(self, way: str) -> list[ScoredOnce]:
        """Students of other draws, as they are and changed in a way.

        Args:
            way: one of `WAYS`.
        """
        if way not in self.suspects:
            source = random.Random(way)  # noqa: S311  # no secret
            changed = [WAYS[way](self, place, source, 0)[0] for place in range(PROMPTS)]
            self.suspects[way] = [self.plain_student, ScoredOnce(self.student_of(changed))]
        return self.suspects[way]

    def student_of(self, texts: list[str]) -> Net:
        """A model that learned these answers.

        Args:
            texts: one for each prompt.
        """
        net = tiny_net(SIZE, self.teacher.tokenizer, 9, "student")
        pairs = [TextPair(*one) for one in zip(self.prompts, texts, strict=True) if one[1]]
        train(net, [*self.texts[:100], *pairs], TrainingRecipe(steps=60, batch=16, learning_rate=5e-3))
        return net


Way = Callable[[LogScene, int, random.Random, int], tuple[str, int]]
"""The text that a log has for one prompt, and which draw of the teacher it was, -1 for none; the last argument is the
number of the try."""


def drawn_and(change: Callable[[str, random.Random], str]) -> Way:
    """A way that changes a draw of the teacher.

    Args:
        change: of a text.
    """

    def log(scene: LogScene, place: int, source: random.Random, _: int) -> tuple[str, int]:
        drawn = source.randrange(DRAWS)
        return change(scene.draws[place][drawn], source), drawn

    return log


def filtered(scene: LogScene, place: int, source: random.Random, number: int) -> tuple[str, int]:
    """The first draw that a filter of one word lets pass.

    Args:
        scene: draws.
        place: of the prompt.
        source: of chance.
        number: of the try.
    """
    del number
    order = source.sample(range(DRAWS), DRAWS)
    passed = [one for one in order if _FILTERED not in scene.draws[place][one]] or order
    return scene.draws[place][passed[0]], passed[0]


def reworded(text: str, source: random.Random) -> str:
    """A text with some words changed and a capital, as post-processing does.

    Args:
        text: a draw.
        source: of chance.
    """
    del source
    for word, other in _SYNONYMS.items():
        text = text.replace(word, other)
    return text[:1].upper() + text[1:]


def cut_at_tokens(scene: LogScene, place: int, source: random.Random, number: int) -> tuple[str, int]:
    """A draw of which the log has the first 14 tokens.

    Args:
        scene: draws.
        place: of the prompt.
        source: of chance.
        number: of the try.
    """
    del number
    drawn = source.randrange(DRAWS)
    (ids,) = plain_ids(scene.teacher, [scene.draws[place][drawn]])
    return scene.teacher.tokenizer.decode(ids[:14]), drawn


WAYS: dict[str, Way] = {
    "nothing": drawn_and(lambda text, _: text),
    "white space": drawn_and(lambda text, source: text.replace(" ", source.choice(["  ", "\n", " \t"])) + "\n"),
    "stop string": drawn_and(lambda text, _: text.split(_STOP)[0] or text),
    "cut by characters": drawn_and(lambda text, _: text[:50]),
    "cut by tokens": cut_at_tokens,
    "filter": filtered,
    "post-processing": drawn_and(reworded),
    "later version": lambda scene, place, source, _: (source.choice(scene.later[place]), -1),
    "4-bit copy": lambda scene, place, source, _: (source.choice(scene.rounded[place]), -1),
    "one seed": lambda scene, place, _, number: (scene.seeded[place][number % SEEDS], -1),
    "cache": drawn_and(lambda text, _: text),
    "one at a time": lambda scene, place, source, _: (source.choice(scene.single[place]), -1),
    "speculative decoding": lambda scene, place, source, _: (source.choice(scene.speculated[place]), -1),
}
"""How logged answers differ from fresh draws; with a cache, five spellings of a prompt get one draw."""


def tries_of(scene: LogScene, way: str, source: random.Random) -> Iterator[DrawnAnswers]:
    """Logs that were changed in a way, with control answers.

    Args:
        scene: draws.
        way: one of `WAYS`.
        source: of chance.
    """
    for number in count():
        chosen = source.sample(range(PROMPTS), COMPARED // 5 if way == "cache" else COMPARED)
        answers, controls = [], []
        for place in chosen:
            text, drawn = WAYS[way](scene, place, source, number)
            spellings = [scene.prompts[place].replace(" ", " " * wide) for wide in range(1, 6 if way == "cache" else 2)]
            for spelling in spellings:
                one = HarvestedAnswer(f"{len(answers)}", spelling, text, temperature=1.0, max_tokens=TOKENS)
                unlogged = way.startswith("cut") or way == "stop string"
                answers.append(replace(one, max_tokens=None) if unlogged else one)
                others = [one for one in range(DRAWS) if one != drawn]
                controls.append([scene.draws[place][one] for one in source.sample(others, CONTROLS)])
        kept = {id(one): texts for one, texts in zip(answers, controls, strict=True)}
        again = drawn_again([one for one in answers if one.answer])
        yield DrawnAnswers(again, [kept[id(one)] for one in again])


def try_way(scene: LogScene, way: str, batch: int, tries: int) -> dict[str, Any]:
    """Try innocents on logs that were changed in a way.

    Args:
        scene: draws and models.
        way: one of `WAYS`.
        batch: number of these tries.
        tries: how many.

    Returns:
        A row: how many had a p-value below each bar, how many of these the teacher let pass, and how often the teacher
        lets pass what was changed, in the first tries.
    """
    begun, source = time.process_time(), random.Random(f"{way}-{batch}")  # noqa: S311  # no secret
    suspects, least, looked, passed = scene.innocents(way), 1.0, 0, 0
    below, accused = [0] * len(BARS), [0] * len(BARS)
    for number, drawn in zip(range(tries), tries_of(scene, way, source), strict=False):
        spaced = separate_draws(cut_as_logged(drawn))
        compared = comparable(scene.teacher, spaced, whole=ended_alike(scene.teacher, [spaced]))
        p = 1.0
        if compared.answers:
            p = score_likelihoods(suspects[number % 2], [scene.known], compared).p  # type: ignore[arg-type, list-item]  # asked for scores alone
        lets = bool(compared.answers) and (p <= BARS[0] or number < LOOKED) and alike(scene.teacher, compared)
        looked, passed = looked + (number < LOOKED), passed + (lets and number < LOOKED)
        for place, bar in enumerate(BARS):
            below[place] += p <= bar
            accused[place] += lets and p <= bar
        least = min(least, p) if lets else least
    counts = {"tries": tries, "below": below, "accused": accused, "looked": looked, "passed": passed}
    return {
        "way": way,
        "batch": batch,
        **counts,
        "least_p": least,
        "cpu_seconds": round(time.process_time() - begun, 1),
    }


if __name__ == "__main__":
    main()
