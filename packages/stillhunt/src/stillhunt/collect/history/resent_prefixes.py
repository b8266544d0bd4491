"""Resent history: the part of a prompt that only repeats an earlier call is cut off.

Agent clients send all earlier messages of a conversation with each call, so without this every conversation would look
like a template of its own. The resent prefix of a prompt is the longest *complete* prompt of a strictly earlier call of
the same account and conversation with which it starts; the prompt keeps what comes after it. (If the log has no
conversation, the prefix must come from the same account and have at least 64 bytes.) Texts that merely start alike,
as with templates, are never cut.

A prompt that is history has one continuation, or a few if answers are generated again; a call that was recorded twice
is one. A prompt with many continuations is a template that was once sent by itself. So after MAX_CONTINUATIONS
continuations of one prompt, further ones are not cut: otherwise one call with nothing but the template would hide it in
all calls that follow.

"Earlier" is decided by timestamp, then turn, never by row order. Memory: 18 bytes per prompt of a conversation with two
or more calls, nothing for other rows; 12 bytes more if rows do not come in time order, and about 60 per prompt that has
a continuation.
"""

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import I64
from stillhunt.collect.history.kernels import (
    Children,
    Entries,
    Prompts,
    SeenPrompts,
    count_children,
    cut_prefixes,
    enter_prompts,
    follow,
    move_children,
)
from stillhunt.collect.normalise.identity import random_words
from stillhunt.collect.values.kernels import KEYS, hash_rows, mark_seen, was_seen
from stillhunt.collect.values.strings import text_buffers

MIN_BYTES_WITHOUT_CONVERSATION = 64
MAX_CONTINUATIONS = 8
SEEN_BITS = 1 << 27
"""Bits of each map of the groups met once, and met twice (16 MiB each); a false hit only costs a search."""
SLOTS_PER_PROMPT = 1.5
PROMPTS_PER_MARK_WORD = 4
"""Two marks of two bits each per prompt, in 64-bit words: one in sixty searches that the marks start is in vain."""
PROMPTS_PER_END_WORD = 4
_FIRST_CHILDREN = 1 << 10
_MAX_TURN = 1022
Batches = Callable[[], Iterator[pa.Table]]
"""Reads all usable rows from the start, in the same order each time."""
TIME_COLUMNS = ("timestamp", "turn")
KEY_COLUMNS = ("account_id", "conversation_id", *TIME_COLUMNS)


def row_orders(table: pa.Table) -> I64:
    """One number per row that orders by microsecond, then by turn (a missing turn first, very late turns as equal)."""
    micros = table.column("timestamp").cast(pa.int64()).to_numpy()
    turns = pc.fill_null(table.column("turn"), -1).to_numpy().astype(np.int64)
    return np.asarray(micros * (_MAX_TURN + 2) + np.minimum(turns + 1, _MAX_TURN + 1), np.int64)


