"""Homogeneity of a candidate's accounts on the folds that did not form it, and whether its mixture is everybody's.

Accounts that draw from one work queue are alike; so are accounts that each carry the traffic of many customers, such as
those of an aggregator or a reseller: they all show the mixture of all customers. What makes a work queue is a mixture
of its own, so accounts that are alike in the mixture of all customers earn less or nothing for it.

The distance is the Kullback-Leibler divergence of the group's topics from those of the comparison accounts, less its
bias for a sample of that size (Miller 1955). It misleads for a harvester who samples prompts from all customers.
"""

from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import Floats, Ints
from stillhunt.base.parameters import read_parameters
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase
from stillhunt.score.stats.homogeneity import Homogeneity, homogeneity, index_bits, pooled
from stillhunt.score.stats.honest_reference import Overdispersion

# Requests of known topic below which no distance is measured (derived: the bias of the estimate is then about as large
# as `different`)
_MIN_REQUESTS = 20


class BackgroundMixtureParameters(NamedTuple):
    """Parameters of the distance from the comparison accounts."""

    same: float
    different: float


BACKGROUND_MIXTURE = read_parameters(BackgroundMixtureParameters, "score.background_mixture")


def distance_from_background(counts: Ints, background: Floats) -> float | None:
    """Divergence of a group's topics from those of the comparison accounts, in bits.

    `background`: weight of the comparison accounts by topic, of the same length (`Mixtures.mixed`). Returns the
    divergence; None where the group's requests are too few or there are no comparison accounts.
    """
    sent, weight = int(counts.sum()), float(background.sum())
    if sent < _MIN_REQUESTS or weight <= 0.0:
        return None
    # One more account without preferences, so that a topic that only the group asks about has a chance.
    expected = (background + 1.0 / len(background)) / (weight + 1.0)
    seen = counts > 0
    share = counts[seen] / sent
    divergence = float((share * np.log(share / expected[seen])).sum()) - (int(seen.sum()) - 1) / (2.0 * sent)
    return divergence / float(np.log(2.0))


def part_earned(distance: float | None) -> float:
    """Part of the bits that a group so far off (divergence in bits; None: not known) earns for being alike."""
    if distance is None:
        return 1.0
    same, different = BACKGROUND_MIXTURE.same, BACKGROUND_MIXTURE.different
    return float(np.clip((distance - same) / (different - same), 0.0, 1.0))


def held_out_homogeneity(log: ScoredLog, candidate: Candidate, category: Ints) -> Homogeneity:
    """Homogeneity within each content cluster; each fold is judged for the slices that the other fold formed."""
    # Untemplated slices of one work queue are one table whatever client each uses.
    table = np.zeros_like(candidate.slice_cluster) if candidate.untemplated else candidate.slice_cluster
    fold = log.requests.fold[candidate.rows]
    held_out = (candidate.formed_on[candidate.row_slice] >> (1 - fold) & 1) > 0
    chosen = np.flatnonzero(held_out & log.requests.first_occurrence[candidate.rows] & (category >= 0))
    clusters, number = np.unique(table, return_inverse=True)
    # Narrow numbers are sorted by counting. What is not needed any more goes: the largest groups are most of the log.
    narrow = np.uint16 if len(clusters) < 1 << 15 else np.int64
    part = (number * 2).astype(narrow)[candidate.row_slice[chosen]] + fold[chosen].astype(narrow)
    order = np.argsort(part, kind="stable")
    ends, chosen = np.flatnonzero(np.diff(part[order])) + 1, chosen[order]
    del held_out, part, order
    tables = np.split(chosen, ends)
    return pooled([homogeneity(candidate.row_account[rows], category[rows]) for rows in tables])


def usual_here(
    log: ScoredLog, candidate: Candidate, found: Homogeneity, view: str, reference: Overdispersion
) -> Overdispersion:
    """The frozen reference; where the comparison accounts are more alike than it says, what holds for them."""
    if index_bits(found, reference) <= 0.0:
        return reference
    alike = log.background.mixtures(view, candidate.accounts).correlation
    # Comparison accounts that are more alike than one queue makes them are no evidence against anybody.
    return reference._replace(honest_median=float(np.clip(alike, reference.queue_median, reference.honest_median)))


def part_of_own(case: CandidateCase) -> float:
    """Which part of its bits a group earns for being alike: none where its mixture of topics is that of all."""
    if "part_of_own" not in case.shared:
        requests, candidate = case.log.requests, case.candidate
        usual = case.log.background.mixtures("topic", candidate.accounts).mixed
        topic = requests.topic[candidate.rows[requests.first_of_conversation[candidate.rows]]]
        counts = np.bincount(topic[topic >= 0], minlength=len(usual))
        case.shared["part_of_own"] = part_earned(distance_from_background(counts, usual))
    part: float = case.shared["part_of_own"]
    return part


def usual_index(found: Homogeneity, reference: Overdispersion) -> float:
    """Dispersion index that is usual for honest groups with as many requests per account."""
    return 1.0 + max(found.size - 1.0, 0.0) * reference.honest_median
