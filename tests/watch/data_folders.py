"""A data folder with old and new things in it, as the tests of retention and backup need them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from stillhunt.base.config import Config
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_EVENTS, CAMPAIGN_MEMBERS, CAMPAIGN_ROWS, SNAPSHOT_ROWS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import name_of

DAY = 86_400_000_000
NOW = 1_772_500_000_000_000
"""3 March 2026, 01:06 UTC."""
CONFIG = Config(
    watch={"spool_days": 10, "snapshot_days": 10, "history_days": 100},
    alerts={"keep_days": 100},
)


def moment(days_ago: float) -> int:
    return NOW - int(days_ago * DAY)


def put(path: Path, days_ago: float, content: bytes = b'{"id":1}\n') -> Path:
    """A file with a time of change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return aged(path, days_ago)


def aged(path: Path, days_ago: float) -> Path:
    os.utime(path, ns=(moment(days_ago) * 1000,) * 2)
    return path


def part(folder: DataFolder, days_ago: float, source: str = "gateway", name: str = "part-1-json.jsonl") -> Path:
    hour = datetime.fromtimestamp(moment(days_ago) / 1e6, UTC).strftime("%Y-%m-%dT%H")
    return put(folder.spool / source / hour / name, days_ago)


def snapshot(
    folder: DataFolder, database: WatchDatabase, sequence: int, days_ago: float, *, window: float = 1.0
) -> Path:
    """A snapshot with its row; the latest link points at the last one made."""
    path = folder.snapshots / name_of(sequence)
    put(path / "case" / "run.json", days_ago)
    put(path / "watch.json", days_ago)
    aged(path, days_ago)
    row = {
        "sequence": sequence,
        "made_at": moment(days_ago),
        "from_time": moment(days_ago + window),
        "to_time": moment(days_ago),
    }
    counts: dict[str, Any] = dict.fromkeys(
        ("requests", "accounts", "rejected", "cpu_seconds", "required_bits", "days"), 1
    )
    with database.write() as connection:
        connection.execute(insert(SNAPSHOT_ROWS).values(**row, **counts))
    folder.switch_latest(path.name)
    return path


def campaign(database: WatchDatabase, name: str, status: str, days_ago: float) -> None:
    row = {"status": status, "verdict": "act", "kind": "harvest", "score": 0.999, "last_seen": moment(days_ago)}
    first = {"first_snapshot": 1, "last_snapshot": 1, "first_seen": moment(days_ago + 5)}
    seen = {"first_snapshot": 1, "last_snapshot": 1}
    member = {"campaign_id": name, "account_id": "a", "requests": 5, "flagged": 1, **seen}
    happened = {"sequence": 1, "at": moment(days_ago), "campaign_id": name, "event": "ended"}
    with database.write() as connection:
        connection.execute(insert(CAMPAIGN_ROWS).values(campaign_id=name, **row, **first))
        connection.execute(insert(CAMPAIGN_MEMBERS).values(**member))
        connection.execute(insert(CAMPAIGN_EVENTS).values(**happened, others="[]", reason="it is over"))
