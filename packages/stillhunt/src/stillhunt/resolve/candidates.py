"""From groups of slices to candidate campaigns.

Three steps, each near-linear. The group that one fold found and the group that the other fold found in the same cluster
are one candidate (pair). A slice goes to the candidate that explains it best (claim). Candidates of several clusters
are one campaign of several skills if the requests of their accounts split between them as one work queue would split
them (merge).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stillhunt.base.arrays import CODE_RANGE
from stillhunt.base.parameters import read_parameters
from stillhunt.base.schema import SLICE_PARAMETERS
from stillhunt.base.units import MICROBITS


class CandidateParameters(NamedTuple):
    """Candidates."""

    min_fold_jaccard: float
    min_shared_accounts: float
    max_mix_correlation: float


P = read_parameters(CandidateParameters, "resolve.candidates")


Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
VIEW_CAP = round(SLICE_PARAMETERS.view_cap_bits * MICROBITS)
"""Most microbits that one view on one fold may say about one slice."""


def slice_keys(cluster: npt.NDArray[np.integer[Any]], account: npt.NDArray[np.integer[Any]]) -> Ints:
    """One number for each slice, in order of content cluster or label, then of account code (0 to 2^32 - 1)."""
    keys: Ints = cluster.astype(np.int64) * CODE_RANGE + account
    return keys


def clusters_of(keys: Ints) -> Ints:
    """Content cluster, or label, of each slice."""
    return keys // CODE_RANGE


def accounts_of(keys: Ints) -> Ints:
    """Account of each slice."""
    return keys % CODE_RANGE


@dataclass(frozen=True)
class CandidateSlices:
    """Slices that look drawn from one work queue, with microbits by view over both folds."""

    keys: Ints
    content: Ints
    queue: Ints
    work: Ints
    formed: Ints  # folds on which each slice formed the group: 1 the first, 2 the second, 3 both, 0 neither
    untemplated: bool = False  # True where the group was found by its workload, among `searched` slices
    searched: int = 0
    # slices that formed the group, but fit it worse than chance by their own bits
    doubted: CandidateSlices | None = None
    beside: bool = False  # True where its accounts sent it beside a wording of their own

    @cached_property
    def accounts(self) -> Ints:
        """Accounts of its slices, ascending."""
        return np.unique(accounts_of(self.keys))

    @property
    def totals(self) -> Ints:
        """Microbits of all views of each slice."""
        return self.content + self.queue + self.work

    @cached_property
    def strength(self) -> int:
        """Microbits of all slices."""
        return int(self.totals.sum())

    def only(self, chosen: Flags) -> CandidateSlices:
        """The same with some of its slices."""
        return replace(
            self,
            keys=self.keys[chosen],
            content=self.content[chosen],
            queue=self.queue[chosen],
            work=self.work[chosen],
            formed=self.formed[chosen],
        )


@dataclass(frozen=True)
class FoundGroup:
    """One group of LINKS."""

    search: int  # search that found it: a content cluster, or below 0 the search of untemplated slices
    formed_on: int  # fold on which it was found
    keys: Ints  # every slice that was compared with it, each once
    member: Flags  # True for the slices that formed it
    bits: Ints  # microbits of content, queue and work of each, slices x 3
    searched: int = 0  # for an untemplated group, slices of the work queue of which it is one part; else 0

    @property
    def untemplated(self) -> bool:
        """True for a group found by its workload, without a template."""
        return self.search < 0

    @property
    def beside(self) -> bool:
        """True for an untemplated group of what accounts asked beside their own wording."""
        return self.search < -1

    @property
    def claims(self) -> Ints:
        """Slices by which it is recognised on the other fold: its members, or all slices of an untemplated group."""
        return self.keys if self.untemplated else self.keys[self.member]


@dataclass(frozen=True)
class SliceCounts:
    """Distinct prompts of slices."""

    keys: Ints
    prompts: Ints

    def of(self, clusters: Ints, accounts: Ints) -> Ints:
        """Prompts of each account in some clusters together."""
        total = np.zeros(len(accounts), np.int64)
        if not len(self.keys):
            return total
        for cluster in clusters:
            wanted = cluster * CODE_RANGE + accounts
            at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
            total += np.where(self.keys[at] == wanted, self.prompts[at], 0)
        return total


def pair_folds(groups: list[FoundGroup]) -> list[CandidateSlices]:
    """Candidates from the groups of one search."""
    first = [g for g in groups if g.formed_on == 0]
    second = [g for g in groups if g.formed_on == 1]
    taken_first: set[int] = set()
    taken_second: set[int] = set()
    pairs: list[list[FoundGroup]] = []
    for _, i, j in sorted(_find_group_overlaps(first, second)):
        if i not in taken_first and j not in taken_second:
            taken_first.add(i)
            taken_second.add(j)
            pairs.append([first[i], second[j]])
    pairs += [[g] for i, g in enumerate(first) if i not in taken_first]
    pairs += [[g] for j, g in enumerate(second) if j not in taken_second]
    return [_build_candidate(pair) for pair in pairs]


def _find_group_overlaps(first: list[FoundGroup], second: list[FoundGroup]) -> list[tuple[float, int, int]]:
    """(minus Jaccard, place in first, place in second) of the groups that may be one."""
    if not first or not second:
        return []
    (left, i, left_sizes), (right, j, right_sizes) = _collect_claims(first), _collect_claims(second)
    begin, end = np.searchsorted(right, left), np.searchsorted(right, left, side="right")
    lengths = end - begin
    before = np.cumsum(lengths) - lengths
    met = np.repeat(i, lengths) * len(second) + j[np.repeat(begin - before, lengths) + np.arange(int(lengths.sum()))]
    pair, both = np.unique(met, return_counts=True)
    i, j = np.divmod(pair, len(second))
    jaccard = both / (left_sizes[i] + right_sizes[j] - both)
    chosen = jaccard >= P.min_fold_jaccard
    return list(zip((-jaccard[chosen]).tolist(), i[chosen].tolist(), j[chosen].tolist(), strict=True))


def _collect_claims(groups: list[FoundGroup]) -> tuple[Ints, Ints, Ints]:
    """Claimed slices of all groups, ascending, the group of each, and how many each group has."""
    claims = [group.claims for group in groups]
    sizes = np.array([len(one) for one in claims])
    keys = np.concatenate(claims)
    order = np.argsort(keys, kind="stable")
    return keys[order], np.repeat(np.arange(len(groups)), sizes)[order], sizes


def _build_candidate(pair: list[FoundGroup]) -> CandidateSlices:
    keys, place = np.unique(np.concatenate([group.keys for group in pair]), return_inverse=True)
    total = np.zeros((len(keys), 3), np.int64)
    np.add.at(total, place, np.clip(np.concatenate([group.bits for group in pair]), -VIEW_CAP, VIEW_CAP))
    formed = np.zeros(len(keys), np.int64)
    folds = np.concatenate([group.member.astype(np.int64) << group.formed_on for group in pair])
    np.bitwise_or.at(formed, place, folds)
    searched = max(group.searched for group in pair)
    candidate = CandidateSlices(keys, total[:, 0], total[:, 1], total[:, 2], formed, pair[0].untemplated, searched)
    # An untemplated group keeps the slices that formed it, or its topics would be judged on the survivors of this fold.
    fits = (candidate.totals > 0) | (candidate.untemplated & (formed > 0))
    return replace(candidate.only(fits), doubted=candidate.only(~fits & (formed > 0)), beside=pair[0].beside)


def claim_slices(candidates: list[CandidateSlices], *, least: int) -> list[CandidateSlices]:
    """Leave each slice with the candidate that explains it best; drop candidates that become too small."""
    if not candidates:
        return []
    keys = np.concatenate([one.keys for one in candidates])
    number = np.repeat(np.arange(len(candidates)), [len(one.keys) for one in candidates])
    # A slice that formed the group is claimed before one that only fits it.
    claim = np.concatenate([one.totals + np.where(one.formed > 0, VIEW_CAP, 0) for one in candidates])
    order = np.lexsort((number, -claim, keys))
    ordered = keys[order]
    best = np.zeros(len(keys), bool)
    best[order[np.append(True, ordered[1:] != ordered[:-1])[: len(order)]]] = True
    bounds = np.searchsorted(number, np.arange(1, len(candidates)))
    kept = [one.only(chosen) for one, chosen in zip(candidates, np.split(best, bounds), strict=True)]
    return [one for one in kept if len(one.accounts) >= least and one.strength > 0]


def merge_candidates(candidates: list[CandidateSlices], counts: SliceCounts) -> list[CandidateSlices]:
    """Campaigns: candidates that one queue feeds, by all their requests, are joined whatever template they show."""
    ordered = sorted(candidates, key=lambda c: (-len(c.keys), -c.strength, int(c.keys[0])))
    merged: list[CandidateSlices] = []
    by_account: dict[int, list[int]] = defaultdict(list)
    for candidate in ordered:
        shared: dict[int, int] = defaultdict(int)
        accounts = candidate.accounts.tolist()
        for account in accounts:
            for number in by_account[account]:
                shared[number] += 1
        same = [
            n
            for n, common in shared.items()
            if (merged[n].untemplated, merged[n].beside) == (candidate.untemplated, candidate.beside)
            and common >= P.min_shared_accounts * min(len(accounts), len(merged[n].accounts))
            and mix_correlation(merged[n], candidate, counts) <= P.max_mix_correlation
        ]
        chosen = max(same, key=lambda n: (shared[n], -n)) if same else len(merged)
        if same:
            merged[chosen] = _join_candidates(merged[chosen], candidate)
        else:
            merged.append(candidate)
        for account in accounts:
            if not same or chosen not in by_account[account]:
                by_account[account].append(chosen)
    return merged


def _join_candidates(left: CandidateSlices, right: CandidateSlices) -> CandidateSlices:
    """Both as one; where they hold a slice twice, as the right one says."""
    left = left.only(~np.isin(left.keys, right.keys))
    order = np.argsort(np.concatenate([left.keys, right.keys]))
    keys, content, queue, work, formed = (
        np.concatenate([getattr(left, name), getattr(right, name)])[order]
        for name in ("keys", "content", "queue", "work", "formed")
    )
    doubted = _join_candidates(left.doubted, right.doubted) if left.doubted and right.doubted else None
    searched = max(left.searched, right.searched)
    return CandidateSlices(keys, content, queue, work, formed, left.untemplated, searched, doubted, left.beside)


def restore_doubted(campaigns: list[CandidateSlices]) -> list[CandidateSlices]:
    """The campaigns with the doubted slices of their accounts, except those that another campaign holds.

    An account that belongs to a campaign by one of its templates does so with its requests in the others, too. Without
    them it looks as if it had sent far less than its companions.
    """
    held = {key for one in campaigns for key in one.keys.tolist()}
    restored = []
    for one in campaigns:
        if one.doubted is not None:
            back = np.isin(accounts_of(one.doubted.keys), one.accounts)
            back[back] = [key not in held for key in one.doubted.keys[back].tolist()]
            one = _join_candidates(one.doubted.only(back), replace(one, doubted=None))
            held.update(one.keys.tolist())
        restored.append(one)
    return restored


def mix_correlation(left: CandidateSlices, right: CandidateSlices, counts: SliceCounts) -> float:
    """Intra-class correlation of the split of each account's requests between two candidates.

    From the chi-square of homogeneity: its index is about 1 + (n - 1) r for accounts of n requests.
    """
    accounts = np.union1d(left.accounts, right.accounts)
    first, second = (counts.of(np.unique(clusters_of(one.keys)), accounts) for one in (left, right))
    total = first + second
    share = float(first.sum()) / max(int(total.sum()), 1)
    if not 0.0 < share < 1.0 or len(accounts) < 2:
        return 0.0
    sent = total > 0
    away = first[sent] - total[sent] * share
    square = float((away**2 / (total[sent] * share * (1.0 - share))).sum())
    size = float((total**2).sum() / total.sum())
    return (square / (len(accounts) - 1) - 1.0) / max(size - 1.0, 1.0)
