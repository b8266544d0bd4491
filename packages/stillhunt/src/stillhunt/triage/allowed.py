"""Groups of programmes that the settings declare: not flagged, but counted so that the reader knows of them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def allowed_groups(tables: dict[str, pa.Table], review: float) -> int:
    """Number of groups above the review threshold whose accounts mostly belong to declared programmes.

    Args:
        review: the review threshold, a probability.
    """
    campaigns, members, accounts = tables["campaigns"], tables["members"], tables["accounts"]
    quiet = pc.and_(pc.equal(campaigns["verdict"], "none"), pc.greater_equal(campaigns["score"], review))
    names = campaigns.filter(quiet)["campaign_id"]
    declared = accounts.filter(accounts["sanctioned"])["account_id"]
    count = 0
    for name in names.to_pylist():
        own = members.filter(pc.equal(members["campaign_id"], name))["account_id"]
        count += 2 * (pc.sum(pc.is_in(own, value_set=declared)).as_py() or 0) > len(own)
    return count
