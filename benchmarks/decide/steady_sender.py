"""Requests at a steady rate over HTTP/1.1, each of which is timed, and none of which waits for another's answer."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from dataclasses import dataclass, field

CONNECTIONS = 32


@dataclass
class Sent:
    """What came of requests: how long each took in milliseconds, and how many got each status; 0: no answer."""

    took: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def percentiles(self) -> tuple[float, float]:
        """Median and 99th percentile, milliseconds."""
        ordered = sorted(self.took)
        return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]

    def add(self, other: Sent) -> None:
        """Take another's requests, too."""
        self.took += other.took
        self.statuses += other.statuses


class Sender:
    """Requests over a few connections; one that finds none free waits, and its time counts."""

    def __init__(self, request: bytes, end: bytes) -> None:
        self.request, self.end, self.sent = request, end, Sent()
        self.idle: list[Connection] = []
        self.waiting: deque[float] = deque()

    def send(self) -> None:
        """One more request."""
        now = time.perf_counter()
        if self.idle:
            self.idle.pop().ask(now)
        else:
            self.waiting.append(now)


class Connection(asyncio.Protocol):
    """One connection of the sender, with one request at a time."""

    def __init__(self, sender: Sender) -> None:
        self._sender, self._begun, self._came = sender, 0.0, b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is free."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - says so to the type checker
        self.transport = transport
        self._sender.idle.append(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """The request in it, if any, is lost."""
        if self._begun:
            self._sender.sent.statuses[0] += 1
        elif self in self._sender.idle:
            self._sender.idle.remove(self)

    def ask(self, begun: float) -> None:
        """Send a request that began to wait at a time."""
        self._begun, self._came = begun, b""
        if self.transport is not None:
            self.transport.write(self._sender.request)

    def data_received(self, data: bytes) -> None:
        """Take the answer."""
        self._came += data
        if not self._came.endswith(self._sender.end):
            return
        sent = self._sender.sent
        sent.took.append((time.perf_counter() - self._begun) * 1000)
        sent.statuses[int(self._came[9:12])] += 1
        self._begun = 0.0
        if self._sender.waiting:
            self.ask(self._sender.waiting.popleft())
        else:
            self._sender.idle.append(self)


async def send_steadily(port: int, request: bytes, rate: float, seconds: float, end: bytes = b"\r\n\r\n{}") -> Sent:
    """Send one request again and again, at times that are independent of the answers.

    Args:
        port: on 127.0.0.1.
        request: its bytes.
        rate: requests a second; the times between them are exponential, as of many customers.
        seconds: for how long.
        end: by which the end of each answer is known.
    """
    sender, loop, chance = Sender(request, end), asyncio.get_running_loop(), random.Random(1)  # noqa: S311 - no secret
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Connection(sender), "127.0.0.1", port)
    connections = list(sender.idle)
    now = begun = loop.time()
    while now < begun + seconds:
        now += chance.expovariate(rate)
        if (wait := now - loop.time()) > 0:
            await asyncio.sleep(wait)
        sender.send()
    await asyncio.sleep(0.5)
    sender.sent.statuses[0] += len(sender.waiting)
    for one in connections:
        if one.transport is not None:
            one.transport.abort()
    await asyncio.sleep(0.05)
    return sender.sent
