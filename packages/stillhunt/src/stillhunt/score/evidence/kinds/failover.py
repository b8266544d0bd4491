"""What the other members do when one is refused.

A dispatcher that meets a limit (429) or a ban (403) sends the task through another account, within minutes. Two nulls
that need no model of anybody's hours: requests that were *answered*, whose prompt may also come from another account
(a benchmark, a class); and the minutes *before* the refusal, which any rhythm fills like the minutes after.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from stillhunt.base.arrays import Flags, Hashes, Ints
from stillhunt.base.parameters import read_parameters
from stillhunt.base.units import MINUTE
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind
from stillhunt.score.stats.beta_binomial import BetaPrior, lean_ratio, least_bits, part_bits, share_ratio

REFUSED = (403, 429)
"""HTTP status of a ban and of a rate limit."""


# µs: time within which a refused prompt counts as sent again by another member (a refused task goes back to the queue;
# leases of an hour are long)
_RESENT_WITHIN = 60 * MINUTE
# µs: time after a refusal within which another member counts as started (a dispatcher turns to the next account at
# once)
_START_WITHIN = 5 * MINUTE
_MIN_REFUSALS = 5  # Refusals from which failover is judged (fewer tell nothing)
# Strength of the beta distribution around the share of answered prompts that others send, too (in honest groups refused
# and answered prompts are alike in this, up to so much)
_USUAL_STRENGTH = 20.0
# Share of answered prompts that others send, before any is counted (retries by another account of one person)
_USUAL_FLOOR = 0.02
_RESENT_STRENGTH = 2.0  # Strength of that distribution (operations differ)
_MOST_EVENTS = 4000  # Refusals that are looked at, evenly thinned (bounds the work)


class FailoverParameters(NamedTuple):
    """Parameters of the evidence from failover."""

    resent_mean: float
    start_strength: float
    part: float
    cap_bits: float


P = read_parameters(FailoverParameters, "score.failover")


@dataclass(frozen=True)
class _Way:
    """One way in which failover shows: its likelihood ratio, which variant says it, figures, and the requests."""

    ratio: float
    variant: int
    figures: dict[str, Any]
    rows: Ints


def _weigh_failover(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    refused = np.isin(case.log.requests.numbers("status", case.candidate.rows), REFUSED)
    if refused.sum() < _MIN_REFUSALS:
        return None
    ways = (_count_resent(case.log, case.candidate, refused), _count_started(case.log, case.candidate, refused))
    # The mean of both ratios, since both show one rule.
    ratio = float(np.mean([way.ratio for way in ways]))
    shown = max(ways, key=lambda way: way.ratio)
    bits = part_bits(ratio, P.part)
    return kind.finding(bits, shown.figures, rows=shown.rows, count=len(shown.rows), variant=shown.variant)


def _count_resent(log: ScoredLog, candidate: Candidate, refused: Flags) -> _Way:
    """Refused prompts that another member sends."""
    prompt, time = log.requests.exact_prompt[candidate.rows], log.requests.time[candidate.rows]
    by_other = _next_by_other(prompt, candidate.row_account, time) <= _RESENT_WITHIN
    known = prompt != 0
    hits, trials = int((by_other & refused & known).sum()), int((refused & known).sum())
    others, answered = int((by_other & ~refused & known).sum()), int((~refused & known).sum())
    usual = (others + _USUAL_FLOOR * _USUAL_STRENGTH) / (answered + _USUAL_STRENGTH)
    resent = BetaPrior(P.resent_mean, _RESENT_STRENGTH)
    return _Way(
        share_ratio(hits, trials, BetaPrior(usual, _USUAL_STRENGTH), resent),
        0,
        {"hits": hits, "trials": trials, "usual": others / max(answered, 1)},
        candidate.rows[by_other & refused & known],
    )


def _next_by_other(prompt: Hashes, account: Ints, time: Ints) -> Ints:
    """Microseconds until another account sends the same prompt; a very long time where none does."""
    order = np.lexsort((account, time, prompt))
    last = len(order) - 1
    text, sender, when = prompt[order], account[order], time[order]
    # End of the run of one sender within one prompt: what follows it is the next request by another.
    ends = np.flatnonzero(np.r_[(text[1:] != text[:-1]) | (sender[1:] != sender[:-1]), True])
    follows = ends[np.searchsorted(ends, np.arange(len(order)))] + 1
    inside = np.minimum(follows, last)
    same = (follows <= last) & (text[inside] == text)
    wait = np.full(len(order), np.iinfo(np.int64).max)
    wait[order[same]] = when[inside[same]] - when[same]
    return wait


def _count_started(log: ScoredLog, candidate: Candidate, refused: Flags) -> _Way:
    """Members that start when another is refused, against those that were active before and stopped."""
    time = log.requests.time[candidate.rows]
    order = np.lexsort((candidate.row_account, time))
    when, who = time[order], candidate.row_account[order]
    events = _refusals_apart(time[refused], candidate.row_account[refused])
    after = before = 0
    starts = np.array([start for start, _ in events], np.int64)
    bounds = starts[:, None] + np.array([-_START_WITHIN, 0, 1, _START_WITHIN + 1])
    places = np.searchsorted(when, bounds.ravel()).reshape(-1, 4).tolist()
    for (_, account), (low, middle, up, high) in zip(events, places, strict=True):
        earlier, later = set(who[low:middle].tolist()) - {account}, set(who[up:high].tolist()) - {account}
        after += len(later - earlier)
        before += len(earlier - later)
    return _Way(
        lean_ratio(after, after + before, P.start_strength),
        1,
        {"refusals": len(events), "after": after, "before": before},
        candidate.rows[refused],
    )


def _refusals_apart(time: Ints, account: Ints) -> list[tuple[int, int]]:
    """Refusals of each account that are no retries of one another, evenly thinned where there are very many."""
    order = np.lexsort((time, account))
    kept: list[tuple[int, int]] = []
    for when, who in zip(time[order].tolist(), account[order].tolist(), strict=True):
        if not kept or kept[-1][1] != who or when - kept[-1][0] > 2 * _START_WITHIN:
            kept.append((when, who))
    step = -(-len(kept) // _MOST_EVENTS)
    return kept[::step] if step else kept


KIND = declared_kind("failover", _weigh_failover, most_bits=P.cap_bits, least_bits=least_bits(P.part))
