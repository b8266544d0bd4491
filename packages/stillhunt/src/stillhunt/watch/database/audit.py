"""The audit: who looked at personal data, signed in, or changed people and settings; rows are added, never changed."""

import re
import time

from sqlalchemy import Connection, insert

from stillhunt.base.formatting import shorten
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import AUDIT

MOST_ABOUT = 500
"""Characters of what a row is about: a search, an id or a short list. Judgement."""
_ADDRESS = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d)|(?<!\w)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f.]*", re.IGNORECASE
)
_WHO_CHARACTERS = 128
_WHAT_CHARACTERS = 32


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
