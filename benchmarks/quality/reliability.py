"""Is a stated probability the observed share? Reliability tables, calibration errors, correlations; and their plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
BOOTSTRAPS = 2_000
EDGES = (0.0, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 1.0)
"""Bounds of the bins of stated probability."""
NEWTON_STEPS = 30
RIDGE = 1e-4
SIZE = 360
MARGIN = 46


@dataclass(frozen=True)
class Bin:
    """One row of a reliability table.

    Attributes:
        low, high: bounds of the stated probability.
        count, true: cases in it, and those that are what was stated.
        stated, observed: weighted means.
        observed_low, observed_high: exact 95 % interval (Clopper and Pearson 1934) of the unweighted share, put on the
            scale of the weights.
    """

    low: float
    high: float
    count: int
    true: int
    stated: float
    observed: float
    observed_low: float
    observed_high: float


def weights_at(prior_bits: float, true: Flags) -> Floats:
    """Weights that give the cases the base rate of a prior; their sum is 1.

    Args:
        prior_bits: log2 odds of the base rate.
        true: truth of each case.
    """
    rate = 1.0 / (1.0 + 2.0**-prior_bits)
    return np.where(true, rate / max(int(true.sum()), 1), (1.0 - rate) / max(int((~true).sum()), 1))


def reliability(probability: Floats, true: Flags, weight: Floats, edges: Sequence[float]) -> list[Bin]:
    """Stated against observed, bin by bin; empty bins are left out.

    Args:
        probability: stated probability of each case.
        true: truth of each case.
        weight: weight of each case; the same for all of one class.
        edges: bounds of the bins, ascending, from 0 to 1; the last bin includes 1.
    """
    place = np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, len(edges) - 2)
    bins = []
    for number in range(len(edges) - 1):
        own = place == number
        total = weight[own].sum()
        if not total:
            continue
        count, hits = int(own.sum()), int((own & true).sum())
        low, high = (float(q) for q in beta.ppf([0.025, 0.975], [hits, hits + 1], [count - hits + 1, count - hits]))
        bins.append(
            Bin(
                low=edges[number],
                high=edges[number + 1],
                count=count,
                true=hits,
                stated=float((weight * probability)[own].sum() / total),
                observed=float(weight[own & true].sum() / total),
                observed_low=_at_weights(0.0 if hits == 0 else low, true, weight),
                observed_high=_at_weights(1.0 if hits == count else high, true, weight),
            )
        )
    return bins


def _at_weights(share: float, true: Flags, weight: Floats) -> float:
    """The share of true cases in a bin when each class has its weight."""
    of_true = share * float(weight[true].max(initial=0.0))
    of_honest = (1.0 - share) * float(weight[~true].max(initial=0.0))
    return of_true / (of_true + of_honest) if of_true + of_honest else 0.0


def calibration_error(probability: Floats, true: Flags, weight: Floats, edges: Sequence[float]) -> float:
    """Expected calibration error: mean distance of stated and observed over the bins (Naeini and others 2015)."""
    place = np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, len(edges) - 2)
    gap = np.bincount(place, weight * (probability - true), minlength=len(edges) - 1)
    return float(np.abs(gap).sum() / weight.sum())


def brier(probability: Floats, true: Flags, weight: Floats) -> float:
    """Mean squared distance of stated probability and truth (Brier 1950)."""
    return float((weight * (probability - true) ** 2).sum() / weight.sum())


def measured_bits(bits: Floats, true: Flags, edges: Sequence[float]) -> list[tuple[float, float, int, int, float]]:
    """What bits are worth: in bins of stated bits, log2 of the ratio of the two classes' shares.

    Half a case is added to each side, so that an empty side gives a number.

    Args:
        bits: stated bits of each case.
        true: truth of each case.
        edges: bounds of the bins.

    Returns:
        low, high, honest cases, true cases, measured bits; empty bins left out.
    """
    place = np.searchsorted(edges, bits, side="right") - 1
    rows = []
    for number in range(len(edges) - 1):
        own = place == number
        honest, found = int((own & ~true).sum()), int((own & true).sum())
        if honest + found:
            ratio = (found + 0.5) / (true.sum() + 0.5) / ((honest + 0.5) / ((~true).sum() + 0.5))
            rows.append((edges[number], edges[number + 1], honest, found, float(np.log2(ratio))))
    return rows


def fitted_line(bits: Floats, true: Flags) -> tuple[float, float]:
    """Offset and slope of the line from stated bits to log2 odds, both classes weighing the same.

    Logistic regression by Newton's method with a weak ridge, so that separated classes give a finite slope.

    Args:
        bits: stated bits of each case.
        true: truth of each case.
    """
    design = np.stack([np.ones(len(bits)), bits], axis=1)
    weight = weights_at(0.0, true)
    found = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        probability = 1.0 / (1.0 + np.exp(-design @ found))
        slope = design.T @ (weight * (true - probability)) - RIDGE * found
        curve = (design * (weight * probability * (1.0 - probability))[:, None]).T @ design + RIDGE * np.eye(2)
        found = found + np.linalg.solve(curve, slope)
    offset, gain = found / np.log(2.0)
    return float(offset), float(gain)


def correlations(columns: Floats, world: Ints, worlds: int) -> tuple[Floats, Floats, Floats]:
    """Pearson correlations with their 95 % intervals, whole worlds drawn again; 0 for a column that never varies.

    Args:
        columns: cases x families.
        world: number of each case's world.
        worlds: number of worlds.

    Returns:
        Correlations, lower and upper bounds, each families x families.
    """
    groups = [columns[world == number] for number in range(worlds)]
    counts = np.array([len(group) for group in groups], float)
    sums = np.array([group.sum(axis=0) for group in groups])
    squares = np.array([group.T @ group for group in groups])
    drawn = np.random.default_rng(3).integers(0, worlds, (BOOTSTRAPS, worlds))
    many = np.array([_correlation(counts[d].sum(), sums[d].sum(axis=0), squares[d].sum(axis=0)) for d in drawn])
    low, high = np.percentile(many, [2.5, 97.5], axis=0)
    return _correlation(counts.sum(), sums.sum(axis=0), squares.sum(axis=0)), low, high


def _correlation(count: float, sums: Floats, squares: Floats) -> Floats:
    covariance = squares / count - np.outer(sums, sums) / count**2
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.outer(spread, spread)
    known = scale > 1e-12
    return np.where(known, covariance / np.where(known, scale, 1.0), 0.0)


def plot(curves: dict[str, list[Bin]], title: str) -> str:
    """A reliability plot as SVG: observed over stated, with intervals and the diagonal.

    Args:
        curves: name -> bins; at most four.
        title: heading.
    """
    colours = ("#1f6f8b", "#b5541c", "#5b7f2b", "#7a4b94")
    side = SIZE - 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" font-family="sans-serif" font-size="11">',
        f'<rect width="{SIZE}" height="{SIZE}" fill="#ffffff"/>',
        f'<text x="{SIZE / 2}" y="18" text-anchor="middle" font-size="13">{title}</text>',
        f'<rect x="{MARGIN}" y="{MARGIN}" width="{side}" height="{side}" fill="none" stroke="#999999"/>',
        (
            f'<line x1="{MARGIN}" y1="{SIZE - MARGIN}" x2="{SIZE - MARGIN}" y2="{MARGIN}" stroke="#999999" '
            'stroke-dasharray="4 3"/>'
        ),
        f'<text x="{SIZE / 2}" y="{SIZE - 10}" text-anchor="middle">stated probability</text>',
        f'<text x="14" y="{SIZE / 2}" text-anchor="middle" transform="rotate(-90 14 {SIZE / 2})">observed share</text>',
    ]
    for tick in (0.0, 0.5, 1.0):
        x, y = MARGIN + tick * side, SIZE - MARGIN - tick * side
        parts.append(f'<text x="{x}" y="{SIZE - MARGIN + 14}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    for (name, bins), colour, row in zip(curves.items(), colours, range(len(curves)), strict=False):
        parts.append(f'<text x="{MARGIN + 8}" y="{MARGIN + 16 + 14 * row}" fill="{colour}">{name}</text>')
        for one in bins:
            x, y = MARGIN + one.stated * side, SIZE - MARGIN - one.observed * side
            top, bottom = SIZE - MARGIN - one.observed_high * side, SIZE - MARGIN - one.observed_low * side
            parts.append(f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}" stroke="{colour}"/>')
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')
    return "\n".join([*parts, "</svg>", ""])
