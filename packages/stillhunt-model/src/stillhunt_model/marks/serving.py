"""The standing mark as a logits processor of transformers, one for each call of `generate`."""

from collections.abc import Sequence
from typing import Any

from transformers import LogitsProcessor

from stillhunt_model.marks.gate import Gate
from stillhunt_model.marks.standing import Layer, MarkedAnswer, mark_answers


class StandingProcessor(LogitsProcessor):  # type: ignore[misc]  # transformers ships no types
    """Marks the answers of one batch after another; a batch begins where tokens do not go on from the last call.

    Args:
        keys: of both layers for each row, as `StandingMarks.keys_of` gives them; one entry is for all rows.
        layers: `StandingMarks.layers`.
        temperature: at which the answers are drawn; the mark acts before it.
    """

    def __init__(
        self, keys: Sequence[Sequence[bytes | None]], layers: Sequence[Layer], gate: Gate, temperature: float = 1.0
    ) -> None:
        self._keys, self._layers, self._gate, self._temperature = keys, layers, gate, temperature
        self._answers: list[MarkedAnswer] = []
        self._ids: Any = None

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Logits with the mark.

        `input_ids`: tokens so far, rows x length.
        """
        return mark_answers(scores, self.follow_answers(input_ids), self._layers, self._gate)

    def follow_answers(self, input_ids: Any) -> list[MarkedAnswer]:
        """The answers so far, one for each row."""
        last, rows = self._ids, len(input_ids)
        goes_on = last is not None and input_ids.shape == (rows, last.shape[1] + 1)
        if goes_on and bool((input_ids[:, :-1] == last).all()):
            for answer, token in zip(self._answers, input_ids[:, -1].tolist(), strict=True):
                answer.tokens.append(token)
        else:
            keys = self._keys if len(self._keys) > 1 else [self._keys[0]] * rows
            self._answers = [MarkedAnswer(one, [], self._temperature) for one in keys[:rows]]
        self._ids = input_ids
        return self._answers
