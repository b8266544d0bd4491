"""A language model with its tokenizer, and how a prompt is put before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stillhunt_model.nets.chat_frame import frame_of


@dataclass(frozen=True)
class Net:
    """A causal language model that runs here.

    Attributes:
        model: a causal language model of transformers.
        tokenizer: its tokenizer, a fast one of transformers, with an end and a padding token.
        name: what it is called in tables and messages.
    """

    model: Any
    tokenizer: Any
    name: str

    @property
    def parameters(self) -> int:
        """Number of parameters; tied ones count once."""
        return sum(one.numel() for one in self.model.parameters())

    @property
    def longest(self) -> int:
        """Most tokens of prompt and answer together."""
        return int(getattr(self.model.config, "max_position_embeddings", 2048))


def prompt_ids(net: Net, prompts: Sequence[str]) -> list[list[int]]:
    """Tokens of prompts as the model takes them: by its chat template, or as lines where it has none.

    Raises:
        InputError: the chat template cannot be used.
    """
    frame = frame_of(net.tokenizer, net.name)
    return plain_ids(net, [f"{prompt}\n" if frame is None else frame.around(prompt) for prompt in prompts])


def plain_ids(net: Net, texts: Sequence[str]) -> list[list[int]]:
    """Tokens of texts, without any that the tokenizer would add."""
    if not texts:
        return []
    return [list(ids) for ids in net.tokenizer(list(texts), add_special_tokens=False)["input_ids"]]
