"""The database of a data folder, on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, select, text, update
from tests.collect.sources.postgres_server import ENCODED, PASSWORD, USER, Server

from stillhunt.base.errors import ConfigError, OutputError
from stillhunt.watch.database import store
from stillhunt.watch.database.store import VERSION, WatchDatabase
from stillhunt.watch.database.tables import META, METADATA, REVISION, VERSION_ROW
from stillhunt_server.tokens import INGEST, KnownTokens, make_token
from watch.databases import Opening, numbers, url_of


def test_it_is_made_once_and_keeps_what_was_written(opening: Opening) -> None:
    token = make_token(opening(), "gateway", frozenset((INGEST,)), "eu")
    database = opening()
    assert database.read(select(META.c.name, META.c.value)) == [{"name": VERSION_ROW, "value": str(VERSION)}]
    known = KnownTokens(database)
    known.refresh()
    found = known.of(token)
    assert found is not None
    assert (found.source, found.scopes) == ("eu", {INGEST})


def test_a_newer_version_is_refused(opening: Opening) -> None:
    with opening().write() as connection:
        connection.execute(update(META).where(META.c.name == VERSION_ROW).values(value=str(VERSION + 1)))
    with pytest.raises(OutputError, match=f"has version {VERSION + 1}; this stillhunt knows versions up to {VERSION}"):
        opening()


def test_a_transaction_that_fails_leaves_nothing(opening: Opening) -> None:
    database = opening()

    def fail_halfway() -> None:
        with database.write() as connection:
            connection.execute(insert(META).values(name="half", value="1"))
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        fail_halfway()
    assert len(database.read(select(META))) == 1


def test_several_processes_may_make_it_at_once(opening: Opening) -> None:
    with ThreadPoolExecutor(4) as pool:
        opened = [future.result() for future in [pool.submit(opening) for _ in range(4)]]
    assert [len(database.read(select(META))) for database in opened] == [1, 1, 1, 1]


HOLDING = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_locked_database_can_be_read_and_says_so_when_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.2)
    file = tmp_path / "stillhunt.db"
    database = WatchDatabase("", file)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        assert len(database.read(select(META))) == 1
        with pytest.raises(OutputError, match="database is locked"), database.write():
            pass
    finally:
        holder.communicate("")
    with database.write() as connection:
        connection.execute(insert(META).values(name="later", value="1"))
    database.close()


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "stillhunt.db").write_bytes(b"this is no database at all, and never was" * 100)
    with pytest.raises(OutputError, match="file is not a database"):
        WatchDatabase("", tmp_path / "stillhunt.db")


@pytest.mark.parametrize("url", ["nonsense", "nosuch://host/name", "mysql://user@host/name", "postgresql+nosuch://h/n"])
def test_a_url_of_nothing_says_which_form_it_needs(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as error:
        WatchDatabase(url, tmp_path / "stillhunt.db")
    assert "postgresql+psycopg://" in str(error.value.next_step)
    assert url not in str(error.value)


@pytest.mark.service
def test_a_server_that_refuses_is_said_without_the_password(server: Server, tmp_path: Path) -> None:
    wrong = {
        "password authentication failed": url_of(server, "postgres", "wr0ng"),
        'database "absent" does not exist': url_of(server, "absent"),
        "refused": f"postgresql+psycopg://{USER}:{ENCODED}@127.0.0.1:1/postgres",
    }
    for said, url in wrong.items():
        with pytest.raises(OutputError, match=said) as error:
            WatchDatabase(url, tmp_path / "stillhunt.db")
        assert not any(secret in str(error.value) for secret in (PASSWORD, ENCODED, "wr0ng"))
        assert error.value.where == "watch.database"


@pytest.mark.service
def test_a_connection_that_broke_is_replaced(server: Server, tmp_path: Path) -> None:
    name = f"watch_{next(numbers)}"
    server.create(name, "")
    database = WatchDatabase(url_of(server, name), tmp_path / "stillhunt.db")
    other = create_engine(url_of(server, "postgres"))
    with other.connect() as connection:
        ended = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        connection.execute(ended, {"name": name})
    other.dispose()
    assert len(database.read(select(META))) == 1
    database.close()


@pytest.mark.service
def test_every_table_is_made_there(server: Server, tmp_path: Path) -> None:
    name = f"watch_{next(numbers)}"
    server.create(name, "")
    database = WatchDatabase(url_of(server, name), tmp_path / "stillhunt.db")
    for table in METADATA.sorted_tables:
        assert database.read(select(table)) == [] or table in (META, REVISION)
    database.close()


def test_nobody_else_can_read_the_file(tmp_path: Path) -> None:
    WatchDatabase("", tmp_path / "stillhunt.db").close()
    assert (tmp_path / "stillhunt.db").stat().st_mode & 0o077 == 0
