"""Who keeps which id: campaigns of a new hunt matched with those that are known."""

from __future__ import annotations

from collections.abc import Sequence

from stillhunt.watch.lineage.campaigns import FoundCampaign, KnownCampaign, Settled


def settle(known: Sequence[KnownCampaign], found: Sequence[FoundCampaign], window_start: int) -> Settled:
    """Give each campaign of a hunt its lasting id, and say what changed.

    Args:
        known: campaigns with lasting ids, of every status.
        found: campaigns and groups of the new hunt.
        window_start: begin of its window, microseconds since 1970; what was last seen before it has ended.
    """
    del known, window_start
    return Settled({campaign.campaign_id: campaign.campaign_id for campaign in found})
