"""The traffic of a base with later requests of the members of its campaigns."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import Ints, ranges
from stillhunt.base.coded import codes, one_dictionary
from stillhunt.base.schema import SLICED, TRAFFIC
from stillhunt.link.judged_requests import canonical_order, move_rows
from stillhunt.link.placing import place_requests
from stillhunt.link.requests.index_requests import client_codes
from stillhunt.watch.warm.base import Base


class JoinedTraffic(NamedTuple):
    """Traffic with later requests in it."""

    traffic: pa.Table
    sliced: pa.Table
    totals: pa.Table
    placed: pa.Table  # account_id and cluster of each later request


def join_requests(base: Base, new: pa.Table, seed: int) -> JoinedTraffic:
    """Place later requests and put them into the traffic.

    Args:
        new: SKETCHES of accounts that the traffic holds; requests that it has already are left out.
    """
    traffic, sliced, totals = (base.tables[name] for name in ("traffic", "sliced", "totals"))
    ids = totals["account_id"].combine_chunks()
    owner = _codes_in(traffic["account_id"], ids)
    new, account = _without_repeats(new, _codes_in(new["account_id"], ids), traffic, owner)
    order = canonical_order(new, account.astype(np.int32))
    new, account = new.take(order), account[order.to_numpy()]
    rows = _rows_of(owner, np.unique(account))
    before = owner[rows], traffic.take(pa.array(rows)), sliced.take(pa.array(rows))
    grouped = base.tables["candidates"]
    grouped = grouped.filter(pc.invert(grouped["untemplated"]))["cluster"].unique().to_numpy()
    placed = place_requests(new, account, base.learned, before, grouped, seed)
    places = _insert_rows(traffic, owner, new, account)
    joined = {name: _join_column(traffic[name], new[name], places) for name in TRAFFIC.names}
    whole = pa.table(joined, schema=TRAFFIC.arrow)
    cut = {name: pa.chunked_array([*sliced[name].chunks, *pa.chunked_array(placed[name]).chunks]).take(pa.array(places))
           for name in SLICED.names}  # fmt: skip
    cut["client_fingerprint"] = pa.array(client_codes(whole), pa.int32())
    said = pa.table({"account_id": new["account_id"].cast(pa.string()), "cluster": placed["cluster"]})
    return JoinedTraffic(TRAFFIC.check(whole), SLICED.check(pa.table(cut)), _add_totals(totals, new, account), said)


def _codes_in(column: pa.ChunkedArray, ids: pa.Array) -> Ints:
    """Position of each account among the ids; -1 where it is none of them."""
    code, names = codes(column)
    place = pc.fill_null(pc.index_in(names.cast(pa.string()), value_set=ids), -1).to_numpy().astype(np.int64)
    return np.append(place, -1)[code]


def _rows_of(owner: Ints, accounts: Ints) -> Ints:
    """Rows of some accounts, where owners ascend."""
    return ranges(np.searchsorted(owner, accounts), np.searchsorted(owner, accounts, "right"))


def _without_repeats(new: pa.Table, account: Ints, traffic: pa.Table, owner: Ints) -> tuple[pa.Table, Ints]:
    """Each call once, and none that the traffic has: a call is known by its account and its id."""
    rows = _rows_of(owner, np.unique(account))
    seen = set(zip(owner[rows].tolist(), traffic["request_id"].take(pa.array(rows)).to_pylist(), strict=True))
    kept = []
    for row, key in enumerate(zip(account.tolist(), new["request_id"].to_pylist(), strict=True)):
        if key not in seen:
            kept.append(row)
            seen.add(key)
    places = np.array(kept, np.int64)
    return new.take(pa.array(places)), account[places]


def _insert_rows(traffic: pa.Table, owner: Ints, new: pa.Table, account: Ints) -> Ints:
    """Rows of the traffic, and from its length on those of the new requests, in canonical order of both."""
    time, later = (table["timestamp"].cast(pa.int64()).to_numpy() for table in (traffic, new))
    first, last = np.searchsorted(owner, account), np.searchsorted(owner, account, "right")
    at = [begin + int(np.searchsorted(time[begin:end], moment, "right"))
          for begin, end, moment in zip(first.tolist(), last.tolist(), later.tolist(), strict=True)]  # fmt: skip
    return np.insert(np.arange(len(owner)), at, len(owner) + np.arange(len(account)))


def _join_column(before: pa.ChunkedArray, new: pa.ChunkedArray, places: Ints) -> pa.Array | pa.ChunkedArray:
    if pa.types.is_dictionary(before.type):
        coded = new.cast(pa.string()).dictionary_encode().cast(before.type)
        return move_rows(one_dictionary(pa.chunked_array([*before.chunks, *coded.chunks])), places)
    return move_rows(pa.chunked_array([*before.chunks, *new.cast(before.type).chunks]), places)


def _add_totals(totals: pa.Table, new: pa.Table, account: Ints) -> pa.Table:
    """TOTALS with the new requests counted; the span of each account stays, so that the budget does as well."""
    size = totals.num_rows
    tokens = np.maximum(pc.fill_null(new["output_tokens"], 0).to_numpy(), 0)
    more = {"requests": np.bincount(account, minlength=size),
            "output_tokens": np.bincount(account, tokens, size).astype(np.int64)}  # fmt: skip
    for name, counts in more.items():
        column = pc.add(totals[name], pa.array(counts, pa.int64()))
        totals = totals.set_column(totals.column_names.index(name), totals.schema.field(name), column)
    return totals


def counted_requests(new: pa.Table) -> Mapping[str, int]:
    """Requests of each account."""
    found = pc.value_counts(new["account_id"].cast(pa.string()))
    return dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))
