"""Mentions: a comment that names somebody behind an @ waits for them in the queue, and goes where alerts go."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy import func, select

from stillhunt.base import formatting
from stillhunt.base.config_alerts import AlertSettings
from stillhunt.base.units import DAY
from stillhunt.decide.names import name_key
from stillhunt.watch.alerts.changes import made_alert
from stillhunt.watch.alerts.outbox import record_alerts
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import CASE_EVENTS
from stillhunt_server.casework.history import WorkEvent, event_of_row

MENTION_DAYS = 30
"""How long a mention waits. Judgement: whoever has not come by then is not asked any more."""


def find_mentioned(text: str, people: Iterable[str]) -> list[str]:
    """Those of some people whom a text names behind an @, in whatever capitals."""
    said = name_key(text)
    return [one for one in people if re.search(rf"(?<!\w)@{re.escape(name_key(one))}(?!\w)", said)]


def waiting_mentions(database: WatchDatabase, person: str, now: int) -> list[WorkEvent]:
    """Comments of others that name a person, who has done nothing about their campaigns since; the oldest first."""
    event = CASE_EVENTS.c
    said = select(CASE_EVENTS).where(event.kind == "comment", event.at > now - MENTION_DAYS * DAY)
    own = select(event.campaign_id, func.max(event.version).label("last")).where(event.by == person)
    last = {row["campaign_id"]: row["last"] for row in database.read(own.group_by(event.campaign_id))}
    found = map(event_of_row, database.read(said.where(event.note.contains("@")).order_by(event.at)))
    return [one for one in found if one.version > last.get(one.campaign_id, 0) and find_mentioned(one.note, [person])]


def tell_mentions(
    database: WatchDatabase, campaign: str, text: str, by: str, people: Iterable[str], now: int, settings: AlertSettings
) -> None:
    """Tell those who get alerts whom a comment names, but nothing of what it says.

    Args:
        people: who may be meant.
    """
    named = [formatting.shorten(one, 64) for one in find_mentioned(text, people) if one != by]
    if named:
        said = f"{formatting.shorten(by, 64)} mentions {formatting.join_words(named)} there."
        title = f"A comment on campaign {formatting.shorten(campaign, 64)} names somebody"
        body = {"mentioned": named, "changes": [said]}
        alert = made_alert(("mention", campaign, now), now, title, [said], settings, campaign, body)
        with database.write() as connection:
            record_alerts(connection, [alert], settings)
