"""The database that a data folder belongs to. The folder remembers which one, so that a lost one is not made anew."""

import hashlib
import json
import shlex
from contextlib import suppress
from pathlib import Path

from stillhunt.base.errors import OutputError
from stillhunt.base.table_files import write_whole
from stillhunt.watch.database.store import LostDatabaseError, WatchDatabase
from stillhunt.watch.folder import DATABASE, SNAPSHOTS

IDENTITY_FILE, BACKUP_FILE = "database.json", "last-backup.json"


def open_database(data: Path, url: str, *, as_it_is: bool = False, later: bool = False) -> WatchDatabase:
    """The database of a data folder; made where the folder is new, and refused where the folder had another one.

    Args:
        url: setting watch.database; the file of the folder where it is empty.
        as_it_is: leave its tables as they are, whatever their version.
        later: open it with `open_now` only, since it may not be there yet.

    Raises:
        ConfigError: the URL names no database that can be used.
        OutputError: it is gone, damaged, or another one than before; or it cannot be used now.
    """
    database = _DatabaseOfFolder(data, url, as_it_is=as_it_is)
    if not later:
        database.open_now()
    return database


class _DatabaseOfFolder(WatchDatabase):
    """A database that is compared with the one that its folder had, as soon as it is open."""

    def __init__(self, data: Path, url: str, *, as_it_is: bool) -> None:
        self._data, self._compared = data, as_it_is
        self._expected = _read_remembered_identity(data / IDENTITY_FILE)
        file, known = data / DATABASE, self._expected is not None or (not url and _has_snapshots(data))
        if known and not url and not (file.is_file() and file.stat().st_size):
            gone = LostDatabaseError("the database of this data folder is gone", str(file))
            raise _make_lost_database_error(
                data, gone, "if it was on PostgreSQL, name it with the setting watch.database; otherwise "
            )
        try:
            super().__init__(url, file, as_it_is=as_it_is, there=known, later=True)
        except LostDatabaseError as error:
            raise _make_lost_database_error(data, error) from error

    def open_now(self) -> None:
        """Connect, and compare; see `WatchDatabase.open_now`."""
        try:
            super().open_now()
            if not self._compared:
                self._compare_identity()
                self._compared = True
        except LostDatabaseError as error:
            raise _make_lost_database_error(self._data, error) from error

    def _compare_identity(self) -> None:
        """Compare the identity with that which the folder remembers, and remember it where that was not known."""
        try:
            identity = self.identity(self._expected or "")
        except BaseException:
            self.close()
            raise
        if identity != self._expected:
            content = {"identity": identity, "check": _hash_identity(identity)}
            with suppress(OutputError):  # the disk is full: the next start remembers it
                write_whole(self._data / IDENTITY_FILE, (json.dumps(content).encode(),))


def _make_lost_database_error(data: Path, error: LostDatabaseError, first: str = "") -> OutputError:
    """The same error with what can be done: `first`, then the newest backup, which is named."""
    step = f"{first}stop what uses this folder, and restore a backup"
    return OutputError(
        error.what, where=error.where, next_step=step, command_step=f"{step}: {_describe_restore_command(data)}"
    )


def remember_backup(data: Path, backup: Path) -> None:
    """Note in a data folder where its newest backup is, for errors to name. Raises OutputError."""
    write_whole(data / BACKUP_FILE, (json.dumps({"path": str(backup.absolute())}).encode(),))


def _describe_restore_command(data: Path) -> str:
    newest = "BACKUP"
    with suppress(OSError, ValueError, KeyError, TypeError):
        path = str(json.loads((data / BACKUP_FILE).read_bytes())["path"])
        newest = shlex.quote(path) if Path(path).is_dir() else newest
    return f"'stillhunt restore {newest} NEW_FOLDER'; to go on without it, begin with a new folder"


def _read_remembered_identity(path: Path) -> str | None:
    """Identity of the database; "" where the file is there and damaged, None where there is none."""
    try:
        content = json.loads(path.read_bytes())
        identity = str(content["identity"])
        return identity if content["check"] == _hash_identity(identity) else ""
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def _hash_identity(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _has_snapshots(data: Path) -> bool:
    with suppress(OSError):
        return any(path.name.isdigit() for path in (data / SNAPSHOTS).iterdir())
    return False
