"""What the others do when one account is refused.

A dispatcher that meets a limit (429) or a ban (403) sends the task through another account, within minutes. Two nulls
that need no model of anybody's hours: requests that were *answered*, whose prompt may also come from another account
(a benchmark, a class); and the minutes *before* the refusal, which any rhythm fills like the minutes after.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import Flags, Ints
from stillhunt.score.context.frame import Frame
from stillhunt.score.evidence.findings import Finding, examples
from stillhunt.score.stats.rates import Spread, lean_ratio, part_bits, share_ratio

MINUTE = 60_000_000
REFUSED = (403, 429)
RESENT_WITHIN = 60 * MINUTE
"""A refused task goes back to the queue; leases of an hour are long."""
JUMP_WITHIN = 5 * MINUTE
LEAST_REFUSALS = 5
USUAL_STRENGTH = 20.0
"""Refused and answered requests of honest groups are resent by others alike; this much they may differ by group."""
USUAL_FLOOR = 0.02
RESENT = Spread(0.5, 2.0)
PART = 0.3
"""Part of operations whose refused tasks go to other accounts; the rest wait and try again themselves."""
JUMP_STRENGTH = 600.0
"""Honest groups keep to one half within 0.02 beyond chance. 152 of them (288 times after, 313 before) showed no spread
of their own, but a crowd that arrives or leaves together would lean a little."""
MOST_EVENTS = 4_000
CAP = 6.0


def failovers(frame: Frame, candidate: Candidate) -> Finding:
    """Refused prompts that another member sends, and members that begin when another is refused.

    Args:
        frame: the log.
        candidate: the candidate.

    Returns:
        Bits of the mean of both likelihood ratios, for they tell of one habit; 0 where the log has no status or the
        members met few refusals.
    """
    refused = np.isin(frame.numbers("status", candidate.rows), REFUSED)
    if refused.sum() < LEAST_REFUSALS:
        return Finding("timing", "failover", "its accounts met too few refusals to tell", 0.0)
    ways = (_resent(frame, candidate, refused), _jumps(frame, candidate, refused))
    ratio = float(np.mean([way[0] for way in ways]))
    _, statement, rows = max(ways, key=lambda way: way[0])
    return Finding("timing", "failover", statement, min(part_bits(ratio, PART), CAP), examples(rows), len(rows))


def _resent(frame: Frame, candidate: Candidate, refused: Flags) -> tuple[float, str, Ints]:
    whole, time = frame.whole[candidate.rows], frame.time[candidate.rows]
    by_other = _next_by_other(whole, candidate.row_account, time) <= RESENT_WITHIN
    known = whole != 0
    hits, trials = int((by_other & refused & known).sum()), int((refused & known).sum())
    others, answered = int((by_other & ~refused & known).sum()), int((~refused & known).sum())
    usual = (others + USUAL_FLOOR * USUAL_STRENGTH) / (answered + USUAL_STRENGTH)
    statement = (
        f"{hits} of {trials} refused prompts came from another of its accounts within the hour; of answered ones "
        f"{others / max(answered, 1):.1%} did"
    )
    ratio = share_ratio(hits, trials, Spread(usual, USUAL_STRENGTH), RESENT)
    return ratio, statement, candidate.rows[by_other & refused & known]


def _next_by_other(whole: npt.NDArray[np.uint64], account: Ints, time: Ints) -> Ints:
    """Microseconds until another account sends the same prompt; a very long time where none does."""
    order = np.lexsort((account, time, whole))
    last = len(order) - 1
    text, sender, when = whole[order], account[order], time[order]
    # End of the run of one sender within one prompt: what follows it is the next request by another.
    ends = np.flatnonzero(np.r_[(text[1:] != text[:-1]) | (sender[1:] != sender[:-1]), True])
    follows = ends[np.searchsorted(ends, np.arange(len(order)))] + 1
    inside = np.minimum(follows, last)
    same = (follows <= last) & (text[inside] == text)
    wait = np.full(len(order), np.iinfo(np.int64).max)
    wait[order[same]] = when[inside[same]] - when[same]
    return wait


def _jumps(frame: Frame, candidate: Candidate, refused: Flags) -> tuple[float, str, Ints]:
    time = frame.time[candidate.rows]
    order = np.lexsort((candidate.row_account, time))
    when, who = time[order], candidate.row_account[order]
    events = _apart(time[refused], candidate.row_account[refused])
    after = before = 0
    starts = np.array([start for start, _ in events], np.int64)
    bounds = starts[:, None] + np.array([-JUMP_WITHIN, 0, 1, JUMP_WITHIN + 1])
    places = np.searchsorted(when, bounds.ravel()).reshape(-1, 4).tolist()
    for (_, account), (low, middle, up, high) in zip(events, places, strict=True):
        earlier, later = set(who[low:middle].tolist()) - {account}, set(who[up:high].tolist()) - {account}
        after += len(later - earlier)
        before += len(earlier - later)
    statement = (
        f"in the five minutes after one of {len(events)} refusals another account began {after} times, and had begun "
        f"and left in the five before {before} times"
    )
    return lean_ratio(after, after + before, JUMP_STRENGTH), statement, candidate.rows[refused]


def _apart(time: Ints, account: Ints) -> list[tuple[int, int]]:
    """Refusals of each account that are no retries of one another, evenly thinned where there are very many."""
    order = np.lexsort((time, account))
    kept: list[tuple[int, int]] = []
    for when, who in zip(time[order].tolist(), account[order].tolist(), strict=True):
        if not kept or kept[-1][1] != who or when - kept[-1][0] > 2 * JUMP_WITHIN:
            kept.append((when, who))
    step = -(-len(kept) // MOST_EVENTS)
    return kept[::step] if step else kept
