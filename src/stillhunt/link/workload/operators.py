"""Plans -> operators: who works for each plan, and which client stacks are one operator's.

Several operators of like pace fall into one plan. Each runs its own programs, so the slices of one client stack are
one operator's; two stacks are one operator's unless their slices differ in subjects, load or daily rate by more than
chance, or stand in the same accounts: an operator keeps one program an account, and an account with two serves two
customers. (Where one operator does rotate programs within accounts, its parts divide each account's work alike, and
become one campaign again for that.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.link.requests.arrays import Floats, Ints
from stillhunt.link.workload.background_model import (
    NATS,
    Crowd,
    Plan,
    gather_crowd,
    own_tastes,
    plan_bits,
    rows_of,
    work_bits,
)
from stillhunt.link.workload.kernels import weighted_sums
from stillhunt.link.workload.untemplated_slices import BareSlices
from stillhunt.link.workload.workload import SMOOTHING, find_plans

APART_BITS = 20.0
"""Bits by which two stacks must differ to be two operators; the same demand as for splitting a template's group."""
LEAST_SPREAD = 0.12
"""Of log load and log rate within a stack; keeps three workers that happen to agree from deciding."""
STACK_SMOOTHING = 0.5
TOGETHER = 3
"""Accounts in which two stacks stand together, from which they are two customers of one pool."""
ROUNDS = 3
MOST_STACKS = 40
"""Stacks of a plan that are compared with each other, the most used; the slices of others go to the nearest part."""


@dataclass(frozen=True)
class Operator:
    """One operator's bare slices, found on one half and judged on the other.

    Attributes:
        manner: manner of the slices.
        formed_on: half on which it was found.
        slices: positions of every slice that fits.
        formed: of those, True where subjects and work alone put it there.
        topic: bits of the subjects of each on the other half.
        work: bits of load, rate, stack and the plan's share of all slices.
        searched: slices that formed the plan of which the operator is a part.
    """

    manner: int
    formed_on: int
    slices: Ints
    formed: np.ndarray[tuple[int], np.dtype[np.bool_]]
    topic: Floats
    work: Floats
    searched: int


@dataclass(frozen=True)
class Part:
    """Slices of a plan that may be one operator's, with what a comparison needs.

    Attributes:
        slices: positions, ascending.
        accounts: their distinct accounts, as codes within the plan.
        topics: their questions by topic on each half, shape (2, TOPICS).
        middle, variance: medians and variances of log load and log rate.
    """

    slices: Ints
    accounts: Ints
    topics: Ints
    middle: tuple[float, float]
    variance: tuple[float, float]


def find_operators(bare: BareSlices, *, formed_on: int, least: int) -> list[Operator]:
    """Operators among bare slices, found on one half and judged on the other.

    Args:
        bare: the slices.
        formed_on: half to search.
        least: slices an operator needs.
    """
    found: list[Operator] = []
    for manner in (0, 1):
        if (bare.manner == manner).sum() < least:
            continue
        crowd = gather_crowd(bare, manner, formed_on)
        for plan in find_plans(crowd, manner=manner, least=least):
            members = _workers(bare, crowd, plan)
            for part in _by_stack(bare, members, formed_on, least):
                operator = _judged(bare, crowd, plan, part, formed_on)
                if len(np.unique(bare.account[operator.slices])) >= least:
                    found.append(operator)
    return found


def _workers(bare: BareSlices, crowd: Crowd, plan: Plan) -> Ints:
    """Slices whose subjects, work and stack together outweigh chance."""
    members = plan.formed
    own = plan_bits(crowd, plan) + float(np.log2(plan.share / (1.0 - plan.share)))
    for _ in range(ROUNDS):
        moved = crowd.slices[own + stack_bits(bare, crowd, members) > 0]
        if np.array_equal(moved, members):
            break
        members = moved
    return members


