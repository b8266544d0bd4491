"""Evidence about candidates without a template, which were found by what their accounts ask and how much.

Load and rate formed the group, so their evidence is that of the whole search: all slices of the manner with and
without a plan among them. Its client stacks took no part and are compared with those of the other accounts that send
requests in the same manner; so are follow-ups, which bare slices leave out by construction.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

from stillhunt.score import baseline
from stillhunt.score.candidate import Candidate
from stillhunt.score.dealt import load_fit
from stillhunt.score.findings import Finding
from stillhunt.score.frame import Flags, Floats, Frame, Ints, commonest
from stillhunt.score.shared import shared_value

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
    stack = frame.columns["stack"]
    if (stack < 0).all():
        return []
    current, candidate = candidate, found_as
    manner = int(np.bincount(frame.manner[candidate.rows]).argmax())
    alike = frame.manner == manner
    of_account = commonest(frame.account[alike], stack[alike], frame.accounts)
    formed = candidate.formed[candidate.row_slice] > 0
    own = commonest(candidate.row_account[formed], stack[candidate.rows[formed]], len(candidate.accounts))
    # Members that their stack helped to find are neither evidence nor public.
    of_account[candidate.accounts] = own
    passed_over = max(candidate.searched - int((own >= 0).sum()), 0)
    found = shared_value(of_account, candidate.is_member(frame), frame.country, passed_over=passed_over)
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
    fellows = {int(stack): float(bit) for stack, bit in zip(judged, bits, strict=True) if stack >= 0}
    pairs = zip(bits, judged, used, strict=True)
    told = np.array([bit if stack >= 0 else fellows.get(int(other), 0.0) for bit, stack, other in pairs])
    # A popular stack that several members share is no evidence, but it is not evidence against them either.
    counts = np.bincount(used[used >= 0], minlength=int(used.max(initial=-1)) + 1)
    common = np.array([stack >= 0 and counts[stack] > SHARED_BY for stack in used], bool)
    return np.where(common, np.maximum(told, 0.0), told)


def like_work(frame: Frame, candidate: Candidate) -> Finding:
    """Do as many accounts do alike work as a plan's workers would, and no crowd of customers?

    The log likelihood ratio of a mixture, workers near the group's load among customers, against customers alone, whose
    loads are lognormal as the others' are. It is summed over all bare slices of the manner, so that the search for the
    load at which most accounts stand earns nothing by itself; the choice of load and share is charged for.

    Args:
        frame: the log.
        candidate: a bare candidate.
    """
    manner = int(np.bincount(frame.manner[candidate.rows]).argmax())
    crowd, inside = _slice_loads(frame, candidate, np.flatnonzero(frame.bare & (frame.manner == manner)))
    own = np.exp(crowd[inside])
    middle = float(np.median(crowd[inside])) if inside.any() else 0.0
    customers = _customer_law(crowd, ~inside)
    # Without a plan the group belongs to the crowd: those outside alone have a gap where it was taken from.
    alone = _customer_law(crowd, np.ones(len(crowd), bool))
    spread = float(np.sqrt(np.exp(-middle) + baseline.PLAN_LOAD_SPREAD**2))
    ratio = np.exp(_above_floor(crowd, middle, spread) - customers)
    # No more workers than were found: others who happen to be as busy are no evidence for these.
    most = MOST_WORKERS * len(own) / max(len(crowd), 1)
    shares = [share for share in SHARES if share <= most] or SHARES[:1]
    bits = max(float(np.log2(1.0 - share + share * ratio).sum()) for share in shares) - COST
    bits -= float((alone - customers).sum()) / float(np.log(2.0))
    loads = np.bincount(candidate.row_account, minlength=len(candidate.accounts))
    return Finding(
        "queue",
        "like_work",
        f"{len(candidate.accounts)} accounts do alike work, about {np.median(own):.0f} questions each: "
        f"{'more' if bits > 0 else 'no more'} than customers' loads would agree by chance ({max(bits, 0.0):.0f} bits)",
        float(np.clip(bits, 0.0, WORK_CAP)),
        count=len(candidate.rows),
        member_bits=load_fit(loads, baseline.PLAN_LOAD_SPREAD),
    )


def _slice_loads(frame: Frame, candidate: Candidate, rows: Ints) -> tuple[Floats, Flags]:
    """Log of the distinct questions of each bare slice among these requests, and whether it is the candidate's."""
    counted = rows[frame.fresh[rows] & (frame.topic[rows] >= 0)]
    slices, loads = np.unique(frame.cluster[counted] * frame.accounts + frame.account[counted], return_counts=True)
    large = loads >= LEAST_LOAD
    held = candidate.slice_cluster * frame.accounts + candidate.accounts[candidate.slice_account]
    return np.log(loads[large]), np.isin(slices[large], held)


def _customer_law(loads: Floats, outside: Flags) -> Floats:
    """Log density of each log load under a lognormal law fitted to those outside the group (maximum likelihood)."""
    others = loads[outside] if outside.any() else loads
    fits = [
        (float(_above_floor(others, middle, spread).sum()), middle, spread)
        for middle in np.arange(0.0, np.log(1e5), 0.25).tolist()
        for spread in baseline.CUSTOMER_SLICE_SPREADS
    ]
    _, middle, spread = max(fits)
    return _above_floor(loads, middle, spread)


def _above_floor(loads: Floats, middle: float, spread: float) -> Floats:
    """Log density of a normal law of log loads, given that a slice is large enough to be one."""
    floor = (np.log(LEAST_LOAD - 0.5) - middle) / spread
    density: Floats = -0.5 * ((loads - middle) / spread) ** 2 - np.log(spread) - 0.5 * np.log(2.0 * np.pi)
    return density - float(log_ndtr(-floor))


def client_rows(frame: Frame, candidate: Candidate) -> Ints:
    """All requests that the members send in the manner and with the clients of the candidate, follow-ups too.

    Args:
        frame: the log.
        candidate: a bare candidate.
    """
    rows = frame.rows_of(candidate.accounts)
    stack = frame.columns["stack"] + 1
    width = int(stack.max(initial=0)) + 1
    kind = (frame.account * 2 + frame.manner) * width + stack
    same: Flags = np.isin(kind[rows], np.unique(kind[candidate.rows]))
    return rows[same]
