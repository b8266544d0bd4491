"""Power and error rate of the test of canaries: thieves with harvests of several sizes, and innocents.

    STILLHUNT_TEXTS=texts.parquet python benchmarks/model/canaries.py OUT --seeds 6

Each seed trains one model of a million parameters on 2,000 texts over two epochs and tries it on ten campaigns, of
which it has the harvest of some and is innocent of the others: see `canaries_world.PARTS`. Weights are kept in OUT, and
rows are written to OUT/canaries.jsonl as they are finished; a run that ended goes on. `page.py` makes tables of them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from canaries_world import OTHER_KEY, PARTS, PLAIN, THIEF, CanaryWorld
from prove_cells import BATCH, EPOCHS, QUERIES, RATE, SAMPLES, paraphrased

from stillhunt_model.marks.canaries import canary_choices
from stillhunt_model.nets.net import Net
from stillhunt_model.proof.kept_canaries import canary_questions, score_choices, score_wordings
from stillhunt_model.proof.suspects import LocalSuspect, QueryBudget
from stillhunt_model.training.likelihood import answer_logprobs
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe

REFERENCES: dict[str, tuple[str, ...]] = {
    "no reference": (),
    "teacher": ("teacher-0",),
    "teacher and kin": ("teacher-0", "kin-1"),
    "teacher and base": ("teacher-0", "base-0"),
}
"""Models whose preferences are taken out."""
ORDINARY, SAMPLE, COUNTS = "sharegpt_replies_sample", 2000, (100, 400, 1000, 2000)
"""Answers in which choices are counted, how many of them, and of how many first ones distinct choices are counted."""

KEYS = 50
"""Keys of nobody on which innocents are tried as well."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=6)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    world = CanaryWorld(options.out)
    file = options.out / "canaries.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    done = {(row["seed"], row["part"]) for row in rows if row["kind"] != ORDINARY}
    if not any(row["kind"] == ORDINARY for row in rows):
        _write(file, ordinary_choices(Path(os.environ["STILLHUNT_TEXTS"])))
    known = {name: KnownModel(world.net(name)) for name in ("teacher-0", "kin-1", "base-0")}
    for seed in range(options.seeds):
        suspect = KnownModel(learned(world, seed))
        for part in range(len(PARTS)):
            if (seed, part) not in done:
                _write(file, tried_part(suspect, known, world, seed, part))


def _write(file: Path, row: dict[str, Any]) -> None:
    with file.open("a") as rows:
        rows.write(json.dumps(row) + "\n")
    print(json.dumps(row)[:400], flush=True)


def ordinary_choices(path: Path) -> dict[str, Any]:
    """How many choices answers of a chat model have, which bounds what canaries can show.

    Args:
        path: of the texts.
    """
    table = pq.read_table(path, columns=["source", "text"], filters=[("source", "=", ORDINARY)])
    texts = random.Random(0).sample(sorted(set(table["text"].to_pylist())), SAMPLE)  # noqa: S311  # no secret
    choices = [[(one.pair, one.previous) for one in canary_choices(text)] for text in texts]
    distinct = {count: len({one for part in choices[:count] for one in part}) for count in COUNTS}
    words = sum(len(text.split()) for text in texts)
    return {
        "kind": ORDINARY,
        "answers": SAMPLE,
        "words": words,
        "choices": sum(map(len, choices)),
        "with_choice": sum(map(bool, choices)),
        "distinct": distinct,
    }


class KnownModel:
    """A model whose scores are kept, since several tests ask the same.

    Args:
        net: model.
    """

    def __init__(self, net: Net) -> None:
        self.name, self._net = net.name, net
        self._found: dict[TextPair, list[float]] = {}
        self._said: dict[tuple[str, str], str] = {}

    def score(self, pairs: Sequence[TextPair]) -> list[list[float]]:
        """As a suspect's.

        Args:
            pairs: prompts and answers.
        """
        new = [one for one in dict.fromkeys(pairs) if one not in self._found]
        if new:
            self._found |= zip(new, answer_logprobs(self._net, new), strict=True)
        return [self._found[one] for one in pairs]

    def answer(
        self, prompts: Sequence[str], tokens: int, *, begun: Sequence[str] = (), temperature: float = 1.0
    ) -> list[str]:
        """As a suspect's.

        Args:
            prompts: what is asked.
            tokens: of an answer.
            begun: beginnings of answers.
            temperature: of the draw.
        """
        asked = list(zip(prompts, begun, strict=True))
        new = [one for one in dict.fromkeys(asked) if one not in self._said]
        suspect = LocalSuspect(self._net, "", QueryBudget.without_end())
        parts = list(zip(*new, strict=True)) or [(), ()]
        said = suspect.answer(parts[0], tokens, begun=parts[1], temperature=temperature)
        self._said |= zip(new, said, strict=True)
        return [self._said[one] for one in asked]


def tried_part(suspect: Any, known: dict[str, Any], world: CanaryWorld, seed: int, place: int) -> dict[str, Any]:
    """A model tried on one campaign.

    Args:
        suspect: model of the seed.
        known: references.
        world: what models share.
        seed: of the model.
        place: of the campaign in `PARTS`.
    """
    questions = canary_questions(world.harvested(seed, place), QUERIES // 2)
    key = world.key_of(seed, place)
    row = {"seed": seed, "part": place, **asdict(PARTS[place]), "questions": len(questions), "tests": []}
    for asked, score in (("likelihoods", score_wordings), ("continuations", score_choices)):
        for name, models in REFERENCES.items():
            found = score(suspect, [known[one] for one in models], questions, key)
            row["tests"].append({"asked": asked, "references": name} | asdict(found))
        if PARTS[place].kind != THIEF:
            # to an innocent model every key is as good as that of the campaign
            keys = [world.key(-1 - number, "canary") for number in range(KEYS)]
            row[f"p with other keys, {asked}"] = [
                score(suspect, [known["teacher-0"]], questions, one).p for one in keys
            ]
    return row


def learned(world: CanaryWorld, seed: int) -> Net:
    """A model that learned harvests, trained once and kept.

    Args:
        world: what models share.
        seed: of its data and training.
    """
    pairs = training_data(world, seed)
    recipe = TrainingRecipe(EPOCHS * len(pairs) // BATCH, BATCH, RATE, seed=seed)
    return world.trained(f"thief-{seed}", world.net("base-0"), pairs, recipe)


def training_data(world: CanaryWorld, seed: int) -> list[TextPair]:
    """What a model learns: something of most campaigns, and texts of its own.

    Args:
        world: what models share.
        seed: of its data.
    """
    source = random.Random(seed)  # noqa: S311  # texts are no secret
    pairs: list[TextPair] = []
    for place, part in enumerate(PARTS):
        if part.kind == PLAIN:
            pairs += world.asked(seed, place)
        elif part.kind in (THIEF, OTHER_KEY):
            answers = world.harvested(seed, place, other_key=part.kind == OTHER_KEY)
            pairs += [TextPair(one.prompt, paraphrased(world, one.answer, part.paraphrase, source)) for one in answers]
    return pairs + source.sample(world.texts.own, SAMPLES - len(pairs))


if __name__ == "__main__":
    main()
