"""Requests that nobody follows up and prompts that nobody sends again: a work queue hands each task out once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stillhunt.base.parameters import read_parameters
from stillhunt.score import kernels
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind
from stillhunt.score.stats.arrays import Ints

# Requests with a known turn from which the absence of follow-ups says anything (fewer show none by chance)
_MIN_REQUESTS = 50
# Requests with a known turn from which a comparison account counts as one that asks back or does not (an account of one
# request has no occasion to ask back)
_MIN_COMPARISON_REQUESTS = 10


class FollowUpParameters(NamedTuple):
    """Parameters of the evidence from follow-ups."""

    leaked_share: float
    none_bits: float
    against_bits: float
    most_against_bits: float


FOLLOW_UPS = read_parameters(FollowUpParameters, "score.follow_ups")


def _weigh_follow_ups(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    rows = client_rows(case.log, case.candidate) if case.candidate.has_untemplated else case.candidate.rows
    turn = case.log.requests.turn[rows]
    known, later = int(np.count_nonzero(turn >= 0)), int(np.count_nonzero(turn > 0))
    if not known:
        return None
    # Follow-ups that people write lack the template, and so are in no slice; their conversations show them.
    continued = float((case.log.requests.human_turns[rows] > 0).mean())
    share = max(later / known, continued)
    if share < FOLLOW_UPS.leaked_share and known >= _MIN_REQUESTS:
        usual = share_without_follow_ups(case.log, case.candidate)
        bits = min(FOLLOW_UPS.none_bits, -np.log2(usual)) * (1.0 - share / FOLLOW_UPS.leaked_share)
    else:  # programs send later turns, too: steps of an agent, a second request for the same item
        share = np.count_nonzero(case.log.requests.asks_back[rows]) / known
        if not share:
            return None
        bits = -min(FOLLOW_UPS.against_bits * float(share), FOLLOW_UPS.most_against_bits)
    return kind.finding(bits, {"first": 1 - share, "later": share}, rows=case.candidate.rows, count=known)


def share_without_follow_ups(log: ScoredLog, candidate: Candidate) -> float:
    """Share of the comparison accounts that send as few later turns: where all do, a group that does says nothing.

    Returns:
        The share, with one more account that asks nothing back, so that it is above 0.
    """
    known, later = log.background.turns
    counted = known >= _MIN_COMPARISON_REQUESTS
    counted[candidate.accounts] = False
    few = later[counted] < FOLLOW_UPS.leaked_share * known[counted]
    return (int(few.sum()) + 1) / (len(few) + 1)


def client_rows(log: ScoredLog, candidate: Candidate) -> Ints:
    """All requests that the members send in the candidate's request style and with its clients, follow-ups too.

    Args:
        candidate: one with untemplated slices, which hold single-turn requests only.
    """
    requests = log.requests
    rows = requests.of_accounts(candidate.accounts)
    width = int(requests.client_fingerprint.max(initial=-1)) + 2
    sent_by, own = (
        (requests.account[chosen].astype(np.int64) * 2 + requests.request_style[chosen]) * width
        + requests.client_fingerprint[chosen]
        + 1
        for chosen in (rows, candidate.rows)
    )
    own = np.unique(own)
    # Both stand in order of account, so that looking one up in the other stays within the cache.
    at = np.minimum(np.searchsorted(own, sent_by), len(own) - 1)
    return rows[own[at] == sent_by] if len(own) else rows[:0]


FOLLOW_UPS_KIND = declared_kind(
    "follow_ups", _weigh_follow_ups, most_bits=FOLLOW_UPS.none_bits, least_bits=-FOLLOW_UPS.most_against_bits
)


Hashes = npt.NDArray[np.uint64]


class RepeatParameters(NamedTuple):
    """Parameters of the evidence from repeated prompts."""

    tolerated_share: float
    none_bits: float
    against_bits: float
    most_against_bits: float
    assignment_overlap: float
    most_against_draws: float


NO_REPEATS = read_parameters(RepeatParameters, "score.no_repeats")
# share: repeated prompts from which the sentence speaks of a public data set, an assignment or a pool (campaigns of
# seeded worlds that hand out each task once stay below 3 %)
_SHARED_ITEMS = 0.1


def _weigh_repeats(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    candidate = case.candidate
    prompts = case.log.requests.prompt_hash[candidate.rows]
    known = prompts != 0
    if len(candidate.accounts) < 2 or not known.any():
        return None
    distinct, shared = kernels.count_shared(prompts[known], candidate.row_account[known])
    repeated = shared / distinct
    above = repeated - NO_REPEATS.tolerated_share
    if above <= 0:
        bits, overlap = NO_REPEATS.none_bits * (1.0 - repeated / NO_REPEATS.tolerated_share), 0.0
    else:
        overlap = _overlap_of_prompts(prompts[known], candidate.row_account[known])
        assigned = overlap >= NO_REPEATS.assignment_overlap
        most = NO_REPEATS.most_against_bits if assigned else NO_REPEATS.most_against_draws
        bits = -min(NO_REPEATS.against_bits * above, most)
    return kind.finding(
        bits,
        {"distinct": distinct, "repeated": repeated, "overlap": overlap},
        rows=candidate.rows,
        count=len(candidate.rows),
        variant=None if repeated < _SHARED_ITEMS else 0 if overlap >= NO_REPEATS.assignment_overlap else 1,
    )


def _overlap_of_prompts(prompts: Hashes, accounts: Ints) -> float:
    """Share of one account's distinct prompts that another account sends, too: the mean over all ordered pairs.

    Accounts that draw at random from a pool of as many prompts share their volume over the size of the pool.
    """
    pairs = np.unique(np.rec.fromarrays([prompts, accounts]))
    _, senders = np.unique(pairs["f0"], return_counts=True)
    others = len(np.unique(accounts)) - 1
    return float((senders * (senders - 1)).sum() / (len(pairs) * others)) if others else 0.0


REPEATS_KIND = declared_kind(
    "no_repeats", _weigh_repeats, most_bits=NO_REPEATS.none_bits, least_bits=-NO_REPEATS.most_against_bits
)
KINDS = (FOLLOW_UPS_KIND, REPEATS_KIND)
