"""What lineage compares: campaigns as one hunt found them and as they are known, their overlap, the best assignment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.components import number_components
from stillhunt.triage import Case

ACTIVE, DORMANT, MERGED, ENDED = "active", "dormant", "merged", "ended"
"""Found by the latest hunt; not found, but may come back; became part of another; not found for the whole window."""


@dataclass(frozen=True)
class FoundCampaign:
    """A campaign or a group left alone, as one hunt found it."""

    campaign_id: str
    verdict: str
    kind: str
    score: float
    members: Mapping[str, int]  # account -> its harvested requests, more than 0 each
    flagged: frozenset[str] = frozenset()  # those of them that are flagged
    # first_seen, last_seen: microseconds since 1970; None where no time is known
    first_seen: int | None = None
    last_seen: int | None = None


@dataclass(frozen=True)
class KnownCampaign:
    """A campaign with its lasting id, as the latest hunt that found it left it."""

    campaign_id: str
    status: str
    verdict: str
    # account -> harvested requests when it was last a member; every account that ever was one
    members: Mapping[str, int]
    last_snapshot: int  # number of the latest snapshot that has it
    last_seen: int | None = None  # its last harvested request, microseconds since 1970
    # those of the members that the latest hunt which found it did not find as members
    former: frozenset[str] = frozenset()
    flagged: frozenset[str] = frozenset()  # those that the latest hunt flagged, where it is active and to act on

    @property
    def latest_members(self) -> dict[str, int]:
        """Members without the former ones."""
        return {account: requests for account, requests in self.members.items() if account not in self.former}


@dataclass(frozen=True)
class Event:
    """What happened to a campaign at one hunt."""

    campaign_id: str
    event: str  # born, merged, split, dormant, returned, ended or verdict
    others: tuple[str, ...]  # lasting ids of the campaigns that it concerns as well
    reason: str


@dataclass(frozen=True)
class Settled:
    """Lasting ids after one hunt."""

    lasting: Mapping[str, str]  # id that the hunt gave -> lasting id, for every campaign and group of the hunt
    # lasting id -> status, of every campaign whose status is not what it was
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


_FORMER = 1e-9
"""What a request of a former member weighs: it decides which partner is nearer only where the latest members do not."""


@dataclass
class Overlap:
    """What two campaigns have in common; an account counts with the smaller of its harvests in the two.

    The smaller one, because an account of a pool may work for several campaigns: a member that harvests much in one
    and little in the other makes them alike by the little only.
    """

    # known, found: harvested requests of the known campaign's latest members, and of the found campaign
    known: int
    found: int
    shared: int = 0  # common requests of accounts that ever were members of the known campaign
    shared_now: int = 0  # those of its latest members alone

    @property
    def share_of_known(self) -> float:
        """Part of the known campaign that is in the found one, 0 to 1; growth of the found one does not lower it."""
        return self.shared_now / self.known if self.known else 0.0

    @property
    def share_of_found(self) -> float:
        """Part of the found campaign that the known one explains, 0 to 1; members that left do not lower it."""
        return self.shared / self.found if self.found else 0.0

    @property
    def similarity(self) -> float:
        """The larger of the two shares: whether the two can be one campaign that grew, shrank or changed accounts."""
        return max(self.share_of_known, self.share_of_found)

    @property
    def closeness(self) -> float:
        """Weighted Jaccard index of the latest members, which says who is nearest: 1 for an unchanged campaign."""
        weight = self.shared_now + _FORMER * (self.shared - self.shared_now)
        return weight / (self.known + self.found - self.shared_now)


def overlaps(known: Sequence[KnownCampaign], found: Sequence[FoundCampaign]) -> dict[tuple[int, int], Overlap]:
    """Overlaps of all pairs that have an account in common, by places in the two lists."""
    campaigns_of: dict[str, list[int]] = {}
    for place, one in enumerate(known):
        for account in one.members:
            campaigns_of.setdefault(account, []).append(place)
    sizes = [sum(n for account, n in one.members.items() if account not in one.former) for one in known]
    pairs: dict[tuple[int, int], Overlap] = {}
    for column, campaign in enumerate(found):
        total = sum(campaign.members.values())
        for account, requests in campaign.members.items():
            for row in campaigns_of.get(account, ()):
                pair = pairs.setdefault((row, column), Overlap(sizes[row], total))
                common = min(requests, known[row].members[account])
                pair.shared += common
                pair.shared_now += 0 if account in known[row].former else common
    return pairs


def common_share(one: FoundCampaign, other: FoundCampaign) -> float:
    """Part of a campaign whose requests another campaign of the same hunt has of the same accounts, 0 to 1."""
    common = sum(min(requests, other.members.get(account, 0)) for account, requests in one.members.items())
    return common / max(sum(one.members.values()), 1)


def best_pairs(weights: Mapping[tuple[int, int], float]) -> dict[int, int]:
    """Pairs of largest total weight, each row and each column in one pair at most.

    Only pairs that are given are made. Each connected component is solved by itself, so that its matrix stays small.

    Args:
        weights: (row, column) -> weight above 0.

    Returns:
        Column -> row. Of assignments with equal weight the same one is taken whatever the order of the pairs.
    """
    if not weights:
        return {}
    pairs = sorted(weights)
    rows, row_of = np.unique([row for row, _ in pairs], return_inverse=True)
    columns, column_of = np.unique([column for _, column in pairs], return_inverse=True)
    label = number_components(row_of, column_of + len(rows), len(rows) + len(columns))
    members: dict[int, list[int]] = {}
    for place, row in enumerate(row_of.tolist()):
        members.setdefault(int(label[row]), []).append(place)
    chosen: dict[int, int] = {}
    for places in members.values():
        if len(places) == 1:
            chosen[pairs[places[0]][1]] = pairs[places[0]][0]
            continue
        from scipy.optimize import linear_sum_assignment  # 0.2 s, which most hunts do without

        own_rows, own_columns = (sorted({pairs[place][side] for place in places}) for side in (0, 1))
        matrix = np.zeros((len(own_rows), len(own_columns)))
        for place in places:
            row, column = np.searchsorted(own_rows, pairs[place][0]), np.searchsorted(own_columns, pairs[place][1])
            matrix[row, column] = weights[pairs[place]]
        for row, column in zip(*linear_sum_assignment(matrix, maximize=True), strict=True):
            if matrix[row, column] > 0:
                chosen[own_columns[column]] = own_rows[row]
    return chosen
