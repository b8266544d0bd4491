"""Alerts as JSON lines in a file that a SIEM follows."""

import json
import os
import stat
from pathlib import Path

from stillhunt.base.config_alerts import AlertFile
from stillhunt.watch.alerts.sending import AlertChannel, DeliveryError, Due, shown_name
from stillhunt.watch.alerts.siem import as_ecs, as_ocsf


class LineFile:
    """One file, opened by its name for every line, so that it may be rotated at any time."""

    def __init__(self, settings: AlertFile) -> None:
        self._path = Path(settings.path)
        self._form = as_ocsf if settings.form == "ocsf" else as_ecs
        self.name, self.kinds = file_name(settings.path), settings.kinds

    def deliver(self, due: Due, now: float) -> str:
        """Append one alert and sync it.

        `now`: seconds since 1970; the line has the time of the alert instead. Raises DeliveryError: it cannot be
        written.
        """
        del now
        line = json.dumps(self._form(due), ensure_ascii=True).encode() + b"\n"
        try:
            self._append_alert_line(line)
        except OSError as error:
            raise DeliveryError(f"the file cannot be written: {error.strerror}") from None
        return ""

    def _append_alert_line(self, line: bytes) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe must not block
        handle = os.open(self._path, flags, 0o600)
        try:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode):
                raise OSError(0, "it is no regular file")
            if about.st_size and os.pread(handle, 1, about.st_size - 1) != b"\n":
                line = b"\n" + line  # a crash or a full disk cut the last line short
            if os.write(handle, line) != len(line):
                raise OSError(0, "the disk is full")
            os.fsync(handle)
        finally:
            os.close(handle)


def file_name(path: str) -> str:
    """Name of a file of JSON lines: the end of its path, and a digest of the whole."""
    return shown_name("file", Path(path).name, path)


FILES = AlertChannel("files", "JSON lines for a SIEM", lambda settings: [LineFile(one) for one in settings.files])
