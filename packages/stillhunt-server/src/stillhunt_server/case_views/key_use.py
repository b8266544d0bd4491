"""What happened to a key: for the customer whose account it is, without names of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import select

from stillhunt.base.errors import CaseError
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import DECISIONS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt_server.appeal_codes import appeal_code

OWN_DECISIONS_SHOWN = 100
HOUR_COLUMNS = ("hour", "client", "network", "country")


def count_key_use(cited: pa.Table, account: str) -> pa.Table:
    """The requests of one account that findings name, counted by hour, client, network and country.

    Args:
        cited: CITED; a request that several findings name counts once.
    """
    own = (
        cited.filter(pc.equal(cited["account_id"], account))
        .group_by(["request_id"])
        .aggregate([(name, "min") for name in ("timestamp", "client", "network", "country", "status")])
    )
    told = {name: own[f"{name}_min"] for name in ("client", "network", "country")}
    hours = pc.floor_temporal(own["timestamp_min"], unit="hour")
    refused = pc.fill_null(pc.greater_equal(own["status_min"], 400), False).cast(pa.int64())
    rows = pa.table({"hour": hours, **told, "refused": refused})
    counted = rows.group_by(list(HOUR_COLUMNS)).aggregate([([], "count_all"), ("refused", "sum")])
    named = counted.rename_columns(
        [{"count_all": "requests", "refused_sum": "refused"}.get(n, n) for n in counted.column_names]
    )
    return named.sort_by([(name, "ascending") for name in HOUR_COLUMNS])


def read_key_use(folder: DataFolder, account: str) -> tuple[int, pa.Table]:
    """Harvested requests of an account in the latest snapshot, and what `count_key_use` makes of its cited ones.

    Only its rows are kept in memory.

    Raises:
        CaseError: there is no snapshot, it has no such account, or it is damaged.
    """
    snapshot = latest_snapshot(folder)
    if snapshot is None:
        raise CaseError("there is no snapshot yet", where="data folder", next_step="wait for the first hunt")

    def rows_of(name: str, columns: Sequence[str] | None = None) -> pa.Table:
        path = snapshot.case / f"{name}.parquet"
        try:
            return pq.read_table(path, columns=columns, filters=[("account_id", "==", account)])
        except (OSError, pa.ArrowException) as error:
            step = "wait for the next hunt"
            raise CaseError("the latest snapshot is damaged", where=str(path), next_step=step) from error

    if not rows_of("accounts", ["account_id"]).num_rows:
        step = "send the id as it stands in the log"
        raise CaseError("the latest snapshot has no account of this id", where="account_id", next_step=step)
    requests = pc.sum(rows_of("members", ["requests"])["requests"]).as_py() or 0
    return requests, count_key_use(rows_of("cited"), account)


def list_own_decisions(database: WatchDatabase, account: str) -> list[dict[str, Any]]:
    """What was decided about an account, the latest first: what, when, and how to appeal; not why, nor by whom."""
    row = DECISIONS.c
    wanted = select(DECISIONS).where(
        row.account_id == account, row.kind != "undo", row.dry_run.is_(False), row.action != "observe"
    )
    kept = ("seq", "action", "starts_at", "expires_at")
    return [
        {**{name: one[name] for name in kept}, "code": appeal_code(database, one["seq"])}
        for one in database.read(wanted.order_by(row.seq.desc()).limit(OWN_DECISIONS_SHOWN))
    ]
