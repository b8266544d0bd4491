"""Resent history: what a call only repeats of earlier calls is taken off its prompt.

Agent clients send the whole conversation with each call, so without this every conversation looks like a template of
its own. A prompt that starts with the *complete* prompt of a strictly earlier call of the same account and
conversation (where the log has no conversation: of the same account, and at least 64 bytes of it) keeps what comes
after the longest such head. A head that only begins alike, as with templates, is never cut.

A history has one continuation, or a few where answers are generated again; a text with many is a template that was
once sent alone. After MOST_CONTINUATIONS continuations of one prompt further ones keep it, else one bare call would
hide the template of all that follow.

"Earlier" is by timestamp, then turn, never by row order. Memory: about 70 bytes per prompt that could be a head,
that is of conversations with two calls or more, and nothing for other rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.collect.identity import random_words
from stillhunt.collect.kernels import (
    KEYS,
    Buckets,
    Nodes,
    Prompts,
    count_children,
    cut_heads,
    follow,
    hash_rows,
    mark_seen,
    move_buckets,
    move_nodes,
    was_seen,
)
from stillhunt.collect.strings import text_buffers

SHORTEST_WITHOUT_CONVERSATION = 64
MOST_CONTINUATIONS = 8
SEEN_BITS = 1 << 27
"""Bits of each map of groups met once and twice (16 MiB each); a false hit only costs a look."""
_FIRST_SLOTS = 1 << 12
_MOST_TURN = 1022

I64 = npt.NDArray[np.int64]
Batches = Callable[[], Iterator[pa.Table]]
"""Reads all accepted rows from the start, in the same order each time."""

KEY_COLUMNS = ("account_id", "conversation_id", "timestamp", "turn")


def row_orders(table: pa.Table) -> I64:
    """Place in time as one number per row: microseconds, then turn (0 = none, all late turns alike)."""
    micros = table.column("timestamp").cast(pa.int64()).to_numpy()
    turns = pc.fill_null(table.column("turn"), -1).to_numpy().astype(np.int64)
    return np.asarray(micros * (_MOST_TURN + 2) + np.minimum(turns + 1, _MOST_TURN + 1), np.int64)


class Survey:
    """First look at the key columns: which groups have several rows, and does each input come in time order.

    It may see rows that are refused later; that costs a little work and changes no result.
    """

    def __init__(self) -> None:
        self.secret = random_words(KEYS)
        self._once = np.zeros(SEEN_BITS // 64, np.uint64)
        self._twice = np.zeros(SEEN_BITS // 64, np.uint64)
        self.any_group = False
        """Whether any group has several rows."""
        self.spans: dict[int, tuple[int, int, bool]] = {}
        """Input -> (first order, last order, whether its rows come in order)."""

    def add(self, origin_file: int, table: pa.Table) -> None:
        """Look at the key columns of some rows of one input."""
        if table.num_rows == 0:
            return
        self.any_group |= mark_seen(self.groups(table), self._once, self._twice) > 0
        orders = row_orders(table)
        first, last, sorted_so_far = self.spans.get(origin_file, (int(orders[0]), int(orders[0]), True))
        in_order = sorted_so_far and int(orders[0]) >= last and bool(np.all(orders[1:] >= orders[:-1]))
        self.spans[origin_file] = (min(first, int(orders.min())), max(last, int(orders.max())), in_order)

    def groups(self, table: pa.Table) -> npt.NDArray[np.uint64]:
        """Hash of account and conversation per row."""
        hashes = np.zeros(table.num_rows, np.uint64)
        for name in ("account_id", "conversation_id"):
            column = pc.fill_null(table.column(name), "").cast(pa.large_string()).combine_chunks()
            array = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
            hash_rows(*text_buffers(array), self.secret, hashes)
        return hashes

    def several(self, groups: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Which rows belong to a group with several rows."""
        found = np.zeros(groups.size, np.bool_)
        was_seen(groups, self._twice, found)
        return found

    def file_order(self) -> tuple[list[int], bool]:
        """Inputs in the order of their first rows, and whether reading them so gives all rows in time order."""
        order = sorted(self.spans, key=lambda file: (self.spans[file][0], file))
        in_time = all(self.spans[file][2] for file in order) and all(
            self.spans[a][1] <= self.spans[b][0] for a, b in itertools.pairwise(order)
        )
        return order, in_time


