"""Evidence about candidates without a template, which were found by what their accounts ask and how much.

Load and rate formed the group, so their evidence is that of the whole search: all slices of the manner with and
without a plan among them. Its client stacks took no part and are compared with those of the other accounts that send
requests in the same manner; so are follow-ups, which bare slices leave out by construction.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import Floats, Ints, commonest
from stillhunt.score.context.frame import Frame
from stillhunt.score.evidence.findings import Finding
from stillhunt.score.stats import baseline
from stillhunt.score.stats.homogeneity import load_fit
from stillhunt.score.stats.shared_keys import shared_value

WORK_CAP = 6.0
LEAST_LOAD = 8
"""Distinct questions from which a bare slice is one; below, loads are cut off and their law with them."""
SHARES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
MOST_WORKERS = 1.5
"""Workers that a plan may have for each one found."""
COST = float(np.log2(len(SHARES) * 24))
"""Shares tried, and about 24 loads that differ by a worker's spread."""
STACKS_CAP = 11.0
"""Most bits that shared stacks may say about a group that was formed without a look at them."""
SHARED_BY = 3
"""Members whose one stack is a part of the group, however popular that stack is."""
STACK_MEMBER_CAP = 8.0
"""Most bits that a stack may say about one member: no template brings the stack with it here."""


def bare_stacks(frame: Frame, candidate: Candidate, found_as: Candidate) -> list[Finding]:
    """Client stacks that the accounts share beyond chance, judged on the slices that subjects and work formed.

    Args:
        frame: the log.
        candidate: a bare candidate.
        found_as: the candidate before strangers left it, some for their stack: stacks are judged on all of them.
    """
    stack = frame.stack
    if frame.stack_key().empty:
        return []
    current, candidate = candidate, found_as
    manner = int(np.bincount(frame.manner[candidate.rows]).argmax())
    formed = candidate.formed[candidate.row_slice] > 0
    own = commonest(candidate.row_account[formed], stack[candidate.rows[formed]], len(candidate.accounts))
    # Members that their stack helped to find are neither evidence nor public.
    passed_over = max(candidate.searched - int((own >= 0).sum()), 0)
    found = shared_value(own, candidate.accounts, frame.stack_key(manner), passed_over=passed_over)
    used = commonest(candidate.row_account, stack[candidate.rows], len(candidate.accounts))
    bits = _as_fellows(found.member_bits, own, used)[np.isin(candidate.accounts, current.accounts)]
    return [
        Finding(
            "network",
            "client_stacks",
            f"{found.sharing} of {len(candidate.accounts)} accounts, alike in subjects and work, also use "
            f"{found.values} client stacks (SDK and TLS) that are rarer among others who send in the same manner",
            min(found.bits, STACKS_CAP),
            count=len(candidate.rows),
            member_bits=np.clip(bits, -3.0, STACK_MEMBER_CAP),
            blind=True,
        )
    ]


def _as_fellows(bits: Floats, judged: Ints, used: Ints) -> Floats:
    """Bits of each member's stack; one that was not judged counts as much as those who are and use the same stack."""
    fellows = np.zeros(int(max(judged.max(initial=-1), used.max(initial=-1))) + 2)
    fellows[judged[judged >= 0]] = bits[judged >= 0]
    told = np.where(judged >= 0, bits, np.where(used >= 0, fellows[used], 0.0))
    # A popular stack that several members share is no evidence, but it is not evidence against them either.
    counts = np.bincount(used[used >= 0], minlength=int(used.max(initial=-1)) + 1)
    common = np.zeros(len(used), bool)
    common[used >= 0] = counts[used[used >= 0]] > SHARED_BY
    return np.where(common, np.maximum(told, 0.0), told)


