"""Requests that nobody follows up and prompts that nobody sends again: a work queue hands each task out once."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stillhunt.base.arrays import Ints
from stillhunt.base.parameters import read_parameters
from stillhunt.score import kernels
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind

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
    own = case.own_requests(case.candidate)
    everything = case.candidate.has_untemplated and own.all()
    rows = client_rows(case.log, case.candidate) if everything else case.candidate.rows[own]
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

    Returns the share, with one more account that asks nothing back, so that it is above 0.
    """
    known, later = log.background.turns
    counted = known >= _MIN_COMPARISON_REQUESTS
    counted[candidate.accounts] = False
    few = later[counted] < FOLLOW_UPS.leaked_share * known[counted]
    return (int(few.sum()) + 1) / (len(few) + 1)


def client_rows(log: ScoredLog, candidate: Candidate) -> Ints:
    """All requests that the members send in the candidate's request style and with its clients, follow-ups too.

    `candidate`: one with untemplated slices, which hold single-turn requests only.
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
_ROUNDS = 50  # Rounds in which the mean of the draws is found (from a mean of 1.1 on it settles within them)
# share: repeated prompts from which the sentence speaks of a public data set, an assignment or a pool (campaigns of
# seeded worlds that hand out each task once stay below 3 %)
_SHARED_ITEMS = 0.1
# share: copies of a text with numbers of their own, from which each is a task of its own (seen: up to 0.8 in honest
# groups of seeded worlds, where few texts come back; 0.2 where they work through public items)
_OTHER_NUMBERS = 0.9
# Variance of the accounts that send a prompt, of that of random draws, and share of prompts that one account alone
# sends, below which a queue wants as many answers to each task (draws give 1, and favourites of the public more)
_EVEN_COPIES = 0.5


def _weigh_repeats(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    """Texts that come back; where nearly all copies of a text have other numbers, the texts with their numbers."""
    candidate, requests = case.candidate, case.log.requests
    prompts = requests.prompt_hash[candidate.rows]
    known = prompts != 0
    if len(candidate.accounts) < 2 or not known.any():
        return None
    accounts, prompts = candidate.row_account[known], prompts[known]
    exact = requests.exact_prompt[candidate.rows[known]]
    (texts, _), (distinct, _) = both = [kernels.count_shared(one, accounts) for one in (prompts, exact)]
    other_numbers = (distinct - texts) / max(len(prompts) - texts, 1)
    compared = exact if other_numbers >= _OTHER_NUMBERS else prompts
    distinct, shared = both[compared is exact]
    repeated = shared / distinct
    above = repeated - NO_REPEATS.tolerated_share
    bits, overlap, copies, variant = 0.0, 0.0, 1.0, None
    if above <= 0:
        bits = NO_REPEATS.none_bits * (1.0 - repeated / NO_REPEATS.tolerated_share)
        variant = 2 if distinct > texts and compared is exact else None
    else:
        senders = _senders_of_prompts(compared, accounts)
        overlap, copies = _overlap_of_senders(senders, len(candidate.accounts)), float(senders.mean())
        most, variant = NO_REPEATS.most_against_bits, 0
        if overlap < NO_REPEATS.assignment_overlap:
            uneven = min(max(unevenness(senders), float((senders == 1).mean())) / _EVEN_COPIES, 1.0)
            most, variant = NO_REPEATS.most_against_draws * uneven, 1 if uneven == 1.0 else 3
        bits = -min(NO_REPEATS.against_bits * above, most)
        variant = variant if repeated >= _SHARED_ITEMS else None
    return kind.finding(
        bits,
        {"distinct": distinct, "repeated": repeated, "overlap": overlap, "copies": copies, "texts": texts},
        rows=candidate.rows,
        count=len(candidate.rows),
        variant=variant,
    )


def unevenness(senders: Ints) -> float:
    """Variance of the accounts that send each prompt, of that of random draws from one pool; 0 = as many send each.

    Prompts that are never drawn are not seen, so the law of the draws is a Poisson law without its zeros.
    """
    mean = drawn = float(senders.mean())
    for _ in range(_ROUNDS):
        drawn = mean * (1.0 - float(np.exp(-drawn)))
    expected = mean * (1.0 + drawn - mean)
    return float(senders.var()) / expected if expected > 0.0 else 1.0


def _senders_of_prompts(prompts: Hashes, accounts: Ints) -> Ints:
    """Accounts that send each prompt; `accounts` of prompts ascend. What one account repeats is its own affair."""
    order = np.argsort(prompts, kind="stable")
    prompt, account = prompts[order], accounts[order]
    new = np.append(True, prompt[1:] != prompt[:-1])
    first = new | np.append(True, account[1:] != account[:-1])
    senders: Ints = np.add.reduceat(first.astype(np.int64), np.flatnonzero(new))
    return senders


def _overlap_of_senders(senders: Ints, accounts: int) -> float:
    """Share of one account's distinct prompts that another account sends, too: the mean over all ordered pairs.

    Accounts that draw at random from a pool of as many prompts share their volume over the size of the pool.
    """
    return float((senders * (senders - 1)).sum() / (senders.sum() * (accounts - 1)))


REPEATS_KIND = declared_kind(
    "no_repeats", _weigh_repeats, most_bits=NO_REPEATS.none_bits, least_bits=-NO_REPEATS.most_against_bits
)
KINDS = (FOLLOW_UPS_KIND, REPEATS_KIND)
