"""LINKS -> CANDIDATES: campaigns as sets of slices; one account may belong to several.

What the last looks have shown is a candidate as well (`remembered`), so that no group is lost for one look alone.
"""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.coded import codes
from stillhunt.base.config import Config
from stillhunt.base.schema import CANDIDATES
from stillhunt.resolve.candidates import (
    CandidateSlices,
    FoundGroup,
    Ints,
    SliceCounts,
    accounts_of,
    claim_slices,
    clusters_of,
    merge_candidates,
    pair_folds,
    restore_doubted,
    slice_keys,
)
from stillhunt.resolve.remembered import add_remembered, remember_groups

__all__ = ["add_remembered", "remember_groups", "resolve_campaigns"]


def resolve_campaigns(links: pa.Table, traffic: pa.Table, sliced: pa.Table, config: Config) -> pa.Table:
    """CANDIDATES, numbered by size, from LINKS, TRAFFIC and SLICED; the last two have the same requests row by row."""
    encoded = pc.dictionary_encode(links.column("account_id")).combine_chunks()
    order = pc.sort_indices(encoded.dictionary)
    names = encoded.dictionary.take(order)
    rank = np.empty(len(names), np.int64)
    rank[order.to_numpy()] = np.arange(len(names))
    by_search: dict[int, list[FoundGroup]] = defaultdict(list)
    for group in _build_found_groups(links, rank[encoded.indices.to_numpy()]):
        by_search[group.search].append(group)
    least = config.resolve.min_accounts
    candidates: list[CandidateSlices] = []
    for search in sorted(by_search):
        candidates += claim_slices(pair_folds(by_search[search]), least=least)
    counts = _slice_counts(candidates, names, traffic, sliced)
    styles = pc.unique(links.filter(links.column("style")).column("cluster")).to_numpy()
    campaigns = restore_doubted(merge_candidates(candidates, counts))
    return _build_candidate_table(campaigns, names, styles)


def _slice_counts(
    candidates: list[CandidateSlices], names: pa.Array, traffic: pa.Table, sliced: pa.Table
) -> SliceCounts:
    """Distinct prompts of the candidates' accounts in their content clusters."""
    held = np.unique(np.concatenate([np.zeros(0, np.int64), *(one.keys for one in candidates)]))
    clusters, accounts = np.unique(clusters_of(held)), np.unique(accounts_of(held))
    cluster = sliced.column("cluster").to_numpy()
    wanted = np.zeros(max(int(cluster.max(initial=-1)), int(clusters.max(initial=-1))) + 2, bool)
    wanted[clusters] = True
    # The last place stands for requests without a cluster.
    rows = np.flatnonzero(wanted[cluster] & sliced.column("first_occurrence").to_numpy())
    account = _encode_names(traffic.column("account_id"), names)[rows]
    known = np.zeros(len(names) + 1, bool)
    known[accounts] = True
    keys = slice_keys(cluster[rows], account)[known[account]]
    counted = pc.value_counts(pa.array(keys))
    values, prompts = counted.field("values").to_numpy(), counted.field("counts").to_numpy()
    order = np.argsort(values)
    return SliceCounts(values[order], prompts[order])


def _encode_names(column: pa.ChunkedArray, names: pa.Array) -> Ints:
    """Place of each string among the names; -1 where it is none of them."""
    code, texts = codes(column)
    places: Ints = pc.fill_null(pc.index_in(texts, value_set=names), -1).to_numpy().astype(np.int64)
    return places[code]


def _build_found_groups(links: pa.Table, account: Ints) -> list[FoundGroup]:
    number, search, formed_on, member, searched = (
        links.column(name).to_numpy() for name in ("group", "search", "formed_on", "member", "searched")
    )
    keys = slice_keys(links.column("cluster").to_numpy(), account)
    bits = np.stack([links.column(f"{view}_microbits").to_numpy() for view in ("content", "queue", "work")], axis=1)
    bounds = np.flatnonzero(np.diff(number, prepend=-1, append=-1))
    return [
        FoundGroup(
            search=int(search[start]),
            formed_on=int(formed_on[start]),
            keys=keys[start:end],
            member=member[start:end],
            bits=bits[start:end],
            searched=int(searched[start]),
        )
        for start, end in pairwise(bounds)
    ]


def _build_candidate_table(candidates: list[CandidateSlices], names: pa.Array, styles: Ints) -> pa.Table:
    if not candidates:
        return CANDIDATES.empty()
    keys, content, queue, formed = (
        np.concatenate([getattr(one, name) for one in candidates]) for name in ("keys", "content", "queue", "formed")
    )
    sizes = [len(one.keys) for one in candidates]
    return CANDIDATES.build(
        candidate=np.repeat(np.arange(len(candidates)), sizes),
        cluster=clusters_of(keys),
        account_id=names.take(pa.array(accounts_of(keys))),
        formed=formed,
        content_microbits=content,
        queue_microbits=queue,
        untemplated=np.repeat([one.untemplated for one in candidates], sizes),
        searched=np.repeat([one.searched for one in candidates], sizes),
        style=np.isin(clusters_of(keys), styles),
        remembered=np.zeros(len(keys), bool),
    )
