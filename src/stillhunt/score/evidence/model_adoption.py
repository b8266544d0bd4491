"""A new model, taken up by all members at once.

An operation's plan names the model, so that its accounts move together when a better one appears; customers drift.
Reported of campaigns: within a day of a release half of the traffic had moved. The null is what outsiders of the like
volume did on the same day, with honest groups (users of one framework, whose default moves) leaning far to either side.
"""

from __future__ import annotations

import numpy as np

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import Flags, Floats, Ints
from stillhunt.score.context.frame import Frame
from stillhunt.score.context.log_facts import DAY, Launch
from stillhunt.score.evidence.findings import Finding, examples
from stillhunt.score.stats.rates import Spread, part_bits, share_ratio

TOGETHER = 2.5
"""Strength of the spread over honest groups around the outsiders' share: users of one framework move when it does."""
MOVED = Spread(0.6, 4.0)
"""Share of an operation's accounts that have asked for the new model by the end of its first day; reports speak of
nearly half of the traffic."""
PART = 0.3
"""Part of operations that follow a launch within the day."""
LEAST_MEMBERS = 4
CAP = 5.0


def new_model(frame: Frame, candidate: Candidate) -> Finding:
    """Whether the members moved to a newly launched model within its first day more than outsiders like them.

    Args:
        frame: the log.
        candidate: the candidate.

    Returns:
        Mean of the likelihood ratios over the launches seen; 0 bits where the log saw none.
    """
    ratios, seen, told = [], [0], ""
    for launch in frame.launches:
        there = candidate.accounts[launch.volume[candidate.accounts] > 0]
        if len(there) < LEAST_MEMBERS:
            continue
        moved = int(launch.adopted[there].sum())
        usual = _usual(launch, frame.public, there)
        ratios.append(share_ratio(moved, len(there), Spread(usual, TOGETHER), MOVED))
        if ratios[-1] >= max(ratios):
            seen[0] = launch.model
            told = (
                f"{moved} of the {len(there)} accounts at work when a new model appeared asked for it within a day; "
                f"of outsiders as busy {usual:.0%} did"
            )
    if not ratios:
        return Finding("timing", "new_model", "no new model appeared while its accounts were at work", 0.0)
    rows = candidate.rows[frame.model[candidate.rows] == seen[0]]
    rows = rows[frame.time[rows] < min(launch.time for launch in frame.launches if launch.model == seen[0]) + DAY]
    bits = min(part_bits(float(np.mean(ratios)), PART), CAP)
    return Finding("timing", "new_model", told, bits, examples(rows), len(rows))


def _usual(launch: Launch, public: Flags, there: Ints) -> float:
    """Share expected of the members if each were an outsider of its volume on that day."""
    level = launch.level[there]
    aside = public[there]
    size = len(launch.crowd)
    crowd = launch.crowd - np.bincount(level[aside], minlength=size)
    took = launch.took - np.bincount(level[aside & launch.adopted[there]], minlength=size)
    overall = (float(took.sum()) + 1.0) / (float(crowd.sum()) + 2.0)
    # Ten outsiders' worth of the overall share steadies levels that few reach.
    rate: Floats = (took + 10.0 * overall) / (crowd + 10.0)
    return float(rate[level].mean())
