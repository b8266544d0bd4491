"""Untemplated slices: traffic that shows no template, cut by how it is sent.

Where no phrase recurs there is no content by which traffic could be cut. What is left is how it is sent: a harvest is
sent by a program of its own, one question per conversation, with or without sampling parameters, and cover traffic by
another. An untemplated slice is one account's single-turn questions outside content clusters, of one request style and
one client fingerprint. Where an account has a wording of its own, a phrase in most of its prompts, what it asks without
it is another slice: cover traffic may come from the same client.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.dataset import Dataset
from stillhunt.base.schema import SLICE_PARAMETERS
from stillhunt.base.units import DAY
from stillhunt.link.requests.arrays import Array, Flags, Floats, Ints, counted, list_array, lists, numbered, values
from stillhunt.link.requests.index_requests import CLIENT_COLUMNS, client_texts
from stillhunt.link.topics.topics import TOPICS

# Client fingerprints of one account and request style that become slices of their own (an account with more is many
# customers behind one account, and stays one slice)
_MAX_CLIENTS = 3
BESIDE_WORDING = "\n\n"
"""Behind the client of a slice that lacks its account's own wording: it counts as a client of its own."""
# Slices or questions: count that is added to each topic of a common mixture (half a count, the usual prior of a rate
# (Jeffreys))
TOPIC_SMOOTHING = 0.5


SLICE_COLUMNS = (
    "account",
    "cluster",
    "single_turn",
    "first_occurrence",
    "fold",
    "topic",
    "timestamp",
    "request_style",
    "unworded",
    *CLIENT_COLUMNS,
)

FOUND = pa.schema(
    [
        ("account", pa.int32()),
        ("request_style", pa.int8()),
        ("client", pa.string()),
        ("size", pa.int32()),
        ("days", pa.int32()),
        ("cells", pa.list_(pa.uint8())),
        ("counts", pa.list_(pa.uint16())),
    ]
)


@dataclass(frozen=True)
class UntemplatedSlices:
    """Untemplated slices, one entry each unless said otherwise, by account, request style and client fingerprint."""

    account: Ints
    request_style: Ints  # 1 where sampling parameters are set, 0 where not
    client: Ints  # code of the client fingerprint; -1 where a slice gathers several or none is known
    size: Ints
    days: Ints
    topics: Array  # questions on each topic, by fold (2 x slices x TOPICS)
    names: tuple[str, ...]  # texts of the client fingerprints that have slices of their own, ascending; position = code

    @property
    def clients(self) -> int:
        """Number of client fingerprint codes."""
        return len(self.names)

    @cached_property
    def beside(self) -> Flags:
        """True for the slices that lack their account's own wording."""
        names = np.array([name.endswith(BESIDE_WORDING) for name in self.names] + [False])
        return np.asarray(names[self.client], bool)

    @cached_property
    def everything(self) -> Floats:
        """Share of each topic in all slices, shape (TOPICS,)."""
        total = self.topics[0].sum(axis=0, dtype=np.int64) + self.topics[1].sum(axis=0, dtype=np.int64)
        smoothed = total + TOPIC_SMOOTHING
        share: Floats = smoothed / smoothed.sum()
        return share

    @cached_property
    def log_load(self) -> Floats:
        """Logarithm of the questions of each slice."""
        load: Floats = np.log(np.maximum(self.size, 1))
        return load

    @cached_property
    def log_rate(self) -> Floats:
        """Logarithm of the questions of each slice on a day of work."""
        rate: Floats = np.log(np.maximum(self.size, 1) / np.maximum(self.days, 1))
        return rate


