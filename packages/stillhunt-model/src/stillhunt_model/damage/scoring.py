"""How well a student knows given answers: their loss, and whether it would give them exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stillhunt_model.nets.net import Net
from stillhunt_model.training.likelihood import scored_batches
from stillhunt_model.training.pairs import NOT_LEARNED, TextPair, encode

# bytes: longest answer of which it is counted whether a student gives it exactly (longer answers have many right forms)
_SHORT_ANSWER = 48


@dataclass(frozen=True)
class AnswerScores:
    """One number for each answer.

    Attributes:
        nats: negative log-likelihood, summed over the tokens of the answer and its end.
        bytes: bytes of the answer, as far as it was not cut, and one for its end.
        short: whether it is short and whole, so that giving it exactly can be asked for.
        exact: whether the likeliest token is the right one everywhere: the student, asked without chance, gives it.
    """

    nats: list[float]
    tokens: list[int]
    bytes: list[int]
    short: list[bool]
    exact: list[bool]


def score_answers(net: Net, pairs: Sequence[TextPair]) -> AnswerScores:
    """Ask a student for the likelihood of answers."""
    encoded = encode(net, pairs)
    nats, exact = [0.0] * len(encoded), [False] * len(encoded)
    for places, logits, labels in scored_batches(net, encoded):
        learned = labels != NOT_LEARNED
        wanted = labels.clamp(min=0).unsqueeze(-1)
        losses = logits.float().logsumexp(dim=-1) - logits.float().gather(-1, wanted).squeeze(-1)
        sums = (losses * learned).sum(dim=-1).tolist()
        right = ((logits.argmax(dim=-1) == labels) | ~learned).all(dim=-1).tolist()
        for row, place in enumerate(places):
            nats[place], exact[place] = sums[row], right[row]
    end = net.tokenizer.eos_token_id
    sizes, short = [], []
    for one, pair in zip(encoded, pairs, strict=True):
        whole = one.tokens[-1:] == [end]
        text = pair.answer if whole else net.tokenizer.decode(one.tokens[one.start :])
        sizes.append(len(text.encode("utf-8", "surrogatepass")) + 1)
        short.append(whole and sizes[-1] <= _SHORT_ANSWER + 1)
    return AnswerScores(nats, [one.learned for one in encoded], sizes, short, exact)
