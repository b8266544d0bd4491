"""The addresses of a campaign under the key of a circle: the logs are read again, since hashes cannot be changed.

The hashes of a case are under the operator's own key, which no other has. Nothing but keyed hashes and counts is kept
of the logs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import Config
from stillhunt.case import ADDRESS_KINDS, Case
from stillhunt.logs import reading
from stillhunt.tools import Progress
from stillhunt_evidence.sharing.address_counts import AddressCounts

_COLUMNS = dict(zip(ADDRESS_KINDS, ("client_ip", "client_prefix"), strict=True))
"""Kind -> column of REQUESTS."""


def circle_addresses(
    logs: Any,
    case: Case,
    campaigns: Sequence[str],
    circle_key: bytes,
    config: Config,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> AddressCounts:
    """Read logs again, and count the addresses of the harvested requests under the key of a circle.

    Misleads: requests that are not in these logs are missing; `requests_read` says how many were there.

    Args:
        case: the case that was found in them.
        config: settings with which the hunt read them.
        mapping: our column -> field of the log, as for the hunt.
        progress: told of each step; None for silence.

    Returns:
        Counts by campaign and hash.

    Raises:
        InputError: nothing can be read, or a required column is missing.
    """
    collect = config.collect.model_copy(update={"identity_key": circle_key.hex()})
    keyed = config.model_copy(update={"collect": collect, "state": ""})
    harvest = case.harvest.filter(pc.is_in(case.harvest["campaign_id"], value_set=pa.array(campaigns, pa.string())))
    members = case.members.filter(pc.is_in(case.members["campaign_id"], value_set=pa.array(campaigns, pa.string())))
    wanted = harvest["request_id"].combine_chunks()
    accounts = pc.unique(members["account_id"])
    found = AddressCounts(requests_wanted=len(wanted))
    with reading(logs, None, keyed, mapping=mapping, progress=progress) as (batches, _):
        for batch in batches:
            row = pc.index_in(batch["request_id"], value_set=wanted)
            account = pc.index_in(batch["account_id"], value_set=accounts)
            own = pc.and_(pc.is_valid(row), pc.is_valid(account))
            batch, row, account = (one.filter(own) for one in (batch, row, account))
            _count(found, batch, harvest["campaign_id"].take(row), account)
    return found


def _count(found: AddressCounts, batch: pa.Table, campaigns: pa.ChunkedArray, accounts: pa.ChunkedArray) -> None:
    """Count the requests of one batch, all of which are harvested."""
    found.requests_read += batch.num_rows
    for campaign in sorted(pc.unique(campaigns).to_pylist()):
        of_campaign = pc.equal(campaigns, campaign)
        for kind, column in _COLUMNS.items():
            known = pc.and_(of_campaign, pc.is_valid(batch["client_prefix"]))  # a text in its place has no network
            values = np.asarray(batch[column].filter(known).cast(pa.uint64()))
            found.add(campaign, kind, values.tolist(), np.asarray(accounts.filter(known)).tolist())
