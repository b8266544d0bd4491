"""Fixtures of this folder: one case for all tests, which none changes, and a database for each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from server.console.console_scenes import ACT, Scene, open_scene, publish, seed_people, seed_work
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt_server.console.snapshot import LatestSource, ShownCase
from stillhunt_server.people import users
from triage.fixtures import demo_case


@dataclass(frozen=True)
class Published:
    """A data folder that tests only read."""

    folder: DataFolder
    source: LatestSource

    @property
    def shown(self) -> ShownCase:
        shown = self.source.current()
        assert shown is not None
        return shown


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Two campaigns to act on, one to review, 200 members and 300 other accounts."""
    folder = DataFolder(tmp_path_factory.mktemp("console") / "data")
    case = demo_case()
    database = WatchDatabase("", folder.database)
    publish(folder, case, 1, database)
    seed_people(database)
    seed_work(database, ACT)
    database.close()
    return Published(folder, LatestSource(folder))


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are not what these tests are of."""
    monkeypatch.setattr(users, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    users._nobodys_hash.cache_clear()


@pytest.fixture(scope="module")
def reading(published: Published, tmp_path_factory: pytest.TempPathFactory, runner: asyncio.Runner) -> Iterator[Scene]:
    """The console on that case, for tests that read pages and change nothing but the audit."""
    folder = tmp_path_factory.mktemp("reading") / "data"
    opened = open_scene(folder, published.folder.database, published.source, runner)
    yield opened
    opened.database.close()


@pytest.fixture
def scene(published: Published, tmp_path: Path, runner: asyncio.Runner) -> Iterator[Scene]:
    """The console on that case, with a database of its own."""
    opened = open_scene(tmp_path / "data", published.folder.database, published.source, runner)
    yield opened
    opened.database.close()
