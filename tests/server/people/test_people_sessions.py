"""Sessions: nothing of the cookie is kept, they end in time, and reading a page writes nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select, update

from server.people.browsers import Console, add_three, console
from stillhunt.base.errors import OutputError
from stillhunt.base.units import HOUR, MINUTE, SECOND
from stillhunt.watch.database import store as database_store
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import PERSONS, SESSIONS
from stillhunt_server.people import sessions
from stillhunt_server.people.sessions import SessionStore
from stillhunt_server.people.users import add_user, find_user, set_role

START = 1_800_000_000 * SECOND


@dataclass
class Clock:
    """Time that a test moves, for both clocks."""

    now: int = START

    def __call__(self) -> int:
        return self.now

    def seconds(self) -> float:
        return self.now / SECOND


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database: WatchDatabase, clock: Clock) -> SessionStore:
    add_three(database)
    return SessionStore(database, 12, 1, clock, clock.seconds)


def user_id(database: WatchDatabase, name: str = "anna") -> int:
    user = find_user(database, name)
    assert user is not None
    return user.user_id


def test_the_database_does_not_hold_what_the_cookie_is(database: WatchDatabase, store: SessionStore) -> None:
    cookie = store.begin(user_id(database))
    viewer = store.find(cookie)
    assert viewer is not None
    assert (viewer.name, viewer.role) == ("anna", "analyst")
    assert [viewer.may(role) for role in ("viewer", "analyst", "admin")] == [True, True, False]
    (row,) = database.read(select(SESSIONS))
    assert cookie not in str(row)
    assert len(cookie) >= 43
    assert viewer.form_token != cookie
    assert store.begin(user_id(database)) != cookie


@pytest.mark.parametrize("cookie", ["", "x", "x" * 43, "\0", "\ud800", "x" * 100_000])
def test_a_cookie_of_nobody_is_nobody(store: SessionStore, cookie: str) -> None:
    assert (store.known(cookie), store.find(cookie)) == (None, None)
    assert not store.must_touch(cookie)


def test_a_session_ends_after_its_time_however_busy_it_is(
    database: WatchDatabase, store: SessionStore, clock: Clock
) -> None:
    cookie = store.begin(user_id(database))
    for _ in range(12 * 4 - 1):
        clock.now += 15 * MINUTE
        assert store.find(cookie) is not None
        assert store.must_touch(cookie)
        store.touch(cookie)
    clock.now += 15 * MINUTE
    assert (store.known(cookie), store.find(cookie)) == (None, None)


def test_a_session_ends_when_it_is_idle(database: WatchDatabase, store: SessionStore, clock: Clock) -> None:
    cookie = store.begin(user_id(database))
    clock.now += HOUR - 1
    assert store.find(cookie) is not None
    clock.now += 1
    assert (store.known(cookie), store.find(cookie)) == (None, None)
    store.begin(user_id(database))
    assert len(database.read(select(SESSIONS))) == 1  # what is over is forgotten


def test_a_session_is_written_once_a_minute_at_most(database: WatchDatabase, store: SessionStore, clock: Clock) -> None:
    cookie = store.begin(user_id(database))
    touched = 0
    for _ in range(120):
        assert store.find(cookie) is not None
        if store.must_touch(cookie):
            assert not store.must_touch(cookie)  # another request at the same time
            store.touch(cookie)
            touched += 1
        clock.now += 5 * SECOND
    assert touched == 9
    (row,) = database.read(select(SESSIONS.c.seen_at))
    assert row["seen_at"] == START + 9 * MINUTE


def test_a_session_is_believed_for_a_second(database: WatchDatabase, store: SessionStore, clock: Clock) -> None:
    other = SessionStore(database, 12, 1, clock, clock.seconds)
    cookie = store.begin(user_id(database))
    assert store.known(cookie) is None
    store.find(cookie)
    set_role(database, "anna", "viewer", "test")
    known = store.known(cookie)
    assert known is not None
    assert known.role == "analyst"
    other.end(cookie)
    clock.now += SECOND
    assert (store.known(cookie), store.find(cookie)) == (None, None)


def test_who_ends_a_session_ends_it_at_once(database: WatchDatabase, store: SessionStore) -> None:
    first, second, others = (store.begin(user_id(database, name)) for name in ("anna", "anna", "vera"))
    for cookie in (first, second, others):
        store.find(cookie)
    store.end(first)
    assert (store.known(first), store.find(first)) == (None, None)
    assert store.find(second) is not None
    assert store.find(others) is not None


def test_a_session_of_who_is_disabled_does_not_count_where_it_is_still_there(
    database: WatchDatabase, store: SessionStore
) -> None:
    cookie = store.begin(user_id(database))
    with database.write() as connection:
        connection.execute(update(PERSONS).where(PERSONS.c.name == "anna").values(disabled_at=START))
    assert store.find(cookie) is None


def test_memory_is_bounded(database: WatchDatabase, store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_KNOWN", 3)
    add_user(database, "many", "viewer", "test", subject="many")
    for _ in range(10):
        store.find(store.begin(user_id(database, "many")))
        store.find("guess")
        assert len(store._known) <= 3


def test_pages_write_nothing_to_the_database(local: Console) -> None:
    browser = local.browser()
    browser.sign_in("anna")
    with local.database.engine.connect() as connection:
        before = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
        for _ in range(5):
            assert browser.get("/").status_code == 200
        assert connection.exec_driver_sql("PRAGMA data_version").scalar_one() == before


def test_a_page_is_shown_while_the_database_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_store, "BUSY_SECONDS", 0.05)
    with console(tmp_path) as opened, closing(sqlite3.connect(tmp_path / "stillhunt.db")) as other:
        add_three(opened.database)
        browser = opened.browser()
        browser.sign_in("anna")
        monkeypatch.setattr(opened.people.sessions, "must_touch", lambda _cookie: True)
        other.execute("BEGIN IMMEDIATE")
        assert browser.get("/").json()["name"] == "anna"
        assert browser.sign_in("vera").status_code == 503  # without its row in the audit, nobody is signed in
        assert browser.post("/sign-out", {"form_token": browser.token()}).status_code == 503
        other.rollback()
        assert browser.sign_in("vera").status_code == 303


def test_where_the_database_fails_the_page_says_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise OutputError("the file of the database was removed or replaced")

    with console(tmp_path) as opened:
        add_three(opened.database)
        browser = opened.browser()
        browser.sign_in("anna")
        monkeypatch.setattr(opened.people.sessions, "known", lambda _cookie: None)
        monkeypatch.setattr(opened.people.sessions, "find", fail)
        answer = browser.get("/")
        assert (answer.status_code, "/readyz says why" in answer.text) == (503, True)
