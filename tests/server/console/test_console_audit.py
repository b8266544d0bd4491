"""Who looks at account ids or excerpts is written down before they are shown, once, and never the address they seek."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.console.conftest import Published
from server.console.console_html import page_of
from server.console.console_routes import PAGES, Entry
from server.console.console_scenes import ACCUSED, ACT, Scene, open_scene
from stillhunt.base.errors import OutputError
from stillhunt.watch.database import store
from stillhunt.watch.database.audit import without_addresses
from stillhunt_server.console import context

PERSONAL = re.compile(r"(?:91c2|08be|55d7)-acct-\d{4}|customer-\d{4}|Problem \d+: \d+ apples")
"""Ids of accounts, and what excerpts say."""
LOOKED_AT = {path: entry for path, entry in PAGES.items() if entry.looks}
LISTED = [
    "/accounts",
    "/programmes",
    "/sources",
    "/decisions",
    "/appeals",
    "/audit",
    *(f"/campaigns/{ACT}/{part}" for part in ("members", "evidence", "requests")),
    f"/accounts/{ACCUSED}?rows=requests",
]
"""Pages with a table that names accounts."""
ADDRESSES = [
    "198.51.100.7",
    " 198.51.100.7 ",
    "198.51.100.0/24",
    "198.51.100.7:443",
    "who used 198.51.100.7, then?",
    "2001:db8::7",
    "[2001:DB8::7]:443",
    "2001:db8:0:0:0:0:0:7",
    "::ffff:198.51.100.7",
    "fe80::7%eth0",
    "x" * 190 + " 198.51.100.7",
]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_writes_one_row_where_it_shows_ids_or_excerpts(reading: Scene, path: str) -> None:
    entry = PAGES[path]
    reader = reading.reader("adam" if entry.needs else "")
    before = len(reading.audit())
    answer = reader.get(entry.url)
    assert answer.status_code == 200
    assert reading.audit()[before:] == ([("adam", *entry.looks)] if entry.looks else [])
    if not entry.looks and path != "/users":
        assert not PERSONAL.search(answer.text), path


def test_the_page_of_an_account_has_more_of_it_behind_parameters(reading: Scene) -> None:
    vera = reading.reader("vera")
    assert reading.looks(vera, f"/accounts/{ACCUSED}?rows=requests") == [("vera", "requests", ACCUSED)]
    assert reading.looks(vera, "/accounts/customer-0007") == [("vera", "account", "customer-0007")]
    assert reading.looks(vera, "/search") == reading.looks(vera, "/search?for=%20") == []


def test_what_names_no_account_or_several_shows_none(reading: Scene) -> None:
    """The audit has what was asked for, and nobody learns of other ids: also of those that begin so."""
    vera, before = reading.reader("vera"), len(reading.audit())
    for asked in ("customer-029", "custumer-0290", "x" * 5000):
        answer = vera.get(f"/accounts/{asked}")
        assert answer.status_code == 404
        assert not PERSONAL.search(answer.text)
    assert [about[:20] for _, _, about in reading.audit()[before:]] == ["customer-029", "custumer-0290", "x" * 20]


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("url", LISTED)
def test_an_export_is_written_down_with_what_narrows_it(reading: Scene, url: str, form: str) -> None:
    adam = reading.reader("adam")
    mark = "&" if "?" in url else "?"
    ((who, what, about),) = reading.looks(adam, f"{url}{mark}as={form}&find=acct-00%3D1")
    assert (who, what) == ("adam", "export")
    assert about.endswith(f"as={form}&find=acct-00=1")
    assert (ACT in about) == (ACT in url)
    assert (ACCUSED in about) == (ACCUSED in url)


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_that_is_searched_for_is_never_in_the_audit(reading: Scene, text: str) -> None:
    vera, before = reading.reader("vera"), len(reading.audit())
    answer = vera.get("/search", params={"for": text})
    assert answer.status_code == 200
    export = vera.get("/accounts", params={"find": text, "as": "csv"})
    assert export.status_code == 200
    new = reading.audit()[before:]
    assert [what for _, what, _ in new] == ["search", "export"]
    assert not re.search(r"198|51\.100|2001|db8|::7|fe80", str(new), re.IGNORECASE)


@given(st.ip_addresses(), st.sampled_from(("", "/24", ":443", "%en1", ",", " ")), st.booleans())
@settings(max_examples=80, derandomize=True, deadline=None)
def test_no_address_passes_into_the_audit(address: object, after: str, capitals: bool) -> None:
    text = f"{address}{after}"
    kept = without_addresses(f"find {text.upper() if capitals else text} now")
    assert kept.startswith("find [address]")
    assert kept.endswith(" now")
    assert not re.search(r"[.:]", kept.replace("[address]:443", ""))


@pytest.mark.parametrize("text", ["hunt-7f3a91c2", "customer 12", "version 1.2.3", "std::vector", "10:30"])
def test_what_is_no_address_is_written_down_as_it_is(text: str) -> None:
    assert without_addresses(text) == text


@pytest.mark.parametrize("path", LOOKED_AT)
def test_where_a_look_cannot_be_written_down_nothing_is_shown(
    reading: Scene, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OutputError("the database is locked", where="stillhunt.db", next_step="try again")

    monkeypatch.setattr(context, "record_look", fail)
    adam = reading.reader("adam")
    for url in (PAGES[path].url, f"{PAGES[path].url}{'&' if '?' in PAGES[path].url else '?'}for=acct&as=csv"):
        answer = adam.get(url)
        assert answer.status_code == 503, url
        assert not PERSONAL.search(answer.text), url
        assert "The database is locked." in page_of(answer).text


def test_pages_without_personal_data_need_no_audit(reading: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(context, "record_look")
    adam = reading.reader("adam")
    others: dict[str, Entry] = {path: entry for path, entry in PAGES.items() if entry.needs and not entry.looks}
    assert {path: adam.get(entry.url).status_code for path, entry in others.items()} == dict.fromkeys(others, 200)


def test_a_database_that_another_program_locks_shows_nothing(
    published: Published, tmp_path: Path, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.05)
    scene = open_scene(tmp_path / "data", published.folder.database, published.source, runner)
    reader = scene.reader("vera")
    with sqlite3.connect(tmp_path / "data" / "stillhunt.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = reader.get(f"/accounts/{ACCUSED}")
        assert answer.status_code == 503
        assert ACCUSED not in answer.text
        assert reader.get("/campaigns").status_code == 200  # it names no account, and reads while others write
        other.execute("ROLLBACK")
    other.close()
    assert reader.get(f"/accounts/{ACCUSED}").status_code == 200
    scene.database.close()
