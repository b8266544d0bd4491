"""When a group is active: 12-hour windows that accounts share, and days on which the group changes as one.

One work queue drives all workers, so their days rise and fall together. The statistic is the mean correlation of two
members' daily counts, after what all customers do on a day (weekends, outages, holidays) is removed. Its noise is that
of members each of whom keeps its own series of days, gaps and bursts included, shifted by a number of days of its own:
then any two correlate with variance 1 / (days - 1). Honest groups are not quite at zero: seats of one company share its
calendar, classes their term.
"""

from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import Floats
from stillhunt.base.parameters import read_parameters
from stillhunt.score.context.background import ACCOUNT_WEIGHT, TIME_BIN
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.held_out import held_out_homogeneity, usual_here, usual_index
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind
from stillhunt.score.stats.beta_binomial import least_bits, part_bits
from stillhunt.score.stats.homogeneity import MIN_COMPARED_ACCOUNTS, index_bits
from stillhunt.score.stats.honest_reference import TIME_REFERENCE


def _weigh_times(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    log, candidate = case.log, case.candidate
    found = held_out_homogeneity(log, candidate, log.requests.time[candidate.rows] // TIME_BIN)
    if found.freedom < 1 or found.accounts < MIN_COMPARED_ACCOUNTS:
        return kind.insufficient()
    usual = usual_here(log, candidate, found, "time", TIME_REFERENCE)
    return kind.finding(
        index_bits(found, usual), {"index": found.index, "usual": usual_index(found, usual)}, count=len(candidate.rows)
    )


TIMES_KIND = declared_kind(
    "common_times", _weigh_times, most_bits=None, least_bits=least_bits(TIME_REFERENCE.queue_share)
)


_MIN_DAYS = 6  # Days from which they are compared (a week less a day off)
_MIN_MEMBERS = 4  # accounts: members from which days are compared (six pairs)
_MOST_BINS = 120  # Longer logs are cut into bins of several days (bounds the work)


class DayParameters(NamedTuple):
    """Parameters of the evidence from common days."""

    calm: tuple[float, float]
    calendar: tuple[float, float]
    term: tuple[float, float]
    operations: tuple[float, float]
    part: float
    cap_bits: float


P = read_parameters(DayParameters, "score.common_days")
_CORRELATIONS = np.linspace(0.0, 0.999, 1000)


def _weigh_days(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    found = _correlate_days(case.log, case.candidate)
    if found is None:
        return None
    correlation, members, days = found
    noise = float(np.sqrt(2.0 / (members * (members - 1.0) * (days - 1.0))))
    return kind.finding(
        part_bits(_likelihood_ratio(correlation, noise), P.part),
        {"correlation": correlation, "noise": noise},
        count=len(case.candidate.rows),
    )


def _correlate_days(log: ScoredLog, candidate: Candidate) -> tuple[float, int, int] | None:
    """Mean correlation of two members, members that can be compared, and days; None where there are too few."""
    requests, background = log.requests, log.background
    days = requests.days
    width = -(-days // _MOST_BINS)
    bins = -(-days // width)
    if bins < _MIN_DAYS:
        return None
    accounts = len(candidate.accounts)
    day = requests.day(candidate.rows) // width
    counts = np.bincount(candidate.row_account * bins + day, minlength=accounts * bins).reshape(accounts, bins)
    aside = candidate.accounts[log.accounts.background[candidate.accounts]]
    weights = background.request_weight[aside][requests.owners(aside)]
    others = background.daily - np.bincount(requests.day(requests.of_accounts(aside)), weights=weights, minlength=days)
    usual = np.bincount(np.arange(days) // width, weights=others, minlength=bins) + ACCOUNT_WEIGHT // 100
    expected = counts.sum(axis=1, keepdims=True) * (usual / usual.sum())
    # In units of their noise, or days on which hardly anybody works would outweigh the rest.
    level: Floats = (counts - expected) / np.sqrt(np.maximum(expected, 1e-9))
    level -= level.mean(axis=1, keepdims=True)
    length = np.sqrt((level**2).sum(axis=1, keepdims=True))
    level = (level / np.where(length > 0, length, 1.0))[length[:, 0] > 0]
    members = len(level)
    if members < _MIN_MEMBERS:
        return None
    # All pairs at once: the square of the sum is the sum over pairs plus one for each member with itself.
    pairs = float((level.sum(axis=0) ** 2).sum()) - members
    return pairs / (members * (members - 1.0)), members, bins


def _likelihood_ratio(correlation: float, noise: float) -> float:
    weight, scale = P.calm
    honest = weight * np.exp(-0.5 * (_CORRELATIONS / scale) ** 2) / (scale * np.sqrt(np.pi / 2.0))
    for weight, scale in (P.calendar, P.term):
        honest = honest + weight * np.exp(-_CORRELATIONS / scale) / scale
    low, high = P.operations
    inside = (low <= _CORRELATIONS) & (high >= _CORRELATIONS)
    operation = np.where(inside, 1.0 / np.maximum(_CORRELATIONS, low), 0.0)
    seen = np.exp(-0.5 * ((correlation - _CORRELATIONS) / noise) ** 2) + 1e-12
    return float((seen * operation / operation.sum()).sum() / (seen * honest / honest.sum()).sum())


DAYS_KIND = declared_kind("common_days", _weigh_days, most_bits=P.cap_bits, least_bits=least_bits(P.part))
KINDS = (TIMES_KIND, DAYS_KIND)
