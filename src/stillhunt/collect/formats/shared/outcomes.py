"""What became of a call where a tracer tells it in words: HTTP status from the errors of the makers' SDKs."""

from __future__ import annotations

import re
from typing import Any

from stillhunt.collect.formats.bodies.bodies import number
from stillhunt.collect.formats.otlp.entry import Attributes, pick

_ERRORS = {
    "BadRequestError": 400,
    "AuthenticationError": 401,
    "PermissionDeniedError": 403,
    "NotFoundError": 404,
    "ConflictError": 409,
    "UnprocessableEntityError": 422,
    "RateLimitError": 429,
    "InternalServerError": 500,
}
"""Errors of the SDKs of OpenAI and Anthropic, which are made of one kit (their READMEs, "Handling errors")."""
_TOLD = re.compile(r"Error code: ([45]\d\d)(?!\d)")
"""What the SDKs write before the answer's own text, which clients may influence."""
_SAID = re.compile(r"^(?:HTTP(?:/\d(?:\.\d)?)? |status(?: code)?[ :=]+)?([45]\d\d)(?= (?-i:[A-Z])|:|$)", re.IGNORECASE)
_CLASS = re.compile(r"\w+Error")
_LONGEST = 400
"""Characters of a message that are looked at: what follows is the answer's own text."""
_ANSWERED = (
    *("gen_ai.response.id", "gen_ai.response.finish_reasons", "gen_ai.usage.output_tokens"),
    *("gen_ai.usage.completion_tokens", "llm.token_count.completion", "langfuse.observation.completion_start_time"),
)


def status_of(attributes: Attributes, failure: str | None) -> Any:
    """HTTP status of a call; None where nothing tells it.

    Args:
        attributes: of its span.
        failure: what the status of a span that failed says.
    """
    if (code := number(attributes.get("error.code"))) is not None:
        return code
    kind = pick(attributes, "error.type", "exception.type")
    if kind is not None or failure is not None:
        found = (error_code(told) for told in (kind, failure, attributes.get("exception.message")))
        return next((code for code in found if code is not None), None)
    if attributes.get("langfuse.observation.level") == "ERROR":
        return error_code(attributes.get("langfuse.observation.status_message"))
    return 200 if pick(attributes, *_ANSWERED) is not None else None


def error_code(text: Any) -> int | None:
    """HTTP status that the message of an error, or the name of its class, tells; None where it tells none.

    Args:
        text: "RateLimitError: Error code: 429 - ...", "openai.BadRequestError", "503 Service Unavailable" and the like.
    """
    if not isinstance(text, str):
        return None
    text = text[:_LONGEST]
    if (said := _TOLD.search(text) or _SAID.search(text)) is not None:
        return int(said[1])
    return next((_ERRORS[name] for name in _CLASS.findall(text) if name in _ERRORS), None)
