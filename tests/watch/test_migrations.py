"""Older databases are brought up to date with all that is in them, and back again, on SQLite and PostgreSQL.

`tests/data/databases` has one of each former version, written by the last commit that had it: a row in each table, with
the values of `values_of`.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import BigInteger, Boolean, Connection, Float, Integer, Table, delete, insert, inspect, select, update
from tests.collect.sources.postgres_server import Server
from typer.testing import CliRunner

from stillhunt.base.errors import ConfigError, OutputError
from stillhunt.cli.app import app
from stillhunt.watch.backup import back_up, restore
from stillhunt.watch.database.migrations.running import migrate
from stillhunt.watch.database.store import VERSION, WatchDatabase
from stillhunt.watch.database.tables import META, METADATA, REVISION, VERSION_ROW
from stillhunt.watch.database.versions import (
    ADDED_COLUMNS,
    ADDED_TABLES,
    TableLoss,
    database_version,
    downgrade,
    lost_by_downgrade,
)
from stillhunt.watch.folder import DATABASE, DataFolder
from watch.databases import Opening, numbers, url_of

DATA = Path(__file__).parents[1] / "data" / "databases"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return ""
    server: Server = request.getfixturevalue("server")
    name = f"migrated_{next(numbers)}"
    server.create(name, "")
    return url_of(server, name)


@pytest.fixture
def raw(url: str, tmp_path: Path) -> Iterator[WatchDatabase]:
    """An empty database, opened as it is."""
    database = WatchDatabase(url, tmp_path / DATABASE, as_it_is=True)
    yield database
    database.close()


def tables_of(version: int) -> list[Table]:
    later = {name for added, names in ADDED_TABLES.items() if added > version for name in names}
    return [table for table in METADATA.sorted_tables if table.name not in later and table not in (META, REVISION)]


def columns_of(table: Table, version: int) -> list[Any]:
    later = {name for added, names in ADDED_COLUMNS.items() if added > version for name in names.get(table.name, ())}
    return [column for column in table.columns if column.name not in later]


def values_of(table: Table, version: int) -> dict[str, Any]:
    """A value for each column."""
    values: dict[str, Any] = {}
    for column in columns_of(table, version):
        if isinstance(column.type, Boolean):
            values[column.name] = True
        elif isinstance(column.type, Float):
            values[column.name] = 2.5
        elif isinstance(column.type, BigInteger):
            values[column.name] = 1 << 50
        else:
            values[column.name] = 7 if isinstance(column.type, Integer) else "\u65e5 it's"
    return values


def fill(connection: Connection, version: int) -> dict[str, list[dict[str, Any]]]:
    """One row in each table, with a value in each column."""
    rows = {table.name: [values_of(table, version)] for table in tables_of(version)}
    for table in tables_of(version):
        connection.execute(insert(table).values(rows[table.name]))
    return rows


def content(database: WatchDatabase, version: int) -> dict[str, list[dict[str, Any]]]:
    return {table.name: database.read(select(*columns_of(table, version))) for table in tables_of(version)}


def schema(connection: Connection) -> dict[str, Any]:
    """All that the database says of its tables."""
    known = inspect(connection)
    return {
        table: {
            "columns": [{**column, "type": str(column["type"])} for column in known.get_columns(table)],
            "key": known.get_pk_constraint(table),
            "foreign": sorted(known.get_foreign_keys(table), key=str),
            "indexes": sorted(known.get_indexes(table), key=str),
            "unique": sorted(known.get_unique_constraints(table), key=str),
        }
        for table in known.get_table_names()
    }


def make(database: WatchDatabase, version: int, *, known_to_alembic: bool = True) -> dict[str, list[dict[str, Any]]]:
    """A database of an older version; before Alembic, it had the version in META alone."""
    with database.changing_tables() as (connection, found):
        migrate(connection, found, version)
        if not known_to_alembic:
            REVISION.drop(connection)
        return fill(connection, version)


@pytest.mark.parametrize("known_to_alembic", [True, False])
@pytest.mark.parametrize("version", range(1, VERSION))
def test_an_older_database_is_brought_up_to_date_with_all_its_rows(
    raw: WatchDatabase, url: str, tmp_path: Path, version: int, known_to_alembic: bool
) -> None:
    rows = make(raw, version, known_to_alembic=known_to_alembic)
    opened = WatchDatabase(url, tmp_path / DATABASE)
    assert content(opened, version) == rows
    assert opened.read(select(META)) == [{"name": VERSION_ROW, "value": str(VERSION)}]
    assert opened.read(select(REVISION)) == [{"version_num": f"{VERSION:04}"}]
    for names in (names for added, names in ADDED_TABLES.items() if added > version):
        assert [opened.read(select(METADATA.tables[name])) for name in names] == [[] for _ in names]
    opened.close()


@pytest.mark.parametrize("version", range(1, VERSION))
def test_what_a_former_commit_wrote_is_brought_up_to_date_and_back(tmp_path: Path, version: int) -> None:
    with sqlite3.connect(tmp_path / DATABASE) as connection:
        connection.executescript((DATA / f"version_{version}.sql").read_text(encoding="utf-8"))
    raw = WatchDatabase("", tmp_path / DATABASE, as_it_is=True)
    rows = {table.name: [values_of(table, version)] for table in tables_of(version)}
    assert (database_version(raw), content(raw, version)) == (version, rows)
    with raw.write() as connection:
        before = schema(connection)
    opened, fresh = WatchDatabase("", tmp_path / DATABASE), WatchDatabase("", tmp_path / "fresh.db")
    assert content(opened, version) == rows
    with opened.write() as now, fresh.write() as new:
        assert schema(now) == schema(new)
    downgrade(raw, version)
    assert content(raw, version) == rows
    with raw.write() as connection:
        after = schema(connection)
        assert {name: after[name] for name in before} == before
        assert after.keys() - before.keys() <= {REVISION.name}
    for database in (raw, opened, fresh):
        database.close()


def test_a_new_database_has_the_tables_that_the_revisions_make(raw: WatchDatabase, url: str, tmp_path: Path) -> None:
    make(raw, VERSION)
    with raw.write() as connection:
        migrated = schema(connection)
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA) == []
    with raw.changing_tables() as (connection, found):
        migrate(connection, found, 0)
        assert set(inspect(connection).get_table_names()) == {REVISION.name}
        REVISION.drop(connection)
    fresh = WatchDatabase(url, tmp_path / DATABASE)
    with fresh.write() as connection:
        assert schema(connection) == migrated
    fresh.close()


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_downgrade_keeps_what_the_older_version_has(
    raw: WatchDatabase, url: str, tmp_path: Path, version: int
) -> None:
    rows = make(raw, VERSION)
    names = [name for added, names in ADDED_TABLES.items() if added > version for name in names]
    expected = [TableLoss(name, 1) for name in names]
    if version >= 4:  # which has cases, but not their days
        expected.append(TableLoss("cases", 1, ("look_at", "due_at")))
    assert lost_by_downgrade(raw, version) == expected
    assert downgrade(raw, version) == expected
    assert database_version(raw) == version
    kept = {
        table.name: [
            {column.name: row[column.name] for column in columns_of(table, version)} for row in rows[table.name]
        ]
        for table in tables_of(version)
    }
    assert content(raw, version) == kept
    with raw.write() as connection:
        assert not set(names) & set(inspect(connection).get_table_names())
    again = WatchDatabase(url, tmp_path / DATABASE)
    assert content(again, version) == kept
    assert all(again.read(select(METADATA.tables[name])) == [] for name in names)
    again.close()


def test_a_migration_that_fails_changes_nothing(raw: WatchDatabase, url: str, tmp_path: Path) -> None:
    rows = make(raw, 2)
    with raw.write() as connection:
        METADATA.tables["audit"].create(connection)  # so that the last table of the last revision is in the way
        before = schema(connection)
    with pytest.raises(OutputError, match="audit"):
        WatchDatabase(url, tmp_path / DATABASE)
    with raw.write() as connection:
        assert schema(connection) == before
    assert (database_version(raw), content(raw, 2)) == (2, rows)


def test_several_processes_may_bring_it_up_to_date_at_once(raw: WatchDatabase, url: str, tmp_path: Path) -> None:
    rows = make(raw, 2)
    with ThreadPoolExecutor(4) as pool:
        opened = [one.result() for one in [pool.submit(WatchDatabase, url, tmp_path / DATABASE) for _ in range(4)]]
    for database in opened:
        assert content(database, 2) == rows
        database.close()


def test_versions_that_cannot_be_gone_back_to_are_refused(raw: WatchDatabase) -> None:
    make(raw, 3)
    for version in (0, -1, 3, 4, 99):
        with pytest.raises(ConfigError, match=f"has version 3, so it cannot go back to {version}"):
            downgrade(raw, version)
    with raw.write() as connection:
        connection.execute(update(META).where(META.c.name == VERSION_ROW).values(value=str(VERSION + 1)))
    with pytest.raises(OutputError, match=f"this stillhunt knows versions up to {VERSION}"):
        downgrade(raw, 1)


def test_the_list_of_added_tables_is_complete(opening: Opening) -> None:
    first = {"meta", "snapshots", "campaigns", "campaign_members", "campaign_events", "tokens", "linked_accounts"}
    first |= {"alerts", "deliveries", "holds", REVISION.name}
    assert set(METADATA.tables) == first.union(*ADDED_TABLES.values())
    assert set(ADDED_TABLES) == set(range(2, VERSION + 1))
    with opening().write() as connection:
        assert set(inspect(connection).get_table_names()) == set(METADATA.tables)


def test_a_database_of_this_version_is_opened_without_alembic(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from stillhunt.watch.database.store import WatchDatabase;"
        "WatchDatabase('', Path(sys.argv[1])).close(); WatchDatabase('', Path(sys.argv[1])).close();"
        "print([name for name in ('alembic', 'mako', 'argon2') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / DATABASE)], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_a_backup_holds_every_table(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    database = WatchDatabase("", folder.database)
    with database.write() as connection:
        rows = fill(connection, VERSION)
    back_up(folder, database, tmp_path / "backup")
    with database.write() as connection:
        for table in reversed(tables_of(VERSION)):
            connection.execute(delete(table))
    database.close()
    restore(tmp_path / "backup", tmp_path / "again")
    again = WatchDatabase("", tmp_path / "again" / DATABASE)
    assert content(again, VERSION) == rows
    again.close()


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["database", *arguments])


def test_the_commands_show_upgrade_and_downgrade(tmp_path: Path) -> None:
    data = tmp_path / "data"
    folder = DataFolder(data)
    raw = WatchDatabase("", folder.database, as_it_is=True)
    make(raw, 2)
    assert run("version", "--data", str(data)).output == f"version 2; this stillhunt writes {VERSION}\n"
    assert run("upgrade", "--data", str(data)).output == f"version {VERSION}; it was 2\n"
    assert run("upgrade", "--data", str(data)).output == f"version {VERSION} already\n"
    with raw.write() as connection:
        connection.execute(insert(METADATA.tables["users"]).values(name="a", role="admin", made_at=1))
    asked = run("downgrade", "3", "--data", str(data))
    assert isinstance(asked.exception, ConfigError)
    assert "this deletes 1 row of users [" in str(asked.exception)
    assert database_version(raw) == VERSION
    done = run("downgrade", "3", "--data", str(data), "--yes")
    assert (done.exit_code, database_version(raw)) == (0, 3)
    assert done.output == "version 3; deleted: 1 row of users\n"
    raw.close()


def test_a_database_that_is_served_is_not_downgraded(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    WatchDatabase("", folder.database).close()
    with folder.role("serve-web"):
        refused = run("downgrade", "3", "--data", str(tmp_path), "--yes")
    assert isinstance(refused.exception, OutputError)
    assert "serve-web" in str(refused.exception)


def test_a_folder_without_database_is_refused(tmp_path: Path) -> None:
    for arguments in (("version",), ("upgrade",), ("downgrade", "3", "--yes")):
        assert "no database" in str(run(*arguments, "--data", str(tmp_path)).exception)
    assert not (tmp_path / DATABASE).exists()


def test_a_day_that_is_lost_is_said(tmp_path: Path) -> None:
    database = WatchDatabase("", DataFolder(tmp_path).database)
    case = METADATA.tables["cases"]
    with database.write() as connection:
        connection.execute(insert(case).values(**values_of(case, 6)))
    assert "this deletes nothing" in str(run("downgrade", "6", "--data", str(tmp_path)).exception)
    with database.write() as connection:
        connection.execute(update(case).values(due_at=5))
    asked = run("downgrade", "6", "--data", str(tmp_path))
    assert "this deletes look_at/due_at of 1 row of cases [" in str(asked.exception)
    database.close()
