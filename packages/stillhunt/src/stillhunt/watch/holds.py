"""Legal holds: what was received or made in their time is not deleted until they are released."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert, select, update

from stillhunt.base.errors import CaseError, ConfigError, OutputError
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import HOLDS
from stillhunt.watch.folder import SNAPSHOTS, SPOOL, DataFolder

KEEPING = "retention"  # role of whoever deletes old data, and of whoever needs that nothing is deleted meanwhile
KEEPING_SECONDS = 60.0
"""How long to wait until a deletion that has begun is done. Judgement: a day of traffic is deleted in seconds."""
_POLL_SECONDS = 0.1
_REASON_CHARS = 500


@dataclass(frozen=True)
class Hold:
    """A legal hold."""

    hold_id: int
    reason: str  # why, in words of its maker
    made_at: int
    # from_time, to_time: the time that it covers; None where it is open
    from_time: int | None
    to_time: int | None
    released_at: int | None  # when it was released; None while it counts

    def covers(self, first: int, last: int) -> bool:
        """Whether it counts, and covers any moment between two."""
        begins = self.from_time is None or self.from_time <= last
        return self.released_at is None and begins and (self.to_time is None or self.to_time >= first)


def all_holds(database: WatchDatabase) -> list[Hold]:
    """All holds that were ever made, the oldest first."""
    rows = database.read(select(HOLDS).order_by(HOLDS.c.hold_id))
    return [Hold(**{name: row[name] for name in Hold.__dataclass_fields__}) for row in rows]


def add_hold(
    folder: DataFolder, database: WatchDatabase, reason: str, between: tuple[int | None, int | None], now: int
) -> int:
    """Make a hold; when this returns, nothing that it covers is deleted any more.

    Args:
        reason: why, at most 500 characters.
        between: begin and end, microseconds since 1970; None where it is open.

    Raises:
        ConfigError: it has no reason, or ends before it begins.
        OutputError: a deletion or a backup does not come to its end.
    """
    first, last = between
    if not reason.strip() or len(reason) > _REASON_CHARS:
        raise ConfigError(
            f"a hold needs a reason of at most {_REASON_CHARS} characters",
            where="reason of the hold",
            next_step="say who asked for it and where that is recorded",
        )
    if first is not None and last is not None and last < first:
        raise ConfigError("the hold ends before it begins", where="time of the hold", next_step="swap the two times")
    with undisturbed(folder), database.write() as connection:
        values = {"made_at": now, "reason": reason, "from_time": first, "to_time": last}
        return int(connection.execute(insert(HOLDS).values(**values).returning(HOLDS.c.hold_id)).scalar_one())


def release_hold(database: WatchDatabase, hold_id: int, now: int) -> bool:
    """Release a hold; False where there is none of this number that still counts."""
    mine = (HOLDS.c.hold_id == hold_id, HOLDS.c.released_at.is_(None))
    with database.write() as connection:
        return bool(connection.execute(update(HOLDS).where(*mine).values(released_at=now)).rowcount)


@contextmanager
def undisturbed(folder: DataFolder, wait: float = KEEPING_SECONDS) -> Iterator[None]:
    """Keep deletion away meanwhile, waiting for one that has begun; an OutputError if that does not end."""
    end = time.monotonic() + wait
    with ExitStack() as roles:
        while True:
            try:
                roles.enter_context(folder.role(KEEPING))
                break
            except OutputError:
                if time.monotonic() >= end:
                    raise
                time.sleep(_POLL_SECONDS)
        yield


def existing_folder(path: Path) -> DataFolder:
    """A data folder that is there; a CaseError if not, since a mistyped name must make no new one."""
    if not (path / SPOOL).is_dir() or not (path / SNAPSHOTS).is_dir():
        raise CaseError(
            "this is no data folder",
            where=str(path),
            next_step="name the folder that the watch writes",
            command_step="name the folder that 'stillhunt serve' or 'stillhunt watch' was given with --data",
        )
    return DataFolder(path)
