"""What is learned from all spans before one becomes a row: which span lies in which, and what it says about its calls.

A span takes 32 bytes, plus its user, session and client if it names them, so that ten million spans take some hundred
MB.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from stillhunt.base.arrays import I64, U64
from stillhunt.collect.formats.otlp.attributes import Attributes, Entry
from stillhunt.collect.formats.otlp.dialects import (
    MODEL_ATTRIBUTES,
    OPERATION_ATTRIBUTES,
    VENDOR_MODEL,
    model_group,
    operation,
)
from stillhunt.collect.formats.otlp.identity import CALL_IDS, NOWHERE, PLACES, Place, call_id_of, place_of

MAX_SPANS = 1 << 25
"""Spans whose place in their trace is kept; later spans are read by themselves."""
MAX_PLACES = 1 << 22
"""Spans whose user, session and client are kept."""
MAX_NAMES = 1 << 20
"""Different names that are kept."""
LEARNED_ATTRIBUTES = PLACES | OPERATION_ATTRIBUTES | MODEL_ATTRIBUTES | frozenset(CALL_IDS)
MAX_LEVELS = 32
"""Levels of spans around a call that are searched."""
MAX_USERS_OF_A_TENANT = 50
"""Mean number of users per service.namespace up to which a namespace is a customer; with more it is a service."""
CLOCK_TOLERANCE = 10_000_000
"""Nanoseconds by which a span may begin before, or end after, the span around it: two processes have two clocks."""
_LAST_TIME = (1 << 63) - 1
_SPREAD, _MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1
"""Factor that keeps keys apart if ids are counted up, as in tests and by some tracers."""
_NONE = -1


def span_key(trace: bytes, span: bytes) -> int:
    """A span as 64 bits."""
    return (int.from_bytes(span) + int.from_bytes(trace[8:]) * _SPREAD) & _MASK


class NamespaceAccounts:
    """Whether service.namespace names the accounts of a log, judged by its namespaces and users."""

    def __init__(self) -> None:
        self._namespaces: set[str] = set()
        self._users: set[str] = set()

    def note(self, entry: Entry, user: str | None, *, called: bool) -> None:
        """Count the namespace and user of a span or log record."""
        namespace = entry.resource.get("service.namespace")
        if called and isinstance(namespace, str) and namespace and len(self._namespaces) < MAX_NAMES:
            self._namespaces.add(namespace)
        if user and len(self._users) < MAX_NAMES:
            self._users.add(user)

    def are_namespaces(self) -> bool:
        """Whether there are several namespaces with few users each."""
        return len(self._namespaces) > 1 and len(self._users) <= MAX_USERS_OF_A_TENANT * len(self._namespaces)


@dataclass
class SpanIndex:
    """All spans, by key."""

    keys: U64  # of all spans, sorted, each once
    around: npt.NDArray[np.int64]  # index of the span around each, -1 if it is not in the log
    called: npt.NDArray[np.bool_]  # whether the span is a model call
    wraps: npt.NDArray[np.bool_]  # whether the span is a model call with another one within it, also in time
    repeated: dict[int, list[int]]  # key -> [times in the log, times read so far], for spans that occur several times
    duplicates: frozenset[int]  # keys of calls whose LiteLLM id another span has too
    places: dict[int, Place] = field(default_factory=dict)  # key -> what the span says about calls within it
    # the vendor's name of a model -> the one name that clients use for it
    model_names: dict[str, str] = field(default_factory=dict)
    tenants: bool = False  # whether service.namespace names the account
    beyond: int = 0  # spans that were too many to be kept
    _view: memoryview[int] | None = None

    def index(self, key: int) -> int:
        """Index of a span, -1 if it was not kept."""
        if self._view is None:
            self._view = self.keys.data
        found = bisect_left(self._view, key)  # faster than numpy for a single number
        return found if found < len(self._view) and self._view[found] == key else _NONE

    def outer(self, index: int) -> Place:
        """What the spans around a span say; of two values that of the nearer span."""
        place = NOWHERE
        for _ in range(MAX_LEVELS):
            index = int(self.around[index])
            if index == _NONE:
                break
            found = self.places.get(int(self.keys[index])) if self.places else None
            if found is not None:
                if self.called[index] and not self.wraps[index]:
                    # An earlier call: it has the same user, but its answer is another.
                    found = found._replace(edge=None, status=None)
                place = place.within(found)
        return place

    def is_beyond(self, trace: bytes, span: bytes) -> bool:
        """Whether a span was left out because there were too many."""
        return self.beyond > 0 and bool(trace and span) and self.index(span_key(trace, span)) == _NONE

    def is_no_call(self, trace: bytes, span: bytes) -> bool:
        """Whether a span is known not to be a model call."""
        index = self.index(span_key(trace, span)) if trace and span else _NONE
        return index != _NONE and not self.called[index]

    def within_call(self, index: int) -> bool:
        """Whether a span lies within a model call."""
        for _ in range(MAX_LEVELS):
            index = int(self.around[index]) if index != _NONE else _NONE
            if index != _NONE and self.called[index]:
                return True
        return False

    def read_before(self, key: int) -> bool:
        """Whether this span was read already, as when a log is given both as JSON and as protobuf."""
        times = self.repeated.get(key)
        if times is None:
            return False
        times[1] = times[1] % times[0] + 1
        return times[1] > 1


def gather_traces(entries: Iterator[Entry]) -> SpanIndex:
    """Learn from the spans of all inputs, which have at least their LEARNED_ATTRIBUTES; log records are skipped."""
    keys, parents, kinds = array("Q"), array("Q"), bytearray()
    calls, ids, starts, ends = array("Q"), array("Q"), array("Q"), array("Q")
    places: dict[int, Place] = {}
    words: dict[str | None, str | None] = {}
    customers = NamespaceAccounts()
    model_names: dict[str, str | None] = {}
    beyond = 0
    for entry in entries:
        trace, span, attributes = entry.trace, entry.span, entry.attributes
        if entry.log or not trace or not span:
            continue
        if len(keys) >= MAX_SPANS:
            beyond += 1
            continue
        key = span_key(trace, span)
        keys.append(key)
        parents.append(span_key(trace, entry.parent) if entry.parent else key)
        starts.append(entry.start if entry.start < _LAST_TIME else _LAST_TIME)
        ends.append(entry.end if entry.end < _LAST_TIME else _LAST_TIME)
        if LEARNED_ATTRIBUTES.isdisjoint(attributes):  # most spans of the services around a call
            kinds.append(False)
            continue
        called = operation(attributes) is not None
        kinds.append(called)
        place = place_of(attributes)
        if place is not NOWHERE and place != NOWHERE and len(places) < MAX_PLACES:
            places[key] = Place(*[_intern_word(words, word) if word.__class__ is str else word for word in place])
        if called or place.user:
            customers.note(entry, place.user, called=called)
        if VENDOR_MODEL in attributes:
            _note_model(model_names, attributes)
        call = call_id_of(attributes) if called else None
        if call is not None:
            calls.append(key)
            ids.append(int.from_bytes(blake2b(call.encode("utf-8", "replace"), digest_size=8).digest()))
    traces = _build_span_index(numbers(keys), numbers(parents), kinds, *map(numbers, (starts, ends, calls, ids)))
    traces.places, traces.tenants, traces.beyond = places, customers.are_namespaces(), beyond
    traces.model_names = {model: name for model, name in model_names.items() if name is not None}
    return traces


def _note_model(model_names: dict[str, str | None], attributes: Attributes) -> None:
    """Keep the name that LiteLLM's clients use for a vendor's model; None if they use several."""
    vendor_model, group = attributes.get(VENDOR_MODEL), model_group(attributes)
    if isinstance(vendor_model, str) and group is not None and len(model_names) < MAX_NAMES:
        model_names[vendor_model] = group if model_names.get(vendor_model, group) == group else None


def _intern_word(words: dict[str | None, str | None], word: str) -> str | None:
    """The same word as one object in memory."""
    return words.setdefault(word, word) if len(words) < MAX_NAMES else word


def numbers(values: array[int]) -> U64:
    """The values as a numpy array, without a copy."""
    return np.frombuffer(values, np.uint64) if len(values) else np.zeros(0, np.uint64)


def _build_span_index(
    keys: U64, parents: U64, kinds: bytearray, starts: U64, ends: U64, calls: U64, ids: U64
) -> SpanIndex:
    unique, first_at, counts = np.unique(keys, return_index=True, return_counts=True)
    called = np.zeros(unique.size, np.bool_)
    called[np.searchsorted(unique, keys[np.frombuffer(kinds, np.bool_)])] = True
    wanted = parents[first_at]
    found = np.searchsorted(unique, wanted)
    found[found == unique.size] = 0
    own = np.arange(unique.size)
    known = (unique[found] == wanted) & (found != own) if unique.size else np.zeros(0, np.bool_)
    around = np.where(known, found, _NONE)
    wraps = _find_wrapping_calls(around, called, starts[first_at].astype(np.int64), ends[first_at].astype(np.int64))
    again = np.flatnonzero(counts > 1)
    repeated = {int(unique[i]): [int(counts[i]), 0] for i in again}
    return SpanIndex(unique, around, called, wraps, repeated, _find_duplicate_calls(calls, ids, unique, wraps))


def _find_wrapping_calls(around: I64, called: npt.NDArray[np.bool_], starts: I64, ends: I64) -> npt.NDArray[np.bool_]:
    """Which model calls have another model call within them; spans within themselves do not count."""
    wraps = np.zeros(around.size, np.bool_)
    start = np.flatnonzero(called)
    at = around[start]
    met = np.zeros((start.size, 0), np.int64)
    circles = np.zeros(start.size, np.bool_)
    for _ in range(MAX_LEVELS):
        inside = at != _NONE
        if not inside.any():
            break
        circles |= inside & (at == start)
        met = np.column_stack([met, at])
        at = np.where(inside, around[np.maximum(at, 0)], _NONE)
    good = ~circles & (at == _NONE)
    for above in met[good].T:
        there = (above != _NONE) & called[above]
        inner, outer = start[good][there], above[there]
        wraps[outer[_lies_within(starts[inner], ends[inner], starts[outer], ends[outer])]] = True
    return wraps


def _lies_within(start: I64, end: I64, outer_start: I64, outer_end: I64) -> npt.NDArray[np.bool_]:
    """Whether a call is part of the one around it; calls that follow each other under one parent are not."""
    begins = (start >= outer_start - CLOCK_TOLERANCE) & ((start < outer_end) | (start == outer_start))
    known = (end != 0) & (outer_end != 0)
    return np.where(known, begins & (end <= outer_end + CLOCK_TOLERANCE), True)


def _find_duplicate_calls(keys: U64, ids: U64, unique: U64, wraps: npt.NDArray[np.bool_]) -> frozenset[int]:
    """Calls with the id of another, as when LiteLLM traces to two places; the one with the lowest key is kept."""
    if not keys.size:
        return frozenset()
    innermost = ~wraps[np.searchsorted(unique, keys)]
    pairs = np.unique(np.stack([ids[innermost], keys[innermost]], axis=1), axis=0)
    later = np.flatnonzero(pairs[1:, 0] == pairs[:-1, 0]) + 1
    return frozenset(int(key) for key in pairs[later, 1])
