"""New accounts that start where others stop for good.

A pool replaces what it loses. For each stop the next start is compared with the last one, as far as they lie within a
day: starts that have nothing to do with stops are as near on either side (rather before, since a log's accounts start
before they stop, so the null is on the safe side). Stops of one day are one event with one vote, since one ban wave or
one end of term is one coincidence. Where several accounts start every hour, the nearest start tells nothing any more.
"""

from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import Ints
from stillhunt.base.parameters import read_parameters
from stillhunt.base.units import DAY
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind
from stillhunt.score.evidence.kinds.failover import REFUSED
from stillhunt.score.stats.beta_binomial import lean_ratio, least_bits, part_bits

# µs: silence at either end of the log from which an account counts as new, or as stopped for good (after less it may
# have been there before, or come back after)
_MARGIN = 2 * DAY
# µs: time within which the next start and the last one are compared; stops within it are one event (closed pools are
# usually replaced within a day)
_WITHIN = DAY


class ReplacementParameters(NamedTuple):
    """Parameters of the evidence from account replacement."""

    strength: float
    part: float
    cap_bits: float


P = read_parameters(ReplacementParameters, "score.account_replacement")


def _weigh_account_replacement(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    log, members = case.log.requests, case.candidate.accounts
    # Rows of one account need not be in order of time.
    rows, owner = log.of_accounts(members), log.owners(members)
    first, last = np.full(len(members), np.iinfo(np.int64).max), np.zeros(len(members), np.int64)
    np.minimum.at(first, owner, log.time[rows])
    np.maximum.at(last, owner, log.time[rows])
    begin, end = log.span
    starts = np.sort(first[first >= begin + _MARGIN])
    stops = last <= end - _MARGIN
    votes = _count_votes(np.sort(last[stops]), starts)
    ahead, trials = int((votes > 0).sum()), int((votes != 0).sum())
    closing = rows[(log.time[rows] == last[owner]) & stops[owner]]
    figures = {
        "ahead": ahead,
        "trials": trials,
        "stops": int(np.count_nonzero(stops)),
        "refused": int(np.isin(log.numbers("status", closing), REFUSED).sum()),
        "starts": len(starts),
    }
    bits = part_bits(lean_ratio(ahead, trials, P.strength), P.part)
    return kind.finding(bits, figures, rows=closing, count=len(closing))


def _count_votes(stops: Ints, starts: Ints) -> Ints:
    """For each run of stops within a day of its first: whether the next start is mostly nearer than the last one."""
    if not len(starts):
        return np.zeros(0, np.int64)
    at = np.searchsorted(starts, stops, side="right")
    wait = np.where(at < len(starts), starts[np.minimum(at, len(starts) - 1)] - stops, 2 * _WITHIN)
    since = np.where(at > 0, stops - starts[np.maximum(at - 1, 0)], 2 * _WITHIN)
    leans = np.sign(np.minimum(since, _WITHIN) - np.minimum(wait, _WITHIN))
    votes: list[int] = []
    until = int(np.iinfo(np.int64).min)
    for stop, lean in zip(stops.tolist(), leans.tolist(), strict=True):
        if stop >= until:
            votes.append(0)
            until = stop + _WITHIN
        votes[-1] += lean
    return np.sign(np.array(votes, np.int64))


KIND = declared_kind(
    "account_replacement", _weigh_account_replacement, most_bits=P.cap_bits, least_bits=least_bits(P.part)
)
