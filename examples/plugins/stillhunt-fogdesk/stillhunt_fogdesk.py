"""The log of fogdesk: one JSON object a call."""

from collections.abc import Iterator, Mapping
from typing import Any

from stillhunt.plugins import PassedOverError, Row, Sample, Source

FIELDS = {
    "request_id": "id",
    "timestamp": "at",
    "account_id": "customer",
    "model": "model",
    "prompt": "prompt",
    "response": "answer",
    "output_tokens": "answer_tokens",
    "max_tokens": "answer_limit",
}
"""Our column -> field of the log; `stillhunt schema requests` lists our columns."""
EXAMPLE = {
    "stillhunt_fogdesk": 1,
    "kind": "chat",
    "at": "2026-03-02T09:00:00Z",
    "customer": "acme",
    "model": "m",
    "prompt": "Hi",
}


def is_ours(sample: Sample) -> bool:
    """Whether the beginning of a file is such a log; choose names that no other log has."""
    return sample.holds("stillhunt_fogdesk", "customer")


def rows_of(record: Mapping[str, Any]) -> Iterator[Row]:
    """The calls of one record; a value that is not there may be None."""
    if record.get("kind") != "chat":
        raise PassedOverError("not a chat call")
    yield {column: record.get(field) for column, field in FIELDS.items()}


PLUGIN = Source("fogdesk", "Log of fogdesk", is_ours, FIELDS, rows=rows_of, examples=(EXAMPLE,))
