"""Rows by account in bounded memory, whoever chooses the accounts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping

MOST_ACCOUNTS = 1 << 16
"""Accounts that are counted, some 10 MB. Judgement: a log with more accounts whose rows are set aside is broken."""


class AccountCounts:
    """Rows of each account.

    Of too many accounts those with the smallest hashes stay, and their counts are exact: an account that stays at last
    was never left out before. So the result depends neither on the order of rows nor on how they were split.
    """

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()

    def add(self, rows: Mapping[str, int]) -> None:
        """Count rows."""
        self._rows.update(rows)
        if len(self._rows) > 2 * MOST_ACCOUNTS:
            self._rows = Counter(self.rows())

    def rows(self) -> dict[str, int]:
        """Account -> its rows, for at most `MOST_ACCOUNTS` accounts."""
        if len(self._rows) <= MOST_ACCOUNTS:
            return dict(self._rows)
        kept = sorted(self._rows, key=lambda account: hashlib.blake2b(account.encode(), digest_size=8).digest())
        return {account: self._rows[account] for account in kept[:MOST_ACCOUNTS]}
