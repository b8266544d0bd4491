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

from stillhunt.link.bare import BareSlices
from stillhunt.link.arrays import Floats, Ints
from stillhunt.link.workload import (
    NATS,
    SMOOTHING,
    Crowd,
    Plan,
    find_plans,
    gather_crowd,
    own_tastes,
    work_bits,
)

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
    own = (np.einsum("ij,j->i", crowd.counts, np.log(plan.topics)) - crowd.taste) / NATS + work_bits(crowd, plan)
    odds = float(np.log2(plan.share / (1.0 - plan.share)))
    for _ in range(ROUNDS):
        bits = own + odds + stack_bits(bare, crowd, members)
        moved = crowd.slices[bits > 0]
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
    inside = np.isin(crowd.slices, members)
    code = bare.stack[crowd.slices] + 1
    users = np.bincount(code, minlength=width)
    everyone = users + STACK_SMOOTHING
    usual = everyone / everyone.sum()
    outside = np.bincount(code[~inside], minlength=width) + STACK_SMOOTHING * usual
    own = np.bincount(code[inside], minlength=width) + STACK_SMOOTHING * usual
    # A member is no witness for its own stack.
    fellows = np.maximum(own[code] - inside, STACK_SMOOTHING * usual[code])
    bits: Floats = np.log2((fellows / (own.sum() - inside)) / (outside / outside.sum())[code])
    # A slice of several stacks, of none that is known, or of one that nobody else has tells nothing by it: smoothing
    # alone would make the latter likelier among the fewer members than among the many others.
    return np.where((code > 0) & (users[code] > 1), bits, 0.0)


def _by_stack(bare: BareSlices, members: Ints, side: int, least: int) -> list[Ints]:
    """Parts of a plan's slices that are different operators by their stacks; the rest goes to the nearest part."""
    stacks, count = np.unique(bare.stack[members], return_counts=True)
    large = np.flatnonzero((count >= 3) & (stacks >= 0))
    large = np.sort(large[np.lexsort((large, -count[large]))[:MOST_STACKS]])
    parts = [members[bare.stack[members] == stack] for stack in stacks[large]]
    if len(parts) < 2:
        return [members]
    accounts = len(np.unique(bare.account[members]))
    numbers = list(range(len(parts)))
    gaps: dict[tuple[int, int], tuple[float, float] | None] = {}
    while len(parts) > 1:
        open_pairs = []
        for i, left in enumerate(parts):
            for j in range(i + 1, len(parts)):
                pair = (numbers[i], numbers[j])
                if pair not in gaps:  # only what was joined last is new
                    gaps[pair] = _gap(bare, left, parts[j], side, accounts)
                gap = gaps[pair]
                if gap is not None:
                    open_pairs.append((*gap, i, j))
        if not open_pairs:
            break
        _, _, i, j = min(open_pairs)
        parts[i] = np.union1d(parts[i], parts[j])
        numbers[i] = max(numbers) + 1
        del parts[j], numbers[j]
    loose = np.setdiff1d(members, np.concatenate(parts))
    if len(loose):
        away = np.stack([_distance(bare, loose, part) for part in parts])
        for number in range(len(parts)):
            parts[number] = np.union1d(parts[number], loose[away.argmin(axis=0) == number])
    return [part for part in parts if len(part) >= least]


def _gap(bare: BareSlices, left: Ints, right: Ints, side: int, accounts: int) -> tuple[float, float] | None:
    """Order in which two parts are joined and bits by which they differ; None where they are two operators."""
    if _together(bare, left, right) >= TOGETHER:
        return None
    gap = _apart(bare, left, right, side)
    return (gap - _avoided(bare, left, right, accounts), gap) if gap < APART_BITS else None


def _together(bare: BareSlices, left: Ints, right: Ints) -> int:
    """Accounts with a slice in both parts."""
    return len(np.intersect1d(bare.account[left], bare.account[right]))


def _avoided(bare: BareSlices, left: Ints, right: Ints, accounts: int) -> float:
    """Bits that no account has both, where two customers of one pool would meet in some by chance (Poisson)."""
    first, second = np.unique(bare.account[left]), np.unique(bare.account[right])
    met = len(np.intersect1d(first, second))
    expected = len(first) * len(second) / accounts
    return expected / NATS if met == 0 else 0.0


def _apart(bare: BareSlices, left: Ints, right: Ints, side: int) -> float:
    """Bits by which two sets of slices are better told apart than together."""
    both = np.union1d(left, right)
    mean = _mixture(bare, both, side)
    bits = 0.0
    for part in (left, right):
        judged = bare.topics[1 - side][part].sum(axis=0)
        bits += float((judged * np.log2(_mixture(bare, part, side) / mean)).sum())
    for values in (bare.log_load, bare.log_rate):
        spread = max(float(np.sqrt((values[left].var() + values[right].var()) / 2.0)), LEAST_SPREAD)
        size = len(left) * len(right) / (len(left) + len(right))
        shift = float(np.median(values[left]) - np.median(values[right])) / spread
        bits += (0.5 * size * shift**2 / NATS) - 0.5 * float(np.log2(len(both)))
    return bits


def _mixture(bare: BareSlices, part: Ints, side: int) -> Floats:
    counted = bare.topics[side][part].sum(axis=0) + SMOOTHING * bare.everything
    mixture: Floats = counted / counted.sum()
    return mixture


def _distance(bare: BareSlices, slices: Ints, part: Ints) -> Floats:
    load, rate = bare.log_load, bare.log_rate
    distance: Floats = np.abs(load[slices] - np.median(load[part])) + np.abs(rate[slices] - np.median(rate[part]))
    return distance


def _judged(bare: BareSlices, crowd: Crowd, plan: Plan, part: Ints, side: int) -> Operator:
    """Bits of every slice that may belong to the operator, subjects judged on the half that did not form it."""
    judged = bare.topics[1 - side][crowd.slices].astype(np.float64)
    dealt = np.einsum("ij,j->i", judged, np.log(_mixture(bare, part, side)))
    topic = (dealt - own_tastes(judged, crowd.everybody)) / NATS
    odds = float(np.log2(plan.share / (1.0 - plan.share)))
    work = work_bits(crowd, plan) + stack_bits(bare, crowd, part) + odds
    inside = np.isin(crowd.slices, part)
    return Operator(
        manner=plan.manner,
        formed_on=side,
        slices=crowd.slices[inside],
        formed=np.isin(crowd.slices[inside], plan.formed),
        topic=topic[inside],
        work=work[inside],
        searched=len(plan.formed),
    )
