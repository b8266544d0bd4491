"""CatchSync: accounts whose objects resemble one another, and differ from those of other accounts.

Jiang, Cui, Beutel, Faloutsos, Yang: CatchSync: Catching Synchronized Behavior in Large Directed Graphs, KDD 2014.
Each object is placed in a plane of two features of its holders (degree, and authority by HITS), cut into grids.
Synchronicity of an account is the share of pairs of its own objects that fall in one grid, normality the share of
pairs of one of its own and one of everybody's. For a given normality n, synchronicity is at least (-M n^2 + 2n - s) /
(1 - M s), M the number of grids in use and s the sum of squared shares of all objects (theorem 1). Accounts whose
distance to that bound is more than three standard deviations above the mean are flagged (the paper's threshold). The
grid is logarithmic with 10 steps an axis.
"""

import numpy as np
import pyarrow as pa

from stillhunt_lab.arrays import Array
from stillhunt_lab.baselines.method import AccountLog, MethodResult, MethodSettings
from stillhunt_lab.baselines.shared_keys import shared_objects

GRID_STEPS = 10
DEVIATIONS = 3.0
MIN_OBJECTS = 5
"""The few objects of a small account are alike by chance; the paper's accounts follow hundreds."""
HITS_ROUNDS = 20


def find_synchronised(requests: pa.Table, accounts: pa.Table | None, _settings: MethodSettings) -> MethodResult:
    """Accounts whose shared objects are synchronised and abnormal.

    Returns all flagged accounts as one group, as the paper reports them; the score is the distance to the bound.
    """
    log = AccountLog(requests, accounts)
    graph = shared_objects(log)
    if not graph.count:
        return log.result(np.zeros(log.size), np.zeros(log.size, bool))
    cell = object_cells(graph.account, graph.object, log.size, graph.count)
    distance = distance_to_bound(graph.account, cell[graph.object], cell, log.size)
    judged = np.bincount(graph.account, minlength=log.size) >= MIN_OBJECTS
    distance = np.where(judged, distance, 0.0)
    values = distance[judged]
    limit = values.mean() + DEVIATIONS * values.std() if len(values) else np.inf
    flagged = judged & (distance > limit)
    return log.result(distance, flagged, np.where(flagged, 0, -1))


def object_cells(account: Array, item: Array, accounts: int, items: int) -> Array:
    """Grid of each object in the plane of degree and authority."""
    authority: Array = np.ones(items)
    for _ in range(HITS_ROUNDS):
        hub = np.bincount(account, authority[item], minlength=accounts)
        authority = np.bincount(item, hub[account], minlength=items)
        authority = authority / authority.max()
    degree = np.bincount(item, minlength=items)
    return _grid_step(degree.astype(float)) * GRID_STEPS + _grid_step(authority)


def _grid_step(values: Array) -> Array:
    logs = np.log(np.maximum(values, 1e-9))
    width = max(float(np.ptp(logs)), 1e-12)
    steps: Array = ((logs - logs.min()) / width * GRID_STEPS).astype(np.int64)
    return np.minimum(steps, GRID_STEPS - 1)


def distance_to_bound(account: Array, cell: Array, all_cells: Array, accounts: int) -> Array:
    """How far each account's synchronicity lies above the least that its normality allows.

    Returns distance, 0 to 1, shape (accounts,); 0 for accounts without objects.
    """
    in_use, number = np.unique(all_cells, return_inverse=True)
    share = np.bincount(number) / len(all_cells)
    grids, background = len(in_use), float((share**2).sum())
    table = np.zeros((accounts, grids))
    np.add.at(table, (account, np.searchsorted(in_use, cell)), 1.0)
    own = table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)
    synchronicity, normality = (own**2).sum(axis=1), own @ share
    if grids == 1:  # one grid: no account differs from the others
        return np.zeros(accounts)
    # 1 - M s is 0 where the objects fill all grids evenly; the bound is then the even one, 1 / M.
    slack = 1.0 - grids * background
    bound = (
        (-grids * normality**2 + 2 * normality - background) / slack
        if abs(slack) > 1e-12
        else np.full(accounts, 1 / grids)
    )
    return np.where(table.any(axis=1), np.maximum(synchronicity - bound, 0.0), 0.0)
