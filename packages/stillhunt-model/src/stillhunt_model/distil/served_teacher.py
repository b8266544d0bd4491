"""A teacher of one's own behind a server that speaks the OpenAI API, such as vLLM or llama.cpp."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from stillhunt import InputError
from stillhunt.tools import Progress, formatting
from stillhunt_model.distil.aligned import SpokenToken
from stillhunt_model.endpoints.budget import QueryBudget
from stillhunt_model.endpoints.client import (
    LEAST_LOGPROB,
    Endpoint,
    EndpointClient,
    EndpointError,
    MalformedAnswerError,
    NotServedError,
    first_choice,
)
from stillhunt_model.endpoints.kept_replies import KeptReplies
from stillhunt_model.endpoints.together import ask_together
from stillhunt_model.training.generating import Sampling
from stillhunt_model.training.pairs import TextPair

_END = re.compile(r"</s>|<\|?[\w.-]*(?:end|eot|eos)[\w.-]*\|?>", re.ASCII | re.IGNORECASE)
"""How servers write the token that ends an answer."""


# Nats that a log-probability of a teacher may have (judgement: wider than for a suspect, from whom something is
# concluded; servers round, and write large numbers for tokens that they cut off)
_LEAST_TAUGHT, _MOST_TAUGHT = LEAST_LOGPROB * 10, 0.01
_NO_LOGPROBS = "it gives no log-probabilities"


class _Likely(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None


class _Spoken(_Likely):
    top_logprobs: list[_Likely] = []


class _Logprobs(msgspec.Struct):
    content: list[_Spoken] | None = None


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    logprobs: _Logprobs | None = None


class SpokenAnswer(msgspec.Struct, frozen=True):
    """What a teacher answered."""

    text: str
    tokens: list[SpokenToken]  # empty where the server does not say them, or they do not spell the text


class ServedTeacher:
    """Asks a teacher, and keeps what it answered.

    Args:
        endpoint: where it is.
        name: what it is called in tables.
        kept: file for its answers, so that a run that is resumed asks nothing twice; None for none.
        pause: waits so many seconds between two tries.

    Raises:
        ConfigError: the endpoint cannot be asked so.
        OutputError: the file cannot be read.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        name: str,
        kept: Path | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint, self.name, self._pause = endpoint, name, pause
        self._open_client().close()  # an address that is none is told of at once
        self._kept = None if kept is None else KeptReplies(kept)

    def renamed(self, name: str) -> ServedTeacher:
        """The same teacher under another name."""
        other = copy.copy(self)
        other.name = name
        return other

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the address, a line feed, and the model's name."""
        return hashlib.sha256(f"{self.endpoint.base}\n{self.endpoint.model}".encode()).hexdigest()

    def ask_prompts(
        self, prompts: Sequence[str], sampling: Sampling, top: int, progress: Progress
    ) -> list[SpokenAnswer]:
        """Its answers to prompts.

        Args:
            sampling: most tokens, temperature and seed; the rest is the server's.
            top: likeliest tokens of each place; 0 asks for the text alone.

        Raises:
            InputError: it fails, or gives no log-probabilities; what it answered is kept.
            OutputError: the file cannot be written.
        """
        body = {"max_tokens": sampling.tokens, "temperature": sampling.temperature, "seed": sampling.seed}
        if top:
            body |= {"logprobs": True, "top_logprobs": top}
        keys = [self._hash_request(prompt, body) for prompt in prompts]
        found = {} if self._kept is None else self._kept.found
        missing = [place for place, key in enumerate(keys) if key not in found]
        answers: dict[str, str] = {key: found[key] for key in keys if key in found}
        with progress.stage(f"{self.name} answers", len(prompts), "prompts") as advance:
            advance(len(prompts) - len(missing))

            def arrived(place: int, answer: str) -> None:
                if self._kept is not None:
                    self._kept.keep(keys[missing[place]], answer)
                advance(1)

            asked = [TextPair(prompts[place], "") for place in missing]
            try:
                with closing(self._open_client()) as client:
                    said = ask_together(asked, lambda pair, _: _ask_prompt(client, pair.prompt, body, top), arrived)
            except EndpointError as error:
                raise self._build_teacher_error(error, top) from error
        answers |= {keys[place]: answer for place, answer in zip(missing, said, strict=True)}
        spoken = [_read_kept(answers[key]) for key in keys]
        unlike = sum(top > 0 and not one.tokens for one in spoken)
        if unlike:
            progress.note(
                f"{formatting.plural(unlike, 'answer')} of {self.name} {formatting.verb(unlike, 'is', 'are')} not what "
                "its tokens spell, and teach as text alone"
            )
        return spoken

    def _open_client(self) -> EndpointClient:
        return EndpointClient(self.endpoint, QueryBudget.without_end(), self._pause)

    def _hash_request(self, prompt: str, body: dict[str, float]) -> str:
        about = json.dumps([self.fingerprint, prompt, body], sort_keys=True)
        return hashlib.blake2b(about.encode(), digest_size=16).hexdigest()

    def _build_teacher_error(self, error: EndpointError, top: int) -> InputError:
        keeps = "what it answered is kept" if self._kept is not None else "nothing is kept without a work folder"
        step = "see that the address and the model's name are right and that it runs, and run the same again"
        if top and (_NO_LOGPROBS in error.reason or isinstance(error, NotServedError)):
            step = f"see that it serves chat completions with top_logprobs of {top}, or learn from its answers alone"
        return InputError(
            f"the teacher cannot be asked: {error.reason}",
            where=self.endpoint.base,
            next_step=f"{step}; {keeps}",
            command_step=f"{step.replace('learn from its answers alone', 'use --method sequence')}; {keeps}"
            + (", go on with --resume" if self._kept is not None else " (--checkpoints)"),
        )


