"""Looking for marks in texts: distinct words in their contexts, and the chance that a key favours so many of them.

The p-value rests on the secrecy and chance of the key alone: no model of language is assumed. Each pair of context and
word counts once, however often it comes, since a second time it says nothing new of the key.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import binom

from stillhunt_model.marks.gate import Gate
from stillhunt_model.marks.hashing import Tokens
from stillhunt_model.marks.standing import Layer, mark_bits, open_candidates
from stillhunt_model.nets.net import Net
from stillhunt_model.training.likelihood import scored_batches
from stillhunt_model.training.pairs import EncodedPair

SMALLEST_P = 1e-300
"""A p-value that is computed as smaller, or as 0, is given as this."""
LEAST_CHOICE = 0.3
"""Chance that two draws among the plain words differ, from which a place is scored where a model says so (measured:
benchmarks/model/standing_marks.py; below it a mark hardly moves anything)."""
Choices = Callable[[Sequence[list[int]]], list[npt.NDArray[np.bool_]]]
"""Tokens of texts -> for each token whether there was a choice among plain words."""
_TEXTS_AT_ONCE = 16
"""Texts that are divided into tokens at a time, which take some 230 bytes each (measured)."""


@dataclass(frozen=True)
class KeyedMark:
    """A mark that is looked for."""

    key: bytes = field(repr=False)
    layer: Layer
    gate: Gate


@dataclass(frozen=True)
class MarkScore:
    """How much of a mark there is."""

    p: float  # one-sided p-value, valid for a key that whoever wrote the texts does not know
    scored: int  # distinct pairs of context and word
    # share of bits that are 1; of a suspect that reads, the part of its preferences that goes the way of the key,
    # between -1 and 1
    value: float
    expected: float = 0.5  # what chance gives


def distinct_tokens(
    gate: Gate, replies: Iterable[tuple[str, str, str]], width: int, choices: Choices | None = None
) -> tuple[Tokens, Tokens]:
    """Distinct pairs of context and word, of words that a mark may have chosen.

    A context that was shown in the question is left out with whatever followed: what a marked text shows of a context
    says which of its words the key favours. Of all others the key's bits are independent coin tosses to whoever does
    not know the key.

    Args:
        replies: prompt, beginning, and how it was gone on with; for a text alone, two empty ones before it.
        width: tokens of a context; all of them are of the answer.
        choices: the entropy gate: what tells where there was a choice; None counts all places.

    Returns:
        Contexts, rows x width, and the word after each, sorted.
    """
    asked, parts = list(replies), [np.zeros((0, width + 1), np.int64)]
    for first in range(0, len(asked), _TEXTS_AT_ONCE):
        places = _collect_open_places(gate, asked[first : first + _TEXTS_AT_ONCE], width, choices)
        parts.append(np.unique(np.concatenate(places), axis=0))
    rows = np.unique(np.concatenate(parts), axis=0)
    return rows[:, :-1], rows[:, -1]


def _collect_open_places(
    gate: Gate, asked: Sequence[tuple[str, str, str]], width: int, choices: Choices | None
) -> list[Tokens]:
    """Of each reply the places that count: rows of a context and the word after it."""
    joined = [begun + (" " if begun and reply and not reply[0].isspace() else "") + reply for _, begun, reply in asked]
    encoded = gate.tokenizer(joined, add_special_tokens=False, return_offsets_mapping=True)
    texts, offsets = encoded["input_ids"], encoded["offset_mapping"]
    had_choice = choices(texts) if choices is not None else [np.ones(len(ids), bool) for ids in texts]
    found = []
    for (prompt, begun, _), ids, spans, chosen in zip(asked, texts, offsets, had_choice, strict=True):
        if len(ids) <= width:
            continue
        # A token that reaches over the edge counts as shown.
        edge = sum(start < len(begun) for start, _ in spans) if begun else 0
        before = gate.tokenizer(prompt, add_special_tokens=False)["input_ids"] if prompt else []
        shown = _collect_context_windows(before, width) | _collect_context_windows(ids[:edge], width)
        tokens = np.array(ids, np.int64)
        counts = (chosen & gate.may_follow(tokens))[width:]
        counts[: max(edge - width, 0)] = False
        rows = np.lib.stride_tricks.sliding_window_view(tokens, width + 1)[counts]
        found.append(rows[[tuple(row[:-1]) not in shown for row in rows.tolist()]] if shown else rows)
    return [np.zeros((0, width + 1), np.int64), *found]


def _collect_context_windows(tokens: list[int], width: int) -> set[tuple[int, ...]]:
    """Contexts that are followed by another token."""
    return {tuple(tokens[place - width : place]) for place in range(width, len(tokens))}


def score_texts(replies: Iterable[tuple[str, str, str]], mark: KeyedMark, choices: Choices | None = None) -> MarkScore:
    """Test texts for a mark; arguments as of `distinct_tokens`."""
    return score_tokens(*distinct_tokens(mark.gate, replies, mark.layer.width, choices), mark.key, mark.layer)


def score_tokens(contexts: Tokens, tokens: Tokens, key: bytes, layer: Layer) -> MarkScore:
    """Test distinct pairs of context and word for a mark."""
    tosses = len(tokens) * layer.rounds
    if not tosses:
        return MarkScore(1.0, 0, 0.5)
    won = int(mark_bits(key, contexts, tokens, layer.rounds).sum())
    return MarkScore(max(float(binom.sf(won - 1, tosses, 0.5)), SMALLEST_P), len(tokens), won / tosses)


def choices_by(net: Net, gate: Gate) -> Choices:
    """The entropy gate of a model with the tokenizer of the texts: where it finds several plain words likely."""

    def tell_choices(texts: Sequence[list[int]]) -> list[npt.NDArray[np.bool_]]:
        end, size = net.tokenizer.eos_token_id, net.longest
        pieces = [(row, at) for row, ids in enumerate(texts) for at in range(0, len(ids), size - 1)]
        encoded = [EncodedPair([end, *texts[row][at : at + size - 1]], 1) for row, at in pieces]
        found = [np.zeros(len(ids), bool) for ids in texts]
        for places, logits, _ in scored_batches(net, encoded):
            for row, place in enumerate(places):
                ids, (text, at) = torch.tensor(encoded[place].tokens), pieces[place]
                shares = torch.softmax(logits[row, : len(ids) - 1].float(), dim=-1)
                follows = gate.plain[ids[:-1].clamp(max=len(gate.plain) - 1)]
                every = torch.arange(shares.shape[-1])[None, :]
                open_shares = shares * open_candidates(gate, every.expand_as(shares), follows, shares.shape[-1])
                total = open_shares.sum(-1)
                choice = 1 - (open_shares**2).sum(-1) / total.clamp_min(1e-9) ** 2
                found[text][at : at + len(ids) - 1] = ((choice >= LEAST_CHOICE) & (total >= LEAST_CHOICE)).numpy()
        return found

    return tell_choices
