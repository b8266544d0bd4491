"""The campaigns of a hunt that signatures are about, and their harvested requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.dataset import Dataset
from stillhunt.base.schema import SKETCHES
from stillhunt.base.schema_case import HARVEST_OPERATION
from stillhunt.link.requests.arrays import values
from stillhunt.watch.signatures import passes

# Harvested requests of a campaign from which its signature is made, spread evenly by a keyed sample (a rate of half a
# percent is then known to a tenth of it)
_MOST_HARVESTED = 20_000


@dataclass(frozen=True)
class SignedCampaign:
    """A campaign to sign: its id, its last harvested request and the ids of its members."""

    name: str
    last_seen: int
    members: tuple[str, ...]


def campaigns_to_sign(tables: Mapping[str, pa.Table]) -> list[SignedCampaign]:
    """Harvesting campaigns to act on.

    Args:
        tables: the case tables of a hunt.
    """
    table = tables["campaigns"]
    rows = table.filter(pc.and_(pc.equal(table["verdict"], "act"), pc.equal(table["kind"], HARVEST_OPERATION)))
    members: dict[str, list[str]] = {}
    for row in tables["members"].select(["campaign_id", "account_id"]).to_pylist():
        members.setdefault(row["campaign_id"], []).append(row["account_id"])
    names, seen = rows["campaign_id"].to_pylist(), rows["last_seen"].cast(pa.int64()).to_pylist()
    return [SignedCampaign(name, last, tuple(members.get(name, ()))) for name, last in zip(names, seen, strict=True)]


def harvested_requests(
    sketches: Dataset, tables: Mapping[str, pa.Table], campaigns: Sequence[SignedCampaign]
) -> pa.Table:
    """Harvested requests of campaigns, of each at most `most_harvested`, in `harvested_schema`.

    Args:
        sketches: SKETCHES of the same hunt in account partitions.
        campaigns: whose; the column `campaign` gives the place in this list.
    """
    number = {campaign.name: at for at, campaign in enumerate(campaigns)}
    harvest = tables["harvest"]
    names = pa.array(list(number), pa.string())
    harvest = harvest.filter(pc.is_in(harvest["campaign_id"], value_set=names))
    account_of = dict(
        zip(tables["slices"]["slice_id"].to_pylist(), tables["slices"]["account_id"].to_pylist(), strict=True)
    )
    wanted = passes.HarvestedRequests(
        harvest["request_id"].combine_chunks(),
        pa.array([account_of[one] for one in harvest["slice_id"].to_pylist()], pa.string()),
        np.array([number[one] for one in harvest["campaign_id"].to_pylist()], np.int64),
        _MOST_HARVESTED,
    )
    schema = passes.harvested_schema(SKETCHES.arrow)
    found = sketches.gather(passes.fetch_harvested, schema, wanted, passes.HARVESTED_COLUMNS)
    # Partitions come in any order, and each gave as many as the whole sample may have.
    found = found.sort_by("request_key")
    kept = passes.kept_sample(values(found, "request_key"), values(found, "campaign"), _MOST_HARVESTED)
    return found.take(pa.array(kept)).combine_chunks()
