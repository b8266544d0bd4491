"""What is removed and ended when this process must end at once, without unwinding its calls."""

from __future__ import annotations

import contextlib
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess  # it takes as long as all else that `stillhunt --version` imports

RENAMING = threading.RLock()  # held while files are renamed that belong together; no forced end comes in between
_RENAMING_SECONDS = 1.0
"""Longest wait for such renames: judgement, they take milliseconds on a disk that answers."""
_paths: set[Path] = set()
_children: set[subprocess.Popen[str]] = set()


def remove_at_forced_end(path: Path) -> None:
    """Remove this process's own temporary folder, of a name never used again, if the process is made to end first."""
    _paths.add(path)


def kill_at_forced_end(child: subprocess.Popen[str]) -> None:
    """Kill a child process if this process is made to end before that child has."""
    _children.add(child)


def remove_and_kill() -> None:
    """Kill the children and remove the temporary folders of this process; the caller then ends it with `os._exit`."""
    with contextlib.suppress(OSError):
        for child in list(_children):
            child.kill()
    held = RENAMING.acquire(timeout=_RENAMING_SECONDS)
    try:
        for _ in range(2):  # other threads still run, and may make a file while their folder is being removed
            for path in list(_paths):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
    finally:
        del held  # never released: nothing may be renamed any more
