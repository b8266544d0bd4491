"""Untemplated accounts that do a similar amount of work.

Volume and rate formed such a group, so the evidence is that of the whole search: the log likelihood ratio of a mixture,
workers near the group's volume among customers, against customers alone, whose volumes are lognormal. It is summed over
all untemplated slices of the request style, so that the search for the volume at which most accounts stand earns
nothing by itself; the choice of volume and share is charged for.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr

from stillhunt.base.arrays import Floats, Ints
from stillhunt.base.parameters import read_parameters
from stillhunt.base.schema import SLICE_PARAMETERS
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind
from stillhunt.score.evidence.kinds.even_volume import bits_by_topics
from stillhunt.score.stats.homogeneity import volume_fit
from stillhunt.score.stats.honest_reference import SPREADS

# Volumes that differ by a worker's spread; with the shares, what the choice is charged for (about as many volumes
# differ by the spread of one operation's workers)
_VOLUMES_TRIED = 24
# times: workers that may be assumed for each member found (others who happen to be as busy are no evidence for these)
_MOST_WORKERS = 1.5


class WorkloadParameters(NamedTuple):
    """Parameters of the evidence from workload."""

    cap_bits: float
    worker_shares: tuple[float, ...]
    customer_spreads: tuple[float, ...]


P = read_parameters(WorkloadParameters, "score.similar_workload")
MIN_QUESTIONS = SLICE_PARAMETERS.min_untemplated_questions
"""Distinct questions below which a slice is not counted: volumes are cut off there, and their law with them."""
_COST_BITS = float(np.log2(len(P.worker_shares) * _VOLUMES_TRIED))


def _weigh_similar_workload(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    if not case.candidate.untemplated:
        return None
    return workload_finding(kind, case.log, case.candidate, bits_by_topics(case))


def workload_finding(kind: EvidenceKind, log: ScoredLog, candidate: Candidate, cap: float) -> Finding:
    """Whether as many accounts do similar work as one operation's workers would, and customers would not.

    `cap`: most bits that it may earn; where topics do not set the group apart, it is a range of volumes.
    """
    style = int(np.bincount(log.requests.request_style[candidate.rows]).argmax())
    own, outside = _slice_volumes(log, candidate, style)
    questions = np.flatnonzero(own + outside)
    own = own[questions]
    others = outside[questions].astype(np.float64) * log.accounts.comparison_weight(candidate.accounts)
    volume: Floats = np.log(questions)
    everybody: Floats = own + others
    middle = float(np.median(np.repeat(volume, own))) if own.any() else 0.0
    each = float(np.median(np.repeat(questions, own))) if own.any() else 0.0
    customers = _customer_law(volume, others if others.any() else everybody)
    # Without one operation the group belongs to the others, who alone have a gap where it was taken from.
    without_operation = _customer_law(volume, everybody)
    spread = float(np.sqrt(np.exp(-middle) + SPREADS.untemplated_workers**2))
    ratio = np.exp(_above_floor(volume, middle, spread) - customers)
    most = _MOST_WORKERS * int(own.sum()) / max(float(everybody.sum()), 1.0)
    shares = [share for share in P.worker_shares if share <= most] or P.worker_shares[:1]
    raw = max(float((everybody * np.log2(1.0 - share + share * ratio)).sum()) for share in shares) - _COST_BITS
    raw -= float((everybody * (without_operation - customers)).sum()) / float(np.log(2.0))
    return kind.finding(
        float(np.clip(raw, 0.0, min(P.cap_bits, cap))),
        {"accounts": len(candidate.accounts), "each": round(each), "raw": max(round(raw), 0)},
        count=len(candidate.rows),
        member_bits=volume_fit(candidate.volumes, SPREADS.untemplated_workers),
    )


def _slice_volumes(log: ScoredLog, candidate: Candidate, style: int) -> tuple[Ints, Ints]:
    """Untemplated slices of a request style by their distinct questions: the candidate's, and the comparison accounts'.

    Returns two counts of slices for each number of questions, 0 below `MIN_QUESTIONS`.
    """
    questions = log.background.questions[style]
    held = log.slices.find(candidate.slice_cluster, candidate.accounts[candidate.slice_account])
    held = np.unique(held[held >= 0])
    background = log.background.question_loads[style]
    own = np.bincount(questions[held], minlength=len(background))
    aside = held[log.accounts.background[log.slices.account[held]]]
    outside = -np.bincount(questions[aside], minlength=len(own))
    outside[: len(background)] += background
    own[:MIN_QUESTIONS] = outside[:MIN_QUESTIONS] = 0
    return own, outside


def _customer_law(volumes: Floats, slices: Floats) -> Floats:
    """Log density of each log volume under a lognormal law fitted to slices of those volumes (maximum likelihood)."""
    count, total, square = (float((slices * volumes**power).sum()) for power in (0, 1, 2))
    # A normal law depends on the sums of the volumes and of their squares only.
    away = square - 2.0 * _MIDDLES * total + _MIDDLES**2 * count
    likelihood = -0.5 * away / _SPREADS**2 - count * (np.log(_SPREADS) + _FLOORS)
    best = int(np.argmax(likelihood))
    return _above_floor(volumes, float(_MIDDLES[best]), float(_SPREADS[best]))


def _above_floor(volumes: Floats, middle: float, spread: float) -> Floats:
    """Log density of a normal law of log volumes, given that a slice is large enough to be one."""
    floor = (np.log(MIN_QUESTIONS - 0.5) - middle) / spread
    density: Floats = -0.5 * ((volumes - middle) / spread) ** 2 - np.log(spread) - 0.5 * np.log(2.0 * np.pi)
    return density - float(log_ndtr(-floor))


_GRID = [(m, s) for m in np.arange(0.0, np.log(1e5), 0.25).tolist() for s in P.customer_spreads]
_MIDDLES, _SPREADS = np.array(_GRID).T
_FLOORS = log_ndtr((_MIDDLES - np.log(MIN_QUESTIONS - 0.5)) / _SPREADS)


KIND = declared_kind("similar_workload", _weigh_similar_workload, most_bits=P.cap_bits, least_bits=0.0)
