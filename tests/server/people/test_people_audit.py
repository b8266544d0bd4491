"""The audit: what is written is bounded, and what cannot be written is said."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from server.people.browsers import read_audit
from stillhunt.base.errors import OutputError
from stillhunt.watch.database import store
from stillhunt.watch.database.audit import MOST_ABOUT, record_look
from stillhunt.watch.database.store import WatchDatabase
from watch.databases import Opening, opening, server  # noqa: F401 - fixtures, which pytest finds by name


def test_what_is_recorded_is_bounded_and_has_no_controls(opening: Opening) -> None:  # noqa: F811 - the fixture
    database = opening()
    record_look(database, "x" * 500, "y" * 500, "\x1b[31m\u202e\0\n" + "\ud800" + "z" * 1_000_000)
    (row,) = read_audit(database)
    assert (len(row.who) <= 128, len(row.what) <= 32, len(row.about) <= MOST_ABOUT) == (True, True, True)
    assert row.about.startswith("\\x1b[31m\\u202e\\x00\\x0a\\ud800")
    assert row.about.isprintable()


def test_a_look_that_cannot_be_recorded_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.05)
    database = WatchDatabase("", tmp_path / "stillhunt.db")
    with closing(sqlite3.connect(tmp_path / "stillhunt.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutputError, match="locked"):
            record_look(database, "anna", "account", "a")
        other.rollback()
    record_look(database, "anna", "account", "a")
    assert len(read_audit(database)) == 1
    database.close()
