"""A suspect behind an endpoint that speaks the OpenAI API: completions where they are served, else chat completions."""

import hashlib
import math
import time
from collections.abc import Callable, Sequence

from stillhunt_model.endpoints.budget import QueryBudget
from stillhunt_model.endpoints.client import (
    Endpoint,
    EndpointClient,
    EndpointError,
    FilteredAnswerError,
    NotServedError,
    chat_text,
    completion_text,
    echoed_logprobs,
)
from stillhunt_model.endpoints.together import ask_together
from stillhunt_model.proof.suspects import Arrived, ArrivedScore
from stillhunt_model.training.pairs import TextPair

_PROBE = TextPair("The days of the week are", "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday.")
_SAME = 0.05
"""Nats by which the mean score of one text may differ between two queries: servers add floats in another order."""
_TOKEN_CHARS = 256
"""Characters of one token; the longest of known vocabularies have 128."""


class EndpointSuspect:
    """A suspect behind an endpoint; nothing is asked before the first answer is wanted.

    Raises ConfigError: the endpoint cannot be asked so.
    """

    scores_end = False

    def __init__(self, endpoint: Endpoint, budget: QueryBudget, pause: Callable[[float], None] = time.sleep) -> None:
        self.endpoint, self.budget = endpoint, budget
        self._client = EndpointClient(endpoint, budget, pause)
        self._completes: bool | None = None
        self._scores: bool | None = None

    @property
    def name(self) -> str:
        """Model and address."""
        return f"{self.endpoint.model} at {self.endpoint.base}"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the address, a line feed, and the model's name."""
        return hashlib.sha256(f"{self.endpoint.base}\n{self.endpoint.model}".encode()).hexdigest()

    @property
    def asked(self) -> int:
        """Requests that were sent."""
        return self.budget.used

    @property
    def can_score(self) -> bool:
        """Whether it says how likely it finds a given text; two queries tell."""
        if self._scores is None:
            try:
                first, second = (self._request_logprobs(_PROBE, probe=True) for _ in range(2))
            except EndpointError:
                self._scores = False
                return False
            # One text has one score, and its tokens are not all equally likely.
            far = abs(math.fsum(first) / len(first) - math.fsum(second) / len(second))
            self._scores = len(first) == len(second) and far <= _SAME and min(first) < max(first)
        return self._scores

    def reach(self) -> None:
        """As `Suspect.reach`."""
        if self._completes is None:
            self.answer([_PROBE.prompt], 1, temperature=0.0)

    def answer(
        self,
        prompts: Sequence[str],
        tokens: int,
        *,
        temperature: float = 1.0,
        seed: int = 0,
        arrived: Arrived | None = None,
    ) -> list[str]:
        """As `Suspect.answer`; arguments are those. What a filter of the endpoint refuses or cuts is empty."""
        pairs = [TextPair(prompt, "") for prompt in prompts]
        self.budget.check(len(pairs))

        def ask(pair: TextPair, sent: int) -> str:
            drawn = {"max_tokens": tokens, "temperature": temperature, "seed": (seed + sent) % (1 << 31)}
            try:
                return self._request_drawn_answer(pair.prompt, drawn)[: _TOKEN_CHARS * tokens]
            except FilteredAnswerError:
                return ""

        return ask_together(pairs, ask, arrived)

    def score(self, pairs: Sequence[TextPair], arrived: ArrivedScore | None = None) -> list[list[float]]:
        """As `Suspect.score`; arguments are those. What a filter of the endpoint refuses has no values."""
        if not self.can_score:
            raise EndpointError("it does not say how likely it finds a given text", self.endpoint.base)
        self.budget.check(len(pairs))

        def ask(pair: TextPair, _: int) -> list[float]:
            try:
                return self._request_logprobs(pair)
            except FilteredAnswerError:
                return []

        return ask_together(pairs, ask, arrived)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _request_drawn_answer(self, prompt: str, drawn: dict[str, float]) -> str:
        if self._completes is not False:
            try:
                body = {"prompt": self._fill_prompt_form(prompt), **drawn}
                found = self._client.post("completions", body, completion_text)
                self._completes = True
                return found
            except NotServedError:
                if self._completes:
                    raise
                self._completes = False
        messages = [{"role": "user", "content": prompt}]
        return self._client.post("chat/completions", {"messages": messages, **drawn}, chat_text)

    def _request_logprobs(self, pair: TextPair, *, probe: bool = False) -> list[float]:
        before = self._fill_prompt_form(pair.prompt)
        body = {"prompt": before + pair.answer, "max_tokens": 0, "echo": True, "logprobs": 1}
        return self._client.post(
            "completions", body, lambda got: echoed_logprobs(got, before, pair.answer), probe=probe
        )

    def _fill_prompt_form(self, prompt: str) -> str:
        return self.endpoint.form.replace("{prompt}", prompt)
