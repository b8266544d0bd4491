"""Passwords are hashed with cheap parameters: the tests are of what is around the hash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from server.people.browsers import Console, add_three, console
from stillhunt.watch.database.store import WatchDatabase
from stillhunt_server.people import users


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    users._nobodys_hash.cache_clear()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[WatchDatabase]:
    opened = WatchDatabase("", tmp_path / "stillhunt.db")
    yield opened
    opened.close()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Console]:
    """A console with a viewer, an analyst and an administrator."""
    with console(tmp_path) as opened:
        add_three(opened.database)
        yield opened
