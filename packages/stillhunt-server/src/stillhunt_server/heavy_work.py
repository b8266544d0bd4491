"""Work that needs the libraries of hunts, 110 MB of them, in a process that ends when nobody asks it for a minute.

The console is to be small all day, and few readers weigh a campaign again. While one does, each answer comes from a
process that has loaded them once.
"""

from __future__ import annotations

import atexit
import pickle
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
_TRIES = 2
"""It may end by itself just when it is asked."""


class HeavyWork:
    """Calls functions in another process, one at a time; any thread may ask, and waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function of a module returns there; arguments and result are pickled.

        Raises:
            StillhuntError: as the function does; a CaseError where the process ended.
            RuntimeError: the function failed by a fault of ours.
        """
        order, answer = pickle.dumps((function, args, kwargs)), None
        with self._lock:
            for _ in range(_TRIES):
                with suppress(OSError, EOFError, pickle.UnpicklingError):  # the last: it ended within an answer
                    answer = self._ask(order)
                    break
                self._end()
        if answer is None:
            raise CaseError(
                "the process that works this page out has ended", where="this page", next_step="load the page again"
            )
        found: T
        found, error, unexpected = answer
        if unexpected:
            raise RuntimeError(unexpected)
        if error:
            raise error[0](error[1], where=error[2], next_step=error[3])
        return found

    def stop(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

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

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            with suppress(OSError), self._child:  # what it was not asked any more is still to be written, and fails
                pass
            self._child = None


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
