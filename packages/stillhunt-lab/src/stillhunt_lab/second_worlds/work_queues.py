"""How a work queue hands out its items: leases with visibility timeouts, work stealing, or token buckets.

A small discrete-event simulation: workers wake, fetch items and process them. An item that a worker drops returns to
the queue, and another worker does it.
"""

import heapq
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from stillhunt.tools import DAY, HOUR, MINUTE, SECOND
from stillhunt_lab.arrays import Array
from stillhunt_lab.second_worlds.spec import START

DISCIPLINES = ("lease", "steal", "bucket")


@dataclass(frozen=True)
class QueueRules:
    """How the queue hands out its items.

    Args:
        discipline: "lease" (a worker takes a few items, which stay hidden from others until done or timed out), "steal"
            (each worker has a share of its own and takes from the fullest one when idle) or "bucket" (single items at
            one common rate).
        start: microseconds at which the first batch drops.
        stop: microseconds after which nobody works.
        drop_hours: hours between two batches of new items.
        lease: most items fetched at once.
        service: mean seconds for one item.
        jitter: spread of the pauses between fetches (standard deviation of their logarithm).
        crash: chance that a worker drops the rest of a lease.
        stills: pauses of the whole queue, as (from, to) in microseconds.
    """

    discipline: str
    start: int
    stop: int
    drop_hours: float
    batch: int
    lease: int = 4
    service: float = 20.0
    jitter: float = 0.6
    crash: float = 0.02
    stills: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Shifts:
    """When each worker may work.

    Args:
        hours: whether a worker is open in each UTC hour of the log, shape (workers, hours).
        quota: most items a day of each worker, shape (workers,).
        since: microseconds from which it works, shape (workers,).
        until: microseconds from which it does not, shape (workers,).
        banned: whether its end is a ban, which it notices by refused calls, shape (workers,).
    """

    hours: Array
    quota: Array
    since: Array
    until: Array
    banned: Array


@dataclass
class Served:
    """The calls that a queue led to, one entry each.

    `status`: 200, or 403 where a banned worker was refused, shape (n,).
    """

    worker: Array
    time: Array
    item: Array
    status: Array


