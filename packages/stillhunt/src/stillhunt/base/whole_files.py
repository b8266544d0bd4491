"""Files that are written completely or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from stillhunt.base.errors import OutputError


def write_whole(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file completely or not at all, for its owner only: beside its place first, then renamed.

    Args:
        path: the file; one that is there is replaced, and its folder is made if need be.

    Raises:
        OutputError: it cannot be written.
    """
    beside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".stillhunt-", suffix=".part", dir=path.parent)
        beside = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise OutputError(
            f"the file cannot be written: {error.strerror or error}",
            where=str(path),
            next_step="nothing was left behind; free space or name another file",
            command_step="nothing was left behind; free space or name another file with --out",
        ) from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)
