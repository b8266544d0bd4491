"""The addresses of a campaign under the key of a circle: the logs are read again, since hashes cannot be changed.

The hashes of a case are under the operator's own key, which no other has. Nothing but keyed hashes and counts is kept
of the logs.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import Config
from stillhunt.case import ADDRESS_KINDS, Case
from stillhunt.logs import reading
from stillhunt.tools import Progress, hash_digits


@dataclass
class AddressCounts:
    """How often each address of some campaigns was used, and by how many accounts."""

    requests_read: int = 0  # harvested requests that the logs had
    requests_wanted: int = 0  # harvested requests that the case names
    _counts: dict[tuple[str, str], dict[int, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    _accounts: dict[tuple[str, str], dict[int, set[int]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )

    def add(self, campaign: str, kind: str, values: Sequence[int], accounts: Sequence[int]) -> None:
        """Count requests."""
        counts, users = self._counts[campaign, kind], self._accounts[campaign, kind]
        for value, account in zip(values, accounts, strict=True):
            counts[value] += 1
            users[value].add(account)

    def of(self, campaign: str) -> Mapping[str, Mapping[str, tuple[int, int]]]:
        """What was counted for a campaign.

        Returns kind -> hash, 16 hexadecimal digits -> (requests, accounts).
        """
        return {
            kind: {
                hash_digits(value): (requests, len(self._accounts[name, kind][value]))
                for value, requests in counts.items()
            }
            for (name, kind), counts in self._counts.items()
            if name == campaign
        }


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
            _count_harvest_addresses(found, batch, harvest["campaign_id"].take(row), account)
    return found


def _count_harvest_addresses(
    found: AddressCounts, batch: pa.Table, campaigns: pa.ChunkedArray, accounts: pa.ChunkedArray
) -> None:
    """Count the requests of one batch, all of which are harvested."""
    found.requests_read += batch.num_rows
    for campaign in sorted(pc.unique(campaigns).to_pylist()):
        of_campaign = pc.equal(campaigns, campaign)
        for kind, column in _COLUMNS.items():
            known = pc.and_(of_campaign, pc.is_valid(batch["client_prefix"]))  # a text in its place has no network
            values = np.asarray(batch[column].filter(known).cast(pa.uint64()))
            found.add(campaign, kind, values.tolist(), np.asarray(accounts.filter(known)).tolist())
