"""The budget of queries: what one suspect may be asked, and what it was."""

from __future__ import annotations

import threading

from stillhunt import ConfigError


class QueryBudgetError(ConfigError):
    """The next query would exceed the budget; nothing was asked."""


class QueryBudget:
    """Counts queries, and refuses the one that would be too many.

    One prompt is one query, one scored pair is one query, and each repeated request is one more.

    Args:
        most: queries that may be asked.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._used = 0
        self._lock = threading.Lock()

    @classmethod
    def without_end(cls) -> QueryBudget:
        """A budget for models of one's own."""
        return cls(1 << 62)

    @property
    def used(self) -> int:
        """Queries that were asked."""
        return self._used

    @property
    def left(self) -> int:
        """Queries that may still be asked."""
        return self.most - self._used

    def spend(self, queries: int) -> None:
        """Count queries, before they are asked.

        Raises:
            QueryBudgetError: they would exceed the budget; none of them counts.
        """
        with self._lock:
            self.check(queries)
            self._used += queries

    def check(self, queries: int) -> None:
        """Refuse queries that would exceed the budget, and count none.

        Raises:
            QueryBudgetError: they would exceed the budget.
        """
        if queries > self.left:
            raise QueryBudgetError(
                f"{queries:,} more queries would exceed the budget of {self.most:,}, of which {self._used:,} are used",
                where="model.queries",
                next_step="set model.queries higher, if the suspect may be asked so much",
                command_step="raise --queries, if the suspect may be asked so much",
            )
