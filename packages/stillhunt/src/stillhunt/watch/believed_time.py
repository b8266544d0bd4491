"""The time by which old things are deleted: that of the clock, unless it jumped ahead."""

from sqlalchemy import insert, select, update

from stillhunt.base.units import DAY
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import META

BELIEVED_ROW = "believed_time"
_TIMES_FASTER = 24
"""How much faster than hunts are scheduled the believed time may run. A clock that is wrong for an hour deletes at most
a day too early, and after 40 days without a server, what is too old is gone within two. Judgement."""


def believed_time(database: WatchDatabase, now: int, interval: int) -> int:
    """The time of the clock, but at most a bounded step after the time that the last call gave.

    A clock that is far ahead for a moment would otherwise delete everything at once.

    Args:
        interval: time between two hunts as they are scheduled, microseconds.
    """
    longest = min(_TIMES_FASTER * interval, interval + DAY)
    row = META.c.name == BELIEVED_ROW
    with database.write() as connection:
        before = connection.execute(select(META.c.value).where(row)).scalar()
        believed = now if before is None else min(now, int(before) + longest)
        if before is None:
            connection.execute(insert(META).values(name=BELIEVED_ROW, value=str(believed)))
        else:
            connection.execute(update(META).where(row).values(value=str(believed)))
    return believed


def last_believed(database: WatchDatabase, now: int) -> int:
    """The time for what cannot be taken back: that of the clock, but not beyond what was believed after the last hunt.

    Returns microseconds since 1970; at most as late as hunts are apart.
    """
    rows = database.read(select(META.c.value).where(META.c.name == BELIEVED_ROW))
    return min([now, *(int(row["value"]) for row in rows)])
