"""Flagged members whose client program is not that of their campaign: a customer whose end users copy its prompts.

Texts may put an account into a campaign, and its end users write them. Where nearly all of a campaign use one client
program, a member that uses another one is tagged at most, until a person looks at it. Where the campaign itself uses
many, nothing is known by this.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import pyarrow as pa

ONE_CLIENT = 0.8
"""Share of the other flagged members with one main client from which a campaign has a client. Judgement."""
OF_FEW = 0.1
"""Share of the other flagged members with its main client below which a member stands apart. Judgement: two customers
with one client, whose end users copy the prompts of twenty accounts, still do."""


def standing_apart(facts: pa.Table) -> list[bool]:
    """Whether each row's account uses another client program than its campaign.

    Args:
        facts: ACCOUNT_FACTS; of the clients of an account, the first is its main one.
    """
    names = ("campaign_id", "flagged", "clients")
    rows = list(zip(*(facts[name].to_pylist() for name in names), strict=True))
    used: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for campaign, flagged, clients in rows:
        if flagged and clients:
            used[campaign][clients[0]] += 1
    return [bool(flagged and clients) and _is_apart(clients[0], used[campaign]) for campaign, flagged, clients in rows]


def _is_apart(own: str, used: Counter[str]) -> bool:
    others = used.total() - 1
    return others > 0 and used[own] - 1 < OF_FEW * others and max(used.values()) >= ONE_CLIENT * others
