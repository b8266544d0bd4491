"""What happened to a key: for the customer whose account it is, without names of others."""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc
from starlette.responses import Response

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError
from stillhunt_server.case_views.key_use import count_key_use, list_own_decisions
from stillhunt_server.casework.in_force import ACTION_WORDS
from stillhunt_server.console.answers import answer_table
from stillhunt_server.console.case_panel import makes_packs
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.rendering import account_of_path, moment
from stillhunt_server.console.table_query import TableColumn
from stillhunt_server.console.tables import TableSpec
from stillhunt_server.people.guard import APPEAL_PATH

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
        "appeal_at": f"{request.console.config.console.url.rstrip('/')}{APPEAL_PATH}",
        "decided": _list_own_decisions(request, name),
        "campaigns": [row["campaign_id"] for row in own] if makes_packs() and request.viewer is not None else [],
    }
    return answer_table(request, "owner.html", KEY_USE_LIST, count_key_use(case.cited, name), values)


_USED = (("Clients", "clients"), ("Networks", "networks"), ("Countries", "countries"))


def _join_values(own: list[dict[str, Any]], column: str) -> str:
    values = dict.fromkeys(value for row in own for value in row[column] or [])
    return formatting.join_some([formatting.shorten(value, 60) for value in values], 5, "")


def _list_own_decisions(request: PageRequest, name: str) -> list[dict[str, Any]]:
    database = request.console.database
    found = list_own_decisions(database, name) if database is not None else []
    return [
        {
            **{key: moment(one[key]) for key in ("starts_at", "expires_at")},
            "seq": one["seq"],
            "what": ACTION_WORDS.get(one["action"], one["action"]),
            "code": one["code"],
        }
        for one in found
    ]
