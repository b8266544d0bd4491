"""Which slices are one operator: SKETCHES -> SLICED, LINKS.

The method in one paragraph. A template shows as phrases that recur across an account's different prompts (phrases);
phrases that stand in the same requests of the same accounts make a content cluster (clusters), and clusters that the
same accounts use are fragments of one (fragments); one account's requests in one cluster are a slice (slices). Accounts
that use a template each in their own way are strangers; accounts whose phrase and topic mixtures differ by no more than
sampling noise were dealt from one plan (alike), and are searched for on one half of the conversations and judged on the
other (groups, split). Cover traffic and real customers fall into other slices, so mixing does not dilute. Traffic
without a template is cut by how it is sent (bare) and searched for accounts with one plan's subjects and one plan's
work (workload, operators).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.progress import Progress
from stillhunt.base.schema import LINKS, SLICED
from stillhunt.link.bare import BareSlices, bare_slices, without_strays
from stillhunt.link.clusters import Clusters, content_clusters
from stillhunt.link.coding import Coded, Floats, Ints, code_sketches
from stillhunt.link.fragments import join_fragments
from stillhunt.link.groups import Group, find_groups
from stillhunt.link.operators import Operator, find_operators
from stillhunt.link.phrases import shared_habits
from stillhunt.link.slices import ClusterSlices, cluster_slices
from stillhunt.link.topics import request_topics

__all__ = ["link_slices"]

STRONG = 100.0
"""Bits of a group from which its cluster is a whole template and no fragment; two skills of a paraphrased campaign and
two operators of a pool reach hundreds each, fragments 20-70."""


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
    clusters, found = _search_templates(coded, clusters, topics, config, progress)
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


Found = list[tuple[ClusterSlices, Group]]


def _search_templates(
    coded: Coded, clusters: Clusters, topics: Ints, config: Config, progress: Progress
) -> tuple[Clusters, Found]:
    """Groups of every content cluster; fragments of one template are joined where that finds a stronger group."""
    found = _search(_slices(coded, clusters, topics, config), config, progress, "finding groups")
    strongest = _strongest(found, clusters.count)
    joined = join_fragments(coded, clusters, np.flatnonzero(strongest >= STRONG))
    labels = np.unique(joined.of_request[joined.of_request != clusters.of_request])
    whole = [one for one in _slices(coded, joined, topics, config) if np.isin(one.cluster, labels)]
    again = _search(whole, config, progress, "joining fragments")
    better = np.flatnonzero(_strongest(again, clusters.count) > _strongest_part(strongest, clusters, joined))
    moved = np.isin(joined.of_request, better)
    parts = np.unique(clusters.of_request[moved])
    kept = np.where(moved, joined.of_request, clusters.of_request)
    found = [pair for pair in found if not np.isin(pair[1].cluster, parts)]
    found += [pair for pair in again if np.isin(pair[1].cluster, better)]
    found.sort(key=lambda pair: (pair[1].cluster, pair[1].formed_on))
    return replace(clusters, of_request=kept), found


def _slices(coded: Coded, clusters: Clusters, topics: Ints, config: Config) -> list[ClusterSlices]:
    least = config.link.min_slice_requests
    return cluster_slices(coded, clusters, topics, least_accounts=config.resolve.min_accounts, least=least)


def _search(slices: list[ClusterSlices], config: Config, progress: Progress, doing: str) -> Found:
    found: Found = []
    with progress.stage(doing, len(slices), "clusters") as advance:
        for one in slices:
            for side in (0, 1):
                found += [(one, group) for group in find_groups(one, formed_on=side, least=config.resolve.min_accounts)]
            advance(1)
    return found


def _strongest(found: Found, count: int) -> Floats:
    """Strength of the strongest group of each cluster; 0 where none."""
    strongest = np.zeros(count)
    for _, group in found:
        strongest[group.cluster] = max(strongest[group.cluster], group.strength)
    return strongest


def _strongest_part(strongest: Floats, clusters: Clusters, joined: Clusters) -> Floats:
    """Strength of the strongest group among the fragments that each label joins."""
    part = np.zeros(len(strongest))
    inside = clusters.of_request >= 0
    np.maximum.at(part, joined.of_request[inside], strongest[clusters.of_request[inside]])
    return part


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


def _links(coded: Coded, found: Found) -> pa.Table:
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
