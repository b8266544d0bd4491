"""Shared-key components: accounts that share a key are one actor, transitively.

The first thing that fraud teams build (BotGraph, Zhao et al., NSDI 2009, is its ancestor on shared networks;
EvilCohort, Stringhini et al., USENIX Security 2015, on addresses). A key that very many accounts hold is common and
dropped, since it would join everybody into one component; the limit is ours, because those works tune it by hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stillhunt_lab.arrays import Array
from stillhunt_lab.baselines.method import MIN_ACCOUNTS, AccountLog, MethodResult, MethodSettings, distinct_pairs

OBJECT_KINDS = ("card", "sign-up address", "mail domain", "address", "template")


@dataclass(frozen=True)
class Objects:
    """A bipartite graph of accounts and objects, each pair once."""

    account: Array
    object: Array
    kind: Array  # place in `OBJECT_KINDS` of each object, shape (objects,)

    @property
    def count(self) -> int:
        """Number of objects."""
        return len(self.kind)

    def holders(self) -> Array:
        """Number of accounts that hold each object, shape (objects,)."""
        return np.bincount(self.object, minlength=self.count)

    def keep(self, wanted: Array) -> Objects:
        """The graph of some of the objects."""
        number = np.cumsum(wanted) - 1
        edge = wanted[self.object]
        return Objects(self.account[edge], number[self.object[edge]], self.kind[wanted])


def shared_objects(log: AccountLog, least_uses: int = 1) -> Objects:
    """Every card, address, mail domain and template that two or more accounts hold.

    `least_uses`: requests with a template from which on an account counts as its holder. Returns the graph without
    objects of a single holder, which connect nobody.
    """
    everyone = np.arange(log.size)
    columns = (
        (everyone, log.customer_codes("payment_fingerprint")),
        (everyone, log.customer_codes("signup_ip")),
        (everyone, log.customer_codes("email_domain")),
        (log.owner, log.codes("client_ip")),
        _frequent_pairs(log.owner, log.prefix_codes(), least_uses),
    )
    accounts, objects, kinds, first = [], [], [], 0
    for kind, (account, code) in enumerate(columns):
        pair_account, pair_code = distinct_pairs(account, code)
        values, number = np.unique(pair_code, return_inverse=True)
        accounts.append(pair_account)
        objects.append(number + first)
        kinds.append(np.full(len(values), kind))
        first += len(values)
    graph = Objects(np.concatenate(accounts), np.concatenate(objects), np.concatenate(kinds))
    return graph.keep(graph.holders() >= 2)


def _frequent_pairs(account: Array, code: Array, least: int) -> tuple[Array, Array]:
    """Pairs of account and code that occur at least `least` times."""
    width = int(code.max(initial=-1)) + 1
    pairs, uses = np.unique((account * width + code)[code >= 0], return_counts=True)
    kept = pairs[uses >= least]
    return kept // max(width, 1), kept % max(width, 1)


COMMON_KEY_SHARE = 0.02
"""A key of this share of all accounts, and of at least `COMMON_KEY_ACCOUNTS`, is common and tells nothing."""
COMMON_KEY_ACCOUNTS = 100
TEMPLATE_USES = 10
"""Requests with a template from which on an account counts as its holder: a prompt copied once does not count."""


def find_shared_keys(requests: pa.Table, accounts: pa.Table | None, _settings: MethodSettings) -> MethodResult:
    """Components of five and more accounts that share a card, an address, a mail domain or a template word for word.

    Returns components as groups; the score counts the kinds of keys an account shares, then the size of its component.
    """
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
    """Connected component of each node, numbered by its first node."""
    edges = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(nodes, nodes))
    labels: Array = connected_components(edges, directed=False)[1]
    return labels
