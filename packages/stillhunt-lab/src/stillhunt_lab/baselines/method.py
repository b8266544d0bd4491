"""The interface of every method that is compared: the same tables in, one kind of result out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa


@dataclass(frozen=True)
class MethodResult:
    """The result of a method on a log.

    Attributes:
        scores: account -> how suspicious, higher is more; accounts that are absent or at 0 or below are not ranked.
        flagged: accounts that the method would act on, at its paper's threshold.
        groups: flagged account -> its group; flagged accounts may have none.
        harvest: request -> group, for the requests counted as harvested; None where the method names no requests: then
            all requests of flagged accounts count.
        reviews: groups that a person should look at.
    """

    scores: Mapping[str, float]
    flagged: frozenset[str]
    groups: Mapping[str, str] = field(default_factory=dict)
    harvest: Mapping[str, str] | None = None
    acts: int = 0
    reviews: int = 0


class MethodSettings:
    """What a method may use beside the log.

    Args:
        history: builds the requests of known honest traffic, for methods that need some; called once at most.
        sanctioned: organisations whose programmes the provider has declared.
    """

    def __init__(self, seed: int, history: Callable[[], pa.Table], sanctioned: tuple[str, ...] = ()) -> None:
        self.seed = seed
        self.sanctioned = sanctioned
        self._history = history

    @cached_property
    def history(self) -> pa.Table:
        """Requests of known honest traffic, of the same kind as the log, with none of its accounts."""
        return self._history()


Method = Callable[[pa.Table, pa.Table | None, MethodSettings], MethodResult]
"""requests, accounts (None where there is no such table), settings -> the result."""
