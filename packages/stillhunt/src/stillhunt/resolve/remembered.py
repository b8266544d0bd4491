"""Groups that the last looks have shown, as candidates of the next one: a search may miss what it found a look before.

A slice has no name that lasts, since content clusters are formed anew. So it is remembered by its latest requests, and
found again as the slice that holds them. Nothing else of the past counts: what the group is worth is judged on the
requests of today, each slice on the folds that did not form the group.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.coded import codes
from stillhunt.base.schema import CANDIDATES, REMEMBERED
from stillhunt.resolve.candidates import Ints, accounts_of, clusters_of, slice_keys

_KEPT_REQUESTS = 16  # Latest requests by which a slice is remembered (slices that are cut otherwise differ in half)
_SAME_SLICE = 0.5  # Share of a slice's requests, from the first to the last that is remembered, that makes it the same
_MOST_MISSED = 2  # Looks in a row that may leave a group alone; the third one forgets it
_STILL_SHOWN = 0.5  # Share of the remembered requests that a look counts as harvested, from which it shows the group
_BOTH_FOLDS = 3  # Folds that formed what no search found: each judges what the other formed


def add_remembered(
    candidates: pa.Table, remembered: pa.Table, traffic: pa.Table, sliced: pa.Table, *, least: int
) -> pa.Table:
    """CANDIDATES with the remembered groups behind those that the search found.

    Args:
        remembered: REMEMBERED of the look before.
        traffic, sliced: the same requests row by row, in canonical order.
        least: accounts that a candidate needs.

    Returns:
        CANDIDATES; a group of which one candidate has every slice is that candidate, and not added.
    """
    if not remembered.num_rows:
        return candidates
    account, names = codes(traffic["account_id"])
    known = pc.is_in(names, value_set=pc.unique(remembered["account_id"])).to_numpy(zero_copy_only=False)
    cluster = sliced["cluster"].to_numpy()
    rows = np.flatnonzero(known[account] & (cluster >= 0))
    slices = slice_keys(cluster[rows], account[rows])
    bare = np.unique(slices[sliced["untemplated"].to_numpy()[rows]])
    found, number = _slices_of(candidates, names), candidates["candidate"].to_numpy()
    following, tables = int(number.max(initial=-1)) + 1, [candidates]
    for keys, formed, group in _find_slices(slices, _marks_of(traffic, rows), remembered):
        held = np.bincount(number[np.isin(found, keys)], minlength=1).max() == len(keys)
        accounts, untemplated = accounts_of(keys), np.isin(keys, bare)
        if held or len(np.unique(accounts)) < least:
            continue
        # Held-out bits by the first group that the search found with the slice; none where it found none.
        today = candidates.take(pc.index_in(pa.array(keys), value_set=found))
        added = CANDIDATES.build(
            candidate=np.full(len(keys), following),
            cluster=clusters_of(keys),
            account_id=names.take(pa.array(accounts)),
            formed=formed,
            content_microbits=pc.fill_null(today["content_microbits"], 0),
            queue_microbits=pc.fill_null(today["queue_microbits"], 0),
            untemplated=np.full(len(keys), untemplated.all()),
            searched=np.full(len(keys), pc.max(group["searched"]).as_py()),
            style=np.full(len(keys), pc.all(group["style"]).as_py()) & ~untemplated,
            remembered=np.ones(len(keys), bool),
        )
        tables.append(added)
        following += 1
    return CANDIDATES.check(pa.concat_tables(tables).combine_chunks())


def _marks_of(traffic: pa.Table, rows: Ints) -> Ints:
    """Number made of conversation and time of the requests in some rows: the same in every look."""
    few = traffic.select(["conversation", "timestamp"]).take(pa.array(rows))
    marks: Ints = few["conversation"].to_numpy().view(np.int64) + few["timestamp"].cast(pa.int64()).to_numpy()
    return marks


def _slices_of(candidates: pa.Table, names: pa.Array) -> pa.Array:
    account = pc.index_in(candidates["account_id"], value_set=names).to_numpy()
    return pa.array(slice_keys(candidates["cluster"].to_numpy(), account))


def _find_slices(slices: Ints, marks: Ints, remembered: pa.Table) -> Iterator[tuple[Ints, Ints, pa.Table]]:
    """Slices of today of each group, ascending, the folds on which each formed it, and what is remembered of it.

    `slices`, `marks`: of today's requests of the accounts, by account and time.
    """
    by_slice, by_mark = np.argsort(slices, kind="stable"), np.argsort(marks, kind="stable")
    place_in_slice, ordered = np.argsort(by_slice, kind="stable"), marks[by_mark]
    number = remembered["group"].to_numpy()
    by_group = np.argsort(number, kind="stable")
    for rows in np.split(by_group, np.flatnonzero(np.diff(number[by_group])) + 1) if len(marks) else ():
        group = remembered.take(pa.array(rows))
        wanted = group["request"].to_numpy().view(np.int64)
        at = by_mark[np.minimum(np.searchsorted(ordered, wanted), len(marks) - 1)]
        here = np.flatnonzero(marks[at] == wanted)
        here = here[np.argsort(place_in_slice[at[here]], kind="stable")]
        place = place_in_slice[at[here]]
        keys, first, held = np.unique(slices[by_slice[place]], return_index=True, return_counts=True)
        same = held >= _SAME_SLICE * (place[first + held - 1] - place[first] + 1)
        if same.any():
            yield keys[same], np.bitwise_or.reduceat(group["formed"].to_numpy()[here], first)[same], group


def remember_groups(
    traffic: pa.Table,
    sliced: pa.Table,
    candidates: pa.Table,
    harvest: tuple[pa.ChunkedArray, pa.Array],
    before: pa.Table,
) -> pa.Table:
    """REMEMBERED of a look.

    Args:
        traffic, sliced: the same requests row by row, in canonical order.
        candidates: CANDIDATES as they were judged.
        harvest: campaign of each harvested request, and its row.
        before: REMEMBERED of the look before; what this one does not show is kept, until three looks did not.
    """
    account, names = codes(traffic["account_id"])
    (campaign, _), rows = codes(harvest[0]), harvest[1].to_numpy()
    slices, marks = slice_keys(sliced["cluster"].to_numpy()[rows], account[rows]), _marks_of(traffic, rows)
    order = np.lexsort((-rows, slices, campaign))
    begins = np.flatnonzero(np.diff(campaign[order], prepend=-1) | np.diff(slices[order], prepend=-1))
    kept = order[np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order))) < _KEPT_REQUESTS]
    found = candidates.take(pc.index_in(pa.array(slices[kept]), value_set=_slices_of(candidates, names)))
    shown = REMEMBERED.build(
        group=campaign[kept],
        account_id=names.take(pa.array(account[rows[kept]])),
        request=marks[kept].view(np.uint64),
        formed=pc.fill_null(found["formed"], _BOTH_FOLDS),
        searched=pc.fill_null(found["searched"], 0),
        style=pc.fill_null(found["style"], fill_value=False),
        missed=np.zeros(len(kept), np.int8),
    )
    if not before.num_rows:
        return shown
    group, again = before["group"].to_numpy(), np.isin(before["request"].to_numpy().view(np.int64), marks)
    share = np.bincount(group, again) / np.maximum(np.bincount(group), 1)
    left = before.filter(pa.array((share[group] < _STILL_SHOWN) & (before["missed"].to_numpy() < _MOST_MISSED)))
    changed = {
        "group": np.unique(left["group"].to_numpy(), return_inverse=True)[1] + int(campaign.max(initial=-1)) + 1,
        "missed": pc.add(left["missed"], pa.scalar(1, pa.int8())),
    }
    left = REMEMBERED.build(**{name: changed.get(name, left[name]) for name in REMEMBERED.names})
    return pa.concat_tables([shown, left]).combine_chunks()
