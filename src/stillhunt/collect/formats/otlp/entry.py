"""A span or a log record with plain attributes, whatever it was read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Attributes: TypeAlias = dict[str, Any]
SkipAttributes: TypeAlias = Callable[[bytes, bytes], bool]
"""Trace id, span id -> whether the attributes of the span are not needed."""
TRACE_BYTES, SPAN_BYTES = 16, 8
STATUS_ERROR = 2
"""Status code of a span that failed (trace.proto)."""
MAX_VALUE_DEPTH = 16
"""Levels of nested attribute values that are read; real logs have at most five."""


@dataclass(slots=True)
class Entry:
    """One span, or one log record, of which the fields that only the other has are empty.

    Attributes:
        log: whether it is a log record.
        trace: trace id, 16 bytes; empty where it is none.
        span: span id, 8 bytes; empty where it is none.
        parent: span id of the span around it.
        name: of the span, or of the event.
        start: nanoseconds since 1970; of a log record when it happened, else when it was collected.
        attributes: name -> value.
        events: attributes of the span's events, with their names.
        body: of a log record.
        scope: name of the instrumentation.
        resource: attributes of the process.
        end: of a span, nanoseconds since 1970; 0 where it is not told.
        failure: what the status of a span that failed says; None where it did not fail.
    """

    log: bool = False
    trace: bytes = b""
    span: bytes = b""
    parent: bytes = b""
    name: str = ""
    start: int = 0
    attributes: Attributes = field(default_factory=dict)
    events: tuple[tuple[str, Attributes], ...] = ()
    body: Any = None
    scope: str = ""
    resource: Attributes = field(default_factory=dict)
    end: int = 0
    failure: str | None = None


def pick(attributes: Attributes, *names: str) -> Any:
    """Value of the first of these attributes that is there and is not empty text; None where none is."""
    for name in names:
        value = attributes.get(name)
        if value is not None and value != "":
            return value
    return None
