"""Groups of slices -> candidate campaigns.

Three steps, each near-linear: the group that one half found and the group that the other half found of the same
cluster are one candidate (pair); a slice goes to the candidate that explains it best (claim); candidates of several
clusters that serve the same accounts are one campaign of several skills, while a small leftover whose accounts belong
to larger campaigns adds to nothing new (merge).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

PAIR_OVERLAP = 0.47
"""Jaccard of the member sets that the two halves found, from which they are one group."""
SAME_ACCOUNTS = 0.73
"""Share of the larger account set that two candidates must have in common to be one campaign. Two labs in one pool
share two thirds of the smaller set and half of the larger; skills dealt from one queue share nearly all."""
ABSORBED = 0.6
"""Share of a candidate's accounts in larger ones from which it is a leftover of theirs."""
VIEW_CAP = 12_000_000
"""Most microbits that one view on one half may say about one slice."""

SliceKey = tuple[int, str]
"""Content cluster and account."""


@dataclass
class SliceLink:
    """What ties one slice to one candidate, in microbits over both halves."""

    content: int = 0
    queue: int = 0
    formed: int = 0

    @property
    def total(self) -> int:
        """Microbits of both views."""
        return self.content + self.queue


@dataclass
class Candidate:
    """Slices that look dealt from one plan."""

    slices: dict[SliceKey, SliceLink] = field(default_factory=dict)

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
    """One group of LINKS: who is in it, and the held-out microbits of every slice of its cluster."""

    cluster: int
    formed_on: int
    members: frozenset[str]
    bits: dict[str, tuple[int, int]]


def pair_halves(groups: list[FoundGroup]) -> list[Candidate]:
    """Candidates from the groups of one content cluster.

    Args:
        groups: groups found on either half.
    """
    first = [g for g in groups if g.formed_on == 0]
    second = [g for g in groups if g.formed_on == 1]
    overlaps = sorted(
        (
            (-_jaccard(a.members, b.members), i, j)
            for i, a in enumerate(first)
            for j, b in enumerate(second)
            if _jaccard(a.members, b.members) >= PAIR_OVERLAP
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


def _jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    return len(left & right) / len(left | right)


def _candidate(pair: list[FoundGroup]) -> Candidate:
    candidate = Candidate()
    for group in pair:
        for account, (content, queue) in group.bits.items():
            link = candidate.slices.setdefault((group.cluster, account), SliceLink())
            link.content += _capped(content)
            link.queue += _capped(queue)
            if account in group.members:
                link.formed |= 1 << group.formed_on
    candidate.slices = {key: link for key, link in candidate.slices.items() if link.total > 0}
    return candidate


def _capped(microbits: int) -> int:
    return max(-VIEW_CAP, min(VIEW_CAP, microbits))


def claim_slices(candidates: list[Candidate], *, least: int) -> list[Candidate]:
    """Leave each slice with the candidate that explains it best; drop candidates that become too small.

    Args:
        candidates: candidates of one content cluster.
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
    return [c for c in candidates if len(c.slices) >= least and c.strength > 0]


def merge_candidates(candidates: list[Candidate], *, least: int) -> list[Candidate]:
    """Campaigns: candidates of the same accounts joined, leftovers absorbed.

    Args:
        candidates: candidates of all clusters.
        least: accounts a campaign needs.
    """
    ordered = sorted(candidates, key=lambda c: (-len(c.slices), -c.strength, min(c.slices)))
    merged: list[Candidate] = []
    by_account: dict[str, list[int]] = defaultdict(list)
    for candidate in ordered:
        shared: dict[int, int] = defaultdict(int)
        for account in candidate.accounts:
            for number in by_account[account]:
                shared[number] += 1
        same = [n for n, common in shared.items() if common >= SAME_ACCOUNTS * len(merged[n].accounts)]
        same = [n for n in same if shared[n] >= SAME_ACCOUNTS * len(candidate.accounts)]
        if same:
            chosen = max(same, key=lambda n: (shared[n], -n))
            _absorb(merged[chosen], candidate, by_account, chosen)
        elif len({a for a in candidate.accounts if by_account[a]}) < ABSORBED * len(candidate.accounts):
            merged.append(candidate)
            for account in candidate.accounts:
                by_account[account].append(len(merged) - 1)
        elif len(candidate.accounts) >= 2 * least and candidate.strength > 4 * VIEW_CAP:
            # Another campaign on the same accounts (a pool that serves several customers), not a leftover.
            merged.append(candidate)
            for account in candidate.accounts:
                by_account[account].append(len(merged) - 1)
    return merged


def _absorb(target: Candidate, other: Candidate, by_account: dict[str, list[int]], number: int) -> None:
    for account in other.accounts - target.accounts:
        by_account[account].append(number)
    target.slices.update(other.slices)
