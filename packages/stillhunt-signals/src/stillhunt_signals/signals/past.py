"""The provider's own past: groups of accounts that people confirmed as a harvest, or found to be honest."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import InputError
from stillhunt.tools import shorten
from stillhunt_signals.signals.values import SignalValues

OUTCOMES = ("confirmed", "dismissed")
_WORDS = {"confirmed": "confirmed", "acted": "confirmed", "dismissed": "dismissed", "honest": "dismissed"}
_COLUMNS = ("account_id", "outcome")


class PastAccount(NamedTuple):
    """One account of the past."""

    account_id: str
    group: str  # the campaign or customer it belonged to; accounts of one group are one observation, more or less
    outcome: str  # confirmed or dismissed
    decided_at: float = float("nan")  # when somebody decided, seconds since 1970; NaN where that is not known


@dataclass(frozen=True)
class Past:
    """All that was decided; of an account that was confirmed and later found honest, only the latter stays."""

    accounts: tuple[PastAccount, ...]

    @classmethod
    def of(cls, accounts: Iterable[PastAccount]) -> Past:
        """The past without what was taken back."""
        known = tuple(accounts)
        honest = {one.account_id for one in known if one.outcome == "dismissed"}
        return cls(tuple(one for one in known if one.outcome == "dismissed" or one.account_id not in honest))

    def groups(self, outcome: str) -> dict[str, list[PastAccount]]:
        """Accounts by group, of one outcome."""
        found: dict[str, list[PastAccount]] = defaultdict(list)
        for one in self.accounts:
            if one.outcome == outcome:
                found[one.group].append(one)
        return dict(found)

    def usable_rows(self, values: SignalValues) -> dict[str, list[Any]]:
        """Outcome -> rows of the values of each group, without those that became known only after the decision."""
        at = dict(zip(values.ids.to_pylist(), range(len(values)), strict=True))
        found: dict[str, list[Any]] = {}
        for outcome in OUTCOMES:
            rows = []
            for group in self.groups(outcome).values():
                own = [at[one.account_id] for one in group if one.account_id in at and not _too_late(one, values, at)]
                if own:
                    rows.append(np.unique(np.array(own, np.int64)))
            found[outcome] = rows
        return found

    def acted_on(self, values: SignalValues) -> Any:
        """True for the values of accounts that were confirmed."""
        acted = pa.array([one.account_id for one in self.accounts if one.outcome == "confirmed"], pa.string())
        return pc.is_in(values.ids, value_set=acted).to_numpy(zero_copy_only=False)


def _too_late(one: PastAccount, values: SignalValues, at: dict[str, int]) -> bool:
    return bool(values.known_at[at[one.account_id]] > one.decided_at)  # false where either is not known


def read_past(path: Path) -> list[PastAccount]:
    """The past from a CSV file: account_id, outcome (confirmed, dismissed, honest) and, if you have it, group.

    Raises InputError: a column is missing, or an outcome is another word.
    """
    where = str(path)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise InputError(
                    f"there is no column {missing[0]}", where=where, next_step=f"it needs {' and '.join(_COLUMNS)}"
                )
            return [_past_account(row, number, where) for number, row in enumerate(rows, 2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"it cannot be read: {shorten(str(error), 200)}", where=where, next_step="write CSV in UTF-8"
        ) from error


def _past_account(row: dict[str, Any], number: int, where: str) -> PastAccount:
    outcome, account = _WORDS.get(str(row["outcome"]).strip().lower()), row["account_id"]
    if outcome is None or not account:
        raise InputError(
            f"line {number} has no account or the outcome {shorten(str(row['outcome']), 40)!r}",
            where=where,
            next_step=f"an outcome is one of {', '.join(_WORDS)}",
        )
    return PastAccount(account, row.get("group") or account, outcome)
