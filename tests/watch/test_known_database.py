"""A data folder whose database is gone, damaged or another one is refused, and the error says what to restore."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, insert

from cli.running import run
from stillhunt.base.errors import OutputError
from stillhunt.cli.data import backup
from stillhunt.watch.database.store import LostDatabaseError, WatchDatabase
from stillhunt.watch.database.tables import META, METADATA, TOKENS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.known_database import IDENTITY_FILE, open_database
from stillhunt_server.fault_looks import LOST_DATABASE_FAULT, DatabaseFiles
from stillhunt_server.tokens import DECIDE, KnownTokens, has_tokens, make_token
from watch.databases import Opening


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a token in its database."""
    folder = DataFolder(tmp_path / "data")
    database = open_database(folder.path, "")
    make_token(database, "x", frozenset((DECIDE,)))
    database.close()
    return folder.path


def another(data: Path) -> None:
    (data / "stillhunt.db").unlink()
    WatchDatabase("", data / "stillhunt.db").close()


def without_tables(data: Path) -> None:
    (data / "stillhunt.db").unlink()
    sqlite3.connect(data / "stillhunt.db").executescript("CREATE TABLE x (y); PRAGMA journal_mode=WAL").close()


def without_version(data: Path) -> None:
    sqlite3.connect(data / "stillhunt.db").executescript("DELETE FROM meta WHERE name = 'version'").connection.close()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "is gone": lambda data: (data / "stillhunt.db").unlink(),
    "is gone ": lambda data: os.truncate(data / "stillhunt.db", 0),
    "has no tables any more": without_tables,
    "another database than": another,
    "have no version": without_version,
    "is damaged": lambda data: os.truncate(data / "stillhunt.db", 6000),
    "is damaged ": lambda data: (data / "stillhunt.db").write_bytes(b"x" * 8192),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_lost_database_is_not_made_anew_and_the_backup_is_named(data: Path, tmp_path: Path, what: str) -> None:
    backup(data, tmp_path / "the backup", quiet=True)
    DAMAGE[what](data)
    found = {path: path.read_bytes() for path in data.iterdir() if path.is_file()}
    with pytest.raises(OutputError, match=what.strip()) as caught:
        open_database(data, "")
    assert f"stillhunt restore '{tmp_path / 'the backup'}' NEW_FOLDER" in caught.value.on_command_line()
    assert (data / "stillhunt.db").exists() == ((data / "stillhunt.db") in found)
    shutil.rmtree(tmp_path / "the backup")
    done = run("decisions", "verify", "--data", str(data), cwd=tmp_path)
    assert done.returncode == 1
    assert "stillhunt restore BACKUP NEW_FOLDER" in done.stderr


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"identity": "x", "check": "y"}', None])
def test_the_memory_of_the_folder_is_mended_where_the_database_is_there(data: Path, damage: bytes | None) -> None:
    whole = (data / IDENTITY_FILE).read_bytes()
    if damage is None:
        (data / IDENTITY_FILE).unlink()
    else:
        (data / IDENTITY_FILE).write_bytes(damage)
    database = open_database(data, "")
    assert has_tokens(database)
    database.close()
    assert (data / IDENTITY_FILE).read_bytes() == whole
    (data / IDENTITY_FILE).write_bytes(b"{")
    (data / "stillhunt.db").unlink()
    with pytest.raises(OutputError, match="is gone"):
        open_database(data, "")


def test_snapshots_are_a_memory_as_well(data: Path) -> None:
    """An older version left no other."""
    for name in (IDENTITY_FILE, "stillhunt.db"):
        (data / name).unlink()
    open_database(data, "").close()
    for name in (IDENTITY_FILE, "stillhunt.db"):
        (data / name).unlink()
    (data / "snapshots" / "00000001").mkdir()
    with pytest.raises(OutputError, match="is gone"):
        open_database(data, "")


def test_a_schema_that_was_emptied_is_refused(opening: Opening, tmp_path: Path) -> None:
    first = opening()
    with pytest.raises(LostDatabaseError, match="another database"):
        again(first, tmp_path, "f" * 32)
    again(first, tmp_path, first.identity())
    METADATA.drop_all(first.engine)
    with pytest.raises(LostDatabaseError, match="no tables"):
        again(first, tmp_path, "")


def again(first: WatchDatabase, folder: Path, expected: str) -> WatchDatabase:
    url = first.engine.url.render_as_string(hide_password=False)
    database = WatchDatabase("" if url.startswith("sqlite") else url, folder / "stillhunt.db", there=True)
    try:
        database.identity(expected)
    finally:
        database.close()
    return database


def test_a_database_of_an_older_version_is_given_an_identity(data: Path) -> None:
    database = open_database(data, "")
    with database.write() as connection:
        connection.execute(delete(META).where(META.c.name == "identity"))
    database.close()
    (data / IDENTITY_FILE).unlink()
    database = open_database(data, "")
    assert len(database.identity()) == 32
    database.close()
    open_database(data, "").close()


@pytest.mark.parametrize("put", [None, b"", b"x"])
def test_a_file_that_is_removed_while_it_is_open_is_written_no_more(data: Path, put: bytes | None) -> None:
    database = open_database(data, "")
    tokens, files = KnownTokens(database), DatabaseFiles(database, data)
    tokens.refresh()
    assert files.faults() == {}
    (data / "stillhunt.db").rename(data / "away")
    if put is not None:
        (data / "stillhunt.db").write_bytes(put)
    assert "was removed or replaced" in files.faults()[LOST_DATABASE_FAULT]
    with pytest.raises(LostDatabaseError):
        make_token(database, "lost", frozenset((DECIDE,)))
    assert (data / "stillhunt.db").exists() == (put is not None)
    (data / "away").replace(data / "stillhunt.db")
    assert files.faults() == {}
    make_token(database, "kept", frozenset((DECIDE,)))
    database.close()


def test_a_log_ahead_that_is_removed_loses_nothing(data: Path) -> None:
    database, beside = open_database(data, ""), open_database(data, "")
    make_token(database, "before", frozenset((DECIDE,)))
    files = DatabaseFiles(database, data)
    (data / "stillhunt.db-wal").unlink()
    assert files.faults() == {}
    shutil.copy(data / "stillhunt.db", data / "copy.db")  # what a killed process would leave
    copy = WatchDatabase("", data / "copy.db")
    assert [row["name"] for row in copy.read(TOKENS.select())] == ["x", "before"]
    for one in (copy, beside, database):
        one.close()


def test_tokens_that_vanish_are_still_known(data: Path) -> None:
    database = open_database(data, "")
    token = make_token(database, "gateway", frozenset((DECIDE,)))
    tokens = KnownTokens(database)
    assert tokens.find(token) is not None
    rows = database.read(TOKENS.select())
    with database.write() as connection:
        connection.execute(delete(TOKENS))
    with pytest.raises(OutputError, match="all tokens are gone"):
        tokens.reread()
    assert tokens.find(token) is not None
    tokens._read_again()
    assert tokens.failure == "all tokens are gone"
    with database.write() as connection:
        connection.execute(insert(TOKENS), rows)
    tokens._read_again()
    assert tokens.failure == ""
    database.close()


def test_a_folder_on_postgresql_is_not_taken_for_one_that_lost_its_file(data: Path) -> None:
    (data / "stillhunt.db").unlink()
    with pytest.raises(OutputError, match="if it was on PostgreSQL"):
        open_database(data, "")
