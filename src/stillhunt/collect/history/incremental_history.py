"""Resent history across files of which some were read in an earlier hunt, and need not be read again.

Of each prompt that could be a head a hash is kept, with the marks that lead to it; of each prompt that has a head, the
hash of that head. So which head a prompt has, and how many continuations a head has, is known for files that are not
read. What is kept of a file holds as long as two things do. Its heads are still there, each strictly earlier than the
prompt that continues it. And no file that it was not seen together with holds an earlier prompt that could be a longer
head: one of the same conversation or, where there is none, of the same account and with the same first 64 bytes.
Where one does not hold, the heads of that file are looked for anew. So too much may be read, but no cut differs from
that of a hunt that reads everything.

Memory: 41 bytes for each prompt of a file that is read, 30 for each prompt that could be a head, about 90 for each that
has a head.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from stillhunt.collect.history.kernels import Entries, Heads, count_children, enter_prompts, find_prompts, follow
from stillhunt.collect.history.resent_prefixes import (
    MOST_CONTINUATIONS,
    group_hashes,
    new_children,
    new_entries,
    new_heads,
    prompts_of,
    without_heads,
)
from stillhunt.collect.values.kernels import I64, KEYS, U64

MARKS = pa.schema(
    [
        ("time_order", pa.int64()),
        ("whole", pa.uint64()),
        ("end", pa.uint64()),
        ("first_block", pa.uint64()),
        ("kin", pa.uint64()),
        ("place", pa.uint8()),
    ]
)
"""Of each prompt that could be a head: its place in time; hash of the whole, the block it ends in, the first block; the
conversation or, where there is none, the first block again; place within the block it ends in."""
FOLLOWERS = pa.schema([("row", pa.int64()), ("time_order", pa.int64()), ("head", pa.uint64()), ("bytes", pa.int64())])
"""Of each prompt that has a head: its place among the file's usable rows, and in time; hash and bytes of the head."""

Reading = Callable[[Sequence[int]], Iterator[tuple[int, pa.Table]]]
"""Inputs -> (input, its next usable rows)."""


Notes = Mapping[str, pa.Table]
"""What is kept of the history in an input: `marks`, MARKS, and `followers`, FOLLOWERS as found together with the inputs
that are not new. These are missing where they were found in other company."""


def secret_of(key: str) -> U64:
    """Secret words of the hashes that are kept: the same for the same key of identity."""
    words = np.frombuffer(hmac.digest(key.encode(), b"resent history", "sha512"), "<u8").astype(np.uint64)
    return words[:KEYS]


class IncrementalCutter:
    """Cuts of all inputs, known before their rows are handed on.

    Args:
        reading: reads usable rows of inputs, the same in each reading.
        inputs: all of them.
        known: what is kept of some.
        new: inputs with which none of the known ones was seen together; those that are not known among them or not.
        key: of identity; the hashes that are kept depend on it.
    """

    def __init__(
        self,
        reading: Reading,
        inputs: Sequence[int],
        known: Mapping[int, Notes],
        new: frozenset[int],
        key: str,
    ) -> None:
        self._reading = reading
        self._secret = secret_of(key)
        self._handed_on: dict[int, int] = defaultdict(int)
        self._marks = {index: notes["marks"] for index, notes in known.items()}
        self._marks |= self._marked([index for index in inputs if index not in known])
        heads = self._heads()
        self._followers: dict[int, pa.Table] = {}
        earliest = _earliest([self._marks[index] for index in sorted(new)])
        for index in sorted(known):
            followers = known[index].get("followers")
            if followers is not None and _still_holds(self._marks[index], followers, heads, earliest):
                self._followers[index] = followers
        self._followers |= self._find([index for index in inputs if index not in self._followers], heads)
        self._cuts = _cuts(self._followers, heads)

    def take_notes(self, index: int) -> Notes:
        """What a later hunt needs to know of the history in an input; given once, for it may be large."""
        return {"marks": self._marks.pop(index), "followers": self._followers.pop(index)}

    def digest(self, index: int) -> str:
        """What the rows that are handed on of an input owe to others, as a hash; the same cuts and heads, the same."""
        found = hashlib.sha256()
        for name in FOLLOWERS.names:
            found.update(self._followers[index].column(name).to_numpy().tobytes())
        for part in self._cuts[index]:
            found.update(part.tobytes())
        return found.hexdigest()

    def cut(self, table: pa.Table) -> tuple[pa.Table, I64]:
        """The next rows of an input with history off their prompts, and the bytes taken off each."""
        cuts = np.zeros(table.num_rows, np.int64)
        if table.num_rows:
            index = int(table.column("origin_file")[0].as_py())
            before = self._handed_on[index]
            self._handed_on[index] += table.num_rows
            rows, sizes = self._cuts[index]
            start, end = np.searchsorted(rows, [before, before + table.num_rows])
            cuts[rows[start:end] - before] = sizes[start:end]
        return without_heads(table, cuts), cuts

    def _marked(self, inputs: Sequence[int]) -> dict[int, pa.Table]:
        made: dict[int, list[pa.Table]] = {index: [] for index in inputs}
        nothing = new_heads(0, timed=True)
        for index, table in self._reading(inputs) if inputs else ():
            groups, entries = group_hashes(table, self._secret), new_entries(table.num_rows)
            orders = self._search(table, groups, nothing, entries, look=False)[2]
            alone = np.asarray(table.column("conversation_id").is_null().to_numpy(), np.bool_)
            kin = np.where(alone, entries.gates, groups)
            could = entries.keys != 0
            columns = (orders, entries.keys, entries.buckets, entries.gates, kin, entries.offsets.astype(np.uint8))
            made[index].append(pa.Table.from_arrays([pa.array(column[could]) for column in columns], schema=MARKS))
        return {index: pa.concat_tables(parts) if parts else MARKS.empty_table() for index, parts in made.items()}

    def _heads(self) -> Heads:
        heads = new_heads(sum(table.num_rows for table in self._marks.values()), timed=True)
        for index in sorted(self._marks):
            for batch in self._marks[index].to_batches():
                orders, keys, buckets, gates, _kin, offsets = (column.to_numpy() for column in batch.columns)
                enter_prompts(Entries(keys, buckets, gates, offsets.astype(np.int64)), orders, heads)
        return heads

    def _find(self, inputs: Sequence[int], heads: Heads) -> dict[int, pa.Table]:
        found: dict[int, list[pa.Table]] = {index: [] for index in inputs}
        before: dict[int, int] = defaultdict(int)
        for index, table in self._reading(inputs) if inputs else ():
            groups = group_hashes(table, self._secret)
            slots, sizes, orders = self._search(table, groups, heads, new_entries(table.num_rows), look=True)
            rows = np.flatnonzero(slots >= 0)
            columns = (rows + before[index], orders[rows], heads.keys[slots[rows]], sizes[rows])
            found[index].append(pa.Table.from_arrays([pa.array(column) for column in columns], schema=FOLLOWERS))
            before[index] += table.num_rows
        return {index: pa.concat_tables(parts) if parts else FOLLOWERS.empty_table() for index, parts in found.items()}

    def _search(
        self, table: pa.Table, groups: U64, heads: Heads, entries: Entries, *, look: bool
    ) -> tuple[I64, I64, I64]:
        prompts = prompts_of(table, groups, np.ones(table.num_rows, np.bool_))
        slots, sizes = np.empty(table.num_rows, np.int64), np.empty(table.num_rows, np.int64)
        follow(prompts, self._secret, heads, entries, (look, False), slots, sizes)
        return slots, sizes, prompts.orders


