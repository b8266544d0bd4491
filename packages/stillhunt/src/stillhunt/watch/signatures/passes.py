"""Passes over the sketches of a hunt from which signatures are made; each runs on one partition.

All requests of an account are in one partition, so counts of accounts add up over partitions.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.link.requests.arrays import Flags, Hashes, Ints, lists, values
from stillhunt.link.requests.index_requests import keyed_bit
from stillhunt.watch.signatures.matcher import MATCHED_COLUMNS, Matcher
from stillhunt.watch.signatures.signature import SENDER_FEATURES, STYLE_FEATURES, Signature
from stillhunt.watch.signatures.weighing import (
    PHRASE_COLUMNS,
    SENDER_COLUMNS,
    known_phrases_of,
    sender_hashes,
    style_hashes,
)

CHOOSING, STATING, MEMBER = 0, 1, 2
"""Honest half that sets weights and thresholds, honest half on which rates are stated, member of a campaign."""
TOTAL, PHRASE, TOPIC_WORD, STYLE = 0, 1, 2, 3
"""Kinds of counts; of style, STYLE is the first feature and further ones follow. Topic words have no accounts."""
SENDER = STYLE + len(STYLE_FEATURES)
"""The first feature of senders, and further ones follow: counted in both halves, under CHOOSING."""
_HALVES_KEY = 0x51B
_TOPICS = "topic_words"

HARVESTED_COLUMNS = (*MATCHED_COLUMNS, "request_id", _TOPICS)
COUNTED_COLUMNS = ("account_id", "account_key", *PHRASE_COLUMNS, *SENDER_COLUMNS, _TOPICS)
HONEST_COUNTS = pa.schema([("kind", pa.int8()), ("half", pa.int8()), ("key", pa.uint64()), ("requests", pa.int64()),
                    ("accounts", pa.int64())])  # fmt: skip
SCORES = pa.schema([("account_id", pa.string()), ("group", pa.int64()), ("signature", pa.int64()),
                    ("bits", pa.int64()), ("matched", pa.int64()), ("most", pa.int64())])  # fmt: skip


@dataclass(frozen=True)
class HarvestedRequests:
    """Which requests a pass is to fetch."""

    request_ids: pa.Array
    account_ids: pa.Array
    campaign: Ints
    most: int


@dataclass(frozen=True)
class HonestSide:
    """Who is honest, and what is to be counted there."""

    candidates: pa.Array  # ids of all accounts that are members of a campaign or of a group left alone
    seed: int  # key of the two halves
    phrases: Hashes
    # styles, senders: hashes of values to count, ascending, by feature
    styles: dict[str, Hashes]
    senders: dict[str, Hashes]


@dataclass(frozen=True)
class SignatureTrial:
    """Signatures to try, and whom to try them on."""

    honest: HonestSide
    members: pa.Array
    signatures: tuple[Signature, ...]


def harvested_schema(columns: pa.Schema) -> pa.Schema:
    """Columns of `fetch_harvested`."""
    return pa.schema([*(columns.field(name) for name in HARVESTED_COLUMNS), ("campaign", pa.int32())])


def fetch_harvested(table: pa.Table, wanted: HarvestedRequests) -> pa.Table:
    """Harvested requests of one partition with their campaigns: of each, at most so many, by a keyed sample."""
    place = pc.index_in(table.column("request_id"), value_set=wanted.request_ids)
    rows = np.flatnonzero(place.is_valid().to_numpy())
    place = place.drop_null().to_numpy()
    same = pc.equal(
        table.column("account_id").take(pa.array(rows)).combine_chunks().cast(pa.string()),
        wanted.account_ids.take(pa.array(place)),
    ).to_numpy(zero_copy_only=False)  # ids of requests are unique within a source only
    rows, campaign = rows[same], wanted.campaign[place[same]]
    kept = kept_sample(values(table, "request_key")[rows], campaign, wanted.most)
    found = table.select(list(HARVESTED_COLUMNS)).take(pa.array(rows[kept]))
    return found.append_column("campaign", pa.array(campaign[kept], pa.int32()))


def kept_sample(keys: Hashes, campaign: Ints, most: int) -> Ints:
    """Places of at most so many requests of each campaign: those with the smallest keys, which are hashes."""
    order = np.lexsort((keys, campaign))
    begins = np.flatnonzero(np.diff(campaign[order], prepend=-1))
    sizes = np.diff(np.append(begins, len(order)))
    rank = np.arange(len(order)) - np.repeat(begins, sizes)
    return np.sort(order[rank < most])


def count_honest(table: pa.Table, honest: HonestSide) -> pa.Table:
    """Honest requests and accounts of one partition: in all, and with each phrase, value of style and topic word."""
    keys = values(table, "account_key")
    half = halves(table, keys, honest)
    found = [_build_counts_table(TOTAL, one, np.zeros(int((half == one).sum()), np.uint64), keys[half == one])
             for one in (CHOOSING, STATING)]  # fmt: skip
    setting = half == CHOOSING
    row, place = known_phrases_of(table, honest.phrases)
    inside = setting[row]
    found.append(_build_counts_table(PHRASE, CHOOSING, honest.phrases[place[inside]], keys[row[inside]]))
    hashes = style_hashes(table)
    for number, name in enumerate(STYLE_FEATURES):
        known = np.isin(hashes[name], honest.styles[name]) & setting
        found.append(_build_counts_table(STYLE + number, CHOOSING, hashes[name][known], keys[known]))
    senders = sender_hashes(table, hashes)
    for number, name in enumerate(SENDER_FEATURES):
        known = np.isin(senders[name], honest.senders[name]) & (half >= 0)
        found.append(_build_counts_table(SENDER + number, CHOOSING, senders[name][known], keys[known]))
    words, requests = topic_words(table.filter(pa.array(setting)))
    found.append(_counts_table(TOPIC_WORD, CHOOSING, words, requests, np.zeros(len(words), np.int64)))
    return pa.concat_tables(found)


def halves(table: pa.Table, keys: Hashes, honest: HonestSide) -> Ints:
    """CHOOSING or STATING for each request of an honest account, -1 for others."""
    candidate = pc.is_in(table.column("account_id").cast(pa.string()), value_set=honest.candidates).to_numpy()
    half = keyed_bit(keys, honest.seed ^ _HALVES_KEY).astype(np.int64)
    return np.where(candidate, -1, half)


def topic_words(table: pa.Table) -> tuple[Hashes, Ints]:
    """Buckets of the topic words of requests, ascending, and how often each occurs."""
    counts = np.bincount(lists(table, _TOPICS)[1], minlength=1)
    words = np.flatnonzero(counts)
    return words.astype(np.uint64), counts[words]


def _build_counts_table(kind: int, half: int, keys: Hashes, accounts: Hashes) -> pa.Table:
    order = np.lexsort((accounts, keys))
    keys, accounts = keys[order], accounts[order]
    begins = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])) if len(keys) else np.zeros(0, np.int64)
    first: Flags = np.append(True, (keys[1:] != keys[:-1]) | (accounts[1:] != accounts[:-1]))[: len(keys)]
    ends = np.append(begins, len(keys))
    users = np.diff(np.append(0, np.cumsum(first))[ends])
    return _counts_table(kind, half, keys[begins], np.diff(ends), users)


def _counts_table(kind: int, half: int, keys: Hashes, requests: Ints, accounts: Ints) -> pa.Table:
    same = (np.full(len(keys), number, np.int8) for number in (kind, half))
    return pa.table([*same, keys, requests, accounts], schema=HONEST_COUNTS)


def try_signatures(table: pa.Table, trial: SignatureTrial) -> pa.Table:
    """What accounts of one partition show of signatures: honest accounts, and members of campaigns."""
    keys = values(table, "account_key")
    half = halves(table, keys, trial.honest)
    member = pc.is_in(table.column("account_id").cast(pa.string()), value_set=trial.members).to_numpy()
    half[member] = MEMBER
    wanted = half >= 0
    matcher = Matcher(trial.signatures, most_accounts=table.num_rows + 1)
    matcher.match(table.filter(pa.array(wanted)))
    scores = matcher.scores()
    found = np.array([key for key, *_ in scores], np.uint64)
    order = np.argsort(keys, kind="stable")
    first = order[np.searchsorted(keys, found, sorter=order)] if len(found) else np.zeros(0, np.int64)
    names = table.column("account_id").take(pa.array(first)).cast(pa.string())
    rest = [pa.array([score[at] for score in scores], pa.int64()) for at in (1, 2, 3, 4)]
    return pa.table([names, pa.array(half[first]), *rest], schema=SCORES)
