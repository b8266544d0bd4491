"""With which clients and from where a campaign's requests come: as a table, and in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base import formatting as plain
from stillhunt.base.clients import OTHER, UNKNOWN, client_families
from stillhunt.base.coded import codes
from stillhunt.base.schema import ORIGINS

ASPECTS = {"client": "user_agent", "network": "network", "ip_kind": "ip_kind", "country": "country"}
"""What is told of a campaign -> the column of TRAFFIC that tells it."""
WORDS = {"client": "Clients", "network": "Networks", "ip_kind": "Kinds of addresses", "country": "Countries"}
"""What is told, as the report labels it."""
MOST_VALUES = 50
"""Values of each aspect that are told of a campaign; the rest is one row, for clients name themselves as they like."""
VALUE_CHARACTERS = 128
_SHOWN = 3
_SHOWN_CHARACTERS = 40

_Integers = npt.NDArray[np.int64]


def origins_table(campaigns: pa.ChunkedArray, traffic: pa.Table) -> pa.Table:
    """Clients, networks, kinds of addresses and countries of each campaign.

    Args:
        campaigns: campaign of each harvested request.
        traffic: account_id and the columns of `ASPECTS` of the same requests, row for row.

    Returns:
        An ORIGINS table: by campaign, aspect and requests; an aspect of which no request knows anything is left out.
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
        value, words = _as_families(value, words) if aspect == "client" else (value, words)
        rows += [
            (labels[number], place, -told[0], word, *told)
            for number, word, told in _counted(campaign, value, account, words)
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


def _as_families(value: npt.NDArray[np.int32], texts: list[str]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Headers of clients as the families of these."""
    times = np.bincount(value[value >= 0], minlength=len(texts)).tolist()
    families = client_families({text: times[code] for code, text in enumerate(texts) if times[code]})
    words = sorted(set(families.values()))
    place = {word: code for code, word in enumerate(words)}
    of_text = np.array([place[families[text]] if text in families else -1 for text in texts] + [-1], np.int32)
    return of_text[value], words


def _counted(
    campaign: npt.NDArray[np.int32], value: npt.NDArray[np.int32], account: npt.NDArray[np.int32], words: list[str]
) -> Iterable[tuple[int, str, tuple[int, int]]]:
    """Campaign, value, and its requests and accounts; what is rare among a campaign's values is one."""
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
        place = {word: len(names) + position for position, (_, word, _) in enumerate(ordered[:MOST_VALUES])}
        if len(ordered) > MOST_VALUES:
            place.setdefault(OTHER, len(names) + MOST_VALUES)
        for _, word, key in ordered:
            rank[np.searchsorted(known, key)] = place.get(word, place.get(OTHER, 0))
        names += [(number, word[:VALUE_CHARACTERS]) for word in place]
    row = rank[np.searchsorted(known, pair)]
    size = int(account.max(initial=0)) + 1
    senders = np.bincount(np.unique(row * size + account) // size, minlength=len(names)).tolist()
    sent = np.bincount(row, minlength=len(names)).tolist()
    return [(number, word, told) for (number, word), told in zip(names, zip(sent, senders, strict=True), strict=True)]


def origin_words(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What is told of one campaign, in words: aspect and its most used values, with their shares.

    Args:
        rows: its rows of the ORIGINS table.
    """
    told = []
    for aspect in ASPECTS:
        own = sorted((row for row in rows if row["aspect"] == aspect), key=lambda row: (-row["requests"], row["value"]))
        total = sum(row["requests"] for row in own)
        if total:
            shown = [
                f"{plain.shorten(row['value'], _SHOWN_CHARACTERS)} {plain.percent(row['requests'] / total)}"
                for row in own[:_SHOWN]
            ]
            more = [f"{len(own) - _SHOWN} more"] if len(own) > _SHOWN else []
            told.append((aspect, ", ".join(shown + more)))
    return told
