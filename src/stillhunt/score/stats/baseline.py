"""What honest accounts look like: frozen figures, measured, not learned from the log that is judged.

A baseline learned from the judged log is one that a large campaign moves. These were set from the honest accounts of
seeded worlds of two generators (the indices stand beside each). A log's own traffic enters only where the accounts
outside the judged group are more alike than these say, and then only in the group's favour (`outsiders.py`). Spread is
the standard deviation of the logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Overdispersion:
    """Intra-class correlation of one view, in honest groups and in dealt traffic.

    Attributes:
        honest_median, honest_spread: lognormal over honest groups that share a content cluster.
        dealt_median, dealt_spread: the same where one queue feeds all; not zero, for no queue is perfectly mixed.
        dealt_share: share of harvesting operations that deal this view at random at all.
        noise: extra standard deviation of the log index, for what the model leaves out.
    """

    honest_median: float
    honest_spread: float
    dealt_median: float
    dealt_spread: float
    dealt_share: float
    noise: float


TOPICS = Overdispersion(0.03, 1.6, 3e-4, 1.2, 0.95, 0.03)
"""Topic mixtures: apps and framework users 0.04-0.09, chat 0.04, seats 0.018, power users 0.007."""
TIMES = Overdispersion(0.15, 1.2, 2e-3, 1.2, 0.5, 0.05)
"""Activity in 12-hour bins: bursts of honest accounts 0.08-0.7; many operations keep human hours instead."""
LOADS = Overdispersion(0.7, 0.9, 0.02, 1.4, 0.75, 0.15)
"""Requests per account: honest loads spread by 0.8 of their mean (0.4-2), a queue's by 0.1-0.3, with leases and
outages."""
CUSTOMER_LOAD_SPREAD = 1.3
"""Standard deviation of the log of honest accounts' loads around the middle of their group."""
WORKER_LOAD_SPREAD = 0.6
"""The same of workers; a queue gives 0.1-0.3, late joiners and early bans widen it."""
PLAN_LOAD_SPREAD = 0.3
"""The same of workers who were found by their work: that of the law that found them."""
CUSTOMER_SLICE_SPREADS = (0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0)
"""Standard deviations of the log of honest bare slices' loads that are tried; 1.0 and 1.3-1.65 in worlds of two
generators. One frozen value gave honest crowds of another spread up to 20 bits."""
