"""The demo clears only what an earlier demo left."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillhunt.base.errors import OutputError
from stillhunt.cli.demo import clear_earlier_demo


def test_earlier_demo_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "accounts.parquet").touch()
    (tmp_path / "case").mkdir()
    clear_earlier_demo(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_anything_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(OutputError, match="not a demo"):
        clear_earlier_demo(tmp_path)
    assert (tmp_path / "world").exists()


def test_a_new_folder_needs_nothing(tmp_path: Path) -> None:
    clear_earlier_demo(tmp_path / "new")
    assert not (tmp_path / "new").exists()
