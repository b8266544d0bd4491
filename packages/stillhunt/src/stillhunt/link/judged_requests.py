"""The requests of the accounts that are judged, each with the slice into which it falls: TRAFFIC and SLICED.

The search works on all requests and keeps counts by account, slice and phrase. Judging looks at single requests again,
but only at those of accounts that a group holds, and of the background sample with which groups are compared.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import order_of_codes
from stillhunt.base.coded import is_coded, one_dictionary, plain
from stillhunt.base.column_files import (
    HELD_BYTES,
    column_of,
    mapped_array,
    mapped_column,
    mapped_pieces,
    mapped_tables,
    null_rows,
    release_mapped,
)
from stillhunt.base.dataset import Dataset
from stillhunt.base.errors import InputError
from stillhunt.base.schema import SLICED, TRAFFIC
from stillhunt.link.requests.arrays import Flags, Ints, list_array, lists, values
from stillhunt.link.requests.index_requests import client_codes
from stillhunt.link.topics.topic_word_kernels import take_words
from stillhunt.link.workload.untemplated_slices import (
    SLICE_COLUMNS,
    UntemplatedSlices,
    cut_untemplated,
)

CANONICAL_ORDER = (
    "account_id",
    "timestamp",
    "source",
    "request_id",
    "content_hash",
    "conversation",
    "turn",
    "user_agent",
    "tls_fingerprint",
    "country",
    "asn",
    "status",
    "output_tokens",
)
"""Sort key. Its later columns only decide between rows that share an id, so that the order of the input never does."""


def canonical_order(table: pa.Table, owner: npt.NDArray[np.int32] | None = None) -> pa.Array:
    """Positions that bring requests into canonical order.

    `table`: requests with the columns of `CANONICAL_ORDER`, strings also as codes; without account_id where `owner` is
    given. `owner`: account of each request as a number that ascends with its id; None to derive it from the ids.
    """
    ranks = one_dictionary(table.column("account_id")).indices.to_numpy() if owner is None else owner
    time = table.column("timestamp").cast(pa.int64()).to_numpy()
    order = np.argsort(time)
    order = order[order_of_codes(ranks[order])]
    same = (ranks[order][1:] == ranks[order][:-1]) & (time[order][1:] == time[order][:-1])
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    if len(tied):
        # Few rows share account and time, so only these are sorted by text.
        rows = np.sort(order[tied])
        few = table.select(list(CANONICAL_ORDER[1:])).take(pa.array(rows))
        columns = {name: plain(few.column(name)) for name in few.column_names}
        columns["account_id"] = pa.array(ranks[rows])
        keys = [(name, "ascending") for name in CANONICAL_ORDER]
        order[tied] = rows[pc.sort_indices(pa.table(columns), sort_keys=keys).to_numpy()]
    return pa.array(order)


MAX_MATCHED = 1000
"""Matched phrases are counted up to this number, so that they fit 16 bits."""
_CARRIED = tuple(name for name in TRAFFIC.names if name != "account_id")
_AT_ONCE = 2
"""Columns that are brought into order at a time. Judgement: each is in memory twice meanwhile."""
WORDS_AT_ONCE = 1 << 24
"""Words that are moved at a time, of long columns of lists. Judgement: 34 MB."""
_LATE = "client_fingerprint"
"""Column of SLICED that is coded over all rows, once they are in order."""
_NOT_YET = "own_phrases"  # column of SLICED that is known once there are candidates
_OF_EACH = tuple(name for name in SLICED.names if name not in (_LATE, _NOT_YET))
_DECIDING = list(dict.fromkeys([*SLICE_COLUMNS, *CANONICAL_ORDER[1:], "matched"]))
"""Columns by which the rows of a partition are chosen, ordered and cut into slices."""
JUDGED_ROWS = pa.schema(
    [
        *(TRAFFIC.arrow.field(name) for name in _CARRIED),
        *(SLICED.arrow.field(name) for name in _OF_EACH),
        pa.field("account", pa.int32()),
    ]
)


@dataclass(frozen=True)
class JudgedRequests:
    """The requests, and how they are cut into slices."""

    rows: Dataset
    account_ids: pa.Array
    grouped: Flags  # True for content clusters in which there is a group
    label_of: Ints
    clusters: int
    clients: tuple[str, ...]

    def labels(self, untemplated: UntemplatedSlices) -> Ints:
        """Label of each untemplated slice by request style and client, above the labels of content clusters."""
        return _label_clients(self.clusters, len(self.clients), untemplated.request_style, untemplated.client)

    def traffic(self, chosen: Flags) -> tuple[pa.Table, pa.Table]:
        """TRAFFIC in canonical order, and SLICED row for row with it."""
        codes = {text: code for code, text in enumerate(self.clients)}
        context = (chosen, self.grouped, self.label_of, self.clusters, codes)
        columns = list(dict.fromkeys([*_CARRIED, *_DECIDING]))
        parts = mapped_tables(self.rows.gather_parts(_chosen_rows, JUDGED_ROWS, context, columns))
        account = column_of(parts, JUDGED_ROWS.field("account")).to_numpy()
        order = _in_blocks(account)

        def ordered(name: str) -> pa.Array | pa.ChunkedArray:
            return _order_column(column_of(parts, JUDGED_ROWS.field(name)), order)

        names = (*_CARRIED, *_OF_EACH)
        with ThreadPoolExecutor(_AT_ONCE, "stillhunt-order") as pool:
            taken = dict(zip(names, pool.map(ordered, names), strict=True))
        owner = pa.array(mapped_array(account[order]))
        taken["account_id"] = pa.DictionaryArray.from_arrays(owner, self.account_ids)
        del account
        traffic = pa.table({name: taken.pop(name) for name in TRAFFIC.names}, schema=TRAFFIC.arrow)
        taken[_LATE] = mapped_column(pa.array(client_codes(traffic), pa.int32()))
        taken[_NOT_YET] = pa.nulls(len(traffic), SLICED.arrow.field(_NOT_YET).type)
        sliced = pa.table({name: taken[name] for name in SLICED.names}, schema=SLICED.arrow)
        return TRAFFIC.check(traffic), SLICED.check(sliced)


def _in_blocks(account: npt.NDArray[np.int32]) -> Ints:
    """Rows in the order of their accounts, where the rows of each account stand together in the order wanted."""
    begins = np.flatnonzero(np.diff(account, prepend=-1))
    lengths = np.diff(begins, append=len(account))
    order = np.argsort(account[begins], kind="stable")
    begins, lengths = begins[order], lengths[order]
    rows: Ints = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths) + np.arange(len(account))
    return rows


def _order_column(column: pa.ChunkedArray, rows: Ints) -> pa.Array | pa.ChunkedArray:
    pa.default_memory_pool().release_unused()  # the column before
    release_mapped()
    return move_mapped_rows(one_dictionary(column) if is_coded(column.type) else column, rows)


def move_rows(column: pa.Array | pa.ChunkedArray, rows: Ints) -> pa.Array | pa.ChunkedArray:
    """Some rows of a column, in the order given; a column without values takes no memory.

    Arrow moves lists one by one and needs six times their size meanwhile, so those of words are moved here.
    """
    if column.null_count == len(column):
        return null_rows(column.type, len(rows))
    if not pa.types.is_list(column.type):
        return column.take(pa.array(rows))
    begins, words = lists(pa.table({"words": column}), "words")
    out_begins = np.empty(len(rows) + 1, np.int32)
    out = np.empty(int(np.diff(begins)[rows].sum()), np.uint16)
    take_words(rows, begins, words, out_begins, out)
    return list_array(out_begins, out)


def move_mapped_rows(column: pa.ChunkedArray, rows: Ints) -> pa.Array | pa.ChunkedArray:
    """As `move_rows`, of a long column in files; of lists, only where they begin and a piece of them are in memory.

    Raises OutputError: there is no room for a file.
    """
    if not pa.types.is_list(column.type) or column.null_count == len(column) or column.nbytes <= HELD_BYTES:
        return mapped_column(move_rows(column, rows))
    parts = [lists(pa.table({"words": chunk}), "words") for chunk in column.chunks]
    lengths = np.concatenate([np.diff(begins) for begins, _ in parts])
    begins, out_begins = (_add_up(own) for own in (lengths, lengths[rows]))
    words = mapped_pieces((own for _, own in parts), np.dtype(np.uint16))

    def pieces() -> Iterator[npt.NDArray[np.uint16]]:
        edges = np.searchsorted(out_begins, np.arange(0, out_begins[-1], WORDS_AT_ONCE))
        for first, last in pairwise([*edges.tolist(), len(rows)]):
            out = np.empty(int(out_begins[last] - out_begins[first]), np.uint16)
            take_words(rows[first:last], begins, words, np.empty(last - first + 1, np.int32), out)
            yield out
            release_mapped()

    return list_array(out_begins, mapped_pieces(pieces(), np.dtype(np.uint16)))


def _add_up(lengths: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Where each list begins, and where the last one ends. Raises InputError: more words than Arrow's lists hold."""
    begins = np.append(0, np.cumsum(lengths, dtype=np.int64))
    if begins[-1] > np.iinfo(np.int32).max:
        raise InputError(
            f"the requests that are judged have {begins[-1]:,} telling words, more than a table holds",
            next_step="hunt in fewer days of the log",
        )
    found = begins.astype(np.int32)
    found.flags.writeable = False  # kernels are compiled once, for columns that cannot be written
    return found


