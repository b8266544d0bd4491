"""Several tasks at once, ahead of the reader; their items come in the order of the tasks, and few items wait."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class _Task(Generic[T]):
    """One task: the iterator that makes its items, and the items that wait to be read."""

    items: Iterator[T]
    made: deque[T] = field(default_factory=deque)
    busy: bool = False
    ended: bool = False
    error: BaseException | None = None


class _Queue(Generic[T]):
    """The open tasks in their order; every field is changed only while `changed` is held."""

    def __init__(self, tasks: Iterable[Callable[[], Iterator[T]]], limit: int) -> None:
        self._coming = iter(tasks)
        self._limit = limit
        self._taken = 0
        self._open: deque[_Task[T]] = deque()
        self._all_open = False
        self.stopped = False
        self.changed = threading.Condition()

    def work(self) -> None:
        """Make items until none are left to make; each thread runs this."""
        while (task := self._claim()) is not None:
            item: T | None = None
            ended, error = False, None
            try:
                item = next(task.items)
            except StopIteration:
                ended = True
            except BaseException as caught:  # the reader raises it in its own thread
                ended, error = True, caught
            with self.changed:
                task.busy, task.ended, task.error = False, ended, error
                if ended:
                    self._taken -= 1
                else:
                    task.made.append(item)  # type: ignore[arg-type]  # made above, T may be optional itself
                del item
                self.changed.notify_all()

    def _claim(self) -> _Task[T] | None:
        """The first task that no thread works on; None when there will be none."""
        with self.changed:
            while not self.stopped:
                # A free place goes to the first task in order, so the task that is being read never starves.
                if self._taken < self._limit:
                    idle = next((s for s in self._open if not s.busy and not s.ended), None) or self._open_next()
                    if idle is not None:
                        idle.busy = True
                        self._taken += 1
                        return idle
                if self._all_open and all(s.ended for s in self._open):
                    return None
                self.changed.wait()
            return None

    def _open_next(self) -> _Task[T] | None:
        if self._all_open or len(self._open) >= self._limit:
            return None
        try:
            items = next(self._coming)()
        except StopIteration:
            self._all_open = True
            self.changed.notify_all()
            return None
        except BaseException as caught:  # as above
            self._all_open = True
            self._open.append(_Task(iter(()), ended=True, error=caught))
            self.changed.notify_all()
            return None
        self._open.append(_Task(items))
        return self._open[-1]

    def read(self) -> Iterator[T]:
        """All items in order."""
        while True:
            with self.changed:
                while not (self._open and (self._open[0].made or self._open[0].ended)):
                    if not self._open and self._all_open:
                        return
                    self.changed.wait()
                first = self._open[0]
                if first.made:
                    item = first.made.popleft()
                    self._taken -= 1
                else:
                    self._open.popleft()
                    if first.error is not None:
                        raise first.error
                    self.changed.notify_all()
                    continue
                self.changed.notify_all()
            yield item
            del item


def in_parallel(tasks: Iterable[Callable[[], Iterator[T]]], workers: int) -> Iterator[T]:
    """Items of all tasks in order, made by several threads.

    Args:
        tasks: each gives an iterator of items, which one thread at a time advances; taken lazily, in order.
        workers: number of threads; at most this number plus one of items are being made or wait to be read.
    """
    queue = _Queue(tasks, workers + 1)
    threads = [threading.Thread(target=queue.work, name=f"stillhunt-ahead-{n}", daemon=True) for n in range(workers)]
    for thread in threads:
        thread.start()
    try:
        yield from queue.read()
    finally:
        with queue.changed:
            queue.stopped = True
            queue.changed.notify_all()
        for thread in threads:
            thread.join()
