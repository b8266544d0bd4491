"""Requests that nobody follows up: answers are collected, not read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stillhunt.base.parameters import judgement, read_parameters
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, NeededColumn, Null, Wording
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


P = read_parameters(FollowUpParameters, "score.follow_ups")


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    rows = client_rows(case.log, case.candidate) if case.candidate.untemplated else case.candidate.rows
    turn = case.log.requests.turn[rows]
    known, later = int(np.count_nonzero(turn >= 0)), int(np.count_nonzero(turn > 0))
    if not known:
        return None
    # Follow-ups that people write lack the template, and so are in no slice; their conversations show them.
    continued = float((case.log.requests.human_turns[rows] > 0).mean())
    share = max(later / known, continued)
    if share < P.leaked_share and known >= _MIN_REQUESTS:
        usual = share_without_follow_ups(case.log, case.candidate)
        bits = min(P.none_bits, -np.log2(usual)) * (1.0 - share / P.leaked_share)
    else:  # programs send later turns, too: steps of an agent, a second request for the same item
        share = np.count_nonzero(case.log.requests.asks_back[rows]) / known
        if not share:
            return None
        bits = -min(P.against_bits * float(share), P.most_against_bits)
    return kind.finding(bits, {"first": 1 - share, "later": share}, rows=case.candidate.rows, count=known)


def share_without_follow_ups(log: ScoredLog, candidate: Candidate) -> float:
    """Share of the comparison accounts that send as few later turns: where all do, a group that does says nothing.

    Args:
        candidate: the candidate, whose members are not counted.

    Returns:
        The share, with one more account that asks nothing back, so that it is above 0.
    """
    known, later = log.background.turns
    counted = known >= _MIN_COMPARISON_REQUESTS
    counted[candidate.accounts] = False
    few = later[counted] < P.leaked_share * known[counted]
    return (int(few.sum()) + 1) / (len(few) + 1)


def client_rows(log: ScoredLog, candidate: Candidate) -> Ints:
    """All requests that the members send in the candidate's request style and with its clients, follow-ups too.

    Args:
        candidate: an untemplated candidate, whose slices hold single-turn requests only.
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


KIND = EvidenceKind(
    name="follow_ups",
    family="conduct",
    order=40,
    measures="share of later turns in the slices",
    null=Null(
        "the share of the comparison accounts that ask nothing back; 3 % are allowed for leaked cover traffic",
        judgement("table score.follow_ups"),
    ),
    columns=(NeededColumn("turn", "conversations that nobody continues"),),
    calls="every",
    most_bits=P.none_bits,
    least_bits=-P.most_against_bits,
    wording=Wording(
        "Almost no follow-up questions: {first:%} of its requests are first turns",
        "{later:%} of its requests are follow-up questions in a conversation, as people ask them",
        "The log does not say which turn of a conversation a request is",
    ),
    members=None,
    weigh=_weigh,
)
