"""Groups of every content cluster, on both folds; fragments of one template are joined where that finds more."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from stillhunt.base.column_files import mapped_column
from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset
from stillhunt.base.parameters import read_parameters
from stillhunt.base.progress import Progress
from stillhunt.base.schema import LINKS, TOTALS
from stillhunt.base.units import MICROBITS
from stillhunt.link.groups.groups import Group, find_groups
from stillhunt.link.groups.slices import ClusterSlices, cluster_slices
from stillhunt.link.requests.arrays import Flags, Floats, Ints
from stillhunt.link.requests.index_requests import IndexedLog
from stillhunt.link.templates.clusters import Clusters
from stillhunt.link.templates.phrase_pair_kernels import label_joined, rarest_uses
from stillhunt.link.workload.operators import Operator
from stillhunt.link.workload.untemplated_slices import UntemplatedSlices


class FragmentParameters(NamedTuple):
    """Fragments of templates."""

    max_account_share: float
    min_relative_risk: float
    min_jaccard: float
    complete_bits: float


P = read_parameters(FragmentParameters, "link.fragments")


# Clusters of one account that are compared: those with the fewest accounts (bounds the work that a reseller causes)
_MAX_CLUSTERS_PER_ACCOUNT = 256
_MIN_ACCOUNTS = 5  # Accounts that must have requests in both clusters (the fewest accounts of a campaign)


def joined_labels(account: Ints, cluster: Ints, accounts: int, count: int, complete: Ints) -> Ints:
    """Label under which each cluster goes: the smallest label among the fragments of its template.

    Args:
        account: account of each distinct pair of an account and a cluster with a first occurrence, in any order.
        cluster: cluster of the same pair.
        complete: labels of clusters that are no fragments.
    """
    users = np.bincount(cluster, minlength=count)
    fragment = users <= P.max_account_share * accounts
    fragment[complete] = False
    account, cluster = account[fragment[cluster]], cluster[fragment[cluster]]
    start, cluster, account = _sort_by_key(account, cluster, accounts)
    kept = rarest_uses(start, cluster, users, _MAX_CLUSTERS_PER_ACCOUNT)
    start, cluster, account = _sort_by_key(account[kept], cluster[kept], accounts)
    cluster_start, users_of, _ = _sort_by_key(cluster, account, count)
    limits = (_MIN_ACCOUNTS, P.min_relative_risk, P.min_jaccard)
    chained = label_joined((start, cluster), (cluster_start, users_of), limits)
    by_cluster = np.repeat(np.arange(count), np.diff(cluster_start))
    return _held_together(chained, by_cluster, users_of, accounts)


def _held_together(chained: Ints, cluster: Ints, account: Ints, accounts: int) -> Ints:
    """The labels, where each chain is cut into parts that hold together; uses are by cluster."""
    label = np.arange(len(chained))
    several = np.bincount(chained, minlength=len(chained))[chained[cluster]] > 1
    cluster, account = cluster[several], account[several]
    order = np.argsort(chained[cluster], kind="stable")
    for first, last in pairwise(np.flatnonzero(np.diff(chained[cluster[order]], prepend=-1, append=-1)).tolist()):
        own = order[first:last]
        names, fragment = np.unique(cluster[own], return_inverse=True)
        label[names] = names[_joined_in_order(fragment, account[own], len(names), accounts)]
    return label


def _joined_in_order(fragment: Ints, account: Ints, fragments: int, accounts: int) -> Ints:
    """The smallest fragment that each fragment of one chain is joined with."""
    who, place = np.unique(account, return_inverse=True)
    size = np.bincount(fragment, minlength=fragments)
    bits = _pack_sets(np.split(place[np.argsort(fragment, kind="stable")], np.cumsum(size)[:-1]), len(who))
    root = np.arange(fragments)
    pairs, joined = _alike_pairs(fragment, place, size, (len(who), accounts)), True
    while joined:
        joined = False
        for left, right in pairs:
            one, other = sorted((int(root[left]), int(root[right])))
            both = np.bitwise_count(bits[one] & bits[other]).sum(dtype=np.int64)
            if one != other and _belong_together(both, size[one], size[other], accounts):
                bits[one] |= bits[other]
                size[one] += size[other] - both
                root[root == other] = one
                joined = True
    return root


def _pack_sets(sets: list[Ints], width: int) -> npt.NDArray[np.uint8]:
    """One row of bits for each set."""
    bits = np.empty((len(sets), -(-width // 8)), np.uint8)
    flags = np.zeros(width, bool)
    for row, chosen in zip(bits, sets, strict=True):
        flags[chosen] = True
        row[:] = np.packbits(flags)
        flags[chosen] = False
    return bits


def _alike_pairs(fragment: Ints, place: Ints, size: Ints, shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Pairs of fragments that belong together by themselves, the most alike first."""
    ones = np.ones(len(fragment), np.int64)
    table = sp.csr_array((ones, (fragment, place)), shape=(len(size), shape[0]))
    met = sp.triu(table @ table.T, 1).tocoo()
    left, right, both = met.row.astype(np.int64), met.col.astype(np.int64), met.data
    alike = np.flatnonzero(_belong_together(both, size[left], size[right], shape[1]))
    left, right, both = left[alike], right[alike], both[alike]
    jaccard_index = both / (size[left] + size[right] - both)
    order = np.lexsort((right, left, -jaccard_index))
    return list(zip(left[order].tolist(), right[order].tolist(), strict=True))


