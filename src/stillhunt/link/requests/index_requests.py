"""First pass: whose request is each, in which order do they come, and which of them count.

Every later pass runs over the same partitions and reads what is noted here instead of keys and hashes: the account's
code, its requests in order of time, whether a request is the account's first with that prompt (fresh), whether it is
all of its conversation (alone), and the half on which it is searched or judged.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.coded import codes
from stillhunt.base.dataset import Dataset
from stillhunt.link.requests.arrays import Hashes, Ints, lists, values
from stillhunt.link.requests.kernels import mark_alone, mark_first, number_keys, order_rows
from stillhunt.link.topics.kernels_words import count_words

_MIX = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1
BUCKETS = 1 << 16

ARRANGED = pa.schema(
    [
        ("owner", pa.int32()),
        ("order", pa.int32()),
        ("first_occurrence", pa.uint8()),
        ("single_turn", pa.uint8()),
        ("fold", pa.uint8()),
    ]
)
OWNERS = pa.schema(
    [
        ("account_key", pa.uint64()),
        ("account_id", pa.string()),
        ("requests", pa.int64()),
        ("prompts", pa.int64()),
        ("output_tokens", pa.int64()),
        ("first", pa.int64()),
        ("last", pa.int64()),
    ]
)
OWNER_COLUMNS = ("owner", "order", "account_key", "account_id", "first_occurrence", "output_tokens", "timestamp")
NUMBERED = pa.schema([("account", pa.int32())])
WORD_COUNTS = pa.schema([("word", pa.int32()), ("requests", pa.int64())])


@dataclass(frozen=True)
class Log:
    """All requests in partitions, and who their accounts are.

    Attributes:
        rows: the sketches with what the first pass notes of each.
        account_ids: distinct account ids, ascending; position = code.
        requests: requests of each account.
        prompts: distinct prompts of each account.
        output_tokens: tokens answered to each account, unknown ones as 0.
        first, last: its first and last request, microseconds since 1970.
    """

    rows: Dataset
    account_ids: pa.Array
    requests: Ints
    prompts: Ints
    output_tokens: Ints
    first: Ints
    last: Ints

    @property
    def accounts(self) -> int:
        """Number of accounts."""
        return len(self.requests)


def arrange(sketches: Dataset, *, seed: int) -> Log:
    """Note of every request what later passes need.

    Args:
        sketches: SKETCHES in account partitions.
        seed: key of the split into halves.
    """
    columns = ["account_key", "timestamp", "request_key", "prompt_hash", "conversation", "turn"]
    rows = sketches.extend(_arranged, ARRANGED, seed, columns)
    owners = rows.gather(_owners, OWNERS, None, OWNER_COLUMNS)
    owners = owners.sort_by("account_id").combine_chunks()
    keys = values(owners, "account_key")
    by_key = np.argsort(keys, kind="stable")
    context = (keys[by_key], by_key.astype(np.int32))
    return Log(
        rows=rows.extend(_numbered, NUMBERED, context, ["owner", "account_key"]),
        account_ids=owners.column("account_id").combine_chunks(),
        requests=values(owners, "requests"),
        prompts=values(owners, "prompts"),
        output_tokens=values(owners, "output_tokens"),
        first=values(owners, "first"),
        last=values(owners, "last"),
    )


def stretches(table: pa.Table) -> tuple[npt.NDArray[np.int32], Ints, Ints]:
    """The rows of a partition account by account: rows in order, where each account's begin, and its code."""
    order, owner = values(table, "order"), values(table, "owner")
    edges = np.flatnonzero(np.diff(owner[order], prepend=-1, append=-1))
    first = order[edges[:-1]]
    return order, edges.astype(np.int64), values(table, "account")[first].astype(np.int64)


def keyed_bit(hashes: Hashes, seed: int) -> npt.NDArray[np.uint8]:
    """0 or 1 for each 64-bit value, the same for equal values and seed."""
    # Multiplied as Python integers: a scalar product that wraps would warn on the user's screen.
    mixed = hashes ^ np.uint64((seed + 1) * _MIX & _WORD)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(_MIX)
    return ((mixed >> np.uint64(40)) & np.uint64(1)).astype(np.uint8)


