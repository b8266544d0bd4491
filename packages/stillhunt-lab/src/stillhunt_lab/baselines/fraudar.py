"""FRAUDAR: the densest block of accounts and objects, resistant to camouflage.

Hooi, Song, Beutel, Shah, Shin, Faloutsos: FRAUDAR: Bounding Graph Fraud in the Face of Camouflage, KDD 2016. An edge
to an object of degree d weighs 1 / log(d + 5), the paper's column weights with its constant. Algorithm 1 removes the
node whose removal costs least, one after the other, and keeps the set with the highest weight per node. The paper's
algorithm returns one block, and that block is flagged; its edges are then taken away and the search repeated, as the
authors do for several blocks, to rank the other accounts.
"""

import heapq

import numpy as np
import pyarrow as pa

from stillhunt_lab.arrays import Array
from stillhunt_lab.baselines.method import AccountLog, MethodResult, MethodSettings
from stillhunt_lab.baselines.shared_keys import shared_objects

BLOCKS = 12
"""Blocks searched for the ranking."""
LOG_OFFSET = 5.0


def find_dense_blocks(requests: pa.Table, accounts: pa.Table | None, _settings: MethodSettings) -> MethodResult:
    """The densest block of accounts and shared objects.

    Returns the first block as a group; the score is the density of the densest block an account is in.
    """
    log = AccountLog(requests, accounts)
    graph = shared_objects(log)
    account, item = graph.account, graph.object
    scores, block = np.zeros(log.size), np.full(log.size, -1)
    for number in range(BLOCKS):
        if not len(account):
            break
        members, items, density = densest_block(account, item, log.size, graph.count)
        scores[members] = np.maximum(scores[members], density)
        if number == 0:
            block[members] = 0
        inside = np.isin(account, members) & np.isin(item, items)
        account, item = account[~inside], item[~inside]
    return log.result(scores, block == 0, block)


def densest_block(account: Array, item: Array, accounts: int, items: int) -> tuple[Array, Array, float]:
    """Algorithm 1 of the paper with logarithmic column weights.

    Returns accounts and objects of the best block, sorted, and its weight per node.
    """
    weight = 1.0 / np.log(np.bincount(item, minlength=items) + LOG_OFFSET)
    edges: list[list[tuple[int, float]]] = [[] for _ in range(accounts + items)]
    for a, i in zip(account.tolist(), item.tolist(), strict=True):
        edges[a].append((accounts + i, float(weight[i])))
        edges[accounts + i].append((a, float(weight[i])))
    held = [sum(value for _, value in own) for own in edges]
    heap = [(value, node) for node, value in enumerate(held) if edges[node]]
    heapq.heapify(heap)
    alive = {node for _, node in heap}
    total, best, best_size, removed = sum(held[:accounts]), -1.0, 0, []
    while alive:
        density = total / len(alive)
        if density > best + 1e-12:  # rounding must not prefer a smaller block of the same density
            best, best_size = density, len(alive)
        while True:
            value, node = heapq.heappop(heap)
            if node in alive and value == held[node]:
                break
        alive.discard(node)
        removed.append(node)
        total -= held[node]
        for other, part in edges[node]:
            if other in alive:
                held[other] -= part
                heapq.heappush(heap, (held[other], other))
    kept = np.sort(np.array(removed[len(removed) - best_size :], np.int64))
    return kept[kept < accounts], kept[kept >= accounts] - accounts, best
