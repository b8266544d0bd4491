"""The requests of the accounts that are judged, each with where it falls: TRAFFIC and SLICED.

Everything before works on all requests and keeps of them what is counted by account, slice and phrase. Judging looks at
single requests again, but only at those of accounts that some group holds and of a keyed random sample of all accounts,
the public that they are compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt.base.coded import is_coded, one_dictionary
from stillhunt.base.dataset import Dataset
from stillhunt.base.order import CANONICAL, canonical_order
from stillhunt.base.schema import SLICED, TRAFFIC
from stillhunt.link.requests.arrays import Flags, Ints, values
from stillhunt.link.workload.untemplated_slices import COLUMNS, BareSlices, Templated, cut_bare

MOST_MATCHED = 1000
_CARRIED = tuple(name for name in TRAFFIC.names if name != "account_id")
ROWS = pa.schema([*(TRAFFIC.arrow.field(name) for name in _CARRIED), *SLICED.arrow, pa.field("account", pa.int32())])


@dataclass(frozen=True)
class Cut:
    """How the log is cut into slices.

    Attributes:
        rows: the requests with all that was noted of them.
        account_ids: id of each account, ascending.
        templated: which of them are templated when bare ones are sought.
        label_of: label of each content cluster.
        clusters: number of labels; those of bare slices lie above.
        stacks: client stacks of bare slices, ascending.
    """

    rows: Dataset
    account_ids: pa.Array
    templated: Templated
    label_of: Ints
    clusters: int
    stacks: tuple[str, ...]

    def labels(self, bare: BareSlices) -> Ints:
        """Label of each bare slice: above the labels of content clusters, by manner and stack."""
        return _label(self.clusters, len(self.stacks), bare.manner, bare.stack)

    def traffic(self, chosen: Flags) -> tuple[pa.Table, pa.Table]:
        """TRAFFIC in canonical order and SLICED, row for row with it.

        Args:
            chosen: True for the accounts whose requests are wanted.
        """
        codes = {text: code for code, text in enumerate(self.stacks)}
        context = (chosen, self.templated, self.label_of, self.clusters, codes)
        own = ("account", "cluster", "matched", "single_turn", "first_occurrence", "fold", "topic")
        columns = list(dict.fromkeys([*_CARRIED, *CANONICAL[1:], *own, *COLUMNS]))
        found = self.rows.gather(_chosen_rows, ROWS, context, columns)
        account = values(found, "account")
        order = _in_blocks(account)
        ids = pa.DictionaryArray.from_arrays(pa.array(account[order]), self.account_ids)
        # Column by column, so that the whole is never held twice.
        left = dict(zip(found.column_names, found.columns, strict=True))
        del found, account, left["account"]
        rows = pa.array(order)
        taken = {name: _ordered(left.pop(name), rows) for name in (*_CARRIED, *SLICED.names)}
        taken["account_id"] = ids
        traffic = pa.table({name: taken.pop(name) for name in TRAFFIC.names}, schema=TRAFFIC.arrow)
        return TRAFFIC.check(traffic), SLICED.check(pa.table(taken, schema=SLICED.arrow))


def _in_blocks(account: Ints) -> Ints:
    """Rows in the order of their accounts, where those of each account stand together in the order wanted."""
    begins = np.flatnonzero(np.diff(account, prepend=-1))
    lengths = np.diff(begins, append=len(account))
    order = np.argsort(account[begins], kind="stable")
    begins, lengths = begins[order], lengths[order]
    rows: Ints = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths) + np.arange(len(account))
    return rows


def _ordered(column: pa.ChunkedArray, rows: pa.Array) -> pa.Array | pa.ChunkedArray:
    pa.default_memory_pool().release_unused()  # the column before
    return one_dictionary(column).take(rows) if is_coded(column.type) else column.take(rows)


def _label(clusters: int, stacks: int, manner: Ints, stack: Ints) -> Ints:
    return clusters + manner * (stacks + 1) + stack + 1


def _chosen_rows(table: pa.Table, context: Any) -> pa.Table:
    """Requests of the chosen accounts of a partition, in canonical order."""
    chosen, templated, label_of, clusters, codes = context
    table = table.filter(pa.array(chosen[values(table, "account")]))
    cut = cut_bare(table.select(list(COLUMNS)), templated)
    cluster = values(table, "cluster").astype(np.int64)
    label = np.where(cluster >= 0, label_of[np.maximum(cluster, 0)], -1) if len(label_of) else cluster
    inside = cut.of_request >= 0
    stack = np.array([-1 if text is None else codes[text] for text in cut.stack], np.int64)
    position = cut.of_request[inside]
    label[inside] = _label(clusters, len(codes), cut.manner[position], stack[position])
    columns: dict[str, Any] = {name: table.column(name).cast(TRAFFIC.arrow.field(name).type) for name in _CARRIED}
    columns |= {
        "cluster": label,
        "untemplated": inside,
        "matched": np.minimum(values(table, "matched"), MOST_MATCHED),
        "fold": values(table, "fold"),
        "topic": values(table, "topic"),
        "first_occurrence": values(table, "first_occurrence") > 0,
        "account": values(table, "account"),
    }
    order = canonical_order(table.select(list(CANONICAL[1:])), values(table, "account"))
    return pa.table(columns).take(order).combine_chunks()
