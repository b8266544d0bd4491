"""Phrases that recur across an account's different prompts far above their common rate, and are shared by accounts.

A template shows as phrases that recur in one account. A phrase counts once per *distinct* prompt, so that replaying one
text (benchmarks, retries) makes no template of its sentences. The common rate of a phrase is taken over the accounts
that rarely use it, so that a campaign cannot raise the rate against which it is measured, however large it is.

There are two passes: which phrases recur in enough accounts, and where these phrases stand in the log.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.dataset import Dataset
from stillhunt.base.parameters import read_parameters
from stillhunt.link.requests.arrays import Flags, Floats, Ints, list_array, lists, values
from stillhunt.link.requests.index_requests import IndexedLog, account_runs
from stillhunt.link.templates.phrase_kernels import enter_phrases, known_phrases, recurring_phrases


class PhraseParameters(NamedTuple):
    """Recurring phrases."""

    min_prompts: int
    min_lift: float
    min_nats: float
    min_accounts: int


P = read_parameters(PhraseParameters, "link.phrases")


# Share of an account's prompts above which the account is left out of the phrase's common rate (a campaign must not
# raise the common rate against which it is measured)
_OWN_RATE = 0.02
# Prompts with the phrase that are added to the count behind its common rate (half a count, the usual prior of a rate
# (Jeffreys))
_SMOOTHING = 0.5


WORDING_RATE = 0.5
"""Share of an account's prompts from which a phrase, or a word, is its own wording: most of them."""
FILTER_WORDS = 1 << 18
"""Largest filter by which most phrases of the log are passed over, in words of 64 bits; one word a phrase is enough."""

RECURRING_PHRASES = pa.schema([("account", pa.int32()), ("phrase", pa.uint32()), ("prompts", pa.int32())])
KNOWN_PHRASES = pa.schema([("known", pa.list_(pa.int32())), ("unworded", pa.uint8())])
"""`unworded` is 1 for a request that lacks its account's own wording."""
PHRASE_COUNTS = pa.schema([("code", pa.int32()), ("prompts", pa.int64())])


@dataclass(frozen=True)
class SharedPhrases:
    """Recurring phrases that several accounts share."""

    rows: Dataset
    shared_of: npt.NDArray[np.int32]  # shared code of each known phrase; -1 where too few accounts share it
    size: int
    # account, phrase: codes of each (account, phrase) where the phrase recurs, ascending
    account: Ints
    phrase: Ints
    worded: Flags  # for each account, True where one phrase stands in most of its prompts: it has a wording of its own
    known: npt.NDArray[np.uint32]  # hash of each known phrase, ascending; the position is its code


def find_shared_phrases(log: IndexedLog) -> SharedPhrases:
    """Find the phrases that recur in enough accounts, far above their common rate."""
    columns = ["order", "owner", "account", "first_occurrence", "phrases", "system_phrases"]
    found = log.rows.gather(_recurring_in_partition, RECURRING_PHRASES, None, columns)
    account, count = values(found, "account").astype(np.int64), values(found, "prompts").astype(np.int64)
    worded = np.zeros(log.accounts, bool)
    most = count >= WORDING_RATE * log.prompts[account]
    worded[account[most]] = True
    wording = np.sort(account[most] << 32 | values(found, "phrase")[most])
    names, phrase, users = np.unique(values(found, "phrase"), return_inverse=True, return_counts=True)
    known = np.flatnonzero(users >= P.min_accounts)
    code = np.full(len(names), -1, np.int64)
    code[known] = np.arange(len(known))
    inside = code[phrase] >= 0
    account, count, phrase = account[inside], count[inside], code[phrase[inside]]
    columns = ["account", "phrases", "system_phrases"]
    rows = log.rows.extend(_known_in_partition, KNOWN_PHRASES, (names[known], worded, wording), columns)
    common = _common_rate(log, rows, account, phrase, count, len(known))
    recurs = count / log.prompts[account] >= P.min_lift * common[phrase]
    sent = count[recurs]
    expected = common[phrase[recurs]] * log.prompts[account[recurs]]
    recurs[recurs] = sent * np.log(sent / expected) - (sent - expected) >= P.min_nats
    shared = np.bincount(phrase[recurs], minlength=len(known)) >= P.min_accounts
    recurs &= shared[phrase]
    shared_of = np.full(len(known), -1, np.int32)
    shared_of[shared] = np.arange(int(shared.sum()))
    pair = np.sort(account[recurs] << 32 | shared_of[phrase[recurs]])
    return SharedPhrases(rows, shared_of, int(shared.sum()), pair >> 32, pair & 0xFFFFFFFF, worded, names[known])


