"""What a person wants to know of a campaign's accounts before acting on them: one row per campaign and member."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.schema_case import ACCOUNT_FACTS
from stillhunt.triage.member_details import row_of_member
from stillhunt.triage.model import CampaignModel, CaseModel


def account_facts(case: CaseModel, campaigns: Sequence[CampaignModel]) -> pa.Table:
    """The facts of the member accounts of some campaigns.

    Args:
        campaigns: those wanted, in the wanted order.

    Returns:
        An ACCOUNT_FACTS table: campaigns in the given order, in each the most probable account first, then the one
        with the most requests, then by account id.
    """
    tables, names = case.tables, pa.array([one.row["campaign_id"] for one in campaigns], pa.string())
    members = tables["members"].filter(pc.is_in(tables["members"]["campaign_id"], value_set=names))
    accounts = tables["accounts"].take(pc.index_in(members["account_id"], value_set=tables["accounts"]["account_id"]))
    details = case.member_details.take(
        row_of_member(case.member_details, members["campaign_id"], members["account_id"])
    )
    place = pc.index_in(members["campaign_id"], value_set=names)
    columns = {
        **{name: _without_null_lists(details[name]) for name in details.schema.names},
        **{name: members[name] for name in members.schema.names},
        "campaign_verdict": pa.array([one.verdict for one in campaigns], pa.string()).take(place),
        "verdict": pc.fill_null(accounts["verdict"], "none"),
        "flagged": pc.fill_null(accounts["flagged"], False),
        "sanctioned": pc.fill_null(accounts["sanctioned"], False),
        "main_campaign_id": accounts["campaign_id"],
        "operator_id": _operator_of(members["campaign_id"], tables["operators"]),
        "other_requests": pc.fill_null(pc.subtract(accounts["requests"], members["requests"]), 0),
    }
    facts = ACCOUNT_FACTS.build(**columns)
    order = facts.select(["score", "requests", "account_id"]).append_column("place", place)
    keys = [("place", "ascending"), ("score", "descending"), ("requests", "descending"), ("account_id", "ascending")]
    return facts.take(pc.sort_indices(order, sort_keys=keys))


def _operator_of(campaigns: pa.ChunkedArray, operators: pa.Table) -> pa.ChunkedArray:
    """The operator of each campaign; null where it is tied to no other."""
    known = operators.filter(pc.equal(operators["relation"], "one_operator"))
    places = pc.index_in(campaigns.cast(pa.string()), value_set=known["campaign_id"].combine_chunks())
    return known["operator_id"].combine_chunks().take(places)


def _without_null_lists(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(column, pa.scalar([], column.type)) if pa.types.is_list(column.type) else column
