"""What an endpoint answers, read as hostile: a typed form, nothing of it in messages."""

from __future__ import annotations

from itertools import pairwise

import msgspec

from stillhunt import InputError

_ROUNDING = 1e-6
"""A log-probability may be so much above 0."""
LEAST_LOGPROB = -1e4
"""Nats; servers that cut off write -9,999, and sums of much smaller numbers overflow (judgement)."""


class EndpointError(InputError):
    """An endpoint cannot be reached, refuses, or does not answer as its API says."""

    def __init__(self, what: str, where: str = "") -> None:
        self.reason = what
        super().__init__(
            f"the endpoint cannot be asked: {what}",
            where=where,
            next_step="see that the address and the model's name are right; to ask again takes another place in the "
            "register",
        )


class MalformedAnswerError(EndpointError):
    """An answer that is not of the form that was asked for."""


class _Logprobs(msgspec.Struct):
    token_logprobs: list[float | None] = []
    text_offset: list[int] = []


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    text: str | None = None
    message: _Message | None = None
    logprobs: _Logprobs | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice]


def completion_text(content: bytes) -> str:
    """The text of a completion; empty where there is none.

    Raises:
        MalformedAnswerError: it is no completion.
    """
    return _first_choice(content).text or ""


def chat_text(content: bytes) -> str:
    """The text of a chat completion; empty where there is none, as after a refusal or a call of a tool.

    Raises:
        MalformedAnswerError: it is no chat completion.
    """
    message = _first_choice(content).message
    if message is None:
        raise MalformedAnswerError("its answer has no message")
    return message.content or ""


def echoed_logprobs(content: bytes, before: str, answer: str) -> list[float]:
    """Log-probability of each token of an answer, from a completion that repeats what was sent.

    Args:
        before: what stood before the answer.
        answer: the answer that was to be scored.

    Returns:
        Natural logarithms of the tokens that begin within the answer.

    Raises:
        MalformedAnswerError: it does not repeat the text, or the numbers are no log-probabilities of it.
    """
    choice = _first_choice(content)
    whole, found = before + answer, choice.logprobs
    if found is None or not (choice.text or "").startswith(whole):
        raise MalformedAnswerError("it does not repeat the text with log-probabilities")
    offsets, values = found.text_offset, found.token_logprobs
    if len(offsets) != len(values) or len(offsets) > 4 * len(whole) + 8 or any(a > b for a, b in pairwise(offsets)):
        raise MalformedAnswerError("its log-probabilities are not those of the text")
    own = [value for offset, value in zip(offsets, values, strict=True) if len(before) <= offset < len(whole)]
    if not own or None in own:
        raise MalformedAnswerError("its log-probabilities are not those of the text")
    sound = [min(value, 0.0) for value in own if value is not None and LEAST_LOGPROB <= value <= _ROUNDING]
    if len(sound) != len(own):
        raise MalformedAnswerError(
            f"it lies about its log-probabilities: one is no number from {LEAST_LOGPROB:,.0f} to 0"
        )
    return sound


def _first_choice(content: bytes) -> _Choice:
    try:
        choices = msgspec.json.decode(content, type=_Answer).choices
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise MalformedAnswerError("its answer is not of the form of the OpenAI API") from error
    if not choices:
        raise MalformedAnswerError("its answer has no choice")
    return choices[0]
