"""Loops of the search for work queues: many queues at a time over slices that are kept as lists of few counts.

Most of a slice's topics are empty, so each row lists the topics that are not. Queues stand side by side (lanes), and
every loop over lanes is free of branches: the sums of each lane run in one fixed order, whatever stands beside it.
"""

import math
from typing import Any, NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from stillhunt.link.requests.arrays import Floats, Ints

Words = npt.NDArray[np.uint64]
Singles = npt.NDArray[np.float32]

FOUR = 4
"""Entries of a row are taken four at a time."""
EMPTY = 2
"""Topics of empty entries."""
MIN_BITS = -1000.0
"""Below this nothing remains of a slice."""
LN2 = math.log(2.0)
UNFLUSHED = 16
"""Factors of at most 2 ** max_bits whose product is surely a number, up to 60 bits."""
MIXTURE_BLOCK = 256
"""Numbers taken through the steps of a round together: lanes times rows."""


class Rows(NamedTuple):
    """Questions by topic of some slices, sparse; rows are filled up with empty entries to a multiple of four.

    Empty entries alternate between two topics beyond the last, so that no two neighbours are the same.
    """

    starts: Ints  # entries of row i stand at starts[i] : starts[i + 1]
    topic: npt.NDArray[np.uint8]
    questions: Singles


class Lanes(NamedTuple):
    """Work queues side by side."""

    topics: Floats  # logarithm (base 2) of each work queue's mixture, shape (TOPICS + EMPTY, lanes)
    work: Floats  # bits of each cell's load and rate, shape (cells, lanes)
    share: Floats  # share of all slices that each work queue holds
    max_bits: float  # most bits that one slice may bring to a queue


@nb.njit(cache=True, nogil=True)
def sparse_rows(counts: npt.NDArray[Any], chosen: Ints) -> tuple[Ints, npt.NDArray[np.uint8], Singles]:
    """The fields of `Rows` for the chosen rows of a full table, shape (slices, TOPICS)."""
    starts = np.zeros(len(chosen) + 1, np.int64)
    topics = counts.shape[1]
    for i in range(len(chosen)):
        row = counts[chosen[i]]
        filled = 0
        for t in range(topics):
            filled += row[t] > 0
        starts[i + 1] = starts[i] + (filled + FOUR - 1) // FOUR * FOUR
    topic = (topics + np.arange(starts[-1]) % EMPTY).astype(np.uint8)
    count = np.zeros(starts[-1], np.float32)
    for i in range(len(chosen)):
        row = counts[chosen[i]]
        at = starts[i]
        for t in range(topics):
            if row[t] > 0:
                topic[at] = t
                count[at] = row[t]
                at += 1
    return starts, topic, count


@nb.njit(cache=True, nogil=True)
def add_shares(first: npt.NDArray[Any], second: npt.NDArray[Any], chosen: Ints) -> Floats:
    """Sum over the chosen slices of the share of each topic in both folds; a slice of no questions has none."""
    topics = first.shape[1]
    out = np.zeros(topics, np.float64)
    for i in chosen:
        total = np.int64(0)
        for t in range(topics):
            total += np.int64(first[i, t]) + np.int64(second[i, t])
        for t in range(topics):
            both = np.int64(first[i, t]) + np.int64(second[i, t])
            if both > 0:
                out[t] += both / total
    return out


@nb.njit(cache=True, nogil=True, error_model="numpy")
def preference_likelihoods(rows: Rows, alpha: Floats, rising: Floats) -> Floats:
    """Log-likelihood of each row, mean over concentrations of Dirichlet-multinomials, nats.

    Args:
        alpha: parameters by topic and concentration; the last row holds their sums.
        rising: log rising factorials of alpha by topic, small count and concentration; the last topic is the total.
    """
    last, known, width = len(alpha) - 1, rising.shape[1], alpha.shape[1]
    law = np.empty(width)
    out = np.empty(len(rows.starts) - 1)
    for i in range(len(out)):
        law[:] = 0.0
        total = np.int64(0)
        for k in range(rows.starts[i], rows.starts[i + 1]):
            topic, count = rows.topic[k], np.int64(rows.questions[k])
            if count == 0:
                break
            total += count
            for c in range(width):
                law[c] += (
                    _compute_log_rising_factorial(alpha, rising, topic, count, c)
                    if count >= known
                    else rising[topic, count, c]
                )
        for c in range(width):
            law[c] -= _compute_log_rising_factorial(alpha, rising, last, total, c)
        highest = law.max()
        mean = 0.0
        for c in range(width):
            mean += math.exp(law[c] - highest)
        out[i] = highest + math.log(mean / width)
    return out


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _compute_log_rising_factorial(alpha: Floats, rising: Floats, topic: int, count: np.int64, c: int) -> float:
    if count < rising.shape[1]:
        return float(rising[topic, count, c])
    return math.lgamma(alpha[topic, c] + count) - math.lgamma(alpha[topic, c])


