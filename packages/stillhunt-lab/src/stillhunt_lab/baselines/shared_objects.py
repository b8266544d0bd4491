"""Accounts and the objects they share: cards, addresses, mail domains and templates, in place of a paper's pages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt_lab.baselines.log import AccountLog, Array, distinct_pairs

OBJECT_KINDS = ("card", "sign-up address", "mail domain", "address", "template")


@dataclass(frozen=True)
class Objects:
    """A bipartite graph of accounts and objects, each pair once.

    Attributes:
        account: account of each edge, shape (edges,).
        object: object of each edge, shape (edges,).
        kind: place in `OBJECT_KINDS` of each object, shape (objects,).
    """

    account: Array
    object: Array
    kind: Array

    @property
    def count(self) -> int:
        """Number of objects."""
        return len(self.kind)

    def holders(self) -> Array:
        """Number of accounts that hold each object, shape (objects,)."""
        return np.bincount(self.object, minlength=self.count)

    def keep(self, wanted: Array) -> Objects:
        """The graph of some of the objects.

        Args:
            wanted: whether each object stays, shape (objects,).
        """
        number = np.cumsum(wanted) - 1
        edge = wanted[self.object]
        return Objects(self.account[edge], number[self.object[edge]], self.kind[wanted])


def shared_objects(log: AccountLog, least_uses: int = 1) -> Objects:
    """Every card, address, mail domain and template that two or more accounts hold.

    Args:
        least_uses: requests with a template from which on an account counts as its holder.

    Returns:
        The graph without objects of a single holder, which connect nobody.
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
