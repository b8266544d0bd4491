"""What untemplated slices of honest customers show, and how much likelier a work queue makes a slice.

Topics of honest slices follow a Dirichlet-multinomial around the common mixture, with concentrations up to very broad
preferences; loads and daily rates follow the density of all slices of one request style. Few loads and rates differ, so
the slices of one load and rate stand together in a cell, and the work of each cell is weighed once.

Source: the Dirichlet-multinomial as law of individual preferences (Mosimann 1962).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from stillhunt.base.parameters import read_parameters
from stillhunt.link.requests.arrays import Floats, Ints
from stillhunt.link.workload.mixture_kernels import Rows, add_shares, preference_likelihoods, sparse_rows, weighted_sums
from stillhunt.link.workload.untemplated_slices import TOPIC_SMOOTHING, UntemplatedSlices


class BackgroundParameters(NamedTuple):
    """The background model."""

    preference_concentrations: tuple[float, ...]
    load_dispersion: float
    rate_spread: float
    keeps_both: float


P = read_parameters(BackgroundParameters, "link.background")


_BLUR = 0.3  # Standard deviation by which the density of log loads and log rates is smoothed (about a third of a load)
_CELL = 0.05  # log: width of a cell of that density (a sixth of the blur)
_MARGIN = round(4 * _BLUR / _CELL)  # cells: four standard deviations, where the Gaussian ends
# share of workers: workers who keep the load only: they make it up on other days (derived: half of those who do not
# keep both)
_KEEPS_LOAD = 0.2
# share of workers: workers who keep the daily rate only: they miss days (derived: half of those who do not keep both)
_KEEPS_RATE = 0.2
# density ratio: likelihood ratio added for any load and rate (one absurd day must not outweigh all topics)
_MIN_LIKELIHOOD = 1e-12


SMALL = 64
"""Counts below this are looked up."""
NATS_PER_BIT = float(np.log(2.0))


@dataclass(frozen=True)
class WorkQueue:
    """One work queue, found on one fold."""

    request_style: int
    formed: Ints  # positions of the slices that formed it, without help of their clients
    topics: Floats  # its mixture of topics, shape (TOPICS,)
    # load, rate: logarithm of its workers' load and daily rate
    load: float
    rate: float
    share: float  # share of the slices of this request style that it holds


@dataclass(frozen=True)
class Cells:
    """The loads and rates that occur together, ascending by load, then rate."""

    starts: Ints  # cell d holds the rows starts[d] : starts[d + 1] of the background model
    load: Ints
    rate: Ints
    loads: Floats
    rates: Floats
    density: Floats  # density of all slices at each cell's load and rate
    # load_density, rate_density: the same for the load and the rate alone
    load_density: Floats
    rate_density: Floats


@dataclass(frozen=True)
class BackgroundModel:
    """The slices of one request style, against which work queues stand out."""

    slices: Ints
    order: Ints  # index in `slices` of each row; rows stand by cell, then position
    rows: Rows  # questions by topic on the fold that forms work queues
    preference: Floats  # bits of these questions under topic preferences of the account's own, by row
    cells: Cells
    common: Floats


def background_model(untemplated: UntemplatedSlices, request_style: int, fold: int) -> BackgroundModel:
    """The slices of one request style, with what honest slices would show."""
    chosen = np.flatnonzero(untemplated.request_style == request_style)
    # Each slice counts alike, or one reseller with thousands of questions would be the common mixture.
    share = add_shares(untemplated.topics[0], untemplated.topics[1], chosen) + TOPIC_SMOOTHING
    common = share / share.sum()
    order, cells = _cells_of(untemplated.log_load[chosen], untemplated.log_rate[chosen])
    rows = rows_of(untemplated.topics[fold], chosen[order])
    return BackgroundModel(chosen, order, rows, own_preferences(rows, common) / NATS_PER_BIT, cells, common)


def rows_of(counts: npt.NDArray[Any], chosen: Ints) -> Rows:
    """Questions by topic of the chosen slices, sparse."""
    return Rows(*sparse_rows(counts, chosen))


def own_preferences(rows: Rows, common: Floats) -> Floats:
    """Log-likelihood of each row under a topic preference of the account's own, in nats.

    `common`: common topic mixture around which preferences lie, shape (TOPICS,).
    """
    alpha = np.append(common, 1.0)[:, None] * np.array(P.preference_concentrations)
    rising = gammaln(np.arange(SMALL)[None, :, None] + alpha[:, None]) - gammaln(alpha)[:, None]
    likelihood: Floats = preference_likelihoods(rows, alpha, rising)
    return likelihood


def _cells_of(load: Floats, rate: Floats) -> tuple[Ints, Cells]:
    """Order of the slices by load and rate, and the cells that they make in this order."""
    loads, load_index = np.unique(load, return_inverse=True)
    rates, rate_index = np.unique(rate, return_inverse=True)
    key = load_index * len(rates) + rate_index
    order = np.argsort(key, kind="stable")
    found, first = np.unique(key[order], return_index=True)
    held_load, held_rate = found // max(len(rates), 1), found % max(len(rates), 1)
    starts = np.append(first, len(key))
    densities = _smoothed_densities(loads[held_load], rates[held_rate], np.diff(starts))
    return order, Cells(starts, held_load, held_rate, loads, rates, *densities)


def _smoothed_densities(load: Floats, rate: Floats, count: Ints) -> tuple[Floats, Floats, Floats]:
    """Smoothed density of all slices at each cell's load and rate, together and alone; `count` slices in each."""
    column = np.floor((load - load.min()) / _CELL).astype(np.int64)
    row = np.floor((rate - rate.min()) / _CELL).astype(np.int64)
    place = (column + _MARGIN, row + _MARGIN)
    table = np.zeros((int(column.max()) + 1 + 2 * _MARGIN, int(row.max()) + 1 + 2 * _MARGIN))
    np.add.at(table, place, count.astype(np.float64))
    table /= count.sum()
    smooth = _blur_columns(_blur_columns(table).T).T
    return (
        smooth[place] / _CELL**2,
        (smooth.sum(axis=1) / _CELL)[place[0]],
        (smooth.sum(axis=0) / _CELL)[place[1]],
    )


