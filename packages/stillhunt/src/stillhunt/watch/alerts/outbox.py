"""The outbox: alerts are recorded in the transaction of what they tell, with one delivery for each receiver."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from stillhunt.base.config_alerts import AlertKind, AlertSettings
from stillhunt.base.units import HOUR, SECOND
from stillhunt.watch.alerts.changes import Alert
from stillhunt.watch.alerts.parameters import SendingLimits
from stillhunt.watch.alerts.receivers import receivers_of
from stillhunt.watch.alerts.sending import Due
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import ALERTS, DELIVERIES

_ACT: tuple[AlertKind, ...] = ("campaign_new", "campaign_rises")
_SHAPE: tuple[AlertKind, ...] = ("campaign_merged", "campaign_split")
QUIET_TOGETHER: Mapping[AlertKind, tuple[AlertKind, ...]] = {
    **dict.fromkeys(_ACT, _ACT),
    **dict.fromkeys(_SHAPE, _SHAPE),
    "campaign_review": ("campaign_review", *_ACT),
    "campaign_returned": ("campaign_returned",),
    "hunt_failing": ("hunt_failing",),
    "disk_limit": ("disk_limit",),
    "budget_limit": ("budget_limit",),
}
"""Kind of an alert -> kinds after which it is not told again of the same campaign within the quiet period.

The others are told once by their id alone."""


def record_alerts(connection: Connection, alerts: Sequence[Alert], settings: AlertSettings) -> list[str]:
    """Enter alerts with their deliveries; what was told already, or within the quiet period, is left out.

    `alerts`: of one hunt, or of something else that happened. Returns ids of those that were entered.
    """
    entered = []
    for alert in alerts:
        same = select(ALERTS.c.alert_id).where(ALERTS.c.alert_id == alert.alert_id)
        if connection.execute(same).first() or _is_quiet(connection, alert, settings):
            continue
        if _has_no_cause(connection, alert):
            continue
        try:
            with connection.begin_nested():
                _insert_alert(connection, alert, settings)
        except IntegrityError:
            continue  # another process told it at this moment
        entered.append(alert.alert_id)
    return entered


def _is_quiet(connection: Connection, alert: Alert, settings: AlertSettings) -> bool:
    """Whether such an alert was told too recently; one from a clock that ran ahead counts for the quiet period only."""
    kinds = QUIET_TOGETHER.get(alert.kind)
    if kinds is None:
        return False
    period = int(settings.quiet_hours * HOUR)
    near = select(ALERTS.c.alert_id).where(
        ALERTS.c.kind.in_(kinds),
        ALERTS.c.campaign_id.is_not_distinct_from(alert.campaign_id),
        ALERTS.c.at > alert.at - period,
        ALERTS.c.at < alert.at + period,
    )
    return connection.execute(near.limit(1)).first() is not None


def _has_no_cause(connection: Connection, alert: Alert) -> bool:
    """Recovery is news only after failures that were in an alert."""
    if alert.kind != "hunt_recovered":
        return False
    earlier = select(ALERTS.c.kind).where(ALERTS.c.kind.in_(("hunt_failing", "hunt_recovered")))
    return connection.execute(earlier.order_by(ALERTS.c.at.desc()).limit(1)).scalar() != "hunt_failing"


def _insert_alert(connection: Connection, alert: Alert, settings: AlertSettings) -> None:
    body = json.dumps(alert.body, ensure_ascii=True)
    row = {"alert_id": alert.alert_id, "at": alert.at, "kind": alert.kind, "campaign_id": alert.campaign_id}
    connection.execute(insert(ALERTS).values(**row, body=body))
    receivers = [name for name, kinds in receivers_of(settings).items() if not kinds or alert.kind in kinds]
    if receivers:
        waiting = {"alert_id": alert.alert_id, "tries": 0, "next_try": alert.at}
        connection.execute(insert(DELIVERIES), [{**waiting, "channel": name} for name in receivers])


def due_for(database: WatchDatabase, receiver: str, now: int, limits: SendingLimits) -> list[Due]:
    """Alerts that are to be sent to a receiver now, the oldest first."""
    # A clock that jumped back must not put off a try for longer than the longest wait.
    ahead = now + int(limits.longest_wait * SECOND)
    statement = (
        select(DELIVERIES.c.alert_id, DELIVERIES.c.tries, ALERTS.c.at, ALERTS.c.body)
        .join(ALERTS, ALERTS.c.alert_id == DELIVERIES.c.alert_id)
        .where(DELIVERIES.c.channel == receiver, DELIVERIES.c.sent_at.is_(None), DELIVERIES.c.next_try.is_not(None))
        .where(or_(DELIVERIES.c.next_try <= now, DELIVERIES.c.next_try > ahead))
        .order_by(ALERTS.c.at, ALERTS.c.alert_id)
        .limit(limits.at_once)
    )
    return [Due(row["alert_id"], row["at"], json.loads(row["body"]), row["tries"]) for row in database.read(statement)]


def note_sent(database: WatchDatabase, due: Due, receiver: str, now: int, remark: str) -> None:
    """Record that an alert reached a receiver; `remark` says what was not perfect."""
    _record_delivery_try(database, due, receiver, sent_at=now, next_try=None, failure=remark or None)


def note_failed(
    database: WatchDatabase, due: Due, receiver: str, failure: str, now: int, limits: SendingLimits
) -> None:
    """Record that an alert did not reach a receiver, and when it is tried again."""
    wait = min(limits.first_wait * 2.0 ** min(due.tries, 32), limits.longest_wait)
    next_try = None if due.tries + 1 >= limits.most_tries else now + int(wait * SECOND)
    _record_delivery_try(database, due, receiver, next_try=next_try, failure=failure)


def _record_delivery_try(database: WatchDatabase, due: Due, receiver: str, **values: Any) -> None:
    mine = (DELIVERIES.c.alert_id == due.alert_id, DELIVERIES.c.channel == receiver)
    with database.write() as connection:
        connection.execute(update(DELIVERIES).where(*mine).values(tries=due.tries + 1, **values))
