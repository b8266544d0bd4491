"""A span or a log record with plain attributes, from JSON or protobuf."""

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
SHORTEST_ENTRY = 16
"""Bytes below which a span or log record in protobuf has neither a trace id nor an attribute that matters."""
MAX_VALUE_DEPTH = 16
"""Levels of nested attribute values that are read; real logs have at most five."""


@dataclass(slots=True)
class Entry:
    """One span or one log record; fields that only the other kind has are empty.

    Attributes:
        trace: trace id, 16 bytes; empty if it has none.
        span: span id, 8 bytes; empty if it has none.
        parent: id of the span around it; empty if it has none.
        name: of the span, or of the event.
        start: nanoseconds since 1970; 0 if unknown. For a log record when it happened, else when it was collected.
        events: name and attributes of each event of the span that concerns a model.
        end: of the span, nanoseconds since 1970; 0 if unknown.
        failure: message in the status of a failed span; None if it did not fail.
        empty: so many entries without content it stands for; 0 for one that has some.
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
    empty: int = 0


def pick(attributes: Attributes, *names: str) -> Any:
    """Value of the first of these attributes that is present and not empty text; None if there is none."""
    for name in names:
        value = attributes.get(name)
        if value is not None and value != "":
            return value
    return None
