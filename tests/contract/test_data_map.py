"""The data map names every table and column, each with one class, and nothing that is not there."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from pathlib import Path

import pytest
from source_tree import PACKAGE, ROOT

from stillhunt.base.shape import Table
from stillhunt.watch.database.store import METADATA
from stillhunt.watch.folder import DATABASE, SCRATCH, SNAPSHOTS, SPOOL, STATE
from stillhunt.watch.subject.packs import PACKS
from stillhunt.watch.subject.rows import database_rows

PAGE = (ROOT / "docs" / "data-map.md").read_text(encoding="utf-8")
CLASSES = ("content", "personal", "pseudonym", "none")
DATABASE_TABLE = "Database table"


def code_tables() -> dict[tuple[str, str], list[str]]:
    """Every table of the schema modules and of the database -> its columns."""
    found = {
        (DATABASE_TABLE, name): [column.name for column in table.columns] for name, table in METADATA.tables.items()
    }
    for path in sorted((PACKAGE / "base").glob("schema*.py")):
        module = importlib.import_module(f"stillhunt.base.{path.stem}")
        tables = [value for value in vars(module).values() if isinstance(value, Table)]
        found |= {("Table", table.name): list(table.names) for table in tables}
    return found


def page_tables(page: str) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """The same of the page: table -> (column, class)."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for part in re.split(r"^### ", page, flags=re.MULTILINE)[1:]:
        heading = re.match(r"(Database table|Table) `(\w+)`\n", part)
        assert heading, part[:60]
        rows = re.findall(r"^\| (\w+) \| (`.*`) \|$", part, flags=re.MULTILINE)
        assert heading.groups() not in found, f"twice: {heading[0]}"
        found[heading[1], heading[2]] = [
            (column, kind) for kind, names in rows for column in re.findall(r"`(\w+)`", names)
        ]
    return found


def test_every_table_and_column_is_in_the_map_and_no_other() -> None:
    page = {table: sorted(column for column, _ in columns) for table, columns in page_tables(PAGE).items()}
    assert page == {table: sorted(columns) for table, columns in code_tables().items()}


def test_every_column_has_one_of_the_classes() -> None:
    assert {kind for columns in page_tables(PAGE).values() for _, kind in columns} == set(CLASSES)
    for table, columns in page_tables(PAGE).items():
        twice = [column for column, count in Counter(column for column, _ in columns).items() if count > 1]
        assert not twice, table


@pytest.mark.parametrize(
    ("column", "kinds"),
    [
        ("account_id", {"personal"}),
        ("prompt", {"content"}),
        ("system_prompt", {"content"}),
        ("response", {"content"}),
        ("client_ip", {"pseudonym"}),
        ("email_hash", {"pseudonym"}),
        ("user_agent", {"personal"}),
        ("narrative", {"content"}),
        ("declared_use", {"content"}),
    ],
)
def test_columns_that_are_plain_have_the_plain_class_wherever_they_stand(column: str, kinds: set[str]) -> None:
    found = {kind for columns in page_tables(PAGE).values() for name, kind in columns if name == column}
    assert found == kinds


def test_a_missing_column_or_table_is_caught() -> None:
    assert page_tables(PAGE.replace("`prompt`, ", "", 1)) != page_tables(PAGE)
    assert len(page_tables(re.sub(r"### Table `members`(?s:.*?)(?=\n### )", "", PAGE))) == len(page_tables(PAGE)) - 1


@pytest.mark.parametrize("folder", [SPOOL, STATE, SCRATCH, SNAPSHOTS, PACKS, DATABASE])
def test_every_store_of_a_data_folder_is_in_the_map(folder: str) -> None:
    (stores,) = re.findall(r"^## Stores\n(.*?)^## ", PAGE, flags=re.MULTILINE | re.DOTALL)
    rows = [row for row in stores.splitlines() if f"`DATA/{folder}`" in row]
    assert len(rows) == 1
    assert all(cell.strip() for cell in rows[0].strip("|").split("|"))


def test_tables_that_an_erasure_does_not_touch_say_so() -> None:
    """What `stillhunt data subject` looks through, the page says of its tables."""
    source = Path(database_rows.__code__.co_filename).read_text(encoding="utf-8")
    for name in ("decisions", "audit"):
        part = re.search(rf"### Database table `{name}`\n(.*?)\n\|", PAGE, flags=re.DOTALL)
        assert part is not None
        assert "Never erased" in part[1]
    erased = [name for name, table in METADATA.tables.items() if "account_id" in table.c and name != "decisions"]
    for name in erased:
        part = re.search(rf"### Database table `{name}`\n(.*?)\n\|", PAGE, flags=re.DOTALL)
        assert part is not None
        assert "stillhunt data subject" in part[1]
        assert name.upper() in source
