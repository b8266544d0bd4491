"""The best one-to-one assignment of known campaigns to found ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def best_pairs(weights: Mapping[tuple[int, int], float]) -> dict[int, int]:
    """Pairs of largest total weight, each row and each column in one pair at most.

    Only pairs that are given are made. Each connected component is solved by itself, so that its matrix stays small.

    Args:
        weights: (row, column) -> weight above 0.

    Returns:
        Column -> row. Of assignments with equal weight the same one is taken whatever the order of the pairs.
    """
    if not weights:
        return {}
    pairs = sorted(weights)
    rows, row_of = np.unique([row for row, _ in pairs], return_inverse=True)
    columns, column_of = np.unique([column for _, column in pairs], return_inverse=True)
    nodes = len(rows) + len(columns)
    edges = coo_array((np.ones(len(pairs)), (row_of, column_of + len(rows))), shape=(nodes, nodes))
    _, label = connected_components(edges, directed=False)
    members: dict[int, list[int]] = {}
    for place, row in enumerate(row_of.tolist()):
        members.setdefault(int(label[row]), []).append(place)
    chosen: dict[int, int] = {}
    for places in members.values():
        own_rows, own_columns = (sorted({pairs[place][side] for place in places}) for side in (0, 1))
        matrix = np.zeros((len(own_rows), len(own_columns)))
        for place in places:
            row, column = np.searchsorted(own_rows, pairs[place][0]), np.searchsorted(own_columns, pairs[place][1])
            matrix[row, column] = weights[pairs[place]]
        for row, column in zip(*linear_sum_assignment(matrix, maximize=True), strict=True):
            if matrix[row, column] > 0:
                chosen[own_columns[column]] = own_rows[row]
    return chosen
