"""How many bits a campaign needs so that false ones stay within what the operator allows.

The score answers "how sure is this one?"; the budget answers "how many honest groups would look as sure in a month of
looking?". The second grows with the log: a search among a million accounts meets odder strangers than one among a
thousand. The null is that of the whole search: candidates which the hunt finds in honest worlds, their bits as they
come out of it, whatever their cause.

Above a high level the number of honest candidates falls off exponentially (peaks over threshold: Pickands 1975, Davison
and Smith 1990; a fitted tail of the worlds is lighter, so this errs towards caution). Hourly looks at one log see one
group again and again; what counts are the distinct excursions above the bar (Leadbetter 1983, Smith and Weissman 1994),
measured by hunting every hour. Both figures enter as upper 95 % bounds. `benchmarks/quality/budget.py` measures them
again and prints the constants below.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np
import pyarrow as pa

from stillhunt.base.config import ScoreSettings
from stillhunt.score.context.coding import Ints

DAY = 24 * 3_600_000_000


@dataclass(frozen=True)
class SearchNull:
    """Honest candidates above high levels of bits.

    Attributes:
        level: bits (prior excluded) from which the tail is exponential.
        per_thousand: honest candidates above that level at one look, for each thousand accounts of the log.
        scale: bits over which their number falls by a factor of e.
        days: length of the logs it was measured on.
        rate_growth, scale_growth: powers of the log's length over `days` by which rate and scale grow.
        month: distinct groups above a bar in 30 days of hourly looks, for each that stands above it at one look.
    """

    level: float
    per_thousand: float
    scale: float
    days: float
    rate_growth: float
    scale_growth: float
    month: float


HONEST_SEARCH = SearchNull(
    level=5.0, per_thousand=1.03, scale=1.71, days=14.0, rate_growth=1.73, scale_growth=0.29, month=40.0
)
"""Upper bounds from 10 worlds of 14 days and 4 of 28 (2,000 accounts each). Of `month` only 180 hourly looks at one
world are measured (bound 16); it is set above that for the days that were not looked at. More worlds and the whole
month make the bounds narrower: these ask too much of a campaign rather than too little."""


@dataclass(frozen=True)
class Budget:
    """What the budget asks of a campaign in one log.

    Attributes:
        false_campaigns_per_month: false campaigns that the operator allows in 30 days.
        accounts: accounts of the log.
        days: from its first to its last request.
        required_bits: bits, prior excluded, that the verdict act needs.
    """

    false_campaigns_per_month: float
    accounts: int
    days: float
    required_bits: float


def false_alarm_budget(accounts: int, times: Ints, settings: ScoreSettings) -> Budget:
    """What the settings' budget asks of a campaign in a log.

    Args:
        accounts: accounts of the log.
        times: times of its requests, microseconds since 1970, in any order.
        settings: the budget.
    """
    days = round(float(np.ptp(times)) / DAY, 2) if len(times) else 0.0
    allowed = settings.false_campaigns_per_month
    return Budget(allowed, accounts, days, round(required_bits(accounts, days, allowed), 3))


def log_budget(totals: pa.Table, settings: ScoreSettings) -> Budget:
    """What the settings' budget asks of a campaign in a log.

    Args:
        totals: TOTALS of the log.
        settings: the budget.
    """
    ends = [totals.column(name).cast(pa.int64()).to_numpy() for name in ("first_seen", "last_seen")]
    return false_alarm_budget(totals.num_rows, np.concatenate(ends), settings)


def required_bits(accounts: int, days: float, allowed: float, null: SearchNull = HONEST_SEARCH) -> float:
    """Bits that keep the expected number of false campaigns in 30 days of hourly looks within what is allowed.

    Args:
        accounts: accounts of the log, 0 or more.
        days: its length.
        allowed: false campaigns in 30 days, above 0.
        null: what the search finds among honest accounts.

    Returns:
        Bits, prior excluded; never below the level from which the null is known.
    """
    expected = expected_false(null.level, accounts, days, null)
    return null.level + _scale(days, null) * log(max(expected / allowed, 1.0))


def expected_false(bits: float, accounts: int, days: float, null: SearchNull = HONEST_SEARCH) -> float:
    """Expected number of distinct honest groups that rise above so many bits in 30 days of hourly looks.

    Args:
        bits: the bar, prior excluded, at or above the null's level.
        accounts: accounts of the log.
        days: its length; the days of the null at least, for shorter logs were not found to be safer.
        null: what the search finds among honest accounts.
    """
    at_level = null.month * null.per_thousand * accounts / 1000.0 * _growth(days, null, null.rate_growth)
    return at_level * exp((null.level - bits) / _scale(days, null))


def _scale(days: float, null: SearchNull) -> float:
    return null.scale * _growth(days, null, null.scale_growth)


def _growth(days: float, null: SearchNull, power: float) -> float:
    return exp(power * log(max(days / null.days, 1.0)))
