"""What a model may be asked: queries and money."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from stillhunt import ConfigError


class QueryBudgetError(ConfigError):
    """The next query would exceed the budget; nothing was asked."""


@dataclass(frozen=True)
class TokenPrice:
    """What an endpoint costs, and what may be spent."""

    # prompt, answer: US dollars for a million tokens
    prompt: float
    answer: float
    most: float  # US dollars; those of the queries that are under way when it is reached may be more

    def cost(self, prompt_tokens: float, answer_tokens: float) -> float:
        """US dollars of so many tokens."""
        return (prompt_tokens * self.prompt + answer_tokens * self.answer) / 1e6


class QueryBudget:
    """Counts queries and money, and refuses the query that would be too much.

    One prompt is one query, one scored pair is one query, and each repeated request is one more, but for those that an
    endpoint refused only because they came too soon.
    """

    def __init__(self, most: int, price: TokenPrice | None = None) -> None:
        self.most, self.price = most, price
        self.spent = 0.0
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

    @property
    def is_spent(self) -> bool:
        """Whether the limit of money is reached."""
        return self.price is not None and self.spent >= self.price.most

    def spend(self, queries: int) -> None:
        """Count queries, before they are asked.

        Raises QueryBudgetError: they would exceed the budget; none of them counts.
        """
        with self._lock:
            self.check(queries)
            self._used += queries

    def take_back(self) -> None:
        """Do not count a query that was refused because it came too soon."""
        with self._lock:
            self._used -= 1

    def charge(self, prompt_tokens: float, answer_tokens: float) -> None:
        """Count the money of one query that was answered."""
        if self.price is not None:
            with self._lock:
                self.spent += self.price.cost(prompt_tokens, answer_tokens)

    def check(self, queries: int) -> None:
        """Refuse queries that would exceed the budget, and count none.

        Raises QueryBudgetError: they would exceed the budget.
        """
        if self.price is not None and self.is_spent:
            raise QueryBudgetError(
                f"the limit of {self.price.most:,.2f} USD is reached: {self.spent:,.2f} USD were spent",
                where="suspect",
                next_step="allow more money, if the suspect is worth it",
                command_step="raise --max-usd, if the suspect is worth it",
            )
        if queries > self.left:
            raise QueryBudgetError(
                f"{queries:,} more queries would exceed the budget of {self.most:,}, of which {self._used:,} are used",
                where="model.queries",
                next_step="set model.queries higher, if the suspect may be asked so much",
                command_step="raise --queries, if the suspect may be asked so much",
            )
