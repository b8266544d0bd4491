"""Replies of an endpoint, kept as they arrive, so that nothing is asked twice."""

import json
import os
import threading
from pathlib import Path

from stillhunt import OutputError


class KeptReplies:
    """Replies of one trial in a file of JSON lines: a hash of prompt, number and length, and the text.

    Prompts are not in it. Whoever changes the file changes the result, as with the log itself.

    Raises:
        OutputError: it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self.found: dict[str, str] = {}
        try:
            content = path.read_bytes() if path.exists() else b""
            # What follows the last line feed was left by a process that died.
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                os.truncate(path, len(whole))
        except OSError as error:
            raise self._build_file_error(error) from error
        for line in whole.splitlines():
            key, reply = json.loads(line)
            self.found[key] = reply

    def keep(self, key: str, reply: str) -> None:
        """Write one reply to the file."""
        with self._lock:
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
                try:
                    os.write(handle, json.dumps([key, reply]).encode() + b"\n")
                finally:
                    os.close(handle)
            except OSError as error:
                raise self._build_file_error(error) from error
            self.found[key] = reply

    def _build_file_error(self, error: OSError) -> OutputError:
        return OutputError(
            f"replies cannot be kept: {error.strerror or error}",
            where=str(self.path),
            next_step="make room, or set model.folder to a folder of yours, and run the same again",
        )
