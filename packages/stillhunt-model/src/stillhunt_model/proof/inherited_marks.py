"""Inherited marks: whether a suspect's own words are greener than chance under the key of a campaign.

"Radioactivity" of marked text in models trained on it (Sander et al. 2024, arXiv 2402.14904). The p-value rests on the
secrecy and chance of the key alone: no model of language is assumed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.stats import binom, gamma

from stillhunt_model.marks.gate import Gate, fitted
from stillhunt_model.marks.green_list import GreenListMark, is_green
from stillhunt_model.marks.gumbel import GumbelMark, gumbel_scores
from stillhunt_model.marks.hashing import Tokens
from stillhunt_model.nets.net import Net
from stillhunt_model.proof.asking import AskedHarvest
from stillhunt_model.proof.statistics import Floats, green_tail, gumbel_tail
from stillhunt_model.proof.verdict import SMALLEST_P
from stillhunt_model.training.likelihood import scored_batches
from stillhunt_model.training.pairs import TextPair, encode


def distinct_tokens(gate: Gate, replies: Iterable[tuple[str, str, str]], width: int) -> tuple[Tokens, Tokens]:
    """Distinct pairs of context and token that a suspect wrote, of tokens on which a mark may have acted.

    A context that was shown in the question is left out with whatever followed: what a marked text shows of a context
    says which of its tokens are green. Under the null hypothesis, that the suspect knows nothing of the key, the key's
    numbers of all pairs that remain are independent and uniform.

    Args:
        replies: prompt, beginning, and how the suspect went on.
        width: tokens of a context; all of them are of the answer.

    Returns:
        Contexts, rows x width, and the token after each, sorted.
    """
    found: set[tuple[int, ...]] = set()
    plain = gate.plain.tolist()
    for prompt, begun, reply in replies:
        glue = " " if begun and reply and not reply[0].isspace() else ""
        encoded = gate.tokenizer(begun + glue + reply, add_special_tokens=False, return_offsets_mapping=True)
        ids = encoded["input_ids"]
        # A token that reaches over the edge counts as shown.
        edge = sum(start < len(begun) for start, _ in encoded["offset_mapping"])
        before = gate.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        shown = _collect_context_windows(before, width) | _collect_context_windows(ids[:edge], width)
        for place in range(max(edge, width), len(ids)):
            context = tuple(ids[place - width : place])
            if plain[ids[place]] and context not in shown:
                found.add((*context, ids[place]))
    rows = np.array(sorted(found), dtype=np.int64).reshape(len(found), width + 1)
    return rows[:, :-1], rows[:, -1]


def _collect_context_windows(tokens: list[int], width: int) -> set[tuple[int, ...]]:
    """Contexts that are followed by another token."""
    return {tuple(tokens[place - width : place]) for place in range(width, len(tokens))}


TOKENS_KEPT = 64
"""Tokens of each place that are kept, those whose probability differs most (judgement: they hold nearly all of the
difference, and a large vocabulary fits in memory)."""


def preferences(
    suspect: Net, references: Sequence[Net], pairs: Sequence[TextPair], gate: Gate, width: int
) -> tuple[Tokens, Tokens, Floats]:
    """By how much a suspect finds each token likelier in its context than the references do.

    A place counts only where its context was not seen before in the same text, neither in the prompt nor in the answer:
    what a marked text shows of a context says which of its tokens are green.

    Args:
        references: models with the same tokenizer, at least one; their mean is subtracted.
        gate: of that tokenizer; tokens on which no mark acts are left out.

    Returns:
        Distinct pairs of context (rows x width) and token, sorted, and the weight of each.
    """
    encoded = encode(suspect, pairs)
    weights: dict[tuple[int, ...], float] = defaultdict(float)
    for places, logits, _ in scored_batches(suspect, encoded):
        batch = [encoded[place] for place in places]
        difference = torch.softmax(logits.float(), dim=-1)
        for reference in references:
            # The same pairs make the same batches.
            (_, others, _), *_ = scored_batches(reference, batch)
            difference = difference - torch.softmax(others.float(), dim=-1) / len(references)
        difference = difference * fitted(gate.plain, difference.shape[-1], difference.device)
        largest = difference.abs().topk(min(TOKENS_KEPT, difference.shape[-1]), dim=-1).indices
        for row, one in enumerate(batch):
            seen = {tuple(one.tokens[place - width : place]) for place in range(width, one.start)}
            for place in range(max(one.start, 1) + width, len(one.tokens) - 1):
                context = tuple(one.tokens[place - width : place])
                if context not in seen:
                    seen.add(context)
                    tokens = largest[row, place - 1]
                    for token, weight in zip(tokens.tolist(), difference[row, place - 1, tokens].tolist(), strict=True):
                        weights[*context, token] += weight
    rows = np.array(sorted(weights), dtype=np.int64).reshape(len(weights), width + 1)
    return rows[:, :-1], rows[:, -1], np.array([weights[tuple(row)] for row in rows.tolist()], np.float64)


@dataclass(frozen=True)
class KeyedMark:
    """A mark that is looked for."""

    key: bytes = field(repr=False)
    settings: GreenListMark | GumbelMark
    gate: Gate


@dataclass(frozen=True)
class MarkScore:
    """How much of a mark there is in a suspect's words.

    Attributes:
        p: one-sided p-value, valid for a key that the suspect does not know.
        value: share of green tokens or mean of the Gumbel scores; of a suspect that reads, the part of its preferences
            that goes the way of the key, between -1 and 1.
    """

    p: float
    scored: int
    value: float
    expected: float


def score_mark(asked: AskedHarvest, mark: KeyedMark) -> MarkScore:
    """Test the replies to the beginnings of harvested answers, and to those of control answers."""
    return score_texts(_iterate_asked_replies(asked), mark)


def score_texts(replies: Iterable[tuple[str, str, str]], mark: KeyedMark) -> MarkScore:
    """Test texts for a mark."""
    key, settings = mark.key, mark.settings
    contexts, tokens = distinct_tokens(mark.gate, replies, settings.width)
    count = len(tokens)
    if isinstance(settings, GreenListMark):
        if not count:
            return MarkScore(1.0, 0, 0.0, settings.gamma)
        green = int(is_green(key, contexts, tokens, settings).sum())
        p = float(binom.sf(green - 1, count, settings.gamma))
        return MarkScore(max(p, SMALLEST_P), count, green / count, settings.gamma)
    if not count:
        return MarkScore(1.0, 0, 0.0, 1.0)
    total = float(gumbel_scores(key, contexts, tokens).sum())
    return MarkScore(max(float(gamma.sf(total, count)), SMALLEST_P), count, total / count, 1.0)


def read_mark(suspect: Net, references: Sequence[Net], pairs: Sequence[TextPair], mark: KeyedMark) -> MarkScore:
    """Test what a suspect finds likelier than the references do, in the harvested answers, which it reads.

    Args:
        references: the teacher, and other models with its tokenizer that were not trained on the harvest.
    """
    key, settings = mark.key, mark.settings
    contexts, tokens, weights = preferences(suspect, references, pairs, mark.gate, settings.width)
    total = float(np.abs(weights).sum()) or 1.0
    if isinstance(settings, GreenListMark):
        green = is_green(key, contexts, tokens, settings)
        p = green_tail(weights, green, settings.gamma)
        return MarkScore(max(p, SMALLEST_P), len(tokens), float(weights @ (green - settings.gamma)) / total, 0.0)
    scores = gumbel_scores(key, contexts, tokens)
    p = gumbel_tail(weights, scores)
    return MarkScore(max(p, SMALLEST_P), len(tokens), float(weights @ (scores - 1)) / total, 0.0)


def _iterate_asked_replies(asked: AskedHarvest) -> Iterable[tuple[str, str, str]]:
    for question, reply in zip(asked.questions, asked.replies, strict=True):
        yield asked.answers[question.answer].prompt, question.begun, reply