def _ask_prompt(client: EndpointClient, prompt: str, body: dict[str, float], top: int) -> str:
    sent = {"messages": [{"role": "user", "content": prompt}], **body}
    return client.post("chat/completions", sent, lambda content: _kept_answer(content, with_tokens=top > 0))


def _kept_answer(content: bytes, *, with_tokens: bool) -> str:
    """The answer as it is kept.

    Raises MalformedAnswerError: it is no chat completion, or has no log-probabilities where there should be some.
    """
    choice = first_choice(content, _Choice)
    text, said = choice.message.content or "", choice.logprobs
    if with_tokens and (said is None or said.content is None or not all(one.top_logprobs for one in said.content)):
        raise MalformedAnswerError(_NO_LOGPROBS)
    spoken = said.content if with_tokens and said is not None and said.content is not None else []
    if any(not _LEAST_TAUGHT <= log.logprob <= _MOST_TAUGHT for one in spoken for log in one.top_logprobs):
        raise MalformedAnswerError("it lies about its log-probabilities")
    tokens = [[_text_of(one), [[_text_of(other), other.logprob] for other in one.top_logprobs]] for one in spoken]
    return json.dumps([text, tokens])


def _text_of(token: _Likely) -> str:
    """The bytes of a token as a text with one sign for each byte; empty for the end."""
    if _END.fullmatch(token.token):
        return ""
    if token.bytes is not None and all(0 <= one < 256 for one in token.bytes):
        return bytes(token.bytes).decode("latin-1")
    return token.token.encode("utf-8", "replace").decode("latin-1")


def _read_kept(kept: str) -> SpokenAnswer:
    text, tokens = json.loads(kept)
    spoken = [
        SpokenToken(said.encode("latin-1"), tuple((other.encode("latin-1"), log) for other, log in likeliest))
        for said, likeliest in tokens
    ]
    spells = b"".join(one.text for one in spoken) == text.encode("utf-8", "replace")
    return SpokenAnswer(text, spoken if spells else [])
