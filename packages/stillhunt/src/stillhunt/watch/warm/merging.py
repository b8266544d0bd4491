"""The case of a base with some of its campaigns judged again."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.schema_case import CASE_TABLES, VERDICTS
from stillhunt.triage import Case

_REPLACED = ("campaigns", "members", "evidence", "harvest")
_OF_BASE = ("samples", "taken", "phrases")
"""Views that a warm hunt does not make: they need texts, or all requests of the log."""


def merge_tables(
    case: Case, again: Mapping[str, pa.Table], judged: Collection[str], more: pa.Table
) -> dict[str, pa.Table]:
    """Tables of a case in which some campaigns are as they were judged again.

    Args:
        again: case tables of these campaigns alone, whose accounts are in no other campaign of the case.
        judged: their ids.
        more: `values` and `counts`: accounts that have sent requests since the case was made, and how many.
    """
    own = pa.array(sorted(judged), pa.string())
    tables = {name: _replace_rows(case.tables[name], again[name], own) for name in _REPLACED}
    members = pa.concat_tables([case.members, again["members"]])
    involved = members.filter(pc.is_in(members["campaign_id"], own))["account_id"].unique()
    tables["slices"] = _replace_rows(case.slices, again["slices"], involved, "account_id")
    tables["accounts"] = _merge_accounts(case, again["accounts"], involved, own, more)
    shown, ties = _shown_ids(tables), case.operators
    tied = pc.and_(pc.is_in(ties["campaign_id"], shown), pc.is_in(ties["tied_to"], shown))
    return {**case.tables, **tables, "operators": ties.filter(tied)}


def merge_views(
    case: Case, views: Mapping[str, pa.Table], judged: Collection[str], tables: Mapping[str, pa.Table]
) -> dict[str, pa.Table]:
    """Views of the same; `views` are of the campaigns that were judged again, `tables` what `merge_tables` gave."""
    own, shown = pa.array(sorted(judged), pa.string()), _shown_ids(tables)
    made = {}
    for name, before in case.views.items():
        if name in _OF_BASE:
            made[name] = before.filter(pc.is_in(before["campaign_id"], shown))
        else:
            made[name] = _replace_rows(before, views.get(name, before.slice(0, 0)), own)
    return made


def _shown_ids(tables: Mapping[str, pa.Table]) -> pa.Array:
    campaigns = tables["campaigns"]
    return campaigns.filter(pc.not_equal(campaigns["verdict"], "none"))["campaign_id"].unique()


def _replace_rows(before: pa.Table, again: pa.Table, own: pa.Array, column: str = "campaign_id") -> pa.Table:
    """Rows of others as they were, and those of some campaigns or accounts as they are now."""
    if not len(own):
        return before
    others = before.filter(pc.invert(pc.is_in(before[column], own)))
    return pa.concat_tables([others, again.filter(pc.is_in(again[column], own))])


def _merge_accounts(case: Case, again: pa.Table, involved: pa.Array, own: pa.Array, more: pa.Table) -> pa.Table:
    known, names = case.accounts["account_id"].combine_chunks(), more["values"].combine_chunks()
    others = case.accounts.filter(pc.invert(pc.is_in(known, involved)))
    added = pc.fill_null(more["counts"].take(pc.index_in(others["account_id"], names)), 0)
    others = _with_column(others, "requests", pc.add(others["requests"], added))
    mine = again.filter(pc.is_in(again["account_id"], involved))
    before = case.accounts["score"].take(pc.index_in(mine["account_id"], known))
    # What a group that is left alone says of an account stays the least of its score.
    outside = case.members.filter(pc.invert(pc.is_in(case.members["campaign_id"], own)))["account_id"].unique()
    kept = pc.and_(pc.is_in(mine["account_id"], outside), pc.greater(before, mine["score"]))
    mine = _with_column(mine, "score", pc.if_else(kept, before, mine["score"]))
    unseen = more.filter(pc.invert(pc.is_in(names, known)))
    size = unseen.num_rows
    added_accounts = CASE_TABLES["accounts"].build(
        account_id=unseen["values"].combine_chunks(),
        score=np.zeros(size),
        verdict=[VERDICTS[-1]] * size,
        flagged=[False] * size,
        sanctioned=[False] * size,
        campaign_id=pa.nulls(size, pa.string()),
        reasons=pa.array([[]] * size, pa.list_(pa.string())),
        requests=unseen["counts"].combine_chunks(),
        harvest_requests=[0] * size,
    )
    return pa.concat_tables([others, mine, added_accounts]).sort_by("account_id").combine_chunks()


def _with_column(table: pa.Table, name: str, column: Any) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, table.schema.field(name), column)
