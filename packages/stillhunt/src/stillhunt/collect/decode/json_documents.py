"""JSON that is not one record a line: arrays, whose elements are records, and documents over several lines."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator

import numpy as np

from stillhunt.collect.decode.streams import Line, lines
from stillhunt.collect.values.json_values import bounded_integer, objects_in
from stillhunt.collect.values.kernels import split_array
from stillhunt.collect.values.rejects import RAW_CHARACTERS

RAW_BYTES = 4 * RAW_CHARACTERS
"""Bytes kept of each record, for the rejects."""


def whole_document(pieces: Iterator[bytes], longest: int) -> Iterator[Line]:
    """JSON objects over several lines, each as one `Line` of at most `longest` bytes, known only after decoding."""
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size > longest:
            yield Line(0, parts[0][:RAW_BYTES], complete=False)
            return
    text = b"".join(parts).decode("utf-8", "replace")
    decoder = json.JSONDecoder(strict=False, parse_int=bounded_integer)
    at = number = 0
    while at < len(text):
        if text[at] in " \t\r\n,\x1e":
            at += 1
            continue
        try:
            _value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            for part in objects_in(text[at:]):
                yield Line(number, part.encode("utf-8", "surrogatepass"))
                number += 1
            return
        yield Line(number, text[at:end].encode())
        at, number = end, number + 1


class _Pieces:
    """Pieces of a file, whose unused parts can be put back."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._back: list[bytes] = []

    def __iter__(self) -> _Pieces:
        return self

    def __next__(self) -> bytes:
        return self._back.pop() if self._back else next(self._pieces)

    def put_back(self, piece: bytes) -> None:
        """Return this piece next."""
        if piece:
            self._back.append(piece)


def array_elements(pieces: Iterator[bytes], longest: int) -> Iterator[Line]:
    """Elements of one JSON array, or of several that follow each other, each as one `Line`.

    What follows an array and is none is taken line by line: some loggers write an object where a batch holds one call.
    """
    source, number = _Pieces(pieces), 0
    while True:
        number, closed = yield from _one_array(source, number, longest)
        rest = next((piece for piece in map(bytes.lstrip, source) if piece), b"")
        if not closed or not rest:
            return
        source.put_back(rest)
        if not rest.startswith(b"["):
            break
    for line in lines(source, longest):
        for element in elements_of(line, longest):
            yield Line(number, element.data, element.complete)
            number += 1


def elements_of(line: Line, longest: int) -> Iterator[Line]:
    """The elements of a line that is a JSON array, or the line itself."""
    if line.complete and line.data.lstrip().startswith(b"["):
        return array_elements(iter([line.data]), longest)
    return iter([line])


def _one_array(pieces: _Pieces, number: int, longest: int) -> Generator[Line, None, tuple[int, bool]]:
    """Elements of the next array; returns the number after the last element, and whether the array was closed."""
    state = np.zeros(3, np.int64)
    opened = False
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        if not opened:
            piece = piece.split(b"[", 1)[1]
            opened = True
        ends = np.empty(len(piece), np.int64)
        found = split_array(np.frombuffer(piece, np.uint8), state, ends)
        start = 0
        for end in ends[:found].tolist():
            closing = end < 0
            stop = -end - 1 if closing else end
            parts.append(piece[start:stop])
            if not closing or size + stop - start:
                yield _make_array_element(number, parts, size + stop - start, longest)
            parts, size, number, start = [], 0, number + 1, stop + 1
            if closing:
                pieces.put_back(piece[start:])
                return number, True
        size += len(piece) - start
        parts = [(parts[0] if parts else piece[start:])[:RAW_BYTES]] if size > longest else [*parts, piece[start:]]
    rest = b"".join(parts)
    if rest.strip():
        yield _make_array_element(number, [rest], size, longest)
    yield Line(number + 1, b"the array is not closed")
    return number + 2, False


def _make_array_element(number: int, parts: list[bytes], size: int, longest: int) -> Line:
    data = b"".join(parts)
    return Line(number, data[:RAW_BYTES], complete=False) if size > longest else Line(number, data.strip())
