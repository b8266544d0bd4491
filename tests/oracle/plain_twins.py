"""What the compiled loops of topic_word_kernels.py compute, in plain Python and without thought for speed."""

from __future__ import annotations

import math

Matrix = list[list[int]]


def request_sum(words: list[tuple[int, int]], basis: Matrix) -> list[int]:
    """Weighted sum of the basis vectors of one request's (word, weight) pairs."""
    return [sum(weight * basis[word][d] for word, weight in words) for d in range(len(basis[0]))]


def word_vectors(requests: list[list[tuple[int, int]]], basis: Matrix, sample: list[int]) -> Matrix:
    """X'X B over the sampled requests; X B is scaled down by 256, rounding to minus infinity."""
    out = [[0] * len(basis[0]) for _ in basis]
    for chosen in sample:
        total = [value // 256 for value in request_sum(requests[chosen], basis)]
        for word, weight in requests[chosen]:
            for d, value in enumerate(total):
                out[word][d] += weight * value
    return out


def request_vectors(requests: list[list[tuple[int, int]]], basis: Matrix) -> Matrix:
    """X B, scaled down by 64."""
    return [[value // 64 for value in request_sum(words, basis)] for words in requests]


def orthonormal(columns: list[list[float]]) -> list[list[float]]:
    """Modified Gram-Schmidt over the columns of a matrix given by rows."""
    done: list[list[float]] = []
    for column in map(list, zip(*columns, strict=True)):
        left = column
        for earlier in done:
            dot = sum(a * b for a, b in zip(left, earlier, strict=True))
            left = [a - dot * b for a, b in zip(left, earlier, strict=True)]
        length = math.sqrt(sum(a * a for a in left))
        done.append([a / length if length > 0.0 else 0.0 for a in left])
    return [list(row) for row in zip(*done, strict=True)]


TWINS = {
    "word_vectors": word_vectors,
    "orthonormal": orthonormal,
    "request_vectors": request_vectors,
}
"""Compiled function -> its twin; `test_oracle_kernels.py` holds each to it and fails for one that is not listed."""
