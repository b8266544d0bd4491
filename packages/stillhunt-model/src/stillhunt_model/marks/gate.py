"""Where marks may act: on plain lower-case words, which are no number, name, sign or word on which a fact hangs."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from stillhunt_model.data_files import read_data

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
    """The plain words of one tokenizer."""

    tokenizer: Any
    plain: Any  # true for tokens that are a plain lower-case word, or a part of one, or a stop
    starts: Any  # true for tokens that begin with a space
    _moved: dict[Any, tuple[Any, Any]] = field(default_factory=dict, repr=False, compare=False)

    def masks(self, size: int, device: Any) -> tuple[Any, Any]:
        """`plain` and `starts` for a model with so many tokens, where it computes; moved there once."""
        if (size, device) not in self._moved:
            self._moved[size, device] = fitted(self.plain, size, device), fitted(self.starts, size, device)
        return self._moved[size, device]

    def may_follow(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """For each token of a text, whether a mark may have chosen it: a plain word, or a part that goes on with one.

        Nothing stands before the first one.
        """
        known = np.minimum(ids, len(self.plain) - 1)
        plain = self.plain.numpy()[known] & (known == ids)
        follows: npt.NDArray[np.bool_] = plain & (self.starts.numpy()[known] | np.append(True, plain[:-1]))
        return follows

    def ends_plain(self, before: int | None) -> bool:
        """Whether a plain word may go on after a token."""
        return before is None or (before < len(self._plain_list) and self._plain_list[before])

    @cached_property
    def _plain_list(self) -> list[bool]:
        """A list, which is read one by one much faster."""
        listed: list[bool] = self.plain.tolist()
        return listed


def gate_of(tokenizer: Any) -> Gate:
    """The gate for a tokenizer."""
    ids = list(range(len(tokenizer)))
    raw = tokenizer.convert_ids_to_tokens(ids)
    texts = tokenizer.batch_decode([[one] for one in ids])
    special = set(tokenizer.all_special_ids)
    plain, starts = torch.zeros(len(ids), dtype=torch.bool), torch.zeros(len(ids), dtype=torch.bool)
    for place, (token, text) in enumerate(zip(raw, texts, strict=True)):
        begins = bool(token) and token.startswith(SPACES)
        # SentencePiece drops the space of the first token.
        piece = f" {text}" if begins and not text.startswith(" ") else text
        starts[place] = piece.startswith(" ") and place not in special
        plain[place] = place not in special and is_plain_piece(piece)
    return Gate(tokenizer, plain, starts)


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
