"""When and from where a campaign's requests come: over time, and by client, network and country, also in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.arrays import I32
from stillhunt.base.clients import OTHER, UNKNOWN, client_families
from stillhunt.base.coded import codes
from stillhunt.base.schema_case import ORIGINS, TIMELINE

_MAX_BUCKETS = 240
_BUCKET_SECONDS = (60, 600, 3600, 3 * 3600, 6 * 3600, 86_400, 7 * 86_400, 28 * 86_400)


def timeline_table(
    campaign_ids: pa.ChunkedArray, account_ids: pa.ChunkedArray, timestamps: pa.ChunkedArray
) -> pa.Table:
    """Requests and active accounts per campaign and time bucket.

    The buckets have the finest of some usual widths with which there are at most 240.

    Returns:
        A TIMELINE table, ordered by campaign and bucket; empty buckets are left out.
    """
    campaigns, names = codes(campaign_ids)
    accounts, account_names = codes(account_ids)
    campaign_names = names.to_pylist()
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


def _counts_per_bucket(seconds: _Integers, accounts: I32, all_accounts: int) -> tuple[_Integers, ...]:
    """Start in seconds, requests and distinct accounts of each bucket that is not empty."""
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


def _bucket_width(first: int, last: int) -> int:
    for width in _BUCKET_SECONDS:
        if last // width - first // width < _MAX_BUCKETS:
            return width
    return (last - first) // (_MAX_BUCKETS - 2) + 1


ASPECTS = {"client": "user_agent", "network": "network", "ip_kind": "ip_kind", "country": "country"}
"""Aspect of a campaign's origin -> the column of TRAFFIC that holds it."""
LABELS = {"client": "Clients", "network": "Networks", "ip_kind": "Kinds of addresses", "country": "Countries"}
"""Aspect -> its label."""
MAX_VALUES = 50
"""Values kept of each aspect of a campaign; the rest becomes one row, because clients name themselves as they like."""
VALUE_CHARACTERS = 128
_VALUES_SHOWN = 3
_VALUE_CHARACTERS_SHOWN = 40

_Integers = npt.NDArray[np.int64]


def origins_table(campaigns: pa.ChunkedArray, traffic: pa.Table) -> pa.Table:
    """Clients, networks, kinds of addresses and countries of each campaign.

    `traffic`: account_id and the columns of `ASPECTS` of the same requests, row for row. Returns an ORIGINS table: by
    campaign, aspect and requests; an aspect that no request has is left out.
    """
    campaign, names = codes(campaigns)
    account, _ = codes(traffic["account_id"])
    labels = names.to_pylist()
    rows: list[tuple[str, int, int, str, int, int]] = []
    for place, (aspect, column) in enumerate(ASPECTS.items()):
        value, texts = codes(traffic[column])
        if not (value >= 0).any():
            continue
        words = texts.to_pylist()
        value, words = as_families(value, words) if aspect == "client" else (value, words)
        rows += [
            (labels[number], place, -volume[0], word, *volume)
            for number, word, volume in _count_values(campaign, value, account, words)
        ]
    rows.sort()
    aspects = list(ASPECTS)
    return ORIGINS.build(
        campaign_id=[row[0] for row in rows],
        aspect=[aspects[row[1]] for row in rows],
        value=[row[3] for row in rows],
        requests=[row[4] for row in rows],
        accounts=[row[5] for row in rows],
    )


def as_families(value: npt.NDArray[np.int32], texts: list[str]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """User agents replaced by the families of their clients.

    `value`: code of each request's user agent, -1 where it has none. Returns code of each request's family, and the
    families by code.
    """
    times = np.bincount(value[value >= 0], minlength=len(texts)).tolist()
    families = client_families({text: times[code] for code, text in enumerate(texts) if times[code]})
    words = sorted(set(families.values()))
    place = {word: code for code, word in enumerate(words)}
    of_text = np.array([place[families[text]] if text in families else -1 for text in texts] + [-1], np.int32)
    return of_text[value], words


def _count_values(
    campaign: npt.NDArray[np.int32], value: npt.NDArray[np.int32], account: npt.NDArray[np.int32], words: list[str]
) -> Iterable[tuple[int, str, tuple[int, int]]]:
    """Campaign, value, and its requests and accounts; a campaign's rare values are counted as one."""
    size = len(words) + 1
    pair = campaign.astype(np.int64) * size + value + 1
    known, requests = np.unique(pair, return_counts=True)
    kept: dict[int, list[tuple[int, str, int]]] = {}
    for key, count in zip(known.tolist(), requests.tolist(), strict=True):
        number, code = divmod(key, size)
        kept.setdefault(number, []).append((-count, words[code - 1] if code else UNKNOWN, key))
    rank = np.zeros(len(known), np.int64)
    names: list[tuple[int, str]] = []
    for number in sorted(kept):
        ordered = sorted(kept[number])
        place = {word: len(names) + position for position, (_, word, _) in enumerate(ordered[:MAX_VALUES])}
        if len(ordered) > MAX_VALUES:
            place.setdefault(OTHER, len(names) + MAX_VALUES)
        for _, word, key in ordered:
            rank[np.searchsorted(known, key)] = place.get(word, place.get(OTHER, 0))
        names += [(number, word[:VALUE_CHARACTERS]) for word in place]
    row = rank[np.searchsorted(known, pair)]
    size = int(account.max(initial=0)) + 1
    senders = np.bincount(np.unique(row * size + account) // size, minlength=len(names)).tolist()
    sent = np.bincount(row, minlength=len(names)).tolist()
    volumes = zip(sent, senders, strict=True)
    return [(number, word, volume) for (number, word), volume in zip(names, volumes, strict=True)]


def origin_words(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Where one campaign's requests come from, in words: aspect and its most used values, with their shares."""
    words = []
    for aspect in ASPECTS:
        own = sorted((row for row in rows if row["aspect"] == aspect), key=lambda row: (-row["requests"], row["value"]))
        total = sum(row["requests"] for row in own)
        if total:
            shares = [
                f"{formatting.shorten(row['value'], _VALUE_CHARACTERS_SHOWN)} "
                f"{formatting.share_of(row['requests'], total)}"
                for row in own
            ]
            words.append((aspect, formatting.join_some(shares, _VALUES_SHOWN)))
    return words