@nb.njit(cache=True, nogil=True)
def weighted_sums(rows: Rows, weights: Floats) -> Floats:
    """Sum over each row of its counts times the topic's weight."""
    out = np.zeros(len(rows.starts) - 1)
    for i in range(len(out)):
        for k in range(rows.starts[i], rows.starts[i + 1]):
            if rows.questions[k] > 0:
                out[i] += np.float64(rows.questions[k]) * weights[rows.topic[k]]
    return out


@nb.njit(cache=True, nogil=True)
def cell_sums(rows: Rows, cells: Ints, topics: int) -> Ints:
    """Questions by topic of each cell; cell d holds rows cells[d] : cells[d + 1]."""
    out = np.zeros((len(cells) - 1, topics), np.int64)
    for d in range(len(out)):
        for k in range(rows.starts[cells[d]], rows.starts[cells[d + 1]]):
            if rows.questions[k] > 0:
                out[d, rows.topic[k]] += np.int64(rows.questions[k])
    return out


@nb.njit(cache=True, nogil=True)
def sums_by(index: Ints, values: Floats, size: int) -> Floats:
    """Sum of the rows of `values` that share an index, shape (size, lanes)."""
    out = np.zeros((size, values.shape[1]))
    for d in range(len(index)):
        for w in range(values.shape[1]):
            out[index[d], w] += values[d, w]
    return out


