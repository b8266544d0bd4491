"""The search for workloads: which bare slices were dealt from one plan?

A plan gives its workers the same mixture of subjects and nearly the same amount of work, in all or on each day of
work. A mixture model tells workers from customers: subjects multinomial around the plan's mixture against a taste of
each customer's own (Dirichlet-multinomial around everybody's mixture, concentrations mixed up to very broad tastes),
load and daily rate narrow around the plan's against the density of all slices of that manner. Every region of load and
rate that is dense enough seeds an expectation-maximisation; the distinct solutions stand. Subjects are those of one
half of the conversations, and the other half judges. Client stacks take no part in forming a plan, so that they can
testify.

Sources: EM for mixtures (Dempster, Laird and Rubin 1977); the Dirichlet-multinomial as law of own tastes (Mosimann
1962).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import gammaln

from stillhunt.link.bare import BareSlices
from stillhunt.link.arrays import Flags, Floats, Ints

TASTES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Concentrations of honest tastes; power users of wide interests reach 300 on sample worlds."""
SMOOTHING = 5.0
"""Questions of everybody's mixture that are added to a plan's."""
BLUR = 0.3
"""Standard deviation, in the logarithm, by which the density of loads and rates is smoothed."""
CELL = 0.05
SPREAD = 12.0
"""Size of the negative binomial law of workers' loads: leases and late starts spread them by a quarter."""
RATE_SPREAD = 0.22
"""Standard deviation of the logarithm of workers' daily rates."""
BOTH, LOAD_ONLY, RATE_ONLY = 0.6, 0.2, 0.2
"""Workers who keep load and rate, who miss days of the plan's rate, who make up the load in other days."""
STEP = 0.25
MOST_BITS = 43.0
"""Most bits (30 nats) one slice may bring to a plan while it forms."""
ROUNDS = 30
GLANCE = 3
"""Rounds by which a seed shows whether it leads anywhere."""
MOST_TRIED = 30
SAME_TRIAL = 0.8
"""Share of a seed's slices that a better seed already holds, from which they lead to the same plan."""
MOST_PLANS = 12
SETTLED = 1e-3
OVERLAP = 0.3
"""Share of a plan's slices that a stronger plan may already hold."""
NATS = float(np.log(2.0))


@dataclass(frozen=True)
class Plan:
    """One workload found on one half.

    Attributes:
        manner: manner of its slices.
        formed: positions of the slices that formed it, without help of their stacks.
        topics: its mixture of subjects, shape (TOPICS,).
        load, rate: logarithm of its workers' load and daily rate.
        share: share of the manner's slices that it holds.
    """

    manner: int
    formed: Ints
    topics: Floats
    load: float
    rate: float
    share: float


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
