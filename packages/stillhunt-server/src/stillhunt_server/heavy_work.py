"""Work that needs the libraries of hunts, 110 MB of them, in a process that ends when nobody asks it for a minute.

The console is to be small all day, and few readers weigh a campaign again. While one does, each answer comes from a
process that has loaded them once; a second one helps while it is busy.
"""

from __future__ import annotations

import atexit
import pickle
import queue
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from stillhunt.base.errors import CaseError, StillhuntError

P = ParamSpec("P")
T = TypeVar("T")

UNASKED_SECONDS = 60.0
"""How long the process waits for further work. Judgement: a reader switches findings off one after the other."""
WORKERS = 2
"""Processes at most. Judgement: one slow answer keeps nobody waiting, and two of them take 360 MB while they run."""
FREE_SECONDS = 20.0
"""How long a call waits for one of them. Judgement: a reader who waits for longer reloads, and holds a thread."""
LONGEST_SECONDS = 300.0
"""After which a call is ended, so that none blocks a process for good. Judgement: the slowest seen takes seconds."""
_TRIES = 2
"""It may end by itself just when it is asked."""


class HeavyWork:
    """Calls functions in other processes, two at a time; any thread may ask, and waits."""

    def __init__(self) -> None:
        self._workers = [_Worker() for _ in range(WORKERS)]
        self._free: queue.LifoQueue[_Worker] = queue.LifoQueue()  # so that the one that runs is asked first
        for worker in self._workers:
            self._free.put(worker)

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function of a module returns there; arguments and result are pickled.

        Raises:
            StillhuntError: as the function does; a CaseError where the process ended, or all are busy for long.
            RuntimeError: the function failed by a fault of ours.
        """
        order = pickle.dumps((function, args, kwargs))
        try:
            worker = self._free.get(timeout=FREE_SECONDS)
        except queue.Empty:
            step = "load the page again in a minute"
            raise CaseError("other pages are being worked out", where="this page", next_step=step) from None
        try:
            answer = worker.answer(order)
        finally:
            self._free.put(worker)
        found: T
        found, error, unexpected = answer
        if unexpected:
            raise RuntimeError(unexpected)
        if error:
            raise error[0](error[1], where=error[2], next_step=error[3])
        return found

    def stop(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.end(for_good=True)


class _Worker:
    """One process, which is started when it is asked; asked by one thread at a time."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._ended = False  # for good

    def answer(self, order: bytes) -> Any:
        for _ in range(_TRIES):
            if self._ended:
                break
            limit = threading.Timer(LONGEST_SECONDS, self.end)
            limit.daemon = True
            limit.start()
            # EOFError, UnpicklingError: it ended within an answer; ValueError: its pipes were closed meanwhile
            with suppress(OSError, EOFError, ValueError, pickle.UnpicklingError):
                try:
                    return self._ask(order)
                finally:
                    limit.cancel()
            self.end()
        raise CaseError(
            "the process that works this page out has ended", where="this page", next_step="load the page again"
        )

    def end(self, *, for_good: bool = False) -> None:
        self._ended |= for_good
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            with suppress(OSError), child:  # what it was not asked any more is still to be written, and fails
                pass

    def _ask(self, order: bytes) -> Any:
        if self._child is None:
            words = [sys.executable, "-m", "stillhunt_server.heavy_work"]
            pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
            self._child = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=nowhere)  # noqa: S603 - our own module
        orders, answers = self._child.stdin, self._child.stdout
        assert orders is not None and answers is not None  # noqa: S101, PT018 - as asked for above
        orders.write(order)
        orders.flush()
        return pickle.load(answers)  # noqa: S301 - written by our own process


HEAVY_WORK = HeavyWork()
"""That of this process. It ends with this process, too, however that ends: its stdin is closed then."""
atexit.register(HEAVY_WORK.stop)


def main() -> None:
    """Do what stdin asks for, until it ends or is silent for long."""
    orders, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints would stand in an answer
    while select.select([orders], [], [], UNASKED_SECONDS)[0]:
        try:
            function, args, kwargs = pickle.load(orders)  # noqa: S301 - written by the process that started this one
        except EOFError:
            return
        if "pyarrow" in sys.modules:  # the order needs it
            from stillhunt.base.container_memory import keep_little_memory  # start-up time of others

            keep_little_memory()
        answers.write(_answer_order(function, args, kwargs))
        answers.flush()


def _answer_order(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """The result, pickled; an error of ours as kind and texts; of an unexpected one the kind, which quotes nothing."""
    try:
        return pickle.dumps((function(*args, **kwargs), None, ""))
    except StillhuntError as error:
        # the kind that base/errors.py has: others are made of other arguments
        kind = next(one for one in type(error).__mro__ if one.__module__ == StillhuntError.__module__)
        return pickle.dumps((None, (kind, error.what, error.where, error.next_step), ""))
    except Exception as error:  # the next order is answered
        return pickle.dumps((None, None, type(error).__name__))


if __name__ == "__main__":
    main()
