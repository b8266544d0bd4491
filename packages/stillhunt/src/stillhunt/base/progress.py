"""Progress of long steps: the command line shows bars, the library is silent."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]  # called with the number of units done since the last call


class Progress(Protocol):
    """Receives progress; `stage` opens one step and yields the function that advances it."""

    def stage(self, name: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        """Open one step, named in two or three words, of `total` units ("rows", "bytes"), None if unknown."""

    def note(self, text: str) -> None:
        """Tell the user one line, such as a column that is absent."""


class Silent:
    """Progress that shows nothing."""

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[Advance]:
        """Open a step that nobody watches."""
        del name, total, unit
        yield lambda _done: None

    def note(self, text: str) -> None:
        """Drop the line."""
        del text
