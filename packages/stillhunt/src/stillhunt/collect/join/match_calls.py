"""Which rows of different logs record one call: rows that share a name of it.

A name of a call is an id that several logs write down: of the answer, the trace span, the batch entry and so on.
Names are compared by keyed hashes.
"""

from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import I64, U64
from stillhunt.base.components import number_components
from stillhunt.collect.normalise.identity import random_words
from stillhunt.collect.values.kernels import KEYS, hash_rows, windows
from stillhunt.collect.values.strings import text_buffers

Flags = npt.NDArray[np.bool_]
_APART = np.uint64(0x9E3779B97F4A7C15)
SAME_CALL_MICROSECONDS = 60_000_000
"""Most microseconds between the times that two logs of one source give the same call: one may write when the call
began, the other when it was answered, in whole seconds."""
CONTENT = "content"
LINK_KINDS = ("response", "span", "batch", "call", "edge", CONTENT)
"""Kinds of names of a call, the most reliable first: names that no client can choose. The last one is not an id but who
asked what; it joins logs that share no id, such as a client's traces and a gateway's log."""
MADE_BY_SERVERS = ("response", "span")
"""Kinds of names that two logs of one source may both give to one call: a client's trace and a gateway's trace."""
MAX_CALL_MICROSECONDS = 36 * 3600 * 1_000_000
"""Most microseconds between rows of one call. It allows for a wrong time zone and for a call that takes long."""


@dataclass(frozen=True)
class CallAttributes:
    """What each row says about its call beside the names; one entry per row.

    No two sources have one rank; times are microseconds since 1970, -1 if unknown; all others are hashes, 0 if unknown.
    """

    ranks: I64
    accounts: U64
    times: I64
    files: I64
    prompts: U64
    answers: U64
    clients: U64


@dataclass(frozen=True)
class MatchedCalls:
    """Rows joined into calls: for each the first row of the lowest rank, and whether its source has several rows.

    `ambiguous` counts rows that were not joined because their names led to several calls of one source.
    """

    representative: I64
    repeated: Flags
    ambiguous: int


def same_calls(names: U64, kinds: I64, rows: I64, call: I64, attributes: CallAttributes) -> MatchedCalls:
    """Join rows that share a name into calls, one kind of names after the other.

    A name that two calls of one source share identifies no call and joins nothing. There is one exception: if all
    sources that have the name gave it to the same number of calls at similar times, the first call of one source is the
    first call of the other, and so on. Rows that are days apart are never one call. A kind of names does not join calls
    if a chain of its names would join them with another call of one of their sources. Two rows of one source are one
    call recorded twice, and not two calls, if they lie in different files and agree in time, account and prompt as far
    as these are known.

    Args:
        kinds: position of each name's kind in `LINK_KINDS`.
        call: call of each row, as `repeats_as_one` gives it.
    """
    count = call.size
    conflicting = np.zeros(count, np.bool_)
    for kind, word in enumerate(LINK_KINDS):
        chosen = kinds == kind
        if chosen.any():
            call, clashing = _join_by_names(names[chosen], rows[chosen], call, attributes, word)
            conflicting |= clashing & (word != CONTENT)
    order = np.lexsort((np.arange(count), attributes.ranks, call))
    is_first = np.diff(call[order], prepend=-1) != 0
    representative = np.empty(count, np.int64)
    representative[order] = order[np.maximum.accumulate(np.where(is_first, np.arange(count), 0))]
    _, part, times = np.unique(_number_pairs(call, attributes.ranks), return_inverse=True, return_counts=True)
    not_joined = np.bincount(call, minlength=1)[call] == 1
    return MatchedCalls(representative, times[part] > 1, int(np.count_nonzero(conflicting & not_joined)))


