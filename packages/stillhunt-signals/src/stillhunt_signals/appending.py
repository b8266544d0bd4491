"""Appending to a file so that a full disk leaves no half line, and reading it without one that is being written."""

import os
from collections.abc import Iterator
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
from pathlib import Path
from typing import BinaryIO


def append_whole(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Append all of some content to a file of its owner's, or nothing.

    `durable`: wait until the disk has it. Raises OSError: the disk does not take it, and the file is as it was.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        with suppress(OSError):  # some file systems of a network have no locks
            flock(handle, LOCK_EX)
        before, rest = os.fstat(handle).st_size, memoryview(content)
        try:
            while rest:
                rest = rest[os.write(handle, rest) :]
            if durable:
                os.fsync(handle)
        except OSError:
            os.ftruncate(handle, before)
            raise
    finally:
        os.close(handle)


def lock_against_appending(file: BinaryIO) -> None:
    """Keep `append_whole` of all processes waiting until this file is closed; it locks nothing where nothing can."""
    with suppress(OSError):  # as above
        flock(file, LOCK_EX)


def iterate_whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines that a file has now, without what `append_whole` is just adding."""
    with suppress(OSError):  # as above
        flock(file, LOCK_SH)
    left = os.fstat(file.fileno()).st_size
    with suppress(OSError):
        flock(file, LOCK_UN)
    while left > 0 and (line := file.readline(left)):
        left -= len(line)
        yield line
