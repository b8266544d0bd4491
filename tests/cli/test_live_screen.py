"""What a watch shows of a hunt that fails."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from stillhunt.cli.live_screen import LiveScreen, Screen
from stillhunt.watch.child import HuntOutcome
from stillhunt.watch.folder import DataFolder


@pytest.mark.parametrize("kind", [Screen, LiveScreen])
def test_a_failed_hunt_says_where_and_no_name_of_a_file_reaches_the_terminal_raw(
    kind: type[Screen], tmp_path: Path
) -> None:
    written = io.StringIO()
    console = Console(file=written, width=200, markup=False)
    screen = LiveScreen(console, None) if kind is LiveScreen else Screen(console, quiet=True)
    failed = HuntOutcome(failure="the file is empty", where="a\x1b]0;b.jsonl, file", next_step="name another")
    screen.hunted(failed, DataFolder(tmp_path / "data"))
    shown = written.getvalue()
    assert "the file is empty" in shown
    assert "b.jsonl, file" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("said", ["warm: 9 new requests, no campaign judged again", "cold: much is new"])
def test_a_hunt_says_whether_it_was_warm_and_why_it_was_not(said: str, tmp_path: Path) -> None:
    written = io.StringIO()
    screen = Screen(Console(file=written, width=200, markup=False), quiet=False)
    screen.hunted(HuntOutcome(sequence=1, warm=said), DataFolder(tmp_path / "data"))
    assert f'"{said[:4]}": "{said}"' in written.getvalue()
