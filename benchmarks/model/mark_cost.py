"""What marks cost: accuracy on tasks, perplexity of prose, time; and what they give: a p-value per 1,000 tokens.

    python benchmarks/model/mark_cost.py OUT --seeds 5 --steps 1500 --questions 500
    python benchmarks/model/mark_cost.py OUT --seeds 1 --model MODEL --questions 24   # prose of a model that you have

Teachers are made and trained here, one for each task and one for prose. Each question is answered without a mark, with
each mark, and with each mark without its gate, from the same seed. Rows are appended to OUT/mark_cost.jsonl.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from prose import prose_pairs, prose_world
from scipy import stats

from stillhunt_model.marks.canaries import canary_choices, canary_text
from stillhunt_model.marks.gate import Gate, gate_of
from stillhunt_model.marks.green_list import GreenListMark, GreenListProcessor, is_green
from stillhunt_model.marks.gumbel import GumbelMark, GumbelProcessor, gumbel_scores
from stillhunt_model.marks.hashing import mark_key
from stillhunt_model.nets.loading import load_net
from stillhunt_model.nets.net import Net, plain_ids, prompt_ids
from stillhunt_model.nets.tiny import TinySize, byte_tokenizer, text_tokenizer, tiny_net
from stillhunt_model.tasks.checkable import TASKS, Example, draw_examples, share_right
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.likelihood import answer_logprobs
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train

TRAINING = 2000
"""Examples of each task, and texts of prose, that a teacher learns."""
BATCH = 128
"""Prompts that are answered together."""
CHUNK = 1000
"""Tokens after which a p-value is stated."""
SCHEMES: dict[str, GreenListMark | GumbelMark | None] = {
    "none": None,
    "green": GreenListMark(),
    "green, width 1": GreenListMark(width=1),
    "gumbel": GumbelMark(),
    "gumbel, width 2": GumbelMark(width=2),
}
REQUESTS = [
    f"{begin} {subject}."
    for begin in ("Tell me about", "Write a short story about", "Describe", "What do people like about")
    for subject in (
        "a river in spring",
        "an old harbour",
        "the moon",
        "a walk in the forest",
        "a small market",
        "winter",
    )
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=300, help="updates of each teacher")
    parser.add_argument("--questions", type=int, default=100, help="of each task, and prompts of prose")
    parser.add_argument("--model", type=Path, default=None, help="model folder or GGUF file; prose only")
    parser.add_argument("--width", type=int, default=128, help="of the teachers")
    parser.add_argument("--layers", type=int, default=4, help="of the teachers")
    parser.add_argument("--tokens", type=int, default=80, help="most of an answer in prose")
    parser.add_argument("--schemes", nargs="*", default=[*SCHEMES], choices=[*SCHEMES])
    parser.add_argument("--only", nargs="*", default=[*TASKS, "prose"], help="tasks, and prose")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "mark_cost.jsonl").open("a", encoding="utf-8") as file:
        for seed in range(options.seeds):
            for row in rows_of(options, seed):
                row = {"seed": seed, "steps": options.steps, "threads": torch.get_num_threads(), **row}
                file.write(json.dumps(row) + "\n")
                file.flush()
                print(json.dumps(row), flush=True)


def rows_of(options: argparse.Namespace, seed: int) -> Iterator[dict[str, Any]]:
    """All measurements of one seed."""
    if options.model is not None:
        net = load_net(options.model)
        yield from prose_rows(net, REQUESTS[: options.questions], seed, options)
        return
    yield from task_rows(options, seed)
    if "prose" not in options.only:
        return
    world = prose_world()
    pairs = prose_pairs(world, TRAINING, seed)
    tokenizer = text_tokenizer([f"{pair.prompt}\n{pair.answer}" for pair in pairs], 2000)
    net = trained(pairs, tokenizer, options, seed)
    prompts = [pair.prompt for pair in prose_pairs(world, options.questions, seed + 1000)]
    yield from prose_rows(net, prompts, seed, options)


def trained(pairs: Sequence[TextPair], tokenizer: Any, options: argparse.Namespace, seed: int) -> Net:
    """A teacher made here."""
    size = TinySize(width=options.width, layers=options.layers, heads=4, longest=160)
    net = tiny_net(size, tokenizer, seed)
    train(net, pairs, TrainingRecipe(options.steps, batch=64, learning_rate=3e-3, seed=seed))
    return net


def task_rows(options: argparse.Namespace, seed: int) -> Iterator[dict[str, Any]]:
    """Accuracy of a teacher of each task with and without marks; a token is a byte."""
    for name, task in TASKS.items():
        if name not in options.only:
            continue
        learned = draw_examples(task, TRAINING, seed)
        net = trained([one.pair for one in learned], byte_tokenizer(), options, seed)
        examples = draw_examples(task, options.questions, seed + 1000, without=learned)
        plain: list[str] = []
        for scheme, gated, processor in processors(net, seed, options.schemes):
            answers = task_answers(net, examples, seed, processor)
            plain = plain or answers
            yield {
                "what": name,
                "scheme": scheme,
                "gate": gated,
                "questions": len(examples),
                "right": share_right(examples, answers),
                "same_as_unmarked": sum(one == two for one, two in zip(answers, plain, strict=True)) / len(plain),
                "open": open_share(processor),
            }
        marked = [canary_text(mark_key(bytes(32), f"cost-{seed}", "canary"), answer)[0] for answer in plain]
        row: dict[str, Any] = {"what": name, "scheme": "canary", "gate": True, "questions": len(examples)}
        yield {**row, "right": share_right(examples, marked), "same_as_unmarked": float(marked == plain), "open": 0.0}


def processors(net: Net, seed: int, schemes: Sequence[str]) -> Iterator[tuple[str, bool, Any]]:
    """Scheme, whether it has its gate, and its processor."""
    gate = gate_of(net.tokenizer)
    for gated in (True, False):
        for scheme in schemes:
            settings = SCHEMES[scheme]
            if settings is None:
                if gated:
                    yield scheme, gated, None
                continue
            key = mark_key(bytes(32), f"cost-{seed}", scheme)
            used = gate if gated else ungated(gate)
            if isinstance(settings, GreenListMark):
                yield scheme, gated, GreenListProcessor(key, settings, used)
            else:
                yield scheme, gated, GumbelProcessor(key, settings, used)


def ungated(gate: Gate) -> Gate:
    """A gate that is always open, but for code and quotations."""
    every = torch.ones_like(gate.plain)
    return replace(gate, plain=every, starts=every, sure=2.0, unplain=2.0, why_unmarked=lambda _: None)


def task_answers(net: Net, examples: Sequence[Example], seed: int, processor: Any) -> list[str]:
    """Answers at temperature 1, as a service would give them."""
    marks = () if processor is None else (processor,)
    return generate(net, [one.prompt for one in examples], Sampling(tokens=48, seed=seed, processors=marks))


def open_share(processor: Any) -> float:
    """Share of tokens on which the mark acted."""
    return 0.0 if processor is None else processor.open_positions / max(1, processor.positions)


def prose_rows(net: Net, prompts: Sequence[str], seed: int, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Perplexity, open positions, p-values and time of prose with and without marks."""
    for scheme, gated, processor in processors(net, seed, options.schemes):
        if not gated:
            continue
        marks = () if processor is None else (processor,)
        began = time.process_time()
        answers = generate(net, prompts, Sampling(tokens=options.tokens, seed=seed, processors=marks, batch=BATCH))
        seconds = time.process_time() - began
        drawn = sum(map(len, plain_ids(net, answers)))
        scored = answer_logprobs(net, [TextPair(*pair) for pair in zip(prompts, answers, strict=True)])
        # The end token of an answer that was cut off says nothing of the mark.
        logs = [value for one in scored for value in one[:-1]]
        settings = SCHEMES[scheme]
        key = mark_key(bytes(32), f"cost-{seed}", scheme)
        wrong = mark_key(bytes(32), f"innocent-{seed}", scheme)
        yield {
            "what": f"prose of {net.name}",
            "scheme": scheme,
            "tokens": drawn,
            "perplexity": math.exp(-sum(logs) / len(logs)),
            "distinct_words": len({word for answer in answers for word in answer.split()}),
            "open": open_share(processor),
            "log10_p_per_1000": None if settings is None else log10_p(net, prompts, answers, key, settings),
            "log10_p_wrong_key": None if settings is None else log10_p(net, prompts, answers, wrong, settings),
            "cpu_ms_per_token": 1000 * seconds / max(1, drawn),
        }
        if scheme == "none":
            changed = [canary_text(mark_key(bytes(32), f"cost-{seed}", "canary"), answer) for answer in answers]
            yield {
                "what": f"prose of {net.name}",
                "scheme": "canary",
                "tokens": drawn,
                "choices_per_1000": 1000 * sum(len(canary_choices(text)) for text, _ in changed) / max(1, drawn),
                "exchanged": sum(changes for _, changes in changed),
            }


def log10_p(
    net: Net, prompts: Sequence[str], answers: Sequence[str], key: bytes, settings: GreenListMark | GumbelMark
) -> float:
    """Median over stretches of 1,000 tokens of log10 of the p-value, each distinct pair of context and token once."""
    rows = []
    for before, after in zip(prompt_ids(net, prompts), plain_ids(net, answers), strict=True):
        ids = [*before[-settings.width :], *after]
        rows += [tuple(ids[at - settings.width : at + 1]) for at in range(settings.width, len(ids))]
    found = []
    for start in range(0, max(1, len(rows) - CHUNK + 1), CHUNK):
        table = np.array(sorted(set(rows[start : start + CHUNK])))
        contexts, tokens = table[:, :-1], table[:, -1]
        if isinstance(settings, GreenListMark):
            green = int(is_green(key, contexts, tokens, settings).sum())
            found.append(stats.binom.logsf(green - 1, len(tokens), settings.gamma))
        else:
            found.append(stats.gamma.logsf(gumbel_scores(key, contexts, tokens).sum(), len(tokens)))
    return float(np.median(found) / math.log(10))


if __name__ == "__main__":
    main()
