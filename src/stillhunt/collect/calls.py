"""Which rows of different logs are one call: rows that share a name of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from stillhunt.collect.identity import random_words
from stillhunt.collect.kernels import KEYS, hash_rows
from stillhunt.collect.strings import text_buffers

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


NEAR = 60_000_000
"""Microseconds within which two logs of one source date the same call: one may write when it began, another, in whole
seconds, when it was answered."""


@dataclass(frozen=True)
class Calls:
    """Rows put together.

    Attributes:
        head: for each row the row that stands for its call, itself where it is alone.
        ambiguous: rows left alone because their names led to several calls of one source.
    """

    head: I64
    ambiguous: int


def same_calls(names: U64, rows: I64, ranks: I64) -> Calls:
    """Put rows together that share a name.

    A name that two rows of one source share names no single call, and joins nothing. Rows that chains of names would
    join with two rows of one source stay alone.

    Args:
        names: hashed name of a call, one entry for each row and name.
        rows: row of each entry.
        ranks: rank of each row's source, one for each row; two sources never share one. The row of the lowest rank
            stands for the call.
    """
    count = ranks.size
    head = np.arange(count, dtype=np.int64)
    pairs = np.unique(np.stack([names.astype(np.uint64), rows.astype(np.uint64)], axis=1), axis=0)
    names, rows = pairs[:, 0], pairs[:, 1].astype(np.int64)
    _, name = np.unique(names, return_inverse=True)
    entry = name * (int(ranks.max(initial=0)) + 1) + ranks[rows]
    _, place, times = np.unique(entry, return_inverse=True, return_counts=True)
    kept = times[place] == 1
    name, rows = name[kept], rows[kept]
    if not rows.size:
        return Calls(head, 0)
    size = int(name.max()) + 1
    graph = coo_matrix((np.ones(rows.size, np.int8), (rows, count + name)), shape=(count + size, count + size))
    _, component = connected_components(graph, directed=False)
    component = component[:count].astype(np.int64)
    order = np.lexsort((head, ranks, component))
    first = np.diff(component[order], prepend=-1) != 0
    twice = np.zeros(count, np.bool_)
    twice[order[1:]] = (component[order[1:]] == component[order[:-1]]) & (ranks[order[1:]] == ranks[order[:-1]])
    torn = np.zeros(int(component.max()) + 1, np.bool_)
    torn[component[twice]] = True
    head[order] = order[np.maximum.accumulate(np.where(first, np.arange(count), 0))]
    alone = torn[component]
    head[alone] = np.flatnonzero(alone)
    return Calls(head, int(np.count_nonzero(alone)))


def repeats_as_one(ranks: I64, ids: U64, accounts: U64, times: I64, files: I64) -> tuple[I64, I64, I64]:
    """Rows of one source that are one call, told twice: one id in several files at about one time.

    Clients may choose an id, and one who gives all his calls the same must not make one of them: an id that a file
    holds twice at about one time, or that two accounts use, joins nothing.

    Args:
        ranks: rank of each row's source.
        ids: hash of the id of each row.
        accounts: hash of the account of each row, 0 where unknown.
        times: microseconds since 1970 of each row, -1 where unknown.
        files: input of each row.

    Returns:
        (call of each row, numbered by first rows; first row of each call; rows of each call).
    """
    order = np.lexsort((np.arange(ranks.size), files, times, ids, ranks))
    same = np.zeros(ranks.size, np.bool_)
    same[1:] = (ranks[order[1:]] == ranks[order[:-1]]) & (ids[order[1:]] == ids[order[:-1]])
    same[1:] &= times[order[1:]] - times[order[:-1]] <= NEAR
    group = np.empty(ranks.size, np.int64)
    group[order] = np.cumsum(~same) - 1
    held = np.lexsort((files, group))
    twice = np.zeros(ranks.size, np.bool_)
    twice[held[1:]] = (group[held[1:]] == group[held[:-1]]) & (files[held[1:]] == files[held[:-1]])
    known = np.flatnonzero(accounts)
    least, most = np.full(ranks.size, np.iinfo(np.uint64).max, np.uint64), np.zeros(ranks.size, np.uint64)
    np.minimum.at(least, group[known], accounts[known])
    np.maximum.at(most, group[known], accounts[known])
    torn = np.isin(group, group[twice]) | (most[group] > least[group])
    group[torn] = ranks.size + np.flatnonzero(torn)
    _, first, call, rows = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
    place = np.empty(first.size, np.int64)
    place[np.argsort(first)] = np.arange(first.size)
    return place[call], np.sort(first).astype(np.int64), rows[np.argsort(first)].astype(np.int64)


def reused_ids(ranks: I64, ids: U64, accounts: U64, times: I64, call: I64) -> npt.NDArray[np.bool_]:
    """Rows whose id names several calls of their source, so that it needs the time beside it to name one.

    Without that an attacker who sends one id with all his calls would have all but one of them taken for repeats.

    Args:
        ranks: as in `repeats_as_one`.
        ids: as there.
        accounts: as there.
        times: as there.
        call: what it gave for each row.
    """
    _, name = np.unique(np.stack([ranks.astype(np.uint64), ids], axis=1), axis=0, return_inverse=True)
    name = name.reshape(-1).astype(np.int64)
    differ = np.zeros(int(name.max(initial=-1)) + 1, np.bool_)
    first = np.full(differ.size, ranks.size, np.int64)
    np.minimum.at(first, name, np.arange(ranks.size))
    leader = first[name]
    apart = (times != times[leader]) | (accounts != accounts[leader])
    differ[name[(call != call[leader]) & apart]] = True
    return np.asarray(differ[name])


def hashed_texts(column: pa.ChunkedArray, secret: U64) -> U64:
    """Hash of each text of a column, that of empty text where it is null."""
    hashes = np.zeros(len(column), np.uint64)
    hash_rows(*text_buffers(pc.fill_null(column, "").combine_chunks().cast(pa.large_string())), secret, hashes)
    return hashes


@dataclass
class CallIds:
    """What tells the calls of some inputs apart, row by row.

    Attributes:
        secret: of the hashes.
    """

    secret: U64 = field(default_factory=lambda: random_words(KEYS))
    _parts: list[tuple[I64, U64, U64, I64, I64]] = field(default_factory=list)

    def note(self, table: pa.Table, rank: int, origin_file: int) -> None:
        """Take rows of one input.

        Args:
            table: REQUESTS; account and time may be null.
            rank: of its source.
            origin_file: the input.
        """
        rows = table.num_rows
        known = table.column("account_id").is_valid().to_numpy()
        accounts = np.where(known, hashed_texts(table.column("account_id"), self.secret) | np.uint64(1), np.uint64(0))
        times = pc.fill_null(table.column("timestamp").cast(pa.int64()), -1).to_numpy()
        ids = hashed_texts(table.column("request_id"), self.secret)
        self._parts.append((np.full(rows, rank), ids, accounts, times, np.full(rows, origin_file)))

    def arrays(self) -> tuple[I64, U64, U64, I64, I64]:
        """(ranks, ids, accounts, times, files) of all rows, in the order in which they came."""
        if not self._parts:
            none, nothing = np.zeros(0, np.int64), np.zeros(0, np.uint64)
            return none, nothing, nothing, none, none
        ranks, ids, accounts, times, files = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        return ranks, ids, accounts, times, files

    def repeated(self) -> bool:
        """Whether an id stands for several calls, or one call in several rows."""
        ranks, ids, accounts, times, files = self.arrays()
        pairs = np.unique(np.stack([ranks.astype(np.uint64), ids], axis=1), axis=0)
        if len(pairs) == ranks.size:
            return False
        call, _first, rows = repeats_as_one(ranks, ids, accounts, times, files)
        return bool((rows > 1).any() or reused_ids(ranks, ids, accounts, times, call).any())
