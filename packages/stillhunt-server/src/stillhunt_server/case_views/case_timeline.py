"""What happened about a campaign and when: its requests, its members, hunts, decisions, and when each was known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.wording import fill, sentences_beside
from stillhunt_server.case_views.campaign_profiles import Integers

BUCKETS_SHOWN = 96
"""Most bars of one lane. Judgement: on a phone each is still three pixels wide."""
_LENGTHS = tuple(
    timedelta(hours=hours) for hours in (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 1440, 2880, 8760, 87600)
)
"""Lengths of a bucket that a reader knows."""
_SAID: dict[str, str] = sentences_beside(__file__)["timeline"]
_MICROS = timedelta(microseconds=1)


@dataclass(frozen=True)
class TimelineLane:
    """One row of bars; `counts` has a number for each bucket, and `where` says of whom they are."""

    name: str
    where: str
    counts: tuple[int, ...]

    @property
    def most(self) -> int:
        """The largest number, at least 1."""
        return max(1, *self.counts)


@dataclass(frozen=True)
class CaseEvent:
    """One thing that happened."""

    # at, known_at: when it happened, and when stillhunt knew it; the same for what stillhunt and people did
    at: datetime
    known_at: datetime
    kind: str  # hunt, found, decision, replacement or work
    words: str
    href: str = ""  # where its rows are; "" for nowhere
    accounts: tuple[str, ...] = ()  # some of those that it is about
    stops: bool = False  # a decision that an operation may answer with other accounts
    decision: str = ""  # a decision in words, without what came of it


@dataclass(frozen=True)
class CaseTimeline:
    """Lanes over the same buckets, and events beside them."""

    starts: tuple[datetime, ...]  # beginning of each bucket, and the end of the last one
    lanes: tuple[TimelineLane, ...]
    marks: dict[str, tuple[int, ...]]  # events as bucket numbers, by kind, for those within the buckets
    events: tuple[CaseEvent, ...]
    earlier: int  # members that signed up before the first bucket

    @property
    def length(self) -> timedelta:
        """Of one bucket."""
        return self.starts[1] - self.starts[0]


def case_timeline(
    requests: pa.Table, members: pa.Table, events: Sequence[CaseEvent], bounds: tuple[datetime | None, datetime | None]
) -> CaseTimeline | None:
    """The timeline of a campaign and some of its members; None where the case has no time of either.

    How many members were active is counted from the first to the last request of each: it misleads where one paused.

    Args:
        requests: rows of TIMELINE of the campaign.
        members: the members, with first_seen, last_seen and created_at.
        bounds: since and until when; None for as long as there were requests, and half as long before for sign-ups.
    """
    first, last, signed = (_micros_of(members[name]) for name in ("first_seen", "last_seen", "created_at"))
    buckets = _micros_of(requests["bucket"])
    known = np.concatenate([buckets, first, last])
    if not len(known):
        return None
    begin, end = int(known.min()), int(known.max()) + 1
    early = signed[signed >= begin - (end - begin) // 2]
    begin = min(begin, int(early.min(initial=begin)))
    begin, end = (_micros(bound) if bound is not None else at for bound, at in zip(bounds, (begin, end), strict=True))
    edges = _bucket_edges(begin, max(end, begin + 1))
    whole, some = _SAID["campaign"], _SAID["members"]
    sent = np.histogram(buckets, edges, weights=requests["requests"].to_numpy())[0].astype(np.int64)
    began, ended = (_count_within(times, edges) for times in (first, last))
    before = np.searchsorted(np.sort(first), edges[1:]) - np.searchsorted(np.sort(last), edges[:-1])
    lanes = (
        TimelineLane("Requests", whole, tuple(sent.tolist())),
        TimelineLane("Members active", some, tuple(before.tolist())),
        TimelineLane("First requests", some, tuple(began.tolist())),
        TimelineLane("Last requests", some, tuple(ended.tolist())),
        TimelineLane("Sign-ups", some, tuple(_count_within(signed, edges).tolist())),
    )
    return CaseTimeline(
        starts=tuple(_moment(edge) for edge in edges.tolist()),
        lanes=lanes,
        marks={kind: _places_of(kind, events, edges) for kind in dict.fromkeys(one.kind for one in events)},
        events=tuple(sorted(events, key=lambda one: (one.at, one.words))),
        earlier=int((signed < edges[0]).sum()),
    )


def describe_newcomers(members: pa.Table, at: datetime) -> str:
    """How many members began after something was done about the campaign; "" where none did."""
    first = _micros_of(members["first_seen"])
    newcomers = int((first > _micros(at)).sum())
    return fill(_SAID["newcomers"], members=newcomers) if newcomers else ""


def _bucket_edges(begin: int, end: int) -> Integers:
    """Beginnings of equally long buckets from the one with the first moment on, and the end of the last."""
    for length in _LENGTHS:
        step = length // _MICROS
        start = begin // step * step
        if -(-(end - start) // step) <= BUCKETS_SHOWN or length == _LENGTHS[-1]:
            break
    return np.arange(start, end + step, step, dtype=np.int64)[: BUCKETS_SHOWN + 1]


def _count_within(times: Integers, edges: Integers) -> npt.NDArray[np.int64]:
    return np.histogram(times, edges)[0].astype(np.int64)


def _places_of(kind: str, events: Iterable[CaseEvent], edges: Integers) -> tuple[int, ...]:
    places = [int(np.searchsorted(edges, _micros(one.at), "right")) - 1 for one in events if one.kind == kind]
    return tuple(sorted({place for place in places if 0 <= place < len(edges) - 1}))


def _micros_of(column: pa.ChunkedArray) -> Integers:
    known = column.filter(pc.is_valid(column)).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return np.asarray(known.to_numpy(), np.int64)


def _micros(moment: datetime) -> int:
    return (moment - datetime.fromtimestamp(0, UTC)) // _MICROS


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
