"""Campaigns as a hunt finds them and as they are known, and a watch in memory that settles one hunt after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stillhunt.watch.lineage.campaigns import ACTIVE, FoundCampaign, KnownCampaign, Settled
from stillhunt.watch.lineage.settle import settle

DAY = 86_400_000_000
NOW = 20_000 * DAY
WINDOW = NOW - 14 * DAY


def accounts(first: int, last: int, requests: int = 100) -> dict[str, int]:
    """Accounts a<first> to a<last - 1>, each with as many requests."""
    return {f"a{number}": requests for number in range(first, last)}


def found(name: str, members: Mapping[str, int], verdict: str = "act", **changes: Any) -> FoundCampaign:
    """A campaign of a hunt."""
    values: dict[str, Any] = {"kind": "harvest", "score": 0.97, "first_seen": WINDOW, "last_seen": NOW}
    return FoundCampaign(name, verdict, members=members, **{**values, **changes})


def known(name: str, members: Mapping[str, int], status: str = ACTIVE, **changes: Any) -> KnownCampaign:
    """A campaign with its lasting id."""
    values: dict[str, Any] = {"verdict": "act", "last_snapshot": 1, "last_seen": NOW}
    return KnownCampaign(name, status, members=members, **{**values, **changes})


def snapshot_row(sequence: int) -> dict[str, Any]:
    """A row of the table of snapshots."""
    counts = {"requests": 1000, "accounts": 50, "rejected": 0, "cpu_seconds": 1.0, "required_bits": 10.0, "days": 5.0}
    return {"sequence": sequence, "made_at": NOW + sequence, "from_time": WINDOW, "to_time": NOW, **counts}


@dataclass
class PlainWatch:
    """What `records` keeps in the database, kept in a mapping, so that thousands of hunts can be settled."""

    campaigns: dict[str, KnownCampaign] = field(default_factory=dict)
    hunts: int = 0

    def hunt(self, campaigns: Sequence[FoundCampaign], window: int = WINDOW) -> Settled:
        """Settle what a hunt found, and remember it."""
        self.hunts += 1
        settled = settle(list(self.campaigns.values()), campaigns, window)
        for campaign in campaigns:
            name = settled.lasting[campaign.campaign_id]
            before = self.campaigns.get(name)
            if before is None and campaign.verdict == "none":
                continue
            members = {**(before.members if before else {}), **campaign.members}
            self.campaigns[name] = KnownCampaign(
                name,
                before.status if before else ACTIVE,
                campaign.verdict,
                members,
                self.hunts,
                campaign.last_seen,
                frozenset(members.keys() - campaign.members.keys()),
            )
        for name, status in settled.statuses.items():
            self.campaigns[name] = replace(self.campaigns[name], status=status)
        return settled