def untemplated_slices(rows: Dataset, grouped: Flags) -> UntemplatedSlices:
    """Untemplated slices of a log; `grouped` is True for content clusters in which there is a group."""
    found = rows.gather(_partition_slices, FOUND, grouped, SLICE_COLUMNS).combine_chunks()
    clients = tuple(sorted(text for text in pc.unique(found["client"]).to_pylist() if text is not None))
    code = pc.fill_null(pc.index_in(found["client"], value_set=pa.array(clients, pa.string())), -1)
    client = code.to_numpy().astype(np.int64)
    account, request_style = values(found, "account").astype(np.int64), values(found, "request_style").astype(np.int64)
    order = np.lexsort((client, request_style, account))
    begins, cells = lists(found, "cells")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    topics = np.zeros((2, len(order), TOPICS), np.uint16)
    topics[cells // TOPICS, np.repeat(place, np.diff(begins)), cells % TOPICS] = lists(found, "counts")[1]
    return UntemplatedSlices(
        account=account[order],
        request_style=request_style[order],
        client=client[order],
        size=values(found, "size")[order].astype(np.int64),
        days=values(found, "days")[order].astype(np.int64),
        topics=topics,
        names=clients,
    )


@dataclass(frozen=True)
class _Cut:
    """How the requests of one partition fall into untemplated slices."""

    of_request: Ints
    account: Ints
    request_style: Ints
    client: list[str | None]  # text of the client of each slice; None where it gathers several or none is known
    counted: Flags


def cut_untemplated(table: pa.Table, grouped: Flags) -> _Cut:
    """Untemplated slices among the requests of one partition."""
    least = SLICE_PARAMETERS.min_untemplated_questions
    account = values(table, "account").astype(np.int64)
    style, (client, texts) = values(table, "request_style").astype(np.int64), client_texts(table)
    # A question that holds a template without any group is still a question without a template of an operation.
    inside = ~np.append(grouped, False)[values(table, "cluster")] & (values(table, "single_turn") > 0)
    counts = inside & (values(table, "first_occurrence") > 0) & (values(table, "topic") >= 0)
    rest = _beside_wording(account, counts, values(table, "unworded") > 0)
    width = len(texts) + 1
    # Clients that an account uses enough have slices of their own; the rest of its questions is one slice.
    own = ((account * 2 + style) * 2 + rest) * width + client + 1
    code, own_names = numbered(own)
    large = np.bincount(code[counts], minlength=len(own_names)) >= least
    holder, holders = numbered(own_names // width)
    large &= (np.bincount(holder[large], minlength=len(holders)) <= _MAX_CLIENTS)[holder]
    place, names_of = numbered(np.where(large, own_names, own_names - own_names % width))
    code = place[code]
    enough = np.bincount(code[counts], minlength=len(names_of)) >= least
    kept = np.sort(names_of[enough])
    rank = np.where(enough, np.searchsorted(kept, names_of), -1)
    of_request = np.where(inside, rank[code], -1) if len(rank) else np.full(len(code), -1, np.int64)
    beside = kept // width % 2 > 0
    names = [None if code < 0 else texts[code] for code in (kept % width - 1).tolist()]
    names = [f"{name or ''}{BESIDE_WORDING}" if other else name for name, other in zip(names, beside, strict=True)]
    return _Cut(of_request, kept // (4 * width), kept // (2 * width) % 2, names, counts & (of_request >= 0))


def _beside_wording(account: Ints, counts: Flags, unworded: Flags) -> Flags:
    """True for the requests without their account's wording, where it has enough slices with it."""
    worded = np.bincount(account[counts & ~unworded], minlength=int(account.max(initial=-1)) + 1)
    found: Flags = unworded & (worded >= SLICE_PARAMETERS.min_untemplated_questions)[account]
    return found


def _partition_slices(table: pa.Table, grouped: Any) -> pa.Table:
    cut = cut_untemplated(table, grouped)
    rows = np.flatnonzero(cut.counted)
    position = cut.of_request[rows]
    cell = values(table, "fold")[rows].astype(np.int64) * TOPICS + values(table, "topic")[rows]
    key, counts = counted(position * 2 * TOPICS + cell)
    begins = np.searchsorted(key, np.arange(len(cut.account) + 1) * 2 * TOPICS).astype(np.int32)
    day = values(table, "timestamp", pa.int64())[rows] // DAY
    day -= day.min(initial=0)
    days = int(day.max(initial=0)) + 1
    worked = counted(position * days + day)[0] // days
    return pa.table(
        {
            "account": cut.account.astype(np.int32),
            "request_style": cut.request_style.astype(np.int8),
            "client": pa.array(cut.client, pa.string()),
            "size": np.bincount(position, minlength=len(cut.account)),
            "days": np.bincount(worked, minlength=len(cut.account)),
            "cells": list_array(begins, (key % (2 * TOPICS)).astype(np.uint8)),
            "counts": list_array(begins, np.minimum(counts, 65_535).astype(np.uint16)),
        }
    )
