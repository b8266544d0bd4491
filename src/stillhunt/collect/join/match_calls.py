"""Which rows of different logs are one call: rows that share a name of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from stillhunt.collect.normalise.identity import random_words
from stillhunt.collect.values.kernels import KEYS, hash_rows, windows
from stillhunt.collect.values.strings import text_buffers

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]


_APART = np.uint64(0x9E3779B97F4A7C15)
NEAR = 60_000_000
"""Microseconds within which two logs of one source date the same call: one may write when it began, another, in whole
seconds, when it was answered."""


CONTENT = "content"
LINK_KINDS = ("response", "span", "batch", "call", "edge", CONTENT)
"""Kinds of names of a call, in the order in which they are believed: what no client can choose comes first. The last is
no id: who asked what, for logs of the same calls that share none, as a client's traces and a gateway's log."""
MADE_BY_SERVERS = ("response", "span")
"""Of these the kinds that two logs of one source may hold of one call: a trace of the client and one of the gateway."""


FAR = 36 * 3600 * 1_000_000
"""Microseconds beyond which rows of two logs are no call, though they share a name: time zones that are
told wrongly, and calls that last, lie within."""


@dataclass(frozen=True)
class Told:
    """What rows tell of their calls beside names.

    Attributes:
        ranks: rank of each row's source; two sources never share one.
        accounts: hash of the account of each row, 0 where unknown.
        times: microseconds since 1970 of each row, -1 where unknown.
        files: input of each row.
        prompts: hash of what each row asks, 0 where unknown.
        answers: hash of the id of the answer of each row, which servers draw, 0 where unknown.
        clients: hash of the client's address of each row, 0 where unknown.
    """

    ranks: I64
    accounts: U64
    times: I64
    files: I64
    prompts: U64
    answers: U64
    clients: U64


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

    A name that two calls of one source share names no single call, and joins nothing; but where all sources that have
    it gave it to as many calls, at like times, the first of the one is the first of the other, and so on. Rows days
    apart are no call, whatever their names. Calls that chains of names of a kind would join with another call of one of
    their sources are not joined by that kind. Two rows of one source are one call told twice, and no two calls, where
    they lie in different files, at about one time, of one account and one prompt as far as these are known.

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
            call, clashing = _united(names[chosen], rows[chosen], call, told, word)
            torn |= clashing & (word != CONTENT)
    order = np.lexsort((np.arange(count), told.ranks, call))
    fresh = np.diff(call[order], prepend=-1) != 0
    head = np.empty(count, np.int64)
    head[order] = order[np.maximum.accumulate(np.where(fresh, np.arange(count), 0))]
    _, part, times = np.unique(_paired(call, told.ranks), return_inverse=True, return_counts=True)
    alone = np.bincount(call, minlength=1)[call] == 1
    return Calls(head, times[part] > 1, int(np.count_nonzero(torn & alone)))


def _united(names: U64, rows: I64, call: I64, told: Told, kind: str) -> tuple[I64, Flags]:
    """(call of each row after joining by these names of a kind; whether its names led to several calls)."""
    twice = kind in MADE_BY_SERVERS
    order = np.lexsort((rows, names))
    names, rows = names[order], rows[order]
    fresh = np.ones(rows.size, np.bool_)
    fresh[1:] = (names[1:] != names[:-1]) | (rows[1:] != rows[:-1])
    names, rows = names[fresh], rows[fresh]
    name = np.cumsum(np.concatenate([np.zeros(1, np.int64), names[1:] != names[:-1]]))[: rows.size]
    whole = np.full(int(name.max(initial=-1)) + 1, twice)
    if twice:
        whole[name[_clashing(name, rows, told)]] = False
    sides = _sources_of(call, told.ranks) if kind == CONTENT else told.ranks
    name, kept = _told_apart(name, rows, call, Sides(sides, told.times), whole)
    kept &= ~_far(name, told.times[rows], NEAR if kind == CONTENT else FAR)
    lost = np.zeros(call.size, np.bool_)
    lost[rows[~kept]] = True
    name, rows = name[kept], rows[kept]
    size, nodes = int(call.max(initial=-1)) + 1, int(name.max(initial=-1)) + 1
    graph = coo_matrix((np.ones(rows.size, np.int8), (call[rows], size + name)), shape=(size + nodes, size + nodes))
    _, component = connected_components(graph, directed=False)
    joined = component[:size].astype(np.int64)[call]
    torn = np.zeros(size + nodes, np.bool_)
    # Rows that were one call before stay one: only what these names would add to it is judged.
    _, heads = np.unique(_paired(call, told.ranks), return_index=True)
    torn[joined[heads][_clashing(joined[heads], heads, told)]] = True
    torn[joined[_far(joined, told.times)]] = True
    torn &= np.bincount(np.unique(_paired(joined, call)) // (size or 1), minlength=size + nodes) > 1
    # A call that stays as it is keeps a number that no component has.
    clashing = torn[joined]
    _, united = np.unique(np.where(clashing, size + nodes + call, joined), return_inverse=True)
    return united.astype(np.int64), clashing | lost


class Sides(NamedTuple):
    """What names are told apart by: the side on which each row stands, and its time."""

    sides: I64
    times: I64


def _sources_of(call: I64, ranks: I64) -> I64:
    """For each row a number of the set of sources that its call has."""
    _, rank = np.unique(ranks, return_inverse=True)
    sets = np.zeros(int(call.max(initial=-1)) + 1, np.uint64)
    np.bitwise_or.at(sets, call, np.uint64(1) << (rank.reshape(-1).astype(np.uint64) % np.uint64(64)))
    return np.unique(sets, return_inverse=True)[1].reshape(-1).astype(np.int64)[call]


def _told_apart(name: I64, rows: I64, call: I64, told: Sides, whole: Flags) -> tuple[I64, Flags]:
    """(names, those that each side gave to as many calls made several in order of time; whether they name one each).

    Args:
        name: number of the name of each entry.
        rows: its row.
        call: of all rows.
        told: of all rows; sources are sides, of who asked what the sets of sources that are joined already.
        whole: whether a name is left as it is, and names one.
    """
    ranks, times = told.sides[rows], told.times[rows]
    order = np.lexsort((rows, call[rows], times, ranks, name))
    within = np.zeros(rows.size, np.int64)
    part = _paired(name, ranks)[order]
    new_part = np.diff(part, prepend=-1) != 0
    new_call = new_part | (np.diff(call[rows][order], prepend=-1) != 0)
    turn = np.cumsum(new_call) - 1
    within[order] = turn - np.maximum.accumulate(np.where(new_part, turn, 0))
    counts = np.zeros(int(part.max(initial=-1)) + 1, np.int64)
    np.maximum.at(counts, _paired(name, ranks), within + 1)
    calls = counts[_paired(name, ranks)]
    nodes = int(name.max(initial=-1)) + 1
    most, least = np.zeros(nodes, np.int64), np.full(nodes, np.iinfo(np.int64).max)
    np.maximum.at(most, name, calls)
    np.minimum.at(least, name, calls)
    even = ((most == least) & ~whole)[name]
    apart = np.where(even & (most[name] > 1), within, 0)
    _, split = np.unique(_paired(name, apart), return_inverse=True)
    split = split.reshape(-1).astype(np.int64)
    near = ~_far(split, times, NEAR)
    return split, whole[name] | (calls == 1) | (even & near)


def _far(group: I64, times: I64, most: int = FAR) -> Flags:
    """Entries of groups whose known times lie more than so many microseconds apart."""
    size = int(group.max(initial=-1)) + 1
    low, high = np.full(size, np.iinfo(np.int64).max), np.full(size, -1)
    known = times >= 0
    np.minimum.at(low, group[known], times[known])
    np.maximum.at(high, group[known], times[known])
    far: Flags = ((high >= low) & (high - low > most))[group]
    return far


def _paired(first: I64, second: I64) -> I64:
    """One number for each pair, in the order of the pairs."""
    pair: I64 = first * (int(second.max(initial=-1)) + 1) + second
    return pair


def _clashing(group: I64, rows: I64, told: Told, more: tuple[tuple[U64, int, int], ...] = ()) -> Flags:
    """Entries beside which their group holds a row of the same source that cannot be the same call told again."""
    ranks, files = told.ranks[rows], told.files[rows]
    order = np.lexsort((files, ranks, group))
    same = (np.diff(group[order]) == 0) & (np.diff(ranks[order]) == 0)
    part = np.cumsum(np.concatenate([np.zeros(min(1, rows.size), np.int64), ~same]))
    parts = int(part.max(initial=-1)) + 1
    clash = np.zeros(parts, np.bool_)
    clash[part[1:][same & (np.diff(files[order]) == 0)]] = True
    for values, unknown, most in ((told.times, -1, NEAR), (told.accounts, 0, 0), (told.prompts, 0, 0), *more):
        value = values[rows][order]
        known = value != unknown
        low, high = np.full(parts, np.iinfo(value.dtype).max, value.dtype), np.zeros(parts, value.dtype)
        np.minimum.at(low, part[known], value[known])
        np.maximum.at(high, part[known], value[known])
        clash |= (high > low) & (high - low > most)
    found = np.empty(rows.size, np.bool_)
    found[order] = clash[part]
    return found


def repeats_as_one(ids: U64, told: Told) -> tuple[I64, I64, I64]:
    """Rows of one source that are one call, told twice: one id in several files at about one time.

    Clients may choose an id, and one who gives all his calls the same must not make one of them: an id that a file
    holds twice at about one time, that two accounts or addresses use, or under which two things are asked or answered,
    joins nothing. Only rows that are alike in all this, to a fraction of a second, are one call also within a file: a
    log that was delivered twice.

    Args:
        ids: hash of the id of each row.
        told: what the rows tell beside.

    Returns:
        (call of each row, numbered by first rows; first row of each call; rows of each call).
    """
    ranks, times = told.ranks, told.times
    order = np.lexsort((np.arange(ranks.size), told.files, times, ids, ranks))
    same = np.zeros(ranks.size, np.bool_)
    same[1:] = (ranks[order[1:]] == ranks[order[:-1]]) & (ids[order[1:]] == ids[order[:-1]])
    group = np.empty(ranks.size, np.int64)
    group[order] = windows(same, times[order], NEAR)
    torn = _clashing(group, np.arange(ranks.size), told, ((told.answers, 0, 0), (told.clients, 0, 0)))
    group[torn] = ranks.size + _delivered_twice(group[torn], np.flatnonzero(torn), told)
    _, first, call, rows = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
    place = np.empty(first.size, np.int64)
    place[np.argsort(first)] = np.arange(first.size)
    return place[call], np.sort(first).astype(np.int64), rows[np.argsort(first)].astype(np.int64)


def _delivered_twice(group: I64, rows: I64, told: Told) -> I64:
    """For each row the first that is alike in all that is told, itself where there is none; rows ascend."""
    columns = (told.clients, told.answers, told.prompts, told.times, told.accounts, told.files, group)
    values = [column if column is group else column[rows] for column in columns]
    order = np.lexsort((rows, *values))
    alike = np.zeros(rows.size, np.bool_)
    alike[1:] = np.all([value[order[1:]] == value[order[:-1]] for value in values], axis=0)
    # Many calls may come within a second that is told as a whole one.
    alike &= (told.times[rows][order] >= 0) & (told.times[rows][order] % 1_000_000 != 0)
    first = np.empty(rows.size, np.int64)
    first[order] = rows[order[np.maximum.accumulate(np.where(alike, 0, np.arange(rows.size)))]]
    return first


def by_content(told: Told) -> tuple[U64, I64]:
    """(names, rows) of all rows of which it is known who asked, and what.

    Args:
        told: of all rows.
    """
    rows = np.flatnonzero((told.accounts != 0) & (told.prompts != 0) & (told.times >= 0))
    return told.accounts[rows] * _APART ^ told.prompts[rows], rows.astype(np.int64)


def reused_ids(ids: U64, told: Told, call: I64) -> Flags:
    """Rows whose id names several calls of their source, so that it needs the time beside it to name one.

    Without that an attacker who sends one id with all his calls would have all but one of them taken for repeats.

    Args:
        ids: as in `repeats_as_one`.
        told: as there.
        call: what it gave for each row.
    """
    ranks, times, accounts = told.ranks, told.times, told.accounts
    _, name = np.unique(np.stack([ranks.astype(np.uint64), ids], axis=1), axis=0, return_inverse=True)
    name = name.reshape(-1).astype(np.int64)
    differ = np.zeros(int(name.max(initial=-1)) + 1, np.bool_)
    first = np.full(differ.size, ranks.size, np.int64)
    np.minimum.at(first, name, np.arange(ranks.size))
    leader = first[name]
    apart = (times != times[leader]) | (accounts != accounts[leader])
    differ[name[(call != call[leader]) & apart]] = True
    return np.asarray(differ[name])


def numbered_within(ids: U64, told: Told, reused: Flags) -> I64:
    """How many rows before each have its source, its id and its time; 0 for rows whose id is not reused.

    Args:
        ids: as in `repeats_as_one`.
        told: as there.
        reused: what `reused_ids` gave.
    """
    rows = np.flatnonzero(reused)
    order = np.lexsort((rows, told.times[rows], ids[rows], told.ranks[rows]))
    ordered = rows[order]
    columns = (told.times[ordered], ids[ordered], told.ranks[ordered])
    same = np.zeros(rows.size, np.bool_)
    same[1:] = np.all([column[1:] == column[:-1] for column in columns], axis=0)
    place = np.arange(rows.size)
    number = np.zeros(ids.size, np.int64)
    number[ordered] = place - np.maximum.accumulate(np.where(same, 0, place))
    return number


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
    _ids: list[U64] = field(default_factory=list)
    _parts: list[Told] = field(default_factory=list)

    def note(self, table: pa.Table, rank: int, origin_file: int, answers: U64 | None = None) -> None:
        """Take rows of one input.

        Args:
            table: REQUESTS; account and time may be null.
            rank: of its source.
            origin_file: the input.
            answers: hash of the id of each answer, 0 where unknown; None: of all unknown.
        """
        rows = table.num_rows
        times = pc.fill_null(table.column("timestamp").cast(pa.int64()), -1).to_numpy()
        self._ids.append(hashed_texts(table.column("request_id"), self.secret))
        accounts, prompts = (self._known(table, name) for name in ("account_id", "prompt"))
        clients = pc.fill_null(table.column("client_ip").cast(pa.uint64()), 0).to_numpy()
        answers = np.zeros(rows, np.uint64) if answers is None else answers
        files = np.full(rows, origin_file)
        self._parts.append(Told(np.full(rows, rank), accounts, times, files, prompts, answers, clients))

    def _known(self, table: pa.Table, name: str) -> U64:
        """Hash of each text, 0 where it is null."""
        column = table.column(name)
        known = column.is_valid().to_numpy()
        return np.where(known, hashed_texts(column, self.secret) | np.uint64(1), np.uint64(0))

    def arrays(self) -> tuple[U64, Told]:
        """Ids, and what is told beside them, of all rows in the order in which they came."""
        names = [column.name for column in fields(Told)]
        kinds = dict.fromkeys(names, np.int64) | dict.fromkeys(("accounts", "prompts", "answers", "clients"), np.uint64)
        told = {
            name: np.concatenate([*(getattr(part, name) for part in self._parts), np.zeros(0, kinds[name])])
            for name in names
        }
        return np.concatenate([*self._ids, np.zeros(0, np.uint64)]), Told(**told)

    def repeated(self) -> bool:
        """Whether an id stands for several calls, or one call in several rows."""
        ids, told = self.arrays()
        # Sources are set far apart, so that one sort does for pairs; a chance meeting only costs the look below.
        if len(np.unique(ids + told.ranks.astype(np.uint64) * _APART)) == ids.size:
            return False
        call, _first, rows = repeats_as_one(ids, told)
        # What one file holds twice is settled later, by its content.
        places = len(np.unique(np.stack([call, told.files], axis=1), axis=0))
        return places > rows.size or bool(reused_ids(ids, told, call).any())
