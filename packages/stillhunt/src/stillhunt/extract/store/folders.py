"""The folder in which one hunt works, and the key that a state folder keeps.

Temporary and state folders are shared with other programs, so only what is ours beyond doubt is removed: a working
folder has a name of exactly one form and a marker file inside. A folder that lacks either of them stays.
"""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import socket
import tempfile
import time
from pathlib import Path

from stillhunt.base.errors import OutputError
from stillhunt.base.forced_end import remove_at_forced_end

KEY = "identity.key"
MARKER = "made-by-stillhunt"
"""File in each working folder; one without it is never removed."""
MARKED = "Working folder of stillhunt; may be removed when its process is gone.\n"
FORGOTTEN_SECONDS = 7 * 86_400
"""Age after which the working folder of another machine is removed: its processes cannot be seen from here."""
_PREFIX = "stillhunt-"
_OURS = re.compile(_PREFIX + r"([0-9]{1,10})-([0-9a-f]{8})-[a-z0-9_]{8}")
"""Process, machine, and what mkdtemp draws."""


def identity_key(state: Path) -> str:
    """The key of hashes of a state folder whose user gave none: drawn once, readable only by its owner.

    An OutputError if it cannot be written or is no key: overwritten, everything kept under it would be lost silently.
    """
    path = state / KEY
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _draw_key(path)
        key = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise _no_key(path, "is not text") from error
    except OSError as error:
        raise OutputError(
            str(error.strerror),
            where=str(state),
            next_step="name a folder of yours in the setting state",
            command_step="give --state a folder of yours",
        ) from error
    if not key.strip():
        raise _no_key(path, "is empty")
    return key


def _draw_key(path: Path) -> None:
    beside = path.with_name(f"{KEY}.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(beside)  # never over a key that another hunt drew meanwhile
        except FileExistsError:
            return
        except OSError:  # a file system without links
            if not path.exists():
                beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _no_key(path: Path, why: str) -> OutputError:
    return OutputError(
        f"the key of the state folder {why}",
        where=str(path),
        next_step="put the key back from a copy; if there is none, delete the file: a new key is drawn, and all files "
        "are read anew",
    )


def own_folder(state: Path | None) -> Path:
    """A folder for this process in `state`, else the system's temporary one; those of dead processes are cleared.

    Its name has the process and the machine, for a state folder may lie where several machines see it.
    """
    base = Path(tempfile.gettempdir()) if state is None else state
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in base.glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError):  # another hunt clears it at this moment
                if _is_ours(old) and not _in_use(old):
                    shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-{host_tag()}-", dir=base))
        remove_at_forced_end(folder)
        (folder / MARKER).write_text(MARKED)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"no folder can be made for sketches: {error}", where=str(base), next_step="name another with TMPDIR"
        ) from error
    return folder


def host_tag() -> str:
    """A short name of this machine that fits into a file's name."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _is_ours(folder: Path) -> bool:
    if not _OURS.fullmatch(folder.name) or folder.is_symlink() or folder.stat().st_uid != os.getuid():
        return False
    marker = folder / MARKER
    return not marker.is_symlink() and marker.is_file() and marker.read_bytes() == MARKED.encode()


def _in_use(folder: Path) -> bool:
    process, host = folder.name.removeprefix(_PREFIX).split("-")[:2]
    if host == host_tag():
        return _is_process_alive(int(process))
    return time.time() - folder.stat().st_mtime < FORGOTTEN_SECONDS


def _is_process_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
