"""The green list: a keyed share of the vocabulary, another after each context, gets a little likelier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillhunt import ConfigError
from stillhunt_model.marks.following import MarkProcessor, Position
from stillhunt_model.marks.gate import Gate, fitted
from stillhunt_model.marks.hashing import Tokens, context_seeds, numbers_below, token_numbers, vocabulary_numbers

WIDEST = 8
"""Most tokens of a context: a wider one hardly ever comes back in what a student learned."""
STRONGEST = 10.0
"""Largest lift in logits: more than this is no nudge but a choice."""


@dataclass(frozen=True)
class GreenListMark:
    """How a green list marks.

    Attributes:
        gamma: share of the vocabulary that is green.
        delta: what is added to the logits of green tokens, in nats.
    """

    gamma: float = 0.25
    delta: float = 2.0
    width: int = 2

    def __post_init__(self) -> None:
        """Refuse what is no mark.

        Raises:
            ConfigError: a number is out of its range.
        """
        if not (0 < self.gamma < 1 and 0 < self.delta <= STRONGEST and 1 <= self.width <= WIDEST):
            raise ConfigError(
                "this is no green list",
                where=f"gamma {self.gamma}, delta {self.delta}, width {self.width}",
                next_step=f"gamma between 0 and 1, delta up to {STRONGEST:g}, width 1 to {WIDEST}",
            )


class GreenListProcessor(MarkProcessor):
    """Adds to the logits of plain green tokens where the gate is open."""

    def __init__(self, key: bytes, settings: GreenListMark, gate: Gate) -> None:
        super().__init__(key, settings.width, gate)
        self._settings = settings

    def _marked(self, scores: Any, position: Position) -> Any:
        self._count(position.rows)
        size = scores.shape[-1]
        green = numbers_below(vocabulary_numbers(position.seeds, size, scores.device), self._settings.gamma)
        # What is not plain is never made likelier, however implausible it is.
        lifted = green & fitted(self._gate.plain, size, scores.device)
        return scores + self._settings.delta * lifted.to(scores.dtype)


def is_green(key: bytes, contexts: Tokens, tokens: Tokens, settings: GreenListMark) -> npt.NDArray[np.bool_]:
    """Which tokens are in the green list of their context.

    Args:
        contexts: rows x `settings.width` tokens before each.

    Returns:
        A bool for each row; of text that knows nothing of the key, each distinct row is green with a chance of gamma.
    """
    green: npt.NDArray[np.bool_] = numbers_below(token_numbers(context_seeds(key, contexts), tokens), settings.gamma)
    return green
