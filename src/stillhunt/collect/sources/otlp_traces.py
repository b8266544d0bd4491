"""What is learnt of all spans before rows are made of any: which spans stand around which, and what they say of a call.

Kept of a span are 16 bytes, and its user, session and client where it names any, so that ten million spans take some
hundred MB.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stillhunt.collect.sources.bodies import first
from stillhunt.collect.sources.otlp_dialects import operation, value_of
from stillhunt.collect.sources.otlp_wire import Attributes, Entry

U64 = npt.NDArray[np.uint64]
MOST_SPANS = 1 << 25
"""Spans of which the place in their trace is kept; spans after them are read by themselves."""
MOST_PLACES = 1 << 22
"""Spans whose user, session and client are kept."""
MOST_NAMES = 1 << 20
FARTHEST = 32
"""Spans up to which one is looked for around a call."""
USERS_OF_A_TENANT = 50
"""Mean number of users in a service.namespace up to which a namespace is a customer; more are users of one service."""
_NONE = -1


class Place(NamedTuple):
    """What a span says of the calls within it."""

    user: str | None = None
    session: str | None = None
    address: str | None = None
    agent: str | None = None
    edge: str | None = None
    status: Any = None

    def within(self, outer: Place) -> Place:
        """This, completed by the span around it."""
        return Place(*(mine if mine is not None else theirs for mine, theirs in zip(self, outer, strict=True)))


NOWHERE = Place()
_USERS = (
    "user.id",
    "enduser.id",
    "enduser.pseudo.id",
    "langfuse.user.id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
)
_SESSIONS = (
    "gen_ai.conversation.id",
    "session.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
    "ai.telemetry.metadata.sessionId",
)
_ADDRESSES = ("client.address", "http.client_ip", "http.request.header.x-forwarded-for")
_AGENTS = ("user_agent.original", "http.user_agent", "http.request.header.user-agent")


def place_of(attributes: Attributes) -> Place:
    """What the attributes of one span say of the calls within it."""
    address = _word(first(attributes, *_ADDRESSES))
    return Place(
        _word(first(attributes, *_USERS)),
        _word(first(attributes, *_SESSIONS)),
        address.split(",")[0].strip() if address else None,
        _word(first(attributes, *_AGENTS)),
        _word(first(attributes, "http.request.header.x-request-id", "http.response.header.x-request-id")),
        first(attributes, "http.response.status_code", "http.status_code"),
    )


def _word(value: Any) -> str | None:
    if isinstance(value, list) and value:
        value = value[0]  # headers are lists
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and value else None


def call_id_of(attributes: Attributes) -> str | None:
    """LiteLLM's id of the call."""
    return _word(first(attributes, "litellm.call_id", "langfuse.observation.metadata.litellm_call_id"))


def span_key(trace: str, span: str) -> int:
    """A span as 64 bits."""
    return int(span, 16) ^ int(trace[16:], 16)


@dataclass
class Traces:
    """All spans, by key.

    Attributes:
        keys: of all spans, sorted, each once.
        around: index of the span around each, -1 where it is not in the log.
        called: whether it is a model call.
        wraps: whether a model call stands within a model call.
        repeated: key -> how often the span was read so far, of spans that the log holds several times.
        places: key -> what the span says of calls within it.
        told_twice: keys of calls of which the log has another span with the same id of LiteLLM.
        tenants: whether the account stands in service.namespace.
        beyond: spans that were too many to be kept.
    """

    keys: U64
    around: npt.NDArray[np.int64]
    called: npt.NDArray[np.bool_]
    wraps: npt.NDArray[np.bool_]
    repeated: dict[int, list[int]]
    places: dict[int, Place]
    told_twice: frozenset[int]
    tenants: bool
    beyond: int

    def index(self, key: int) -> int:
        """Index of a span, -1 where it was not kept."""
        found = int(np.searchsorted(self.keys, np.uint64(key)))
        return found if found < self.keys.size and int(self.keys[found]) == key else _NONE

    def outer(self, index: int) -> Place:
        """What the spans around one say, the nearest first."""
        place = NOWHERE
        for _ in range(FARTHEST):
            index = int(self.around[index])
            if index == _NONE:
                break
            found = self.places.get(int(self.keys[index]))
            if found is not None:
                place = place.within(found)
        return place

    def within_call(self, index: int) -> bool:
        """Whether a model call stands around a span."""
        for _ in range(FARTHEST):
            index = int(self.around[index]) if index != _NONE else _NONE
            if index != _NONE and self.called[index]:
                return True
        return False

    def read_before(self, key: int) -> bool:
        """Whether this span was given already, as where one log is given as JSON and as protobuf."""
        times = self.repeated.get(key)
        if times is None:
            return False
        times[1] = times[1] % times[0] + 1
        return times[1] > 1


