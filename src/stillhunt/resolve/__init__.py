"""LINKS -> CANDIDATES: campaigns as sets of slices; one account may serve several."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.schema import CANDIDATES
from stillhunt.resolve.candidates import (
    Candidate,
    FoundGroup,
    claim_slices,
    merge_candidates,
    pair_halves,
)

__all__ = ["resolve_campaigns"]


def resolve_campaigns(links: pa.Table, sketches: pa.Table, sliced: pa.Table, config: Config) -> pa.Table:
    """Candidate campaigns from the groups found.

    Args:
        links: LINKS.
        sketches: SKETCHES, for the accounts of the requests.
        sliced: SLICED, row for row with them.
        config: settings.

    Returns:
        CANDIDATES, numbered by size; empty where no group stands.
    """
    by_search: dict[int, list[FoundGroup]] = defaultdict(list)
    for group in _groups(links):
        by_search[group.search].append(group)
    least = config.resolve.min_accounts
    candidates: list[Candidate] = []
    for search in sorted(by_search):
        candidates += claim_slices(pair_halves(by_search[search]), least=least)
    return _table(merge_candidates(candidates, _slice_counts(sketches, sliced)))


def _slice_counts(sketches: pa.Table, sliced: pa.Table) -> dict[int, dict[str, int]]:
    """Distinct prompts of each account in each content cluster."""
    table = pa.table({"account_id": sketches["account_id"], "cluster": sliced["cluster"], "fresh": sliced["fresh"]})
    table = table.filter(pc.and_(pc.greater_equal(table["cluster"], 0), table["fresh"]))
    counted = table.group_by(["cluster", "account_id"]).aggregate([("fresh", "count")])
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    for cluster, account, number in zip(
        counted["cluster"].to_pylist(),
        counted["account_id"].to_pylist(),
        counted["fresh_count"].to_pylist(),
        strict=True,
    ):
        counts[cluster][account] = number
    return counts


def _groups(links: pa.Table) -> list[FoundGroup]:
    number = links.column("group").to_numpy()
    search = links.column("search").to_numpy()
    cluster = links.column("cluster").to_pylist()
    formed_on = links.column("formed_on").to_numpy()
    account = links.column("account_id").to_pylist()
    member = links.column("member").to_numpy()
    content = links.column("content_microbits").to_pylist()
    queue = links.column("queue_microbits").to_pylist()
    work = links.column("work_microbits").to_pylist()
    searched = links.column("searched").to_numpy()
    groups = []
    bounds = np.flatnonzero(np.diff(number, prepend=-1, append=-1))
    for start, end in pairwise(bounds):
        rows = range(start, end)
        groups.append(
            FoundGroup(
                search=int(search[start]),
                formed_on=int(formed_on[start]),
                members=frozenset((cluster[r], account[r]) for r in rows if member[r]),
                bits={(cluster[r], account[r]): (content[r], queue[r], work[r]) for r in rows},
                searched=int(searched[start]),
            )
        )
    return groups


def _table(candidates: list[Candidate]) -> pa.Table:
    rows = [
        (number, cluster, account, link.formed, link.content, link.queue, candidate.bare, candidate.searched)
        for number, candidate in enumerate(candidates)
        for (cluster, account), link in sorted(candidate.slices.items())
    ]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(CANDIDATES.names)
    return CANDIDATES.build(**{name: list(column) for name, column in zip(CANDIDATES.names, columns, strict=True)})
