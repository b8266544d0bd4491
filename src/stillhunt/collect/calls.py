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
Flags = npt.NDArray[np.bool_]


_APART = np.uint64(0x9E3779B97F4A7C15)
NEAR = 60_000_000
"""Microseconds within which two logs of one source date the same call: one may write when it began, another, in whole
seconds, when it was answered."""


LINK_KINDS = ("response", "span", "batch", "call", "edge")
"""Kinds of names of a call, in the order in which they are believed: what no client can choose comes first."""
MADE_BY_SERVERS = ("response", "span")
"""Of these the kinds that two logs of one source may hold of one call: a trace of the client and one of the gateway."""


@dataclass(frozen=True)
class Told:
    """What rows tell of their calls beside names.

    Attributes:
        ranks: rank of each row's source; two sources never share one.
        accounts: hash of the account of each row, 0 where unknown.
        times: microseconds since 1970 of each row, -1 where unknown.
        files: input of each row.
    """

    ranks: I64
    accounts: U64
    times: I64
    files: I64


@dataclass(frozen=True)
class Calls:
    """Rows put together.

    Attributes:
        head: for each row the row that stands for its call, itself where it is alone: of the lowest rank the first.
        many: whether the row's source has several rows of the call.
        ambiguous: rows left alone because their names led to several calls of one source.
    """

    head: I64
    many: Flags
    ambiguous: int


def same_calls(names: U64, kinds: I64, rows: I64, call: I64, told: Told) -> Calls:
    """Put rows together that share a name, one kind of names after the other.

    A name that two calls of one source share names no single call, and joins nothing. Calls that chains of names of a
    kind would join with another call of one of their sources are not joined by that kind. Two rows of one source are
    one call told twice, and no two calls, where they lie in different files, at about one time, of one account as far
    as it is known.

    Args:
        names: hashed name of a call, one entry for each row and name.
        kinds: position of each name's kind in `LINK_KINDS`.
        rows: row of each entry.
        call: call of each row as `repeats_as_one` gives it.
        told: what the rows tell beside.
    """
    count = call.size
    torn = np.zeros(count, np.bool_)
    for kind, word in enumerate(LINK_KINDS):
        chosen = kinds == kind
        if chosen.any():
            call, clashing = _united(names[chosen], rows[chosen], call, told, twice=word in MADE_BY_SERVERS)
            torn |= clashing
    order = np.lexsort((np.arange(count), told.ranks, call))
    fresh = np.diff(call[order], prepend=-1) != 0
    head = np.empty(count, np.int64)
    head[order] = order[np.maximum.accumulate(np.where(fresh, np.arange(count), 0))]
    _, part, times = np.unique(_paired(call, told.ranks), return_inverse=True, return_counts=True)
    alone = np.bincount(call, minlength=1)[call] == 1
    return Calls(head, times[part] > 1, int(np.count_nonzero(torn & alone)))


def _united(names: U64, rows: I64, call: I64, told: Told, *, twice: bool) -> tuple[I64, Flags]:
    """(call of each row after joining by these names; whether its names would have joined it with too many)."""
    entries = np.unique(np.stack([names.astype(np.uint64), rows.astype(np.uint64)], axis=1), axis=0)
    rows = entries[:, 1].astype(np.int64)
    _, name = np.unique(entries[:, 0], return_inverse=True)
    name = name.reshape(-1).astype(np.int64)
    kept = ~(_clashing(name, rows, told) if twice else _shared(name, call[rows], told.ranks[rows]))
    name, rows = name[kept], rows[kept]
    size, nodes = int(call.max(initial=-1)) + 1, int(name.max(initial=-1)) + 1
    graph = coo_matrix((np.ones(rows.size, np.int8), (call[rows], size + name)), shape=(size + nodes, size + nodes))
    _, component = connected_components(graph, directed=False)
    joined = component[:size].astype(np.int64)[call]
    torn = np.zeros(size + nodes, np.bool_)
    # Rows that were one call before stay one: only what these names would add to it is judged.
    torn[joined[_clashing(joined, np.arange(call.size), told)]] = True
    torn &= np.bincount(np.unique(_paired(joined, call)) // (size or 1), minlength=size + nodes) > 1
    # A call that stays as it is keeps a number that no component has.
    return np.unique(np.where(torn[joined], size + nodes + call, joined), return_inverse=True)[1].astype(
        np.int64
    ), torn[joined]


def _paired(first: I64, second: I64) -> I64:
    """One number for each pair, in the order of the pairs."""
    pair: I64 = first * (int(second.max(initial=-1)) + 1) + second
    return pair


def _shared(name: I64, call: I64, ranks: I64) -> Flags:
    """Entries whose name stands for several calls of their source."""
    owners = np.unique(np.stack([name, ranks, call], axis=1), axis=0)
    part, times = np.unique(_paired(owners[:, 0], owners[:, 1]), return_counts=True)
    width = int(ranks.max(initial=-1)) + 1
    shared: Flags = times[np.searchsorted(part, name * width + ranks)] > 1
    return shared


def _clashing(group: I64, rows: I64, told: Told) -> Flags:
    """Entries beside which their group holds a row of the same source that cannot be the same call told again."""
    ranks, files = told.ranks[rows], told.files[rows]
    order = np.lexsort((files, ranks, group))
    same = (np.diff(group[order]) == 0) & (np.diff(ranks[order]) == 0)
    part = np.cumsum(np.concatenate([np.zeros(min(1, rows.size), np.int64), ~same]))
    parts = int(part.max(initial=-1)) + 1
    clash = np.zeros(parts, np.bool_)
    clash[part[1:][same & (np.diff(files[order]) == 0)]] = True
    for values, unknown, most in ((told.times, -1, NEAR), (told.accounts, 0, 0)):
        value = values[rows][order]
        known = value != unknown
        low, high = np.full(parts, np.iinfo(value.dtype).max, value.dtype), np.zeros(parts, value.dtype)
        np.minimum.at(low, part[known], value[known])
        np.maximum.at(high, part[known], value[known])
        clash |= (high > low) & (high - low > most)
    found = np.empty(rows.size, np.bool_)
    found[order] = clash[part]
    return found


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
        # Sources are set far apart, so that one sort does for pairs; a chance meeting only costs the look below.
        if len(np.unique(ids + ranks.astype(np.uint64) * _APART)) == ranks.size:
            return False
        call, _first, rows = repeats_as_one(ranks, ids, accounts, times, files)
        return bool((rows > 1).any() or reused_ids(ranks, ids, accounts, times, call).any())
