"""Phrases that several accounts of a group without a template send, and hardly anybody else: sentences that recombine.

Whoever words each request anew from one stock of sentences shows no template: each sentence stands in few requests, and
comes back in no account. Over all accounts of the group the sentences do come back. A group without a template was
found by its topics and its workload, so what its accounts say takes no part in finding it and can refute it.

Each prompt counts once, so that public items that many send are no stock of sentences. What stands in most prompts of
those who send it is a wording that they keep, as separate customers do, and no sentence of a stock.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import CODE_RANGE
from stillhunt.base.coded import codes
from stillhunt.base.dataset import Dataset
from stillhunt.base.schema import SLICED
from stillhunt.link.campaign_phrases import (
    PLACE,
    compared_rows,
    distinct_keys,
    request_keys,
    smallest_hashes,
    wanted_rows,
)
from stillhunt.link.requests.arrays import Flags, Ints, lists, values

# Prompts of one group that are looked at, by a keyed sample (a sentence in half a percent of them is seen ten times)
_MOST_PROMPTS = 2000
_MOST_ROWS = 200_000  # Prompts of all groups that are looked at; with many groups, fewer of each (some 50 MB of hashes)
_LEAST_PROMPTS = 4  # Different prompts of the group in which a phrase must stand (fewer is chance)
_LEAST_ACCOUNTS = 3  # accounts: members that must send it (what one customer says is its own, and two may be one)
# times: how much more often members send it than others, by requests and by accounts (as for templates: 16 times is
# still everybody's language)
_LEAST_LIFT = 32.0
# Share of its senders' prompts up to which a phrase recombines (most of them is a wording that is kept)
_MOST_KEPT = 0.5
_SMOOTHING = 0.5  # Counts added to what is seen elsewhere (half a count, the usual prior of a rate (Jeffreys))
_FETCHED = pa.schema([("at", pa.int64()), ("phrases", pa.list_(pa.uint32()))])


def mark_own_phrases(
    sketches: Dataset, traffic: pa.Table, sliced: pa.Table, candidates: pa.Table, totals: pa.Table
) -> pa.Table:
    """SLICED, row for row with the traffic, with `own_phrases` for the requests that were looked at."""
    account, names = codes(traffic["account_id"])
    rows, group = _sample_candidates(traffic, sliced, candidates, account.astype(np.int64), names)
    if not len(rows):
        return sliced
    others = compared_rows(traffic, totals, pa.array([], pa.string()))
    keys = request_keys(traffic.select(list(PLACE)).take(pa.array(np.concatenate([rows, others]))))
    wanted = distinct_keys(keys)
    found = sketches.gather(_fetch_phrases, _FETCHED, wanted, (*PLACE, "phrases"))
    begins, sizes = np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.int64)
    starts, phrases = lists(found.combine_chunks(), "phrases")
    at = values(found, "at")
    begins[at], sizes[at] = starts[:-1], np.diff(starts)
    places = np.split(np.searchsorted(wanted, keys), [len(rows)])
    inside, outside = (_occurrences(begins[own], sizes[own], phrases) for own in places)
    own = _own_phrases(
        (group[inside[0]], account[rows].astype(np.int64)[inside[0]], inside[1]),
        (account[others].astype(np.int64)[outside[0]], outside[0], outside[1]),
        (group * CODE_RANGE + account[rows].astype(np.int64), len(others)),
    )
    marks = np.full(len(traffic), -1, np.int16)
    marks[rows] = np.minimum(np.bincount(inside[0][own], minlength=len(rows)), np.iinfo(np.int16).max)
    column = pa.array(marks, mask=marks < 0)
    return SLICED.check(sliced.set_column(SLICED.names.index("own_phrases"), SLICED.arrow.field("own_phrases"), column))


def _sample_candidates(
    traffic: pa.Table, sliced: pa.Table, candidates: pa.Table, account: Ints, names: pa.Array
) -> tuple[Ints, Ints]:
    """Rows with different prompts of the candidates without a template, and the number of each row's candidate."""
    own = candidates.filter(candidates["untemplated"])
    owner = pc.index_in(own["account_id"], value_set=names).to_numpy()
    keys = own["cluster"].to_numpy().astype(np.int64) * CODE_RANGE + owner
    order = np.argsort(keys, kind="stable")
    keys, number = keys[order], own["candidate"].to_numpy()[order]
    if not len(keys):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # Of a remembered group, what another candidate leaves over is no group, and would refute those who are in it.
    again = own["remembered"].to_numpy()[order] & (np.diff(keys, prepend=-1) == 0)
    whole = ~np.isin(number, number[again])
    keys, number = keys[whole], number[whole]
    sought = sliced["cluster"].to_numpy().astype(np.int64) * CODE_RANGE + account
    place = np.minimum(np.searchsorted(keys, sought), len(keys) - 1)
    hashes = traffic["prompt_hash"].to_numpy()
    rows = np.flatnonzero((keys[place] == sought) & (hashes > 0))
    group = number[place[rows]].astype(np.int64)
    most = max(1, min(_MOST_PROMPTS, _MOST_ROWS // len(np.unique(number))))
    kept = smallest_hashes(hashes[rows], group, most)
    return rows[kept], group[kept]


def _fetch_phrases(table: pa.Table, wanted: Any) -> pa.Table:
    """Phrases of the wanted requests of one partition."""
    rows, place = wanted_rows(table, wanted)
    return pa.table({"at": place, "phrases": table["phrases"].take(pa.array(rows))})


def _occurrences(begins: Ints, sizes: Ints, phrases: Any) -> tuple[Ints, Ints]:
    """Number of the request, and phrase, of each phrase of some requests."""
    inner = np.arange(int(sizes.sum())) + np.repeat(begins - np.cumsum(sizes) + sizes, sizes)
    return np.repeat(np.arange(len(sizes)), sizes), phrases[inner].astype(np.int64)


def _own_phrases(
    inside: tuple[Ints, Ints, Ints], outside: tuple[Ints, Ints, Ints], looked_at: tuple[Ints, int]
) -> Flags:
    """Whether each phrase of the groups' requests is one of the group's own.

    Args:
        inside: group, account and phrase of each.
        outside: account, request and phrase of each phrase that others send.
        looked_at: group and account of each request of the groups, as one number, and requests of the others.
    """
    group, account, phrase = inside
    pair, of_row, requests = np.unique(group * CODE_RANGE + phrase, return_inverse=True, return_counts=True)
    place, sender = np.divmod(np.unique(of_row * CODE_RANGE + account), CODE_RANGE)
    senders = np.bincount(place, minlength=len(pair))
    members, prompts = np.unique(looked_at[0], return_counts=True)
    of_group, all_prompts = np.bincount(members // CODE_RANGE), np.bincount(members // CODE_RANGE, prompts)
    sent_by = np.searchsorted(members, pair[place] // CODE_RANGE * CODE_RANGE + sender)
    kept = requests > _MOST_KEPT * np.bincount(place, prompts[sent_by], len(pair))
    recurs = np.flatnonzero((requests >= _LEAST_PROMPTS) & (senders >= _LEAST_ACCOUNTS) & ~kept)
    number, wanted = (np.asarray(one, np.int64) for one in np.divmod(pair[recurs], CODE_RANGE))
    others = np.isin(outside[2], wanted)
    elsewhere = [one[others] for one in outside]
    order = np.argsort(elsewhere[2], kind="stable")
    owner, sent = elsewhere[0][order], elsewhere[2][order]
    first, last = np.searchsorted(sent, wanted), np.searchsorted(sent, wanted, side="right")
    place, inner = _occurrences(first, last - first, np.arange(len(sent)))
    strange = ~np.isin(number[place] * CODE_RANGE + owner[inner], members)
    place, inner = place[strange], inner[strange]
    used = np.bincount(place, minlength=len(recurs))
    users = np.bincount(np.unique(place * CODE_RANGE + owner[inner]) // CODE_RANGE, minlength=len(recurs))
    all_users = len(np.unique(outside[0])) - of_group[number]
    own = senders[recurs] / of_group[number] >= _LEAST_LIFT * (users + _SMOOTHING) / (np.maximum(all_users, 0) + 1.0)
    own &= requests[recurs] / all_prompts[number] >= _LEAST_LIFT * (used + _SMOOTHING) / (looked_at[1] + 1.0)
    found = np.zeros(len(pair), bool)
    found[recurs] = own
    telling: Flags = found[of_row]
    return telling
