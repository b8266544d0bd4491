"""Recurring words of accounts: words that one of them uses on several subjects, and far more often than others do.

Words are the topic words of the sketches. Requests that belong to a template with a group say nothing new and are left
out, as are later turns of a conversation, which keep its words.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from stillhunt.base.arrays import GOLDEN_RATIO, order_of_codes
from stillhunt.base.dataset import Dataset
from stillhunt.base.parameters import read_parameters
from stillhunt.link.requests.arrays import Flags, Ints, list_array, lists, values
from stillhunt.link.topics.topic_word_kernels import words_on_several_topics
from stillhunt.link.topics.topics import WORD_BUCKETS

# Accounts that share a recurring word below which it ties nobody (a block needs five accounts, of whom one may lack it)
MIN_HOLDERS = 4
# Share of accounts above which a recurring word, or a block, is everybody's (no campaign is a third of all accounts
# without being seen elsewhere)
STYLE_MAX_ACCOUNT_SHARE = 0.3


class StyleParameters(NamedTuple):
    """Wording styles."""

    recurring_lift: float
    min_lift: float
    holder_share: float
    max_concentration: float
    max_narrowness: float
    min_words: int
    matching_share: float
    max_chance: float


STYLE_SEARCH = read_parameters(StyleParameters, "link.style")


# Most accounts in which recurring words are sought; of more, a sample by a fixed hash (bounds time and memory)
_MAX_ACCOUNTS = 20_000
# Requests of one account that are looked at, roughly; of more, a sample by their prompts (measured: worlds of rung 7
# and 0 of two generators, seeds of docs/adr/0024; no script repeats it)
_ACCOUNT_REQUESTS = 30
_MIN_REQUESTS = 5  # Requests from which an account can show a recurring word (fewer show none)
# Requests of the sample below which a word is no word of a style (a style needs words that several accounts repeat)
_MIN_WORD_REQUESTS = 8
_MAX_WORD_SHARE = 0.2  # Share of requests above which a word is everybody's (words of every text)


_ALL = (1 << 64) - 1
WORD_SAMPLE = pa.schema([("account", pa.int32()), ("topic", pa.int8()), ("words", pa.list_(pa.uint16()))])
WORD_SAMPLE_COLUMNS = (
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
    """Requests in which recurring words are sought, by account."""

    codes: Ints  # words that may be of a style, ascending
    begins: Ints  # where each account's requests begin, one more than accounts
    topic: Ints
    words: sp.csr_array  # requests x words, 1 where a request has a word

    @property
    def accounts(self) -> int:
        """Number of accounts."""
        return len(self.begins) - 1

    @property
    def requests(self) -> Ints:
        """Requests of each account."""
        return np.diff(self.begins)

    @property
    def word_requests(self) -> Ints:
        """Requests that have each word."""
        return np.bincount(self.words.indices, minlength=len(self.codes))

    @property
    def owner(self) -> Ints:
        """Account of each request."""
        return np.repeat(np.arange(self.accounts), self.requests)


def word_sample(rows: Dataset, grouped: Flags, accounts: int) -> WordSample:
    """Requests of a bounded number of accounts, a bounded number of each."""
    limit = np.uint64(min(int(_MAX_ACCOUNTS / max(accounts, 1) * 2.0**64), _ALL))
    found = rows.gather(_sample_word_requests, WORD_SAMPLE, (grouped, limit), WORD_SAMPLE_COLUMNS).combine_chunks()
    account = values(found, "account")
    order = order_of_codes(account)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    begins, words = lists(found, "words")
    used = np.bincount(words, minlength=WORD_BUCKETS)
    common = (used >= _MIN_WORD_REQUESTS) & (used <= _MAX_WORD_SHARE * len(account))
    codes = np.flatnonzero(common)
    code = np.cumsum(common, dtype=np.int32) - 1
    kept = common[words]
    request = np.repeat(place, np.diff(begins))[kept]
    cells = sp.coo_array((np.ones(len(request), np.int32), (request, code[words[kept]])), (len(account), len(codes)))
    edges = np.flatnonzero(np.diff(account[order], prepend=-1, append=-2))  # one edge where there is no request
    topic = values(found, "topic")[order].astype(np.int64)
    return WordSample(codes, edges, topic, cells.tocsr())


def _sample_word_requests(table: pa.Table, context: Any) -> pa.Table:
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
    share = np.minimum(_ACCOUNT_REQUESTS / np.maximum(size, 1), 1.0)[owner]
    drawn = (values(table, "prompt_hash")[chosen] * GOLDEN_RATIO).astype(np.float64) <= share * 2.0**64
    chosen = chosen[drawn & (size[owner] >= _MIN_REQUESTS)]
    begins, words = lists(table, "topic_words")
    lengths = np.diff(begins)[chosen]
    starts = np.append(0, np.cumsum(lengths)).astype(np.int32)
    inner = words[np.repeat(begins[chosen] - starts[:-1], lengths) + np.arange(int(starts[-1]))]
    return pa.table(
        {"account": account[chosen], "topic": values(table, "topic")[chosen], "words": list_array(starts, inner)}
    )


def is_free(cluster: Ints, grouped: Flags) -> Flags:
    """True for requests outside every content cluster in which a group was found."""
    inside: Flags = np.append(grouped, False)[cluster]  # the last place stands for -1
    return ~inside


def recurring_words(sample: WordSample) -> sp.csr_array:
    """Accounts x words: 1 where a word is a recurring word of an account that several accounts have."""
    width = len(sample.codes)
    # On two subjects, so in two requests (measured: worlds of rung 7 and 0 of two generators, seeds of docs/adr/0024;
    # no script repeats it)
    found = words_on_several_topics(sample.begins, sample.words.indptr, sample.words.indices, sample.topic, width)
    account, word, uses = (column.astype(np.int64) for column in found)
    expected = sample.requests[account] * sample.word_requests[word]
    recurs = uses * len(sample.topic) >= STYLE_SEARCH.recurring_lift * expected
    holders = np.bincount(word[recurs], minlength=width)
    recurs &= (holders[word] >= MIN_HOLDERS) & (holders[word] <= STYLE_MAX_ACCOUNT_SHARE * sample.accounts)
    cells = np.ones(int(recurs.sum()), np.int32), (account[recurs], word[recurs])
    return sp.csr_array(cells, shape=(sample.accounts, width))
