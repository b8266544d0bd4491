"""The audit: who looked at personal data, signed in, or changed people and settings; rows are added, never changed."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from stillhunt.base.formatting import shorten
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import AUDIT

MOST_ABOUT = 500
"""Characters of what a row is about: a search, an id or a short list. Judgement."""
MOST_AUDIT_ROWS = 500
"""Rows of one page."""
_ADDRESS = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d)|(?<!\w)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f.]*", re.IGNORECASE
)
_WHO_CHARACTERS = 128
_WHAT_CHARACTERS = 32


@dataclass(frozen=True)
class AuditRow:
    """One row of the audit.

    Attributes:
        audit_id: its number; later rows have higher ones.
        what: what they did, such as "account" or "signed_in".
        about: which account, campaign, search or user; controls are escaped.
    """

    audit_id: int
    at: int
    who: str
    what: str
    about: str


@dataclass(frozen=True)
class AuditFilter:
    """Which rows of the audit are meant; "" and None leave a part open."""

    who: str = ""
    what: str = ""
    about: str = ""
    from_time: int | None = None
    to_time: int | None = None


def record_look(database: WatchDatabase, who: str, what: str, about: str) -> None:
    """Record that somebody looks at personal data; to be called before it is shown.

    Where the row cannot be written, nobody sees the data: an unrecorded look cannot be told from none later. So a page
    waits while another program locks the database (`store.BUSY_SECONDS`), and then fails. It is one insert; call it in
    a thread.

    Args:
        who: name of the user, at most 128 characters.
        what: kind of the look, at most 32 characters.
        about: what is looked at, such as an id or a search; cut to MOST_ABOUT characters, controls escaped.

    Raises:
        OutputError: it cannot be written.
    """
    with database.write() as connection:
        record_within(connection, who, what, about)


def record_within(connection: Connection, who: str, what: str, about: str) -> None:
    """The same in a transaction that is open, for changes: both are kept, or neither."""
    values = {
        "at": time.time_ns() // 1000,
        "who": shorten(who, _WHO_CHARACTERS),
        "what": shorten(what, _WHAT_CHARACTERS),
        "about": shorten(about, MOST_ABOUT),
    }
    connection.execute(insert(AUDIT).values(**values))


def without_addresses(text: str) -> str:
    """A text that somebody searched for, without IP addresses: the audit says that one was looked for, and never which.

    It takes a few texts for addresses that are none, such as times with seconds.
    """
    return _ADDRESS.sub("[address]", text)


def read_audit(
    database: WatchDatabase, wanted: AuditFilter | None = None, before: int | None = None, most: int = 100
) -> list[AuditRow]:
    """Rows of the audit, the newest first.

    Args:
        wanted: which rows; None for all.
        before: `audit_id` of the last row of the page before this one; None for the first page.
        most: rows of the page, at most MOST_AUDIT_ROWS.
    """
    wanted = wanted or AuditFilter()
    conditions = []
    for column, value in ((AUDIT.c.who, wanted.who), (AUDIT.c.what, wanted.what)):
        if value:
            conditions.append(column == value.replace("\0", ""))
    if wanted.about:
        conditions.append(AUDIT.c.about.contains(shorten(wanted.about, MOST_ABOUT), autoescape=True))
    if wanted.from_time is not None:
        conditions.append(AUDIT.c.at >= wanted.from_time)
    if wanted.to_time is not None:
        conditions.append(AUDIT.c.at <= wanted.to_time)
    if before is not None:
        conditions.append(AUDIT.c.audit_id < before)
    newest = select(AUDIT).where(*conditions).order_by(AUDIT.c.audit_id.desc())
    return [AuditRow(**row) for row in database.read(newest.limit(max(1, min(most, MOST_AUDIT_ROWS))))]
