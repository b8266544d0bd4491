"""Loops of the search for topics; the plain twin of each is in tests/oracle."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@nb.njit(cache=True, nogil=True)
def word_vectors(offsets: Ints, word: Ints, weights: Ints, basis: npt.NDArray[np.int32], sample: Ints) -> Ints:
    """One step of subspace iteration: X'X B over the sampled requests, in integers.

    Args:
        offsets: words of request r stand at offsets[r] : offsets[r + 1].
        word: bucket of each word of each request.
    """
    buckets, dimensions = basis.shape
    out = np.zeros((buckets, dimensions), np.int64)
    total = np.empty(dimensions, np.int64)
    for s in range(len(sample)):
        first, last = offsets[sample[s]], offsets[sample[s] + 1]
        total[:] = 0
        for i in range(first, last):
            for d in range(dimensions):
                total[d] += weights[i] * np.int64(basis[word[i], d])
        for d in range(dimensions):
            total[d] >>= 8
        for i in range(first, last):
            for d in range(dimensions):
                out[word[i], d] += weights[i] * total[d]
    return out


@nb.njit(cache=True, nogil=True)
def orthonormal(columns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Modified Gram-Schmidt in one fixed order, so that no thread count changes a bit of it."""
    rows, dimensions = columns.shape
    work = np.ascontiguousarray(columns.T)
    for d in range(dimensions):
        for earlier in range(d):
            dot = 0.0
            for r in range(rows):
                dot += work[d, r] * work[earlier, r]
            for r in range(rows):
                work[d, r] -= dot * work[earlier, r]
        square = 0.0
        for r in range(rows):
            square += work[d, r] * work[d, r]
        length = np.sqrt(square)
        for r in range(rows):
            work[d, r] = work[d, r] / length if length > 0.0 else 0.0
    return np.ascontiguousarray(work.T)


@nb.njit(cache=True, nogil=True)
def request_vectors(offsets: Ints, word: Ints, weights: Ints, basis: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Weighted sum of the basis vectors of each request's words, scaled down to 32 bits."""
    dimensions = basis.shape[1]
    vectors = np.zeros((len(offsets) - 1, dimensions), np.int32)
    total = np.empty(dimensions, np.int64)
    for r in range(len(offsets) - 1):
        total[:] = 0
        for i in range(offsets[r], offsets[r + 1]):
            for d in range(dimensions):
                total[d] += weights[i] * np.int64(basis[word[i], d])
        for d in range(dimensions):
            vectors[r, d] = total[d] >> 6
    return vectors


@nb.njit(cache=True, nogil=True)
def nearest_topics(vectors: npt.NDArray[np.int32], centres: npt.NDArray[np.int32]) -> Ints:
    """Index of the centre with the largest dot product; the first on ties.

    Args:
        vectors: rows of length at most 127, so that products fit 32 bits and the loop runs in vector registers.
        centres: rows of the same length.
    """
    count, dimensions = vectors.shape
    best = np.zeros(count, np.int64)
    for r in range(count):
        highest = np.int32(-(2**31))
        for t in range(len(centres)):
            dot = np.int32(0)
            for d in range(dimensions):
                dot = np.int32(dot + vectors[r, d] * centres[t, d])
            if dot > highest:
                highest = dot
                best[r] = t
    return best
