"""What each campaign's requests say again and again, and the rest of the log does not: hashes, and no text.

Two kinds of hashes are the same in all logs: phrases (some words in a row), by which a template shows, and words (the
buckets of topic words), by which a work queue and a wording style show. Both are counted in a sample of the harvested
requests and in a sample of other customers' requests; one pass over the partitions fetches both samples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import GOLDEN_RATIO
from stillhunt.base.coded import codes
from stillhunt.base.dataset import Dataset
from stillhunt.base.schema_case import PHRASE_HASHES
from stillhunt.link.requests.arrays import Array, Flags, Floats, Hashes, Ints, list_array, lists, values

# Harvested requests of a campaign that are looked at, spread evenly by a keyed sample (a rate of half a percent is then
# known to a third of it)
_MOST_HARVESTED = 2000
# Harvested requests of all campaigns that are looked at; with many campaigns, fewer of each (some 50 MB of hashes)
_MOST_ROWS = 200_000
# Accounts outside of campaigns that are looked at (what one account in a thousand uses is seen four times)
_MOST_ACCOUNTS = 4096
# Requests of each of them that are looked at (a template that an account uses in one request of seven is then seen 19
# times in 20)
_ACCOUNT_REQUESTS = 20
# Share of the harvested requests in which a phrase or word must stand (measured: parts of paraphrased templates reach
# 0.5 to 20 %; watch.signatures uses the same; benchmarks/live/signatures.py)
_LEAST_SHARE = 0.005
# accounts: members of the campaign that must use a phrase or word: what one customer alone says is not kept
_LEAST_ACCOUNTS = 3
_PHRASE_BITS = 3.0  # bits: how much more frequent than elsewhere a phrase must be, by requests and by accounts
# bits: how much more frequent than elsewhere a word must be (a subject is told by many words of little weight)
_LEAST_WORD_BITS = 1.0
# Phrases of a campaign that are kept, and as many words: those of most weight in its requests (derived: the phrases of
# four full prompts, 64 each)
_MOST_KEPT = 256
_SMOOTHING = 0.5  # Counts added to what is seen elsewhere (half a count, the usual prior of a rate (Jeffreys))


PHRASE_KIND, WORD_KIND = "phrase", "word"
_LISTS = {PHRASE_KIND: ("phrases", "system_phrases"), WORD_KIND: ("topic_words",)}
PLACE = ("origin_file", "origin_row")
_COLUMNS = (*PLACE, *_LISTS[PHRASE_KIND], *_LISTS[WORD_KIND])
_FETCHED = pa.schema([("at", pa.int64()), (PHRASE_KIND, pa.list_(pa.uint32())), (WORD_KIND, pa.list_(pa.uint32()))])
_ROW_BITS = np.uint64(40)
_FILTER_BITS = 20
_KEY_BITS = np.uint64(32)
_WORD_BITS = np.uint64(32)
_SPREAD = np.uint32(0x9E3779B1)


@dataclass(frozen=True)
class _Sample:
    """Requests to look at."""

    key: Hashes  # place of each in the log, ascending
    group: Ints  # number of its campaign; -1 for other customers
    owner: Ints


def campaign_phrases(
    sketches: Dataset, traffic: pa.Table, tables: Mapping[str, pa.Table], harvested: pa.Array, totals: pa.Table
) -> pa.Table:
    """The phrases and words by which campaigns (verdict act or review) are known: PHRASE_HASHES.

    It misleads where few customers are compared, for then a phrase of a public prompt looks rare; the counts say how
    many there were. Customers in groups that are left alone count as others.
    """
    table = tables["campaigns"]
    campaigns: list[str] = sorted(table.filter(pc.not_equal(table["verdict"], "none"))["campaign_id"].to_pylist())
    if not campaigns or not len(harvested):
        return PHRASE_HASHES.empty()
    own = _harvested_sample(traffic, tables["harvest"], harvested, campaigns)
    members = tables["members"]
    inside = members.filter(pc.is_in(members["campaign_id"], value_set=pa.array(campaigns)))["account_id"]
    others = compared_rows(traffic, totals, inside.combine_chunks())
    rows = np.concatenate([own[0], others])
    keys = request_keys(traffic.select(list(PLACE)).take(pa.array(rows)))
    order = np.argsort(keys, kind="stable")
    group = np.concatenate([own[1], np.full(len(others), -1, np.int64)])[order]
    owner = codes(traffic["account_id"])[0][rows][order].astype(np.int64)
    sample = _Sample(keys[order], group, owner)
    found = sketches.gather(_fetch_phrases, _FETCHED, distinct_keys(sample.key), _COLUMNS)
    made = pa.concat_tables([_known_by(kind, found, sample, campaigns) for kind in (PHRASE_KIND, WORD_KIND)])
    by = [(name, "ascending") for name in ("campaign_id", "kind", "phrase")]
    return PHRASE_HASHES.check(made.sort_by(by).combine_chunks())


def mix_hashes(hashes: Hashes) -> Hashes:
    """Hashes spread over all of their bits."""
    hashes = (hashes ^ (hashes >> _WORD_BITS)) * GOLDEN_RATIO
    return hashes ^ (hashes >> _WORD_BITS)


def _harvested_sample(
    traffic: pa.Table, harvest: pa.Table, harvested: pa.Array, campaigns: list[str]
) -> tuple[Ints, Ints]:
    """Rows of the traffic, at most so many of each campaign, and the number of its campaign."""
    code = pc.index_in(harvest["campaign_id"], value_set=pa.array(campaigns)).fill_null(-1)
    group = code.combine_chunks().to_numpy().astype(np.int64)
    known = np.flatnonzero(group >= 0)
    rows, group = harvested.to_numpy()[known].astype(np.int64), group[known]
    most = max(1, min(_MOST_HARVESTED, _MOST_ROWS // len(campaigns)))
    kept = _sample_places(traffic, rows, group, most)
    return rows[kept], group[kept]


def compared_rows(traffic: pa.Table, totals: pa.Table, left_out: pa.Array) -> Ints:
    """Rows of the traffic of some accounts of the background sample, without accounts that are left out."""
    outside = totals["account_id"].filter(pc.and_(totals["background"], pc.invert(
        pc.is_in(totals["account_id"], value_set=left_out)
    )))  # fmt: skip
    drawn = sorted(outside.to_pylist(), key=lambda name: hashlib.blake2b(name.encode(), digest_size=8).digest())
    wanted = pa.array(drawn[:_MOST_ACCOUNTS], pa.string())
    account, names = codes(traffic["account_id"])
    rows = np.flatnonzero(pc.is_in(names, value_set=wanted).to_numpy(zero_copy_only=False)[account])
    return rows[_sample_places(traffic, rows, account[rows].astype(np.int64), _ACCOUNT_REQUESTS)]


def _sample_places(traffic: pa.Table, rows: Ints, group: Ints, most: int) -> Ints:
    """Places of at most so many different prompts of each group: those with the smallest hashes."""
    hashes = traffic.select(["conversation", "prompt_hash"]).take(pa.array(rows))
    return smallest_hashes(values(hashes, "conversation") ^ mix_hashes(values(hashes, "prompt_hash")), group, most)


def smallest_hashes(hashes: Hashes, group: Ints, most: int) -> Ints:
    """Places of at most so many different values of each group, ascending: of those with the smallest hashes."""
    keys = mix_hashes(hashes)
    # Group and hash as one number: one fast sort in place of a slow one by two keys.
    keys = ((group + 1).astype(np.uint64) << _KEY_BITS) | (keys >> (np.uint64(64) - _KEY_BITS))
    order = np.argsort(keys)
    keys = keys[order]
    begins = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    if not len(begins):
        return np.zeros(0, np.int64)
    first = np.minimum.reduceat(order, begins)  # of one prompt sent again, the first
    owner = keys[begins] >> _KEY_BITS
    starts = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    sizes = np.diff(np.append(starts, len(owner)))
    rank = np.arange(len(owner)) - np.repeat(starts, sizes)
    return np.sort(first[rank < most])


def request_keys(table: pa.Table) -> Hashes:
    """Place of each request in the log, as one number."""
    file, row = (values(table, name).astype(np.uint64) for name in PLACE)
    return (file << _ROW_BITS) | row


def wanted_rows(table: pa.Table, wanted: Any) -> tuple[Ints, Ints]:
    """Rows of one partition that are wanted, and the place of each among the wanted keys, which ascend."""
    keys = request_keys(table)
    near = np.zeros(1 << _FILTER_BITS, bool)
    shift = np.uint64(64 - _FILTER_BITS)
    near[(wanted * GOLDEN_RATIO) >> shift] = True
    rows = np.flatnonzero(near[(keys * GOLDEN_RATIO) >> shift])
    place = np.minimum(np.searchsorted(wanted, keys[rows]), max(len(wanted) - 1, 0))
    hit = wanted[place] == keys[rows] if len(wanted) else np.zeros(0, bool)
    return rows[hit], place[hit].astype(np.int64)


def _fetch_phrases(table: pa.Table, wanted: Any) -> pa.Table:
    """Phrases and words of the wanted requests of one partition."""
    rows, place = wanted_rows(table, wanted)
    columns: dict[str, Any] = {"at": place}
    taken = table.select(list(_COLUMNS[len(PLACE) :])).take(pa.array(rows))
    for kind, names in _LISTS.items():
        columns[kind] = _join_lists(taken, names)
    return pa.table(columns)


def _join_lists(table: pa.Table, names: tuple[str, ...]) -> pa.ListArray:
    """The lists of several columns as one list a row, each value once, ascending."""
    size = np.uint64(1) << _WORD_BITS
    found = []
    for name in names:
        begins, inner = lists(table, name)
        row = np.repeat(np.arange(table.num_rows, dtype=np.uint64), np.diff(begins))
        found.append(row * size + inner.astype(np.uint64))
    pairs = distinct_keys(np.concatenate(found))
    offsets = np.searchsorted(pairs, np.arange(table.num_rows + 1, dtype=np.uint64) * size)
    return list_array(offsets.astype(np.int32), (pairs & (size - np.uint64(1))).astype(np.uint32))


def distinct_keys(keys: Array) -> Array:
    """Each key once, ascending; by sorting, which for many keys is far faster than numpy's hash table."""
    ascending = np.sort(keys)
    first: Array = ascending[np.append(True, ascending[1:] != ascending[:-1])[: len(ascending)]]
    return first


