"""What a hunt records comes back as it was; recording twice, or half, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from watched_campaigns import NOW, WINDOW, PlainWatch, accounts, found, snapshot_row

from stillhunt.base.errors import CaseError
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_EVENTS, CAMPAIGN_MEMBERS, SNAPSHOT_ROWS
from stillhunt.watch.lineage.campaigns import FoundCampaign, Settled
from stillhunt.watch.lineage.settle import settle
from stillhunt.watch.records import (
    all_campaigns,
    history,
    known_campaigns,
    members_over_time,
    newest_sequence,
    record_hunt,
    resolve_campaign,
    snapshot_times,
)
from thoroughness import examples


@pytest.fixture
def database(tmp_path: Path) -> Iterator[WatchDatabase]:
    opened = WatchDatabase("", tmp_path / "stillhunt.db")
    yield opened
    opened.close()


def hunt(database: WatchDatabase, *campaigns: FoundCampaign, window: int = WINDOW) -> Settled:
    """Settle and record what one more hunt found."""
    settled = settle(known_campaigns(database), campaigns, window)
    with database.write() as connection:
        record_hunt(connection, snapshot_row((newest_sequence(database) or 0) + 1), campaigns, settled)
    return settled


def test_a_life_is_told_from_the_database(database: WatchDatabase) -> None:
    hunt(database, found("c-1", accounts(0, 6)), found("c-2", accounts(10, 14)), found("c-9", accounts(30, 33), "none"))
    hunt(database, found("c-5", accounts(3, 9)), found("c-2", accounts(10, 14), "review", score=0.9))
    hunt(database, found("c-7", accounts(3, 14)))
    hunt(database)
    hunt(database, found("c-8", accounts(5, 12)))
    hunt(database, window=NOW + 1)
    first = history(database, "c-1")
    assert [(row["sequence"], row["campaign_id"], row["event"], row["others"]) for row in first] == [
        (1, "c-1", "born", []),
        (3, "c-2", "merged", ["c-1"]),
        (4, "c-1", "dormant", []),
        (5, "c-1", "returned", []),
        (6, "c-1", "ended", []),
    ]
    assert [row["event"] for row in history(database, "c-2")] == ["born", "verdict", "merged"]
    rows = {row["campaign_id"]: row for row in all_campaigns(database)}
    assert {name: row["status"] for name, row in rows.items()} == {"c-1": "ended", "c-2": "merged"}
    assert (rows["c-1"]["accounts"], rows["c-1"]["requests"]) == (7, 700)
    came = {
        row["account_id"]: (row["first_snapshot"], row["last_snapshot"]) for row in members_over_time(database, "c-1")
    }
    assert came["a0"] == (1, 1)
    assert came["a5"] == (1, 5)
    assert came["a13"] == (3, 3)
    assert snapshot_times(database) == {number: NOW + number for number in range(1, 7)}


def test_group_left_alone_is_not_tracked_and_a_fallen_campaign_is(database: WatchDatabase) -> None:
    hunt(database, found("c-1", accounts(0, 6)), found("c-2", accounts(10, 14), "none"))
    assert [row["campaign_id"] for row in all_campaigns(database)] == ["c-1"]
    hunt(database, found("c-3", accounts(0, 6), "none", score=0.2))
    (row,) = all_campaigns(database)
    assert (row["campaign_id"], row["status"], row["verdict"], row["score"]) == ("c-1", "active", "none", 0.2)


def test_recording_a_snapshot_again_changes_nothing(database: WatchDatabase) -> None:
    campaigns = [found("c-1", accounts(0, 6))]
    settled = hunt(database, *campaigns)
    before = known_campaigns(database)
    with database.write() as connection:
        record_hunt(connection, snapshot_row(1), campaigns, settled)
    assert known_campaigns(database) == before
    assert len(history(database, "c-1")) == 1


def test_crash_while_recording_leaves_the_hunt_before(database: WatchDatabase) -> None:
    hunt(database, found("c-1", accounts(0, 6)))
    before = known_campaigns(database)
    campaigns = [found("c-4", accounts(2, 9)), found("c-5", accounts(20, 25))]
    settled = settle(before, campaigns, WINDOW)

    def fail() -> None:
        with database.write() as connection:
            record_hunt(connection, snapshot_row(2), campaigns, settled)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert newest_sequence(database) == 1
    assert known_campaigns(database) == before
    assert settle(known_campaigns(database), campaigns, WINDOW) == settled  # the hunt that runs again says the same
    assert hunt(database, *campaigns) == settled


def test_campaign_of_more_accounts_than_a_statement_may_have_parameters(database: WatchDatabase) -> None:
    for _ in range(2):
        hunt(database, found("c-1", accounts(0, 40_000)))
    (row,) = database.read(select(func.count().label("rows")).select_from(CAMPAIGN_MEMBERS))
    assert row["rows"] == 40_000


def test_hostile_account_ids_come_back_as_they_are(database: WatchDatabase) -> None:
    hostile = ["\x1b[2J", "=1+1", "';DROP TABLE campaigns;--", "x" * 100_000, "名前", "%_"]
    hunt(database, found("c-1", dict.fromkeys(hostile, 7)))
    assert {row["account_id"] for row in members_over_time(database, "c-1")} == set(hostile)
    assert known_campaigns(database)[0].members == dict.fromkeys(hostile, 7)


def test_ids_are_found_by_their_beginning(database: WatchDatabase) -> None:
    hunt(database, found("c-12", accounts(0, 6)), found("c-123", accounts(10, 14)), found("c-9", accounts(20, 24)))
    assert resolve_campaign(database, "c-9") == "c-9"
    assert resolve_campaign(database, "c-12") == "c-12"  # a full id comes before the beginning of one
    assert resolve_campaign(database, "c-123") == "c-123"
    for wanted, message in {
        "c-1": "ids of 2 campaigns begin",
        "c-7": "no campaign",
        "": "no campaign",
        "\x1b": "x1b",
    }.items():
        with pytest.raises(CaseError, match=message) as caught:
            resolve_campaign(database, wanted)
        assert "\x1b" not in str(caught.value)


def test_history_names_no_campaign_whose_id_only_begins_the_same(database: WatchDatabase) -> None:
    hunt(database, found("c-1", accounts(0, 6)), found("c-12", accounts(10, 14)))
    hunt(database, found("c-12", accounts(0, 14)))
    assert [row["event"] for row in history(database, "c-1")] == ["born", "merged"]
    hunt(database, found("c-12", accounts(0, 14)), found("c-123", accounts(20, 29)))
    hunt(database, found("c-12", accounts(0, 14)), found("c-124", accounts(20, 24)), found("c-125", accounts(24, 29)))
    assert [row["event"] for row in history(database, "c-12")] == ["born", "merged"]


MEMBERS = st.dictionaries(st.sampled_from([f"a{n}" for n in range(10)]), st.integers(1, 99), min_size=1, max_size=6)


@given(st.lists(st.lists(st.tuples(MEMBERS, st.sampled_from(["act", "review", "none"])), max_size=3), max_size=5))
@settings(derandomize=True, max_examples=examples(12, 25), deadline=None)
def test_database_knows_what_a_watch_in_memory_knows(
    tmp_path_factory: pytest.TempPathFactory, sequence: list[list[tuple[dict[str, int], str]]]
) -> None:
    database, watch = WatchDatabase("", tmp_path_factory.mktemp("data") / "stillhunt.db"), PlainWatch()
    try:
        for found_members in sequence:
            campaigns = [found(f"c-{n}", members, verdict) for n, (members, verdict) in enumerate(found_members)]
            assert hunt(database, *campaigns) == watch.hunt(campaigns)
            stored = {one.campaign_id: one for one in known_campaigns(database)}
            assert stored == watch.campaigns
        rows = database.read(select(CAMPAIGN_EVENTS.c.sequence)) + database.read(select(SNAPSHOT_ROWS.c.sequence))
        assert {row["sequence"] for row in rows} <= set(range(1, len(sequence) + 1))
    finally:
        database.close()
