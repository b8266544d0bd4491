"""Campaigns that came back with other accounts: new ones of a hunt, weighed under the signatures of earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.dataset import Dataset
from stillhunt.watch.signatures.harvested import campaigns_to_sign, harvested_requests
from stillhunt.watch.signatures.signature import SignatureSet
from stillhunt.watch.signatures.tie import RETURNED, ReturnEvidence, tie


def returned_campaigns(
    sketches: Dataset, tables: Mapping[str, pa.Table], earlier: SignatureSet, known: AbstractSet[str]
) -> dict[str, ReturnEvidence]:
    """Campaigns to act on that look like an earlier one with other accounts.

    Args:
        sketches: SKETCHES of the hunt in account partitions.
        earlier: signatures that are in force, under lasting ids.
        known: accounts that were members of any known campaign; a campaign that has one of them is matched by its
            members (`watch.lineage`), and not weighed here.

    Returns:
        Id that the hunt gave the campaign -> the strongest evidence, where that reaches `least_bits`.
    """
    campaigns = [one for one in campaigns_to_sign(tables) if known.isdisjoint(one.members)]
    if not campaigns or not earlier.signatures:
        return {}
    found = harvested_requests(sketches, tables, campaigns)
    back = {}
    for number, campaign in enumerate(campaigns):
        own = found.filter(pc.equal(found["campaign"], number))
        best = max((tie(old, own) for old in earlier.signatures), key=lambda one: (one.bits, one.campaign_id))
        if best.bits >= RETURNED.least_bits:
            back[campaign.name] = best
    return back
