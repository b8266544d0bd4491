"""What a reader of the report looks at: excerpts with the shared phrases marked, and a timeline."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.schema import SAMPLES, TIMELINE
from stillhunt.triage.redact import Span, excerpt

_RUN_WORDS = 5
"""Words in a row that must recur to be marked; shorter ones recur by chance in any language."""

_Integers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

_TEXT_CHARS = 65_536
_MOST_BUCKETS = 240
_BUCKET_SECONDS = (60, 600, 3600, 3 * 3600, 6 * 3600, 86_400, 7 * 86_400, 28 * 86_400)

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+")
"""A word; in scripts without spaces each character counts as one."""


def sample_table(prompts: pa.Table, *, chars: int, per_campaign: int = 6) -> pa.Table:
    """Redacted excerpts of each campaign's requests, with the phrases that they share.

    A phrase is marked where five words in a row occur in the prompts of at least two accounts.

    Args:
        prompts: columns campaign_id, account_id, request_id, timestamp, prompt; a few dozen rows per campaign,
            in any order.
        chars: most characters of one excerpt.
        per_campaign: most excerpts per campaign; different accounts come first.

    Returns:
        A SAMPLES table, ordered by campaign and request.
    """
    by_campaign: dict[str, list[dict[str, Any]]] = {}
    for row in prompts.filter(pc.is_valid(prompts["prompt"])).to_pylist():
        by_campaign.setdefault(row["campaign_id"], []).append(row)
    rows: list[dict[str, Any]] = []
    for campaign_id in sorted(by_campaign):
        candidates = sorted(by_campaign[campaign_id], key=lambda row: (row["request_id"], row["account_id"]))
        spans = _shared_spans(candidates)
        for index in _one_per_account_first(candidates, spans)[:per_campaign]:
            text, marks = excerpt(candidates[index]["prompt"], chars, spans[index])
            kept = {name: candidates[index][name] for name in ("campaign_id", "account_id", "request_id", "timestamp")}
            rows.append({**kept, "text": text, "marks": [{"start": start, "end": end} for start, end in marks]})
    rows.sort(key=lambda row: (row["campaign_id"], row["request_id"], row["account_id"]))
    return pa.Table.from_pylist(rows, schema=SAMPLES.arrow)


def timeline_table(
    campaign_ids: pa.ChunkedArray, account_ids: pa.ChunkedArray, timestamps: pa.ChunkedArray
) -> pa.Table:
    """Requests and active accounts per campaign and time bucket, with the finest bucket that gives 240 or fewer.

    Args:
        campaign_ids: campaign of each harvested request, string.
        account_ids: its account, string.
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
        all_accounts: number of account codes.
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
        if last // width - first // width < _MOST_BUCKETS:
            return width
    return (last - first) // (_MOST_BUCKETS - 2) + 1


def _shared_spans(candidates: list[dict[str, Any]]) -> list[list[Span]]:
    """For each prompt the spans of word runs that prompts of at least two accounts contain."""
    words = [list(_WORD.finditer(row["prompt"][:_TEXT_CHARS])) for row in candidates]
    lowered = [[match.group().lower() for match in found] for found in words]
    runs = [list(zip(*(own[ahead:] for ahead in range(_RUN_WORDS)), strict=False)) for own in lowered]
    holders = {(row["account_id"], run) for row, own in zip(candidates, runs, strict=True) for run in own}
    accounts_with = Counter(run for _, run in holders)
    return [
        [
            (found[start].start(), found[start + _RUN_WORDS - 1].end())
            for start, run in enumerate(own)
            if accounts_with[run] > 1
        ]
        for found, own in zip(words, runs, strict=True)
    ]


def _one_per_account_first(candidates: list[dict[str, Any]], spans: list[list[Span]]) -> list[int]:
    """Indices with those first that share phrases, then those whose account has not been shown yet."""
    seen: Counter[str] = Counter()
    ranked = []
    for index, row in enumerate(candidates):
        ranked.append((not spans[index], seen[row["account_id"]], row["request_id"], index))
        seen[row["account_id"]] += 1
    return [index for *_, index in sorted(ranked)]
