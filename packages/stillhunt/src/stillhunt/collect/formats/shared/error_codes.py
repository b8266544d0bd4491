"""HTTP status of a failed call from the error message or class that a tracer recorded."""

from __future__ import annotations

import re
from typing import Any

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
"""Error classes of the OpenAI and Anthropic SDKs, which one generator writes (their READMEs, "Handling errors")."""
_SDK_CODE = re.compile(r"Error code: ([45]\d\d)(?!\d)")
"""What the SDKs write before the text of the answer, which clients may influence."""
_STATUS_LINE = re.compile(
    r"^(?:HTTP(?:/\d(?:\.\d)?)? |status(?: code)?[ :=]+)?([45]\d\d)(?= (?-i:[A-Z])|:|$)", re.IGNORECASE
)
_CLASS = re.compile(r"\w+Error")
_CHARACTERS_READ = 400
"""Characters of a message that are searched; what follows is the text of the answer."""


def error_code(text: Any) -> int | None:
    """HTTP status in an error message, or of the error class that it names; None if there is none.

    Args:
        text: such as "RateLimitError: Error code: 429 - ...", "openai.BadRequestError" or "503 Service Unavailable".
    """
    if not isinstance(text, str):
        return None
    text = text[:_CHARACTERS_READ]
    if (found := _SDK_CODE.search(text) or _STATUS_LINE.search(text)) is not None:
        return int(found[1])
    return next((_ERRORS[name] for name in _CLASS.findall(text) if name in _ERRORS), None)