def group_hashes(table: pa.Table, secret: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Hash of account and conversation per row, under a secret of KEYS words."""
    hashes = np.zeros(table.num_rows, np.uint64)
    for name in ("account_id", "conversation_id"):
        column = pc.fill_null(table.column(name), "").cast(pa.large_string()).combine_chunks()
        array = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        hash_rows(*text_buffers(array), secret, hashes)
    return hashes


class KeySurvey:
    """A first pass over the key columns: which groups have several rows, and whether each input is in time order.

    It may see rows that are rejected later; this costs a little work and changes no result.

    Args:
        conversations: whether the log can have conversations. Otherwise groups are accounts, and hardly any account
            has a single row: all rows count as grouped, and the columns that name a group are not read twice.
    """

    def __init__(self, *, conversations: bool = True) -> None:
        self.columns = KEY_COLUMNS if conversations else TIME_COLUMNS
        self.secret = random_words(KEYS)
        self._once = np.zeros(SEEN_BITS // 64, np.uint64)
        self._twice = np.zeros(SEEN_BITS // 64, np.uint64)
        self.grouped_rows = 0  # number of rows in groups that have several rows
        self.spans: dict[int, tuple[int, int, bool]] = {}
        """Index of an input -> (first order, last order, whether its rows come in order)."""

    def add(self, origin_file: int, table: pa.Table) -> None:
        """Look at the key columns of some rows of one input."""
        if table.num_rows == 0:
            return
        if self.columns == TIME_COLUMNS:
            self.grouped_rows += table.num_rows
        else:
            self.grouped_rows += mark_seen(self.groups(table), self._once, self._twice)
        orders = row_orders(table)
        first, last, sorted_so_far = self.spans.get(origin_file, (int(orders[0]), int(orders[0]), True))
        in_order = sorted_so_far and int(orders[0]) >= last and bool(np.all(orders[1:] >= orders[:-1]))
        self.spans[origin_file] = (min(first, int(orders.min())), max(last, int(orders.max())), in_order)

    def groups(self, table: pa.Table) -> npt.NDArray[np.uint64]:
        """Hash of account and conversation per row."""
        return group_hashes(table, self.secret)

    def several(self, groups: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Which rows belong to a group with several rows."""
        if self.columns == TIME_COLUMNS:
            return np.ones(groups.size, np.bool_)
        found = np.zeros(groups.size, np.bool_)
        was_seen(groups, self._twice, found)
        return found

    def file_order(self, skip: frozenset[int] = frozenset()) -> tuple[list[int], bool]:
        """Inputs in order of their first rows, and whether reading them in this order gives all rows in time order."""
        order = sorted(self.spans.keys() - skip, key=lambda file: (self.spans[file][0], file))
        in_time = all(self.spans[file][2] for file in order) and all(
            self.spans[a][1] <= self.spans[b][0] for a, b in itertools.pairwise(order)
        )
        return order, in_time


class PrefixCutter:
    """Finds and cuts resent prefixes, batch by batch."""

    def __init__(self, survey: KeySurvey) -> None:
        self._survey = survey
        self._children, self._parents = new_children(_FIRST_CHILDREN), 0
        self._planned: tuple[I64, I64] | None = None
        self._emitted = 0
        self._seen: SeenPrompts | None = None
        self._waiting: list[Entries] = []
        self._waiting_order = 0

    def plan(self, batches: Batches) -> None:
        """Find all cuts beforehand, in two passes; needed only if the rows do not come in time order."""
        self._seen = seen = new_seen_prompts(self._survey.grouped_rows, timed=True)
        for table in batches():
            prompts = self._group_prompts(table)
            entries = new_entries(table.num_rows)
            self._search_parent_prompts(prompts, seen, entries, look=False, enter=False)
            enter_prompts(entries, prompts.orders, seen)
        rows, slots, orders, cuts = [], [], [], []
        first_row = 0
        for table in batches():
            prompts = self._group_prompts(table)
            parents, lengths, _last = self._search_parent_prompts(
                prompts, seen, new_entries(table.num_rows), look=True, enter=False
            )
            found = np.flatnonzero(parents >= 0)
            rows.append(found + first_row)
            slots.append(parents[found])
            orders.append(prompts.orders[found])
            cuts.append(lengths[found])
            first_row += table.num_rows
        row, slot, order, cut = (
            np.concatenate(part) if part else np.zeros(0, np.int64) for part in (rows, slots, orders, cuts)
        )
        in_time = np.argsort(order, kind="stable")
        row, slot, order, cut = row[in_time], slot[in_time], order[in_time], cut[in_time]
        self._keep_few(slot, order, cut)
        by_row = np.argsort(row)
        self._planned = (row[by_row], cut[by_row])
        self._seen, self._children = None, new_children(_FIRST_CHILDREN)

    def cut(self, table: pa.Table) -> tuple[pa.Table, I64]:
        """The next rows without resent prefixes, and the number of bytes cut from each prompt."""
        if self._planned is None and table.num_rows:
            cuts = self._cut_in_time(table)
        else:
            cuts = np.zeros(table.num_rows, np.int64)
            rows, lengths = self._planned or (cuts[:0], cuts[:0])
            start, end = np.searchsorted(rows, [self._emitted, self._emitted + table.num_rows])
            cuts[rows[start:end] - self._emitted] = lengths[start:end]
        self._emitted += table.num_rows
        return without_prefixes(table, cuts), cuts

    def _cut_in_time(self, table: pa.Table) -> I64:
        if self._seen is None:
            self._seen = new_seen_prompts(self._survey.grouped_rows, timed=False)
        prompts = self._group_prompts(table)
        # Rows of one moment, however many batches they span, are entered when the next moment begins. So everything
        # in the table is strictly earlier than the current row, and no order has to be stored there.
        same = prompts.orders == self._waiting_order if self._waiting else np.zeros(1, np.bool_)
        first = int(np.argmin(same)) if not same.all() else same.size
        found = [
            self._cut_run(part, self._seen)
            for part in (_slice_prompts(prompts, 0, first), _slice_prompts(prompts, first, table.num_rows))
            if part.orders.size
        ]
        parents, cuts = (np.concatenate(columns) for columns in zip(*found, strict=True))
        self._keep_few(parents, prompts.orders, cuts)
        return cuts

    def _cut_run(self, prompts: Prompts, seen: SeenPrompts) -> tuple[I64, I64]:
        """Prefixes of rows that all are of the moment that waits to be entered, or start with a later one."""
        if self._waiting and prompts.orders[0] != self._waiting_order:
            for waiting in self._waiting:
                enter_prompts(waiting, np.zeros(waiting.keys.size, np.int64), seen)
            self._waiting = []
        entries = new_entries(prompts.orders.size)
        parents, cuts, last = self._search_parent_prompts(prompts, seen, entries, look=True, enter=True)
        keys, buckets, gates, offsets = entries
        self._waiting.append(
            Entries(keys[last:].copy(), buckets[last:].copy(), gates[last:].copy(), offsets[last:].copy())
        )
        self._waiting_order = int(prompts.orders[-1])
        return parents, cuts

    def _group_prompts(self, table: pa.Table) -> Prompts:
        groups = self._survey.groups(table)
        return prompts_of(table, groups, self._survey.several(groups))

    def _search_parent_prompts(
        self, prompts: Prompts, seen: SeenPrompts, entries: Entries, *, look: bool, enter: bool
    ) -> tuple[I64, I64, int]:
        parents, cuts = np.empty(prompts.groups.size, np.int64), np.empty(prompts.groups.size, np.int64)
        last = follow(prompts, self._survey.secret, seen, entries, (look, enter), parents, cuts)
        return parents, cuts, last

    def _keep_few(self, parents: I64, orders: I64, cuts: I64) -> None:
        """Undo the cuts of rows beyond MAX_CONTINUATIONS of one prompt; rows must be in order."""
        size = self._children.slots.size
        while (self._parents + int((parents >= 0).sum())) * 2 > size:
            size *= 2
        if size != self._children.slots.size:
            children = new_children(size)
            move_children(self._children, children)
            self._children = children
        self._parents += keep_few(parents, orders, self._children, cuts)


def keep_few(parents: I64, orders: I64, children: Children, cuts: I64) -> int:
    """Undo the cuts of rows beyond MAX_CONTINUATIONS of one prompt; gives the number of new parents.

    Continuations of one moment count as one: a call that was recorded several times is one continuation. Calls may
    follow one another; a parent is the slot of the prompt that a row continues, or -1.
    """
    rows = np.flatnonzero(parents >= 0)
    if not rows.size:
        return 0
    rows = rows[np.lexsort((parents[rows], orders[rows]))]
    first = np.ones(rows.size, np.bool_)
    first[1:] = (np.diff(parents[rows]) != 0) | (np.diff(orders[rows]) != 0)
    one = rows[first]
    # Where an earlier call counted this moment, counting it again must add nothing.
    here = parents[one[orders[one] == orders[0]]] + 1
    if here.size and children.last.any():
        children.counts[(children.last == orders[0]) & np.isin(children.slots, here)] -= 1
    kept = cuts[one]
    added = count_children(parents[one], orders[one], MAX_CONTINUATIONS, children, kept)
    cuts[rows[kept[np.cumsum(first) - 1] == 0]] = 0
    return int(added)


def prompts_of(table: pa.Table, groups: npt.NDArray[np.uint64], active: npt.NDArray[np.bool_]) -> Prompts:
    """The prompts of a table in the form of the search, with the group of each row and whether it is searched."""
    no_conversation = np.asarray(table.column("conversation_id").is_null().to_numpy(), np.bool_)
    shortest = np.where(no_conversation, MIN_BYTES_WITHOUT_CONVERSATION, 1).astype(np.int64)
    return Prompts(*text_buffers(prompt_array(table)), groups, row_orders(table), active, shortest)


def prompt_array(table: pa.Table) -> pa.Array:
    """The prompts of a table as one array."""
    column = table.column("prompt")
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays([*column.chunks, pa.array([], column.type)])


def without_prefixes(table: pa.Table, cuts: I64) -> pa.Table:
    """The table with the first `cuts` bytes off each prompt."""
    if not cuts.any():
        return table
    prompts = prompt_array(table)
    offsets, data = text_buffers(prompts)
    new_offsets = np.empty(len(prompts) + 1, np.int64)
    new_data = np.empty(int(offsets[-1] - offsets[0] - cuts.sum()), np.uint8)
    cut_prefixes(offsets, data, cuts, new_offsets, new_data)
    validity = None
    if prompts.null_count:
        validity = prompts.is_valid().buffers()[1]
    rest = pa.Array.from_buffers(
        prompts.type, len(prompts), [validity, pa.py_buffer(new_offsets), pa.py_buffer(new_data)]
    )
    return table.set_column(table.schema.get_field_index("prompt"), table.schema.field("prompt"), rest)


def _slice_prompts(prompts: Prompts, start: int, end: int) -> Prompts:
    offsets, data, groups, orders, active, shortest = prompts
    rows = slice(start, end)
    return Prompts(offsets[start : end + 1], data, groups[rows], orders[rows], active[rows], shortest[rows])


def new_seen_prompts(prompts: int, *, timed: bool) -> SeenPrompts:
    """An empty table with room for some prompts, and for their orders if rows do not come in time order."""
    slots = int(prompts * SLOTS_PER_PROMPT) + 64
    return SeenPrompts(
        np.zeros(slots, np.uint64),
        np.zeros(slots if timed else 1, np.int64),
        np.zeros(prompts // PROMPTS_PER_MARK_WORD + 64, np.uint64),
        np.zeros(prompts // PROMPTS_PER_END_WORD + 64, np.uint64),
        np.zeros(1, np.int64),
    )


def new_entries(rows: int) -> Entries:
    """Room for what some rows enter into the table."""
    keys, buckets, gates = (np.zeros(rows, np.uint64) for _ in range(3))
    return Entries(keys, buckets, gates, np.zeros(rows, np.int64))


def new_children(slots: int) -> Children:
    """An empty table of continuations; `slots` is a power of two."""
    return Children(*(np.zeros(slots, np.int64) for _ in range(4)))
