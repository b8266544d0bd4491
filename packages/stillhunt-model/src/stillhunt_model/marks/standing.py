"""Standing marks: two keys choose among the plain words of every answer, without changing how likely an answer is.

Before a token is drawn, tournaments are held among the plain words that the model may say next (Dathathri et al. 2024,
"Scalable watermarking for identifying large language model outputs", Nature 634): a keyed bit of each word decides, and
a word with bit 1 gains what the others lose. The rounds of two keys alternate: the public one, the same in all answers,
and that of the group of accounts that gets this one. Over all keys each answer is as likely as without the mark, since
a context counts once in an answer. What is no plain word, such as a number or a name, keeps its probability under any
key.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from stillhunt_model.marks.gate import Gate
from stillhunt_model.marks.hashing import Seeds, Tokens, candidate_numbers, context_seed, context_seeds, token_numbers

LIKELIEST_TOKENS = 128
"""Likeliest tokens among which tournaments are held (judgement: the others hold next to nothing of the probability)."""
_LEAST_FACTOR = 1e-6
"""A word that loses against all others gets this part of its probability, not none, so that its logarithm is finite."""


class Layer(NamedTuple):
    """How one of the two keys marks."""

    width: int  # tokens of a context; all of them are of the answer
    rounds: int  # tournaments; each takes one bit of a word's number


@dataclass
class MarkedAnswer:
    """An answer that is being written."""

    keys: Sequence[bytes | None] = field(repr=False)  # of the layers; a layer without a key leaves everything as it is
    tokens: list[int]  # of the answer so far, without the prompt; whoever writes it goes on with this list
    temperature: float = 1.0  # at which it is drawn; at 0 nothing is marked, since nothing is drawn
    seen: tuple[set[int], ...] = ()

    def __post_init__(self) -> None:
        """No context was seen."""
        self.seen = tuple(set() for _ in self.keys)

    @property
    def last(self) -> int | None:
        """The token before the next one."""
        return self.tokens[-1] if self.tokens else None

    def next_seeds(self, layers: Sequence[Layer]) -> list[int | None]:
        """A seed of each layer for the next token; None where its context is too short or came before."""
        seeds: list[int | None] = []
        for layer, key, seen in zip(layers, self.keys, self.seen, strict=True):
            seeds.append(None)
            if key is None or self.temperature <= 0 or len(self.tokens) < layer.width:
                continue
            seed = context_seed(key, self.tokens[-layer.width :])
            if seed not in seen:
                seen.add(seed)
                seeds[-1] = seed
        return seeds


def mark_answers(scores: Any, answers: Sequence[MarkedAnswer], layers: Sequence[Layer], gate: Gate) -> Any:
    """Logits with the mark.

    `scores`: rows x vocabulary, before temperature and nucleus. `answers`: one for each row.
    """
    seeds = [one.next_seeds(layers) for one in answers]
    rows = [row for row, one in enumerate(seeds) if any(seed is not None for seed in one)]
    if not rows:
        return scores
    chosen = torch.tensor(rows, device=scores.device)
    temperature = torch.tensor([[answers[row].temperature] for row in rows], device=scores.device)
    follows = torch.tensor([gate.ends_plain(answers[row].last) for row in rows], device=scores.device)
    kept = scores[chosen].float()
    values, tokens = kept.topk(min(LIKELIEST_TOKENS, kept.shape[-1]), dim=-1)
    open_words = open_candidates(gate, tokens, follows, kept.shape[-1])
    shares = torch.softmax((values / temperature).masked_fill(~open_words, -torch.inf), dim=-1).nan_to_num(0.0)
    bits = []
    for layer, of_layer in enumerate(zip(*(seeds[row] for row in rows), strict=True)):
        numbers = candidate_numbers(np.array([one or 0 for one in of_layer], np.uint64), tokens)
        acts = torch.tensor([[one is not None] for one in of_layer], device=scores.device)
        bits.append([(((numbers >> place) & 1) * acts).float() for place in range(layers[layer].rounds)])
    lifted = torch.zeros_like(kept).scatter(-1, tokens, _hold_tournaments(shares, bits) * temperature * open_words)
    marked = scores.clone()
    marked[chosen] = (kept + lifted).to(scores.dtype)
    return marked


def _hold_tournaments(shares: Any, bits: Sequence[Sequence[Any]]) -> Any:
    """What the rounds of all layers in turn add to the logarithm of each word's probability.

    `shares`: rows x words; those of a row add up to 1. `bits`: layer by layer the rounds, each rows x words; 0
    everywhere where a layer does not act.
    """
    change = torch.zeros_like(shares)
    for place in range(max(map(len, bits))):
        for won in (rounds[place] for rounds in bits if place < len(rounds)):
            factor = (1 + won - (shares * won).sum(-1, keepdim=True)).clamp_min(_LEAST_FACTOR)
            shares = shares * factor
            change += factor.log()
    return change


def open_candidates(gate: Gate, tokens: Any, follows: Any, size: int) -> Any:
    """Which tokens are plain words that may stand next: new ones, or parts that go on with a plain word.

    Args:
        tokens: rows x tokens.
        follows: for each row, whether what stands before is a plain word, or nothing.
        size: tokens that the model knows.
    """
    plain, starts = gate.masks(size, tokens.device)
    return plain[tokens] & (starts[tokens] | follows[:, None])


def mark_bits(key: bytes, contexts: Tokens, tokens: Tokens, rounds: int) -> npt.NDArray[np.bool_]:
    """The bits that a key gives to tokens after their contexts.

    `contexts`: rows x tokens before each. Returns rows x rounds; of text that knows nothing of the key, each bit of
    each distinct row is a coin's toss.
    """
    numbers: Seeds = token_numbers(context_seeds(key, contexts), tokens)
    bits: npt.NDArray[np.bool_] = (numbers[:, None] >> np.arange(rounds, dtype=np.uint64)) & np.uint64(1) == 1
    return bits