def _blur_columns(table: Floats) -> Floats:
    """A table whose columns a Gaussian smooths, to the bits of `scipy.ndimage`, which takes 0.03 s to import."""
    weights = np.exp(-0.5 / (_BLUR / _CELL) ** 2 * np.arange(-_MARGIN, _MARGIN + 1) ** 2)
    weights /= weights.sum()
    padded, rows = np.pad(table, ((_MARGIN, _MARGIN), (0, 0))), len(table)
    smooth: Floats = table * weights[_MARGIN]
    for place in range(_MARGIN):
        other = 2 * _MARGIN - place
        smooth += (padded[place : place + rows] + padded[other : other + rows]) * weights[place]
    return smooth


def queue_bits(background: BackgroundModel, queue: WorkQueue) -> Floats:
    """Bits of each slice for the work queue, by its topics and its work, on the fold that forms it."""
    bits = np.empty(len(background.slices))
    bits[background.order] = weighted_sums(background.rows, np.log2(queue.topics)) - background.preference
    return bits + work_bits(background, queue)


def work_bits(background: BackgroundModel, queue: WorkQueue) -> Floats:
    """Bits of each slice's load and daily rate, the queue's workers against all slices of the request style."""
    by_cell = cell_work(background.cells, np.array([queue.load]), np.array([queue.rate]))
    bits = np.empty(len(background.slices))
    bits[background.order] = np.repeat(by_cell[:, 0], np.diff(background.cells.starts))
    return bits


def cell_work(cells: Cells, load: Floats, rate: Floats) -> Floats:
    """Bits of each cell's load and rate, a queue's workers against all slices, shape (cells, queues)."""
    kept_load = _normal_density(cells.loads, load, np.sqrt(np.exp(-load) + 1.0 / P.load_dispersion))[cells.load]
    kept_rate = _normal_density(cells.rates, rate, np.full(len(rate), P.rate_spread))[cells.rate]
    likelihood = (
        P.keeps_both * kept_load * kept_rate / cells.density[:, None]
        + _KEEPS_LOAD * kept_load / cells.load_density[:, None]
        + _KEEPS_RATE * kept_rate / cells.rate_density[:, None]
        + _MIN_LIKELIHOOD
    )
    bits: Floats = np.log2(likelihood)
    return bits


def _normal_density(values: Floats, middle: Floats, spread: Floats) -> Floats:
    density: Floats = np.exp(-0.5 * ((values[:, None] - middle) / spread) ** 2) / (spread * np.sqrt(2.0 * np.pi))
    return density
