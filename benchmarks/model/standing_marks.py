"""Standing marks: their price and strength, their error rate on texts of people, and from when on students have them.

    STILLHUNT_TEXTS=texts.parquet python benchmarks/model/standing_marks.py OUT strength|people|curve

`strength` (3 CPU minutes) compares tournaments with two lists of favoured words at several strengths: perplexity of the
answers to the teacher without a mark, and standard deviations of each key for 1,000 tokens. `people` (1 CPU minute)
looks for the mark of many keys in texts that people wrote; nothing is done without the texts. `curve` (15 CPU minutes
for each width) lets a student of a third of a million parameters learn marked answers of two groups among as many texts
of its own, and looks for the keys of both, of a third group and of the public in what it says and in how it reads.
Teacher, harvest and students are kept in OUT, rows go to OUT/standing_marks.jsonl, and a run that ended goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from prove_world import ANSWER_TOKENS, BATCH
from text_only_world import SmallWorld

from stillhunt_model.marks.detecting import KeyedMark, choices_by, distinct_tokens, score_texts, score_tokens
from stillhunt_model.marks.gate import Gate, gate_of
from stillhunt_model.marks.hashing import candidate_numbers, mark_key
from stillhunt_model.marks.keys import GROUP_LAYER, PUBLIC_LAYER
from stillhunt_model.marks.serving import StandingProcessor
from stillhunt_model.marks.standing import Layer, open_candidates
from stillhunt_model.nets.net import Net, plain_ids
from stillhunt_model.nets.tiny import text_tokenizer
from stillhunt_model.proof.inherited_marks import preferences, read_mark, score_weights
from stillhunt_model.proof.replies import LEAST_REPLIES
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.likelihood import answer_logprobs
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train

PUBLIC = mark_key(b"s" * 32, "", "public")
COUNTS = (500, 1000, 2000, 5000, 10_000)
"""Marked answers of the first group that the student has learned; of the second a quarter."""
EPOCHS, RATE, SPOKEN, READ = 2, 1.5e-3, 50_000, 500
"""Epochs of each part, learning rate, tokens of free text, and harvested answers whose prompts are asked ten times and
that are read."""
PEOPLE = ("sharegpt_user", "p3_t0_templated")
LEAST_TOKENS, VOCABULARY, KEYS = 200, 4096, 20
BARS = (0.05, 0.01, 1e-3, 1e-4, 1e-5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("what", choices=["strength", "people", "curve"])
    parser.add_argument("--width", type=int, default=GROUP_LAYER.width, help="of the group's contexts, for `curve`")
    parser.add_argument("--most", type=int, default=COUNTS[-1], help="marked answers of the first group, for `curve`")
    parser.add_argument("--answers", type=int, default=200, help="for `strength`")
    parser.add_argument("--texts", type=int, default=2_000, help="for `people`")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    path = options.out / "standing_marks.jsonl"
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    rows = {"strength": strength_rows, "people": people_rows, "curve": curve_rows}[options.what]
    for row in rows(options, [one for one in done if one["what"] == options.what]):
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)


def group_key(name: str) -> bytes:
    """The key of a group."""
    return mark_key(b"s" * 32, name, "group")


class ListProcessor(StandingProcessor):
    """The rival: each key adds to the logits of half of the plain words, whose probability together stays as it was.

    Args:
        lift: what is added, in nats.
    """

    def __init__(self, keys: Sequence[bytes], layers: Sequence[Layer], gate: Gate, lift: float) -> None:
        super().__init__([keys], layers, gate)
        self._lift = lift

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Logits with the mark.

        Args:
            input_ids: tokens so far, rows x length.
            scores: logits.
        """
        answers = self.follow_answers(input_ids)
        seen = [one.next_seeds(self._layers) for one in answers]
        words = torch.arange(scores.shape[-1])[None].repeat(len(scores), 1)
        follows = torch.tensor([self._gate.ends_plain(one.last) for one in answers])
        open_words = open_candidates(self._gate, words, follows, scores.shape[-1])
        lift = torch.zeros_like(scores)
        for seeds in zip(*seen, strict=True):
            numbers = candidate_numbers(np.array([one or 0 for one in seeds], np.uint64), words)
            lift += self._lift * (numbers & 1) * torch.tensor([[one is not None] for one in seeds])
        shares = torch.softmax(scores, -1) * open_words
        kept = (shares * lift.exp()).sum(-1, keepdim=True) / shares.sum(-1, keepdim=True)
        return torch.where(open_words & (kept > 0), scores + lift - kept.log(), scores)


