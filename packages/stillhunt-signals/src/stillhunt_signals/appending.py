"""Appending to a file so that a full disk leaves no half line behind."""

import os
from pathlib import Path


def append_whole(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Append all of some content to a file of its owner's, or nothing; only one thread may do so at a time.

    `durable`: wait until the disk has it. Raises OSError: the disk does not take it, and the file is as it was.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
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