@dataclass
class _RunningQueue:
    """The queue while it runs."""

    rules: QueueRules
    workers: int
    ready: list[tuple[int, float, int]] = field(default_factory=list)
    hidden: list[tuple[int, int]] = field(default_factory=list)
    own: list[deque[int]] = field(default_factory=list)
    dropped: int = 0
    bucket_free: int = 0

    def refill(self, rng: np.random.Generator, now: int) -> None:
        """Add the batches that are due, and return items whose lease timed out."""
        while self.rules.start + int(self.dropped * self.rules.drop_hours * HOUR) <= now:
            first = self.dropped * self.rules.batch
            items = range(first, first + self.rules.batch)
            if self.rules.discipline == "steal":
                home = rng.integers(0, self.workers, self.rules.batch).tolist()
                for item, worker in zip(items, home, strict=True):
                    self.own[worker].append(item)
            else:
                for item, luck in zip(items, rng.random(self.rules.batch).tolist(), strict=True):
                    heapq.heappush(self.ready, (1, luck, item))
            self.dropped += 1
        while self.hidden and self.hidden[0][0] <= now:
            self.give_back(heapq.heappop(self.hidden)[1])

    def give_back(self, item: int) -> None:
        """Put an item that was not done at the front."""
        if self.rules.discipline == "steal":
            self.own[item % self.workers].appendleft(item)
        else:
            heapq.heappush(self.ready, (0, 0.0, item))

    def fetch(self, worker: int, most: int) -> list[int]:
        """Up to `most` items for a worker."""
        if self.rules.discipline != "steal":
            return [heapq.heappop(self.ready)[2] for _ in range(min(most, len(self.ready)))]
        mine = self.own[worker]
        if not mine:
            fullest = max(range(self.workers), key=lambda other: len(self.own[other]))
            mine.extend(self.own[fullest].pop() for _ in range(len(self.own[fullest]) // 2))
        return [mine.popleft() for _ in range(min(most, len(mine)))]


def run_queue(rng: np.random.Generator, rules: QueueRules, shifts: Shifts) -> Served:
    """Run a work queue from its start to its end.

    Returns calls by time of fetching.
    """
    workers = len(shifts.quota)
    running = _RunningQueue(rules, workers, own=[deque() for _ in range(workers)])
    since, until = np.maximum(shifts.since, rules.start), np.minimum(shifts.until, rules.stop)
    open_hours = shifts.hours.sum(1) / max(shifts.hours.shape[1], 1) * 24
    pause = (np.maximum(open_hours, 1) * HOUR / shifts.quota).tolist()
    quota, banned = shifts.quota.tolist(), shifts.banned.tolist()
    day_of, done_today, refused = [-1] * workers, [0] * workers, [0] * workers
    spread = rng.uniform(0.0, 1.0, workers)
    agenda = [(int(since[w] + spread[w] * pause[w]), w) for w in range(workers)]
    heapq.heapify(agenda)
    rows: list[tuple[int, int, int, int]] = []
    while agenda:
        now, worker = heapq.heappop(agenda)
        if now >= until[worker]:
            if banned[worker] and now < rules.stop and refused[worker] < 3:
                running.refill(rng, now)
                refused[worker] += 1
                for item in running.fetch(worker, 1):  # refused, and done by another one minutes later
                    rows.append((worker, now, item, 403))
                    heapq.heappush(running.hidden, (now + int(rng.exponential(4 * MINUTE)), item))
                heapq.heappush(agenda, (now + int(rng.exponential(3 * MINUTE)) + SECOND, worker))
            continue
        wake = _next_open(now, rules, shifts.hours[worker])
        if rules.discipline == "bucket" and running.bucket_free > now:  # no token yet
            wake = max(wake, running.bucket_free)
        if wake > now:
            late = 2 * MINUTE if wake == running.bucket_free else HOUR // 2
            heapq.heappush(agenda, (wake + int(rng.exponential(late)), worker))
            continue
        day = (now - START) // DAY
        if day != day_of[worker]:
            day_of[worker], done_today[worker] = day, 0
        left = quota[worker] - done_today[worker]
        if left <= 0:
            heapq.heappush(agenda, (START + (day + 1) * DAY + int(rng.random() * HOUR), worker))
            continue
        running.refill(rng, now)
        taken, now = _process_queue_items(rng, running, worker, now, min(rules.lease, left), rows)
        done_today[worker] += taken
        rest = pause[worker] * max(taken, 1) * float(rng.lognormal(-(rules.jitter**2) / 2, rules.jitter))
        heapq.heappush(agenda, (now + int(rest) + SECOND, worker))
    made = np.array(rows, np.int64).reshape(-1, 4)
    return Served(made[:, 0], made[:, 1], made[:, 2], made[:, 3])


def _process_queue_items(
    rng: np.random.Generator,
    running: _RunningQueue,
    worker: int,
    now: int,
    most: int,
    rows: list[tuple[int, int, int, int]],
) -> tuple[int, int]:
    """Fetch items and do them one after another.

    Returns how many items were taken, and when the worker is free again, microseconds.
    """
    rules = running.rules
    if rules.discipline == "bucket":
        most = 1
    items = running.fetch(worker, most)
    if items and rules.discipline == "bucket":
        # The common rate lets a batch through in nine tenths of the time between two batches.
        running.bucket_free = now + int(rng.exponential(0.9 * rules.drop_hours * HOUR / rules.batch))
    for place, item in enumerate(items):
        if now >= rules.stop:
            return place, now
        rows.append((worker, now, item, 200))
        now += int(rules.service * float(rng.gamma(2.0, 0.5)) * SECOND) + SECOND
        if rng.random() < rules.crash:
            lost = items[place + 1 :]
            if rng.random() < 0.2:
                lost.append(item)  # the receipt was lost: at-least-once delivery does it again elsewhere
            for undone in lost:
                heapq.heappush(running.hidden, (now + 10 * MINUTE, undone))
            return place + 1, now + int(rng.exponential(20 * MINUTE))
    return len(items), now


def _next_open(now: int, rules: QueueRules, hours: Array) -> int:
    """The given moment if the worker is open then, else the start of its next open hour."""
    for first, last in rules.stills:
        if first <= now < last:
            return last
    hour = (now - START) // HOUR
    if hour >= len(hours) or hours[hour]:
        return now
    ahead = np.flatnonzero(hours[hour:])
    return START + (hour + int(ahead[0])) * HOUR if len(ahead) else rules.stop
