"""Where a case may be written: checked before a hunt, and again before the finished folder is put in place."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from stillhunt.base import formatting
from stillhunt.base.case_folder import CASE_FILES, case_folder_around, is_case_folder
from stillhunt.base.errors import OutputError

_SHOWN_NAMES = 3
_ELSEWHERE = {"next_step": "choose another folder", "command_step": "name another --out"}


def check_target(folder: Path, *, force: bool) -> Path:
    """Refuse a folder to which no case can be written, without leaving anything behind.

    Args:
        folder: where a case is to be written.
        force: replace a case folder that is there; anything that is not one is refused all the same.

    Returns:
        The folder's absolute path; links in it are not followed.

    Raises:
        OutputError: something is there that may not be replaced, or no folder can be made there.
    """
    target = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow a link at the target itself
    check_existing(target, force=force)
    if (case := case_folder_around(target.parent)) is not None:
        raise OutputError("a case is not written into a case folder", where=str(case), **_ELSEWHERE)
    beside = next(parent for parent in target.parents if os.path.lexists(parent))
    try:
        Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=beside)).rmdir()
    except OSError as error:
        raise cannot_be_written(target, error) from error
    return target


def check_existing(target: Path, *, force: bool) -> None:
    """Refuse to replace anything but a case folder that holds its own files only, or an empty folder.

    Args:
        target: where a case is to be written.
        force: replace what may be replaced.

    Raises:
        OutputError: something is there that may not be replaced.
    """
    if not os.path.lexists(target):
        return
    where = str(target)
    if target.is_symlink():
        kind = "link" if target.exists() else "link to nothing"
        raise OutputError(f"this is a {kind}, not a case folder, so it is never replaced", where=where, **_ELSEWHERE)
    if not target.is_dir():
        raise OutputError("this is a file, not a case folder, so it is never replaced", where=where, **_ELSEWHERE)
    try:
        names = {entry.name for entry in target.iterdir()}
    except OSError as error:
        raise cannot_be_written(target, error) from error
    if names and not is_case_folder(target):
        raise OutputError("this is not a case folder, so it is never replaced", where=where, **_ELSEWHERE)
    if foreign := sorted(names - CASE_FILES):
        shown = ", ".join(formatting.shorten(name, 80) for name in foreign[:_SHOWN_NAMES])
        more = f" and {len(foreign) - _SHOWN_NAMES} more" if len(foreign) > _SHOWN_NAMES else ""
        raise OutputError(
            f"the case folder also holds what no hunt wrote ({shown}{more}), so it is never replaced",
            where=where,
            next_step="move that elsewhere, or choose another folder",
            command_step="move that elsewhere, or name another --out",
        )
    if not force:
        raise OutputError(
            "the case folder exists already",
            where=where,
            next_step="choose another folder, or replace it with force=True",
            command_step="name another --out, or add --force",
        )


def cannot_be_written(target: Path, error: OSError) -> OutputError:
    """The error for a case folder that the system does not let us write.

    Args:
        target: where a case was to be written.
    """
    return OutputError(
        f"the case folder cannot be written: {error.strerror or error}",
        where=str(target),
        next_step="nothing was left behind; free space or choose another folder",
        command_step="nothing was left behind; free space or choose another folder with --out",
    )
