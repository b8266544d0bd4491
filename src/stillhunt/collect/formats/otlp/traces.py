"""What is learnt of all spans before rows are made of any: which spans stand around which, and what they say of a call.

Kept of a span are 32 bytes, and its user, session and client where it names any, so that ten million spans take some
hundred MB.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from stillhunt.collect.formats.otlp.dialects import GROUPS, MAKER, OPERATIONS, model_group, operation
from stillhunt.collect.formats.otlp.entry import Attributes, Entry
from stillhunt.collect.formats.otlp.otlp_identity import CALL_IDS, NOWHERE, PLACES, Place, call_id_of, place_of

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
MOST_SPANS = 1 << 25
"""Spans of which the place in their trace is kept; spans after them are read by themselves."""
MOST_PLACES = 1 << 22
"""Spans whose user, session and client are kept."""
MOST_NAMES = 1 << 20
LEARNT = PLACES | OPERATIONS | GROUPS | frozenset(CALL_IDS)
"""Attributes that anything is learnt from."""
FARTHEST = 32
"""Spans up to which one is looked for around a call."""
USERS_OF_A_TENANT = 50
"""Mean number of users in a service.namespace up to which a namespace is a customer; more are users of one service."""
LATER = 10_000_000
"""Nanoseconds by which a span may begin before, or end after, the span that it lies in: clocks of two processes."""
_LAST = (1 << 63) - 1
_SPREAD, _MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1
"""Ids that are counted up, as tests and some tracers make them, shall not meet."""
_NONE = -1


def span_key(trace: bytes, span: bytes) -> int:
    """A span as 64 bits."""
    return (int.from_bytes(span) + int.from_bytes(trace[8:]) * _SPREAD) & _MASK


class Customers:
    """Whether the accounts of a log stand in service.namespace; told of each call and of each user."""

    def __init__(self) -> None:
        self._namespaces: set[str] = set()
        self._users: set[str] = set()

    def note(self, entry: Entry, user: str | None, *, called: bool) -> None:
        """Take a span or log record into account."""
        namespace = entry.resource.get("service.namespace")
        if called and isinstance(namespace, str) and namespace and len(self._namespaces) < MOST_NAMES:
            self._namespaces.add(namespace)
        if user and len(self._users) < MOST_NAMES:
            self._users.add(user)

    def are_namespaces(self) -> bool:
        """Whether there are several namespaces, with few users each."""
        return len(self._namespaces) > 1 and len(self._users) <= USERS_OF_A_TENANT * len(self._namespaces)


@dataclass
class Traces:
    """All spans, by key.

    Attributes:
        keys: of all spans, sorted, each once.
        around: index of the span around each, -1 where it is not in the log.
        called: whether it is a model call.
        wraps: whether a model call stands, and lies in time, within it as a model call.
        repeated: key -> how often the span was read so far, of spans that the log holds several times.
        told_twice: keys of calls of which the log has another span with the same id of LiteLLM.
        places: key -> what the span says of calls within it.
        groups: LiteLLM's name of a model -> the one name that clients have for it.
        tenants: whether the account stands in service.namespace.
        beyond: spans that were too many to be kept.
    """

    keys: U64
    around: npt.NDArray[np.int64]
    called: npt.NDArray[np.bool_]
    wraps: npt.NDArray[np.bool_]
    repeated: dict[int, list[int]]
    told_twice: frozenset[int]
    places: dict[int, Place] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    tenants: bool = False
    beyond: int = 0
    _view: memoryview[int] | None = None

    def index(self, key: int) -> int:
        """Index of a span, -1 where it was not kept."""
        if self._view is None:
            self._view = self.keys.data
        found = bisect_left(self._view, key)  # of one number this is quicker than numpy
        return found if found < len(self._view) and self._view[found] == key else _NONE

    def outer(self, index: int) -> Place:
        """What the spans around one say, the nearest first."""
        place = NOWHERE
        for _ in range(FARTHEST):
            index = int(self.around[index])
            if index == _NONE:
                break
            found = self.places.get(int(self.keys[index])) if self.places else None
            if found is not None:
                if self.called[index] and not self.wraps[index]:
                    # Another call, that came before: its user is this one's, its answer is not.
                    found = found._replace(edge=None, status=None)
                place = place.within(found)
        return place

    def is_beyond(self, trace: bytes, span: bytes) -> bool:
        """Whether a span was one too many to be kept."""
        return self.beyond > 0 and bool(trace and span) and self.index(span_key(trace, span)) == _NONE

    def is_no_call(self, trace: bytes, span: bytes) -> bool:
        """Whether a span is known to be no model call."""
        index = self.index(span_key(trace, span)) if trace and span else _NONE
        return index != _NONE and not self.called[index]

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
        entries: of all inputs, with those of their attributes that are LEARNT; log records are passed by.
    """
    keys, parents, kinds = array("Q"), array("Q"), bytearray()
    calls, ids, starts, ends = array("Q"), array("Q"), array("Q"), array("Q")
    places: dict[int, Place] = {}
    words: dict[str | None, str | None] = {}
    customers = Customers()
    groups: dict[str, str | None] = {}
    beyond = 0
    for entry in entries:
        trace, span, attributes = entry.trace, entry.span, entry.attributes
        if entry.log or not trace or not span:
            continue
        if len(keys) >= MOST_SPANS:
            beyond += 1
            continue
        key = span_key(trace, span)
        keys.append(key)
        parents.append(span_key(trace, entry.parent) if entry.parent else key)
        starts.append(entry.start if entry.start < _LAST else _LAST)
        ends.append(entry.end if entry.end < _LAST else _LAST)
        if LEARNT.isdisjoint(attributes):  # most spans of the services around a call
            kinds.append(False)
            continue
        called = operation(attributes) is not None
        kinds.append(called)
        place = place_of(attributes)
        if place is not NOWHERE and place != NOWHERE and len(places) < MOST_PLACES:
            places[key] = Place(*[_shared(words, word) if word.__class__ is str else word for word in place])
        if called or place.user:
            customers.note(entry, place.user, called=called)
        if MAKER in attributes:
            _note_group(groups, attributes)
        call = call_id_of(attributes) if called else None
        if call is not None:
            calls.append(key)
            ids.append(int.from_bytes(blake2b(call.encode("utf-8", "replace"), digest_size=8).digest()))
    traces = _arranged(
        numbers(keys), numbers(parents), kinds, (numbers(starts), numbers(ends)), (numbers(calls), numbers(ids))
    )
    traces.places, traces.tenants, traces.beyond = places, customers.are_namespaces(), beyond
    traces.groups = {maker: group for maker, group in groups.items() if group is not None}
    return traces


