"""Who sends a linked account's requests is entered once, and anew only where it is more than before."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import insert, select

from stillhunt.base.config import Config
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import ALERTS, CAMPAIGN_ROWS, LINKED_ACCOUNTS, LINKED_SENDERS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.links import enter_links
from stillhunt.watch.signatures.matcher import LinkedAccount


def link(sender_bits: float) -> LinkedAccount:
    return LinkedAccount("new", "c-1", 70.0, 4, 2, 1, 2, (f"by {sender_bits} bits",), sender_bits)


def test_later_evidence_of_the_sender_is_entered_and_less_of_it_is_not(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    database = WatchDatabase("", folder.database)
    with database.write() as connection:
        row = {"status": "active", "verdict": "act", "kind": "harvest", "score": 1.0, "first_snapshot": 1}
        connection.execute(insert(CAMPAIGN_ROWS).values(campaign_id="c-1", last_snapshot=1, **row))
    told = [len(enter_links(database, [link(bits)], Config().alerts)) for bits in (0.0, 9.0, 4.0, 9.0)]
    assert told == [1, 0, 0, 0], "a link is told once"
    assert [row["bits"] for row in database.read(select(LINKED_SENDERS))] == [9.0]
    (entered,) = database.read(select(LINKED_ACCOUNTS))
    assert json.loads(entered["reasons"]) == ["by 9.0 bits"], "the reasons are those of the evidence that counts"
    assert len(database.read(select(ALERTS))) <= 1
    enter_links(database, [link(9.0), link(9.5)], Config().alerts)
    assert [row["bits"] for row in database.read(select(LINKED_SENDERS))] == [9.5]
    database.close()
