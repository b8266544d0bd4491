"""Connected components are numbered as scipy numbers them: by their smallest nodes."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stillhunt.base.components import number_components


@pytest.mark.parametrize(("nodes", "edges"), [(1, 0), (5, 3), (300, 60), (300, 280), (300, 2_000)])
def test_components_are_those_of_scipy(nodes: int, edges: int) -> None:
    left, right = np.random.default_rng(nodes + edges).integers(0, nodes, (2, edges))
    graph = coo_array((np.ones(edges), (left, right)), shape=(nodes, nodes))
    assert np.array_equal(number_components(left, right, nodes), connected_components(graph, directed=False)[1])


def test_a_long_path_is_one_component() -> None:
    path = np.random.default_rng(1).permutation(2_000)
    assert not number_components(path[:-1], path[1:], len(path)).any()
    assert number_components(path[:0], path[:0], 0).tolist() == []
