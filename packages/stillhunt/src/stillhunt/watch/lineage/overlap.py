"""How much of a known campaign is in a campaign that a hunt found, in harvested requests of the same accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stillhunt.watch.lineage.campaigns import FoundCampaign, KnownCampaign

_FORMER = 1e-9
"""What a request of a former member weighs: it decides which partner is nearer only where the latest members do not."""


@dataclass
class Overlap:
    """What two campaigns have in common; an account counts with the smaller of its harvests in the two.

    The smaller one, because an account of a pool may work for several campaigns: a member that harvests much in one
    and little in the other makes them alike by the little only.

    Attributes:
        known, found: harvested requests of the known campaign's latest members, and of the found campaign.
        shared: common requests of accounts that ever were members of the known campaign.
        shared_now: those of its latest members alone.
    """

    known: int
    found: int
    shared: int = 0
    shared_now: int = 0

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
