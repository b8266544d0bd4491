"""Groups of accounts that word their requests in one style.

A style is treated as a content cluster whose phrases are its words: the accounts that use it are its slices, and the
search for groups asks, on one fold, which of them have the same mix of its words and of topics, and judges on the other
fold. Accounts that merely share a language or a trade have mixes of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from stillhunt.base.config import Config
from stillhunt.link.groups.groups import Group, find_groups
from stillhunt.link.groups.slices import SLICE_ROWS, ClusterSlices, sorted_slices
from stillhunt.link.requests.arrays import Flags, Ints, list_array, lists, values
from stillhunt.link.style.blocks import blocks
from stillhunt.link.style.habits import habits, is_free, word_sample
from stillhunt.link.style.parameters import STYLE_PARAMETERS as P
from stillhunt.link.style.styles import Styles, beyond_chance, learned_styles
from stillhunt.link.templates.clusters import Clusters
from stillhunt.link.topics.topics import WORD_BUCKETS

StyleGroups = list[tuple[ClusterSlices, Group]]
RELABELLED = pa.schema([("cluster", pa.int32()), ("matched", pa.int32())])
_READ = ("cluster", "topic_words")


@dataclass(frozen=True)
class StyleSearch:
    """What the search by style looks at.

    Attributes:
        clusters: content clusters and the requests.
        accounts: number of accounts.
        grouped: True for requests' content clusters in which a group was found.
        least_accounts: accounts that a group needs.
        least: distinct prompts that a slice needs.
        seed: key of the random start.
    """

    clusters: Clusters
    accounts: int
    grouped: Flags
    least_accounts: int
    least: int
    seed: int

    def styles(self) -> Styles:
        """Styles of the log."""
        sample = word_sample(self.clusters.rows, self.grouped, self.accounts)
        own = habits(sample)
        return learned_styles(sample, own, blocks(own, self.seed), self.least_accounts)

    def slices(self, styles: Styles) -> list[ClusterSlices]:
        """Slices of the accounts that word enough requests in each style.

        Args:
            styles: the styles.
        """
        context = (styles, self.grouped, self.accounts, self.least)
        columns = [*_READ, "account", "first_occurrence", "fold", "topic"]
        found = self.clusters.rows.gather(_slice_rows, SLICE_ROWS, context, columns)
        return list(sorted_slices(found)) if found.num_rows else []


def with_styles(
    clusters: Clusters, found: StyleGroups, label_of: Ints, accounts: int, config: Config
) -> tuple[Clusters, StyleGroups, Ints]:
    """Content clusters, groups and labels, with each style in which a group is found as one more content cluster.

    Args:
        clusters: content clusters and the requests.
        found: groups of content clusters.
        label_of: label of each content cluster.
        accounts: number of accounts.
        config: settings.
    """
    held = np.zeros(clusters.count, bool)
    held[[group.cluster for _, group in found]] = True
    search = StyleSearch(
        clusters,
        accounts,
        held[label_of],
        config.resolve.min_accounts,
        config.link.min_slice_requests,
        config.seed,
    )
    styles = search.styles()
    groups = _groups(search, styles)
    strength = np.zeros(styles.count)
    for _, group in groups:
        strength[group.cluster] = max(strength[group.cluster], group.strength)
    order = np.argsort(-strength, kind="stable")[: P.most_styles]
    chosen = np.sort(order[strength[order] > 0.0])
    if not len(chosen):
        return clusters, found, label_of
    label = np.full(styles.count, -1)
    label[chosen] = clusters.count + np.arange(len(chosen))
    kept = Styles(styles.weights[:, chosen], styles.thresholds[chosen])
    rows = clusters.rows.extend(_relabelled, RELABELLED, (kept, search.grouped), [*_READ, "matched"])
    joined = replace(clusters, rows=rows, count=clusters.count + len(chosen))
    added = [_labelled(pair, label) for pair in groups if label[pair[1].cluster] >= 0]
    return joined.with_uses(accounts), found + added, np.append(label_of, label[chosen])


def _groups(search: StyleSearch, styles: Styles) -> StyleGroups:
    found: StyleGroups = []
    for slices in search.slices(styles) if styles.count else []:
        for fold in (0, 1):
            groups = find_groups(slices, formed_on=fold, least=search.least_accounts)
            found += [(slices.without_counts(), group) for group in groups]
    return found


def _labelled(pair: tuple[ClusterSlices, Group], label: Ints) -> tuple[ClusterSlices, Group]:
    slices, group = pair
    number = int(label[group.cluster])
    return replace(slices, cluster=number), replace(group, cluster=number)


def _style_of(table: pa.Table, styles: Styles, grouped: Flags) -> Ints:
    """Style of each request that is in no content cluster with a group; -1 where it fits none."""
    begins, words = lists(table, "topic_words")
    has = sp.csr_array((np.ones(len(words), np.int32), words.astype(np.int32), begins), (table.num_rows, WORD_BUCKETS))
    above = has @ styles.weights - styles.thresholds
    best = above.argmax(axis=1)
    fits = (above.max(axis=1, initial=0) > 0) & is_free(values(table, "cluster"), grouped)
    style: Ints = np.where(fits, best, -1)
    return style


def _slice_rows(table: pa.Table, context: Any) -> pa.Table:
    """Requests of the accounts that word more of them in a style than chance allows."""
    styles, grouped, accounts, least = context
    account = values(table, "account").astype(np.int64)
    style = _style_of(table, styles, grouped)
    asked = is_free(values(table, "cluster"), grouped) & (values(table, "first_occurrence") > 0)
    rows = np.flatnonzero(asked & (style >= 0))
    names, position, hits = np.unique(style[rows] * accounts + account[rows], return_inverse=True, return_counts=True)
    prompts = np.bincount(account[asked], minlength=accounts)[names % accounts]
    rows = rows[((hits >= least) & beyond_chance(hits, prompts))[position]]
    begins, words = lists(table, "topic_words")
    lengths = np.diff(begins)[rows]
    row = np.repeat(np.arange(len(rows)), lengths)
    codes = words[np.repeat(begins[rows] - np.cumsum(lengths) + lengths, lengths) + np.arange(int(lengths.sum()))]
    own = styles.weights[codes, style[rows][row]] > 0
    offsets = np.append(0, np.cumsum(np.bincount(row[own], minlength=len(rows)))).astype(np.int32)
    return pa.table(
        {
            "label": style[rows].astype(np.int32),
            "account": account[rows].astype(np.int32),
            "fold": values(table, "fold")[rows].astype(np.int8),
            "topic": values(table, "topic")[rows],
            "codes": list_array(offsets, codes[own].astype(np.int32)),
        }
    )


def _relabelled(table: pa.Table, context: Any) -> pa.Table:
    styles, grouped = context
    style = _style_of(table, styles, grouped)
    begins, words = lists(table, "topic_words")
    row = np.repeat(np.arange(table.num_rows), np.diff(begins))
    own = style[row] >= 0
    hits = np.bincount(row[own][styles.weights[words[own], style[row[own]]] > 0], minlength=table.num_rows)
    return pa.table(
        {
            "cluster": np.where(style >= 0, len(grouped) + style, values(table, "cluster")).astype(np.int32),
            "matched": np.where(style >= 0, hits, values(table, "matched")).astype(np.int32),
        }
    )
