"""What reaches a terminal: two consoles, aligned columns and JSON.

stdout carries data, stderr everything else. Nothing here interprets markup: ids and prompts come from an
adversary, and a `[link=...]` or an escape sequence in them must appear as plain characters.
"""

import getpass
import json
import os
import sys
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from stillhunt.base.formatting import escape_controls
from stillhunt.cli.lost_output import discard_output

NARROWEST_TEXT = 24
"""Characters a wrapped column gets at least, however narrow the terminal."""


def safe_lines(text: str) -> str:
    """Text of several lines as a terminal may show it: line feeds stay, every other control is escaped."""
    return "\n".join(escape_controls(line) for line in text.split("\n"))


def output_console() -> Console:
    """Console for data on stdout; lines are wrapped on a terminal only, so that pipes get whole lines."""
    return _create_safe_console(sys.stdout)


def message_console() -> Console:
    """Console for progress, notes and errors on stderr."""
    return _create_safe_console(sys.stderr)


class _SafeConsole(Console):
    """A console that survives a closed pipe: `stillhunt hunt ... | head` still exits with the hunt's exit code."""

    def on_broken_pipe(self) -> None:
        """Write nothing more."""
        self.quiet = True
        discard_output(self.file)


def _create_safe_console(stream: TextIO) -> Console:
    return _SafeConsole(file=stream, markup=False, highlight=False, emoji=False, soft_wrap=not stream.isatty())


def print_columns(
    console: Console, rows: Sequence[Sequence[str]], styles: Sequence[str] = (), min_widths: Sequence[int] = ()
) -> None:
    """Print rows of cells in aligned columns, with styles and smallest widths from the left, controls escaped.

    On a terminal the last column wraps under itself; elsewhere every row stays one line, so that it can be searched.
    """
    safe = [[escape_controls(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*(row[:-1] for row in safe), strict=True)]
    widths = [max(pair) for pair in zip_longest(widths, min_widths, fillvalue=0)]
    for row in safe:
        margin = Text()
        for cell, width, style in zip(row[:-1], widths, [*styles, *[""] * len(widths)], strict=False):
            margin.append(cell, style)
            margin.append(" " * (width - cell_len(cell) + 2))
        _print_hanging(console, margin, Text(row[-1], styles[len(widths)] if len(styles) > len(widths) else ""))


def _print_hanging(console: Console, margin: Text, text: Text) -> None:
    if not console.is_terminal:
        console.print(margin + text)
        return
    width = margin.cell_len
    for position, line in enumerate(text.wrap(console, max(console.width - width, NARROWEST_TEXT)) or [Text()]):
        line.rstrip()
        console.print((Text(" " * width) if position else margin) + line, no_wrap=True, overflow="ignore", crop=False)


def json_text(document: Any) -> str:
    """One JSON document with its last line feed, in ASCII so that no log text can reach a terminal raw."""
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False, default=_as_json) + "\n"


def print_json(document: Any) -> None:
    """Write one JSON document to stdout."""
    print_bytes(json_text(document).encode())


def print_bytes(content: bytes) -> None:
    """Write bytes to stdout as they are, whatever the locale; their caller has escaped what a terminal must not get."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        discard_output(sys.stdout)


def _as_json(value: Any) -> Any:
    """Timestamps, paths and settings groups as JSON can hold them."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return str(value)


def login_name() -> str:
    """Who runs the command: the name of the login, or the number where the system has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # as in a container whose user is a mere number
        return f"user {os.getuid()}"
