"""What happened to a key: for the customer whose account it is, without names of others."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select
from starlette.responses import Response

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError
from stillhunt.watch.database.tables import DECISIONS
from stillhunt_server.appeal_codes import appeal_code
from stillhunt_server.casework.in_force import ACTION_WORDS
from stillhunt_server.console.answers import answer_table
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.rendering import account_of_path, moment
from stillhunt_server.console.table_query import TableColumn
from stillhunt_server.console.tables import TableSpec

OWN_DECISIONS_SHOWN = 100
_HOUR_COLUMNS = ("hour", "client", "network", "country")
KEY_USE_LIST = TableSpec(
    "key-use",
    (
        TableColumn("hour", "Hour", "time"),
        TableColumn("client", "Client", "choice"),
        TableColumn("network", "Network", "choice"),
        TableColumn("country", "Country", "choice"),
        TableColumn("requests", "Requests", "figure"),
        TableColumn("refused", "Of these refused", "figure"),
    ),
    empty="No finding names a request of this account.",
)


def owner_extract(request: PageRequest) -> Response:
    """What a customer may be told of the use of their own key: when, from which clients and networks, what was stopped.

    Raises:
        CaseError: the snapshot does not have the account.
    """
    name, case = account_of_path(request.route["account"]), request.case.case
    request.look("account", name)
    known = pc.any(pc.equal(case.accounts["account_id"], name), min_count=0).as_py()
    if not known:
        raise CaseError(
            "this snapshot has no account of this id", where="accounts", next_step="search for a part of it"
        )
    own = case.member_details.filter(pc.equal(case.member_details["account_id"], name)).to_pylist()
    requests = pc.sum(case.members.filter(pc.equal(case.members["account_id"], name))["requests"]).as_py() or 0
    seen = [row[end] for row in own for end in ("first_seen", "last_seen") if row[end] is not None]
    values: dict[str, Any] = {
        "name": name,
        "requests": requests,
        "seen": formatting.between(min(seen), max(seen)) if seen else "",
        "used": [(label, _join_values(own, column)) for label, column in _USED],
        "decided": _list_own_decisions(request, name),
    }
    return answer_table(request, "owner.html", KEY_USE_LIST, count_key_use(case.cited, name), values)


_USED = (("Clients", "clients"), ("Networks", "networks"), ("Countries", "countries"))


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
    counted = rows.group_by(list(_HOUR_COLUMNS)).aggregate([([], "count_all"), ("refused", "sum")])
    named = counted.rename_columns(
        [{"count_all": "requests", "refused_sum": "refused"}.get(n, n) for n in counted.column_names]
    )
    return named.sort_by([(name, "ascending") for name in _HOUR_COLUMNS])


def _join_values(own: list[dict[str, Any]], column: str) -> str:
    values = dict.fromkeys(value for row in own for value in row[column] or [])
    return formatting.join_some([formatting.shorten(value, 60) for value in values], 5, "")


def _list_own_decisions(request: PageRequest, name: str) -> list[dict[str, Any]]:
    """What was decided about the account, the latest first: what, when, and how to appeal; not why, nor by whom."""
    database = request.console.database
    if database is None:
        return []
    row = DECISIONS.c
    wanted = select(DECISIONS).where(row.account_id == name, row.kind != "undo", row.dry_run.is_(False))
    found = []
    for one in database.read(wanted.order_by(row.seq.desc()).limit(OWN_DECISIONS_SHOWN)):
        if one["action"] == "observe":
            continue
        times = {key: moment(one[key]) for key in ("starts_at", "expires_at")}
        what = ACTION_WORDS.get(one["action"], one["action"])
        found.append({"seq": one["seq"], "what": what, "code": appeal_code(database, one["seq"]), **times})
    return found
