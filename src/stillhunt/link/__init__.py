"""Which slices are one operator: SKETCHES -> SLICED, LINKS.

The method in one paragraph. A template shows as phrases that recur across an account's different prompts (phrases);
phrases that stand in the same requests of the same accounts make a content cluster (clusters); one account's requests
in one cluster are a slice (slices). Accounts that use a template each in their own way are strangers; accounts whose
phrase and topic mixtures differ by no more than sampling noise were dealt from one plan (alike), and are searched for
on one half of the conversations and judged on the other (groups, split). Cover traffic and real customers fall into
other slices, so mixing does not dilute. Traffic without a template is cut by how it is sent (bare) and searched for
accounts with one plan's subjects and one plan's work (workload, operators).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.progress import Progress
from stillhunt.base.schema import LINKS, SLICED
from stillhunt.link.bare import BareSlices, bare_slices, without_strays
from stillhunt.link.clusters import Clusters, content_clusters
from stillhunt.link.coding import Coded, Ints, code_sketches
from stillhunt.link.groups import Group, find_groups
from stillhunt.link.operators import Operator, find_operators
from stillhunt.link.phrases import shared_habits
from stillhunt.link.slices import ClusterSlices, cluster_slices
from stillhunt.link.topics import request_topics

__all__ = ["link_slices"]


def link_slices(sketches: pa.Table, config: Config, progress: Progress) -> tuple[pa.Table, pa.Table]:
    """Cut traffic into slices and find the groups among them.

    Args:
        sketches: SKETCHES in canonical order (account, timestamp, source, request id).
        config: settings.
        progress: told of each step.

    Returns:
        SLICED, row for row with the sketches, and LINKS.
    """
    with progress.stage("finding templates", 4, "steps") as advance:
        coded = code_sketches(sketches, seed=config.seed)
        advance(1)
        habits = shared_habits(coded)
        advance(1)
        clusters = content_clusters(coded, habits)
        advance(1)
        topics = request_topics(coded, clusters, seed=config.seed)
        advance(1)
    slices = cluster_slices(
        coded,
        clusters,
        topics,
        least_accounts=config.resolve.min_accounts,
        least=config.link.min_slice_requests,
    )
    found: list[tuple[ClusterSlices, Group]] = []
    with progress.stage("finding groups", len(slices), "clusters") as advance:
        for one in slices:
            for side in (0, 1):
                found += [(one, group) for group in find_groups(one, formed_on=side, least=config.resolve.min_accounts)]
            advance(1)
    with progress.stage("finding workloads", 2, "halves") as advance:
        least = config.link.min_slice_requests
        held = np.array(sorted({group.cluster for _, group in found}), np.int64)
        templated = without_strays(coded, clusters.of_request, held, least)
        bare = bare_slices(sketches, coded, templated, topics)
        operators: list[Operator] = []
        for side in (0, 1):
            operators += find_operators(bare, formed_on=side, least=config.resolve.min_accounts)
            advance(1)
    # Above the labels of content clusters, by manner and stack.
    labels = clusters.count + bare.manner * (bare.stacks + 1) + bare.stack + 1
    links = pa.concat_tables([_links(coded, found), _bare_links(coded, bare, operators, labels, len(found))])
    return _sliced(coded, clusters, topics, bare, labels), links.combine_chunks()


def _sliced(coded: Coded, clusters: Clusters, topics: Ints, bare: BareSlices, labels: Ints) -> pa.Table:
    of_request = clusters.of_request.copy()
    inside = np.flatnonzero(bare.of_request >= 0)
    of_request[inside] = labels[bare.of_request[inside]]
    return SLICED.build(
        cluster=of_request,
        bare=bare.of_request >= 0,
        matched=np.minimum(np.bincount(clusters.row, minlength=coded.rows), 1000),
        half=coded.half,
        topic=topics,
        fresh=coded.fresh,
    )


def _links(coded: Coded, found: list[tuple[ClusterSlices, Group]]) -> pa.Table:
    if not found:
        return LINKS.empty()
    identity = np.array(coded.account_ids, dtype=object)
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
                account_id=identity[one.account],
                member=member,
                content_microbits=np.rint(group.phrase * 1e6).astype(np.int64),
                queue_microbits=np.rint(group.topic * 1e6).astype(np.int64),
                work_microbits=np.zeros(count, np.int64),
                searched=np.zeros(count, np.int64),
            )
        )
    return pa.concat_tables(parts).combine_chunks()


BARE_SEARCH = -1


def _bare_links(coded: Coded, bare: BareSlices, operators: list[Operator], labels: Ints, first: int) -> pa.Table:
    if not operators:
        return LINKS.empty()
    identity = np.array(coded.account_ids, dtype=object)
    parts = []
    for number, operator in enumerate(operators, first):
        count = len(operator.slices)
        parts.append(
            LINKS.build(
                group=np.full(count, number),
                search=np.full(count, BARE_SEARCH),
                cluster=labels[operator.slices],
                formed_on=np.full(count, operator.formed_on),
                account_id=identity[bare.account[operator.slices]],
                member=operator.formed,
                content_microbits=np.zeros(count, np.int64),
                queue_microbits=np.rint(operator.topic * 1e6).astype(np.int64),
                work_microbits=np.rint(operator.work * 1e6).astype(np.int64),
                searched=np.full(count, operator.searched),
            )
        )
    return pa.concat_tables(parts).combine_chunks()
