"""A database that is silent, away or not there yet: nobody waits for ever, and what is known still counts."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text
from tests.collect.sources.postgres_server import Server

from stillhunt.base.errors import OutputError
from stillhunt.watch.database import patience, probe
from stillhunt.watch.database.probe import DatabaseProbe
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt_server import tokens as known_tokens
from stillhunt_server.tokens import INGEST, KnownTokens, make_token
from watch.databases import Opening, numbers, url_of


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """The server and its processes are stopped, as by SIGSTOP or a network that loses everything."""
    main = next(
        one.pid
        for one in psutil.net_connections("tcp")
        if one.status == "LISTEN" and one.laddr.port == server.port and one.pid
    )
    every = [psutil.Process(main), *psutil.Process(main).children(recursive=True)]
    for one in every:
        os.kill(one.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in every:
            os.kill(one.pid, signal.SIGCONT)


def opened(server: Server, folder: Path) -> WatchDatabase:
    name = f"silent_{next(numbers)}"
    server.create(name, "")
    return WatchDatabase(url_of(server, name), folder / "stillhunt.db")


def names(faults: ServiceFaults) -> list[str]:
    return [fault.name for fault in faults.current()]


def test_the_database_refuses_an_event_loop(opening: Opening) -> None:
    database = opening()

    async def read() -> None:
        database.answers()

    async def write() -> None:
        with database.write():
            pass

    for use in (read, write):
        with pytest.raises(RuntimeError, match="event loop"):
            asyncio.run(use())
    database.answers()


@pytest.mark.service
def test_a_statement_ends_where_the_server_is_silent(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillhunt.watch.database.bounded.BoundedConnection.silent_seconds", 1.0)
    monkeypatch.setattr(patience, "PATIENCE", patience.PATIENCE._replace(connect_seconds=2, silent_seconds=1.0))
    database = opened(server, tmp_path)
    database.answers()
    with stopped(server):
        began = time.monotonic()
        with pytest.raises(OutputError, match=r"silent|timeout"):
            database.answers()
        assert time.monotonic() - began < 20
    database.answers()
    database.close()


@pytest.mark.service
def test_the_server_ends_long_statements_but_not_those_of_a_migration(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PATIENCE", patience.PATIENCE._replace(statement_seconds=1))
    database = opened(server, tmp_path)
    with pytest.raises(OutputError, match="statement timeout"):
        database.read(text("SELECT pg_sleep(10)"))
    with database.changing_tables() as (connection, _):
        patience.wait_for_migration(connection)
        connection.execute(text("SELECT pg_sleep(1.5)"))
    database.close()


@pytest.mark.service
def test_silence_is_a_fault_within_five_seconds_and_ends(server: Server, tmp_path: Path) -> None:
    database, faults = opened(server, tmp_path), ServiceFaults()
    tokens, again = KnownTokens(database), threading.Event()
    watching = DatabaseProbe(
        database, faults, answers_again=again.set, refresh=tokens.refresh, meanwhile=tokens.tell_age
    )
    watching.start()
    assert names(faults) == []
    with stopped(server):
        end = time.monotonic() + 5
        while names(faults) != [probe.DATABASE_FAULT]:
            assert time.monotonic() < end, "the silence was not seen"
            threading.Event().wait(0.05)
        assert "one revoked since then still counts" in faults.current()[0].statement
    assert again.wait(20)
    assert names(faults) == []
    watching.stop()
    database.close()


@pytest.mark.service
def test_a_server_that_comes_later_is_opened_then(server: Server, tmp_path: Path) -> None:
    name, faults, made = f"later_{next(numbers)}", ServiceFaults(), threading.Event()
    database = WatchDatabase(url_of(server, name), tmp_path / "stillhunt.db", later=True)
    watching = DatabaseProbe(database, faults, opened=made.set)
    watching.look()
    assert watching.failure is not None
    assert database.may_come(watching.failure)
    assert names(faults) == [probe.DATABASE_FAULT]
    with pytest.raises(OutputError, match="not reached yet"):
        database.answers()
    server.create(name, "")
    watching.look()
    assert (watching.failure, made.is_set(), names(faults)) == (None, True, [])
    database.answers()
    database.close()


def test_a_damaged_file_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "stillhunt.db").write_bytes(b"no database" * 1000)
    database = WatchDatabase("", tmp_path / "stillhunt.db", later=True)
    watching = DatabaseProbe(database, ServiceFaults())
    watching.look()
    assert watching.failure is not None
    assert not database.may_come(watching.failure)


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, str]:
    """A file of kept tokens, and a token in it."""
    folder = DataFolder(tmp_path)
    database = WatchDatabase("", folder.database)
    token = make_token(database, "gateway", frozenset((INGEST,)))
    KnownTokens(database, folder.tokens).refresh()
    database.close()
    return folder.tokens, token


def away(folder: Path) -> WatchDatabase:
    return WatchDatabase("", folder / "away.db", later=True)


def test_tokens_count_after_a_start_without_the_database(kept: tuple[Path, str]) -> None:
    file, token = kept
    assert file.stat().st_mode & 0o777 == 0o600
    assert token not in file.read_text()
    tokens = KnownTokens(away(file.parent), file)
    known = tokens.find(token)
    assert known is not None
    assert known.scopes == frozenset((INGEST,))
    with pytest.raises(OutputError, match="cannot be read now"):  # no 401: it may have been made since
        tokens.find("stillhunt_other")
    assert tokens.read_at > 0
    with pytest.raises(OutputError, match="cannot be read now"):
        KnownTokens(away(file.parent)).find(token)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "old"])
def test_a_file_of_tokens_that_is_damaged_or_old_counts_not(
    kept: tuple[Path, str], damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, token = kept
    content = file.read_bytes()
    if damage == "old":
        monkeypatch.setattr(known_tokens, "KEPT_HOURS", 0)
    else:
        changed = {"flip": content.replace(b"ingest", b"admin!"), "cut": content[:-20], "empty": b""}
        file.write_bytes(changed[damage])
    with pytest.raises(OutputError, match="cannot be read now"):
        KnownTokens(away(file.parent), file).find(token)
