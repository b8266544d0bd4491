"""Which accounts fit the saved rules at a snapshot: a function of what the snapshot and the ledger keep."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.live import DataFolder, RuleRows, Snapshot, read_rule_rows
from stillhunt_signals.rules.language import RuleCondition
from stillhunt_signals.rules.rule_file import OwnRuleFile
from stillhunt_signals.rules.saved import LabelSubject, RuleLedger, SavedRule, card_name

_RENAMED = {"account.id": "account_id", "hour.start": "hour"}
_LABELLED: tuple[tuple[LabelSubject, str], ...] = (("network", "networks"), ("client", "clients"))
_MADE = ("account.age_days", "account.labels")
"""Columns that no table has."""
_ARROW: dict[str, Callable[[pa.DataType], bool]] = {
    "text": pa.types.is_string, "number": pa.types.is_integer, "share": pa.types.is_floating,
    "flag": pa.types.is_boolean,
}  # fmt: skip
"""Types of the columns of signals, which may be declared in another way than when a rule was saved."""


class SavedRules:
    """The saved rules of a data folder, as deciding asks for them; the last snapshot that was asked about is kept."""

    def __init__(self, folder: DataFolder) -> None:
        self._ledger = RuleLedger(folder)
        self._seen: tuple[Snapshot, SnapshotValues] | None = None

    @cached_property
    def _saved(self) -> dict[str, SavedRule]:
        return self._ledger.rules()

    @cached_property
    def rules(self) -> tuple[OwnRuleFile, ...]:
        """All of them, by name, in their present state."""
        return tuple(one.file for one in self._saved.values())

    def fitting(self, name: str, snapshot: Snapshot) -> Collection[str]:
        """Accounts that fit a rule at a snapshot."""
        if self._seen is None or self._seen[0] != snapshot:
            self._seen = snapshot, SnapshotValues(read_rule_rows(snapshot), snapshot.facts()["made_at"], self._ledger)
        return fitting_accounts(self._saved[name].condition, self._seen[1])


class SnapshotValues:
    """The values of columns at one snapshot.

    `made_at`: of the snapshot, microseconds since 1970: ages and labels are those of then.
    """

    def __init__(self, rows: RuleRows, made_at: int, ledger: RuleLedger) -> None:
        self._rows, self._made_at, self._ledger = rows, made_at, ledger

    def of_condition(self, condition: RuleCondition) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each account, or each of its hours, with what is known of the columns that a condition reads."""
        accounts = self._rows.accounts
        if condition.over == "account":
            own = _columns_of(condition, accounts, "account")
            own |= self._made_columns(condition, accounts)
            yield from zip(accounts["account_id"].to_pylist(), _without_unknown(own, accounts.num_rows), strict=True)
            return
        hours = self._rows.hours
        place = pc.index_in(hours["account_id"], value_set=accounts["account_id"].cast(pa.string()).combine_chunks())
        about = accounts.take(place)
        own = _columns_of(condition, hours, "hour") | _columns_of(condition, about, "account")
        own |= self._made_columns(condition, about)
        yield from zip(hours["account_id"].to_pylist(), _without_unknown(own, hours.num_rows), strict=True)

    def _made_columns(self, condition: RuleCondition, accounts: pa.Table) -> dict[str, list[Any]]:
        made: dict[str, list[Any]] = {}
        if "account.age_days" in condition.names:
            now = datetime.fromtimestamp(self._made_at / 1e6, UTC)
            opened = accounts["created_at"].to_pylist()
            made["account.age_days"] = [None if one is None else (now - one).days for one in opened]
        if "account.labels" in condition.names:
            made["account.labels"] = list(self._labels_of(accounts))
        return made

    def _labels_of(self, accounts: pa.Table) -> Iterator[list[str]]:
        """Labels of each account: its own, its card's, and those of networks and clients of the last day."""
        standing = self._ledger.labels(self._made_at)
        used = {subject for subject, _ in standing}
        columns = [accounts[name].to_pylist() for name in ("account_id", "payment_fingerprint", "networks", "clients")]
        for account, card, networks, clients in zip(*columns, strict=True):
            about: list[tuple[LabelSubject, str]] = []
            if "account" in used:
                about.append(("account", self._ledger.hidden_name(account)))
            if "card" in used and card is not None:
                about.append(("card", self._ledger.hidden_name(card_name(card))))
            about += [("network", one) for one in networks or ()] + [("client", one) for one in clients or ()]
            yield sorted(set().union(*(standing.get(one, frozenset()) for one in about)))


def fitting_accounts(condition: RuleCondition, values: SnapshotValues) -> frozenset[str]:
    """Accounts that fit a condition, or that have an hour that does."""
    found: set[str] = set()
    for account, known in values.of_condition(condition):
        if account not in found and condition.holds(known):
            found.add(account)
    return frozenset(found)


def _columns_of(condition: RuleCondition, table: pa.Table, of: str) -> dict[str, list[Any]]:
    """The columns of a table that a condition reads, by what it calls them; those of signals are among accounts.

    One that the snapshot does not have, or has with another type than the condition was checked with, is unknown.
    """
    own = (f"{of}.", "signal.") if of == "account" else (f"{of}.",)
    found: dict[str, list[Any]] = {}
    for name in sorted(one for one in condition.names if one.startswith(own) and one not in _MADE):
        is_signal = name.startswith("signal.")
        column = name if is_signal else _RENAMED.get(name, name.partition(".")[2])
        known = column in table.column_names
        if known and is_signal:
            known = _ARROW[condition.columns[name].kind](table[column].type)
        found[name] = table[column].to_pylist() if known else [None] * table.num_rows
    return found


def _without_unknown(columns: Mapping[str, list[Any]], rows: int) -> Iterator[Mapping[str, Any]]:
    """Row by row, what is known of it."""
    if not columns:
        yield from ({} for _ in range(rows))
        return
    for row in zip(*columns.values(), strict=True):
        yield {name: value for name, value in zip(columns, row, strict=True) if value is not None}