def _known_by(kind: str, found: pa.Table, sample: _Sample, campaigns: list[str]) -> pa.Table:
    """PHRASE_HASHES of one kind."""
    begins, inner = lists(found, kind)
    at = values(found, "at")
    first = np.searchsorted(sample.key, distinct_keys(sample.key))
    count = np.diff(np.append(first, len(sample.key)))
    # One request may be in two campaigns: it is fetched once and counted for each.
    row = np.repeat(np.arange(len(at)), count[at])
    inside = np.arange(len(row)) - np.repeat(np.cumsum(count[at]) - count[at], count[at])
    entry = first[at[row]] + inside
    group, owner = sample.group[entry], sample.owner[entry]
    of_each = [group == number for number in range(len(campaigns))]
    counters = [_Counter.of((begins, inner), row[own], owner[own]) for own in of_each]
    wanted = distinct_keys(np.concatenate([one.hashes[_recurring_hashes(one)] for one in counters]))
    others = _Counter.of((begins, inner), row[group < 0], owner[group < 0], wanted)
    each = zip(campaigns, counters, strict=True)
    return pa.concat_tables([_kept_rows(kind, name, own, others) for name, own in each])


@dataclass(frozen=True)
class _Counter:
    """Requests and accounts with each hash, ascending, and of all."""

    hashes: npt.NDArray[np.uint32]
    requests: Ints
    accounts: Ints
    all_requests: int
    all_accounts: int

    @classmethod
    def of(
        cls,
        found: tuple[npt.NDArray[np.int32], Array],
        rows: Ints,
        owner: Ints,
        wanted: npt.NDArray[np.uint32] | None = None,
    ) -> _Counter:
        """Count the hashes of some rows; with `wanted`, perhaps those alone."""
        begins, inner = found
        sizes = np.diff(begins)[rows].astype(np.int64)
        starts = begins[:-1][rows].astype(np.int64)
        places = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(starts, sizes)
        owners, account = np.unique(owner, return_inverse=True)
        account, values_of_rows = np.repeat(account, sizes), inner[places]
        if wanted is not None:  # most of what others say is passed over
            near = np.zeros(1 << _FILTER_BITS, bool)
            shift = np.uint32(32 - _FILTER_BITS)
            near[(wanted * _SPREAD) >> shift] = True
            kept = near[(values_of_rows * _SPREAD) >> shift]
            account, values_of_rows = account[kept], values_of_rows[kept]
        hashes, code, requests = np.unique(values_of_rows, return_inverse=True, return_counts=True)
        pairs = distinct_keys(account * max(len(hashes), 1) + code)
        accounts = np.bincount(pairs % max(len(hashes), 1), minlength=len(hashes))
        return cls(hashes, requests.astype(np.int64), accounts, len(rows), len(owners))

    def at(self, hashes: npt.NDArray[np.uint32]) -> tuple[Ints, Ints]:
        """Requests and accounts with given hashes."""
        if not len(self.hashes):
            return np.zeros(len(hashes), np.int64), np.zeros(len(hashes), np.int64)
        place = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        here = self.hashes[place] == hashes
        return np.where(here, self.requests[place], 0), np.where(here, self.accounts[place], 0)


