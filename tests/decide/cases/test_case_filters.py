"""Views that somebody named."""

from __future__ import annotations

import pytest

from decide.scenes import NOW
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.watch.database.store import WatchDatabase
from stillhunt_server.console.saved_filters import delete_filter, filters_of, save_filter
from watch.databases import Opening


def save(
    database: WatchDatabase, name: str, owner: str = "Ada", query: str = "verdict=act", *, shared: bool = False
) -> int:
    return save_filter(database, "campaigns", name, query, owner, shared=shared, now=NOW).filter_id


def names(database: WatchDatabase, owner: str, page: str = "campaigns") -> list[str]:
    return [one.name for one in filters_of(database, page, owner)]


def test_own_filters_come_first_and_shared_ones_after(opening: Opening) -> None:
    database = opening()
    save(database, "mine", "Bo")
    save(database, "All", shared=True)
    hidden = save(database, "hidden")
    save_filter(database, "accounts", "there", "a=%20b", "Bo", shared=False, now=NOW)
    assert (names(database, "Bo"), names(database, "Ada")) == (["mine", "All"], ["All", "hidden"])
    assert names(database, "Bo", "accounts") == ["there"]
    assert save(database, "hidden", query="?verdict=review&q=a+b%C3%BC", shared=True) == hidden
    found = {one.name: one.query for one in filters_of(database, "campaigns", "Bo")}
    assert found == {"mine": "verdict=act", "All": "verdict=act", "hidden": "verdict=review&q=a+b%C3%BC"}


def test_only_the_owner_deletes_a_filter(opening: Opening) -> None:
    database = opening()
    number = save(database, "All", shared=True)
    for filter_id, owner in ((number, "Bo"), (number + 1, "Ada"), (-1, "Ada"), (2**70, "Ada")):
        with pytest.raises(CaseError, match="you have no filter"):
            delete_filter(database, filter_id, owner)
    delete_filter(database, number, "Ada")
    assert names(database, "Ada") == []


@pytest.mark.parametrize(
    ("page", "name", "query"),
    [
        ("campaigns", "", "a=b"),
        ("campaigns", "x" * 65, "a=b"),
        ("campaigns", "\0" * 20, "a=b"),
        ("campaigns", "ok", "a=<b>"),
        ("campaigns", "ok", "a=b#c"),
        ("campaigns", "ok", "a=b\r\nSet-Cookie: x"),
        ("campaigns", "ok", "a=%zz"),
        ("campaigns", "ok", "x" * 2_001),
        ("https://evil", "ok", "a=b"),
        ("", "ok", "a=b"),
    ],
)
def test_what_can_be_no_filter_is_refused(opening: Opening, page: str, name: str, query: str) -> None:
    database = opening()
    with pytest.raises(ConfigError):
        save_filter(database, page, name, query, "Ada", shared=True, now=NOW)


def test_an_owner_has_fifty_filters_at_most(opening: Opening) -> None:
    database = opening()
    for number in range(50):
        save(database, str(number))
    with pytest.raises(ConfigError, match="at most 50 filters"):
        save(database, "more")
    assert save(database, "7")
    assert save(database, "more", "Bo")
