"""Resent history across files, some of which were read in an earlier hunt and need not be read again.

A hunt keeps the hash of each prompt that another prompt may resend, with the marks that lead to it, and for each prompt
with a resent prefix the hash of that prefix. So the prefixes of a file that is not read are known, and the number of
continuations of each prompt. What is kept of a file is valid as long as two conditions hold:

- Its prefixes are still in the log, each strictly earlier than the prompt that continues it.
- No file that it was not seen together with holds an earlier prompt that could be a longer prefix: one of the same
  conversation or, without conversations, of the same account and with the same first 64 bytes.

If a condition fails, the prefixes of that file are searched again. So too much may be read, but no cut differs from
those of a hunt that reads everything.

Memory: 41 bytes for each prompt of a file that is read, 30 for each prompt that may be resent, about 90 for each prompt
with a resent prefix.
"""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from stillhunt.base.arrays import I64, U64
from stillhunt.collect.history.kernels import Entries, SeenPrompts, enter_prompts, find_prompts, follow
from stillhunt.collect.history.resent_prefixes import (
    group_hashes,
    keep_few,
    new_children,
    new_entries,
    new_seen_prompts,
    prompts_of,
    without_prefixes,
)
from stillhunt.collect.values.kernels import KEYS

PREFIX_MARKS = pa.schema(
    [
        ("time_order", pa.int64()),
        ("prompt_hash", pa.uint64()),
        ("end", pa.uint64()),
        ("first_block", pa.uint64()),
        ("related", pa.uint64()),
        ("place", pa.uint8()),
    ]
)
"""One row per prompt that may be resent: its order in time; prompt hash; hash of the block in which it ends and of the
first block; conversation or, without one, first block again; place within the block in which it ends."""
FOLLOWERS = pa.schema(
    [("row", pa.int64()), ("time_order", pa.int64()), ("prefix_hash", pa.uint64()), ("bytes", pa.int64())]
)
"""One row per prompt with a resent prefix: its place among the file's usable rows, and in time; hash and bytes of the
prefix."""
Reading = Callable[[Sequence[int]], Iterator[tuple[int, pa.Table]]]
"""Indices of inputs -> (index, next usable rows of that input), all of them."""
Notes = Mapping[str, pa.Table]
"""What is kept about the history in an input: `marks` (PREFIX_MARKS) and `followers` (FOLLOWERS). The followers are
missing if they were found among other inputs than those that are not new."""


def secret_of(key: str) -> U64:
    """Secret words of the hashes that are kept; they depend on the identity key alone."""
    words = np.frombuffer(hmac.digest(key.encode(), b"resent history", "sha512"), "<u8").astype(np.uint64)
    return words[:KEYS]


