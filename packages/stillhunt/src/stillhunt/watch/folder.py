"""The data folder: where its parts lie, who may read it, and which process has which role in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stillhunt.base.errors import OutputError

OWNER_ONLY = 0o700
"""Mode of every folder: logs and cases are about people."""
SPOOL, STATE, SNAPSHOTS, LATEST, DATABASE = "spool", "state", "snapshots", "latest", "stillhunt.db"
DEAD_LETTERS = "dead-letters"
POLICY_FILE = "policy.toml"
"""The policy of a data folder, unless `decide.policy` names another file."""
PROVIDERS_FILES = ("rules.last", "rules.jsonl", "rules.key", "sign-ups.jsonl")
"""What `stillhunt-signals` keeps: rules and labels with their ledger, and sign-ups. A backup copies them in this order,
since a ledger may be one entry ahead of its `.last`, and not behind it."""
SCRATCH = "scratch"
TOKENS_FILE = "tokens.json"
HUNT_ROLE = "hunt"
"""Role of whoever hunts, or deletes what a hunt reads."""


class DataFolder:
    """One data folder; its sub-folders are made when it is opened.

    `make`: make it if it does not exist; a process that is started for a folder of another one makes none, since its
    disk may just be away. Raises OutputError: it cannot be made or written.
    """

    def __init__(self, path: Path, *, make: bool = True) -> None:
        self.path = path.absolute()
        self.spool = self.path / SPOOL  # raw records as they came: `SOURCE/HOUR/part-*`
        self.dead_letters = self.path / DEAD_LETTERS
        """What a fault kept from being stored in the spool; absent before the first."""
        self.state = self.path / STATE  # what hunts keep for each file
        self.snapshots = self.path / SNAPSHOTS  # one case folder a hunt, named by its number
        self.scratch = self.path / SCRATCH  # temporary files of the hunt that runs; whoever begins to hunt clears it
        self.latest = self.snapshots / LATEST  # link to the newest snapshot; absent before the first
        self.database = self.path / DATABASE  # the SQLite database, where no other is named
        self.tokens = self.path / TOKENS_FILE  # digests of the tokens, for a start while the database is away
        if not make and not self.spool.is_dir():
            step = "see whether its disk is still mounted"
            raise OutputError("the data folder is gone", where=str(self.path), next_step=step)
        try:
            for folder in (self.path, self.spool, self.state, self.snapshots):
                if not folder.is_dir():
                    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
                    sync_folder(folder.parent)
        except OSError as error:
            raise self._make_data_folder_error(error) from error

    @contextmanager
    def role(self, name: str) -> Iterator[None]:
        """Have a role in this folder that only one process may have at a time.

        The lock ends with the process, however it ends.

        Raises:
            OutputError: another process has it.
        """
        path = self.path / f"{name}.lock"
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._make_data_folder_error(error) from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                owner = os.pread(handle, 32, 0).decode(errors="replace").strip()
                raise OutputError(
                    f"another process{f' ({owner})' if owner else ''} does the work '{name}' in this data folder",
                    where=str(self.path),
                    next_step="stop that process, or choose another data folder",
                ) from error
            with suppress(OSError):  # the disk is full: the lock holds without its owner's number
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"process {os.getpid()}".encode(), 0)
            yield
        finally:
            os.close(handle)

    def switch_latest(self, name: str) -> None:
        """Point `latest` at a snapshot, in one step for every reader."""
        beside = self.snapshots / f".{LATEST}.{os.getpid()}"
        with suppress(FileNotFoundError):
            beside.unlink()
        beside.symlink_to(name)
        beside.replace(self.latest)
        sync_folder(self.snapshots)

    def _make_data_folder_error(self, error: OSError) -> OutputError:
        return OutputError(
            f"the data folder cannot be used: {error.strerror}",
            where=str(error.filename or self.path),
            next_step="choose a folder of yours on a disk with room",
            command_step="name another with --data",
        )


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file that only its owner may read, and that lasts through a power failure."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make created and renamed names in a folder last through a power failure."""
    sync_path(folder, os.O_DIRECTORY)


def sync_path(path: Path, flags: int = 0) -> None:
    """Make a file or a folder last through a power failure."""
    handle = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