def _common_rate(log: IndexedLog, rows: Dataset, account: Ints, phrase: Ints, count: Ints, size: int) -> Floats:
    """Smoothed rate of each phrase over the accounts that rarely use it."""
    often = count > _OWN_RATE * log.prompts[account]
    counted = rows.gather(_phrase_counts, PHRASE_COUNTS, size, ["known", "first_occurrence"])
    seen = np.zeros(size, np.int64)
    np.add.at(seen, values(counted, "code"), values(counted, "prompts"))
    np.subtract.at(seen, phrase[often], count[often])
    left_out = np.zeros(size, np.int64)
    np.add.at(left_out, phrase[often], log.prompts[account[often]])
    common: Floats = (seen + _SMOOTHING) / (log.prompts.sum() - left_out + 2.0 * _SMOOTHING)
    return common


def _recurring_in_partition(table: pa.Table, _: Any) -> pa.Table:
    order, edges, accounts = account_runs(table)
    owner, phrase, count = recurring_phrases(
        order,
        edges,
        values(table, "first_occurrence"),
        lists(table, "phrases"),
        lists(table, "system_phrases"),
        P.min_prompts,
    )
    return pa.table({"account": accounts[owner].astype(np.int32), "phrase": phrase, "prompts": count})


def find_known(table: pa.Table, phrases: npt.NDArray[np.uint32]) -> pa.ListArray:
    """Codes of the known phrases of some requests, with their columns `phrases` and `system_phrases`; see `known`."""
    filter_bits = np.zeros(min(FILTER_WORDS, 1 << len(phrases).bit_length()), np.uint64)
    slots = np.full(1 << max(6, int(4 * len(phrases)).bit_length()), -1, np.int32)
    enter_phrases(phrases, filter_bits, slots)
    own, systems = lists(table, "phrases"), lists(table, "system_phrases")
    begins = np.zeros(table.num_rows + 1, np.int32)
    codes = np.empty(max(len(own[1]) // 4, 1 << 12), np.int32)
    while (used := known_phrases(own, systems, (phrases, filter_bits, slots), begins, codes)) < 0:
        codes = np.empty(2 * len(codes), np.int32)
    return list_array(begins, codes[:used].copy())


def _known_in_partition(table: pa.Table, context: Any) -> pa.Table:
    phrases, worded, wording = context
    table = table.combine_chunks()  # once for all that reads its lists
    account = values(table, "account").astype(np.int64)
    unworded = worded[account]
    here = np.zeros(len(worded), bool)
    here[account] = True
    wording = wording[here[wording >> 32]]  # Of other partitions' accounts, their phrases would be looked up in vain.
    for found in (lists(table, "phrases"), lists(table, "system_phrases")):
        unworded[_rows_with(account, found, wording)] = False
    return pa.table({"known": find_known(table, phrases), "unworded": unworded.astype(np.uint8)})


def _rows_with(account: Ints, phrases: tuple[npt.NDArray[np.int32], npt.NDArray[Any]], wording: Ints) -> Ints:
    """Rows with a phrase of their account's wording; `wording` holds account and phrase as one number, ascending."""
    begins, phrase = phrases
    maybe = np.zeros(1 << 16, bool)
    maybe[wording & 0xFFFF] = True  # Most phrases are told by their last bits, without a search.
    place = np.flatnonzero(maybe[phrase & 0xFFFF])
    row = np.searchsorted(begins, place, side="right") - 1
    key = account[row] << 32 | phrase[place].astype(np.int64)
    at = np.minimum(np.searchsorted(wording, key), len(wording) - 1)
    return row[wording[at] == key] if len(wording) else row


def _phrase_counts(table: pa.Table, size: Any) -> pa.Table:
    begins, codes = lists(table, "known")
    first_occurrence = np.repeat(values(table, "first_occurrence") > 0, np.diff(begins))
    counts = np.bincount(codes[first_occurrence], minlength=size)
    seen = np.flatnonzero(counts)
    return pa.table({"code": seen.astype(np.int32), "prompts": counts[seen]})
