"""Inherited marks: whether a suspect's own words are greener than chance under the key of a campaign.

"Radioactivity" of marked text in models trained on it (Sander et al. 2024, arXiv 2402.14904). The p-value rests on the
secrecy and chance of the key alone: no model of language is assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import binom, gamma

from stillhunt_model.marks.gate import Gate
from stillhunt_model.marks.green_list import GreenListMark, is_green
from stillhunt_model.marks.gumbel import GumbelMark, gumbel_scores
from stillhunt_model.nets.net import Net
from stillhunt_model.proof.asking import AskedHarvest
from stillhunt_model.proof.distinct_tokens import distinct_tokens
from stillhunt_model.proof.keyed_sums import green_tail, gumbel_tail
from stillhunt_model.proof.reading import preferences
from stillhunt_model.training.pairs import TextPair

LEAST_P = 1e-300
"""Smallest p-value that is stated: below it doubles are no longer exact."""


@dataclass(frozen=True)
class KeyedMark:
    """A mark that is looked for.

    Attributes:
        key: of the campaign's mark.
        settings: with which the answers were marked.
        gate: of the teacher's tokenizer.
    """

    key: bytes = field(repr=False)
    settings: GreenListMark | GumbelMark
    gate: Gate


@dataclass(frozen=True)
class MarkScore:
    """How much of a mark there is in a suspect's words.

    Attributes:
        p: one-sided p-value, valid for a key that the suspect does not know.
        scored: distinct pairs of context and token.
        value: share of green tokens or mean of the Gumbel scores; of a suspect that reads, the part of its preferences
            that goes the way of the key, between -1 and 1.
    """

    p: float
    scored: int
    value: float
    expected: float


def score_mark(asked: AskedHarvest, mark: KeyedMark) -> MarkScore:
    """Test the replies to the beginnings of harvested answers, and to those of control answers."""
    return score_texts(_replies(asked), mark)


def score_texts(replies: Iterable[tuple[str, str, str]], mark: KeyedMark) -> MarkScore:
    """Test texts for a mark.

    Args:
        replies: prompt, beginning, and how the suspect went on.
    """
    key, settings = mark.key, mark.settings
    contexts, tokens = distinct_tokens(mark.gate, replies, settings.width)
    count = len(tokens)
    if isinstance(settings, GreenListMark):
        if not count:
            return MarkScore(1.0, 0, 0.0, settings.gamma)
        green = int(is_green(key, contexts, tokens, settings).sum())
        p = float(binom.sf(green - 1, count, settings.gamma))
        return MarkScore(max(p, LEAST_P), count, green / count, settings.gamma)
    if not count:
        return MarkScore(1.0, 0, 0.0, 1.0)
    total = float(gumbel_scores(key, contexts, tokens).sum())
    return MarkScore(max(float(gamma.sf(total, count)), LEAST_P), count, total / count, 1.0)


def read_mark(suspect: Net, references: Sequence[Net], pairs: Sequence[TextPair], mark: KeyedMark) -> MarkScore:
    """Test what a suspect finds likelier than the references do, in the harvested answers, which it reads.

    Args:
        suspect: a model with the teacher's tokenizer.
        references: the teacher, and other models with its tokenizer that were not trained on the harvest.
    """
    key, settings = mark.key, mark.settings
    contexts, tokens, weights = preferences(suspect, references, pairs, mark.gate, settings.width)
    total = float(np.abs(weights).sum()) or 1.0
    if isinstance(settings, GreenListMark):
        green = is_green(key, contexts, tokens, settings)
        p = green_tail(weights, green, settings.gamma)
        return MarkScore(max(p, LEAST_P), len(tokens), float(weights @ (green - settings.gamma)) / total, 0.0)
    scores = gumbel_scores(key, contexts, tokens)
    p = gumbel_tail(weights, scores)
    return MarkScore(max(p, LEAST_P), len(tokens), float(weights @ (scores - 1)) / total, 0.0)


def _replies(asked: AskedHarvest) -> Iterable[tuple[str, str, str]]:
    for question, reply in zip(asked.questions, asked.replies, strict=True):
        yield asked.answers[question.answer].prompt, question.begun, reply
