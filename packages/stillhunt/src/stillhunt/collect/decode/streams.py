"""Bytes of a file: hashed, decompress_pieces piece by piece, cut into lines of bounded length."""

import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec
import pyarrow as pa

from stillhunt.collect.locate.object_stores import Place

PIECE = 1 << 20
"""Bytes read at a time."""
GZIP_STEP = 1 << 14
"""Compressed bytes given to gzip at a time; the content of a step that ends in damage is lost."""
ZSTD_STEP = 1 << 16
"""Content taken from zstd at a time; the content of a step that ends in damage is lost."""
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class DamagedFileError(Exception):
    """The rest of a file cannot be read; the message is the reason for rejects."""


@dataclass
class HashedFile:
    """A file's bytes in pieces, hashed on the way; a DamagedFileError if it cannot be opened or read."""

    path: Place
    size: int = 0
    complete: bool = False
    _digest: Any = field(default_factory=hashlib.sha256)

    def pieces(self) -> Iterator[bytes]:
        """All bytes."""
        try:
            with self.path.open("rb") as handle:
                while piece := handle.read(PIECE):
                    self._digest.update(piece)
                    self.size += len(piece)
                    yield piece
            self.complete = True
        except (OSError, pa.ArrowException) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise DamagedFileError(f"cannot be read: {reason}") from error

    def sha256(self) -> str:
        """Hash of all bytes, in hexadecimal; empty until all have been read."""
        return str(self._digest.hexdigest()) if self.complete else ""


def decompress_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The content of plain, gzip or zstd bytes; a DamagedFileError after what could be read of a damaged stream."""
    first = next(pieces, b"")
    everything = chain((first,), pieces) if first else iter(())
    if first.startswith(GZIP_MAGIC):
        yield from _decompress_gzip_pieces(everything)
    elif first.startswith(ZSTD_MAGIC):
        yield from _decompress_zstd_pieces(everything)
    else:
        yield from everything


def _iterate_byte_steps(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), size):
            yield piece[start : start + size]


def _decompress_gzip_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(wbits=31)
    try:
        for waiting in _iterate_byte_steps(pieces, GZIP_STEP):
            while waiting:
                if inflater.eof:  # another member follows, or padding
                    waiting = waiting.lstrip(b"\x00")
                    if not waiting:
                        break
                    inflater = zlib.decompressobj(wbits=31)
                content = inflater.decompress(waiting, PIECE)
                if content:
                    yield content
                waiting = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    except zlib.error as error:
        raise DamagedFileError(f"gzip data is damaged: {error}") from error
    if not inflater.eof:
        raise DamagedFileError("gzip data is cut short")


class _PieceFile(io.RawIOBase):
    """Pieces as a file that is read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        self._rest = self._rest or next(self._pieces, b"")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def _decompress_zstd_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Content of all frames; Arrow takes windows of 128 MiB at most, where a header may ask for gigabytes."""
    stream = pa.CompressedInputStream(pa.PythonFile(_PieceFile(pieces), "r"), "zstd")
    try:
        while content := stream.read(ZSTD_STEP):
            yield content
    except (pa.ArrowException, OSError) as error:
        cut = "runcated" in str(error)
        raise DamagedFileError("zstd data is cut short" if cut else f"zstd data is damaged: {error}") from error


class Line(msgspec.Struct, gc=False):
    """One line without its end; `complete` is False if it was too long and only its beginning is kept."""

    number: int
    data: bytes
    complete: bool = True


class PlainLines(msgspec.Struct, gc=False):
    """Complete lines that follow each other, without their ends; `number` is that of the first."""

    number: int
    data: list[bytes]


KEPT_BYTES_OF_LONG_LINE = 1024
"""Bytes kept of a line that is too long, for the rejects."""


def lines(pieces: Iterator[bytes], longest: int) -> Iterator[Line]:
    """Lines, numbered from 0, that end in LF or CRLF; an endless one takes at most `longest` bytes of memory."""
    return one_by_one(lines_together(pieces, longest))


def one_by_one(found: Iterable[Line | PlainLines]) -> Iterator[Line]:
    """Each line by itself."""
    for one in found:
        if isinstance(one, Line):
            yield one
        else:
            yield from (Line(one.number + place, data) for place, data in enumerate(one.data))


def lines_together(pieces: Iterator[bytes], longest: int) -> Iterator[Line | PlainLines]:
    """The same, with the plain ones of each piece together: what is done for each line by itself takes longer."""
    number = 0
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        ended = piece.split(b"\n")
        first = 0
        if size and ended[1:]:
            yield _join_line_parts(number, parts, size, ended[0], longest)
            first, number, parts, size = 1, number + 1, [], 0
        plain = ended[first:-1]
        if b"\r" in piece or len(piece) > longest:
            for part in plain:
                yield _join_line_parts(number, [], 0, part, longest)
                number += 1
        elif plain:
            yield PlainLines(number, plain)
            number += len(plain)
        rest = ended[-1]
        size += len(rest)
        if size > longest:
            parts = [(parts[0] if parts else rest)[:KEPT_BYTES_OF_LONG_LINE]]
        elif rest:
            parts.append(rest)
    if size:
        yield _join_line_parts(number, parts, size, b"", longest)


def _join_line_parts(number: int, parts: list[bytes], size: int, last: bytes, longest: int) -> Line:
    if size + len(last) > longest:
        return Line(number, (parts[0] if parts else last)[:KEPT_BYTES_OF_LONG_LINE], complete=False)
    data = b"".join((*parts, last)) if parts else last
    return Line(number, data[:-1] if data.endswith(b"\r") else data)
