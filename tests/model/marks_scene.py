"""A language in which every next word is known: a real model under fixed logits, so that nothing is trained."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from transformers import LogitsProcessor

from stillhunt_model.marks.gate import Gate, gate_of
from stillhunt_model.marks.hashing import mark_key
from stillhunt_model.marks.keys import StandingMarks
from stillhunt_model.nets.net import Net
from stillhunt_model.nets.tiny import TinySize, text_tokenizer, tiny_net
from stillhunt_model.orders.order import account_name

_NOUNS = """river moon stone forest garden window lantern harbour meadow thunder copper velvet walnut ribbon castle
feather hollow saddle marble winter"""
WORDS = tuple(f" {word}" for word in _NOUNS.split())
NUMBERS = (" 7", " 8", " 9")
TEXT = "tell me about" + "".join((*WORDS, *NUMBERS)) * 40 + " Paris said\n" * 20 + "``` code\n" * 20
MARKS = StandingMarks(b"s" * 32, b"p" * 32, {account_name(b"p" * 32, "thief"): "camp-1"})


def key_of(name: str) -> bytes:
    """Some key."""
    return mark_key(bytes(32), name, "test")


@cache
def scene_net() -> Net:
    """A tiny model that never learned anything; its logits are those of `FixedLogits`."""
    return tiny_net(TinySize(width=32, layers=1, heads=2, longest=512), text_tokenizer([TEXT], 420), seed=0)


@cache
def scene_gate() -> Gate:
    """The gate of its tokenizer."""
    return gate_of(scene_net().tokenizer)


def token(piece: str) -> int:
    """The one token of a piece."""
    (found,) = scene_net().tokenizer(piece, add_special_tokens=False)["input_ids"]
    return int(found)


class FixedLogits(LogitsProcessor):  # type: ignore[misc]  # transformers ships no types
    """The logits of a model that always chooses among the same pieces.

    Args:
        pieces: piece -> probability before it is scaled.
    """

    def __init__(self, pieces: dict[str, float]) -> None:
        self.row = torch.full((len(scene_net().tokenizer),), -30.0)
        for piece, share in pieces.items():
            self.row[token(piece)] = torch.log(torch.tensor(share))

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """The same logits for every row."""
        del input_ids
        return self.row.repeat(len(scores), 1)


def of_words(**others: float) -> FixedLogits:
    """Words of unequal shares, and other pieces."""
    return FixedLogits({word: 1.0 + place % 5 for place, word in enumerate(WORDS)} | others)
