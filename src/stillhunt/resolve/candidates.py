"""Groups of slices -> candidate campaigns.

Three steps, each near-linear: the group that one half found and the group that the other half found of the same
cluster are one candidate (pair); a slice goes to the candidate that explains it best (claim); candidates of several
clusters between which the accounts' requests split as one queue would split them are one campaign of several skills
(merge).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

PAIR_OVERLAP = 0.47
"""Jaccard of the member sets that the two halves found, from which they are one group."""
OVERLAP = 0.5
"""Share of the smaller account set that two candidates must have in common to be compared at all."""
ONE_QUEUE = 0.12
"""Intra-class correlation of the accounts' mix of two candidates up to which one queue feeds both. Skills dealt from
one queue give about 0, leased in batches 0.05; two labs on one pool 0.4 and more, for each account serves one lab, the
other, or both."""
VIEW_CAP = 12_000_000
"""Most microbits that one view on one half may say about one slice."""

SliceKey = tuple[int, str]
"""Content cluster and account."""


@dataclass
class SliceLink:
    """What ties one slice to one candidate, in microbits over both halves."""

    content: int = 0
    queue: int = 0
    work: int = 0
    formed: int = 0

    @property
    def total(self) -> int:
        """Microbits of all views."""
        return self.content + self.queue + self.work


@dataclass
class Candidate:
    """Slices that look dealt from one plan; bare ones were found by their workload, among so many searched."""

    slices: dict[SliceKey, SliceLink] = field(default_factory=dict)
    bare: bool = False
    searched: int = 0

    @property
    def accounts(self) -> set[str]:
        """Accounts of its slices."""
        return {account for _, account in self.slices}

    @property
    def strength(self) -> int:
        """Microbits of all slices."""
        return sum(link.total for link in self.slices.values())


@dataclass(frozen=True)
class FoundGroup:
    """One group of LINKS.

    Attributes:
        search: search that found it.
        formed_on: half on which it was found.
        members: slices that formed it.
        bits: microbits of content, queue and work of every slice it was compared with.
        searched: for a workload, slices alike in subjects and work of which it is one part.
    """

    search: int
    formed_on: int
    members: frozenset[SliceKey]
    bits: dict[SliceKey, tuple[int, int, int]]
    searched: int = 0

    @property
    def bare(self) -> bool:
        """True for a group found by its workload, without a template."""
        return self.search < 0

    @property
    def claims(self) -> frozenset[SliceKey]:
        """Slices by which it is recognised on the other half: a workload claims all that it was given."""
        return frozenset(self.bits) if self.bare else self.members


def pair_halves(groups: list[FoundGroup]) -> list[Candidate]:
    """Candidates from the groups of one search.

    Args:
        groups: groups found on either half.
    """
    first = [g for g in groups if g.formed_on == 0]
    second = [g for g in groups if g.formed_on == 1]
    overlaps = sorted(
        (
            (-_jaccard(a.claims, b.claims), i, j)
            for i, a in enumerate(first)
            for j, b in enumerate(second)
            if _jaccard(a.claims, b.claims) >= PAIR_OVERLAP
        ),
    )
    taken_first: set[int] = set()
    taken_second: set[int] = set()
    pairs: list[list[FoundGroup]] = []
    for _, i, j in overlaps:
        if i not in taken_first and j not in taken_second:
            taken_first.add(i)
            taken_second.add(j)
            pairs.append([first[i], second[j]])
    pairs += [[g] for i, g in enumerate(first) if i not in taken_first]
    pairs += [[g] for j, g in enumerate(second) if j not in taken_second]
    return [_candidate(pair) for pair in pairs]


def _jaccard(left: frozenset[SliceKey], right: frozenset[SliceKey]) -> float:
    return len(left & right) / len(left | right)


def _candidate(pair: list[FoundGroup]) -> Candidate:
    candidate = Candidate(bare=pair[0].bare, searched=max(group.searched for group in pair))
    for group in pair:
        for key, (content, queue, work) in group.bits.items():
            link = candidate.slices.setdefault(key, SliceLink())
            link.content += _capped(content)
            link.queue += _capped(queue)
            link.work += _capped(work)
            if key in group.members:
                link.formed |= 1 << group.formed_on
    # A workload keeps those that formed it, or its subjects would be judged on the survivors of that same half.
    candidate.slices = {
        key: link for key, link in candidate.slices.items() if link.total > 0 or (candidate.bare and link.formed)
    }
    return candidate


def _capped(microbits: int) -> int:
    return max(-VIEW_CAP, min(VIEW_CAP, microbits))


def claim_slices(candidates: list[Candidate], *, least: int) -> list[Candidate]:
    """Leave each slice with the candidate that explains it best; drop candidates that become too small.

    Args:
        candidates: candidates of one search.
        least: accounts a candidate needs.
    """
    best: dict[SliceKey, tuple[int, int]] = {}
    for number, candidate in enumerate(candidates):
        for key, link in candidate.slices.items():
            # A slice that formed the group is claimed before one that only fits it.
            claim = (link.total + (VIEW_CAP if link.formed else 0), -number)
            if key not in best or claim > best[key]:
                best[key] = claim
    for number, candidate in enumerate(candidates):
        candidate.slices = {k: v for k, v in candidate.slices.items() if best[k][1] == -number}
    return [c for c in candidates if len(c.accounts) >= least and c.strength > 0]


def merge_candidates(candidates: list[Candidate], counts: Mapping[int, Mapping[str, int]]) -> list[Candidate]:
    """Campaigns: candidates that one queue feeds are joined, whatever template each shows.

    Args:
        candidates: candidates of all clusters.
        counts: requests of each account in each content cluster, however few.
    """
    ordered = sorted(candidates, key=lambda c: (-len(c.slices), -c.strength, min(c.slices)))
    merged: list[Candidate] = []
    by_account: dict[str, list[int]] = defaultdict(list)
    for candidate in ordered:
        shared: dict[int, int] = defaultdict(int)
        for account in candidate.accounts:
            for number in by_account[account]:
                shared[number] += 1
        size = len(candidate.accounts)
        same = [
            n
            for n, common in shared.items()
            if merged[n].bare == candidate.bare
            and common >= OVERLAP * min(size, len(merged[n].accounts))
            and _mix_correlation(merged[n], candidate, counts) <= ONE_QUEUE
        ]
        chosen = max(same, key=lambda n: (shared[n], -n)) if same else len(merged)
        if not same:
            merged.append(Candidate(bare=candidate.bare))
        for account in candidate.accounts - merged[chosen].accounts:
            by_account[account].append(chosen)
        merged[chosen].slices.update(candidate.slices)
        merged[chosen].searched = max(merged[chosen].searched, candidate.searched)
    return merged


def _mix_correlation(left: Candidate, right: Candidate, counts: Mapping[int, Mapping[str, int]]) -> float:
    """Intra-class correlation of the split of each account's requests between two candidates.

    From the chi-square of homogeneity: its index is about 1 + (n - 1) r for accounts of n requests.
    """
    accounts = sorted(left.accounts | right.accounts)
    first = _requests(left, accounts, counts)
    second = _requests(right, accounts, counts)
    total = [a + b for a, b in zip(first, second, strict=True)]
    share = sum(first) / max(sum(total), 1)
    if not 0.0 < share < 1.0 or len(accounts) < 2:
        return 0.0
    square = sum((a - t * share) ** 2 / (t * share * (1.0 - share)) for a, t in zip(first, total, strict=True) if t)
    size = sum(t * t for t in total) / sum(total)
    return (square / (len(accounts) - 1) - 1.0) / max(size - 1.0, 1.0)


def _requests(candidate: Candidate, accounts: list[str], counts: Mapping[int, Mapping[str, int]]) -> list[int]:
    clusters = sorted({cluster for cluster, _ in candidate.slices})
    return [sum(counts[cluster].get(account, 0) for cluster in clusters) for account in accounts]
