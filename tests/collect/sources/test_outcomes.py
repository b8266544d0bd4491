"""HTTP status of calls of which only a tracer tells, in words."""

from __future__ import annotations

from typing import Any

import pytest

from stillhunt.collect.formats.otlp.dialects import status_of
from stillhunt.collect.formats.shared.http import error_code
from stillhunt.collect.formats.shared.traced import tokens_in


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("RateLimitError: Error code: 429 - {'error': {'message': 'of 500 requests'}}", 429),
        ("<class 'openai.BadRequestError'>", 400),
        ("anthropic.PermissionDeniedError", 403),
        ("503 Service Unavailable", 503),
        ("429", 429),
        ("HTTP/1.1 502 Bad Gateway", 502),
        ("ValueError", None),
        ("took 4290 ms", None),
        ("400 tokens is the maximum", None),
        ("BadRequestError: 'messages' has bad status 200 in it", 400),
        ("RateLimitError: please read the HTTP 100 guide; Error code: 429", 429),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_errors_tell_their_status(text: Any, code: int | None) -> None:
    assert error_code(text) == code


def test_an_answer_is_a_success_and_silence_is_not() -> None:
    assert status_of({"gen_ai.response.id": "a-1"}, None) == 200
    assert status_of({"gen_ai.request.model": "m-1"}, None) is None
    assert status_of({"gen_ai.response.id": "a-1"}, "Error code: 500 - gone") == 500
    assert status_of({"error.type": "timeout"}, "") is None
    assert status_of({"error.code": "429"}, None) == 429
    assert status_of({"error.code": "rate_limit_exceeded", "error.type": "RateLimitError"}, None) == 429
    assert status_of({"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": "401"}, None) == 401


def test_tokens_of_the_cache_are_input() -> None:
    usage = {
        "input": 128,
        "output": 120,
        "total": 375,
        "cache_read_input_tokens": 127,
        "cache_creation_input_tokens": 0,
    }
    assert tokens_in(usage) == {"input_tokens": 255, "output_tokens": 120}
    assert tokens_in({"promptTokens": 3, "completionTokens": 4}) == {"input_tokens": 3, "output_tokens": 4}
    priced = {"input": 10, "output": 5, "input_cost": 0.001, "output_cost": 0.002, "input_tokens": 10}
    assert tokens_in(priced) == {"input_tokens": 10, "output_tokens": 5}
    assert tokens_in({"input": 5, "output": 2, "inputCost": 0.5, "unit": "TOKENS"}) == {
        "input_tokens": 5,
        "output_tokens": 2,
    }
