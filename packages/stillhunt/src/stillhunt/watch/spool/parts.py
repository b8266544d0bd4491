"""Parts of the spool: their names, and where their records end."""

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stillhunt.watch.folder import sync_folder

OPEN = ".open"  # ending of a part that may still grow; no hunt reads it
CLOSE_REQUEST = ".close"  # file in the spool that a hunt touches when it wants all open parts closed
HOUR_NAME = "%Y-%m-%dT%H"
_SOURCE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_HOUR_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d")
_NAME = re.compile(r"part-(\d{8})-(\d{4})(\d\d)(\d\d)T(\d\d)")
"""Begin of a part's name: its number in its source, and the clock's hour when it was made."""
_PIECE_BYTES = 1 << 20
FIELD_HEAD = 20
"""Bytes that hold the tag and the length of a field, two varints."""
_ENTRY = 0x0A
"""Tag of field 1, length-delimited: ResourceSpans or ResourceLogs in an export request."""


@dataclass(frozen=True)
class Stream:
    """Records that may stand in one file."""

    source: str  # name of who sends them: a folder of the spool
    kind: str  # what they are, such as "litellm"; part of the file's name
    ending: str  # jsonl (one record a line) or pb (OTLP export requests one after the other)


def is_source_name(text: str) -> bool:
    """Whether a text can name a folder of the spool: it never comes from a request, but from who makes a token."""
    return _SOURCE.fullmatch(text) is not None


def closed_parts(spool: Path, since: datetime | None = None, now: datetime | None = None) -> list[Path]:
    """Closed parts, ascending by source and name.

    `since`: leave out those that were begun in hours that ended before it. `now`: the time; see `arrivals`.
    """
    first = "" if since is None else (since - timedelta(hours=1)).strftime(HOUR_NAME)
    sources = sorted(_iterate_visible_folders(spool))
    return [path for source in sources for path, hour in arrivals(source, now) if hour > first]


def arrivals(source: Path, now: datetime | None = None) -> Iterator[tuple[Path, str]]:
    """Closed parts of a source with the hour in which each was begun, as HOUR_NAME writes it.

    The clock may have been wrong. So a part counts as begun no earlier than those numbered before it, and an hour of
    the future as none.

    Args:
        source: a folder of the spool.
        now: the time; no hour counts as future where it is None.

    Yields:
        (path, hour), ascending by name and then by folder.
    """
    latest = "~" if now is None else (now + timedelta(hours=1)).strftime(HOUR_NAME)
    begun = ""
    closed = (path for hour in _iterate_visible_folders(source) for path in hour.iterdir() if _is_closed(path))
    for path in sorted(closed, key=lambda path: (path.name, path.parent.name)):
        named = _NAME.match(path.name)
        stamped = "{}-{}-{}T{}".format(*named.groups()[1:]) if named else path.parent.name
        if stamped <= latest:
            begun = max(begun, stamped)
        yield path, begun or stamped


def open_parts(spool: Path) -> list[Path]:
    """Parts that may still grow, ascending by name."""
    return sorted(spool.glob(f"*/*/part-*{OPEN}"))


def all_parts(spool: Path) -> list[Path]:
    """Open and closed parts, ascending by name."""
    return sorted(spool.glob("*/*/part-*"))


def ask_to_close(spool: Path) -> None:
    """Ask every process that writes to this spool to close its open parts soon."""
    request = spool / CLOSE_REQUEST
    request.touch(mode=0o600)
    os.utime(request)


def whole_prefix(data: bytes, name: str) -> int:
    """Bytes up to the end of the last whole record of what was read of a part, from the begin of a record on."""
    if ".pb" not in name:
        return data.rfind(b"\n") + 1
    return _whole_fields(lambda at: data[at : at + FIELD_HEAD], 0, len(data))


def whole_bytes(handle: int, name: str, start: int = 0) -> int:
    """Bytes up to the end of the last whole record.

    A power failure may leave blocks of zeros where data was not written yet; lines end before the first zero.

    Args:
        name: its name, which tells its form.
        start: begin of a record; what is before it is not looked at.
    """
    size = os.fstat(handle).st_size
    if ".pb" in name:
        return _whole_fields(lambda at: os.pread(handle, FIELD_HEAD, at), start, size)
    return _whole_lines(handle, start)


def _whole_lines(handle: int, start: int) -> int:
    at = end = start
    while piece := os.pread(handle, _PIECE_BYTES, at):
        before_zero, zero, _ = piece.partition(b"\0")
        if line_end := before_zero.rfind(b"\n") + 1:
            end = at + line_end
        if zero:
            break
        at += len(piece)
    return end


def _whole_fields(head_at: Callable[[int], bytes], at: int, size: int) -> int:
    """End of the last whole export request entry; only those are ever written."""
    while at < size:
        used, ours = measure_field(head_at(at))
        if not ours or at + used > size:
            break
        at += used
    return at


def measure_field(head: bytes) -> tuple[int, int]:
    """Bytes of the field that begins here, 0 where it is none; and of its tag and length if it is an entry, else 0."""
    tag, tag_bytes = _decode_varint(head)
    value, value_bytes = _decode_varint(head[tag_bytes:])
    kind = tag & 7
    if tag_bytes == 0 or tag < 8:
        return 0, 0
    if kind == 0:
        return tag_bytes + value_bytes if value_bytes else 0, 0
    if kind == 1:
        return tag_bytes + 8, 0
    if kind == 5:
        return tag_bytes + 4, 0
    if kind == 2 and value_bytes:
        head_bytes = tag_bytes + value_bytes
        return head_bytes + value, head_bytes if tag == _ENTRY else 0
    return 0, 0


def _decode_varint(data: bytes) -> tuple[int, int]:
    """Value of a varint and the bytes that it takes; (0, 0) where it is cut short."""
    value = 0
    for place, byte in enumerate(data):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, place + 1
    return 0, 0


def new_part(spool: Path, stream: Stream, now: datetime) -> tuple[int, Path]:
    """Make and lock an empty open part, named by the time (UTC). Raises OSError: it cannot be made."""
    source = spool / stream.source
    hours = list(_iterate_visible_folders(source)) if source.exists() else []
    # A clock that was set back does not bring a part into an hour that may be deleted already.
    known = [path.name for path in hours if _HOUR_NAME.fullmatch(path.name)]
    hour = max([now.astimezone(UTC).strftime(HOUR_NAME), *known])
    earlier = (_NAME.match(path.name) for folder in hours for path in folder.iterdir())
    number = 1 + max((int(name[1]) for name in earlier if name), default=0)
    folder = source / hour
    for made in (source, folder):
        made.mkdir(mode=0o700, exist_ok=True)
    stamp = now.strftime("%Y%m%dT%H%M%S%f")
    path = folder / f"part-{number:08d}-{stamp}-{os.urandom(4).hex()}-{stream.kind}.{stream.ending}{OPEN}"
    handle = _create_locked_file(path)
    try:
        for above in (folder, folder.parent, spool):
            sync_folder(above)
    except OSError:
        path.unlink(missing_ok=True)
        os.close(handle)
        raise
    return handle, path


def _create_locked_file(path: Path) -> int:
    """Make a file and lock it; again where a hunt found it unlocked in between, and removed it as left behind."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)


def _iterate_visible_folders(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_closed(path: Path) -> bool:
    return path.name.startswith("part-") and not path.name.endswith(OPEN) and path.is_file()
