"""Phrases that are an account's own habit: they recur across its different prompts far above their common rate.

A template is seen as phrases that recur in one account. A phrase counts once per *distinct* prompt, so that
replaying one text (benchmarks, retries) makes no template of its sentences. The common rate of a phrase is taken
over the accounts that do not lean on it, so a campaign cannot raise the bar against itself, however large it is.

Two passes: which phrases recur in at least `MIN_ACCOUNTS` accounts, and where in the log do these stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.dataset import Dataset
from stillhunt.link.requests.arrays import Floats, Ints, list_array, lists, values
from stillhunt.link.requests.index_requests import Log, stretches
from stillhunt.link.templates.kernels_phrases import enter_phrases, known_phrases, recurring_phrases

MIN_PROMPTS = 3
"""Distinct prompts of one account in which a phrase must recur; two happen by chance in every long log."""
HOT_RATE = 0.02
"""Share of an account's prompts from which the account is left out of the phrase's common rate."""
MIN_LIFT = 8.0
"""Times above the common rate; stock phrases of one subject reach 2-5 in accounts that ask about it."""
MIN_NATS = 10.0
"""Log-likelihood ratio against the common rate: e^-10 times the number of phrases leaves few by chance."""
MIN_ACCOUNTS = 3
"""Accounts that must share the habit; below, it links nobody."""
FILTER_WORDS = 1 << 18

RECURRING = pa.schema([("account", pa.int32()), ("phrase", pa.uint32()), ("prompts", pa.int32())])
KNOWN = pa.schema([("known", pa.list_(pa.int32()))])
PHRASE_COUNTS = pa.schema([("code", pa.int32()), ("prompts", pa.int64())])


@dataclass(frozen=True)
class Habits:
    """Phrases shared as a habit by several accounts.

    Attributes:
        rows: the requests, each with the codes of the known phrases that stand in it (`known`).
        habit_of: habit code of each known phrase; -1 where it is nobody's shared habit.
        size: number of habit codes; they ascend with the phrases' hashes.
        account, phrase: codes of each (account, phrase) that is a habit, ascending.
    """

    rows: Dataset
    habit_of: npt.NDArray[np.int32]
    size: int
    account: Ints
    phrase: Ints


def shared_habits(log: Log) -> Habits:
    """Find the phrases that at least `MIN_ACCOUNTS` accounts use as a habit.

    Args:
        log: all requests.
    """
    columns = ["order", "owner", "account", "first_occurrence", "phrases", "system_phrases"]
    recurring = log.rows.gather(_recurring, RECURRING, None, columns)
    account, count = values(recurring, "account").astype(np.int64), values(recurring, "prompts").astype(np.int64)
    names, phrase, users = np.unique(values(recurring, "phrase"), return_inverse=True, return_counts=True)
    known = np.flatnonzero(users >= MIN_ACCOUNTS)
    code = np.full(len(names), -1, np.int64)
    code[known] = np.arange(len(known))
    inside = code[phrase] >= 0
    account, count, phrase = account[inside], count[inside], code[phrase[inside]]
    rows = log.rows.extend(_known, KNOWN, names[known], ["phrases", "system_phrases"])
    common = _common_rate(log, rows, account, phrase, count, len(known))
    expected = common[phrase] * log.prompts[account]
    nats = count * np.log(count / expected) - (count - expected)
    habit = (count / log.prompts[account] >= MIN_LIFT * common[phrase]) & (nats >= MIN_NATS)
    shared = np.bincount(phrase[habit], minlength=len(known)) >= MIN_ACCOUNTS
    habit &= shared[phrase]
    habit_of = np.full(len(known), -1, np.int32)
    habit_of[shared] = np.arange(int(shared.sum()))
    account, phrase = account[habit], habit_of[phrase[habit]].astype(np.int64)
    order = np.lexsort((phrase, account))
    return Habits(rows, habit_of, int(shared.sum()), account[order], phrase[order])


def _common_rate(log: Log, rows: Dataset, account: Ints, phrase: Ints, count: Ints, size: int) -> Floats:
    """Rate of each phrase over the accounts that do not lean on it, with half a count added."""
    hot = count > HOT_RATE * log.prompts[account]
    counted = rows.gather(_phrase_counts, PHRASE_COUNTS, size, ["known", "first_occurrence"])
    seen = np.zeros(size, np.int64)
    np.add.at(seen, values(counted, "code"), values(counted, "prompts"))
    np.subtract.at(seen, phrase[hot], count[hot])
    left_out = np.zeros(size, np.int64)
    np.add.at(left_out, phrase[hot], log.prompts[account[hot]])
    common: Floats = (seen + 0.5) / (log.prompts.sum() - left_out + 1.0)
    return common


def _recurring(table: pa.Table, _: Any) -> pa.Table:
    order, edges, accounts = stretches(table)
    owner, phrase, count = recurring_phrases(
        order,
        edges,
        values(table, "first_occurrence"),
        lists(table, "phrases"),
        lists(table, "system_phrases"),
        MIN_PROMPTS,
    )
    return pa.table({"account": accounts[owner].astype(np.int32), "phrase": phrase, "prompts": count})


def _known(table: pa.Table, phrases: Any) -> pa.Table:
    filter_bits = np.zeros(FILTER_WORDS, np.uint64)
    slots = np.full(1 << max(6, int(4 * len(phrases)).bit_length()), -1, np.int32)
    enter_phrases(phrases, filter_bits, slots)
    own, systems = lists(table, "phrases"), lists(table, "system_phrases")
    begins = np.zeros(table.num_rows + 1, np.int32)
    codes = np.empty(max(len(own[1]) // 4, 1 << 12), np.int32)
    while (used := known_phrases(own, systems, (phrases, filter_bits, slots), begins, codes)) < 0:
        codes = np.empty(2 * len(codes), np.int32)
    return pa.table({"known": list_array(begins, codes[:used].copy())})


def _phrase_counts(table: pa.Table, size: Any) -> pa.Table:
    begins, codes = lists(table, "known")
    fresh = np.repeat(values(table, "first_occurrence") > 0, np.diff(begins))
    counts = np.bincount(codes[fresh], minlength=size)
    seen = np.flatnonzero(counts)
    return pa.table({"code": seen.astype(np.int32), "prompts": counts[seen]})