def _kept_rows(kind: str, campaign: str, own: _Counter, others: _Counter) -> pa.Table:
    """Rows of one campaign: what recurs in it, and is far more frequent than elsewhere."""
    recurs = _recurring_hashes(own)
    hashes, requests, accounts = own.hashes[recurs], own.requests[recurs], own.accounts[recurs]
    elsewhere, users = others.at(hashes)
    bits = _lift_bits((requests, own.all_requests), (elsewhere, others.all_requests))
    if kind == PHRASE_KIND:  # a phrase of many people is no rarer for being used once; every word is used by many
        bits = np.minimum(bits, _lift_bits((accounts, own.all_accounts), (users, others.all_accounts)))
    telling = np.flatnonzero(bits >= (_PHRASE_BITS if kind == PHRASE_KIND else _LEAST_WORD_BITS))
    weight = np.round(requests[telling] * bits[telling] * 1024).astype(np.int64)
    first = np.sort(telling[np.lexsort((hashes[telling], -weight))[:_MOST_KEPT]])
    size = len(first)
    return PHRASE_HASHES.build(
        campaign_id=[campaign] * size,
        kind=[kind] * size,
        phrase=hashes[first],
        requests=requests[first],
        accounts=accounts[first],
        looked_at=[own.all_requests] * size,
        members_looked_at=[own.all_accounts] * size,
        others=users[first],
        compared=[others.all_accounts] * size,
        other_requests=elsewhere[first],
        compared_requests=[others.all_requests] * size,
    )


def _recurring_hashes(own: _Counter) -> Flags:
    """Which hashes recur in a campaign, and in several of its members."""
    enough: Flags = (own.requests >= _LEAST_SHARE * own.all_requests) & (own.accounts >= _LEAST_ACCOUNTS)
    return enough


def _lift_bits(own: tuple[Ints, int], others: tuple[Ints, int]) -> Floats:
    """How much more frequent each is in the campaign, log2."""
    smoothed = (others[0] + _SMOOTHING) / (others[1] + 2.0 * _SMOOTHING)
    bits: Floats = np.log2(own[0] / max(own[1], 1) / smoothed)
    return bits
