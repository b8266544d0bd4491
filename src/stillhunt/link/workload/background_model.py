"""The slices of one manner: what honest slices show, and how much likelier a plan makes a slice.

Subjects of honest slices follow a Dirichlet-multinomial around everybody's mixture, concentrations mixed up to very
broad tastes; loads and daily rates follow the density of all slices of that manner. Slices are few in kinds of load and
rate, so those of one load and rate stand together in a cell, and the work of each cell is weighed once.

Sources: the Dirichlet-multinomial as law of own tastes (Mosimann 1962).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.special import gammaln

from stillhunt.link.requests.arrays import Floats, Ints
from stillhunt.link.workload.kernels import Rows, add_shares, sparse_rows, taste_likelihoods, weighted_sums
from stillhunt.link.workload.untemplated_slices import BareSlices

TASTES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Concentrations of honest tastes; power users of wide interests reach 300 on sample worlds."""
SMALL = 64
"""Counts below this are looked up."""
BLUR = 0.3
"""Standard deviation, in the logarithm, by which the density of loads and rates is smoothed."""
CELL = 0.05
SPREAD = 12.0
"""Size of the negative binomial law of workers' loads: leases and late starts spread them by a quarter."""
RATE_SPREAD = 0.22
"""Standard deviation of the logarithm of workers' daily rates."""
BOTH, LOAD_ONLY, RATE_ONLY = 0.6, 0.2, 0.2
"""Workers who keep load and rate, who miss days of the plan's rate, who make up the load in other days."""
LEAST_LIKELIHOOD = 1e-12
"""Of any load and rate, or one absurd day would outweigh all subjects."""
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
class Cells:
    """The loads and rates that occur together, ascending by load, then rate.

    Attributes:
        starts: cell d holds the rows starts[d] : starts[d + 1] of the crowd.
        load, rate: index of its load and of its rate.
        loads, rates: distinct logarithms, ascending.
        density: density of all slices at each cell's load and rate.
        load_density, rate_density: the same of each alone.
    """

    starts: Ints
    load: Ints
    rate: Ints
    loads: Floats
    rates: Floats
    density: Floats
    load_density: Floats
    rate_density: Floats


@dataclass(frozen=True)
class Crowd:
    """The slices of one manner, against which plans stand out.

    Attributes:
        slices: positions of the slices, ascending.
        order: index in `slices` of each row; rows stand by cell, then position.
        rows: questions by topic on the half that forms plans.
        taste: bits of those under a taste of their own, by row.
        cells: loads and rates of the rows.
        everybody: mixture of subjects of all slices alike.
    """

    slices: Ints
    order: Ints
    rows: Rows
    taste: Floats
    cells: Cells
    everybody: Floats


def gather_crowd(bare: BareSlices, manner: int, side: int) -> Crowd:
    """Slices of one manner with what honest slices would show.

    Args:
        bare: all bare slices.
        manner: manner wanted.
        side: half whose subjects form plans.
    """
    chosen = np.flatnonzero(bare.manner == manner)
    # Each slice counts alike, or one reseller with thousands of questions would be everybody.
    share = add_shares(bare.topics[0], bare.topics[1], chosen) + 0.5
    everybody = share / share.sum()
    order, cells = _cells(bare.log_load[chosen], bare.log_rate[chosen])
    rows = rows_of(bare.topics[side], chosen[order])
    return Crowd(chosen, order, rows, own_tastes(rows, everybody) / NATS, cells, everybody)


def rows_of(counts: npt.NDArray[Any], chosen: Ints) -> Rows:
    """Questions by topic of the chosen slices, sparse.

    Args:
        counts: questions by topic of all slices, shape (slices, TOPICS).
        chosen: positions wanted, in this order.
    """
    return Rows(*sparse_rows(counts, chosen))


