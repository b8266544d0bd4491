"""Requests to an endpoint: counted, bounded in size and time, repeated where it is busy, to one host alone."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Generic, TypeVar

import httpx
import msgspec

from stillhunt import ConfigError, InputError, __version__
from stillhunt_model.endpoints.budget import QueryBudget

# requests: how often one query is sent to an endpoint that is busy, fails or answers with something else (outages of
# some seconds pass; each try counts against the budget)
QUERY_TRIES = 4
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
            next_step="see that the address and the model's name are right, and run the same again: it goes on with "
            "the same place in the register",
        )


class MalformedAnswerError(EndpointError):
    """An answer that is not of the form that was asked for."""


class FilteredAnswerError(EndpointError):
    """A filter of the endpoint refuses what was asked, whoever asks."""


class _Logprobs(msgspec.Struct):
    token_logprobs: list[float | None] = []
    text_offset: list[int] = []


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    text: str | None = None
    message: _Message | None = None
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Used(msgspec.Struct):
    usage: _Usage | None = None


class _Fault(msgspec.Struct):
    code: str | int | None = None
    type: str | None = None
    message: str | None = None


class _Refusal(msgspec.Struct):
    error: _Fault


ChoiceForm = TypeVar("ChoiceForm")


class _Answer(msgspec.Struct, Generic[ChoiceForm]):
    choices: list[ChoiceForm]


def completion_text(content: bytes) -> str:
    """The text of a completion; empty where there is none, or where a filter cut it.

    Raises MalformedAnswerError: it is no completion.
    """
    choice = first_choice(content, _Choice)
    return "" if choice.finish_reason == _FILTER else choice.text or ""


def chat_text(content: bytes) -> str:
    """The text of a chat completion; empty where there is none or a filter cut it, as after a refusal or a tool call.

    Raises MalformedAnswerError: it is no chat completion.
    """
    choice = first_choice(content, _Choice)
    if choice.message is None:
        raise MalformedAnswerError("its answer has no message")
    return "" if choice.finish_reason == _FILTER else choice.message.content or ""


def echoed_logprobs(content: bytes, before: str, answer: str) -> list[float]:
    """Log-probability of each token of an answer, from a completion that repeats what was sent.

    Returns natural logarithms of the tokens that begin within the answer. Raises MalformedAnswerError: it does not
    repeat the text, or the numbers are no log-probabilities of it.
    """
    choice = first_choice(content, _Choice)
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


def used_tokens(content: bytes, sent: int) -> tuple[float, float]:
    """Tokens of prompt and answer that an endpoint says that it used, or a generous guess where it says nothing.

    `sent`: bytes of the request.
    """
    try:
        usage = msgspec.json.decode(content, type=_Used).usage
    except (msgspec.MsgspecError, RecursionError, ValueError):
        usage = None
    if usage is not None and usage.prompt_tokens > 0 <= usage.completion_tokens:
        return usage.prompt_tokens, usage.completion_tokens
    return sent / GUESSED_TOKEN_BYTES, len(content) / GUESSED_TOKEN_BYTES


def first_choice(content: bytes, form: type[ChoiceForm]) -> ChoiceForm:
    """The first choice of an answer.

    `form`: struct of msgspec of a choice. Raises MalformedAnswerError: it is no answer, or has no such choice.
    """
    try:
        choices = msgspec.json.decode(content, type=_Answer[form]).choices  # type: ignore[valid-type]  # known when it runs
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise MalformedAnswerError("its answer is not of the form of the OpenAI API") from error
    if not choices:
        raise MalformedAnswerError("its answer has no choice")
    return choices[0]


def _is_filtered(content: bytes) -> bool:
    """Whether an answer of 4xx says that a filter refuses the texts, as gateways of large clouds do."""
    try:
        error = msgspec.json.decode(content, type=_Refusal).error
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return False
    return any(word in f"{error.code} {error.type} {error.message}".lower() for word in _FILTER_WORDS)


_FILTER = "content_filter"  # Reason why an answer ended, of the OpenAI API
_FILTER_WORDS = (_FILTER, "content_policy", "content filter", "content management policy", "responsibleaipolicy")
GUESSED_TOKEN_BYTES = 3.0  # Bytes of a token, for a guess that is rather too dear (English has four)
_TOO_SOON = 429
_MOST_TOO_SOON = 60  # Times that one query waits for a limit of requests a minute (an hour with the longest pause)
_FIRST_PAUSE = 1.0  # seconds: pause before the second try; it doubles each time (as clients of such services do)
_LONGEST_PAUSE = 60.0  # seconds: longest pause that an endpoint can ask for (limits of services are by the minute)
# seconds: how long an endpoint may take for one query, from its first byte to its last (a long answer of a large model
# takes a minute)
_PATIENCE = 120.0
# bytes: longest answer of an endpoint that is read (32,768 tokens with their log-probabilities take some 3 MB)
_MOST_ANSWER_BYTES = 8_388_608
Result = TypeVar("Result")
_BUSY = frozenset({408, 409, 425, 429})
"""Answers of 4xx after which the same request may succeed."""
_REFUSED_KEY = frozenset({401, 403})
_SAME_METHOD = frozenset({307, 308})
_MOST_REDIRECTS = 3
_JSON = {"content-type": "application/json"}


class NotServedError(EndpointError):
    """The endpoint refuses this kind of request."""


@dataclass(frozen=True)
class Endpoint:
    """Where a suspect is."""

    url: str  # http or https, with or without `/v1` at its end; no user, password, query or fragment
    model: str
    # secret that goes into the header of each request; empty for none. It is never shown or written.
    key: str = field(default="", repr=False)
    # how a prompt is put before a model by completions; the answer, or its beginning, follows it
    form: str = "{prompt}\n"

    @property
    def base(self) -> str:
        """The address before `/completions`."""
        plain = self.url.rstrip("/")
        return plain if plain.endswith("/v1") else f"{plain}/v1"


class EndpointClient:
    """Sends requests to one endpoint.

    Args:
        budget: of queries; each request counts before it is sent.
        pause: waits so many seconds between two tries.

    Raises:
        ConfigError: the address is none of the web or has a secret in it, the model has no name, or the key is none.
    """

    def __init__(self, endpoint: Endpoint, budget: QueryBudget, pause: Callable[[float], None] = time.sleep) -> None:
        _check_endpoint(endpoint)
        self._endpoint, self._budget, self._pause = endpoint, budget, pause
        headers = {"user-agent": f"stillhunt/{__version__}", "accept-encoding": "identity"}
        if endpoint.key:
            headers["authorization"] = f"Bearer {endpoint.key}"
        # Without the environment: a .netrc would send somebody's password, and a proxy would read the key.
        self._client = httpx.Client(headers=headers, timeout=_PATIENCE, trust_env=False, follow_redirects=False)

    def post(
        self, path: str, body: Mapping[str, Any], read: Callable[[bytes], Result], *, probe: bool = False
    ) -> Result:
        """Send one query until it is answered, `QUERY_TRIES` times at most.

        A refusal because it came too soon does not count where the endpoint says how long to wait.

        Args:
            body: of the request; the model's name is added.
            read: takes the answer apart, or raises MalformedAnswerError.
            probe: whether it only asks what the endpoint can do: an answer of another form tells, and is not asked for
                again. What fails for another reason is.

        Raises:
            NotServedError: the endpoint refuses this kind of request.
            FilteredAnswerError: its filter refuses the texts of this one.
            EndpointError: it refuses the key, redirects elsewhere, or fails each time.
            QueryBudgetError: the next try would exceed the budget.
        """
        reason, asked_pause, place, too_soon = "", 0.0, 0, 0
        while place < QUERY_TRIES and too_soon < _MOST_TOO_SOON:
            if place + too_soon:
                self._pause(min(_LONGEST_PAUSE, max(asked_pause, _FIRST_PAUSE * 2 ** (place + too_soon - 1))))
            place += 1
            try:
                status, content, asked_pause = self._send_following_redirects(f"{self._endpoint.base}/{path}", body)
                if status == httpx.codes.OK:
                    self._budget.charge(*used_tokens(content, len(json.dumps(body))))
                    return read(content)
            except httpx.HTTPError as error:
                reason, asked_pause = type(error).__name__, 0.0
                continue
            except MalformedAnswerError as error:
                if probe:
                    raise
                reason = error.reason
                continue
            if status == _TOO_SOON and asked_pause:
                self._budget.take_back()
                place, too_soon = place - 1, too_soon + 1
            if 400 <= status < 500 and _is_filtered(content):
                raise FilteredAnswerError("its filter refuses this text", self._endpoint.base)
            if status in _REFUSED_KEY:
                raise self._build_endpoint_error(f"it refuses the key, or needs one ({status})")
            if status < 500 and status not in _BUSY:
                raise NotServedError(f"it answers {status} to {path}", self._endpoint.base)
            reason = f"it answers {status}"
        raise self._build_endpoint_error(f"{reason}, {place + too_soon} times")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send_following_redirects(self, address: str, body: Mapping[str, Any]) -> tuple[int, bytes, float]:
        """Status, content and wished pause of one answer, redirects within the host followed."""
        url = httpx.URL(address)
        for _ in range(_MOST_REDIRECTS + 1):
            self._budget.spend(1)
            status, content, headers = self._post_single_request(url, {"model": self._endpoint.model, **body})
            if not 300 <= status < 400:
                return status, content, _wished_pause(headers.get("retry-after", ""))
            try:
                target = url.join(headers.get("location", ""))
            except (httpx.InvalidURL, ValueError) as error:
                raise self._build_endpoint_error("it redirects to what is no address") from error
            if status not in _SAME_METHOD or _extract_url_origin(target) != _extract_url_origin(url) or target.userinfo:
                raise self._build_endpoint_error(
                    "it redirects to another host, or otherwise than a query may be redirected"
                )
            url = target
        raise self._build_endpoint_error("it redirects without end")

    def _post_single_request(self, url: httpx.URL, body: Mapping[str, Any]) -> tuple[int, bytes, httpx.Headers]:
        deadline = time.monotonic() + _PATIENCE
        content = bytearray()
        written = json.dumps(body).encode()  # in ASCII, so that no text of a log fails here
        with self._client.stream("POST", url, content=written, headers=_JSON) as answer:
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise MalformedAnswerError("its answer is compressed, which nobody asked for")
            for part in answer.iter_raw():
                content += part
                if len(content) > _MOST_ANSWER_BYTES:
                    raise MalformedAnswerError("its answer is too long")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer takes too long")
        return answer.status_code, bytes(content), answer.headers

    def _build_endpoint_error(self, what: str) -> EndpointError:
        return EndpointError(what, self._endpoint.base)


def _check_endpoint(endpoint: Endpoint) -> None:
    try:
        url = httpx.URL(endpoint.url)
    except httpx.InvalidURL as error:
        raise _no_address("it is not of the form https://host/path") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise _no_address("it must begin with http:// or https://")
    if url.userinfo or url.query or url.fragment:
        raise _no_address("it may have no user, password, query or fragment, since it is written into the result")
    if not endpoint.model.strip():
        raise ConfigError(
            "the model of the endpoint has no name",
            where=endpoint.base,
            next_step="name it as the endpoint does",
            command_step="add --model-name NAME",
        )
    if not (endpoint.key.isascii() and endpoint.key.isprintable()):
        raise ConfigError(
            "the key has characters that no key has", where=endpoint.base, next_step="set its variable again"
        )


def _no_address(what: str) -> ConfigError:
    return ConfigError(f"this is no address of an endpoint: {what}", where="suspect", next_step="name another address")


def _extract_url_origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _wished_pause(text: str) -> float:
    """Seconds of a Retry-After header; 0 where it says nothing that is a number."""
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
