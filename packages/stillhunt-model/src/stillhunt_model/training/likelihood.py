"""How likely a local model finds given answers."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from stillhunt_model.nets.net import Net
from stillhunt_model.training.pairs import NOT_LEARNED, EncodedPair, TextPair, collate, encode

BATCH_TOKENS = 8192
"""Tokens that are scored together."""
BATCH_LOGITS = 1 << 26
"""Logits that are held together, 256 MB of them: a large vocabulary leaves room for fewer tokens."""


def answer_logprobs(net: Net, pairs: Sequence[TextPair]) -> list[list[float]]:
    """Log-probability of each token of each answer, given what stands before it.

    Returns one list for each pair: natural logarithms, the end token last.
    """
    encoded = encode(net, pairs)
    found: list[list[float]] = [[] for _ in encoded]
    for places, logits, labels in scored_batches(net, encoded):
        logprobs = torch.log_softmax(logits.float(), dim=-1)
        chosen = logprobs.gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        for row, place in enumerate(places):
            found[place] = chosen[row][labels[row] != NOT_LEARNED].tolist()
    return found


def scored_batches(net: Net, encoded: Sequence[EncodedPair]) -> Iterator[tuple[list[int], Any, Any]]:
    """The model's logits over pairs, batch by batch.

    Yields:
        Places of the batch in `encoded`; logits, batch x tokens x vocabulary, each of the next token; the next tokens,
        with -100 where they are not part of an answer.
    """
    for places, output, labels in model_outputs(net, encoded):
        yield places, output.logits[:, :-1], labels


def model_outputs(
    net: Net, encoded: Sequence[EncodedPair], *, with_states: bool = False
) -> Iterator[tuple[list[int], Any, Any]]:
    """As `scored_batches`, with all that the model gives in place of its logits.

    `with_states`: also the states of all layers, which take memory.
    """
    order = sorted(range(len(encoded)), key=lambda place: (len(encoded[place].tokens), place))
    net.model.eval()
    together = min(BATCH_TOKENS, BATCH_LOGITS // len(net.tokenizer))
    while order:
        size = max(1, together // max(1, len(encoded[order[-1]].tokens)))
        places, order = order[-size:], order[:-size]
        batch = collate([encoded[place] for place in places], net.tokenizer.pad_token_id)
        with torch.no_grad():
            output = net.model(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                output_hidden_states=with_states,
            )
        yield places, output, batch["labels"][:, 1:]
