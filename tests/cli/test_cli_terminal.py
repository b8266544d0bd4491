"""No text from a log acts on the terminal, and columns stay readable at any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from stillhunt.cli.terminal import print_columns, safe_lines

HOSTILE = {
    "colour": "\x1b[31mred\x1b[0m",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\",
    "eight-bit escape": "\x9b31m",
    "carriage return": "good\rbad",
    "line feed": "id\nerror: all is well",
    "bidi override": "abc\u202edcba",
    "bidi isolate": "\u2066x\u2069",
    "zero width": "adm\u200bin",
    "backspace": "no\x08\x08yes",
    "line separator": "a\u2028b",
    "surrogate": "a\ud800b",
    "tag character": "a\U000e0041b",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_stays_visible_and_harmless(text: str) -> None:
    (shown,) = shown_at(None, [("", text)])
    assert "\\" in shown
    assert shown.isprintable()


def test_line_feeds_survive_only_where_wanted() -> None:
    assert safe_lines("a\nb\x1b") == "a\nb\\x1b"


def shown_at(width: int | None, rows: list[tuple[str, ...]]) -> list[str]:
    file = io.StringIO()
    options = {} if width is None else {"force_terminal": True, "width": width, "color_system": None}
    console = Console(file=file, markup=False, highlight=False, soft_wrap=width is None, **options)
    print_columns(console, rows)
    return file.getvalue().splitlines()


ROWS = [("a", "word " * 40), ("longer", "数据 " * 40), ("x", "")]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_columns_fit_the_terminal(width: int) -> None:
    lines = shown_at(width, ROWS)
    console = Console(width=width)
    assert max(console.measure(line).maximum for line in lines) <= width
    assert "".join(line[8:] for line in lines).replace(" ", "") == "word" * 40 + "数据" * 40


def test_elsewhere_each_row_is_one_line() -> None:
    assert len(shown_at(None, ROWS)) == len(ROWS)


def test_markup_in_cells_is_plain_text() -> None:
    assert shown_at(None, [("[red]", "[link=http://evil]x[/link]")]) == ["[red]  [link=http://evil]x[/link]"]
