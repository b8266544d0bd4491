"""Why a campaign is said to be born, merged, split, dormant, back or ended: one sentence each, with the figures.

No sentence holds an account id: those are what an adversary writes.
"""

from __future__ import annotations

from datetime import UTC, datetime

from stillhunt.base import formatting
from stillhunt.base.wording import fill
from stillhunt.watch.lineage.campaigns import FoundCampaign, KnownCampaign
from stillhunt.watch.lineage.overlap import Overlap


def born(found: FoundCampaign) -> str:
    """Why it is new."""
    return fill(
        "Found for the first time, with the verdict {verdict}: {accounts:account} and {requests:request}",
        verdict=found.verdict,
        accounts=len(found.members),
        requests=sum(found.members.values()),
    )


def split(found: FoundCampaign, parent: str, pair: Overlap) -> str:
    """Why it was part of another campaign.

    Args:
        parent: lasting id of the other one.
        pair: what both have in common.
    """
    return fill(
        "It was part of {parent} until now: accounts of that campaign account for {share:%} of its {requests:request}, "
        "and its {accounts:account} are found apart from the others",
        parent=parent,
        share=pair.share_of_found,
        requests=pair.found,
        accounts=len(found.members),
    )


def merged(other: str, pair: Overlap) -> str:
    """Why it is part of another campaign now.

    Args:
        other: lasting id of that campaign.
        pair: what both have in common.
    """
    return fill(
        "It is part of {other} now, which has {share:%} of its {requests:request} by the same accounts",
        other=other,
        share=pair.share_of_known,
        requests=pair.known,
    )


def dormant(known: KnownCampaign) -> str:
    """Why it rests."""
    latest = known.latest_members
    return fill(
        "This hunt did not find it; it last had {accounts:account} and {requests:request}{until}",
        accounts=len(latest),
        requests=sum(latest.values()),
        until="" if known.last_seen is None else f" until {_minute(known.last_seen)}",
    )


def ended(known: KnownCampaign, window_start: int) -> str:
    """Why it is over.

    Args:
        known: the campaign; its last request is known.
        window_start: begin of the window, microseconds since 1970.
    """
    return fill(
        "Its last request, at {last}, is older than the window of the hunt, which begins at {start}",
        last=_minute(known.last_seen or 0),
        start=_minute(window_start),
    )


def returned(known: KnownCampaign, found: FoundCampaign) -> str:
    """Why it is the one that was known."""
    same = [account for account in found.members if account in known.members]
    return fill(
        "Found again after it was {status}: {same:#} of its {accounts:account} were members before, and they sent "
        "{share:%} of its {requests:request}",
        status=known.status,
        same=len(same),
        accounts=len(found.members),
        share=sum(found.members[account] for account in same) / max(sum(found.members.values()), 1),
        requests=sum(found.members.values()),
    )


def verdict(known: KnownCampaign, found: FoundCampaign) -> str:
    """What the verdict was and is."""
    return fill(
        "The verdict changed from {before} to {after}; its probability is {probability} now, with {accounts:account} "
        "and {requests:request}",
        before=known.verdict,
        after=found.verdict,
        probability=formatting.probability(found.score),
        accounts=len(found.members),
        requests=sum(found.members.values()),
    )


def _minute(moment: int) -> str:
    return formatting.minute(datetime.fromtimestamp(moment / 1e6, UTC))
