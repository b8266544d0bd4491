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

from dataclasses import dataclass
from math import exp, log
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from stillhunt.base.arrays import Ints
from stillhunt.base.config import ScoreSettings
from stillhunt.base.parameters import read_parameters
from stillhunt.base.units import DAY


class SearchNull(NamedTuple):
    """Honest candidates above high levels of bits; more worlds would make these bounds narrower."""

    level: float
    per_thousand: float
    scale: float
    days: float
    rate_growth: float
    scale_growth: float
    month: float


HONEST_SEARCH = read_parameters(SearchNull, "score.false_alarms")


@dataclass(frozen=True)
class Budget:
    """What the budget asks of a campaign in one log."""

    false_campaigns_per_month: float  # false campaigns that the operator allows in 30 days
    accounts: int
    days: float
    required_bits: float  # bits, prior excluded, that the verdict act needs


def false_alarm_budget(accounts: int, times: Ints, settings: ScoreSettings) -> Budget:
    """What the settings' budget asks of a campaign in a log.

    Args:
        times: times of its requests, microseconds since 1970, in any order.
    """
    days = round(float(np.ptp(times)) / DAY, 2) if len(times) else 0.0
    allowed = settings.false_campaigns_per_month
    return Budget(allowed, accounts, days, round(required_bits(accounts, days, allowed), 3))


def log_budget(totals: pa.Table, settings: ScoreSettings) -> Budget:
    """What the settings' budget asks of a campaign in a log."""
    ends = [totals.column(name).cast(pa.int64()).to_numpy() for name in ("first_seen", "last_seen")]
    return false_alarm_budget(totals.num_rows, np.concatenate(ends), settings)


def required_bits(accounts: int, days: float, allowed: float, null: SearchNull = HONEST_SEARCH) -> float:
    """Bits that keep the expected number of false campaigns in 30 days of hourly looks within what is allowed.

    Args:
        allowed: false campaigns in 30 days, above 0.
        null: what the search finds among honest accounts.

    Returns:
        Bits, prior excluded; never below the level from which the null is known.
    """
    expected = expected_false(null.level, accounts, days, null)
    return null.level + _scale_of_bits(days, null) * log(max(expected / allowed, 1.0))


def expected_false(bits: float, accounts: int, days: float, null: SearchNull = HONEST_SEARCH) -> float:
    """Expected number of distinct honest groups that rise above so many bits in 30 days of hourly looks.

    Args:
        bits: the bar, prior excluded, at or above the null's level.
        days: its length; the days of the null at least, for shorter logs were not found to be safer.
        null: what the search finds among honest accounts.
    """
    at_level = null.month * null.per_thousand * accounts / 1000.0 * _growth_with_days(days, null, null.rate_growth)
    return at_level * exp((null.level - bits) / _scale_of_bits(days, null))


def _scale_of_bits(days: float, null: SearchNull) -> float:
    return null.scale * _growth_with_days(days, null, null.scale_growth)


def _growth_with_days(days: float, null: SearchNull, power: float) -> float:
    return exp(power * log(max(days / null.days, 1.0)))
