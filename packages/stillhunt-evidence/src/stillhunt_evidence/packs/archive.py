"""The ZIP of an evidence pack: one form only, so that every byte follows from the names and contents of its entries.

Entries are stored, in ascending order of their names, dated 1980-01-01, without extra fields, comments or gaps (APPNOTE
6.3.10, sections 4.3.7 to 4.3.16). Any program that reads ZIP can unpack it; reading it here refuses every other form.
"""

import mmap
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from stillhunt import PackError

MOST_ENTRIES = 1000
MOST_PACK_BYTES = 1 << 30
"""Bytes of a pack; far beyond any of ours, and what a reader can still hold. Judgement."""
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}(?:/[a-z0-9][a-z0-9_.-]{0,99})?")
"""Names of entries: no path leads out of the folder into which somebody unpacks them."""
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_LOCAL_MARK, _CENTRAL_MARK, _END_MARK = 0x04034B50, 0x02014B50, 0x06054B50
_VERSION, _FLAGS, _STORED, _TIME, _DATE = 20, 0, 0, 0, 0x0021


def archive_parts(entries: Mapping[str, bytes]) -> Iterator[bytes]:
    """The bytes of the archive, part by part.

    Raises PackError: a name is not allowed, or there is too much.
    """
    names = sorted(entries)
    if len(names) > MOST_ENTRIES or sum(len(content) for content in entries.values()) > MOST_PACK_BYTES:
        raise PackError("this is too much for one evidence pack", next_step="make packs of single campaigns")
    fixed = (_CENTRAL_MARK, _VERSION, _VERSION, _FLAGS, _STORED, _TIME, _DATE)
    directory, offset = [], 0
    for name in names:
        if not NAME.fullmatch(name):
            raise PackError("an entry of an evidence pack cannot have this name", where=name[:100])
        content, encoded = entries[name], name.encode("ascii")
        checked = (zlib.crc32(content), len(content), len(content), len(encoded))
        yield _LOCAL.pack(_LOCAL_MARK, _VERSION, _FLAGS, _STORED, _TIME, _DATE, *checked, 0) + encoded
        yield content
        directory.append(_CENTRAL.pack(*fixed, *checked, 0, 0, 0, 0, 0, offset) + encoded)
        offset += _LOCAL.size + len(encoded) + len(content)
    yield from directory
    yield _END.pack(_END_MARK, 0, 0, len(names), len(names), sum(map(len, directory)), offset, 0)


def read_archive(path: Path) -> dict[str, bytes]:
    """The entries of a pack.

    Raises PackError: it cannot be read, or is not of exactly the form that `archive_parts` writes.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe has no end
            raise _build_archive_error("it is no file", path)
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size < _END.size or size > MOST_PACK_BYTES:
                raise _build_archive_error("it is too short or too long for one", path)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                entries = _read_archive_entries(content, path)
                _check_form(content, entries, path)
                return entries
    except OSError as error:
        raise PackError(
            f"the pack cannot be read: {error.strerror or error}", where=str(path), next_step="name another file"
        ) from error


def _read_archive_entries(content: mmap.mmap, path: Path) -> dict[str, bytes]:
    """Names and contents, as the local headers say; whether all else is right is checked afterwards."""
    found: dict[str, bytes] = {}
    place = 0
    while content[place : place + 4] == _LOCAL_MARK.to_bytes(4, "little"):
        header = content[place : place + _LOCAL.size]
        if len(header) < _LOCAL.size or len(found) >= MOST_ENTRIES:
            raise _build_archive_error("it is cut off, or has too many entries", path)
        *_, size, length, _ = _LOCAL.unpack(header)
        begin = place + _LOCAL.size
        name = bytes(content[begin : begin + length]).decode("ascii", "replace")
        if not NAME.fullmatch(name) or name in found or begin + length + size > len(content):
            raise _build_archive_error("its entries are not those of an evidence pack", path)
        found[name] = bytes(content[begin + length : begin + length + size])
        place = begin + length + size
    return found


def _check_form(content: mmap.mmap, entries: Mapping[str, bytes], path: Path) -> None:
    place = 0
    for part in archive_parts(entries):
        if content[place : place + len(part)] != part:
            raise _build_archive_error("bytes of the archive itself were changed", path)
        place += len(part)
    if place != len(content):
        raise _build_archive_error("something was added after its end", path)


def _build_archive_error(what: str, path: Path) -> PackError:
    return PackError(
        f"this is no evidence pack as it was made: {what}",
        where=str(path),
        next_step="ask its maker for the file again, and compare its SHA-256",
    )
