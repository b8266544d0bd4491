"""What the database says of one account, and what of it is erased.

The decision log stays whole: each entry has the hash of the one before, so that a changed or missing one shows, and it
is the record by which a customer can contest what was done to them. The audit stays: it says who looked at whom.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from sqlalchemy import Connection, Table, delete, select, update

from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import (
    ALERTS,
    APPEALS,
    CAMPAIGN_EVENTS,
    CAMPAIGN_MEMBERS,
    CAMPAIGN_ROWS,
    DECISIONS,
    LINKED_ACCOUNTS,
    LINKED_SENDERS,
)
from stillhunt.watch.database.tables_console import AUDIT, CASE_EVENTS, CASES, SAVED_FILTERS
from stillhunt.watch.subject.mentions import Mentions

Row = Mapping[str, Any]
CHAINED = "entries of the decision log are chained by hashes; one that is taken out breaks the chain"
WHO_LOOKED = "the audit says who looked at whom; rows are added and never changed"
OPEN_APPEAL = "the appeal is open: decide it first"


@dataclass(frozen=True)
class RowOfAccount:
    """A row about an account.

    Attributes:
        first, last: the time that it is about, microseconds since 1970; what a hold is compared with.
        stays: why it is not erased; "" where it is.
    """

    table: str
    key: tuple[Any, ...]
    first: int
    last: int
    stays: str


@dataclass(frozen=True)
class _Kind:
    table: Table
    columns: tuple[str, ...]
    """Texts that may name the account; empty where account_id says it."""
    span: Callable[[Row], tuple[int, int]]
    stays: Callable[[Row], str] = lambda _row: ""
    holds: Callable[[Row], bool] = lambda _row: True
    """Whether there is anything left to erase."""


def _at(column: str) -> Callable[[Row], tuple[int, int]]:
    return lambda row: (row[column], row[column])


def _of_appeal(row: Row) -> tuple[int, int]:
    return row["filed_at"], max(row["filed_at"], row["decided_at"] or row["due_at"])


_KINDS = (
    _Kind(CAMPAIGN_MEMBERS, (), lambda row: (row["first_seen"] or 0, row["last_seen"] or 0)),
    _Kind(LINKED_ACCOUNTS, (), _at("at")),
    _Kind(LINKED_SENDERS, (), _at("at")),
    _Kind(DECISIONS, (), lambda row: (row["made_at"], row["expires_at"]), lambda _row: CHAINED),
    _Kind(
        APPEALS,
        (),
        _of_appeal,
        lambda row: OPEN_APPEAL if row["status"] == "open" else "",
        lambda row: bool(row["text"] or row["note"]),
    ),
    _Kind(ALERTS, ("body",), _at("at")),
    _Kind(CAMPAIGN_EVENTS, ("others", "reason"), _at("at")),
    _Kind(CASES, ("labels", "narrative"), lambda row: (row["opened_at"], row["changed_at"])),
    _Kind(CASE_EVENTS, ("note", "before", "after"), _at("at")),
    _Kind(SAVED_FILTERS, ("name", "query"), _at("made_at")),
    _Kind(AUDIT, ("about",), _at("at"), lambda _row: WHO_LOOKED),
)
_DELETED = (CAMPAIGN_MEMBERS, LINKED_ACCOUNTS, LINKED_SENDERS, ALERTS, SAVED_FILTERS)
"""Tables whose rows go as a whole; of others, the words go."""


def database_rows(database: WatchDatabase, account: str) -> list[RowOfAccount]:
    """Rows about an account, or that name it, by table and key; none of which nothing is left to erase."""
    found = []
    for kind in _KINDS:
        names = [column.name for column in kind.table.primary_key.columns]
        rows = [
            RowOfAccount(kind.table.name, tuple(row[name] for name in names), *kind.span(row), kind.stays(row))
            for row in _matching(database, kind, account)
        ]
        found += sorted(rows, key=lambda row: repr(row.key))
    return found


def erase_row(connection: Connection, table: str, key: Sequence[Any], account: str) -> None:
    """Delete a row, or take the words about an account out of it."""
    kind = next(one for one in _KINDS if one.table.name == table)
    mine = [column == value for column, value in zip(kind.table.primary_key.columns, key, strict=True)]
    if kind.table in _DELETED:
        connection.execute(delete(kind.table).where(*mine))
        return
    if kind.table is APPEALS:
        connection.execute(update(APPEALS).where(*mine).values(text="", note=""))
        return
    row = connection.execute(select(kind.table).where(*mine)).mappings().one()
    mentions = Mentions(account)
    values = {name: mentions.removed_from(row[name]) for name in kind.columns}
    connection.execute(update(kind.table).where(*mine).values(**values))


def _matching(database: WatchDatabase, kind: _Kind, account: str) -> list[Row]:
    table, mentions = kind.table, Mentions(account)
    if not kind.columns:
        statement = select(table).where(table.c.account_id == account)
        if table is CAMPAIGN_MEMBERS:
            times = (CAMPAIGN_ROWS.c.first_seen, CAMPAIGN_ROWS.c.last_seen)
            joined = CAMPAIGN_ROWS.c.campaign_id == table.c.campaign_id
            statement = select(table, *times).join(CAMPAIGN_ROWS, joined).where(table.c.account_id == account)
        return [row for row in database.read(statement) if kind.holds(row)]
    if table is SAVED_FILTERS:  # its query is what stands in a URL
        forms = {account, quote(account, safe=""), quote_plus(account)}
        return [row for row in database.read(select(table)) if any(form in row["query"] for form in forms)]
    return [
        row for row in database.read(select(table)) if any(mentions.found_in(row[name] or "") for name in kind.columns)
    ]
