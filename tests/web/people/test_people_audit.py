"""The audit: what is written can be read, found and shown, and what cannot be written is said."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stillhunt.base.errors import OutputError
from stillhunt.watch.database import store
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.web.people.audit import MOST_ABOUT, MOST_AUDIT_ROWS, AuditFilter, read_audit, record_look
from watch.databases import Opening, opening, server  # noqa: F401 - fixtures, which pytest finds by name


def test_rows_are_read_by_pages_the_newest_first(opening: Opening) -> None:  # noqa: F811 - the fixture
    database = opening()
    for number in range(7):
        record_look(database, "anna", "account", f"account {number}")
    first = read_audit(database, most=3)
    assert [row.about for row in first] == ["account 6", "account 5", "account 4"]
    second = read_audit(database, before=first[-1].audit_id, most=3)
    assert [row.about for row in second] == ["account 3", "account 2", "account 1"]
    assert [row.about for row in read_audit(database, before=second[-1].audit_id)] == ["account 0"]
    assert read_audit(database, before=1) == []
    assert len(read_audit(database, most=0)) == 1


def test_rows_are_found_by_person_kind_object_and_time(opening: Opening) -> None:  # noqa: F811 - the fixture
    database = opening()
    for who, what, about in (("anna", "account", "100%_a"), ("bob", "account", "100 b"), ("bob", "search", "'; --")):
        record_look(database, who, what, about)
    rows = read_audit(database)

    def found(wanted: AuditFilter) -> list[str]:
        return [row.about for row in read_audit(database, wanted)]

    assert found(AuditFilter(who="bob")) == ["'; --", "100 b"]
    assert found(AuditFilter(what="account", who="bob")) == ["100 b"]
    assert found(AuditFilter(about="0%_")) == ["100%_a"]  # no wildcards
    assert found(AuditFilter(about="'; --")) == ["'; --"]
    assert found(AuditFilter(who="bob\0")) == ["'; --", "100 b"]
    assert found(AuditFilter(about="\0")) == []
    assert found(AuditFilter(from_time=rows[0].at, to_time=rows[0].at)) == ["'; --"]
    assert found(AuditFilter(to_time=rows[-1].at - 1)) == []


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


def test_a_page_of_the_audit_is_bounded(database: WatchDatabase) -> None:
    with database.write() as connection:
        rows = [(number, "anna", "account", "a") for number in range(MOST_AUDIT_ROWS + 5)]
        connection.exec_driver_sql("INSERT INTO audit (at, who, what, about) VALUES (?, ?, ?, ?)", rows)
    assert len(read_audit(database, most=10_000)) == MOST_AUDIT_ROWS
