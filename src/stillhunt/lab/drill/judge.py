"""What a hunt made of planted campaigns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stillhunt.lab.drill.own_logs import MARK
from stillhunt.lab.drill.plant import Planted

FEWEST_MEMBERS = 5
PURITY = 0.9
"""A call is correct with verdict act, five accounts, and nine in ten of them from one campaign."""
_RANKS = {"none": 0, "review": 1, "act": 2}


@dataclass(frozen=True)
class Sight:
    """One planted campaign in one hunt.

    Args:
        correct: whether it was called correctly.
        verdict: strongest verdict of the campaigns that are mostly its accounts; "unseen" where there is none.
        flagged: its accounts with verdict act.
        touched: honest accounts flagged in campaigns that are mostly its own or that it has most accounts of.
    """

    correct: bool
    verdict: str
    flagged: int
    touched: int


def judge(tables: Mapping[str, Any], planted: Sequence[Planted], suspects: frozenset[str]) -> tuple[list[Sight], int]:
    """Compare one hunt with what was planted.

    Args:
        tables: tables of the case.
        planted: campaigns that were in the log.
        suspects: accounts flagged without any plant; never counted as touched.

    Returns:
        (one sight a campaign; honest accounts newly flagged outside all of their campaigns).
    """
    members: dict[str, list[str]] = {}
    for campaign, account in zip(
        tables["members"]["campaign_id"].to_pylist(), tables["members"]["account_id"].to_pylist(), strict=True
    ):
        members.setdefault(campaign, []).append(account)
    verdicts = dict(
        zip(tables["campaigns"]["campaign_id"].to_pylist(), tables["campaigns"]["verdict"].to_pylist(), strict=True)
    )
    home = {account: at for at, one in enumerate(planted) for account in one.account_ids}
    accounts = tables["accounts"]
    flagged = {
        account: campaign
        for account, campaign, is_flagged in zip(
            *(accounts[name].to_pylist() for name in ("account_id", "campaign_id", "flagged")), strict=True
        )
        if is_flagged
    }
    shares = {
        campaign: Counter(home[account] for account in ids if account in home) for campaign, ids in members.items()
    }
    main = {campaign: count.most_common(1)[0] for campaign, count in shares.items() if count}
    touched = Counter(
        main[campaign][0] if campaign in main else -1
        for account, campaign in flagged.items()
        if not account.startswith(MARK) and account not in suspects
    )
    sights = [
        _sight(at, {c: (members[c], verdicts[c]) for c, (whose, _) in main.items() if whose == at}, home)
        for at in range(len(planted))
    ]
    found = Counter(home[account] for account in flagged if account in home)
    return [Sight(correct, verdict, found[at], touched[at]) for at, (correct, verdict) in enumerate(sights)], touched[
        -1
    ]


def _sight(at: int, campaigns: Mapping[str, tuple[list[str], str]], home: Mapping[str, int]) -> tuple[bool, str]:
    """(called correctly, strongest verdict) of one planted campaign, from the campaigns that it has most of."""
    verdict, correct = "unseen", False
    for ids, given in campaigns.values():
        own = sum(home.get(account) == at for account in ids)
        if 2 * own > len(ids) and _RANKS[given] >= _RANKS.get(verdict, 0):
            verdict = given
        correct |= given == "act" and len(ids) >= FEWEST_MEMBERS and own >= PURITY * len(ids)
    return correct, verdict