def _label_clients(clusters: int, clients: int, request_style: Ints, client: Ints) -> Ints:
    return clusters + request_style * (clients + 1) + client + 1


def _chosen_rows(table: pa.Table, context: Any) -> pa.Table:
    """Requests of the chosen accounts of a partition, in canonical order."""
    chosen, grouped, label_of, clusters, codes = context
    rows = np.flatnonzero(chosen[values(table, "account")])
    # A few columns decide; the others are moved once, to where they stay.
    few = table.select(_DECIDING)
    few = few if len(rows) == table.num_rows else few.take(pa.array(rows))
    cut = cut_untemplated(few.select(list(SLICE_COLUMNS)), grouped)
    cluster = values(few, "cluster").astype(np.int64)
    label = np.where(cluster >= 0, label_of[np.maximum(cluster, 0)], -1) if len(label_of) else cluster
    inside = cut.of_request >= 0
    client = np.array([-1 if text is None else codes[text] for text in cut.client], np.int64)
    position = cut.of_request[inside]
    label[inside] = _label_clients(clusters, len(codes), cut.request_style[position], client[position])
    order = canonical_order(few, values(few, "account")).to_numpy()
    columns: dict[str, Any] = {
        "cluster": label[order],
        "untemplated": inside[order],
        "matched": np.minimum(values(few, "matched"), MAX_MATCHED)[order],
        "first_occurrence": values(few, "first_occurrence")[order] > 0,
        **{name: values(few, name)[order] for name in ("fold", "topic", "request_style", "account")},
    }
    del few
    places = rows[order]
    for name in _CARRIED:
        columns[name] = move_rows(table.column(name), places).cast(TRAFFIC.arrow.field(name).type)
    return pa.table({name: columns[name] for name in JUDGED_ROWS.names}).combine_chunks()
