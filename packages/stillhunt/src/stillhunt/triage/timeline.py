"""Requests and active accounts of each campaign over time."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.schema_case import TIMELINE

_Integers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

_MAX_BUCKETS = 240
_BUCKET_SECONDS = (60, 600, 3600, 3 * 3600, 6 * 3600, 86_400, 7 * 86_400, 28 * 86_400)


def timeline_table(
    campaign_ids: pa.ChunkedArray, account_ids: pa.ChunkedArray, timestamps: pa.ChunkedArray
) -> pa.Table:
    """Requests and active accounts per campaign and time bucket.

    The buckets have the finest of some usual widths with which there are at most 240.

    Args:
        campaign_ids: campaign of each harvested request, string.
        timestamps: when it arrived, UTC, microseconds.

    Returns:
        A TIMELINE table, ordered by campaign and bucket; empty buckets are left out.
    """
    campaigns, campaign_names = _codes(campaign_ids)
    accounts, account_names = _codes(account_ids)
    seconds = np.asarray(pc.cast(timestamps, pa.int64()).to_numpy()) // 1_000_000
    # a 16-bit key is sorted by counting, many times faster than 64 bits
    by_campaign = np.argsort(campaigns.astype(np.uint16) if len(campaign_names) < 1 << 16 else campaigns, kind="stable")
    bounds = np.searchsorted(campaigns[by_campaign], np.arange(len(campaign_names) + 1))
    parts = []
    for code in sorted(range(len(campaign_names)), key=campaign_names.__getitem__):
        own = by_campaign[bounds[code] : bounds[code + 1]]
        starts, requests, active = _counts_per_bucket(seconds[own], accounts[own], len(account_names))
        parts.append(
            TIMELINE.build(
                campaign_id=[campaign_names[code]] * len(starts),
                bucket=pa.array(starts * 1_000_000, pa.int64()).cast(TIMELINE.arrow.field("bucket").type),
                requests=requests,
                accounts=active,
            )
        )
    return pa.concat_tables(parts) if parts else TIMELINE.empty()


def _counts_per_bucket(seconds: _Integers, accounts: _Integers, all_accounts: int) -> tuple[_Integers, ...]:
    """Start in seconds, requests and distinct accounts of each bucket that is not empty.

    Args:
        seconds: time of each request, since 1970.
        accounts: its account, as a code from 0.
    """
    width = _bucket_width(int(seconds.min()), int(seconds.max()))
    buckets = seconds // width
    first = int(buckets.min())
    buckets -= first
    requests = np.bincount(buckets)
    present = np.zeros(all_accounts, np.bool_)
    present[accounts] = True
    own_code = np.cumsum(present) - 1
    seen = np.zeros((len(requests), int(present.sum())), np.bool_)
    seen[buckets, own_code[accounts]] = True
    filled = np.flatnonzero(requests)
    return (filled + first) * width, requests[filled], seen[filled].sum(axis=1)


def _codes(values: pa.ChunkedArray) -> tuple[_Integers, list[str]]:
    encoded = pc.dictionary_encode(values).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], pa.string()).dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def _bucket_width(first: int, last: int) -> int:
    for width in _BUCKET_SECONDS:
        if last // width - first // width < _MAX_BUCKETS:
            return width
    return (last - first) // (_MAX_BUCKETS - 2) + 1
