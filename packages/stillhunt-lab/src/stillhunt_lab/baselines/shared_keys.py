"""Shared-key components: accounts that share a key are one actor, transitively.

The first thing that fraud teams build (BotGraph, Zhao et al., NSDI 2009, is its ancestor on shared networks;
EvilCohort, Stringhini et al., USENIX Security 2015, on addresses). A key that very many accounts hold is common and
dropped, since it would join everybody into one component; the limit is ours, because those works tune it by hand.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stillhunt_lab.baselines.log import AccountLog, Array
from stillhunt_lab.baselines.method import MethodResult, MethodSettings
from stillhunt_lab.baselines.shared_objects import OBJECT_KINDS, shared_objects
from stillhunt_lab.correct_call import MIN_ACCOUNTS

COMMON_KEY_SHARE = 0.02
"""A key of this share of all accounts, and of at least `COMMON_KEY_ACCOUNTS`, is common and tells nothing."""
COMMON_KEY_ACCOUNTS = 100
TEMPLATE_USES = 10
"""Requests with a template from which on an account counts as its holder: a prompt copied once does not count."""


def find_shared_keys(requests: pa.Table, accounts: pa.Table | None, settings: MethodSettings) -> MethodResult:
    """Components of five and more accounts that share a card, an address, a mail domain or a template word for word.

    Returns:
        Components as groups; the score counts the kinds of keys an account shares, then the size of its component.
    """
    del settings
    log = AccountLog(requests, accounts)
    graph = shared_objects(log, TEMPLATE_USES)
    graph = graph.keep(graph.holders() < max(COMMON_KEY_ACCOUNTS, COMMON_KEY_SHARE * log.size))
    labels = components(log.size + graph.count, graph.account, graph.object + log.size)[: log.size]
    size = np.bincount(labels)[labels]
    kinds = np.zeros((log.size, len(OBJECT_KINDS)), bool)
    kinds[graph.account, graph.kind[graph.object]] = True
    scores = np.where(size >= 2, kinds.sum(axis=1) + size / (1.0 + log.size), 0.0)
    return log.result(scores, size >= MIN_ACCOUNTS, labels)


def components(nodes: int, first: Array, second: Array) -> Array:
    """Connected component of each node, numbered by its first node.

    Args:
        first: one end of each edge, shape (edges,).
        second: the other end, shape (edges,).
    """
    edges = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(nodes, nodes))
    labels: Array = connected_components(edges, directed=False)[1]
    return labels
