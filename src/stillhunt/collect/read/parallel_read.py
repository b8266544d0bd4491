"""Work ahead of the reader: several stretches of a log at once, handed on in their order, a bounded number waiting."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class _Stretch(Generic[T]):
    """One stretch: what makes its items, and those made and not yet handed on."""

    items: Iterator[T]
    made: deque[T] = field(default_factory=deque)
    busy: bool = False
    ended: bool = False
    error: BaseException | None = None


class _Line(Generic[T]):
    """The stretches at work in their order; every field is changed under `changed` only."""

    def __init__(self, stretches: Iterable[Callable[[], Iterator[T]]], limit: int) -> None:
        self._coming = iter(stretches)
        self._limit = limit
        self._taken = 0
        self._open: deque[_Stretch[T]] = deque()
        self._all_open = False
        self.stopped = False
        self.changed = threading.Condition()

    def work(self) -> None:
        """Make items until there is nothing left to make; run by each thread."""
        while (stretch := self._claim()) is not None:
            item: T | None = None
            ended, error = False, None
            try:
                item = next(stretch.items)
            except StopIteration:
                ended = True
            except BaseException as caught:  # handed to the reader, who raises it in its own thread
                ended, error = True, caught
            with self.changed:
                stretch.busy, stretch.ended, stretch.error = False, ended, error
                if ended:
                    self._taken -= 1
                else:
                    stretch.made.append(item)  # type: ignore[arg-type]  # made above, T may be optional itself
                del item
                self.changed.notify_all()

    def _claim(self) -> _Stretch[T] | None:
        """The first stretch that waits for a hand; None when there will be none."""
        with self.changed:
            while not self.stopped:
                # A place that becomes free goes to the first stretch in order, so the one read now never starves.
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

    def _open_next(self) -> _Stretch[T] | None:
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
            self._open.append(_Stretch(iter(()), ended=True, error=caught))
            self.changed.notify_all()
            return None
        self._open.append(_Stretch(items))
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


def ahead(stretches: Iterable[Callable[[], Iterator[T]]], workers: int) -> Iterator[T]:
    """Items of all stretches in order, made by several threads.

    Args:
        stretches: each gives its items one by one; one thread at a time asks it. Asked for lazily, in order.
        workers: threads; at most one item more than these is being made or waits to be read.
    """
    line = _Line(stretches, workers + 1)
    threads = [threading.Thread(target=line.work, name=f"stillhunt-ahead-{n}", daemon=True) for n in range(workers)]
    for thread in threads:
        thread.start()
    try:
        yield from line.read()
    finally:
        with line.changed:
            line.stopped = True
            line.changed.notify_all()
        for thread in threads:
            thread.join()
