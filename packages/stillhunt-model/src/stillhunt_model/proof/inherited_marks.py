"""Inherited marks: whether a suspect's own words go the way of a campaign's key more often than by chance.

"Radioactivity" of marked text in models trained on it (Sander et al. 2024, arXiv 2402.14904). The p-value rests on the
secrecy and chance of the key alone: no model of language is assumed. What the teacher expects only takes noise out.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch

from stillhunt_model.marks.detecting import SMALLEST_P, KeyedMark, MarkScore
from stillhunt_model.marks.gate import Gate, fitted
from stillhunt_model.marks.hashing import Tokens
from stillhunt_model.marks.standing import mark_bits
from stillhunt_model.nets.net import Net, prompt_ids
from stillhunt_model.proof.statistics import Floats, coin_tail
from stillhunt_model.training.likelihood import scored_batches
from stillhunt_model.training.pairs import TextPair, encode

TOKENS_KEPT = 64
"""Tokens of each place that are kept, those whose probability differs most (judgement: they hold nearly all of the
difference, and a large vocabulary fits in memory)."""
_TOKENS_HEARD = 8
"""The same for replies, of which there are many more places (judgement)."""


def preferences(
    suspect: Net | None, references: Sequence[Net], pairs: Sequence[TextPair], gate: Gate, width: int
) -> tuple[Tokens, Tokens, Floats]:
    """By how much a suspect finds each token likelier in its context than the references do, or says it more often.

    A place counts only where its context was not seen before in the same text, neither in the prompt nor in the answer:
    what a marked text shows of a context says which of its tokens are green.

    Args:
        suspect: who reads; None where it said the answers itself and nothing else of it is known.
        references: models with the same tokenizer, at least one; their mean is subtracted.
        gate: of that tokenizer; tokens on which no mark acts are left out.

    Returns:
        Distinct pairs of context (rows x width) and token, sorted, and the weight of each.
    """
    first = suspect or references[0]
    encoded, kept = encode(first, pairs), TOKENS_KEPT if suspect else _TOKENS_HEARD
    weights: dict[tuple[int, ...], float] = defaultdict(float)
    for places, logits, labels in scored_batches(first, encoded):
        batch = [encoded[place] for place in places]
        difference = torch.softmax(logits.float(), dim=-1)
        if suspect is None:
            said = torch.nn.functional.one_hot(labels.clamp(min=0), difference.shape[-1])
            difference = said - difference / len(references)
        for reference in references if suspect else references[1:]:
            # The same pairs make the same batches.
            (_, others, _), *_ = scored_batches(reference, batch)
            difference = difference - torch.softmax(others.float(), dim=-1) / len(references)
        difference = difference * fitted(gate.plain, difference.shape[-1], difference.device)
        largest = difference.abs().topk(min(kept, difference.shape[-1]), dim=-1).indices
        # The whole prompt: a suspect may repeat what the references are too short to read.
        whole = prompt_ids(first, [pairs[place].prompt for place in places])
        for row, (one, prompt) in enumerate(zip(batch, whole, strict=True)):
            seen = {tuple(prompt[place - width : place]) for place in range(width, len(prompt))}
            for place in range(max(one.start, 1) + width, len(one.tokens) - 1):
                context = tuple(one.tokens[place - width : place])
                if context not in seen:
                    seen.add(context)
                    tokens = largest[row, place - 1]
                    for token, weight in zip(tokens.tolist(), difference[row, place - 1, tokens].tolist(), strict=True):
                        weights[*context, token] += weight
    rows = np.array(sorted(weights), dtype=np.int64).reshape(len(weights), width + 1)
    return rows[:, :-1], rows[:, -1], np.array([weights[tuple(row)] for row in rows.tolist()], np.float64)


def read_mark(suspect: Net | None, references: Sequence[Net], pairs: Sequence[TextPair], mark: KeyedMark) -> MarkScore:
    """Test what a suspect finds likelier, or says more often, than the references expect.

    Args:
        suspect: lets it read the harvested answers; None where the answers are what it said itself.
        references: the teacher, and other models with its tokenizer that were not trained on the harvest.
    """
    return score_weights(*preferences(suspect, references, pairs, mark.gate, mark.layer.width), mark)


def score_weights(contexts: Tokens, tokens: Tokens, weights: Floats, mark: KeyedMark) -> MarkScore:
    """Test what `preferences` gives for a mark."""
    bits = mark_bits(mark.key, contexts, tokens, mark.layer.rounds)
    every = np.repeat(weights, mark.layer.rounds)
    total = float(np.abs(every).sum()) or 1.0
    p = coin_tail(every, bits.ravel())
    return MarkScore(max(p, SMALLEST_P), len(tokens), float(every @ (bits.ravel() - 0.5)) / total, 0.0)
