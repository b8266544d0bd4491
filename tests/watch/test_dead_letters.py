"""Dead letters: kept as they came, bounded, and for their owner only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stillhunt_server.receiving import dead_letters
from stillhunt_server.receiving.dead_letters import DeadLetterLimits, DeadLetters


def test_a_letter_is_kept_as_it_came(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead-letters")
    assert letters.count() == 0
    assert letters.keep("gateway", b'\x00{"a":\n1}\n', "RecursionError")
    (path,) = (tmp_path / "dead-letters").iterdir()
    head, _, data = path.read_bytes().partition(b"\n")
    assert data == b'\x00{"a":\n1}\n'
    told = json.loads(head)
    assert (told["source"], told["reason"], told["bytes"]) == ("gateway", "RecursionError", 10)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_letters_are_bounded_in_number_and_size(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead-letters", DeadLetterLimits(most_letters=3, most_bytes=10_000))
    assert not letters.keep("gateway", b"x" * 10_001, "ValueError")
    assert [letters.keep("gateway", b"x", "ValueError") for _ in range(4)] == [True, True, True, False]
    again = DeadLetters(tmp_path / "dead-letters", DeadLetterLimits(most_letters=3, most_bytes=10_000))
    assert not again.keep("gateway", b"x", "ValueError")
    assert again.count() == 3


def test_a_disk_that_fails_leaves_the_letter_with_its_sender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(dead_letters.os, "fsync", broken)
    assert not DeadLetters(tmp_path / "dead-letters").keep("gateway", b"x", "ValueError")
    assert not list((tmp_path / "dead-letters").iterdir())
