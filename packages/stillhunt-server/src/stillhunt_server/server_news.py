"""What pages tell of the server that they belong to, which may be another process than the one that makes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import msgspec

from stillhunt.watch.service_faults import ServiceFaults

if TYPE_CHECKING:  # hunts bring 150 MB of libraries, which a process that only shows pages does without
    from stillhunt.watch.schedule import HuntSchedule
    from stillhunt_server.receiving.traffic import Limits, Traffic


@dataclass(frozen=True)
class HuntNews:
    """What hunts do."""

    running_since: float | None = None  # when the hunt began that runs, Unix time; None where none does
    next_at: float = 0.0  # when the next one begins, Unix time; 0 where that is not known
    failures: int = 0  # hunts that failed since the last success
    failure: str = ""  # why the latest one failed


@dataclass(frozen=True)
class TrafficNews:
    """What arrives."""

    records: Mapping[str, int]  # source -> records since the start
    refused: Mapping[str, int]  # source and reason -> what was refused since the start
    problems: Mapping[str, str]  # source -> why nothing comes from its broker
    last_at: float | None = None  # when the latest record came, Unix time; None where none did
    full: str = ""  # why nothing more is accepted now; "" where it is


@dataclass(frozen=True)
class ServerNews:
    """What a server tells its pages."""

    hunts: HuntNews | None = None  # None where this server does not hunt
    traffic: TrafficNews | None = None  # None where it receives nothing
    faults: Mapping[str, str] = field(default_factory=dict)  # what does not work now: name -> statement


def news_of(
    schedule: HuntSchedule | None, traffic: Traffic | None, limits: Limits | None, faults: ServiceFaults
) -> ServerNews:
    """The news of a server as it is now.

    Args:
        schedule, traffic, limits: None where this server has no such part.
    """
    hunts = received = None
    if schedule is not None:
        now = schedule.progress
        failure = now.last.failure if now.last is not None and now.failures else ""
        hunts = HuntNews(now.running_since, now.next_at, now.failures, failure)
    if traffic is not None:
        full = limits.full() if limits is not None else ""
        refused = {" ".join(key): count for key, count in traffic.refused.items()}
        received = TrafficNews(dict(traffic.records), refused, dict(traffic.problems), traffic.last_at, full)
    return ServerNews(hunts, received, {one.name: one.statement for one in faults.current()})


def news_text(news: ServerNews) -> str:
    """News as one line, which `read_news` reads."""
    return json.dumps(asdict(news))  # msgspec writes no halves of characters, which names of sources may have


def read_news(line: str) -> ServerNews:
    """News of a line that `news_text` made."""
    return msgspec.convert(json.loads(line), ServerNews)
