"""Rare words that come back within accounts: customers have subjects of their own, workers of one queue do not."""

from __future__ import annotations

import numpy as np

from stillhunt.base.arrays import GOLDEN_RATIO
from stillhunt.base.parameters import measured
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.held_out import part_of_own
from stillhunt.score.evidence.kind import EvidenceKind, NeededColumn, Null, Wording
from stillhunt.score.stats.arrays import Ints, ranges
from stillhunt.score.stats.word_recurrence import P, recurrence_bits, word_recurrence

_REQUESTS_PER_ACCOUNT = 40  # Most requests of one account, chosen by their hash (no account may decide alone)
# Most requests of a group, chosen by their hash (bounds the time; the ratio is known to a few percent from far fewer)
_MAX_REQUESTS = 20_000
_MIN_WORDS = 6  # Words from which a prompt is looked at (a shorter prompt hardly shows a subject)


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    log, candidate = case.log.requests, case.candidate
    asked = log.first_of_conversation[candidate.rows] & log.first_occurrence[candidate.rows]
    asked &= log.numbers("words", candidate.rows) >= _MIN_WORDS
    chosen = np.flatnonzero(asked)
    chosen = chosen[_sampled(log.prompt_hash[candidate.rows[chosen]], candidate.row_account[chosen])]
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


def _sampled(hashes: Ints, account: Ints) -> Ints:
    """Positions of at most `requests_per_account` requests an account and `max_requests` in all, by their hashes."""
    key = hashes * GOLDEN_RATIO
    order = np.lexsort((key, account))
    begins = np.flatnonzero(np.diff(account[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
    kept: Ints = np.sort(order[rank < _REQUESTS_PER_ACCOUNT])
    if len(kept) > _MAX_REQUESTS:
        kept = np.sort(kept[np.argsort(key[kept], kind="stable")[:_MAX_REQUESTS]])
    return kept


KIND = EvidenceKind(
    name="own_words",
    family="queue",
    order=15,
    measures="rare words that come back in other conversations of the same account, against other accounts",
    null=Null(
        "exchangeable accounts for a work queue; honest groups of seeded worlds, frozen",
        measured("candidates of two generators; table score.own_words"),
    ),
    columns=(NeededColumn("prompt", "one work queue that many accounts share"),),
    calls="even",
    most_bits=P.cap_bits,
    least_bits=P.least_bits,
    wording=Wording(
        "Rare words come back within its accounts no more than between them, as in prompts drawn from one work queue: "
        "{ratio:.2f} times as often; unrelated accounts: about 2.7 times",
        "Its accounts have rare words of their own, as separate customers do: they come back within accounts "
        "{ratio:.2f} times as often as between them",
        "Too few conversations ({requests:#}) to compare the rare words of its accounts",
    ),
    members=None,
    weigh=_weigh,
)