@nb.njit(cache=True, nogil=True, error_model="numpy")
def weigh(rows: Rows, preference: Floats, cells: Ints, lanes: Lanes, weights: Singles) -> tuple[Floats, Floats, Floats]:
    """One round: how likely each slice is each work queue's, and what those slices are like.

    Args:
        preference: bits of each slice's topics under a topic preference of its own.
        cells: cell d holds slices cells[d] : cells[d + 1].
        weights: probabilities of the round before, shape (slices, lanes); the new ones replace them.

    Returns:
        Questions by topic (and EMPTY), probabilities by cell, and the largest change of a probability, each by lane.
    """
    width = len(lanes.share)
    counted, held = np.zeros((len(lanes.topics), width)), np.zeros((len(cells) - 1, width))
    share, odds, scale = _allocate_lane_buffers(lanes.share)
    exponent, rest, moved = scale.view(np.int64), 1.0 - share, np.zeros(len(odds))
    by_row, cell = odds.reshape(-1, width), np.zeros(len(odds) // width, np.int64)
    known = weights.reshape(-1)
    # Loops that write little each: before it takes lanes together, the compiler must rule out that arrays overlap.
    for first in range(0, len(preference), len(cell)):
        last = min(first + len(cell), len(preference))
        _compute_queue_bits(rows, preference, cells, lanes, (first, last), cell, by_row)
        used = (last - first) * width
        _exponentiate_bits(odds, scale, exponent, used, lanes.max_bits)
        for j in range(used):
            odds[j] = share[j] * odds[j] / (share[j] * odds[j] + rest[j])
        for j in range(used):
            moved[j] = max(moved[j], abs(odds[j] - known[first * width + j]))
            known[first * width + j] = odds[j]
        for i in range(first, last):
            r = i - first
            for w in range(width):
                held[cell[r], w] += by_row[r, w]
            for k in range(rows.starts[i], rows.starts[i + 1], 2):
                a, b = rows.topic[k], rows.topic[k + 1]
                p, q = np.float64(rows.questions[k]), np.float64(rows.questions[k + 1])
                for w in range(width):
                    counted[a, w] += p * by_row[r, w]
                    counted[b, w] += q * by_row[r, w]
    for j in range(width, len(moved)):
        moved[j % width] = max(moved[j % width], moved[j])
    return counted, held, moved[:width]


@nb.njit(cache=True, nogil=True, error_model="numpy")
def judge(rows: Rows, preference: Floats, cells: Ints, lanes: Lanes, settled: Floats) -> tuple[Floats, Words]:
    """Bits by which each work queue explains all slices, and which slices are likelier the queue's than not.

    Args:
        preference: bits of each slice's topics under a topic preference of its own.
        cells: cell d holds slices cells[d] : cells[d + 1].
        settled: share of all slices that each work queue holds after the round.

    Returns:
        Bits, one per lane, and for each work queue a bit per slice, 64 in a word, shape (words, lanes).
    """
    width = len(settled)
    formed = np.zeros((len(preference) // 64 + 1, width), np.uint64)
    total, product, rest = np.zeros(width), np.ones(width), 1.0 - settled
    share, odds, scale = _allocate_lane_buffers(lanes.share)
    exponent = scale.view(np.int64)
    by_row, cell = odds.reshape(-1, width), np.zeros(len(odds) // width, np.int64)
    for first in range(0, len(preference), len(cell)):
        last = min(first + len(cell), len(preference))
        _compute_queue_bits(rows, preference, cells, lanes, (first, last), cell, by_row)
        _exponentiate_bits(odds, scale, exponent, (last - first) * width, lanes.max_bits)
        for i in range(first, last):
            r, bit = i - first, np.uint64(i % 64)
            for w in range(width):
                weight = share[w] * by_row[r, w] / (share[w] * by_row[r, w] + (1.0 - share[w]))
                formed[i // 64, w] |= np.uint64(weight > 0.5) << bit
            for w in range(width):
                product[w] *= rest[w] + settled[w] * by_row[r, w]
            if i % UNFLUSHED == 0:
                total += np.log2(product)
                product[:] = 1.0
    return total + np.log2(product), formed


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _allocate_lane_buffers(share: Floats) -> tuple[Floats, Floats, Floats]:
    """Buffers for a few rows of all lanes, one after the other; the first repeats each lane's share."""
    deep = max(MIXTURE_BLOCK // len(share), 1)
    repeated = np.empty(deep * len(share))
    for j in range(len(repeated)):
        repeated[j] = share[j % len(share)]
    return repeated, np.empty(len(repeated)), np.empty(len(repeated))


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _compute_queue_bits(
    rows: Rows, preference: Floats, cells: Ints, lanes: Lanes, span: tuple[int, int], cell: Ints, out: Floats
) -> None:
    """Set `out` to the bits of rows span[0] : span[1] for each work queue, and `cell` to their cells."""
    width = out.shape[1]
    d = np.searchsorted(cells, span[0], "right") - 1
    for i in range(span[0], span[1]):
        r = i - span[0]
        while cells[d + 1] <= i:
            d += 1
        cell[r] = d
        for w in range(width):
            out[r, w] = lanes.work[d, w] - preference[i]
        for k in range(rows.starts[i], rows.starts[i + 1], FOUR):
            t, u, v, x = rows.topic[k], rows.topic[k + 1], rows.topic[k + 2], rows.topic[k + 3]
            a, b = np.float64(rows.questions[k]), np.float64(rows.questions[k + 1])
            c, e = np.float64(rows.questions[k + 2]), np.float64(rows.questions[k + 3])
            for w in range(width):
                first = a * lanes.topics[t, w] + b * lanes.topics[u, w]
                out[r, w] += first + (c * lanes.topics[v, w] + e * lanes.topics[x, w])


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _exponentiate_bits(bits: Floats, scale: Floats, exponent: Ints, used: int, max_bits: float) -> None:
    """Replace the first of `bits` by 2 ** bits, at most 2 ** max_bits; `exponent` is `scale` seen as integers."""
    for j in range(used):
        power = min(max(bits[j], MIN_BITS), max_bits)
        rounded = np.floor(power + 0.5)
        # 2 ** whole, written as the exponent of a double; the rest of the power by the series of exp.
        exponent[j] = (np.int64(rounded) + 1023) << 52
        x = (power - rounded) * LN2
        y = 1.0 / 5040.0 + x * (1.0 / 40320.0 + x * (1.0 / 362880.0 + x * (1.0 / 3628800.0 + x * (1.0 / 39916800.0))))
        y = 1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0 + x * y))
        bits[j] = 1.0 + x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * y)))
    for j in range(used):
        bits[j] *= scale[j]
