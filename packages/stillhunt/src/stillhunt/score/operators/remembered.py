"""One group of today and of the look before: which of both stands.

A group that an earlier look showed is judged once more, whatever today's search finds. Where today's groups hold the
same slices, these are one operation: of what was found today, what is remembered, and both together, what says most
stands alone.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from stillhunt.base.arrays import CODE_RANGE
from stillhunt.base.config import ScoreSettings
from stillhunt.base.schema_case import VERDICTS
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.operators.wholes import flagged_accounts, join_candidates
from stillhunt.score.verdict.verdict import Judged

_COMMON_SHARE = 0.5  # Share of the smaller one's slices in common from which two groups are one (most of them)


def settle_remembered(
    log: ScoredLog, judged: Sequence[Judged], judge_one: Callable[[Candidate], Judged], settings: ScoreSettings
) -> list[Judged]:
    """The judged candidates with each group once; a remembered one that has no verdict today is gone."""
    groups = [one for one in judged if not one.candidate.remembered]
    again = [one for one in judged if one.candidate.remembered]
    number = max((one.candidate.number for one in judged), default=-1)
    slices = {one.candidate.number: _slices_of(one.candidate) for one in judged if again}
    for one in again:
        own = slices[one.candidate.number]
        parts = [group for group in groups if _is_same_group(slices[group.candidate.number], own)]
        options, joined = [one], one.candidate
        for part in parts:
            if part.verdict != "none":  # what is left alone today would bring strangers
                number += 1
                joined = join_candidates(log, number, part.candidate, joined)
        if len(joined.slice_cluster) > len(own):
            options.append(judge_one(joined))
            slices[number] = _slices_of(joined)
        # Of equals, what was found today stands.
        likely = [parts, *([option] for option in options if option.verdict != "none")]
        best = max(likely, key=partial(_weight_of, settings))
        if best is not parts:
            groups = [group for group in groups if all(group is not part for part in parts)] + best
    return groups


def _weight_of(settings: ScoreSettings, groups: Sequence[Judged]) -> tuple[int, ...]:
    """How much some groups say: their gravest verdict, the accounts that are flagged, and those that are shown."""
    gravest = max((-VERDICTS.index(one.verdict) for one in groups), default=-len(VERDICTS))
    flagged = [flagged_accounts(one, settings) for one in groups]
    shown = [one.candidate.accounts for one in groups if one.verdict != "none"]
    return gravest, *(len(set().union(*(own.tolist() for own in accounts))) for accounts in (flagged, shown))


def _slices_of(candidate: Candidate) -> frozenset[int]:
    keys = candidate.slice_cluster.astype(np.int64) * CODE_RANGE + candidate.accounts[candidate.slice_account]
    return frozenset(keys.tolist())


def _is_same_group(one: frozenset[int], other: frozenset[int]) -> bool:
    return len(one & other) >= _COMMON_SHARE * min(len(one), len(other))