def stack_bits(bare: BareSlices, crowd: Crowd, members: Ints) -> Floats:
    """Bits of each slice's client stack: the members' against the other slices of the manner.

    Args:
        bare: the slices.
        crowd: slices of one manner.
        members: positions of the members' slices.
    """
    width = bare.stacks + 1
    flags = np.zeros(len(bare.account), np.int64)
    flags[members] = 1
    inside, code = flags[crowd.slices], bare.stack[crowd.slices] + 1
    users = np.bincount(code, minlength=width)
    usual = (users + STACK_SMOOTHING) / (users + STACK_SMOOTHING).sum()
    users_inside = np.bincount(code[inside == 1], minlength=width)
    outside = users - users_inside + STACK_SMOOTHING * usual
    own = users_inside + STACK_SMOOTHING * usual
    by_code = np.zeros((2, width))
    for member in (0, 1):
        # A member is no witness for its own stack; where it is the only one, nobody asks.
        fellows = np.maximum(own - member, STACK_SMOOTHING * usual) / max(own.sum() - member, STACK_SMOOTHING)
        by_code[member] = np.log2(fellows / (outside / outside.sum()))
    # A slice of several stacks, of none that is known, or of one that nobody else has tells nothing by it: smoothing
    # alone would make the latter likelier among the fewer members than among the many others.
    by_code[:, users <= 1] = 0.0
    by_code[:, 0] = 0.0
    bits: Floats = by_code[inside, code]
    return bits


def _by_stack(bare: BareSlices, members: Ints, side: int, least: int) -> list[Ints]:
    """Parts of a plan's slices that are different operators by their stacks; the rest goes to the nearest part."""
    stack = bare.stack[members]
    stacks, count = np.unique(stack, return_counts=True)
    large = np.flatnonzero((count >= 3) & (stacks >= 0))
    large = np.sort(large[np.lexsort((large, -count[large]))[:MOST_STACKS]])
    if len(large) < 2:
        return [members]
    accounts, code = np.unique(bare.account[members], return_inverse=True)
    parts = []
    for name in stacks[large].tolist():
        chosen = np.flatnonzero(stack == name)
        own = members[chosen]
        topics = np.stack([bare.topics[half][own].sum(axis=0, dtype=np.int64) for half in (0, 1)])
        parts.append(_part(bare, own, code[chosen], topics))
    _join(bare, parts, side, len(accounts))
    held = np.zeros(len(bare.account), bool)
    for part in parts:
        held[part.slices] = True
    loose = members[~held[members]]
    nearest = _nearest(bare, loose, parts)
    slices = [_merged(part.slices, loose[nearest == number]) for number, part in enumerate(parts)]
    return [part for part in slices if len(part) >= least]


def _part(bare: BareSlices, slices: Ints, accounts: Ints, topics: Ints) -> Part:
    load, rate = bare.log_load[slices], bare.log_rate[slices]
    accounts = np.sort(accounts, kind="stable")
    return Part(
        slices=slices,
        accounts=accounts[np.diff(accounts, prepend=-1) > 0],
        topics=topics,
        middle=(float(np.median(load)), float(np.median(rate))),
        variance=(float(load.var()), float(rate.var())),
    )


def _merged(left: Ints, right: Ints) -> Ints:
    """Positions that stand in either, ascending; none stands in both."""
    # A stable sort finds the two runs and merges them; numpy's unions look every position up.
    return np.sort(np.concatenate([left, right]), kind="stable")