def like_work(frame: Frame, candidate: Candidate, cap: float = WORK_CAP) -> Finding:
    """Do as many accounts do alike work as a plan's workers would, and no crowd of customers?

    The log likelihood ratio of a mixture, workers near the group's load among customers, against customers alone, whose
    loads are lognormal as the others' are. It is summed over all bare slices of the manner, so that the search for the
    load at which most accounts stand earns nothing by itself; the choice of load and share is charged for.

    Args:
        frame: the log.
        candidate: a bare candidate.
        cap: most bits that it may earn; where subjects do not tell the group from the crowd, it is a region of loads.
    """
    manner = int(np.bincount(frame.manner[candidate.rows]).argmax())
    own, outside = _slice_loads(frame, candidate, manner)
    questions = np.flatnonzero(own + outside)
    own = own[questions]
    others = outside[questions].astype(np.float64) * frame.outsider_weight(candidate.accounts)
    load: Floats = np.log(questions)
    crowd: Floats = own + others
    middle = float(np.median(np.repeat(load, own))) if own.any() else 0.0
    each = float(np.median(np.repeat(questions, own))) if own.any() else 0.0
    customers = _customer_law(load, others if others.any() else crowd)
    # Without a plan the group belongs to the crowd: those outside alone have a gap where it was taken from.
    alone = _customer_law(load, crowd)
    spread = float(np.sqrt(np.exp(-middle) + baseline.PLAN_LOAD_SPREAD**2))
    ratio = np.exp(_above_floor(load, middle, spread) - customers)
    # No more workers than were found: others who happen to be as busy are no evidence for these.
    most = MOST_WORKERS * int(own.sum()) / max(float(crowd.sum()), 1.0)
    shares = [share for share in SHARES if share <= most] or SHARES[:1]
    bits = max(float((crowd * np.log2(1.0 - share + share * ratio)).sum()) for share in shares) - COST
    bits -= float((crowd * (alone - customers)).sum()) / float(np.log(2.0))
    loads = np.bincount(candidate.row_account, minlength=len(candidate.accounts))
    return Finding(
        "queue",
        "like_work",
        f"{len(candidate.accounts)} accounts do alike work, about {each:.0f} questions each: "
        f"{'more' if bits > 0 else 'no more'} than customers' loads would agree by chance ({max(bits, 0.0):.0f} bits)",
        float(np.clip(bits, 0.0, min(WORK_CAP, cap))),
        count=len(candidate.rows),
        member_bits=load_fit(loads, baseline.PLAN_LOAD_SPREAD),
    )


def _slice_loads(frame: Frame, candidate: Candidate, manner: int) -> tuple[Ints, Ints]:
    """Bare slices of a manner by their distinct questions: those of the candidate, those of the other public accounts.

    Returns:
        Two counts of slices for each number of questions, 0 below `LEAST_LOAD`.
    """
    questions = frame.questions[manner]
    held = frame.slices.find(candidate.slice_cluster, candidate.accounts[candidate.slice_account])
    held = np.unique(held[held >= 0])
    crowd = frame.crowd_loads[manner]
    own = np.bincount(questions[held], minlength=len(crowd))
    aside = held[frame.public[frame.slices.account[held]]]
    outside = -np.bincount(questions[aside], minlength=len(own))
    outside[: len(crowd)] += crowd
    own[:LEAST_LOAD] = outside[:LEAST_LOAD] = 0
    return own, outside


def _customer_law(loads: Floats, slices: Floats) -> Floats:
    """Log density of each log load under a lognormal law fitted to slices of those loads (maximum likelihood).

    Args:
        loads: log loads.
        slices: how many slices have each.
    """
    count, total, square = (float((slices * loads**power).sum()) for power in (0, 1, 2))
    # Of a normal law only the sums of the loads and of their squares matter.
    away = square - 2.0 * _MIDDLES * total + _MIDDLES**2 * count
    likelihood = -0.5 * away / _SPREADS**2 - count * (np.log(_SPREADS) + _FLOORS)
    best = int(np.argmax(likelihood))
    return _above_floor(loads, float(_MIDDLES[best]), float(_SPREADS[best]))


def _above_floor(loads: Floats, middle: float, spread: float) -> Floats:
    """Log density of a normal law of log loads, given that a slice is large enough to be one."""
    floor = (np.log(LEAST_LOAD - 0.5) - middle) / spread
    density: Floats = -0.5 * ((loads - middle) / spread) ** 2 - np.log(spread) - 0.5 * np.log(2.0 * np.pi)
    return density - float(log_ndtr(-floor))


_GRID = [(m, s) for m in np.arange(0.0, np.log(1e5), 0.25).tolist() for s in baseline.CUSTOMER_SLICE_SPREADS]
_MIDDLES, _SPREADS = np.array(_GRID).T
_FLOORS = log_ndtr((_MIDDLES - np.log(LEAST_LOAD - 0.5)) / _SPREADS)


def client_rows(frame: Frame, candidate: Candidate) -> Ints:
    """All requests that the members send in the manner and with the clients of the candidate, follow-ups too.

    Args:
        frame: the log.
        candidate: a bare candidate.
    """
    rows = frame.rows_of(candidate.accounts)
    width = int(frame.stack.max(initial=-1)) + 2
    kind, own = (
        (frame.account[chosen].astype(np.int64) * 2 + frame.manner[chosen]) * width + frame.stack[chosen] + 1
        for chosen in (rows, candidate.rows)
    )
    own = np.unique(own)
    # Both stand in order of account, so that looking one up in the other is near at hand.
    at = np.minimum(np.searchsorted(own, kind), len(own) - 1)
    return rows[own[at] == kind] if len(own) else rows[:0]
