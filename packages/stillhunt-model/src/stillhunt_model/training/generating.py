"""Answers of local models, many prompts at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from stillhunt_model.nets.net import Net, plain_ids, prompt_ids

PROMPTS_TOGETHER = 256
"""Prompts that are answered together: the fixed cost of a step is spread, and memory stays small for tiny models."""


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn."""

    tokens: int = 64
    temperature: float = 1.0  # 0 takes the likeliest token each time
    top_p: float = 1.0  # nucleus from which tokens are drawn
    seed: int = 0
    # logits processors of transformers, such as marks; they run before temperature and nucleus
    processors: Sequence[Any] = field(default=())
    batch: int = PROMPTS_TOGETHER


def generate(net: Net, prompts: Sequence[str], sampling: Sampling, begun: Sequence[str] = ()) -> list[str]:
    """The model's answer to each prompt.

    `begun`: beginning of each answer, which the model continues; empty for none. Returns the answers without their
    beginnings, in the order of the prompts. They depend on the order and number of the prompts where they are drawn,
    and on the number of threads where two tokens are equally likely.
    """
    asked = prompt_ids(net, prompts)
    if begun:
        asked = [one + more for one, more in zip(asked, plain_ids(net, begun), strict=True)]
    room = max(1, net.longest - sampling.tokens)
    asked = [one[-room:] or [net.tokenizer.eos_token_id] for one in asked]
    # Prompts of one length stand together, so that little is padded.
    order = sorted(range(len(asked)), key=lambda place: (len(asked[place]), place))
    answers = [""] * len(asked)
    state = torch.random.get_rng_state()
    torch.manual_seed(sampling.seed)
    try:
        for first in range(0, len(order), sampling.batch):
            places = order[first : first + sampling.batch]
            for place, answer in zip(
                places, _generate_answer_batch(net, [asked[place] for place in places], sampling), strict=True
            ):
                answers[place] = answer
    finally:
        torch.random.set_rng_state(state)
    return answers


def _generate_answer_batch(net: Net, asked: list[list[int]], sampling: Sampling) -> list[str]:
    longest = max(map(len, asked))
    padding = net.tokenizer.pad_token_id
    ids = torch.tensor([[padding] * (longest - len(one)) + one for one in asked])
    mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in asked])
    drawn: dict[str, Any] = {"do_sample": False}
    if sampling.temperature > 0:
        drawn = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
    net.model.eval()
    with torch.no_grad():
        made = net.model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=sampling.tokens,
            logits_processor=list(sampling.processors),
            pad_token_id=padding,
            eos_token_id=net.tokenizer.eos_token_id,
            **drawn,
        )
    return list(net.tokenizer.batch_decode(made[:, longest:], skip_special_tokens=True))