def _belong_together(both: Ints, one: Ints, other: Ints, accounts: int) -> Flags:
    """Are sets of so many accounts, so many of them in both, fragments of one template?"""
    fits = (both >= _MIN_ACCOUNTS) & (both >= P.min_jaccard * (one + other - both))
    for here, there in ((one, other), (other, one)):
        elsewhere = (there - both) / np.maximum(accounts - here, 1)
        fits &= both / here >= P.min_relative_risk * elsewhere
    return fits


def _sort_by_key(key: Ints, value: Ints, keys: int) -> tuple[Ints, Ints, Ints]:
    """Where the entries of each key start, and the values and the keys in that order."""
    order = np.argsort(key, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=keys))])
    return start, value[order], key[order]


Found = list[tuple[ClusterSlices, Group]]  # groups with the slices of their cluster, in order of cluster and fold

_IN_FLIGHT = 8
"""Clusters whose slices are held at a time; bounds memory."""


@dataclass(frozen=True)
class TemplateSearch:
    """What the search for groups needs."""

    clusters: Clusters
    rows: Dataset
    accounts: int
    config: Config
    progress: Progress

    def groups(self, label_of: Ints, step: str) -> Found:
        """Groups under the labels of content clusters."""
        least = self.config.resolve.min_accounts
        own = self.config.link.min_slice_requests
        slices = cluster_slices(self.rows, self.clusters, label_of, self.accounts, least_accounts=least, least=own)

        def search(one: ClusterSlices, fold: int) -> Found:
            return [(one.without_counts(), group) for group in find_groups(one, formed_on=fold, least=least)]

        with self.progress.stage(step, None, "clusters") as advance:
            return _in_threads(search, slices, self.config.threads, advance)


def find_template_groups(search: TemplateSearch) -> tuple[Found, Ints]:
    """Groups of every content cluster, and the label of each content cluster.

    Clusters that look like fragments of one template are searched again under one label. They keep that label if it
    holds a stronger group than each of them alone.
    """
    clusters, own = search.clusters, np.arange(search.clusters.count)
    found = search.groups(own, "finding groups")
    strongest = _strongest_by_label(found, clusters.count)
    complete = np.flatnonzero(strongest >= P.complete_bits)
    joined = joined_labels(clusters.account, clusters.cluster, search.accounts, clusters.count, complete)
    changed = np.isin(joined, np.unique(joined[joined != own]))
    if not changed.any():
        return found, own
    again = search.groups(np.where(changed, joined, -1), "joining fragments")
    apart = np.zeros(clusters.count)
    np.maximum.at(apart, joined, strongest)
    better = np.flatnonzero(_strongest_by_label(again, clusters.count) > apart)
    moved = np.isin(joined, better)
    found = [pair for pair in found if not moved[pair[1].cluster]]
    found += [pair for pair in again if np.isin(pair[1].cluster, better)]
    found.sort(key=lambda pair: (pair[1].cluster, pair[1].formed_on))
    return found, np.where(moved, joined, own)


