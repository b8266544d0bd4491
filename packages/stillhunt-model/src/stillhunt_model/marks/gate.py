"""Where marks may act: on choices between plain words, none of which the model is nearly sure of, in running text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch

from stillhunt_model.data_files import read_data
from stillhunt_model.marks.parameters import P
from stillhunt_model.marks.requests import why_unmarked

FACT_WORDS = frozenset(" ".join(read_data("mark_words")["facts"].values()).split())
"""In lower case; of the six languages whose words the rules know."""


SPACES = ("Ġ", "▁", " ")
"""What stands for a space before a word in the tokens of byte-pair encodings and of SentencePiece."""
STOPS = (",", ".")
"""Signs that may stand among plain words: they end a word and are no fact after one."""
LAST_LATIN = "\u024f"
"""The last Latin letter of plain words; number words and negations of other scripts are not known."""


@dataclass(frozen=True)
class Gate:
    """The rules of where marks may act, for one tokenizer.

    Attributes:
        plain: true for tokens that are a plain lower-case word, or a part of one, or a stop.
        starts: true for tokens that begin with a space.
        padding: token that fills rows from the left.
        why_unmarked: why a prompt gets no marks; None where it may get them.
    """

    tokenizer: Any
    pieces: Sequence[str]
    plain: Any
    starts: Any
    padding: int
    sure: float = P.sure
    plausible: float = P.plausible
    unplain: float = P.unplain
    why_unmarked: Callable[[str], str | None] = field(default=why_unmarked)

    def open_by_scores(self, scores: Any, within_plain_word: Any) -> Any:
        """Where the model's choice is between plain words.

        Args:
            within_plain_word: for each row, whether the word so far is plain, so that it may go on.
        """
        shares = torch.softmax(scores.float(), dim=-1)
        plausible = shares >= self.plausible
        size = scores.shape[-1]
        plain, starts = fitted(self.plain, size, scores.device), fitted(self.starts, size, scores.device)
        choice = shares.amax(dim=-1) < self.sure
        only_plain = ~(plausible & ~plain).any(dim=-1) & ((shares * ~plain).sum(dim=-1) < self.unplain)
        new_words = ~(plausible & ~starts).any(dim=-1)
        return choice & only_plain & (new_words | within_plain_word)


def gate_of(tokenizer: Any) -> Gate:
    """The gate for a tokenizer."""
    ids = list(range(len(tokenizer)))
    raw = tokenizer.convert_ids_to_tokens(ids)
    texts = tokenizer.batch_decode([[one] for one in ids])
    special = set(tokenizer.all_special_ids)
    pieces, plain, starts = [], torch.zeros(len(ids), dtype=torch.bool), torch.zeros(len(ids), dtype=torch.bool)
    for place, (token, text) in enumerate(zip(raw, texts, strict=True)):
        begins = bool(token) and token.startswith(SPACES)
        # SentencePiece drops the space of the first token.
        piece = f" {text}" if begins and not text.startswith(" ") else text
        pieces.append("" if place in special else piece)
        starts[place] = piece.startswith(" ") and place not in special
        plain[place] = place not in special and is_plain_piece(piece)
    padding = tokenizer.pad_token_id
    return Gate(tokenizer, pieces, plain, starts, -1 if padding is None else int(padding))


@lru_cache(maxsize=2**17)
def is_plain_piece(piece: str) -> bool:
    """Whether a token is a plain lower-case word, or a part of one, or a stop."""
    word = piece.removeprefix(" ")
    if piece in STOPS:
        return True
    return word.isalpha() and word.islower() and max(word) <= LAST_LATIN and word not in FACT_WORDS


def fitted(mask: Any, size: int, device: Any) -> Any:
    """A mask over a tokenizer's tokens for a model with more rows, whose rest is false."""
    if mask.shape[0] >= size:
        return mask[:size].to(device)
    return torch.nn.functional.pad(mask, (0, size - mask.shape[0])).to(device)
