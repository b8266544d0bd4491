"""What reaches a terminal: two consoles, and the one function that makes log text safe to show.

stdout carries data, stderr everything else. Nothing here interprets markup: ids and prompts come from an
adversary, and a `[link=...]` or an escape sequence in them must appear as plain characters.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Sequence
from itertools import zip_longest
from typing import IO, Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
"""Unicode categories that act on a terminal or cannot be seen: controls, bidi, zero-width, surrogates, line breaks."""

NARROWEST_TEXT = 24
"""Characters a wrapped column gets at least, however narrow the terminal."""


def printable(text: str, limit: int = 0) -> str:
    """Text from a log as it may be shown on one line of a terminal.

    Args:
        text: any text, hostile or not.
        limit: characters kept of the result, the last one an ellipsis where something was cut; 0 = all.

    Returns:
        The text with control, bidirectional, zero-width and unassigned characters written as escapes.
    """
    shown = "".join(_escape(character) if _is_unsafe(character) else character for character in text)
    return shown if not limit or len(shown) <= limit else shown[: limit - 1] + "…"


def printable_lines(text: str) -> str:
    """The same for text of several lines: line feeds stay, all else is made safe."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in UNSAFE_CATEGORIES


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def output_console() -> Console:
    """Console for data on stdout; lines are wrapped on a terminal only, so that pipes get whole lines."""
    return _console(sys.stdout)


def message_console() -> Console:
    """Console for progress, notes and errors on stderr."""
    return _console(sys.stderr)


class _SafeConsole(Console):
    """A console that outlives its reader: `stillhunt hunt ... | head` still leaves with the hunt's exit code."""

    def on_broken_pipe(self) -> None:
        """Go on in silence."""
        self.quiet = True
        reader_left(self.file)


def _console(stream: TextIO) -> Console:
    return _SafeConsole(file=stream, markup=False, highlight=False, emoji=False, soft_wrap=not stream.isatty())


def reader_left(stream: IO[str]) -> None:
    """Point a stream whose reader has gone at nothing, so that the interpreter's last flush does not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_columns(
    console: Console,
    rows: Sequence[Sequence[str]],
    styles: Sequence[str] = (),
    min_widths: Sequence[int] = (),
) -> None:
    """Print rows in aligned columns, made safe.

    On a terminal the last column wraps under itself; elsewhere every row stays one line, so that it can be searched.

    Args:
        console: where to.
        rows: cells, the same number in every row.
        styles: style of each column, from the left; missing ones are plain.
        min_widths: smallest width of each column but the last, in characters.
    """
    safe = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*(row[:-1] for row in safe), strict=True)]
    widths = [max(pair) for pair in zip_longest(widths, min_widths, fillvalue=0)]
    for row in safe:
        head = Text()
        for cell, width, style in zip(row[:-1], widths, [*styles, *[""] * len(widths)], strict=False):
            head.append(cell, style)
            head.append(" " * (width - cell_len(cell) + 2))
        _print_hanging(console, head, Text(row[-1], styles[len(widths)] if len(styles) > len(widths) else ""))


def _print_hanging(console: Console, head: Text, text: Text) -> None:
    if not console.is_terminal:
        console.print(head + text)
        return
    margin = head.cell_len
    for position, line in enumerate(text.wrap(console, max(console.width - margin, NARROWEST_TEXT)) or [Text()]):
        line.rstrip()
        console.print((Text(" " * margin) if position else head) + line, no_wrap=True, overflow="ignore", crop=False)


def print_json(document: Any) -> None:
    """Write one JSON document to stdout, in ASCII so that no log text can reach the terminal raw."""
    text = json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False, default=_plain)
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        reader_left(sys.stdout)


def _plain(value: Any) -> Any:
    """Timestamps, paths and settings groups as JSON can hold them."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return str(value)
