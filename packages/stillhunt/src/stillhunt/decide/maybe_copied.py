"""Flagged members that may be customers whose end users copy a campaign's prompts: they are tagged at most.

Texts may put an account into a campaign, and its end users write them. A person looks at such an account.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Set as AbstractSet

import pyarrow as pa

ONE_CLIENT = 0.8
"""Share of the other flagged members with one main client from which a campaign has a client. Judgement."""
OF_FEW = 0.1
"""Share of the other flagged members with its main client below which a member stands apart. Judgement: two customers
with one client, whose end users copy the prompts of twenty accounts, still do."""


def maybe_copied(facts: pa.Table, by_texts: AbstractSet[tuple[str, str]]) -> list[bool]:
    """Whether each row's account may be one whose end users copy prompts.

    It may where only texts tie it to the campaign and the accounts table says nothing about it. Where nearly all of a
    campaign use one client program, it also may where it uses another one, and where only texts link it: those who
    copy may be many, so they do not count as members here. Where a campaign uses many clients, they tell nothing.

    Args:
        facts: ACCOUNT_FACTS; of the clients of an account, the first is its main one.
    """
    names = ("account_id", "campaign_id", "flagged", "clients", "created_at")
    rows = list(zip(*(facts[name].to_pylist() for name in names), strict=True))
    used: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for account, campaign, flagged, clients, _ in rows:
        if flagged and clients and (account, campaign) not in by_texts:
            used[campaign][clients[0]] += 1
    found = []
    for account, campaign, flagged, clients, opened in rows:
        only_texts, own = (account, campaign) in by_texts, clients[0] if clients else None
        unknown = only_texts and opened is None
        found.append(bool(flagged) and (unknown or _is_apart(own, used[campaign], only_texts)))
    return found


def _is_apart(own: str | None, used: Counter[str], only_texts: bool) -> bool:
    counted = own is not None and not only_texts
    others = used.total() - counted
    one_client = others > 0 and max(used.values()) >= ONE_CLIENT * others
    return one_client and (only_texts or (counted and used[own or ""] - 1 < OF_FEW * others))
