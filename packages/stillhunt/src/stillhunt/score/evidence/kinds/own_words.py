"""Rare words that come back within accounts: customers have subjects of their own, workers of one queue do not.

People and firms have subjects of their own: their rare words come back in later conversations. Accounts that draw
prompts from one work queue share each rare word with whoever gets the next item. Where they do, accounts are
exchangeable labels of requests, so the expected number of pairs of requests of one account that share a word follows
from the sizes of the accounts alone.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import GOLDEN_RATIO, Ints, order_of_codes, ranges
from stillhunt.base.parameters import read_parameters
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.held_out import part_of_own
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind

# Share of a group's requests up to which a word is one of its items' and not of its template (templates recur in most
# requests)
_MAX_GROUP_SHARE = 0.05
# The same as a number of requests, where the share is less than that (a small group has few requests)
_MIN_GROUP_REQUESTS = 4
# Share of an account's requests above which a word is taken for the account's own template (each account of an
# operation may get a wording of its own)
_MAX_ACCOUNT_SHARE = 0.3
# Requests from which that share is looked at (two requests that share a word are what is looked for)
_MIN_ACCOUNT_REQUESTS = 3
_MIN_ACCOUNTS = 3  # Accounts from which a group is judged (two accounts can agree by chance)
_MIN_REQUESTS = 20  # Requests from which a group is judged (fewer share hardly any word)
# Pairs, found or expected, from which a group is judged (where no rare word comes back at all, nothing can be compared)
_MIN_PAIRS = 1.0
# share: operations that hand related items to one account, in between the two (work lists are often sorted by subject)
_SORTED_SHARE = 0.1
# accounts: members for each bit that a group may earn (a handful of accounts can have unlike words by chance)
_MEMBERS_PER_BIT = 8.0


class OwnWordParameters(NamedTuple):
    """Parameters of rare words."""

    queue_mean: float
    queue_deviation: float
    honest_mean: float
    honest_deviation: float
    pooled_share: float
    cap_bits: float
    least_bits: float


OWN_WORDS = read_parameters(OwnWordParameters, "score.own_words")


@dataclass(frozen=True)
class WordRecurrence:
    """How often rare words come back within accounts."""

    within: float  # pairs within accounts, each word weighing as often as it could have come back
    expected: float  # the same if accounts drew their requests from one work queue
    error: float  # standard deviation of the log ratio in that case
    # requests, accounts: how many were looked at
    requests: int
    accounts: int

    @property
    def log_ratio(self) -> float:
        """Natural logarithm of within over expected, each with half a pair added."""
        return float(np.log((self.within + 0.5) / (self.expected + 0.5)))


def word_recurrence(account: Ints, begins: Ints, words: Ints, rare: Ints) -> WordRecurrence | None:
    """Compare pairs of requests that share a rare word within accounts with what one work queue gives.

    Args:
        account: account of each request, as small whole numbers.
        begins: where each request's words begin, one more than requests.
        rare: 1 for each code that is rare in the log.

    Returns:
        None where there are too few requests, accounts or pairs.
    """
    sizes = np.bincount(account)
    requests, accounts = int(sizes[sizes >= 2].sum()), int(np.count_nonzero(sizes >= 2))
    if requests < _MIN_REQUESTS or accounts < _MIN_ACCOUNTS:
        return None
    owner = np.repeat(account, np.diff(begins))
    counts = np.bincount(words, minlength=len(rare))
    kept = (rare > 0) & (counts >= 2) & (counts <= max(_MAX_GROUP_SHARE * requests, _MIN_GROUP_REQUESTS))
    kept_pair = kept[words] & (sizes[owner] >= 2)
    pair, times = np.unique(words[kept_pair].astype(np.int64) << 32 | owner[kept_pair], return_counts=True)
    word, owner = pair >> 32, pair & 0xFFFFFFFF
    own_template = (times >= _MIN_ACCOUNT_REQUESTS) & (times > _MAX_ACCOUNT_SHARE * sizes[owner])
    word, times = word[~own_template], times[~own_template].astype(np.float64)
    total = np.bincount(word, weights=times, minlength=len(rare))
    within = float((times * (times - 1.0) / 2.0 / np.maximum(total[word] - 1.0, 1.0)).sum())
    total = total[total >= 2]
    same = float((sizes * (sizes - 1.0))[sizes >= 2].sum() / (requests * (requests - 1.0)))
    expected = float((total / 2.0 * same).sum())
    if max(within, expected) < _MIN_PAIRS:
        return None
    variance = float((total / 2.0 / (total - 1.0)).sum() * same * (1.0 - same))
    return WordRecurrence(within, expected, float(np.sqrt(variance)) / (expected + 0.5), requests, accounts)


def recurrence_bits(found: WordRecurrence, members: int) -> float:
    """log2 likelihood ratio of the log ratio, one work queue against honest accounts, within its caps."""
    drawn = _normal_density(found, OWN_WORDS.queue_mean, OWN_WORDS.queue_deviation)
    between = _normal_density(found, (OWN_WORDS.queue_mean + OWN_WORDS.honest_mean) / 2.0, OWN_WORDS.honest_deviation)
    honest = _normal_density(found, OWN_WORDS.honest_mean, OWN_WORDS.honest_deviation)
    queue = (1.0 - _SORTED_SHARE) * drawn + _SORTED_SHARE * between
    others = OWN_WORDS.pooled_share * drawn + (1.0 - OWN_WORDS.pooled_share) * honest
    most = min(OWN_WORDS.cap_bits, members / _MEMBERS_PER_BIT)
    return float(np.clip(np.log2(queue / others), OWN_WORDS.least_bits, most))


def _normal_density(found: WordRecurrence, mean: float, deviation: float) -> float:
    spread = np.hypot(deviation, found.error)
    return float(np.exp(-0.5 * ((found.log_ratio - mean) / spread) ** 2) / spread) + 1e-12


_REQUESTS_PER_ACCOUNT = 40  # Most requests of one account, chosen by their hash (no account may decide alone)
# Most requests of a group, chosen by their hash (bounds the time; the ratio is known to a few percent from far fewer)
_MAX_REQUESTS = 20_000
_MIN_WORDS = 6  # Words from which a prompt is looked at (a shorter prompt hardly shows a subject)


def _weigh_own_words(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    log, candidate = case.log.requests, case.candidate
    asked = log.first_of_conversation[candidate.rows] & log.first_occurrence[candidate.rows]
    asked &= (log.numbers("words", candidate.rows) >= _MIN_WORDS) & case.own_requests(candidate)
    chosen = np.flatnonzero(asked)
    chosen = chosen[_sample_positions(log.prompt_hash[candidate.rows[chosen]], candidate.row_account[chosen])]
    rows = candidate.rows[chosen]
    begins, words = log.topic_words
    lengths = begins[rows + 1] - begins[rows]
    own = words[ranges(begins[rows], begins[rows + 1])]
    found = word_recurrence(candidate.row_account[chosen], np.append(0, np.cumsum(lengths)), own, log.rare_words)
    if found is None:
        return kind.insufficient({"requests": len(rows)})
    bits = recurrence_bits(found, len(candidate.accounts))
    return kind.finding(
        bits * part_of_own(case) if bits > 0.0 else bits,
        {"accounts": found.accounts, "ratio": float(np.exp(found.log_ratio))},
        rows=rows,
        count=len(rows),
    )


def _sample_positions(hashes: Ints, account: Ints) -> Ints:
    """Positions of at most `requests_per_account` requests an account and `max_requests` in all, by their hashes."""
    key = hashes * GOLDEN_RATIO
    over = np.bincount(account)[account] > _REQUESTS_PER_ACCOUNT
    many = np.flatnonzero(over)
    order = many[np.argsort(key[many], kind="stable")]  # forms of one exercise have one hash
    order = order[order_of_codes(account[order])]
    begins = np.flatnonzero(np.diff(account[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
    over[order[rank < _REQUESTS_PER_ACCOUNT]] = False
    kept: Ints = np.flatnonzero(~over)
    if len(kept) > _MAX_REQUESTS:
        kept = kept[key[kept] <= np.partition(key[kept], _MAX_REQUESTS - 1)[_MAX_REQUESTS - 1]]
        kept = np.sort(kept[np.argsort(key[kept], kind="stable")[:_MAX_REQUESTS]])
    return kept


KIND = declared_kind("own_words", _weigh_own_words, most_bits=OWN_WORDS.cap_bits, least_bits=OWN_WORDS.least_bits)