def _join_by_names(names: U64, rows: I64, call: I64, attributes: CallAttributes, kind: str) -> tuple[I64, Flags]:
    """Call of each row after joining by names of one kind, and whether a row's names led to several calls."""
    may_repeat = kind in MADE_BY_SERVERS
    order = np.lexsort((rows, names))
    names, rows = names[order], rows[order]
    is_first = np.ones(rows.size, np.bool_)
    is_first[1:] = (names[1:] != names[:-1]) | (rows[1:] != rows[:-1])
    names, rows = names[is_first], rows[is_first]
    name = np.cumsum(np.concatenate([np.zeros(1, np.int64), names[1:] != names[:-1]]))[: rows.size]
    unsplit = np.full(int(name.max(initial=-1)) + 1, may_repeat)
    if may_repeat:
        unsplit[name[_find_clashing_entries(name, rows, attributes)]] = False
    sides = _source_sets(call, attributes.ranks) if kind == CONTENT else attributes.ranks
    name, kept = _split_names(name, rows, call, Sides(sides, attributes.times), unsplit)
    limit = SAME_CALL_MICROSECONDS if kind == CONTENT else MAX_CALL_MICROSECONDS
    kept &= ~_spread_beyond(name, attributes.times[rows], limit)
    lost = np.zeros(call.size, np.bool_)
    lost[rows[~kept]] = True
    name, rows = name[kept], rows[kept]
    size, nodes = int(call.max(initial=-1)) + 1, int(name.max(initial=-1)) + 1
    joined = number_components(call[rows], size + name, size + nodes)[:size][call]
    conflicting = np.zeros(size + nodes, np.bool_)
    # Rows that were one call before stay one: only what these names add to it is judged.
    _, firsts = np.unique(_number_pairs(call, attributes.ranks), return_index=True)
    conflicting[joined[firsts][_find_clashing_entries(joined[firsts], firsts, attributes)]] = True
    conflicting[joined[_spread_beyond(joined, attributes.times)]] = True
    conflicting &= np.bincount(np.unique(_number_pairs(joined, call)) // (size or 1), minlength=size + nodes) > 1
    # A call that is not joined keeps a number that no component has.
    clashing = conflicting[joined]
    _, united = np.unique(np.where(clashing, size + nodes + call, joined), return_inverse=True)
    return united.astype(np.int64), clashing | lost


class Sides(NamedTuple):
    """What splits a name that several calls share: the side on which each row stands, and its time."""

    sides: I64
    times: I64


def _source_sets(call: I64, ranks: I64) -> I64:
    """For each row, a number that stands for the set of sources of its call."""
    _, rank = np.unique(ranks, return_inverse=True)
    sets = np.zeros(int(call.max(initial=-1)) + 1, np.uint64)
    np.bitwise_or.at(sets, call, np.uint64(1) << (rank.reshape(-1).astype(np.uint64) % np.uint64(64)))
    return np.unique(sets, return_inverse=True)[1].reshape(-1).astype(np.int64)[call]


def _split_names(name: I64, rows: I64, call: I64, sides: Sides, unsplit: Flags) -> tuple[I64, Flags]:
    """Split each name that all sides gave to the same number of calls into one name per call, in order of time.

    A side is a source; for names of content it is the set of sources joined already. Names that are `unsplit` stay.
    Gives the number of each entry's name afterwards, and whether it identifies one call.
    """
    ranks, times = sides.sides[rows], sides.times[rows]
    order = np.lexsort((rows, call[rows], times, ranks, name))
    within = np.zeros(rows.size, np.int64)
    part = _number_pairs(name, ranks)[order]
    new_part = np.diff(part, prepend=-1) != 0
    new_call = new_part | (np.diff(call[rows][order], prepend=-1) != 0)
    turn = np.cumsum(new_call) - 1
    within[order] = turn - np.maximum.accumulate(np.where(new_part, turn, 0))
    counts = np.zeros(int(part.max(initial=-1)) + 1, np.int64)
    np.maximum.at(counts, _number_pairs(name, ranks), within + 1)
    calls = counts[_number_pairs(name, ranks)]
    nodes = int(name.max(initial=-1)) + 1
    most, least = np.zeros(nodes, np.int64), np.full(nodes, np.iinfo(np.int64).max)
    np.maximum.at(most, name, calls)
    np.minimum.at(least, name, calls)
    even = ((most == least) & ~unsplit)[name]
    apart = np.where(even & (most[name] > 1), within, 0)
    _, split = np.unique(_number_pairs(name, apart), return_inverse=True)
    split = split.reshape(-1).astype(np.int64)
    near = ~_spread_beyond(split, times, SAME_CALL_MICROSECONDS)
    return split, unsplit[name] | (calls == 1) | (even & near)


def _spread_beyond(group: I64, times: I64, most: int = MAX_CALL_MICROSECONDS) -> Flags:
    """Entries of groups whose known times lie more than `most` microseconds apart."""
    size = int(group.max(initial=-1)) + 1
    low, high = np.full(size, np.iinfo(np.int64).max), np.full(size, -1)
    known = times >= 0
    np.minimum.at(low, group[known], times[known])
    np.maximum.at(high, group[known], times[known])
    far: Flags = ((high >= low) & (high - low > most))[group]
    return far


def _number_pairs(first: I64, second: I64) -> I64:
    """One number for each pair, in the order of the pairs."""
    pair: I64 = first * (int(second.max(initial=-1)) + 1) + second
    return pair


def _find_clashing_entries(
    group: I64, rows: I64, attributes: CallAttributes, more: tuple[tuple[U64, int, int], ...] = ()
) -> Flags:
    """Entries whose group holds another row of the same source that differs too much (`more`) to be the same call."""
    ranks, files = attributes.ranks[rows], attributes.files[rows]
    order = np.lexsort((files, ranks, group))
    same = (np.diff(group[order]) == 0) & (np.diff(ranks[order]) == 0)
    part = np.cumsum(np.concatenate([np.zeros(min(1, rows.size), np.int64), ~same]))
    parts = int(part.max(initial=-1)) + 1
    clash = np.zeros(parts, np.bool_)
    clash[part[1:][same & (np.diff(files[order]) == 0)]] = True
    usual = ((attributes.times, -1, SAME_CALL_MICROSECONDS), (attributes.accounts, 0, 0), (attributes.prompts, 0, 0))
    for values, unknown, most in (*usual, *more):
        value = values[rows][order]
        known = value != unknown
        low, high = np.full(parts, np.iinfo(value.dtype).max, value.dtype), np.zeros(parts, value.dtype)
        np.minimum.at(low, part[known], value[known])
        np.maximum.at(high, part[known], value[known])
        clash |= (high > low) & (high - low > most)
    found = np.empty(rows.size, np.bool_)
    found[order] = clash[part]
    return found


def repeats_as_one(ids: U64, attributes: CallAttributes) -> tuple[I64, I64, I64]:
    """Join rows of one source that record one call: they share an id, in several files, at about the same time.

    Clients may choose an id, and a client that gives all its calls the same id must not make one call of them. So an id
    joins nothing if one file holds it twice at about the same time, if two accounts or addresses use it, or if it
    stands for different prompts or answers. Within one file, only rows that agree in all of this, and in time to a
    fraction of a second, are one call: such a log was delivered twice.

    Returns:
        (call of each row, numbered by first rows; first row of each call; number of rows of each call).
    """
    ranks, times = attributes.ranks, attributes.times
    order = np.lexsort((np.arange(ranks.size), attributes.files, times, ids, ranks))
    same = np.zeros(ranks.size, np.bool_)
    same[1:] = (ranks[order[1:]] == ranks[order[:-1]]) & (ids[order[1:]] == ids[order[:-1]])
    group = np.empty(ranks.size, np.int64)
    group[order] = windows(same, times[order], SAME_CALL_MICROSECONDS)
    more = ((attributes.answers, 0, 0), (attributes.clients, 0, 0))
    conflicting = _find_clashing_entries(group, np.arange(ranks.size), attributes, more)
    group[conflicting] = ranks.size + _delivered_twice(group[conflicting], np.flatnonzero(conflicting), attributes)
    _, first, call, rows = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
    place = np.empty(first.size, np.int64)
    place[np.argsort(first)] = np.arange(first.size)
    return place[call], np.sort(first).astype(np.int64), rows[np.argsort(first)].astype(np.int64)


def _delivered_twice(group: I64, rows: I64, attributes: CallAttributes) -> I64:
    """For each row, the first row that agrees with it in all attributes, or itself; rows must ascend."""
    names = ("clients", "answers", "prompts", "times", "accounts", "files")
    values = [*(getattr(attributes, name)[rows] for name in names), group]
    order = np.lexsort((rows, *values))
    alike = np.zeros(rows.size, np.bool_)
    alike[1:] = np.all([value[order[1:]] == value[order[:-1]] for value in values], axis=0)
    # Some logs give times in whole seconds, and many calls may come within one second.
    alike &= (attributes.times[rows][order] >= 0) & (attributes.times[rows][order] % 1_000_000 != 0)
    first = np.empty(rows.size, np.int64)
    first[order] = rows[order[np.maximum.accumulate(np.where(alike, 0, np.arange(rows.size)))]]
    return first


def by_content(attributes: CallAttributes) -> tuple[U64, I64]:
    """(names, rows) by content, for all rows with a known account, prompt and time."""
    rows = np.flatnonzero((attributes.accounts != 0) & (attributes.prompts != 0) & (attributes.times >= 0))
    return attributes.accounts[rows] * _APART ^ attributes.prompts[rows], rows.astype(np.int64)


def reused_ids(ids: U64, attributes: CallAttributes, call: I64) -> Flags:
    """Rows whose id stands for several calls of their source, so that only id and time together identify a call.

    Otherwise an attacker who sends one id with all calls would have all but one of them dropped as repeats.
    """
    ranks, times, accounts = attributes.ranks, attributes.times, attributes.accounts
    _, name = np.unique(np.stack([ranks.astype(np.uint64), ids], axis=1), axis=0, return_inverse=True)
    name = name.reshape(-1).astype(np.int64)
    differ = np.zeros(int(name.max(initial=-1)) + 1, np.bool_)
    first = np.full(differ.size, ranks.size, np.int64)
    np.minimum.at(first, name, np.arange(ranks.size))
    leader = first[name]
    apart = (times != times[leader]) | (accounts != accounts[leader])
    differ[name[(call != call[leader]) & apart]] = True
    return np.asarray(differ[name])


def numbered_within(ids: U64, attributes: CallAttributes, reused: Flags) -> I64:
    """Number of earlier rows with the same source, id and time; 0 for rows whose id is not reused."""
    rows = np.flatnonzero(reused)
    order = np.lexsort((rows, attributes.times[rows], ids[rows], attributes.ranks[rows]))
    ordered = rows[order]
    columns = (attributes.times[ordered], ids[ordered], attributes.ranks[ordered])
    same = np.zeros(rows.size, np.bool_)
    same[1:] = np.all([column[1:] == column[:-1] for column in columns], axis=0)
    place = np.arange(rows.size)
    number = np.zeros(ids.size, np.int64)
    number[ordered] = place - np.maximum.accumulate(np.where(same, 0, place))
    return number


def hashed_texts(column: pa.ChunkedArray, secret: U64) -> U64:
    """Hash of each text of a column; null counts as the empty text."""
    hashes = np.zeros(len(column), np.uint64)
    hash_rows(*text_buffers(pc.fill_null(column, "").combine_chunks().cast(pa.large_string())), secret, hashes)
    return hashes


@dataclass
class CallIds:
    """Ids and attributes of the calls of some inputs, row by row."""

    secret: U64 = field(default_factory=lambda: random_words(KEYS))
    _ids: list[U64] = field(default_factory=list)
    _parts: list[CallAttributes] = field(default_factory=list)

    def note(self, table: pa.Table, rank: int, origin_file: int, answers: U64 | None = None) -> None:
        """Take rows of one input: REQUESTS, account and time may be null; hashes of answers' ids, 0 if unknown."""
        rows = table.num_rows
        times = pc.fill_null(table.column("timestamp").cast(pa.int64()), -1).to_numpy()
        self._ids.append(hashed_texts(table.column("request_id"), self.secret))
        accounts, prompts = (self._hash_known_texts(table, name) for name in ("account_id", "prompt"))
        clients = pc.fill_null(table.column("client_ip").cast(pa.uint64()), 0).to_numpy()
        answers = np.zeros(rows, np.uint64) if answers is None else answers
        files = np.full(rows, origin_file)
        self._parts.append(CallAttributes(np.full(rows, rank), accounts, times, files, prompts, answers, clients))

    def _hash_known_texts(self, table: pa.Table, name: str) -> U64:
        """Hash of each text; 0 for null."""
        column = table.column(name)
        known = column.is_valid().to_numpy()
        return np.where(known, hashed_texts(column, self.secret) | np.uint64(1), np.uint64(0))

    def arrays(self) -> tuple[U64, CallAttributes]:
        """Ids and attributes of all rows, in the order in which they came."""
        names = [column.name for column in fields(CallAttributes)]
        kinds = dict.fromkeys(names, np.int64) | dict.fromkeys(("accounts", "prompts", "answers", "clients"), np.uint64)
        attributes = {
            name: np.concatenate([*(getattr(part, name) for part in self._parts), np.zeros(0, kinds[name])])
            for name in names
        }
        return np.concatenate([*self._ids, np.zeros(0, np.uint64)]), CallAttributes(**attributes)

    def repeated(self) -> bool:
        """Whether an id stands for several calls, or one call in several rows."""
        ids, attributes = self.arrays()
        # One sort compares pairs of source and id; if two pairs meet by chance, it only costs the closer look below.
        if len(np.unique(ids + attributes.ranks.astype(np.uint64) * _APART)) == ids.size:
            return False
        call, _first, rows = repeats_as_one(ids, attributes)
        # Repeats within one file are settled later, by their content.
        places = len(np.unique(np.stack([call, attributes.files], axis=1), axis=0))
        return places > rows.size or bool(reused_ids(ids, attributes, call).any())
