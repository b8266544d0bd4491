"""The Gumbel mark: the key draws the token, with the model's own probabilities (Aaronson 2022, Kuditipudi et al. 2023).

Over all keys each answer is as likely as without the mark. Each distinct context of an answer is marked once; where it
comes back, the token is drawn as without the mark, since the same numbers again would repeat what was said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from stillhunt import ConfigError
from stillhunt_model.marks.following import MarkProcessor, Position
from stillhunt_model.marks.gate import Gate
from stillhunt_model.marks.green_list import WIDEST
from stillhunt_model.marks.hashing import Tokens, context_seeds, token_numbers, unit_numbers, vocabulary_numbers


@dataclass(frozen=True)
class GumbelMark:
    """How the Gumbel mark draws.

    Attributes:
        temperature: that of the answers; the mark draws under it itself.
        top_p: nucleus of the answers, likewise.
    """

    width: int = 4
    temperature: float = 1.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is no mark.

        Raises:
            ConfigError: a number is out of its range.
        """
        if not (1 <= self.width <= WIDEST and 0 < self.temperature <= 10 and 0 < self.top_p <= 1):
            raise ConfigError(
                "this is no Gumbel mark",
                where=f"width {self.width}, temperature {self.temperature}, top_p {self.top_p}",
                next_step=f"width 1 to {WIDEST}, a temperature above 0, top_p above 0 and up to 1",
            )


class GumbelProcessor(MarkProcessor):
    """Leaves one token where the gate is open and the context is new: the one that the key draws."""

    def __init__(self, key: bytes, settings: GumbelMark, gate: Gate) -> None:
        super().__init__(key, settings.width, gate)
        self._settings = settings

    def _marked(self, scores: Any, position: Position) -> Any:
        seeds = position.seeds.tolist()
        new = [seed not in self._seen[row] for row, seed in zip(position.rows.tolist(), seeds, strict=True)]
        for row, seed in zip(position.rows.tolist(), seeds, strict=True):
            self._seen[row].add(seed)
        self._count(position.rows[np.array(new, dtype=bool)])
        logs = nucleus(torch.log_softmax(scores.double() / self._settings.temperature, dim=-1), self._settings.top_p)
        unit = unit_numbers(vocabulary_numbers(position.seeds, scores.shape[-1], scores.device))
        # argmax of u^(1/p) is argmax of log p - log(-log u): Gumbel noise made of the key.
        drawn = (logs - torch.log(-torch.log(unit))).argmax(dim=-1, keepdim=True)
        alone = torch.full_like(scores, -torch.inf).scatter(-1, drawn, 0.0)
        return torch.where(torch.tensor(new, device=scores.device)[:, None], alone, scores)


def nucleus(logs: Any, top_p: float) -> Any:
    """Log-probabilities without what is outside of the nucleus.

    Args:
        top_p: the likeliest tokens that reach this share together are kept, as transformers keeps them.
    """
    if top_p >= 1:
        return logs
    ordered, places = torch.sort(logs, descending=False)
    dropped = ordered.exp().cumsum(dim=-1) <= 1 - top_p
    dropped[..., -1] = False
    return logs.masked_fill(dropped.scatter(-1, places, dropped), -torch.inf)


def gumbel_scores(key: bytes, contexts: Tokens, tokens: Tokens) -> npt.NDArray[np.float64]:
    """How much each token is what the key would have drawn.

    Args:
        contexts: rows x tokens before each.

    Returns:
        -log(1 - u) for each row; of text that knows nothing of the key, each distinct row is exponential with mean 1.
    """
    unit = unit_numbers(token_numbers(context_seeds(key, contexts), tokens))
    scores: npt.NDArray[np.float64] = -np.log1p(-unit)
    return scores
