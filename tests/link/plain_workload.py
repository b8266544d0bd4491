"""The search for workloads as it was first written, one plan and one pair at a time over full tables: a plain twin.

Constants are the product's; the product must come to the same plans and operators.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import gammaln

from stillhunt.link.requests.arrays import Flags, Floats, Ints
from stillhunt.link.workload.background_model import (
    BLUR,
    BOTH,
    CELL,
    LOAD_ONLY,
    NATS,
    RATE_ONLY,
    RATE_SPREAD,
    SPREAD,
    TASTES,
    Plan,
)
from stillhunt.link.workload.kernels import MOST_BITS
from stillhunt.link.workload.operators import (
    APART_BITS,
    LEAST_SPREAD,
    MOST_STACKS,
    STACK_SMOOTHING,
    TOGETHER,
    Operator,
)
from stillhunt.link.workload.operators import ROUNDS as STACK_ROUNDS
from stillhunt.link.workload.untemplated_slices import BareSlices
from stillhunt.link.workload.workload import (
    GLANCE,
    MOST_PLANS,
    MOST_TRIED,
    OVERLAP,
    ROUNDS,
    SAME_TRIAL,
    SETTLED,
    SMOOTHING,
    STEP,
)


@dataclass(frozen=True)
class Crowd:
    """The slices of one manner, against which plans stand out.

    Attributes:
        slices: positions of the slices.
        counts: their questions by topic on the half that forms plans.
        taste: log-likelihood of those under a taste of their own, nats.
        load, rate: logarithms.
        density: density of all slices at each slice's load and rate.
        load_density, rate_density: the same of each alone.
        everybody: mixture of subjects of all slices alike.
    """

    slices: Ints
    counts: Floats
    taste: Floats
    load: Floats
    rate: Floats
    density: Floats
    load_density: Floats
    rate_density: Floats
    everybody: Floats


def gather_crowd(bare: BareSlices, manner: int, side: int) -> Crowd:
    """Slices of one manner with what honest slices would show.

    Args:
        bare: all bare slices.
        manner: manner wanted.
        side: half whose subjects form plans.
    """
    chosen = np.flatnonzero(bare.manner == manner)
    both = bare.topics[0][chosen] + bare.topics[1][chosen]
    # Each slice counts alike, or one reseller with thousands of questions would be everybody.
    share = (both / np.maximum(both.sum(axis=1, keepdims=True), 1)).sum(axis=0) + 0.5
    everybody = share / share.sum()
    load, rate = bare.log_load[chosen], bare.log_rate[chosen]
    density, load_density, rate_density = _densities(load, rate)
    counts = bare.topics[side][chosen].astype(np.float64)
    taste = own_tastes(counts, everybody)
    return Crowd(chosen, counts, taste, load, rate, density, load_density, rate_density, everybody)


def own_tastes(counts: Floats, everybody: Floats) -> Floats:
    """Log-likelihood of each row under tastes of its own around everybody's, nats.

    Args:
        counts: questions by topic, shape (slices, TOPICS).
        everybody: mixture of subjects, shape (TOPICS,).
    """
    total = counts.sum(axis=1)
    terms = []
    for concentration in TASTES:
        alpha = concentration * everybody
        law = gammaln(concentration) - gammaln(total + concentration)
        terms.append(law + (gammaln(counts + alpha) - gammaln(alpha)).sum(axis=1))
    stacked = np.stack(terms)
    highest = stacked.max(axis=0)
    likelihood: Floats = highest + np.log(np.exp(stacked - highest).mean(axis=0))
    return likelihood


def _densities(load: Floats, rate: Floats) -> tuple[Floats, Floats, Floats]:
    """Smoothed density of all slices at each slice's load and rate, together and alone."""
    column = np.floor((load - load.min()) / CELL).astype(np.int64)
    row = np.floor((rate - rate.min()) / CELL).astype(np.int64)
    margin = round(4 * BLUR / CELL)
    table = np.zeros((int(column.max()) + 1 + 2 * margin, int(row.max()) + 1 + 2 * margin))
    np.add.at(table, (column + margin, row + margin), 1.0)
    table /= len(load)
    smooth = gaussian_filter(table, BLUR / CELL, mode="constant", truncate=4.0)
    place = (column + margin, row + margin)
    return (
        smooth[place] / CELL**2,
        (smooth.sum(axis=1) / CELL)[column + margin],
        (smooth.sum(axis=0) / CELL)[row + margin],
    )


