"""Groups that the settings allow: no case, but the reader is told that they are there."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def allowed_groups(tables: dict[str, pa.Table], review: float) -> int:
    """Number of groups as probable as a case for review whose accounts mostly belong to declared programmes.

    Args:
        tables: case tables.
        review: probability from which a person should look.
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
