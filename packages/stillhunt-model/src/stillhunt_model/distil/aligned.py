"""What a teacher finds likely, in the tokens of a student: also where theirs are other tokens.

Where a token of the teacher and one of the student begin at the same byte of an answer, and the teacher's begins with
the student's, the teacher's likeliest tokens become those of the student with which they begin. At all other places the
student learns the answer itself. With the same tokenizer all places are of the first kind.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from stillhunt_model.distil.top_logits import LEAST_LOG, TopLogits, bound_to
from stillhunt_model.nets.net import Net
from stillhunt_model.nets.token_bytes import read_token_bytes
from stillhunt_model.training.likelihood import scored_batches
from stillhunt_model.training.pairs import NOT_LEARNED, EncodedPair, TextPair, encode


@dataclass(frozen=True)
class SpokenToken:
    """One token that a teacher said, and what else it might have said there."""

    text: bytes  # empty for the end
    likeliest: tuple[tuple[bytes, float], ...]  # bytes and natural logarithm of the probability of each


def spoken_by_net(teacher: Net, pairs: Sequence[TextPair], top: int) -> list[list[SpokenToken]]:
    """What a teacher that runs here finds of answers, the end included.

    `top`: likeliest tokens at each place.
    """
    written, encoded = read_token_bytes(teacher.tokenizer), encode(teacher, pairs)
    spoken: list[list[SpokenToken]] = [[] for _ in encoded]
    for places, logits, labels in scored_batches(teacher, encoded):
        for row, place in enumerate(places):
            here = torch.log_softmax(logits[row][labels[row] != NOT_LEARNED][:, : len(written)].float(), dim=-1)
            best = here.topk(min(top, len(written)), dim=-1)
            said = encoded[place].tokens[encoded[place].start :]
            for token, ids, logs in zip(said, best.indices.tolist(), best.values.tolist(), strict=True):
                likeliest = tuple((written[one], log) for one, log in zip(ids, logs, strict=True))
                spoken[place].append(SpokenToken(written[token], likeliest))
    return spoken


def aligned_top_logits(
    student: Net, encoded: Sequence[EncodedPair], spoken: Sequence[Sequence[SpokenToken]], top: int
) -> TopLogits:
    """What a teacher said, as the student is to learn it.

    Args:
        encoded: answers in the student's tokens.
        spoken: the same answers in the teacher's, without what came after them.
        top: most tokens of each place.

    Returns:
        Tokens and logarithms for the forward divergence at temperature 1 alone: places that are filled up have a
        logarithm that adds nothing to it.
    """
    own = _OwnTokens(student)
    rows: list[list[tuple[int, float]]] = []
    starts = [0]
    for one, said in zip(encoded, spoken, strict=True):
        learned = one.tokens[one.start :]
        rows += _align_one_answer(own, learned, said)
        starts.append(starts[-1] + len(learned))
    wide = max(1, min(top, max(map(len, rows), default=1)))
    ids, logs, rest = [], [], []
    for row in rows:
        kept = sorted(row, key=lambda pair: -pair[1])[:wide]
        left = 1 - math.fsum(math.exp(log) for _, log in kept)
        rest.append(max(LEAST_LOG, math.log(left)) if left > 0 else LEAST_LOG)
        filled = kept + [(kept[0][0], LEAST_LOG)] * (wide - len(kept))
        ids.append([token for token, _ in filled])
        logs.append([log for _, log in filled])
    return TopLogits(
        torch.tensor(ids, dtype=torch.int32).reshape(-1, wide),
        torch.tensor(logs, dtype=torch.float16).reshape(-1, wide),
        torch.tensor(rest, dtype=torch.float32),
        torch.tensor(starts),
        1.0,
        bound_to(encoded),
    )


class _OwnTokens:
    """The student's tokens by their bytes."""

    def __init__(self, student: Net) -> None:
        self.written = read_token_bytes(student.tokenizer)
        self.end = int(student.tokenizer.eos_token_id)
        self._places = {text: place for place, text in reversed(list(enumerate(self.written))) if text}
        self._longest = max(map(len, self._places), default=0)

    def first_of(self, text: bytes) -> int | None:
        """The longest token with which a text begins; the end for an empty text, None where there is none."""
        if not text:
            return self.end
        found = (self._places.get(text[:size]) for size in range(min(len(text), self._longest), 0, -1))
        return next((one for one in found if one is not None), None)


def _align_one_answer(
    own: _OwnTokens, learned: Sequence[int], said: Sequence[SpokenToken]
) -> list[list[tuple[int, float]]]:
    """For each learned token what the teacher would say, or the token itself."""
    begins: dict[int, SpokenToken] = {}
    at = 0
    for one in said:
        begins.setdefault(at, one)  # the first at a byte: the end begins there, too
        if one.text:
            begins[at] = one
        at += len(one.text)
    rows, at = [], 0
    for token in learned:
        there = begins.get(at)
        rows.append([(token, 0.0)])
        if there is not None and own.first_of(there.text) == token:
            found: dict[int, float] = {}
            for text, log in there.likeliest:
                first = own.first_of(text)
                if first is not None:
                    found[first] = found.get(first, 0.0) + math.exp(log)
            rows[-1] = [(one, math.log(share)) for one, share in found.items() if share > 0] or rows[-1]
        at += len(own.written[token])
    return rows
