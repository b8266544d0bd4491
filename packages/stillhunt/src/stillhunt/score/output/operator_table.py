"""Operators, pools and split groups -> CASE_OPERATORS: one row per such set and campaign."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stillhunt.base.schema_case import CASE_OPERATORS, HARVEST_OPERATION
from stillhunt.base.wording import fill
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.operators.mixtures import Split
from stillhunt.score.operators.operators import CampaignSet, Pair, find_campaign_sets
from stillhunt.score.verdict.verdict import Judged

FIRST_MEMBERS = 3
"""Members whose harvest begins first: ids are made from them, so that growth does not change them."""
_BEGINNINGS = {"one_operator": "o", "one_pool": "p", "two_operators": "t"}
_SPLIT_WORDS = (
    "They were found as one group, but their client fingerprints ask in different words: {z:.1f} standard deviations "
    "beyond chance"
)


def operators_table(log: ScoredLog, shown: Sequence[Judged], names: Sequence[str], splits: Sequence[Split]) -> pa.Table:
    """Which campaigns belong together, and why.

    Args:
        shown: judged candidates; those with the verdict none, account farms and relays are in no set.
        splits: mixtures of two operators that were taken apart.
    """
    places = [place for place, one in enumerate(shown) if one.verdict != "none" and one.kind == HARVEST_OPERATION]
    campaigns = [shown[place].candidate for place in places]
    sets = [*find_campaign_sets(log, campaigns), *_taken_apart(campaigns, splits)]
    rows = []
    for one in sets:
        accounts = np.unique(np.concatenate([campaigns[place].accounts for place in one.campaigns]))
        set_id = _set_id(log, one, [shown[places[place]] for place in one.campaigns])
        for place in one.campaigns:
            pair = next(pair for pair in one.pairs if place in (pair.first, pair.second))
            other = pair.first if pair.second == place else pair.second
            rows.append(
                {
                    "operator_id": set_id,
                    "relation": one.relation,
                    "campaign_id": names[places[place]],
                    "tied_to": names[places[other]],
                    "accounts": len(accounts),
                    "bits": pair.bits,
                    "kinds": [tie.kind.name for tie in pair.ties],
                    "kind_bits": [tie.bits for tie in pair.ties],
                    "statements": [pair.statement] if pair.statement else [tie.statement for tie in pair.ties],
                }
            )
    if not rows:
        return CASE_OPERATORS.empty()
    return CASE_OPERATORS.build(**{name: [row[name] for row in rows] for name in CASE_OPERATORS.arrow.names})


def first_members(log: ScoredLog, judged: Sequence[Judged]) -> str:
    """Ids of the members whose harvest begins first, line by line."""
    start: dict[int, int] = {}
    for one in judged:
        candidate = one.candidate
        first = np.full(len(candidate.accounts), np.iinfo(np.int64).max)
        np.minimum.at(first, candidate.row_account, log.requests.time[candidate.rows])
        for account, time in zip(candidate.accounts.tolist(), first.tolist(), strict=True):
            start[account] = min(time, start.get(account, time))
    earliest = sorted(start, key=lambda account: (start[account], account))[:FIRST_MEMBERS]
    return "\n".join(log.accounts.ids[account].as_py() for account in earliest)


def _set_id(log: ScoredLog, one: CampaignSet, judged: Sequence[Judged]) -> str:
    text = one.relation + "\n" + first_members(log, judged)
    return f"{_BEGINNINGS[one.relation]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _taken_apart(campaigns: Sequence[Candidate], splits: Sequence[Split]) -> list[CampaignSet]:
    """The parts of each mixture that are both campaigns."""
    place = {one.number: position for position, one in enumerate(campaigns)}
    found = []
    for split in splits:
        if split.first in place and split.second in place:
            first, second = sorted((place[split.first], place[split.second]))
            pair = Pair(first, second, statement=fill(_SPLIT_WORDS, z=split.z))
            found.append(CampaignSet("two_operators", (first, second), (pair,)))
    return found
