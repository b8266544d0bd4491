"""The budget of false alarms over all looks: what the hunts of the last 30 days may have cost, and what is left.

Each hunt asks so many bits of a campaign that the expected number of honest groups which rise above the bar in 30 days
of looks stays within the setting (`score/verdict/budget.py`). The number is that of all looks together, so a watch may
stop, or act, at any of them. What a stretch between two hunts costs is its share of 30 days, times the expected number
at the bar of the earlier hunt.

The number of true campaigns does not enter. A bar for the share of false ones among all (e-BH) would fall when many
campaigns run: whoever runs a few loud ones would lower it for everybody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stillhunt.base.units import DAY
from stillhunt.score import expected_false

PERIOD_DAYS = 30.0


@dataclass(frozen=True)
class Look:
    """One hunt, as far as the budget goes.

    Attributes:
        at: its time, microseconds since 1970.
        required_bits: bits, prior excluded, that it asked of the verdict act.
    """

    at: int
    accounts: int
    days: float
    required_bits: float


@dataclass(frozen=True)
class Ledger:
    """What the looks of the last 30 days cost.

    Attributes:
        allowed: false campaigns allowed in 30 days.
        spent: expected number of false campaigns in them so far, at most.
        left: what is allowed, less what is spent.
    """

    allowed: float
    spent: float
    left: float
    looks: int


def ledger(looks: Sequence[Look], now: int, allowed: float) -> Ledger:
    """What the looks of the last 30 days cost.

    Args:
        now: the end of the 30 days, microseconds since 1970.
        allowed: false campaigns allowed in 30 days (score.false_campaigns_per_month).

    Returns:
        The ledger. The stretch after the latest hunt counts up to `now`, since its campaigns still stand.
    """
    start = now - int(PERIOD_DAYS * DAY)
    past = sorted((look for look in looks if look.at <= now), key=lambda look: look.at)
    ends = [*(look.at for look in past[1:]), now][: len(past)]
    spent = sum(
        max(0, end - max(look.at, start))
        / (PERIOD_DAYS * DAY)
        * expected_false(look.required_bits, look.accounts, look.days)
        for look, end in zip(past, ends, strict=True)
    )
    inside = sum(look.at >= start for look in past)
    return Ledger(allowed, round(spent, 6), round(allowed - spent, 6), inside)