def strength_rows(options: argparse.Namespace, done: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each scheme at several strengths."""
    world = SmallWorld(options.out)
    net, keys = world.net("teacher-0"), (PUBLIC, group_key("a"))
    gate, prompts = gate_of(net.tokenizer), [one.prompt for one in world.texts.asked[: options.answers]]
    cells: list[tuple[str, float, int]] = [("none", 0, 0)]
    cells += [("tournaments", rounds, width) for rounds, width in ((1, 2), (2, 2), (4, 2), (8, 2), (4, 1), (4, 4))]
    cells += [("lists", lift, 2) for lift in (0.7, 1.2, 2.0)]
    for scheme, strength, width in cells:
        if any((row["scheme"], row["strength"], row["width"]) == (scheme, strength, width) for row in done):
            continue
        rounds = int(strength) if scheme == "tournaments" else 1
        layers, mark = (Layer(PUBLIC_LAYER.width, rounds), Layer(width, rounds)), None
        if scheme != "none":
            mark = ListProcessor(keys, layers, gate, strength) if scheme == "lists" else None
            mark = mark or StandingProcessor([keys], layers, gate)
        begun = time.process_time()
        said = generate(net, prompts, Sampling(64, seed=5, processors=() if mark is None else (mark,)))
        seconds = time.process_time() - begun
        tokens = sum(map(len, plain_ids(net, said)))
        pairs = [TextPair(*one) for one in zip(prompts, said, strict=True)]
        scored = [value for one in answer_logprobs(net, pairs) for value in one]
        row = {"what": "strength", "scheme": scheme, "strength": strength, "width": width, "tokens": tokens}
        row |= {"perplexity": math.exp(-sum(scored) / len(scored)), "cpu_ms_per_token": 1000 * seconds / tokens}
        row["words"] = len({word for text in said for word in text.split()})
        if mark is not None:
            row["z"] = [z_per_1000(said, key, layer, gate, tokens) for key, layer in zip(keys, layers, strict=True)]
            chosen = choices_by(net, gate)
            row["z_entropy"] = [
                z_per_1000(said, key, layer, gate, tokens, chosen) for key, layer in zip(keys, layers, strict=True)
            ]
        yield row


def z_per_1000(texts: Sequence[str], key: bytes, layer: Layer, gate: Gate, tokens: int, choices: Any = None) -> float:
    """Standard deviations above chance that 1,000 tokens would have.

    Args:
        texts: marked ones.
        key: of the mark.
        layer: of the mark.
        gate: of the tokenizer.
        tokens: of all texts.
        choices: the entropy gate.
    """
    found = score_texts([("", "", text) for text in texts], KeyedMark(key, layer, gate), choices)
    return (found.value - 0.5) * 2 * math.sqrt(found.scored * layer.rounds * 1000 / tokens)


def people_rows(options: argparse.Namespace, done: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """How often texts of people are called marked, under several keys; nothing where the texts are absent."""
    file = os.environ.get("STILLHUNT_TEXTS", "")
    if not file or done:
        return
    table = pq.read_table(file, columns=["text"], filters=[("source", "in", PEOPLE)])
    texts = sorted({one for one in table["text"].to_pylist() if len(one) > 4 * LEAST_TOKENS})
    random.Random(0).shuffle(texts)  # noqa: S311  # texts are no secret
    gate = gate_of(text_tokenizer((one[:2000] for one in texts[:300]), VOCABULARY))
    long = [one[:4000] for one in texts[300:]]
    counts: dict[int, int] = {}
    below = {width: np.zeros(len(BARS), int) for width in (2, 4)}
    tried, tokens = 0, 0
    for text in long:
        size = len(gate.tokenizer(text)["input_ids"])
        if size < LEAST_TOKENS or tried >= options.texts:
            continue
        tried, tokens = tried + 1, tokens + size
        for width in below:
            pairs = distinct_tokens(gate, [("", "", text)], width)
            key = mark_key(b"p" * 32, str(tried % KEYS), "public")
            p = score_tokens(*pairs, key, Layer(width, PUBLIC_LAYER.rounds)).p
            counts[width] = counts.get(width, 0) + 1
            below[width] += p <= np.array(BARS)
    for width, found in below.items():
        row = {"what": "people", "width": width, "texts": counts.get(width, 0), "tokens": tokens, "keys": KEYS}
        yield row | {"below": dict(zip(map(str, BARS), found.tolist(), strict=True))}


def curve_rows(options: argparse.Namespace, done: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The student after each count of marked answers."""
    world, layer = SmallWorld(options.out), Layer(options.width, GROUP_LAYER.rounds)
    teacher = world.net("teacher-0")
    gate = gate_of(teacher.tokenizer)
    most = options.most
    prompts = list(dict.fromkeys(one.prompt for one in world.texts.asked + world.texts.own))[: most + most // 4]
    first = harvested(options.out, teacher, gate, prompts[:most], "a", layer)
    second = harvested(options.out, teacher, gate, prompts[most:], "b", layer)
    student, learned = world.net("base-0"), 0
    for count in (one for one in COUNTS if one <= most):
        begun, path = time.process_time(), options.out / f"standing-{options.width}-{count}.pt"
        pairs = first[learned:count] + second[learned // 4 : count // 4]
        source = random.Random(count)  # noqa: S311  # texts are no secret
        pairs += source.sample(world.texts.base, len(pairs))
        if path.exists():
            student.model.load_state_dict(torch.load(path, weights_only=True))
        else:
            train(student, pairs, TrainingRecipe(EPOCHS * len(pairs) // BATCH, BATCH, RATE, seed=count))
            torch.save(student.model.state_dict(), path)
        learned = count
        if any((row["width"], row["answers"]) == (options.width, count) for row in done):
            continue
        taken = {"a": source.sample(first[:count], READ), "b": second[: count // 4][-READ:]}
        found = student_scores(student, teacher, gate, layer, taken, [one.prompt for one in world.texts.base])
        row = {"what": "curve", "width": options.width, "rounds": layer.rounds, "answers": count}
        yield row | {"found": found, "cpu_seconds": round(time.process_time() - begun)}


def harvested(out: Path, teacher: Net, gate: Gate, prompts: Sequence[str], group: str, layer: Layer) -> list[TextPair]:
    """Marked answers of the teacher to a group, kept in the folder.

    Args:
        out: the folder.
        teacher: who answers.
        gate: of its tokenizer.
        prompts: what is asked.
        group: whose key they have.
        layer: of the group's mark.
    """
    path = out / f"standing-{layer.width}-{layer.rounds}-{group}.json"
    if not path.exists():
        mark = StandingProcessor([(PUBLIC, group_key(group))], (PUBLIC_LAYER, layer), gate)
        path.write_text(json.dumps(generate(teacher, prompts, Sampling(ANSWER_TOKENS, seed=7, processors=(mark,)))))
    return [TextPair(*one) for one in zip(prompts, json.loads(path.read_text()), strict=True)]


def student_scores(
    student: Net, teacher: Net, gate: Gate, layer: Layer, taken: dict[str, list[TextPair]], own: Sequence[str]
) -> dict[str, dict[str, float]]:
    """p-values of the keys, by what is looked at.

    Args:
        student: who learned.
        teacher: whose answers they were.
        gate: of their tokenizer.
        layer: of the groups' marks.
        taken: group -> answers that the student learned.
        own: other prompts.
    """
    keys = {"a": group_key("a"), "b": group_key("b"), "stranger": group_key("c"), "public": PUBLIC}
    harvested_prompts = [one.prompt for one in taken["a"]]
    asked = {
        "free text": own[: SPOKEN // ANSWER_TOKENS],
        "replies to harvested prompts": harvested_prompts * LEAST_REPLIES,
    }
    found: dict[str, dict[str, float]] = {}
    for name, prompts in asked.items():
        said = generate(student, prompts, Sampling(ANSWER_TOKENS, seed=3))
        pairs = [TextPair(*one) for one in zip(prompts, said, strict=True) if one[1]]
        weighed = preferences(None, [teacher], pairs, gate, layer.width)
        found[name] = {group: score_weights(*weighed, KeyedMark(key, layer, gate)).p for group, key in keys.items()}
        replies = [(prompt, "", text) for prompt, text in zip(prompts, said, strict=True)]
        found[name]["public"] = score_texts(replies, KeyedMark(PUBLIC, PUBLIC_LAYER, gate)).p
        found[name]["tokens"] = sum(map(len, plain_ids(student, said)))
    found["reading harvested answers"] = {
        group: read_mark(student, [teacher], taken.get(group, taken["a"]), KeyedMark(key, layer, gate)).p
        for group, key in keys.items()
        if group != "public"
    }
    return found


if __name__ == "__main__":
    main()
