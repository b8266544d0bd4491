"""What lineage compares: campaigns as one hunt found them, and campaigns as they are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.triage import Case

ACTIVE, DORMANT, MERGED, ENDED = "active", "dormant", "merged", "ended"
"""Found by the latest hunt; not found, but may come back; became part of another; not found for the whole window."""


@dataclass(frozen=True)
class FoundCampaign:
    """A campaign or a group left alone, as one hunt found it.

    Attributes:
        campaign_id: id that the hunt gave it.
        score: probability, 0 to 1.
        members: account -> its harvested requests, more than 0 each.
        flagged: those of them that are flagged.
        first_seen, last_seen: microseconds since 1970; None where no time is known.
    """

    campaign_id: str
    verdict: str
    kind: str
    score: float
    members: Mapping[str, int]
    flagged: frozenset[str] = frozenset()
    first_seen: int | None = None
    last_seen: int | None = None


@dataclass(frozen=True)
class KnownCampaign:
    """A campaign with its lasting id, as the latest hunt that found it left it.

    Attributes:
        status: ACTIVE, DORMANT, MERGED or ENDED.
        members: account -> harvested requests when it was last a member; every account that ever was one.
        last_snapshot: number of the latest snapshot that has it.
        last_seen: its last harvested request, microseconds since 1970.
        former: those of the members that the latest hunt which found it did not find as members.
    """

    campaign_id: str
    status: str
    verdict: str
    members: Mapping[str, int]
    last_snapshot: int
    last_seen: int | None = None
    former: frozenset[str] = frozenset()

    @property
    def latest_members(self) -> dict[str, int]:
        """Members without the former ones."""
        return {account: requests for account, requests in self.members.items() if account not in self.former}


@dataclass(frozen=True)
class Event:
    """What happened to a campaign at one hunt.

    Attributes:
        event: born, merged, split, dormant, returned, ended or verdict.
        others: lasting ids of the campaigns that it concerns as well.
        reason: one sentence with the figures.
    """

    campaign_id: str
    event: str
    others: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Settled:
    """Lasting ids after one hunt.

    Attributes:
        lasting: id that the hunt gave -> lasting id, for every campaign and group of the hunt.
        statuses: lasting id -> status, of every campaign whose status is not what it was.
        events: in the order of lasting ids.
    """

    lasting: Mapping[str, str]
    statuses: Mapping[str, str] = field(default_factory=dict)
    events: tuple[Event, ...] = ()


def found_campaigns(case: Case) -> list[FoundCampaign]:
    """The campaigns and groups of a case, in its order."""
    members: dict[str, dict[str, int]] = {}
    for row in case.members.select(["campaign_id", "account_id", "requests"]).to_pylist():
        members.setdefault(row["campaign_id"], {})[row["account_id"]] = max(1, row["requests"])
    accounts = case.accounts.filter(case.accounts["flagged"])
    flagged: dict[str, set[str]] = {}
    for row in accounts.select(["campaign_id", "account_id"]).to_pylist():
        flagged.setdefault(row["campaign_id"], set()).add(row["account_id"])
    table = case.tables["campaigns"]
    times = {name: pc.cast(table[name], pa.int64()) for name in ("first_seen", "last_seen")}
    rows = table.select(["campaign_id", "verdict", "kind", "score"]).to_pylist()
    return [
        FoundCampaign(
            campaign_id=row["campaign_id"],
            verdict=row["verdict"],
            kind=row["kind"],
            score=row["score"],
            members=members.get(row["campaign_id"], {}),
            flagged=frozenset(flagged.get(row["campaign_id"], ())),
            first_seen=times["first_seen"][place].as_py(),
            last_seen=times["last_seen"][place].as_py(),
        )
        for place, row in enumerate(rows)
    ]