def _strongest_by_label(found: Found, count: int) -> Floats:
    """Strength of the strongest group under each label; 0 where there is none."""
    strongest = np.zeros(count)
    for _, group in found:
        strongest[group.cluster] = max(strongest[group.cluster], group.strength)
    return strongest


def _in_threads(
    search: Callable[[ClusterSlices, int], Found],
    slices: Iterable[ClusterSlices],
    threads: int,
    advance: Callable[[int], None],
) -> Found:
    """Results of both folds in the order of the slices.

    The folds are searched side by side: where one cluster is most of a log, its two searches are most of the work.
    """
    found: Found = []
    with ThreadPoolExecutor(threads or 2, "stillhunt-groups") as pool:
        pending: deque[tuple[Future[Found], Future[Found]]] = deque()

        def collect(most: int) -> None:
            while len(pending) > most:
                for fold in pending.popleft():
                    found.extend(fold.result())
                advance(1)

        for one in slices:
            pending.append((pool.submit(search, one, 0), pool.submit(search, one, 1)))
            del one  # the next may be large
            collect(_IN_FLIGHT)
        collect(0)
    return found


UNTEMPLATED_SEARCH = -1
"""LINKS.search of groups without a template; other groups have the label of their content cluster."""
BESIDE_SEARCH = -2
"""The same where most slices are what accounts ask beside their own wording: it is not joined with what they word."""


def links_table(
    log: IndexedLog,
    found: Found,
    untemplated: UntemplatedSlices,
    operators: list[Operator],
    labels: Ints,
    first_style: int,
) -> pa.Table:
    """LINKS: first the groups of content clusters, then the operators among untemplated slices.

    `first_style`: label of the first wording style; content clusters lie below.
    """
    parts = [_template_links(log, found, number, first_style) for number in range(len(found))]
    for number, operator in enumerate(operators, len(found)):
        parts.append(_operator_links(log, untemplated, operator, labels, number))
    return pa.concat_tables(parts).combine_chunks() if parts else LINKS.empty()


def _template_links(log: IndexedLog, found: Found, number: int, first_style: int) -> pa.Table:
    slices, group = found[number]
    count = len(slices.account)
    member = np.zeros(count, bool)
    member[group.members] = True
    return LINKS.build(
        group=np.full(count, number),
        search=np.full(count, group.cluster),
        cluster=np.full(count, group.cluster),
        formed_on=np.full(count, group.formed_on),
        account_id=log.account_ids.take(pa.array(slices.account)),
        member=member,
        content_microbits=_microbits_of(group.phrase),
        queue_microbits=_microbits_of(group.topic),
        work_microbits=np.zeros(count, np.int64),
        searched=np.zeros(count, np.int64),
        style=np.full(count, group.cluster >= first_style),
    )


def _operator_links(
    log: IndexedLog, untemplated: UntemplatedSlices, operator: Operator, labels: Ints, number: int
) -> pa.Table:
    count = len(operator.slices)
    beside = 2 * untemplated.beside[operator.slices].sum() > count
    return LINKS.build(
        group=np.full(count, number),
        search=np.full(count, BESIDE_SEARCH if beside else UNTEMPLATED_SEARCH),
        cluster=labels[operator.slices],
        formed_on=np.full(count, operator.formed_on),
        account_id=log.account_ids.take(pa.array(untemplated.account[operator.slices])),
        member=operator.formed,
        content_microbits=np.zeros(count, np.int64),
        queue_microbits=_microbits_of(operator.topic),
        work_microbits=_microbits_of(operator.work),
        searched=np.full(count, operator.searched),
        style=np.zeros(count, bool),
    )


def _microbits_of(bits: Floats) -> Ints:
    return np.rint(bits * MICROBITS).astype(np.int64)


def totals_table(log: IndexedLog, background: Flags) -> pa.Table:
    """TOTALS."""
    totals = TOTALS.build(
        account_id=log.account_ids,
        requests=log.requests,
        output_tokens=log.output_tokens,
        first_seen=pa.array(log.first),
        last_seen=pa.array(log.last),
        background=background,
    )
    return pa.table({name: mapped_column(totals[name]) for name in totals.column_names}, schema=totals.schema)
