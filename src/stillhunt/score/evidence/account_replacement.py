"""New accounts that begin where others stop for good.

A pool replaces what it loses. For each stop the next start is compared with the last one, as far as they lie within a
day: starts that have nothing to do with stops are as near on either side (before rather, since a log's accounts begin
before they end, so the null is on the safe side). Stops of one day are one event with one vote, for one ban wave or one
end of term is one coincidence. Where several accounts begin every hour, the nearest start tells nothing any more.
"""

from __future__ import annotations

import numpy as np

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import Ints
from stillhunt.score.context.frame import Frame
from stillhunt.score.context.log_facts import DAY
from stillhunt.score.evidence.failover import REFUSED
from stillhunt.score.evidence.findings import Finding, examples
from stillhunt.score.stats.rates import lean_ratio, part_bits

MARGIN = 2 * DAY
"""An account that is silent at either end of the log for less may have been there before, or come back after."""
STRENGTH = 10.0
"""Honest groups keep to one half within 0.15."""
PART = 0.3
"""Part of operations that lose accounts and replace them while the log runs."""
CAP = 5.0


def take_overs(frame: Frame, candidate: Candidate) -> Finding:
    """Whether members begin within a day after others stop, and sooner than chance puts it.

    Args:
        frame: the log.
        candidate: the candidate.

    Returns:
        0 bits where nobody stops and begins while the log runs.
    """
    # Rows of one account need not be in order of time.
    rows = frame.rows_of(candidate.accounts)
    loads = frame.first[candidate.accounts + 1] - frame.first[candidate.accounts]
    owner = np.repeat(np.arange(len(candidate.accounts)), loads)
    first, last = np.full(len(candidate.accounts), np.iinfo(np.int64).max), np.zeros(len(candidate.accounts), np.int64)
    np.minimum.at(first, owner, frame.time[rows])
    np.maximum.at(last, owner, frame.time[rows])
    begin, end = frame.span
    starts = np.sort(first[first >= begin + MARGIN])
    stopped = np.flatnonzero(last <= end - MARGIN)
    votes = _votes(np.sort(last[stopped]), starts)
    ahead, trials = int((votes > 0).sum()), int((votes != 0).sum())
    closes = last <= end - MARGIN
    closing = rows[(frame.time[rows] == last[owner]) & closes[owner]]
    barred = int(np.isin(frame.numbers("status", closing), REFUSED).sum())
    return Finding(
        "timing",
        "take_over",
        f"on {ahead} of {trials} days on which accounts stopped for good, another began within the day after, sooner "
        f"than one had begun before ({len(stopped)} stops, {barred} of them with a refusal; {len(starts)} starts)",
        min(part_bits(lean_ratio(ahead, trials, STRENGTH), PART), CAP),
        examples(closing),
        len(closing),
    )


def _votes(stops: Ints, starts: Ints) -> Ints:
    """For each run of stops within a day of its first: whether the next start is mostly nearer than the last one."""
    if not len(starts):
        return np.zeros(0, np.int64)
    at = np.searchsorted(starts, stops, side="right")
    wait = np.where(at < len(starts), starts[np.minimum(at, len(starts) - 1)] - stops, 2 * DAY)
    since = np.where(at > 0, stops - starts[np.maximum(at - 1, 0)], 2 * DAY)
    leans = np.sign(np.minimum(since, DAY) - np.minimum(wait, DAY))
    votes: list[int] = []
    until = int(np.iinfo(np.int64).min)
    for stop, lean in zip(stops.tolist(), leans.tolist(), strict=True):
        if stop >= until:
            votes.append(0)
            until = stop + DAY
        votes[-1] += lean
    return np.sign(np.array(votes, np.int64))
