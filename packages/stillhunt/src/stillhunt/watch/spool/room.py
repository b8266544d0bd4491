"""Whether the disk and the spool have room for more, and why something could not be written."""

import errno
import shutil
import time
from pathlib import Path

from stillhunt.base.config_live import ServeSettings
from stillhunt.base.units import GIB

_DISK_LOOK_SECONDS = 1.0
_SIZE_LOOK_SECONDS = 30.0
_PROBLEMS = {
    errno.ENOSPC: "no room",
    errno.EDQUOT: "no room",
    errno.EROFS: "read-only disk",
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.ENOENT: "folder gone",
    errno.ENOTDIR: "folder gone",
    errno.ENOMEM: "memory",
}


class SpoolRoom:
    """Looks from time to time how much room there is."""

    def __init__(self, settings: ServeSettings, spool: Path) -> None:
        self._settings, self._spool = settings, spool
        self._looked, self._measured = -_DISK_LOOK_SECONDS, -_SIZE_LOOK_SECONDS
        self._free, self._size = 0, 0

    def full(self) -> str:
        """Why nothing more is accepted; empty where there is room."""
        now = time.monotonic()
        if now - self._looked >= _DISK_LOOK_SECONDS:
            self._looked, self._free = now, shutil.disk_usage(self._spool).free
        if self._free < self._settings.free_gb * GIB:
            return "the disk of the data folder has less free space than serve.free_gb"
        if self._settings.spool_gb and now - self._measured >= _SIZE_LOOK_SECONDS:
            self._measured = now
            self._size = sum(map(_size_of, self._spool.glob("*/*/part-*")))
        if self._settings.spool_gb and self._size > self._settings.spool_gb * GIB:
            return "the spool is larger than serve.spool_gb"
        return ""


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it was closed, so its name changed; the next look counts it
        return 0


def write_problem(error: OSError) -> str:
    """Why something could not be written, in few fixed words for counts."""
    return _PROBLEMS.get(error.errno or 0, "disk error")
