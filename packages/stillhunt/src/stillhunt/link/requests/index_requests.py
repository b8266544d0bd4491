"""First pass over the requests: whose they are, in which order they came, and which of them count.

Every later pass runs over the same partitions and reads what is noted here instead of keys and hashes: the code of the
account, its requests in order of time, whether a request is the first of the account with that prompt
(`first_occurrence`), whether it is its whole conversation (`single_turn`), the fold on which it forms groups or judges
them (`fold`), and whether it sets a sampling parameter (`request_style`).
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import GOLDEN_RATIO
from stillhunt.base.arrays import Ints as Codes
from stillhunt.base.coded import coded, codes, joined
from stillhunt.base.dataset import Dataset
from stillhunt.base.exact_prompts import PROMPT_COLUMNS, exact_prompts
from stillhunt.base.schema import SAMPLING_PARAMETERS
from stillhunt.link.requests.arrays import Hashes, Ints, numbered, values
from stillhunt.link.requests.request_kernels import mark_first, mark_single_turns, number_keys, order_rows

CLIENT_COLUMNS = ("user_agent", "tls_fingerprint")


def client_codes(traffic: pa.Table) -> Codes:
    """Code of the client fingerprint of each request: `SLICED.client_fingerprint`.

    Codes follow the order in which user agents, then TLS fingerprints, appear along the rows. Ties between clients are
    broken by the smaller code, so the order of the rows must be the canonical one.
    """
    user_agent, tls_fingerprint = (coded(traffic.column(name)) for name in CLIENT_COLUMNS)
    return joined(user_agent, tls_fingerprint)


def client_texts(table: pa.Table) -> tuple[Ints, list[str]]:
    """Code of the client fingerprint of each request of one partition, ascending with its text, and the texts.

    The texts mean the same in every partition, which codes do not. The code is -1 where neither part is known.
    """
    agent, agents = _distinct_texts(table.column(CLIENT_COLUMNS[0]))
    print_, prints = _distinct_texts(table.column(CLIENT_COLUMNS[1]))
    position, pair = numbered(agent * (len(prints) + 1) + print_)
    names = [f"{agents[a] or ''}\n{prints[p] or ''}" for a, p in zip(*np.divmod(pair, len(prints) + 1), strict=True)]
    known = sorted({name for name in names if name != "\n"})
    rank = {name: code for code, name in enumerate(known)}
    return np.array([rank.get(name, -1) for name in names], np.int64)[position], known


def _distinct_texts(column: pa.ChunkedArray) -> tuple[Ints, list[str | None]]:
    """Codes of a text column and its values, of which some may not occur; a null is a value."""
    code, names = codes(column)
    texts: list[str | None] = names.to_pylist()
    found = code.astype(np.int64)
    if column.null_count:
        found[found < 0] = len(texts)
        texts.append(None)
    return found, texts


_WORD = (1 << 64) - 1
# Forms of one text, beside the first, that differ in their numbers, from which each is a prompt (a check with a date
# has one a day, and two weeks are looked at)
_MANY_FORMS = 20

INDEXED = pa.schema(
    [
        ("owner", pa.int32()),
        ("order", pa.int32()),
        ("first_occurrence", pa.uint8()),
        ("single_turn", pa.uint8()),
        ("fold", pa.uint8()),
        ("request_style", pa.int8()),
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


@dataclass(frozen=True)
class IndexedLog:
    """All requests in partitions, and their accounts."""

    rows: Dataset
    account_ids: pa.Array  # distinct account ids, ascending; the position is the account's code
    requests: Ints
    prompts: Ints
    output_tokens: Ints
    # first, last: its first and last request, microseconds since 1970
    first: Ints
    last: Ints

    @property
    def accounts(self) -> int:
        """Number of accounts."""
        return len(self.requests)


def index_requests(sketches: Dataset, *, seed: int) -> IndexedLog:
    """Note of every request what later passes need."""
    columns = ["account_key", "timestamp", "request_key", *PROMPT_COLUMNS, "conversation", "turn", *SAMPLING_PARAMETERS]
    rows = sketches.extend(_index_partition, INDEXED, seed, columns)
    owners = rows.gather(_owners_of, OWNERS, None, OWNER_COLUMNS)
    order, found = pc.sort_indices(owners["account_id"]), {}
    for name in OWNERS.names:  # one column at a time is in memory twice: where all accounts differ, this is the peak
        found[name] = owners[name].take(order).combine_chunks()
        owners = owners.drop_columns([name])
    keys = found["account_key"].to_numpy()
    by_key = np.argsort(keys, kind="stable")
    context = (keys[by_key], by_key.astype(np.int32))
    return IndexedLog(
        rows=rows.extend(_number_rows, NUMBERED, context, ["owner", "account_key"]),
        account_ids=found["account_id"],
        **{name: found[name].to_numpy() for name in ("requests", "prompts", "output_tokens", "first", "last")},
    )


def account_runs(table: pa.Table) -> tuple[npt.NDArray[np.int32], Ints, Ints]:
    """The rows of a partition, account by account.

    Returns the rows in order of account and time, where each account's rows begin among them (one more than accounts),
    and the code of each account.
    """
    order, owner = values(table, "order"), values(table, "owner")
    edges = np.flatnonzero(np.diff(owner[order], prepend=-1, append=-1))
    first = order[edges[:-1]]
    return order, edges.astype(np.int64), values(table, "account")[first].astype(np.int64)


def keyed_bit(hashes: Hashes, seed: int) -> npt.NDArray[np.uint8]:
    """0 or 1 for each 64-bit value, the same for equal values and seed."""
    # Multiplied as Python integers: a scalar product that wraps would print a warning.
    mixed = hashes ^ np.uint64((seed + 1) * int(GOLDEN_RATIO) & _WORD)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * GOLDEN_RATIO
    return ((mixed >> np.uint64(40)) & np.uint64(1)).astype(np.uint8)


def _index_partition(table: pa.Table, seed: Any) -> pa.Table:
    rows = table.num_rows
    owner, order = np.empty(rows, np.int32), np.empty(rows, np.int32)
    owners = number_keys(values(table, "account_key"), owner)
    offsets = np.empty(owners + 1, np.int64)
    time = values(table, "timestamp", pa.int64())
    # By request key where times are equal: no two requests share one, so the order of the input never decides.
    order_rows(owner, owners, time, values(table, "request_key"), order, offsets)
    first_occurrence, single_turn = _first_occurrences(table, owner, order, offsets), np.empty(rows, np.uint8)
    conversation = values(table, "conversation")
    mark_single_turns(order, offsets, conversation, values(table, "turn", fill=-1), first_occurrence, single_turn)
    return pa.table(
        {
            "owner": owner,
            "order": order,
            "first_occurrence": first_occurrence,
            "single_turn": single_turn,
            "fold": keyed_bit(conversation, seed),
            "request_style": request_style(table),
        }
    )


def _first_occurrences(
    table: pa.Table, owner: npt.NDArray[np.int32], order: npt.NDArray[np.int32], offsets: Ints
) -> npt.NDArray[np.uint8]:
    """1 for each request that is the first of its account with that text, and with many forms of it, with its numbers.

    A date or a count in a text makes no other prompt of it; an exercise that the account sends with ever new numbers is
    a new exercise each time.
    """
    first, exact = np.empty(len(owner), np.uint8), np.empty(len(owner), np.uint8)
    words = values(table, "prompt_hash")
    mark_first(order, offsets, words, first)
    mark_first(order, offsets, exact_prompts(table), exact)
    forms = np.flatnonzero(exact > first)
    by = np.lexsort((words[forms], owner[forms]))
    forms = forms[by]
    begins = np.flatnonzero(np.append(True, (np.diff(owner[forms]) != 0) | (np.diff(words[forms]) != 0))[: len(forms)])
    sizes = np.diff(np.append(begins, len(forms)))
    first[forms[np.repeat(sizes >= _MANY_FORMS, sizes)]] = 1
    return first


def request_style(table: pa.Table) -> npt.NDArray[np.int8]:
    """1 for each request that sets a sampling parameter, 0 for the others."""
    temperature, top_p, max_tokens = (pc.is_valid(table.column(name)) for name in SAMPLING_PARAMETERS)
    style: npt.NDArray[np.int8] = pc.or_(pc.or_(temperature, top_p), max_tokens).to_numpy().astype(np.int8)
    return style


def _owners_of(table: pa.Table, _: Any) -> pa.Table:
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


def _number_rows(table: pa.Table, context: Any) -> pa.Table:
    keys, codes = context
    owner = values(table, "owner")
    owners = int(owner.max(initial=-1)) + 1
    key_of = np.zeros(owners, np.uint64)
    key_of[owner] = values(table, "account_key")
    return pa.table({"account": codes[np.searchsorted(keys, key_of)][owner]})


def background_accounts(log: IndexedLog, seed: int, most_accounts: int, most_requests: int) -> npt.NDArray[np.bool_]:
    """True for the accounts of the background sample: a keyed random sample, or all accounts of a small log.

    `most_requests`: requests of these accounts together; the account that exceeds it stays out, with all after it.
    """
    if log.accounts <= most_accounts and int(log.requests.sum()) <= most_requests:
        return np.ones(log.accounts, bool)
    keys = np.array([_key_name(name, seed) for name in log.account_ids.to_pylist()], np.uint64)
    drawn = np.argsort(keys, kind="stable")
    reached = np.cumsum(log.requests[drawn])
    taken = drawn[: max(int(np.searchsorted(reached, most_requests, side="right")), 1)][:most_accounts]
    chosen = np.zeros(log.accounts, bool)
    chosen[taken] = True
    return chosen


def _key_name(name: str, seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8, key=str(seed).encode()).digest(), "little")
