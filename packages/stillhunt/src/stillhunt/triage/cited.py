"""The requests that findings name: when, how and from where each came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.coded import codes, plain
from stillhunt.base.schema_case import CITED
from stillhunt.triage.origins import as_families

Ints = npt.NDArray[np.integer[Any]]

_COPIED = tuple(name for name in CITED.names if name not in ("campaign_id", "client"))
"""Columns of CITED that the traffic has under the same name."""


def cited_table(tables: Mapping[str, pa.Table], traffic: pa.Table) -> pa.Table:
    """The requests that findings about campaigns and about their members name.

    They are found by their ids among the requests of the campaign's members, because an id is unique within one source
    only.

    Args:
        tables: the case tables campaigns, members and evidence.

    Returns:
        A CITED table: campaigns in their order, within each by account and time.
    """
    campaigns = tables["campaigns"]
    names = campaigns.filter(pc.not_equal(campaigns["verdict"], "none"))["campaign_id"].combine_chunks()
    request_id, namer, request_ids = _named(tables["evidence"], names)
    if not len(request_id):
        return CITED.empty()
    account, ids = codes(traffic["account_id"])
    member = _members(tables["members"], names, ids)
    rows = np.flatnonzero(np.isin(account, member % len(ids)))
    found = pc.fill_null(pc.index_in(traffic["request_id"].take(pa.array(rows)), request_ids), -1).to_numpy()
    rows, found = rows[found >= 0], found[found >= 0]
    # Each of these rows, once for each campaign that names its id; only those of members stay.
    first, last = np.searchsorted(request_id, found), np.searchsorted(request_id, found, side="right")
    times = last - first
    row = np.repeat(rows, times)
    campaign = namer[np.repeat(last - np.cumsum(times), times) + np.arange(len(row))]
    inside = np.isin(campaign * len(ids) + account[row], member)
    row, campaign = row[inside], campaign[inside]
    order = np.lexsort((row, campaign))
    return _table(traffic, row[order], names.take(pa.array(campaign[order])))


def _table(traffic: pa.Table, rows: Ints, campaigns: pa.Array) -> pa.Table:
    columns = traffic.select([*_COPIED, "user_agent"]).take(pa.array(rows))
    value, agents = codes(columns["user_agent"])
    family, words = as_families(value, agents.to_pylist())
    return CITED.build(
        campaign_id=campaigns,
        client=pa.array(words, pa.string()).take(pa.array(family, mask=family < 0)),
        **{name: plain(columns[name]) for name in _COPIED},
    )


def _named(evidence: pa.Table, names: pa.Array) -> tuple[Ints, Ints, pa.Array]:
    """Pairs of a request id and a campaign that names it, by id, each once; and the ids by code."""
    own = evidence.select(["campaign_id", "request_ids"]).filter(pc.is_in(evidence["campaign_id"], names))
    lists = own["request_ids"].combine_chunks()
    coded = lists.flatten().dictionary_encode()
    namer = pc.index_in(own["campaign_id"].combine_chunks(), names).to_numpy().astype(np.int64)
    namer = np.repeat(namer, lists.value_lengths().to_numpy(zero_copy_only=False))
    pairs = np.unique(coded.indices.to_numpy().astype(np.int64) * max(len(names), 1) + namer)
    return pairs // max(len(names), 1), pairs % max(len(names), 1), coded.dictionary


def _members(members: pa.Table, names: pa.Array, ids: pa.Array) -> Ints:
    """Campaign times the number of accounts, plus account, of each member of one of the campaigns."""
    own = members.filter(pc.is_in(members["campaign_id"], names))
    campaign = pc.index_in(own["campaign_id"].combine_chunks(), names).to_numpy().astype(np.int64)
    member: Ints = campaign * len(ids) + pc.index_in(own["account_id"].combine_chunks(), ids).to_numpy()
    return member
