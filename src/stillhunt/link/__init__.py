"""Which slices are one operator: SKETCHES in account partitions -> LINKS, and the requests that are judged.

The method in one paragraph. A template shows as phrases that recur across an account's different prompts (phrases);
phrases that stand in the same requests of the same accounts make a content cluster (clusters), and clusters that the
same accounts use are fragments of one (fragments); one account's requests in one cluster are a slice (slices). Accounts
that use a template each in their own way are strangers; accounts whose phrase and topic mixtures differ by no more than
sampling noise were dealt from one plan (alike), and are searched for on one half of the conversations and judged on the
other (groups, split). Cover traffic and real customers fall into other slices, so mixing does not dilute. Traffic
without a template is cut by how it is sent (bare) and searched for accounts with one plan's subjects and one plan's
work (workload, operators).

Requests are only walked over partition by partition (arrange, phrases, clusters, topics); what is searched is counted
by slice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset
from stillhunt.base.memory import give_back
from stillhunt.base.progress import Progress
from stillhunt.base.schema import LINKS, TOTALS
from stillhunt.link.groups.groups import Group, find_groups
from stillhunt.link.requests.arrays import Flags, Floats, Ints
from stillhunt.link.requests.index_requests import Log, arrange, public_accounts
from stillhunt.link.requests.judged_requests import Cut
from stillhunt.link.templates.clusters import Clusters, content_clusters
from stillhunt.link.templates.merge_fragments import joined_labels
from stillhunt.link.templates.phrases import shared_habits
from stillhunt.link.templates.slices import ClusterSlices, cluster_slices, uses_of
from stillhunt.link.topics.topics import request_topics
from stillhunt.link.workload.operators import Operator, find_operators
from stillhunt.link.workload.untemplated_slices import BareSlices, Templated, bare_slices

__all__ = ["Linked", "link_slices"]

STRONG = 100.0
"""Bits of a group from which its cluster is a whole template and no fragment; two skills of a paraphrased campaign and
two operators of a pool reach hundreds each, fragments 20-70."""
BARE_SEARCH = -1


@dataclass(frozen=True)
class Linked:
    """What the search found.

    Attributes:
        links: LINKS.
        totals: TOTALS.
        traffic: requests of the accounts that are judged, TRAFFIC in canonical order.
        sliced: SLICED, row for row with them.
    """

    links: pa.Table
    totals: pa.Table
    traffic: pa.Table
    sliced: pa.Table


def link_slices(sketches: Dataset, config: Config, progress: Progress) -> Linked:
    """Cut traffic into slices and find the groups among them.

    Args:
        sketches: SKETCHES in account partitions, each request once.
        config: settings.
        progress: told of each step.
    """
    with progress.stage("finding templates", 4, "steps") as advance:
        log = arrange(sketches, seed=config.seed)
        advance(1)
        habits = shared_habits(log)
        advance(1)
        clusters = content_clusters(habits, log.accounts)
        advance(1)
        del habits
        rows = request_topics(log, clusters, seed=config.seed)
        advance(1)
    give_back()
    found, label_of = _search_templates(_Search(log, clusters, rows, config, progress))
    # The phrases of all requests are most of what is held; the rest of the way does without them.
    rows = rows.without(("known",))
    clusters = replace(clusters, rows=rows)
    give_back()
    with progress.stage("finding workloads", 2, "halves") as advance:
        templated = _templated(log, clusters, label_of, found, config.link.min_slice_requests)
        bare = bare_slices(rows, templated)
        cut = Cut(rows, log.account_ids, templated, label_of, clusters.count, bare.names)
        operators = _operators(bare, config, advance)
    groups = _links(log, found) + _bare_links(log, bare, operators, cut.labels(bare), len(found))
    links = pa.concat_tables(groups).combine_chunks() if groups else LINKS.empty()
    public = public_accounts(log, config.seed, config.link.public_accounts, config.link.public_requests)
    give_back()
    with progress.stage("gathering traffic", None, "requests") as advance:
        traffic, sliced = cut.traffic(public | _held(log, found, bare, operators))
        advance(traffic.num_rows)
    return Linked(links, _totals(log, public), traffic, sliced)


Found = list[tuple[ClusterSlices, Group]]


@dataclass(frozen=True)
class _Search:
    """What the search for groups under the labels of content clusters needs."""

    log: Log
    clusters: Clusters
    rows: Dataset
    config: Config
    progress: Progress

    def groups(self, label_of: Ints, doing: str) -> Found:
        """Groups under the labels of content clusters; -1 where a cluster is not searched."""
        least = self.config.resolve.min_accounts
        slices = cluster_slices(
            self.rows,
            self.clusters,
            label_of,
            self.log.accounts,
            least_accounts=least,
            least=self.config.link.min_slice_requests,
        )

        def search(one: ClusterSlices, side: int) -> Found:
            return [(_lean(one), group) for group in find_groups(one, formed_on=side, least=least)]

        with self.progress.stage(doing, None, "clusters") as advance:
            return _in_threads(search, slices, self.config.threads, advance)


def _in_threads(
    search: Callable[[ClusterSlices, int], Found],
    slices: Iterable[ClusterSlices],
    threads: int,
    advance: Callable[[int], None],
) -> Found:
    """Results of either half in the order of the slices, few of which are held at a time.

    The halves go apart: where one cluster is most of a log, its two searches are most of the work.
    """
    found: Found = []
    with ThreadPoolExecutor(threads or 2, "stillhunt-groups") as pool:
        pending: deque[tuple[Future[Found], Future[Found]]] = deque()

        def collect(most: int) -> None:
            while len(pending) > most:
                for side in pending.popleft():
                    found.extend(side.result())
                advance(1)

        for one in slices:
            pending.append((pool.submit(search, one, 0), pool.submit(search, one, 1)))
            del one  # the next may be large
            collect(8)
        collect(0)
    return found


def _lean(one: ClusterSlices) -> ClusterSlices:
    """Only who the slices are: their counts are not needed once groups are found."""
    table, none = np.zeros((2, 0, 0), np.int64), np.zeros(0, np.int64)
    return ClusterSlices(one.cluster, one.account, one.size, table, table, (none, none), (none, none), (none, none))


def _search_templates(search: _Search) -> tuple[Found, Ints]:
    """Groups of every content cluster; fragments of one template are joined where that finds a stronger group.

    Returns:
        The groups, and the label of each content cluster.
    """
    clusters, own = search.clusters, np.arange(search.clusters.count)
    found = search.groups(own, "finding groups")
    strongest = _strongest(found, clusters.count)
    joined = joined_labels(
        clusters.account, clusters.cluster, search.log.accounts, clusters.count, np.flatnonzero(strongest >= STRONG)
    )
    changed = np.isin(joined, np.unique(joined[joined != own]))
    if not changed.any():
        return found, own
    again = search.groups(np.where(changed, joined, -1), "joining fragments")
    part = np.zeros(clusters.count)
    np.maximum.at(part, joined, strongest)
    better = np.flatnonzero(_strongest(again, clusters.count) > part)
    moved = np.isin(joined, better)
    found = [pair for pair in found if not moved[pair[1].cluster]]
    found += [pair for pair in again if np.isin(pair[1].cluster, better)]
    found.sort(key=lambda pair: (pair[1].cluster, pair[1].formed_on))
    return found, np.where(moved, joined, own)


def _strongest(found: Found, count: int) -> Floats:
    """Strength of the strongest group under each label; 0 where none."""
    strongest = np.zeros(count)
    for _, group in found:
        strongest[group.cluster] = max(strongest[group.cluster], group.strength)
    return strongest


def _operators(bare: BareSlices, config: Config, advance: Callable[[int], None]) -> list[Operator]:
    """Operators found on either half, the halves side by side."""
    with ThreadPoolExecutor(min(config.threads or 2, 2), "stillhunt-workloads") as pool:
        least = config.resolve.min_accounts
        halves = [pool.submit(find_operators, bare, formed_on=side, least=least) for side in (0, 1)]
        found = []
        for half in halves:
            found += half.result()
            advance(1)
    return found


def _templated(log: Log, clusters: Clusters, label_of: Ints, found: Found, least: int) -> Templated:
    uses = uses_of(clusters, label_of, log.accounts)
    held = np.zeros(clusters.count, bool)
    held[[group.cluster for _, group in found]] = True
    large = uses.prompts >= least
    width = clusters.count + 1
    return Templated(label_of, held, np.sort(uses.account[large] * width + uses.label[large] + 1), width)


def _held(log: Log, found: Found, bare: BareSlices, operators: list[Operator]) -> Flags:
    """True for the accounts that a group holds or that fit one."""
    held = np.zeros(log.accounts, bool)
    for one, group in found:
        held[one.account[group.members]] = True
        held[one.account[group.phrase + group.topic > 0]] = True
    for operator in operators:
        held[bare.account[operator.slices]] = True
    return held


def _totals(log: Log, public: Flags) -> pa.Table:
    return TOTALS.build(
        account_id=log.account_ids,
        requests=log.requests,
        output_tokens=log.output_tokens,
        first_seen=pa.array(log.first),
        last_seen=pa.array(log.last),
        background=public,
    )


def _links(log: Log, found: Found) -> list[pa.Table]:
    parts = []
    for number, (one, group) in enumerate(found):
        count = len(one.account)
        member = np.zeros(count, bool)
        member[group.members] = True
        parts.append(
            LINKS.build(
                group=np.full(count, number),
                search=np.full(count, group.cluster),
                cluster=np.full(count, group.cluster),
                formed_on=np.full(count, group.formed_on),
                account_id=log.account_ids.take(pa.array(one.account)),
                member=member,
                content_microbits=np.rint(group.phrase * 1e6).astype(np.int64),
                queue_microbits=np.rint(group.topic * 1e6).astype(np.int64),
                work_microbits=np.zeros(count, np.int64),
                searched=np.zeros(count, np.int64),
            )
        )
    return parts


def _bare_links(log: Log, bare: BareSlices, operators: list[Operator], labels: Ints, first: int) -> list[pa.Table]:
    parts = []
    for number, operator in enumerate(operators, first):
        count = len(operator.slices)
        parts.append(
            LINKS.build(
                group=np.full(count, number),
                search=np.full(count, BARE_SEARCH),
                cluster=labels[operator.slices],
                formed_on=np.full(count, operator.formed_on),
                account_id=log.account_ids.take(pa.array(bare.account[operator.slices])),
                member=operator.formed,
                content_microbits=np.zeros(count, np.int64),
                queue_microbits=np.rint(operator.topic * 1e6).astype(np.int64),
                work_microbits=np.rint(operator.work * 1e6).astype(np.int64),
                searched=np.full(count, operator.searched),
            )
        )
    return parts