def _join(bare: BareSlices, parts: list[Part], side: int, accounts: int) -> None:
    """Join two parts at a time, in place, the least different first, until no two may be one operator."""
    numbers = list(range(len(parts)))
    gaps: dict[tuple[int, int], tuple[float, float] | None] = {}
    while len(parts) > 1:
        open_pairs = []
        for i, left in enumerate(parts):
            used = np.zeros(accounts, bool)
            used[left.accounts] = True
            for j in range(i + 1, len(parts)):
                pair = (numbers[i], numbers[j])
                if pair not in gaps:  # only what was joined last is new
                    met = int(used[parts[j].accounts].sum())
                    gaps[pair] = _gap(left, parts[j], met, accounts, (side, bare.everything))
                gap = gaps[pair]
                if gap is not None:
                    open_pairs.append((*gap, i, j))
        if not open_pairs:
            break
        _, _, i, j = min(open_pairs)
        left, right = parts[i], parts[j]
        accounts_of = np.concatenate([left.accounts, right.accounts])
        parts[i] = _part(bare, _merged(left.slices, right.slices), accounts_of, left.topics + right.topics)
        numbers[i] = max(numbers) + 1
        del parts[j], numbers[j]


def _gap(left: Part, right: Part, met: int, accounts: int, mixed: tuple[int, Floats]) -> tuple[float, float] | None:
    """Order in which two parts are joined and bits by which they differ; None where they are two operators.

    `met` accounts of the plan's `accounts` have a slice in both; `mixed` is the half that makes mixtures, and the
    mixture of all slices.
    """
    if met >= TOGETHER:
        return None
    gap = _apart(left, right, *mixed)
    # That no account has both tells, where two customers of one pool would meet in some by chance (Poisson).
    expected = len(left.accounts) * len(right.accounts) / accounts
    avoided = expected / NATS if met == 0 else 0.0
    return (gap - avoided, gap) if gap < APART_BITS else None


def _apart(left: Part, right: Part, side: int, everything: Floats) -> float:
    """Bits by which two sets of slices are better told apart than together."""
    mean = _mixture(left.topics[side] + right.topics[side], everything)
    bits = 0.0
    for part in (left, right):
        bits += float((part.topics[1 - side] * np.log2(_mixture(part.topics[side], everything) / mean)).sum())
    size, both = len(left.slices) * len(right.slices), len(left.slices) + len(right.slices)
    for measure in (0, 1):
        spread = max(float(np.sqrt((left.variance[measure] + right.variance[measure]) / 2.0)), LEAST_SPREAD)
        shift = (left.middle[measure] - right.middle[measure]) / spread
        bits += (0.5 * size / both * shift**2 / NATS) - 0.5 * float(np.log2(both))
    return bits


def _mixture(topics: Ints, everything: Floats) -> Floats:
    counted = topics + SMOOTHING * everything
    mixture: Floats = counted / counted.sum()
    return mixture


def _nearest(bare: BareSlices, slices: Ints, parts: list[Part]) -> Ints:
    """Index of the part whose middle is nearest to each slice's load and rate; the first on ties."""
    nearest, least = np.zeros(len(slices), np.int64), np.full(len(slices), np.inf)
    for number, part in enumerate(parts):
        load, rate = part.middle
        away = np.abs(bare.log_load[slices] - load) + np.abs(bare.log_rate[slices] - rate)
        nearest[away < least] = number
        least = np.minimum(away, least)
    return nearest


def _judged(bare: BareSlices, crowd: Crowd, plan: Plan, part: Ints, side: int) -> Operator:
    """Bits of the operator's slices, subjects judged on the half that did not form it."""
    mixture = _mixture(bare.topics[side][part].sum(axis=0, dtype=np.int64), bare.everything)
    judged = rows_of(bare.topics[1 - side], part)
    place = np.searchsorted(crowd.slices, part)
    odds = float(np.log2(plan.share / (1.0 - plan.share)))
    work = work_bits(crowd, plan) + stack_bits(bare, crowd, part) + odds
    return Operator(
        manner=plan.manner,
        formed_on=side,
        slices=part,
        formed=np.isin(part, plan.formed),
        topic=(weighted_sums(judged, np.log(mixture)) - own_tastes(judged, crowd.everybody)) / NATS,
        work=work[place],
        searched=len(plan.formed),
    )