def _note_group(groups: dict[str, str | None], attributes: Attributes) -> None:
    """Keep what LiteLLM's clients call a model of some maker; None where they have several names for it."""
    maker, group = attributes.get(MAKER), model_group(attributes)
    if isinstance(maker, str) and group is not None and len(groups) < MOST_NAMES:
        groups[maker] = group if groups.get(maker, group) == group else None


def _shared(words: dict[str | None, str | None], word: str) -> str | None:
    """The same word once in memory."""
    return words.setdefault(word, word) if len(words) < MOST_NAMES else word


def numbers(values: array[int]) -> U64:
    """What was gathered, without a copy."""
    return np.frombuffer(values, np.uint64) if len(values) else np.zeros(0, np.uint64)


def _arranged(
    keys: U64,
    parents: U64,
    kinds: bytearray,
    times: tuple[U64, U64],
    ids: tuple[U64, U64],
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
    wraps = _wrapping(around, called, *(of[first_at].astype(np.int64) for of in times))
    again = np.flatnonzero(counts > 1)
    repeated = {int(unique[i]): [int(counts[i]), 0] for i in again}
    twice = _told_twice(*ids, unique, wraps)
    return Traces(unique, around, called, wraps, repeated, twice)


def _wrapping(around: I64, called: npt.NDArray[np.bool_], starts: I64, ends: I64) -> npt.NDArray[np.bool_]:
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
    good = ~circles & (at == _NONE)
    for above in met[good].T:
        there = (above != _NONE) & called[above]
        inner, outer = start[good][there], above[there]
        wraps[outer[_lies_within(starts[inner], ends[inner], starts[outer], ends[outer])]] = True
    return wraps


def _lies_within(start: I64, end: I64, outer_start: I64, outer_end: I64) -> npt.NDArray[np.bool_]:
    """Whether a call is part of the one around it: calls one after the other, chained by their caller, are not."""
    begins = (start >= outer_start - LATER) & ((start < outer_end) | (start == outer_start))
    told = (end != 0) & (outer_end != 0)
    return np.where(told, begins & (end <= outer_end + LATER), True)


def _told_twice(keys: U64, ids: U64, unique: U64, wraps: npt.NDArray[np.bool_]) -> frozenset[int]:
    """Calls that have the id of another, as where LiteLLM traces to two places; the one with the lowest key stays."""
    if not keys.size:
        return frozenset()
    alone = ~wraps[np.searchsorted(unique, keys)]
    pairs = np.unique(np.stack([ids[alone], keys[alone]], axis=1), axis=0)
    later = np.flatnonzero(pairs[1:, 0] == pairs[:-1, 0]) + 1
    return frozenset(int(key) for key in pairs[later, 1])