def _arranged(table: pa.Table, seed: Any) -> pa.Table:
    rows = table.num_rows
    owner, order = np.empty(rows, np.int32), np.empty(rows, np.int32)
    owners = number_keys(values(table, "account_key"), owner)
    offsets = np.empty(owners + 1, np.int64)
    time = values(table, "timestamp", pa.int64())
    # By request key where times are equal: no two requests share one, so that the input's order never decides.
    order_rows(owner, owners, time, values(table, "request_key"), order, offsets)
    fresh, alone = np.empty(rows, np.uint8), np.empty(rows, np.uint8)
    conversation = values(table, "conversation")
    mark_first(order, offsets, values(table, "prompt_hash"), fresh)
    mark_alone(order, offsets, conversation, values(table, "turn", fill=-1), alone)
    return pa.table(
        {
            "owner": owner,
            "order": order,
            "first_occurrence": fresh,
            "single_turn": alone,
            "fold": keyed_bit(conversation, seed),
        }
    )


def _owners(table: pa.Table, _: Any) -> pa.Table:
    owner, order = values(table, "owner"), values(table, "order")
    edges = np.flatnonzero(np.diff(owner[order], prepend=-1, append=-1))
    first, last = order[edges[:-1]], order[edges[1:] - 1]
    time = values(table, "timestamp", pa.int64())
    tokens = np.maximum(values(table, "output_tokens", fill=0), 0)
    return pa.table(
        {
            "account_key": values(table, "account_key")[first],
            "account_id": table.column("account_id").take(pa.array(first)).cast(pa.string()),
            "requests": np.diff(edges),
            "prompts": np.bincount(owner[values(table, "first_occurrence") > 0], minlength=len(first)),
            "output_tokens": np.bincount(owner, weights=tokens, minlength=len(first)).astype(np.int64),
            "first": time[first],
            "last": time[last],
        }
    )


def _numbered(table: pa.Table, context: Any) -> pa.Table:
    keys, codes = context
    owner = values(table, "owner")
    owners = int(owner.max(initial=-1)) + 1
    key_of = np.zeros(owners, np.uint64)
    key_of[owner] = values(table, "account_key")
    return pa.table({"account": codes[np.searchsorted(keys, key_of)][owner]})


def word_counts(log: Log) -> Ints:
    """Requests in which each topic word stands, one entry a word bucket.

    Args:
        log: all requests.
    """
    counted = log.rows.gather(_word_counts, WORD_COUNTS, None, ["topic_words"])
    total = np.zeros(BUCKETS, np.int64)
    np.add.at(total, values(counted, "word"), values(counted, "requests"))
    return total


def _word_counts(table: pa.Table, _: Any) -> pa.Table:
    counts = np.zeros(BUCKETS, np.int64)
    count_words(lists(table, "topic_words")[1], counts)
    return pa.table({"word": np.arange(BUCKETS, dtype=np.int32), "requests": counts})


def public_accounts(log: Log, seed: int, most_accounts: int, most_requests: int) -> npt.NDArray[np.bool_]:
    """True for a keyed random sample of all accounts; for every account of a log that is small enough.

    Args:
        log: all requests.
        seed: key of the sample.
        most_accounts: accounts in the sample.
        most_requests: requests of these accounts together; an account beyond it stays out, and so do all after it.
    """
    if log.accounts <= most_accounts and int(log.requests.sum()) <= most_requests:
        return np.ones(log.accounts, bool)
    keys = np.array([_keyed(name, seed) for name in log.account_ids.to_pylist()], np.uint64)
    drawn = np.argsort(keys, kind="stable")
    reached = np.cumsum(log.requests[drawn])
    taken = drawn[: max(int(np.searchsorted(reached, most_requests, side="right")), 1)][:most_accounts]
    chosen = np.zeros(log.accounts, bool)
    chosen[taken] = True
    return chosen


def _keyed(name: str, seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8, key=str(seed).encode()).digest(), "little")


def distinct_texts(column: pa.ChunkedArray) -> tuple[Ints, list[str | None]]:
    """Codes of a text column and its values, of which some may not occur; a null is a value."""
    code, names = codes(column)
    texts: list[str | None] = names.to_pylist()
    found = code.astype(np.int64)
    if column.null_count:
        found[found < 0] = len(texts)
        texts.append(None)
    return found, texts
