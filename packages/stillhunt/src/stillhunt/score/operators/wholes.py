"""One operation that was found as several groups: skills on the same accounts, bare questions, specialists.

The search finds what is asked in one wording, or at one pace. So one operation may stand there as several groups: over
the same accounts, with some of their requests here and some there, or over accounts of their own, with one operator and
one template or schedule. Such groups are joined, and the whole is judged anew. It takes the place of its parts where it
says no less than they do.

Two tenants of one pool of accounts stay apart. How the requests of an account divide between them differs from account
to account, since each account serves one, the other, or both; one operation has the same mix on all accounts.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from stillhunt.base.arrays import CODE_RANGE, Ints
from stillhunt.base.config import ScoreSettings
from stillhunt.base.schema_case import VERDICTS
from stillhunt.score.context.candidate import Candidate, candidate_of
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.operators.mixtures import Split
from stillhunt.score.operators.ties import find_campaign_sets
from stillhunt.score.verdict.rules import flagged_members
from stillhunt.score.verdict.verdict import Judged

_COMMON_SHARE = 0.45  # Share of the smaller group's accounts in common from which both may be one operation
# Correlation of the accounts' mix of two groups up to which they are one operation (measured: one operation 0.00 to
# 0.14, two tenants of one pool from 0.36, a campaign and a chance group from 0.22; no script repeats it)
_MIX_CORRELATION = 0.15

# Pairs that are judged at once: the one whose turn it is and those that follow (judgement: two threads have work, and
# little of it is for pairs that lose a group before their turn)
_AT_ONCE = 3

Pair = tuple[int, int]  # numbers of the candidates of two groups


def join_wholes(
    log: ScoredLog,
    judged: Sequence[Judged],
    splits: Sequence[Split],
    judge_one: Callable[[Candidate], Judged],
    settings: ScoreSettings,
    threads: Executor,
) -> tuple[list[Judged], list[Split]]:
    """The judged candidates with each operation whole, and the mixtures that were taken apart.

    `splits`: mixtures that were taken apart; their parts are not joined again. `threads`: on which wholes are judged,
    some before their turn; what is joined does not depend on them.
    """
    groups = _Groups(judged, splits)

    def judge_whole(number: int, first: Candidate, second: Candidate) -> Judged:
        return judge_one(join_candidates(log, number, first, second))

    for find_pairs in (_pairs_of_same_accounts, _pairs_of_one_operation):
        pairs = find_pairs(log, list(groups.judged.values()))
        _join_pairs(groups, pairs, judge_whole, settings, threads)
    return list(groups.judged.values()), groups.apart


class _Groups:
    """Groups by number, and the group that each of those at the beginning has become a part of."""

    def __init__(self, judged: Sequence[Judged], splits: Sequence[Split]) -> None:
        self.judged = {one.candidate.number: one for one in judged}
        self.apart = list(splits)
        parts = [number for split in splits for number in (split.first, split.second)]
        # a part may have been taken apart again
        self._part_of = {number: number for number in (*self.judged, *parts)}

    @property
    def free_number(self) -> int:
        """A number beyond all that groups have or had."""
        return max(self._part_of, default=-1) + 1

    def find_parts(self, pair: Pair) -> Pair | None:
        """What a pair has become, where these may be joined: two groups that no mixture was taken apart into."""
        first, second = sorted(self._part_of[one] for one in pair)
        rivals = any({first, second} == {one.first, one.second} for one in self.apart)
        return None if first == second or rivals else (first, second)

    def join(self, parts: Pair, whole: Judged) -> None:
        """Put a whole in the place of its parts."""
        number = whole.candidate.number
        for part in parts:
            del self.judged[part]
        self.judged[number] = whole
        self._part_of[number] = number
        self._part_of = {one: number if part in parts else part for one, part in self._part_of.items()}
        of = self._part_of
        self.apart = [replace(one, first=of[one.first], second=of[one.second]) for one in self.apart]


def _join_pairs(
    groups: _Groups,
    pairs: Sequence[Pair],
    judge_whole: Callable[[int, Candidate, Candidate], Judged],
    settings: ScoreSettings,
    threads: Executor,
) -> None:
    """Join pairs of groups in their order; a few are judged at a time, by what they are made of then."""
    begun: dict[Pair, Future[Judged]] = {}
    free = groups.free_number
    try:
        for place, pair in enumerate(pairs):
            for number, later in enumerate(pairs[place : place + _AT_ONCE], free + place):
                parts = groups.find_parts(later)
                if parts is not None and parts not in begun:
                    first, second = (groups.judged[one].candidate for one in parts)
                    begun[parts] = threads.submit(judge_whole, number, first, second)
            if (parts := groups.find_parts(pair)) is None:
                continue
            whole = begun.pop(parts).result()
            if not _says_less(whole, [groups.judged[one] for one in parts], settings):
                groups.join(parts, whole)
                for gone in [one for one in begun if set(one) & set(parts)]:
                    begun.pop(gone).cancel()
    finally:
        for one in begun.values():
            one.cancel()


def _pairs_of_same_accounts(log: ScoredLog, groups: Sequence[Judged]) -> list[Pair]:
    """Pairs that have one mix on the accounts that they share, those with the most accounts in common first."""
    sizes = np.array([len(one.candidate.accounts) for one in groups], np.int64)
    accounts = np.concatenate([np.zeros(0, np.int64), *(one.candidate.accounts for one in groups)])
    begins = np.append(0, np.cumsum(sizes))
    holds = csr_array((np.ones(len(accounts), np.int64), accounts, begins), shape=(len(groups), log.accounts.count))
    shown = np.flatnonzero([one.verdict != "none" for one in groups])
    if not len(shown):
        return []
    met = (holds[shown] @ holds.T).tocoo()
    found = []
    for first, second, common in zip(shown[met.row].tolist(), met.col.tolist(), met.data.tolist(), strict=True):
        both_shown = groups[second].verdict != "none"
        if (both_shown and second <= first) or common < _COMMON_SHARE * min(sizes[first], sizes[second]):
            continue
        if _mix_correlation(groups[first].candidate, groups[second].candidate) <= _MIX_CORRELATION:
            found.append((-common, first, second))
    numbers = [one.candidate.number for one in groups]
    return [(numbers[first], numbers[second]) for _, first, second in sorted(found)]


def _mix_correlation(first: Candidate, second: Candidate) -> float:
    """Intra-class correlation of the split of each account's requests between two groups.

    From the chi-square of homogeneity: its index is about 1 + (n - 1) r for accounts of n requests.
    """
    accounts = np.union1d(first.accounts, second.accounts)
    own, total = np.zeros(len(accounts)), np.zeros(len(accounts))
    own[np.searchsorted(accounts, first.accounts)] = first.volumes
    total[np.searchsorted(accounts, second.accounts)] = second.volumes
    total += own
    share = float(own.sum() / total.sum())
    square = float(((own - total * share) ** 2 / (total * share * (1.0 - share))).sum())
    size = float((total**2).sum() / total.sum())
    return (square / max(len(accounts) - 1, 1) - 1.0) / max(size - 1.0, 1.0)


def _pairs_of_one_operation(log: ScoredLog, groups: Sequence[Judged]) -> list[Pair]:
    """Campaigns of one operator that have a template or a schedule in common, the strongest ties first."""
    shown = [one for one in groups if one.verdict != "none"]
    sets = find_campaign_sets(log, [one.candidate for one in shown])
    pairs = [one.describe(*pair) for one in sets for pair in one.one_operation]
    pairs.sort(key=lambda pair: (-pair.bits, pair.first, pair.second))
    return [(shown[pair.first].candidate.number, shown[pair.second].candidate.number) for pair in pairs]


def join_candidates(log: ScoredLog, number: int, first: Candidate, second: Candidate) -> Candidate:
    """Both as one; a slice that both hold is as the first one has it."""
    own = [(one.slice_cluster, one.accounts[one.slice_account], one.formed_on) for one in (first, second)]
    cluster, account, formed_on = (np.concatenate(pair) for pair in zip(*own, strict=True))
    _, kept = np.unique(cluster.astype(np.int64) * CODE_RANGE + account, return_index=True)
    content = np.concatenate([first.content, second.content])[kept]
    queue = np.concatenate([first.queue, second.queue])[kept]
    return replace(
        candidate_of(log, number, cluster[kept], account[kept], formed_on[kept], content, queue),
        untemplated=first.untemplated and second.untemplated,
        searched=max(first.searched, second.searched),
        style=first.style and second.style,
    )


def _says_less(whole: Judged, parts: Sequence[Judged], settings: ScoreSettings) -> bool:
    """Whether the whole has a lesser verdict than a part, flags fewer accounts, or is no campaign to act on.

    Where one part was left alone, only that it makes a campaign to act on is a reason to add it.
    """
    if any(part.verdict == "none" for part in parts):
        return whole.verdict != "act"
    lesser = any(VERDICTS.index(whole.verdict) > VERDICTS.index(part.verdict) for part in parts)
    flagged = np.unique(np.concatenate([flagged_accounts(part, settings) for part in parts]))
    return lesser or len(flagged_accounts(whole, settings)) < len(flagged)


def flagged_accounts(judged: Judged, settings: ScoreSettings) -> Ints:
    """Accounts of a judged group that are flagged."""
    places = flagged_members(judged.weighed, settings, judged.standing)
    return judged.candidate.accounts[places if judged.verdict == "act" else places[:0]]
