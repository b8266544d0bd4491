"""A connection to PostgreSQL that gives up a server that stays silent; psycopg itself would wait for ever."""

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

from stillhunt.watch.database.limits import PATIENCE

_Result = TypeVar("_Result")
_LOOK_SECONDS = 0.25
"""How often a wait looks at the clock."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection whose waits end."""

    silent_seconds: float = PATIENCE.silent_seconds  # longest time without a byte of the server

    def wait(self, gen: Generator[Any, Any, _Result], *_interval: Any, **_named: Any) -> _Result:
        """Wait for what psycopg does.

        `gen`: does it, and yields whenever it has to wait for the network. Raises OperationalError: the server was
        silent for too long; the connection is closed then.
        """
        return super().wait(self._until_silent(gen), _LOOK_SECONDS)

    def _until_silent(self, gen: Generator[Any, Any, _Result]) -> Generator[Any, Any, _Result]:
        try:
            wanted = next(gen)
            heard = time.monotonic()
            while True:
                ready = yield wanted
                if ready:
                    heard = time.monotonic()
                elif time.monotonic() - heard > self.silent_seconds:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server was silent for {self.silent_seconds:.0f} seconds")
                wanted = gen.send(ready)
        except StopIteration as done:
            result: _Result = done.value
            return result
