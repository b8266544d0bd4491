"""Prompts with answers as tensors: only the answer is learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from stillhunt_model.nets.net import Net, plain_ids, prompt_ids

NOT_LEARNED = -100
"""Label of tokens that are not learned, as PyTorch's cross entropy takes it."""


@dataclass(frozen=True)
class TextPair:
    """One prompt and the answer to it."""

    prompt: str
    answer: str


@dataclass(frozen=True)
class EncodedPair:
    """A pair as tokens."""

    tokens: list[int]
    start: int

    @property
    def learned(self) -> int:
        """Number of tokens that are learned."""
        return len(self.tokens) - self.start


def encode(net: Net, pairs: Sequence[TextPair]) -> list[EncodedPair]:
    """Tokens of pairs, cut at the end to what the model takes; a prompt that is too long loses its beginning."""
    prompts = prompt_ids(net, [pair.prompt for pair in pairs])
    answers = plain_ids(net, [pair.answer for pair in pairs])
    encoded = []
    for prompt, answer in zip(prompts, answers, strict=True):
        kept = prompt[-(net.longest // 2) :]
        tokens = [*kept, *answer, net.tokenizer.eos_token_id][: net.longest]
        encoded.append(EncodedPair(tokens, len(kept)))
    return encoded


def collate(encoded: Sequence[EncodedPair], padding: int) -> dict[str, Any]:
    """A batch, padded on the right.

    Returns `input_ids`, `attention_mask` and `labels`, each of pairs x longest.
    """
    longest = max(len(one.tokens) for one in encoded)
    ids = torch.full((len(encoded), longest), padding, dtype=torch.long)
    mask = torch.zeros((len(encoded), longest), dtype=torch.long)
    labels = torch.full((len(encoded), longest), NOT_LEARNED, dtype=torch.long)
    for row, one in enumerate(encoded):
        size = len(one.tokens)
        tokens = torch.tensor(one.tokens)
        ids[row, :size] = tokens
        mask[row, :size] = 1
        labels[row, one.start : size] = tokens[one.start :]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}
