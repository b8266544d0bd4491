"""Compares what a hunt found with what was planted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stillhunt_lab.correct_call import MIN_ACCOUNTS, is_correct_call
from stillhunt_lab.drill.plant import Planted

_RANKS = {"none": 0, "review": 1, "act": 2}


@dataclass(frozen=True)
class Outcome:
    """What one hunt made of the planted campaign.

    Args:
        correct: whether it was called correctly and enough of its accounts are flagged to say so.
        verdict: strongest verdict of the campaigns that are mostly its accounts; "unseen" where there is none.
        flagged: its accounts with verdict act.
        touched: other accounts with verdict act, those flagged without any plant left out.
    """

    correct: bool
    verdict: str
    flagged: int
    touched: int


def judge(tables: Mapping[str, Any], planted: Planted, suspects: frozenset[str]) -> Outcome:
    """Compare one hunt with what was planted.

    Args:
        planted: the campaign that was in the log.
        suspects: accounts flagged without any plant; never counted as touched.
    """
    own = frozenset(planted.account_ids)
    members: dict[str, list[str]] = {}
    for campaign, account in _rows(tables["members"], "campaign_id", "account_id"):
        members.setdefault(campaign, []).append(account)
    flagged = {account for account, is_flagged in _rows(tables["accounts"], "account_id", "flagged") if is_flagged}
    verdict, correct = "unseen", False
    for campaign, given in _rows(tables["campaigns"], "campaign_id", "verdict"):
        ids = members.get(campaign, [])
        caught = len(own.intersection(ids))
        if 2 * caught > len(ids) and _RANKS[given] >= _RANKS.get(verdict, 0):
            verdict = given
        if given == "act" and is_correct_call(len(ids), caught):
            correct |= len(flagged.intersection(own, ids)) >= MIN_ACCOUNTS
    return Outcome(correct, verdict, len(flagged & own), len(flagged - own - suspects))


def _rows(table: Any, *names: str) -> Any:
    return zip(*(table[name].to_pylist() for name in names), strict=True)
