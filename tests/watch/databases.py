"""A database on SQLite and on a real PostgreSQL server, as fixtures."""

from __future__ import annotations

import importlib.util
import itertools
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from tests.collect.sources.postgres_server import ENCODED, USER, Server, program, running

from stillhunt.watch.database.store import WatchDatabase

REQUIRED = os.environ.get("STILLHUNT_REQUIRE_SERVICES") == "1"
numbers = itertools.count()
Opening = Callable[[], WatchDatabase]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    if not REQUIRED and importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed")
    if not REQUIRED and None in (program("initdb"), program("pg_ctl"), program("psql")):
        pytest.skip("PostgreSQL is not installed")
    with running() as server:
        yield server


def url_of(server: Server, database: str, password: str = ENCODED) -> str:
    return f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{server.port}/{database}"


@cache
def template_of(server: Server) -> str:
    """A database with the tables of this version and nothing in them, to copy: that takes less than making them."""
    name = f"template_{next(numbers)}"
    server.run("postgres", f"CREATE DATABASE {name}")
    WatchDatabase(url_of(server, name), Path("stillhunt.db")).close()
    return name


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opening]:
    """Opens one database again and again."""
    url = ""
    if request.param == "postgresql":
        server, name = request.getfixturevalue("server"), f"watch_{next(numbers)}"
        server.copy(name, template_of(server))
        url = url_of(server, name)
    opened: list[WatchDatabase] = []

    def open_it() -> WatchDatabase:
        opened.append(WatchDatabase(url, tmp_path / "stillhunt.db"))
        return opened[-1]

    yield open_it
    for database in opened:
        database.close()
