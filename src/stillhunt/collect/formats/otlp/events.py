"""OpenTelemetry log records of model calls: one record with all of a call, or one for each of its messages.

Event names: opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events. What belongs to one span is one call; records of
it are kept until the last has come, so of a log in the order of time few are in memory at once.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from stillhunt.collect.formats.otlp.attribute_values import value_of
from stillhunt.collect.formats.otlp.dialects import call_of, operation
from stillhunt.collect.formats.otlp.entry import Entry
from stillhunt.collect.formats.otlp.otlp_identity import NOWHERE, place_of, who
from stillhunt.collect.formats.otlp.traces import Customers, numbers, span_key
from stillhunt.collect.formats.source import BrokenRecordError, PassedOverError, Row
from stillhunt.collect.values.chat import content_text

MOST_EVENTS = 1 << 25
MOST_WAITING = 1 << 20
"""Records kept of calls that are not complete; beyond them the call met first is taken as it is."""
DETAILS = "gen_ai.client.inference.operation.details"
NO_MESSAGE = "no message to or from a model"
NO_SPAN = "a message that names no span, and so no call"
GIVEN_TWICE = "a log record that was given already"
_CHOICE = "gen_ai.choice"
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    _CHOICE: "assistant",
}


@dataclass
class _Waiting:
    entries: dict[int, Entry] = field(default_factory=dict)
    seen: int = 0
    given: bool = False


@dataclass
class Events:
    """How many log records there are of each call.

    Attributes:
        keys: of all spans that have any, sorted.
        distinct: different records of each.
        total: records of each.
        tenants: whether the account stands in service.namespace.
    """

    keys: npt.NDArray[np.uint64]
    distinct: npt.NDArray[np.int64]
    total: npt.NDArray[np.int64]
    tenants: bool
    _waiting: dict[int, _Waiting] = field(default_factory=dict)
    _kept: int = 0
    _view: memoryview[int] | None = None

    def put(self, entry: Entry) -> list[Entry]:
        """Take a record.

        Returns:
            all records of its call, in the order of time, once they have come; of another one beyond MOST_WAITING.

        Raises:
            PassedOverError: the same record came before.
        """
        key = span_key(entry.trace, entry.span)
        if self._view is None:
            self._view = self.keys.data
        found = bisect_left(self._view, key)
        if found == len(self._view) or self._view[found] != key or self.total[found] == 1:
            return [entry]
        waiting = self._waiting.setdefault(key, _Waiting())
        # Where no two are the same, anything tells them apart.
        name = waiting.seen if self.distinct[found] == self.total[found] else _digest(entry)
        known = waiting.given or name in waiting.entries
        waiting.seen += 1
        ready: list[Entry] = []
        if not known:
            waiting.entries[name] = entry
            self._kept += 1
            if len(waiting.entries) == self.distinct[found]:
                ready = self._take(waiting)
        if waiting.seen == self.total[found]:
            del self._waiting[key]
        if known:
            raise PassedOverError(GIVEN_TWICE)
        if not ready and self._kept > MOST_WAITING:
            ready = self._take(next(one for one in self._waiting.values() if one.entries))
        return ready

    def _take(self, waiting: _Waiting) -> list[Entry]:
        entries = sorted(waiting.entries.values(), key=lambda entry: entry.start)
        self._kept -= len(entries)
        waiting.entries, waiting.given = {}, True
        return entries


def gather_events(entries: Iterator[Entry]) -> Events:
    """Read all log records once.

    Args:
        entries: of all inputs.
    """
    keys, names = array("Q"), array("Q")
    customers = Customers()
    for entry in entries:
        if not _is_message(entry) or not entry.trace or not entry.span or len(keys) >= MOST_EVENTS:
            continue
        keys.append(span_key(entry.trace, entry.span))
        names.append(_digest(entry))
        customers.note(entry, place_of(entry.attributes).user, called=True)
    unique, total = np.unique(numbers(keys), return_counts=True)
    pairs = np.unique(np.stack([numbers(keys), numbers(names)], axis=1), axis=0)
    distinct = np.unique(pairs[:, 0], return_counts=True)[1]
    return Events(unique, distinct, total, customers.are_namespaces())


def event_row(entry: Entry, events: Events) -> Row | None:
    """The call that a log record completes; None while others of it are to come.

    Args:
        entry: the record.
        events: what is waiting.

    Raises:
        PassedOverError: it is of no model call, or came before.
        BrokenRecordError: it has no time.
    """
    if not _is_message(entry):
        raise PassedOverError(NO_MESSAGE)
    if not entry.trace or not entry.span:
        if _name(entry) in _ROLES:
            raise PassedOverError(NO_SPAN)
        found = [entry]
    else:
        found = events.put(entry)
    return _call(found, tenants=events.tenants) if found else None


def _call(entries: list[Entry], *, tenants: bool) -> Row:
    began = min((entry.start for entry in entries if entry.start), default=0)
    if not began:
        raise BrokenRecordError("log records of a model call without a time")
    told = next((entry for entry in entries if _name(entry) not in _ROLES), entries[0])
    row = call_of(told.attributes, operation(told.attributes) or "chat")
    messages = [message for entry in entries if (message := _message(entry)) is not None]
    if messages and "messages" not in row and "prompt" not in row:
        row["messages"] = messages
    texts = [text for entry in entries if _name(entry) == _CHOICE and (text := _text(entry))]
    if texts and "response" not in row:
        row["response"] = "\n".join(texts)
    return row | {"timestamp": began} | who(told, NOWHERE, tenants=tenants)


def _message(entry: Entry) -> dict[str, Any] | None:
    """The message to the model that a record holds; None for answers."""
    name = _name(entry)
    if name not in _ROLES or name == _CHOICE:
        return None
    body = _body(entry)
    role = body.get("role")
    return {"role": role if isinstance(role, str) and role else _ROLES[name], "content": body.get("content")}


def _text(entry: Entry) -> str:
    body = _body(entry)
    message = value_of(body.get("message"))
    return content_text(message.get("content") if isinstance(message, Mapping) else message or body.get("content"))


def _body(entry: Entry) -> Mapping[str, Any]:
    """What a record holds: its body, or where that is empty its attributes, which newer conventions use."""
    body = value_of(entry.body)
    if isinstance(body, str):
        return {"content": body}
    return body if isinstance(body, Mapping) else entry.attributes


def _is_message(entry: Entry) -> bool:
    return entry.log and (_name(entry) in _ROLES or _name(entry) == DETAILS or operation(entry.attributes) is not None)


def _name(entry: Entry) -> str:
    return entry.name or str(entry.attributes.get("event.name") or "")


def _digest(entry: Entry) -> int:
    """What tells the records of one span apart."""
    told = repr((_name(entry), entry.start, entry.body, entry.attributes)).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(told, digest_size=8).digest())
