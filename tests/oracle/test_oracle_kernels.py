"""Each compiled loop of the search for topics gives what its plain twin gives."""

from __future__ import annotations

import numpy as np
import plain_rows as plain
import plain_twins as twins
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from stillhunt.link.topics import topic_word_kernels as kernels
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(50))

Requests = list[list[tuple[int, int]]]


def test_every_kernel_has_a_twin() -> None:
    compiled = {name for name, value in vars(kernels).items() if hasattr(value, "py_func")}
    known = set(twins.TWINS) | set(plain.TWINS)  # those of rows and of words have theirs in plain_rows
    assert set(twins.TWINS) <= compiled <= known, "write a plain twin in tests/oracle and hold the kernel to it"


@st.composite
def requests_and_basis(draw: DrawFn) -> tuple[Requests, list[list[int]]]:
    buckets, dimensions = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    number = st.integers(-70_000, 70_000)
    basis = draw(
        st.lists(st.lists(number, min_size=dimensions, max_size=dimensions), min_size=buckets, max_size=buckets)
    )
    pair = st.tuples(st.integers(0, buckets - 1), st.integers(0, 256))
    return draw(st.lists(st.lists(pair, max_size=6), min_size=1, max_size=6)), basis


def flat(requests: Requests) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    offsets = np.cumsum([0, *(len(words) for words in requests)]).astype(np.int64)
    pairs = np.array([pair for words in requests for pair in words], np.int64).reshape(-1, 2)
    return offsets, np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])


@steady
@given(requests_and_basis(), st.data())
def test_word_vectors(drawn: tuple[Requests, list[list[int]]], data: st.DataObject) -> None:
    requests, basis = drawn
    sample = sorted(data.draw(st.sets(st.integers(0, len(requests) - 1))))
    got = kernels.word_vectors(*flat(requests), np.array(basis, np.int32), np.array(sample, np.int64))
    assert got.tolist() == twins.word_vectors(requests, basis, sample)


@steady
@given(requests_and_basis())
def test_request_vectors(drawn: tuple[Requests, list[list[int]]]) -> None:
    requests, basis = drawn
    got = kernels.request_vectors(*flat(requests), np.array(basis, np.int32))
    assert got.tolist() == twins.request_vectors(requests, basis)


@st.composite
def matrices(draw: DrawFn) -> list[list[float]]:
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    number = st.integers(-1000, 1000).map(float)
    return draw(st.lists(st.lists(number, min_size=columns, max_size=columns), min_size=rows, max_size=rows))


@steady
@given(matrices())
def test_orthonormal(matrix: list[list[float]]) -> None:
    got = kernels.orthonormal(np.array(matrix, np.float64))
    # Where columns depend on each other the rest is rounding noise, blown up to length 1; only what is left of
    # independent columns is compared.
    independent = np.linalg.matrix_rank(np.array(matrix)) == len(matrix[0])
    if independent:
        np.testing.assert_allclose(got, twins.orthonormal(matrix), atol=1e-6)
        np.testing.assert_allclose(got.T @ got, np.eye(len(matrix[0])), atol=1e-6)
        np.testing.assert_allclose(got @ (got.T @ np.array(matrix)), matrix, atol=1e-4)
    assert np.isfinite(got).all()


@pytest.mark.parametrize("matrix", [[[0.0, 0.0], [0.0, 0.0]], [[3.0, 0.0], [4.0, 0.0]]])
def test_orthonormal_of_nothing(matrix: list[list[float]]) -> None:
    np.testing.assert_allclose(kernels.orthonormal(np.array(matrix)), twins.orthonormal(matrix))
