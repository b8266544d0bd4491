"""Habits of accounts: words that one of them uses on several subjects, and far more often than others do.

Words are the topic words of the sketches. Requests that belong to a template with a group say nothing new and are left
out, as are later turns of a conversation, which keep its words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from stillhunt.base.arrays import GOLDEN_RATIO
from stillhunt.base.dataset import Dataset
from stillhunt.link.requests.arrays import Flags, Ints, counted, list_array, lists, values
from stillhunt.link.style.parameters import STYLE_PARAMETERS as P
from stillhunt.link.topics.topics import TOPICS, WORD_BUCKETS

_ALL = (1 << 64) - 1
SAMPLE = pa.schema([("account", pa.int32()), ("topic", pa.int8()), ("words", pa.list_(pa.uint16()))])
SAMPLE_COLUMNS = (
    "account",
    "account_key",
    "order",
    "cluster",
    "conversation",
    "first_occurrence",
    "prompt_hash",
    "topic",
    "topic_words",
)


@dataclass(frozen=True)
class WordSample:
    """Requests in which habits are sought.

    Attributes:
        names: account codes, ascending.
        account: position in `names` of each request's account.
        topic: topic of each request.
        words: requests x words, 1 where a request has a word that may be one of a style.
    """

    names: Ints
    account: Ints
    topic: Ints
    words: sp.csr_array

    @property
    def requests(self) -> Ints:
        """Requests of each account."""
        return np.bincount(self.account, minlength=len(self.names))


def word_sample(rows: Dataset, grouped: Flags, accounts: int) -> WordSample:
    """Requests of a bounded number of accounts, a bounded number of each.

    Args:
        rows: the requests with cluster and topic.
        grouped: True for content clusters in which a group was found.
        accounts: number of accounts.
    """
    limit = np.uint64(min(int(P.max_accounts / max(accounts, 1) * 2.0**64), _ALL))
    found = rows.gather(_sampled, SAMPLE, (grouped, limit), SAMPLE_COLUMNS).combine_chunks()
    account, topic = values(found, "account").astype(np.int64), values(found, "topic").astype(np.int64)
    begins, words = lists(found, "words")
    names, position = np.unique(account, return_inverse=True)
    request = np.repeat(np.arange(len(account)), np.diff(begins))
    used = np.bincount(words, minlength=WORD_BUCKETS)
    kept = ((used >= P.min_word_requests) & (used <= P.max_word_share * len(account)))[words]
    cells = np.ones(int(kept.sum()), np.int32), (request[kept], words[kept].astype(np.int32))
    return WordSample(names, position, topic, sp.csr_array(cells, shape=(len(account), WORD_BUCKETS)))


def _sampled(table: pa.Table, context: Any) -> pa.Table:
    grouped, limit = context
    order = values(table, "order")
    account = values(table, "account")
    asked = is_free(values(table, "cluster"), grouped) & (values(table, "first_occurrence") > 0)
    asked &= (values(table, "topic") >= 0) & (values(table, "account_key") * GOLDEN_RATIO <= limit)
    chosen = order[asked[order]]
    # One request a conversation, the first.
    chosen = chosen[np.sort(np.unique(values(table, "conversation")[chosen], return_index=True)[1])]
    owner = account[chosen]
    size = np.bincount(owner, minlength=1)
    share = np.minimum(P.account_requests / np.maximum(size, 1), 1.0)[owner]
    drawn = (values(table, "prompt_hash")[chosen] * GOLDEN_RATIO).astype(np.float64) <= share * 2.0**64
    chosen = chosen[drawn & (size[owner] >= P.min_requests)]
    begins, words = lists(table, "topic_words")
    lengths = np.diff(begins)[chosen]
    starts = np.append(0, np.cumsum(lengths)).astype(np.int32)
    inner = words[np.repeat(begins[chosen] - starts[:-1], lengths) + np.arange(int(starts[-1]))]
    return pa.table(
        {"account": account[chosen], "topic": values(table, "topic")[chosen], "words": list_array(starts, inner)}
    )


def is_free(cluster: Ints, grouped: Flags) -> Flags:
    """True for requests outside every content cluster in which a group was found.

    Args:
        cluster: content cluster of each request; -1 where none.
        grouped: True for content clusters in which a group was found.
    """
    inside: Flags = np.append(grouped, False)[cluster]  # the last place stands for -1
    return ~inside


def habits(sample: WordSample) -> sp.csr_array:
    """Accounts x words: 1 where a word is a habit of an account that several accounts have.

    Args:
        sample: the requests.
    """
    request, word = sample.words.nonzero()
    key, times = counted((sample.account[request] * WORD_BUCKETS + word) * TOPICS + sample.topic[request])
    pair, first = np.unique(key // TOPICS, return_index=True)
    topics = np.diff(first, append=len(key))
    uses = np.add.reduceat(times, first) if len(first) else times
    account, word = pair // WORD_BUCKETS, pair % WORD_BUCKETS
    common = sample.words.sum(axis=0)
    expected = sample.requests[account] * common[word]
    habit = (uses >= P.habit_requests) & (topics >= P.habit_requests)
    habit &= uses * len(sample.account) >= P.habit_lift * expected
    holders = np.bincount(word[habit], minlength=WORD_BUCKETS)
    habit &= (holders[word] >= P.min_holders) & (holders[word] <= P.max_account_share * len(sample.names))
    cells = np.ones(int(habit.sum()), np.int32), (account[habit], word[habit])
    return sp.csr_array(cells, shape=(len(sample.names), WORD_BUCKETS))