def _earliest(marks: Sequence[pa.Table]) -> tuple[U64, I64]:
    """Each kin of some prompts, ascending, and the earliest place in time of it."""
    if not marks:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    table = pa.concat_tables(marks)
    kin, orders = table.column("kin").to_numpy(), table.column("time_order").to_numpy()
    ranked = np.lexsort((orders, kin))
    kin, orders = kin[ranked], orders[ranked]
    first = np.flatnonzero(np.diff(kin, prepend=~kin[:1]) != 0)
    return kin[first], orders[first]


def _still_holds(marks: pa.Table, followers: pa.Table, heads: Heads, earliest: tuple[U64, I64]) -> bool:
    """Whether all heads of an input are there, and no new prompt can be a longer one."""
    orders = followers.column("time_order").to_numpy()
    slots = np.empty(orders.size, np.int64)
    find_prompts(followers.column("head").to_numpy(), orders, heads, slots)
    if orders.size and int(slots.min()) < 0:
        return False
    kin, earliest_orders = earliest
    if not kin.size:
        return True
    orders = marks.column("time_order").to_numpy()
    late = np.flatnonzero(orders > earliest_orders.min())
    own = marks.column("kin").to_numpy()[late]
    place = np.minimum(np.searchsorted(kin, own), kin.size - 1)
    return not bool(np.any((kin[place] == own) & (earliest_orders[place] < orders[late])))


def _cuts(followers: Mapping[int, pa.Table], heads: Heads) -> dict[int, tuple[I64, I64]]:
    """Rows of each input, ascending, and the bytes to cut, where heads have few enough continuations."""
    indices = sorted(followers)
    table = pa.concat_tables([FOLLOWERS.empty_table(), *(followers[index] for index in indices)])
    orders, sizes = table.column("time_order").to_numpy(), table.column("bytes").to_numpy()
    slots = np.empty(orders.size, np.int64)
    find_prompts(table.column("head").to_numpy(), orders, heads, slots)
    ranked = np.argsort(orders, kind="stable")
    cuts = sizes[ranked]
    children = new_children(1 << (2 * orders.size + 1).bit_length())
    count_children(slots[ranked], orders[ranked], MOST_CONTINUATIONS, children, cuts)
    settled = np.empty_like(cuts)
    settled[ranked] = cuts
    found, first = {}, 0
    for index in indices:
        last = first + followers[index].num_rows
        kept = np.flatnonzero(settled[first:last])
        found[index] = (table.column("row").to_numpy()[first:last][kept], settled[first:last][kept])
        first = last
    return found
