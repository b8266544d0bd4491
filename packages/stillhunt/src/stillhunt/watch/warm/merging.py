"""The case of a base with some of its campaigns judged again."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.schema_case import CASE_TABLES, CASE_VIEWS, VERDICTS
from stillhunt.triage import Case

_REPLACED = ("campaigns", "members", "evidence", "harvest")
_OF_BASE = ("samples", "taken", "phrases")
"""Views that a warm hunt makes no new ones of: they need texts, or all requests of the log."""


def merge_campaigns(
    case: Case, again: Mapping[str, pa.Table], views: Mapping[str, pa.Table], judged: Collection[str], more: pa.Table
) -> dict[str, dict[str, pa.Table]]:
    """Tables and views of a case in which some campaigns are as they were judged again.

    Args:
        again: case tables of these campaigns alone, whose accounts are in no other campaign of the case.
        views: views of the same.
        judged: their ids.
        more: account_id and requests of each account that has sent some since the case was made.
    """
    own = pa.array(sorted(judged), pa.string())
    tables = {name: _replace_rows(case.tables[name], again[name], own) for name in _REPLACED}
    both = pa.concat_tables([case.members, again["members"]])
    involved = both.filter(pc.is_in(both["campaign_id"], own))["account_id"].unique()
    tables["slices"] = _replace_rows(case.slices, again["slices"], involved, "account_id")
    tables["accounts"] = _merge_accounts(case, again["accounts"], involved, own, more)
    shown = tables["campaigns"].filter(pc.not_equal(tables["campaigns"]["verdict"], "none"))["campaign_id"].unique()
    operators = case.operators
    tied = pc.and_(pc.is_in(operators["campaign_id"], shown), pc.is_in(operators["tied_to"], shown))
    tables["operators"] = operators.filter(tied)
    made = {}
    for name in CASE_VIEWS:
        view = getattr(case, name)
        if name in _OF_BASE:
            made[name] = view.filter(pc.is_in(view["campaign_id"], shown))
        elif name in views:
            made[name] = _replace_rows(view, views[name], own)
        else:
            made[name] = view.filter(pc.invert(pc.is_in(view["campaign_id"], own)))
    return {"tables": {**case.tables, **tables}, "views": made}


def _replace_rows(before: pa.Table, again: pa.Table, own: pa.Array, column: str = "campaign_id") -> pa.Table:
    """Rows of others as they were, and those of some campaigns or accounts as they are now."""
    others = before.filter(pc.invert(pc.is_in(before[column], own)))
    return pa.concat_tables([others, again.filter(pc.is_in(again[column], own))])


def _merge_accounts(case: Case, again: pa.Table, involved: pa.Array, own: pa.Array, more: pa.Table) -> pa.Table:
    shape = CASE_TABLES["accounts"]
    others = case.accounts.filter(pc.invert(pc.is_in(case.accounts["account_id"], involved)))
    added = pc.fill_null(more["requests"].take(pc.index_in(others["account_id"], more["account_id"].combine_chunks())), 0)
    others = _with_column(others, "requests", pc.add(others["requests"], added))
    mine = again.filter(pc.is_in(again["account_id"], involved))
    before = case.accounts.take(pc.index_in(mine["account_id"], case.accounts["account_id"].combine_chunks()))
    # What a group that is left alone says of an account stays the least of its score.
    outside = case.members.filter(pc.invert(pc.is_in(case.members["campaign_id"], own)))["account_id"].unique()
    kept = pc.and_(pc.is_in(mine["account_id"], outside), pc.greater(before["score"], mine["score"]))
    mine = _with_column(mine, "score", pc.if_else(kept, before["score"], mine["score"]))
    known = case.accounts["account_id"].combine_chunks()
    new = more.filter(pc.invert(pc.is_in(more["account_id"], known)))
    count = new.num_rows
    unseen = shape.build(
        account_id=new["account_id"].combine_chunks(),
        score=np.zeros(count),
        verdict=[VERDICTS[-1]] * count,
        flagged=[False] * count,
        sanctioned=[False] * count,
        campaign_id=pa.nulls(count, pa.string()),
        reasons=[[]] * count,
        requests=new["requests"],
        harvest_requests=[0] * count,
    )
    return shape.check(pa.concat_tables([others, mine, unseen]).sort_by("account_id").combine_chunks())


def _with_column(table: pa.Table, name: str, column: Any) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, table.schema.field(name), column)