def find_plans(crowd: Crowd, *, manner: int, least: int) -> list[Plan]:
    """Plans among the slices of one manner, the strongest first.

    Args:
        crowd: the slices.
        manner: their manner.
        least: slices a plan needs.
    """
    tried = [_settle(crowd, seed.astype(np.float64), manner, least, GLANCE) for seed in _seeds(crowd, least)]
    hopeful = sorted((trial for trial in tried if trial is not None), key=lambda trial: -trial[0])
    settled = [_settle(crowd, weight, manner, least, ROUNDS) for weight in _distinct(hopeful)]
    found = [(bits, plan) for bits, plan, _ in (pair for pair in settled if pair is not None)]
    found.sort(key=lambda pair: (-pair[0], pair[1].formed.tolist()))
    plans: list[Plan] = []
    taken = np.zeros(int(crowd.slices.max(initial=-1)) + 1, bool)
    for _, plan in found:
        if taken[plan.formed].sum() <= OVERLAP * len(plan.formed) and len(plans) < MOST_PLANS:
            taken[plan.formed] = True
            plans.append(plan)
    return plans


def _seeds(crowd: Crowd, least: int) -> list[Flags]:
    seeds = []
    for load in np.arange(crowd.load.min(), crowd.load.max() + STEP, STEP):
        near = np.abs(crowd.load - load) < STEP
        if near.sum() < least:
            continue
        for rate in np.arange(0.0, crowd.rate.max() + STEP, STEP):
            inside = near & (np.abs(crowd.rate - rate) < STEP)
            if inside.sum() >= least:
                seeds.append(inside)
    return seeds


def _distinct(trials: list[tuple[float, Plan, Floats]]) -> list[Floats]:
    """Weights of the trials that lead to different plans, the most hopeful first: seeds near each other meet."""
    kept: list[tuple[Plan, Floats]] = []
    for _, plan, weight in trials:
        known = (np.isin(plan.formed, other.formed).mean() for other, _ in kept)
        if len(kept) < MOST_TRIED and not any(share > SAME_TRIAL for share in known):
            kept.append((plan, weight))
    return [weight for _, weight in kept]


def _settle(crowd: Crowd, weight: Floats, manner: int, least: int, rounds: int) -> tuple[float, Plan, Floats] | None:
    share = max(float(weight.mean()), 0.01)
    plan = _fit(crowd, weight, manner, share)
    bits = np.zeros(len(weight))
    for _ in range(rounds):
        bits = plan_bits(crowd, plan)
        odds = share * np.exp2(np.minimum(bits, MOST_BITS))
        posterior = odds / (odds + 1.0 - share)
        share = float(np.clip(posterior.mean(), 0.002, 0.6))
        moved = float(np.abs(posterior - weight).max())
        weight = posterior
        if weight.sum() < least / 2:
            return None
        plan = _fit(crowd, weight, manner, share)
        if moved < SETTLED:
            break
    if len(plan.formed) < least:
        return None
    total = float(np.log2(1.0 - share + share * np.exp2(np.minimum(bits, MOST_BITS))).sum())
    return total, plan, weight


def _fit(crowd: Crowd, weight: Floats, manner: int, share: float) -> Plan:
    # einsum runs in one fixed order; a threaded matrix product might not.
    counted = np.einsum("i,ij->j", weight, crowd.counts) + SMOOTHING * crowd.everybody
    return Plan(
        manner=manner,
        formed=crowd.slices[weight > 0.5],
        topics=counted / counted.sum(),
        load=_weighted_median(crowd.load, weight),
        rate=_weighted_median(crowd.rate, weight),
        share=share,
    )


def _weighted_median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2.0)])


def plan_bits(crowd: Crowd, plan: Plan) -> Floats:
    """Bits of each slice for the plan, from subjects and work, on the half that forms it.

    Args:
        crowd: the slices.
        plan: the plan.
    """
    dealt = np.einsum("ij,j->i", crowd.counts, np.log(plan.topics))
    bits: Floats = (dealt - crowd.taste) / NATS + work_bits(crowd, plan)
    return bits


def work_bits(crowd: Crowd, plan: Plan) -> Floats:
    """Bits of each slice's load and daily rate, the plan's workers against all slices of the manner.

    Args:
        crowd: the slices.
        plan: the plan.
    """
    load = _narrow(crowd.load, plan.load, float(np.sqrt(np.exp(-plan.load) + 1.0 / SPREAD)))
    rate = _narrow(crowd.rate, plan.rate, RATE_SPREAD)
    likelihood = (
        BOTH * load * rate / crowd.density
        + LOAD_ONLY * load / crowd.load_density
        + RATE_ONLY * rate / crowd.rate_density
    )
    bits: Floats = np.log2(likelihood + 1e-12)
    return bits


def _narrow(values: Floats, middle: float, spread: float) -> Floats:
    density: Floats = np.exp(-0.5 * ((values - middle) / spread) ** 2) / (spread * np.sqrt(2.0 * np.pi))
    return density


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
    for _ in range(STACK_ROUNDS):
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
