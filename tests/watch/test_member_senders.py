"""A hunt weighs who sends the requests of a campaign's own members, and what is known already is only raised."""

from __future__ import annotations

from pathlib import Path

from signature_logs import compiled, honest, sketched, tables_of, templated
from sqlalchemy import insert, select

from stillhunt.base.dataset import LocalDataset
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_ROWS, LINKED_SENDERS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.records import raise_sender_bits
from stillhunt.watch.signatures.parameters import MATCHING
from stillhunt.watch.signatures.returns import member_sender_bits
from stillhunt.watch.signatures.signature import no_signatures

MEMBERS = [f"camp{number}" for number in range(6)]


def test_bits_are_of_members_only() -> None:
    table = sketched({**templated([*MEMBERS, "customer"], 12, 1), **honest(20, 5, 2)})
    sketches, tables = LocalDataset.of(table), tables_of(MEMBERS, 12)
    found = member_sender_bits(sketches, tables, compiled())
    assert set(found) == {("c-1", name) for name in MEMBERS}
    assert min(found.values()) >= MATCHING.sender_bits, "no honest account has their program"
    assert member_sender_bits(sketches, tables, no_signatures(0)) == {}


def test_bits_are_raised_only(tmp_path: Path) -> None:
    database = WatchDatabase("", DataFolder(tmp_path / "data").database)
    row = {"status": "active", "verdict": "act", "kind": "harvest", "score": 1.0, "first_snapshot": 1}
    with database.write() as connection:
        connection.execute(insert(CAMPAIGN_ROWS).values(campaign_id="c-1", last_snapshot=1, **row))
        assert raise_sender_bits(connection, {}, 1) == []
        assert raise_sender_bits(connection, {("c-1", "b"): 9.0, ("c-1", "a"): 2.0}, 1) == [("c-1", "a"), ("c-1", "b")]
        assert raise_sender_bits(connection, {("c-1", "b"): 7.0, ("c-1", "a"): 3.0}, 2) == [("c-1", "a")]
    rows = database.read(select(LINKED_SENDERS).order_by(LINKED_SENDERS.c.account_id))
    assert [(row["account_id"], row["bits"], row["at"]) for row in rows] == [("a", 3.0, 2), ("b", 9.0, 1)]
    database.close()