class History:
    """Finds and takes off resent history, batch by batch.

    Args:
        survey: the finished first look.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._nodes = _new_nodes(_FIRST_SLOTS)
        self._buckets = _new_buckets(_FIRST_SLOTS)
        self._node_count = self._bucket_count = 0
        self._planned: tuple[I64, I64] | None = None
        self._emitted = 0

    def plan(self, batches: Batches) -> None:
        """For rows in any order: find all cuts beforehand, in two readings (none is needed for rows in time order)."""
        for table in batches():
            self._follow(table, look=False, enter=True)
        rows, slots, orders, cuts = [], [], [], []
        first_row = 0
        for table in batches():
            parents, lengths, when = self._follow(table, look=True, enter=False)
            found = np.flatnonzero(parents >= 0)
            rows.append(found + first_row)
            slots.append(parents[found])
            orders.append(when[found])
            cuts.append(lengths[found])
            first_row += table.num_rows
        row, slot, order, cut = (
            np.concatenate(part) if part else np.zeros(0, np.int64) for part in (rows, slots, orders, cuts)
        )
        in_time = np.argsort(order, kind="stable")
        row, slot, order, cut = row[in_time], slot[in_time], order[in_time], cut[in_time]
        count_children(slot, order, MOST_CONTINUATIONS, self._nodes, cut)
        by_row = np.argsort(row)
        self._planned = (row[by_row], cut[by_row])
        self._nodes, self._buckets = _new_nodes(_FIRST_SLOTS), _new_buckets(_FIRST_SLOTS)

    def cut(self, table: pa.Table) -> tuple[pa.Table, I64]:
        """The next rows with history off their prompts, and the bytes taken off each."""
        if self._planned is None:
            parents, cuts, orders = self._follow(table, look=True, enter=True)
            count_children(parents, orders, MOST_CONTINUATIONS, self._nodes, cuts)
        else:
            cuts = np.zeros(table.num_rows, np.int64)
            rows, lengths = self._planned
            start, end = np.searchsorted(rows, [self._emitted, self._emitted + table.num_rows])
            cuts[rows[start:end] - self._emitted] = lengths[start:end]
        self._emitted += table.num_rows
        return without_heads(table, cuts), cuts

    def _follow(self, table: pa.Table, *, look: bool, enter: bool) -> tuple[I64, I64, I64]:
        groups = self._survey.groups(table)
        orders = row_orders(table)
        parents = np.full(table.num_rows, -1, np.int64)
        cuts = np.zeros(table.num_rows, np.int64)
        active = self._survey.several(groups)
        if active.any():
            alone = np.asarray(table.column("conversation_id").is_null().to_numpy(), np.bool_)
            shortest = np.where(alone, SHORTEST_WITHOUT_CONVERSATION, 1).astype(np.int64)
            prompts = Prompts(*text_buffers(prompt_array(table)), groups, orders, active, shortest)
            if enter:
                self._make_room(int(active.sum()))
            added = follow(prompts, self._survey.secret, self._nodes, self._buckets, (look, enter), parents, cuts)
            self._node_count += added[0]
            self._bucket_count += added[1]
        return parents, cuts, orders

    def _make_room(self, rows: int) -> None:
        """Keep tables at most half full with so many more rows in them."""
        size = self._nodes.keys.size
        while (self._node_count + rows) * 2 > size:
            size *= 2
        if size != self._nodes.keys.size:
            nodes = _new_nodes(size)
            move_nodes(self._nodes, nodes)
            self._nodes = nodes
        size = self._buckets.keys.size
        while (self._bucket_count + rows) * 2 > size:
            size *= 2
        if size != self._buckets.keys.size:
            buckets = _new_buckets(size)
            move_buckets(self._buckets, buckets)
            self._buckets = buckets


def prompt_array(table: pa.Table) -> pa.Array:
    """The prompts of a table as one array."""
    column = table.column("prompt")
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays([*column.chunks, pa.array([], column.type)])


def without_heads(table: pa.Table, cuts: I64) -> pa.Table:
    """The table with the first `cuts` bytes off each prompt."""
    if not cuts.any():
        return table
    prompts = prompt_array(table)
    offsets, data = text_buffers(prompts)
    new_offsets = np.empty(len(prompts) + 1, np.int64)
    new_data = np.empty(int(offsets[-1] - offsets[0] - cuts.sum()), np.uint8)
    cut_heads(offsets, data, cuts, new_offsets, new_data)
    validity = None
    if prompts.null_count:
        validity = prompts.is_valid().buffers()[1]
    rest = pa.Array.from_buffers(
        prompts.type, len(prompts), [validity, pa.py_buffer(new_offsets), pa.py_buffer(new_data)]
    )
    return table.set_column(table.schema.get_field_index("prompt"), table.schema.field("prompt"), rest)


def _new_nodes(slots: int) -> Nodes:
    return Nodes(np.zeros(slots, np.uint64), *(np.zeros(slots, np.int64) for _ in range(4)))


def _new_buckets(slots: int) -> Buckets:
    # Sixteen bits of the bloom map per slot: one lookup in sixteen or fewer goes on to the table in vain.
    return Buckets(np.zeros(slots // 4, np.uint64), np.zeros(slots, np.uint64), np.zeros(slots, np.uint64))
