"""Bare slices: traffic that shows no template, cut by how it is sent.

Where no phrase recurs there is no content to cut by. What is left is the client: a harvest is sent by a program of its
own, one question a conversation, with or without sampling parameters, and cover traffic by another. A bare slice is one
account's single questions outside content clusters, of one such manner and one client stack.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.dataset import Dataset
from stillhunt.link.requests.arrays import Array, Flags, Floats, Ints, counted, list_array, lists, numbered, values
from stillhunt.link.requests.index_requests import distinct_texts
from stillhunt.link.topics.topics import TOPICS

LEAST = 8
"""Distinct questions a bare slice needs: with 64 topics fewer tell nothing of a mixture."""
MOST_STACKS = 3
"""Client stacks of one account that become slices of their own; who uses more is a crowd behind one account, and stays
one slice."""
DAY = 86_400_000_000
PARAMETERS = ("temperature", "top_p", "max_tokens")
CLIENT = ("user_agent", "tls_fingerprint")
COLUMNS = ("account", "cluster", "single_turn", "first_occurrence", "fold", "topic", "timestamp", *PARAMETERS, *CLIENT)

FOUND = pa.schema(
    [
        ("account", pa.int32()),
        ("manner", pa.int8()),
        ("stack", pa.string()),
        ("size", pa.int32()),
        ("days", pa.int32()),
        ("cells", pa.list_(pa.uint8())),
        ("counts", pa.list_(pa.uint16())),
    ]
)


@dataclass(frozen=True)
class Templated:
    """Which requests count as templated when bare ones are sought.

    Attributes:
        label_of: label of each content cluster.
        held: True for labels in which a group was found.
        large: ascending account * width + label + 1 of the accounts' parts that are no strays.
        width: number of labels + 1.
    """

    label_of: Ints
    held: Flags
    large: Ints
    width: int

    def of(self, account: Ints, cluster: Ints) -> Ints:
        """Label of each request but for strays: an account's few requests under a label without any group.

        A question that happens to contain another's stock phrases is still a question without a template.
        """
        if not len(self.label_of):
            return np.full(len(cluster), -1, np.int64)
        label = np.where(cluster >= 0, self.label_of[np.maximum(cluster, 0)], -1)
        loose = np.flatnonzero((label >= 0) & ~self.held[np.maximum(label, 0)])
        stray = loose[~np.isin(account[loose] * self.width + label[loose] + 1, self.large)]
        label[stray] = -1
        return label


@dataclass(frozen=True)
class BareSlices:
    """Bare slices, one entry each unless said otherwise, by account, manner and stack.

    Attributes:
        account: account code.
        manner: 1 where sampling parameters are set, 0 where not.
        stack: code of the client stack; -1 where a slice gathers several or none is known.
        size: distinct questions.
        days: days with a question.
        topics: questions on each topic, by half (2 x slices x TOPICS).
        names: texts of the stacks that have slices of their own, ascending; position = code.
    """

    account: Ints
    manner: Ints
    stack: Ints
    size: Ints
    days: Ints
    topics: Array
    names: tuple[str, ...]

    @property
    def stacks(self) -> int:
        """Number of stack codes."""
        return len(self.names)

    @cached_property
    def everything(self) -> Floats:
        """Share of each topic in all slices, shape (TOPICS,)."""
        counted = self.topics[0].sum(axis=0, dtype=np.int64) + self.topics[1].sum(axis=0, dtype=np.int64) + 0.5
        share: Floats = counted / counted.sum()
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


def bare_slices(rows: Dataset, templated: Templated) -> BareSlices:
    """Bare slices of a log.

    Args:
        rows: the requests with cluster and topic.
        templated: which of them are templated.
    """
    found = rows.gather(_bare_slices, FOUND, templated, COLUMNS).combine_chunks()
    stacks = tuple(sorted(text for text in pc.unique(found["stack"]).to_pylist() if text is not None))
    code = pc.fill_null(pc.index_in(found["stack"], value_set=pa.array(stacks, pa.string())), -1)
    stack = code.to_numpy().astype(np.int64)
    account, manner = values(found, "account").astype(np.int64), values(found, "manner").astype(np.int64)
    order = np.lexsort((stack, manner, account))
    begins, cells = lists(found, "cells")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    topics = np.zeros((2, len(order), TOPICS), np.uint16)
    topics[cells // TOPICS, np.repeat(place, np.diff(begins)), cells % TOPICS] = lists(found, "counts")[1]
    return BareSlices(
        account=account[order],
        manner=manner[order],
        stack=stack[order],
        size=values(found, "size")[order].astype(np.int64),
        days=values(found, "days")[order].astype(np.int64),
        topics=topics,
        names=stacks,
    )


@dataclass(frozen=True)
class _Cut:
    """How one partition's requests fall into bare slices; `of_request` is the position of each request's, -1 none."""

    of_request: Ints
    account: Ints
    manner: Ints
    stack: list[str | None]
    told: Flags


def cut_bare(table: pa.Table, templated: Templated) -> _Cut:
    """Bare slices among the requests of one partition.

    Args:
        table: requests with `COLUMNS`.
        templated: which of them are templated.
    """
    account = values(table, "account").astype(np.int64)
    manner, (stack, texts) = _manner(table), _stack(table)
    width = len(texts) + 1
    bare = (templated.of(account, values(table, "cluster")) < 0) & (values(table, "single_turn") > 0)
    told = bare & (values(table, "first_occurrence") > 0) & (values(table, "topic") >= 0)
    # The stacks that an account uses enough are slices of their own; the rest of its questions is one slice.
    own = (account * 2 + manner) * width + stack + 1
    code, own_names = numbered(own)
    large = np.bincount(code[told], minlength=len(own_names)) >= LEAST
    holder, holders = numbered(own_names // width)
    large &= (np.bincount(holder[large], minlength=len(holders)) <= MOST_STACKS)[holder]
    code, names_of = numbered(np.where(large[code], own, own - stack - 1))
    enough = np.bincount(code[told], minlength=len(names_of)) >= LEAST
    kept = np.sort(names_of[enough])
    rank = np.where(enough, np.searchsorted(kept, names_of), -1)
    of_request = np.where(bare, rank[code], -1) if len(rank) else np.full(len(code), -1, np.int64)
    names = [None if code < 0 else texts[code] for code in (kept % width - 1).tolist()]
    return _Cut(of_request, kept // (2 * width), kept // width % 2, names, told & (of_request >= 0))


def _bare_slices(table: pa.Table, templated: Any) -> pa.Table:
    cut = cut_bare(table, templated)
    told = np.flatnonzero(cut.told)
    position = cut.of_request[told]
    cell = values(table, "fold")[told].astype(np.int64) * TOPICS + values(table, "topic")[told]
    key, counts = counted(position * 2 * TOPICS + cell)
    begins = np.searchsorted(key, np.arange(len(cut.account) + 1) * 2 * TOPICS).astype(np.int32)
    day = values(table, "timestamp", pa.int64())[told] // DAY
    day -= day.min(initial=0)
    days = int(day.max(initial=0)) + 1
    worked = counted(position * days + day)[0] // days
    return pa.table(
        {
            "account": cut.account.astype(np.int32),
            "manner": cut.manner.astype(np.int8),
            "stack": pa.array(cut.stack, pa.string()),
            "size": np.bincount(position, minlength=len(cut.account)),
            "days": np.bincount(worked, minlength=len(cut.account)),
            "cells": list_array(begins, (key % (2 * TOPICS)).astype(np.uint8)),
            "counts": list_array(begins, np.minimum(counts, 65_535).astype(np.uint16)),
        }
    )


def _manner(table: pa.Table) -> Ints:
    """1 where the request sets a sampling parameter."""
    given = [pc.is_valid(table.column(name)) for name in PARAMETERS]
    manner: Ints = pc.or_(pc.or_(given[0], given[1]), given[2]).to_numpy().astype(np.int64)
    return manner


def _stack(table: pa.Table) -> tuple[Ints, list[str]]:
    """Code of user agent and TLS fingerprint together, ascending with their text, and the texts; -1 where none."""
    agent, agents = distinct_texts(table.column(CLIENT[0]))
    print_, prints = distinct_texts(table.column(CLIENT[1]))
    position, pair = numbered(agent * (len(prints) + 1) + print_)
    names = [f"{agents[a] or ''}\n{prints[p] or ''}" for a, p in zip(*np.divmod(pair, len(prints) + 1), strict=True)]
    known = sorted({name for name in names if name != "\n"})
    rank = {name: code for code, name in enumerate(known)}
    return np.array([rank.get(name, -1) for name in names], np.int64)[position], known