def own_tastes(rows: Rows, everybody: Floats) -> Floats:
    """Log-likelihood of each row under tastes of its own around everybody's, nats.

    Args:
        rows: questions by topic.
        everybody: mixture of subjects, shape (TOPICS,).
    """
    alpha = np.append(everybody, 1.0)[:, None] * np.array(TASTES)
    rising = gammaln(np.arange(SMALL)[None, :, None] + alpha[:, None]) - gammaln(alpha)[:, None]
    likelihood: Floats = taste_likelihoods(rows, alpha, rising)
    return likelihood


def _cells(load: Floats, rate: Floats) -> tuple[Ints, Cells]:
    """Order of the slices by load and rate, and the cells in which they stand then."""
    loads, load_index = np.unique(load, return_inverse=True)
    rates, rate_index = np.unique(rate, return_inverse=True)
    key = load_index * len(rates) + rate_index
    order = np.argsort(key, kind="stable")
    found, first = np.unique(key[order], return_index=True)
    held_load, held_rate = found // max(len(rates), 1), found % max(len(rates), 1)
    starts = np.append(first, len(key))
    densities = _densities(loads[held_load], rates[held_rate], np.diff(starts))
    return order, Cells(starts, held_load, held_rate, loads, rates, *densities)


def _densities(load: Floats, rate: Floats, count: Ints) -> tuple[Floats, Floats, Floats]:
    """Smoothed density of all slices at each cell's load and rate, together and alone; `count` slices in each."""
    column = np.floor((load - load.min()) / CELL).astype(np.int64)
    row = np.floor((rate - rate.min()) / CELL).astype(np.int64)
    margin = round(4 * BLUR / CELL)
    table = np.zeros((int(column.max()) + 1 + 2 * margin, int(row.max()) + 1 + 2 * margin))
    np.add.at(table, (column + margin, row + margin), count.astype(np.float64))
    table /= count.sum()
    smooth = gaussian_filter(table, BLUR / CELL, mode="constant", truncate=4.0)
    place = (column + margin, row + margin)
    return (
        smooth[place] / CELL**2,
        (smooth.sum(axis=1) / CELL)[column + margin],
        (smooth.sum(axis=0) / CELL)[row + margin],
    )


def plan_bits(crowd: Crowd, plan: Plan) -> Floats:
    """Bits of each slice for the plan, from subjects and work, on the half that forms it.

    Args:
        crowd: the slices.
        plan: the plan.
    """
    bits = np.empty(len(crowd.slices))
    bits[crowd.order] = weighted_sums(crowd.rows, np.log2(plan.topics)) - crowd.taste
    return bits + work_bits(crowd, plan)


def work_bits(crowd: Crowd, plan: Plan) -> Floats:
    """Bits of each slice's load and daily rate, the plan's workers against all slices of the manner.

    Args:
        crowd: the slices.
        plan: the plan.
    """
    by_cell = cell_work(crowd.cells, np.array([plan.load]), np.array([plan.rate]))
    bits = np.empty(len(crowd.slices))
    bits[crowd.order] = np.repeat(by_cell[:, 0], np.diff(crowd.cells.starts))
    return bits


def cell_work(cells: Cells, load: Floats, rate: Floats) -> Floats:
    """Bits of each cell's load and rate, workers of plans against all slices, shape (cells, plans).

    Args:
        cells: the cells.
        load: logarithm of each plan's load, shape (plans,).
        rate: logarithm of its daily rate.
    """
    kept_load = _narrow(cells.loads, load, np.sqrt(np.exp(-load) + 1.0 / SPREAD))[cells.load]
    kept_rate = _narrow(cells.rates, rate, np.full(len(rate), RATE_SPREAD))[cells.rate]
    likelihood = (
        BOTH * kept_load * kept_rate / cells.density[:, None]
        + LOAD_ONLY * kept_load / cells.load_density[:, None]
        + RATE_ONLY * kept_rate / cells.rate_density[:, None]
        + LEAST_LIKELIHOOD
    )
    bits: Floats = np.log2(likelihood)
    return bits


def _narrow(values: Floats, middle: Floats, spread: Floats) -> Floats:
    density: Floats = np.exp(-0.5 * ((values[:, None] - middle) / spread) ** 2) / (spread * np.sqrt(2.0 * np.pi))
    return density
