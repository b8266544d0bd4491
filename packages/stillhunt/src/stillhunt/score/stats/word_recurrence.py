"""Do rare words come back within accounts more than between them?

People and firms have subjects of their own: their rare words come back in later conversations. Accounts that draw
prompts from one work queue share each rare word with whoever gets the next item. Where they do, accounts are
exchangeable labels of requests, so the expected number of pairs of requests of one account that share a word follows
from the sizes of the accounts alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.base.parameters import judgement, measured, parameter, parameter_table, values_of
from stillhunt.score.stats.arrays import Ints

_CANDIDATES = measured("421 candidates of 11 seeded worlds of two generators, seed 301; no script repeats it")
_LOG = "log ratio"


@parameter_table("score.own_words", "Evidence from rare words that come back within accounts.")
@dataclass(frozen=True)
class OwnWordParameters:
    """Parameters of rare words."""

    max_log_share: float = parameter(
        2e-3,
        unit="share",
        meaning="Share of all requests up to which a word is rare.",
        provenance=judgement("a word in one of 500 requests belongs to a subject, not to a language"),
    )
    max_log_requests: int = parameter(
        5,
        unit="requests",
        meaning="The same as a number of requests, where the share is less than that.",
        provenance=judgement("a small log has few requests"),
    )
    max_group_share: float = parameter(
        0.05,
        unit="share",
        meaning="Share of a group's requests up to which a word is one of its items' and not of its template.",
        provenance=judgement("templates recur in most requests"),
    )
    min_group_requests: int = parameter(
        4,
        unit="requests",
        meaning="The same as a number of requests, where the share is less than that.",
        provenance=judgement("a small group has few requests"),
    )
    max_account_share: float = parameter(
        0.3,
        unit="share",
        meaning="Share of an account's requests above which a word is taken for the account's own template.",
        provenance=judgement("each account of an operation may get a wording of its own"),
    )
    min_account_requests: int = parameter(
        3,
        unit="requests",
        meaning="Requests from which that share is looked at.",
        provenance=judgement("two requests that share a word are what is looked for"),
    )
    requests_per_account: int = parameter(
        40,
        unit="requests",
        meaning="Most requests of one account, chosen by their hash.",
        provenance=judgement("no account may decide alone"),
    )
    max_requests: int = parameter(
        20_000,
        unit="requests",
        meaning="Most requests of a group, chosen by their hash.",
        provenance=judgement("bounds the time; the ratio is known to a few percent from far fewer"),
    )
    min_words: int = parameter(
        6,
        unit="words",
        meaning="Words from which a prompt is looked at.",
        provenance=judgement("a shorter prompt hardly shows a subject"),
    )
    min_accounts: int = parameter(
        3,
        unit="accounts",
        meaning="Accounts from which a group is judged.",
        provenance=judgement("two accounts can agree by chance"),
    )
    min_requests: int = parameter(
        20,
        unit="requests",
        meaning="Requests from which a group is judged.",
        provenance=judgement("fewer share hardly any word"),
    )
    min_pairs: float = parameter(
        1.0,
        unit="pairs",
        meaning="Pairs, found or expected, from which a group is judged.",
        provenance=judgement("where no rare word comes back at all, nothing can be compared"),
    )
    queue_mean: float = parameter(0.1, unit=_LOG, meaning="Mean under one work queue.", provenance=_CANDIDATES)
    queue_deviation: float = parameter(
        0.15, unit=_LOG, meaning="Standard deviation under one work queue.", provenance=_CANDIDATES
    )
    sorted_share: float = parameter(
        0.1,
        unit="share",
        meaning="Operations that hand related items to one account, in between the two.",
        provenance=judgement("work lists are often sorted by subject"),
    )
    honest_mean: float = parameter(1.0, unit=_LOG, meaning="Mean of honest groups.", provenance=_CANDIDATES)
    honest_deviation: float = parameter(
        0.55, unit=_LOG, meaning="Standard deviation of honest groups.", provenance=_CANDIDATES
    )
    pooled_share: float = parameter(
        0.2,
        unit="share",
        meaning="Honest groups that look like one work queue: resellers, classes, users of one public set.",
        provenance=judgement("they are a minority of candidates"),
    )
    cap_bits: float = parameter(
        3.0, unit="bits", meaning="Most bits for a group.", provenance=judgement("resellers and classes look the same")
    )
    members_per_bit: float = parameter(
        8.0,
        unit="accounts",
        meaning="Members for each bit that a group may earn.",
        provenance=judgement("a handful of accounts can have unlike words by chance"),
    )
    least_bits: float = parameter(
        -6.0, unit="bits", meaning="Most bits against.", provenance=judgement("one statistic of many")
    )


P = values_of(OwnWordParameters)


@dataclass(frozen=True)
class WordRecurrence:
    """How often rare words come back within accounts.

    Attributes:
        within: pairs within accounts, each word weighing as often as it could have come back.
        expected: the same if accounts drew their requests from one work queue.
        error: standard deviation of the log ratio in that case.
        requests, accounts: how many were looked at.
    """

    within: float
    expected: float
    error: float
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
    if requests < P.min_requests or accounts < P.min_accounts:
        return None
    owner = np.repeat(account, np.diff(begins))
    counts = np.bincount(words, minlength=len(rare))
    kept = (rare > 0) & (counts >= 2) & (counts <= max(P.max_group_share * requests, P.min_group_requests))
    kept_pair = kept[words] & (sizes[owner] >= 2)
    pair, times = np.unique(words[kept_pair].astype(np.int64) << 32 | owner[kept_pair], return_counts=True)
    word, owner = pair >> 32, pair & 0xFFFFFFFF
    own_template = (times >= P.min_account_requests) & (times > P.max_account_share * sizes[owner])
    word, times = word[~own_template], times[~own_template].astype(np.float64)
    total = np.bincount(word, weights=times, minlength=len(rare))
    within = float((times * (times - 1.0) / 2.0 / np.maximum(total[word] - 1.0, 1.0)).sum())
    total = total[total >= 2]
    same = float((sizes * (sizes - 1.0))[sizes >= 2].sum() / (requests * (requests - 1.0)))
    expected = float((total / 2.0 * same).sum())
    if max(within, expected) < P.min_pairs:
        return None
    variance = float((total / 2.0 / (total - 1.0)).sum() * same * (1.0 - same))
    return WordRecurrence(within, expected, float(np.sqrt(variance)) / (expected + 0.5), requests, accounts)


def recurrence_bits(found: WordRecurrence, members: int) -> float:
    """log2 likelihood ratio of the log ratio, one work queue against honest accounts, within its caps.

    Args:
        found: the recurrence of rare words in a group.
    """
    drawn = _density(found, P.queue_mean, P.queue_deviation)
    between = _density(found, (P.queue_mean + P.honest_mean) / 2.0, P.honest_deviation)
    honest = _density(found, P.honest_mean, P.honest_deviation)
    queue = (1.0 - P.sorted_share) * drawn + P.sorted_share * between
    others = P.pooled_share * drawn + (1.0 - P.pooled_share) * honest
    return float(np.clip(np.log2(queue / others), P.least_bits, min(P.cap_bits, members / P.members_per_bit)))


def _density(found: WordRecurrence, mean: float, deviation: float) -> float:
    spread = np.hypot(deviation, found.error)
    return float(np.exp(-0.5 * ((found.log_ratio - mean) / spread) ** 2) / spread) + 1e-12
