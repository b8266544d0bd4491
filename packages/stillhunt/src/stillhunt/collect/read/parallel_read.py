"""Several tasks at once, ahead of the reader; their items come in the order of the tasks, and few items wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
_END: Any = object()


def in_parallel(tasks: Iterable[Callable[[], Iterator[T]]], workers: int) -> Iterator[T]:
    """Items of all tasks in order, made by several threads.

    Args:
        tasks: each gives an iterator of items, which one thread at a time advances; taken lazily, in order.
        workers: number of threads; at most this number plus one of items are being made or wait to be read.
    """
    coming = iter(tasks)
    ahead: deque[tuple[Iterator[T], Future[T]]] = deque()
    pool = ThreadPoolExecutor(workers, "stillhunt-ahead")
    try:
        while True:
            while len(ahead) <= workers and (opened := _open_next(coming, pool)) is not None:
                ahead.append(opened)
            if not ahead:
                return
            items, made = ahead[0]
            item = made.result()
            if item is _END:
                ahead.popleft()
                continue
            ahead[0] = items, pool.submit(next, items, _END)
            del made
            yield item
            del item
    finally:
        pool.shutdown(cancel_futures=True)


def _open_next(
    coming: Iterator[Callable[[], Iterator[T]]], pool: ThreadPoolExecutor
) -> tuple[Iterator[T], Future[T]] | None:
    """The next task with its first item; where it cannot be had, an item that raises the error in its turn."""
    try:
        task = next(coming, None)
        if task is None:
            return None
        items = task()
    except Exception as error:
        failed: Future[T] = Future()
        failed.set_exception(error)
        return iter(()), failed
    return items, pool.submit(next, items, _END)