def gather_traces(entries: Iterator[Entry]) -> Traces:
    """Read all spans once.

    Args:
        entries: of all inputs; log records among them are passed by.
    """
    keys, parents, kinds = array("Q"), array("Q"), bytearray()
    calls, ids = array("Q"), array("Q")
    places: dict[int, Place] = {}
    words: dict[str | None, str | None] = {}
    namespaces: set[str] = set()
    users: set[str] = set()
    beyond = 0
    for entry in entries:
        if entry.log or not entry.trace or not entry.span:
            continue
        if len(keys) >= MOST_SPANS:
            beyond += 1
            continue
        key = span_key(entry.trace, entry.span)
        called = operation(entry.attributes) is not None
        keys.append(key)
        parents.append(span_key(entry.trace, entry.parent) if entry.parent else key)
        kinds.append(called)
        place = place_of(entry.attributes)
        if place != NOWHERE and len(places) < MOST_PLACES:
            places[key] = Place(*(_shared(words, word) if isinstance(word, str) else word for word in place))
        if place.user and len(users) < MOST_NAMES:
            users.add(place.user)
        namespace = entry.resource.get("service.namespace")
        if called and isinstance(namespace, str) and namespace and len(namespaces) < MOST_NAMES:
            namespaces.add(namespace)
        call = call_id_of(entry.attributes)
        if called and call is not None:
            calls.append(key)
            ids.append(int.from_bytes(blake2b(f"{entry.trace}{call}".encode("utf-8", "replace"), digest_size=8).digest()))
    tenants = len(namespaces) > 1 and len(users) <= USERS_OF_A_TENANT * len(namespaces)
    return _arranged(_numbers(keys), _numbers(parents), kinds, (_numbers(calls), _numbers(ids)), places, tenants, beyond)


def _shared(words: dict[str | None, str | None], word: str) -> str | None:
    """The same word once in memory."""
    return words.setdefault(word, word) if len(words) < MOST_NAMES else word


def _numbers(values: array[int]) -> U64:
    return np.frombuffer(values, np.uint64) if len(values) else np.zeros(0, np.uint64)


def _arranged(
    keys: U64,
    parents: U64,
    kinds: bytearray,
    ids: tuple[U64, U64],
    places: dict[int, Place],
    tenants: bool,
    beyond: int,
) -> Traces:
    unique, first_at, counts = np.unique(keys, return_index=True, return_counts=True)
    called = np.zeros(unique.size, np.bool_)
    called[np.searchsorted(unique, keys[np.frombuffer(kinds, np.bool_)])] = True
    wanted = parents[first_at]
    found = np.searchsorted(unique, wanted)
    found[found == unique.size] = 0
    own = np.arange(unique.size)
    known = (unique[found] == wanted) & (found != own) if unique.size else np.zeros(0, np.bool_)
    around = np.where(known, found, _NONE)
    wraps = _wrapping(around, called)
    again = np.flatnonzero(counts > 1)
    repeated = {int(unique[i]): [int(counts[i]), 0] for i in again}
    twice = _told_twice(*ids, unique, wraps)
    return Traces(unique, around, called, wraps, repeated, places, twice, tenants, beyond)


def _wrapping(around: npt.NDArray[np.int64], called: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Model calls that stand around another model call; spans that stand around themselves do not count."""
    wraps = np.zeros(around.size, np.bool_)
    start = np.flatnonzero(called)
    at = around[start]
    met = np.zeros((start.size, 0), np.int64)
    circles = np.zeros(start.size, np.bool_)
    for _ in range(FARTHEST):
        inside = at != _NONE
        if not inside.any():
            break
        circles |= inside & (at == start)
        met = np.column_stack([met, at])
        at = np.where(inside, around[np.maximum(at, 0)], _NONE)
    good = met[~circles & (at == _NONE)]
    above = np.unique(good[good != _NONE])
    wraps[above] = called[above]
    return wraps


def _told_twice(keys: U64, ids: U64, unique: U64, wraps: npt.NDArray[np.bool_]) -> frozenset[int]:
    """Calls that have the id of another in their trace; the one with the lowest key stays."""
    if not keys.size:
        return frozenset()
    alone = ~wraps[np.searchsorted(unique, keys)]
    pairs = np.unique(np.stack([ids[alone], keys[alone]], axis=1), axis=0)
    later = np.flatnonzero(pairs[1:, 0] == pairs[:-1, 0]) + 1
    return frozenset(int(key) for key in pairs[later, 1])


def headers_of(attributes: Attributes, *names: str) -> dict[str, Any]:
    """The first of these attributes that holds an object, written as JSON or as Python does."""
    for name in names:
        found = value_of(attributes.get(name))
        if isinstance(found, dict):
            return found
    return {}
