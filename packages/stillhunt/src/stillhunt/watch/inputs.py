"""Inputs of a scheduled hunt: closed parts of the spool, and logs that are read where they lie."""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import InputError
from stillhunt.collect.locate.catalog import FoundFile, find_inputs
from stillhunt.collect.values.rejects import Rejects
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.spool.closing import close_left_behind
from stillhunt.watch.spool.parts import ask_to_close, closed_parts, open_parts

CLOSING_SECONDS = 5.0
"""How long a hunt waits for the writers to close their parts; records of a slower one wait for the next hunt."""
_POLL_SECONDS = 0.05


def window_parts(folder: DataFolder, start: int, now: int, *, wait: float | None = CLOSING_SECONDS) -> list[Path]:
    """Closed parts of the spool from the start of the window on; what is open is closed first.

    `wait`: seconds to wait for writers in other processes; None leaves open parts to them.
    """
    waited_for = set() if wait is None else set(open_parts(folder.spool))
    if waited_for:
        with suppress(OSError):  # the spool cannot be written now; what is closed already is read all the same
            ask_to_close(folder.spool)
    end = time.monotonic() + (wait or 0)
    while waited_for & set(open_parts(folder.spool)) and time.monotonic() < end:
        close_left_behind(folder.spool)
        time.sleep(_POLL_SECONDS)
    begin, last = (datetime.fromtimestamp(max(moment, 0) / 1e6, UTC) for moment in (start, now))
    return closed_parts(folder.spool, begin, last)


def watched_files(paths: Sequence[str], start: int) -> list[FoundFile]:
    """Logs to read in place; local files that were last written before the window are left out.

    `paths`: files, folders, patterns or addresses of object stores, as a hunt takes them. Returns what a hunt would
    read of them, with its rules for names; nothing of a path where there are no logs yet.
    """
    found: list[FoundFile] = []
    with DuckDBEngine(threads=1) as engine:
        for path in paths:
            with suppress(InputError):  # it is empty, or made later
                found += (one for one in find_inputs(path, engine, Rejects()) if isinstance(one, FoundFile))
    return [one for one in found if not isinstance(one.path, Path) or _is_recent(one.path, start)]


def _is_recent(path: Path, start: int) -> bool:
    """Whether a file was written since a time; one that cannot be looked at is left to the hunt, which rejects it."""
    try:
        return path.stat().st_mtime * 1e6 >= start
    except OSError:
        return True
