"""The traffic of a base with later requests of the members of its campaigns."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import I64, ranges
from stillhunt.base.coded import codes, one_dictionary
from stillhunt.base.column_files import release_mapped
from stillhunt.base.schema import SLICED, TRAFFIC
from stillhunt.link.judged_requests import canonical_order, move_mapped_rows
from stillhunt.link.placing import EarlierRequests, place_requests
from stillhunt.link.requests.index_requests import client_codes
from stillhunt.watch.warm.base import Base


class JoinedTraffic(NamedTuple):
    """Traffic with later requests in it."""

    traffic: pa.Table
    sliced: pa.Table
    totals: pa.Table


def join_requests(base: Base, new: pa.Table, seed: int) -> JoinedTraffic:
    """Place later requests and put them into the traffic.

    Args:
        new: SKETCHES of accounts that the traffic holds, none of which it has already.
        seed: of the search.
    """
    traffic, sliced, totals = (base.tables[name] for name in ("traffic", "sliced", "totals"))
    ids = totals["account_id"].combine_chunks()
    owner = account_codes(traffic["account_id"], ids)
    new = new.take(canonical_order(new, account_codes(new["account_id"], ids).astype(np.int32)))
    account = account_codes(new["account_id"], ids)
    rows = _rows_of(owner, np.unique(account))
    before = EarlierRequests(owner[rows], traffic.take(pa.array(rows)), sliced.take(pa.array(rows)))
    candidates = base.tables["candidates"]
    grouped = candidates.filter(pc.invert(candidates["untemplated"]))["cluster"].unique().to_numpy()
    placed = place_requests(new, account, base.learned, before, grouped, seed)
    places = _places_in_order(traffic, owner, new, account)
    joined = {}
    for name in TRAFFIC.names:
        joined[name] = _join_column(traffic[name], new[name], places).cast(TRAFFIC.arrow.field(name).type)
        release_mapped()
    whole = TRAFFIC.check(pa.table(joined, schema=TRAFFIC.arrow))
    cut = {name: _join_column(sliced[name], placed[name], places) for name in SLICED.names}
    cut["client_fingerprint"] = pa.array(client_codes(whole), pa.int32())
    return JoinedTraffic(whole, SLICED.check(pa.table(cut).cast(SLICED.arrow)), _add_totals(totals, new, account))


def account_codes(column: pa.ChunkedArray, ids: pa.Array) -> I64:
    """Position of the account of each request among the ids; one more than the last where it is none of them."""
    code, names = codes(column)
    place = pc.fill_null(pc.index_in(names.cast(pa.string()), value_set=ids), len(ids))
    found: I64 = place.to_numpy(zero_copy_only=False).astype(np.int64)[code]
    return found


def _rows_of(owner: I64, accounts: I64) -> I64:
    """Rows of some accounts, where owners ascend."""
    found: I64 = ranges(np.searchsorted(owner, accounts), np.searchsorted(owner, accounts, "right")).astype(np.int64)
    return found


def _places_in_order(traffic: pa.Table, owner: I64, new: pa.Table, account: I64) -> I64:
    """Rows of the traffic, and from its length on those of the new requests, by account and time."""
    time, later = (table["timestamp"].cast(pa.int64()).to_numpy() for table in (traffic, new))
    at = []
    for one, moment in zip(account.tolist(), later.tolist(), strict=True):
        first, last = np.searchsorted(owner, one), np.searchsorted(owner, one, "right")
        at.append(first + np.searchsorted(time[first:last], moment, "right"))
    return np.insert(np.arange(len(owner)), np.array(at, np.int64), len(owner) + np.arange(len(account)))


def _join_column(before: pa.ChunkedArray, new: pa.ChunkedArray, places: I64) -> pa.Array | pa.ChunkedArray:
    if pa.types.is_dictionary(before.type):
        coded = new.cast(pa.string()).dictionary_encode().cast(before.type)
        return move_mapped_rows(one_dictionary(pa.chunked_array([*before.chunks, *coded.chunks], before.type)), places)
    return move_mapped_rows(pa.chunked_array([*before.chunks, *new.cast(before.type).chunks], before.type), places)


def _add_totals(totals: pa.Table, new: pa.Table, account: I64) -> pa.Table:
    """TOTALS with the new requests counted; the span of each account stays, so that the budget does as well."""
    tokens = np.maximum(pc.fill_null(new["output_tokens"], 0).to_numpy(), 0)
    for name, weights in (("requests", np.ones(len(account))), ("output_tokens", tokens)):
        more = np.bincount(account, weights, totals.num_rows).astype(np.int64)
        column = pc.add(totals[name], pa.array(more))
        totals = totals.set_column(totals.column_names.index(name), totals.schema.field(name), column)
    return totals