class IncrementalCutter:
    """Finds all cuts before any row is used, reading only the inputs of which too little is known.

    `reading` gives the same rows each time; `new` are inputs that were not seen together with the `known` ones; hashes
    that are kept depend on the identity key.
    """

    def __init__(
        self, reading: Reading, inputs: Sequence[int], known: Mapping[int, Notes], new: frozenset[int], key: str
    ) -> None:
        self._reading = reading
        self._secret = secret_of(key)
        self._handed_on: dict[int, int] = defaultdict(int)
        self._marks = {index: notes["marks"] for index, notes in known.items()}
        self._marks |= self._mark_input_prefixes([index for index in inputs if index not in known])
        seen = self._all_seen()
        self._followers: dict[int, pa.Table] = {}
        related, earliest = _find_earliest_orders([self._marks[index] for index in sorted(new)])
        for index in sorted(known):
            followers = known[index].get("followers")
            if followers is not None and _still_holds(self._marks[index], followers, seen, related, earliest):
                self._followers[index] = followers
        self._followers |= self._find_followers([index for index in inputs if index not in self._followers], seen)
        self._cuts = _cuts(self._followers, seen)

    def take_notes(self, index: int) -> Notes:
        """What a later hunt needs to know about the history in an input; given once, since it may be large."""
        return {"marks": self._marks.pop(index), "followers": self._followers.pop(index)}

    def digest(self, index: int) -> str:
        """Hash of all that an input's rows depend on in other inputs: its cuts and prefixes."""
        found = hashlib.sha256()
        for name in FOLLOWERS.names:
            found.update(self._followers[index].column(name).to_numpy().tobytes())
        for part in self._cuts[index]:
            found.update(part.tobytes())
        return found.hexdigest()

    def cut(self, table: pa.Table) -> tuple[pa.Table, I64]:
        """The next rows of an input without resent prefixes, and the number of bytes cut from each prompt."""
        cuts = np.zeros(table.num_rows, np.int64)
        if table.num_rows:
            index = int(table.column("origin_file")[0].as_py())
            before = self._handed_on[index]
            self._handed_on[index] += table.num_rows
            rows, sizes = self._cuts[index]
            start, end = np.searchsorted(rows, [before, before + table.num_rows])
            cuts[rows[start:end] - before] = sizes[start:end]
        return without_prefixes(table, cuts), cuts

    def _mark_input_prefixes(self, inputs: Sequence[int]) -> dict[int, pa.Table]:
        made: dict[int, list[pa.Table]] = {index: [] for index in inputs}
        nothing = new_seen_prompts(0, timed=True)
        for index, table in self._reading(inputs) if inputs else ():
            groups, entries = group_hashes(table, self._secret), new_entries(table.num_rows)
            orders = self._search_seen_prompts(table, groups, nothing, entries, look=False)[2]
            no_conversation = np.asarray(table.column("conversation_id").is_null().to_numpy(), np.bool_)
            related = np.where(no_conversation, entries.gates, groups)
            could = entries.keys != 0
            columns = (orders, entries.keys, entries.buckets, entries.gates, related, entries.offsets.astype(np.uint8))
            made[index].append(
                pa.Table.from_arrays([pa.array(column[could]) for column in columns], schema=PREFIX_MARKS)
            )
        return {
            index: pa.concat_tables(parts) if parts else PREFIX_MARKS.empty_table() for index, parts in made.items()
        }

    def _all_seen(self) -> SeenPrompts:
        seen = new_seen_prompts(sum(table.num_rows for table in self._marks.values()), timed=True)
        for index in sorted(self._marks):
            for batch in self._marks[index].to_batches():
                orders, keys, buckets, gates, _kin, offsets = (column.to_numpy() for column in batch.columns)
                enter_prompts(Entries(keys, buckets, gates, offsets.astype(np.int64)), orders, seen)
        return seen

    def _find_followers(self, inputs: Sequence[int], seen: SeenPrompts) -> dict[int, pa.Table]:
        found: dict[int, list[pa.Table]] = {index: [] for index in inputs}
        before: dict[int, int] = defaultdict(int)
        for index, table in self._reading(inputs) if inputs else ():
            groups = group_hashes(table, self._secret)
            slots, sizes, orders = self._search_seen_prompts(
                table, groups, seen, new_entries(table.num_rows), look=True
            )
            rows = np.flatnonzero(slots >= 0)
            columns = (rows + before[index], orders[rows], seen.keys[slots[rows]], sizes[rows])
            found[index].append(pa.Table.from_arrays([pa.array(column) for column in columns], schema=FOLLOWERS))
            before[index] += table.num_rows
        return {index: pa.concat_tables(parts) if parts else FOLLOWERS.empty_table() for index, parts in found.items()}

    def _search_seen_prompts(
        self, table: pa.Table, groups: U64, seen: SeenPrompts, entries: Entries, *, look: bool
    ) -> tuple[I64, I64, I64]:
        prompts = prompts_of(table, groups, np.ones(table.num_rows, np.bool_))
        slots, sizes = np.empty(table.num_rows, np.int64), np.empty(table.num_rows, np.int64)
        follow(prompts, self._secret, seen, entries, (look, False), slots, sizes)
        return slots, sizes, prompts.orders


def _find_earliest_orders(marks: Sequence[pa.Table]) -> tuple[U64, I64]:
    """Conversations (or first blocks) of some prompts, ascending, and the earliest order in time of each."""
    if not marks:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    table = pa.concat_tables(marks)
    related, orders = table.column("related").to_numpy(), table.column("time_order").to_numpy()
    ranked = np.lexsort((orders, related))
    related, orders = related[ranked], orders[ranked]
    first = np.flatnonzero(np.diff(related, prepend=~related[:1]) != 0)
    return related[first], orders[first]


def _still_holds(marks: pa.Table, followers: pa.Table, seen: SeenPrompts, related: U64, earliest: I64) -> bool:
    """Whether an input's prefixes are all in the log, and no new prompt (`_find_earliest_orders`) is a longer one."""
    orders = followers.column("time_order").to_numpy()
    slots = np.empty(orders.size, np.int64)
    find_prompts(followers.column("prefix_hash").to_numpy(), orders, seen, slots)
    if orders.size and int(slots.min()) < 0:
        return False
    if not related.size:
        return True
    orders = marks.column("time_order").to_numpy()
    late = np.flatnonzero(orders > earliest.min())
    own = marks.column("related").to_numpy()[late]
    place = np.minimum(np.searchsorted(related, own), related.size - 1)
    return not bool(np.any((related[place] == own) & (earliest[place] < orders[late])))


def _cuts(followers: Mapping[int, pa.Table], seen: SeenPrompts) -> dict[int, tuple[I64, I64]]:
    """Rows of each input, ascending, and the bytes to cut, for prefixes with few enough continuations."""
    indices = sorted(followers)
    table = pa.concat_tables([FOLLOWERS.empty_table(), *(followers[index] for index in indices)])
    orders, sizes = table.column("time_order").to_numpy(), table.column("bytes").to_numpy()
    slots = np.empty(orders.size, np.int64)
    find_prompts(table.column("prefix_hash").to_numpy(), orders, seen, slots)
    ranked = np.argsort(orders, kind="stable")
    cuts = sizes[ranked]
    children = new_children(1 << (2 * orders.size + 1).bit_length())
    keep_few(slots[ranked], orders[ranked], children, cuts)
    settled = np.empty_like(cuts)
    settled[ranked] = cuts
    found, first = {}, 0
    for index in indices:
        last = first + followers[index].num_rows
        kept = np.flatnonzero(settled[first:last])
        found[index] = (table.column("row").to_numpy()[first:last][kept], settled[first:last][kept])
        first = last
    return found
