"""Which links rest on more than texts, by database, snapshot and accounts table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import insert

from decide.scenes import findings, member
from stillhunt.base.schema import ACCOUNTS
from stillhunt.decide import weighed_links as module
from stillhunt.decide.weighed_links import known_by_texts, linked_since, weighed_links
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_MEMBERS, CAMPAIGN_ROWS, LINKED_ACCOUNTS, LINKED_SENDERS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.records import raise_sender_bits


def opened(tmp_path: Path, senders: dict[str, float]) -> tuple[DataFolder, WatchDatabase]:
    """A campaign with a flagged member and another one, and accounts linked to it with bits of their senders."""
    folder = DataFolder(tmp_path / "data")
    database = WatchDatabase("", folder.database)
    row: dict[str, Any] = {"status": "active", "verdict": "act", "kind": "harvest", "score": 1.0, "first_snapshot": 1}
    with database.write() as connection:
        connection.execute(insert(CAMPAIGN_ROWS).values(campaign_id="c-1", last_snapshot=1, **row))
        for name, flagged in (("thief", 1), ("victim", 0)):
            member = {"campaign_id": "c-1", "account_id": name, "requests": 9, "flagged": flagged}
            connection.execute(insert(CAMPAIGN_MEMBERS).values(**member, first_snapshot=1, last_snapshot=1))
        for name, bits in senders.items():
            linked = {"campaign_id": "c-1", "account_id": name, "at": 5, "bits": 70.0, "requests": 4, "reasons": "[]"}
            connection.execute(insert(LINKED_ACCOUNTS).values(**linked))
            if bits:
                sender = {"campaign_id": "c-1", "account_id": name, "at": 5, "bits": bits}
                connection.execute(insert(LINKED_SENDERS).values(**sender))
    return folder, database


def beyond(folder: DataFolder, database: WatchDatabase, customers: pa.Table | None = None) -> set[str]:
    links = weighed_links(folder, database, linked_since(database, 0), customers)
    return {link.account_id for link in links if link.beyond_texts}


def test_bits_of_the_sender_decide(tmp_path: Path) -> None:
    folder, database = opened(tmp_path, {"texts": 0.0, "little": 7.9, "same": 8.0})
    assert beyond(folder, database) == {"same"}
    assert linked_since(database, 6) == {}
    database.close()


def test_a_card_in_common_with_a_flagged_member_adds_to_them(tmp_path: Path) -> None:
    folder, database = opened(tmp_path, {"texts": 0.0, "carded": 0.0, "robbed": 0.0})
    names = ["carded", "robbed", "texts", "thief", "victim"]
    customers = ACCOUNTS.build(account_id=names, payment_fingerprint=[1, 2, 3, 1, 2])
    assert beyond(folder, database, customers) == {"carded"}, "a victim's card is its own"
    database.close()


@pytest.mark.parametrize("behind", ["own_traffic", "untouched_accounts"])
def test_an_account_that_others_stand_behind_never_has_more_than_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: str
) -> None:
    folder, database = opened(tmp_path, {"chatbot": 20.0, "same": 20.0})
    found: Any = pa.chunked_array([["chatbot"]]) if behind == "own_traffic" else {"chatbot"}
    monkeypatch.setattr(module, behind, lambda _folder: found)
    assert beyond(folder, database) == {"same"}
    database.close()


def test_members_without_a_row_in_the_accounts_table_are_weighed_as_links_are(tmp_path: Path) -> None:
    folder, database = opened(tmp_path, {"texts": 0.0, "same": 8.0})
    with database.write() as connection:
        raise_sender_bits(connection, {("c-1", "founder"): 9.0, ("c-1", "copied"): 2.0}, 5)
    rows = [member("founder"), member("copied"), member("none"), member("noticed", flagged=False)]
    rows.append(member("known", created_at=datetime(2026, 1, 1, tzinfo=UTC)))
    found = known_by_texts(folder, database, findings(rows).facts, lambda: None, 1 << 62)
    assert found == {(name, "c-1") for name in ("texts", "copied", "none")}
    database.close()


def test_linked_accounts_that_a_hunt_flagged_keep_their_card_and_vouch_for_nobody(tmp_path: Path) -> None:
    folder, database = opened(tmp_path, {"carded": 0.0, "one": 0.0, "two": 0.0})
    with database.write() as connection:
        for name in ("carded", "one", "two"):
            row = {"campaign_id": "c-1", "account_id": name, "requests": 9, "flagged": 1}
            connection.execute(insert(CAMPAIGN_MEMBERS).values(**row, first_snapshot=2, last_snapshot=2))
    customers = ACCOUNTS.build(account_id=["carded", "one", "two", "thief"], payment_fingerprint=[1, 2, 2, 1])
    assert beyond(folder, database, customers) == {"carded"}
    database.close()
