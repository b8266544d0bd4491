"""Campaigns of a hunt under signatures: their harvested requests, their own members, and those that came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.dataset import Dataset
from stillhunt.base.schema import SKETCHES
from stillhunt.base.schema_case import HARVEST_OPERATION
from stillhunt.link.requests.arrays import values
from stillhunt.watch.signatures import passes
from stillhunt.watch.signatures.matcher import MATCHED_COLUMNS, Matcher
from stillhunt.watch.signatures.signature import Signature, SignatureSet
from stillhunt.watch.signatures.tie import RETURNED, ReturnEvidence, tie

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


_WEIGHED = pa.schema([("campaign_id", pa.string()), ("account_id", pa.string()), ("bits", pa.float64())])


@dataclass(frozen=True)
class WeighedMembers:
    """Ids of the members of all campaigns, and the signatures of the campaigns."""

    members: pa.Array
    signatures: tuple[Signature, ...]


def member_sender_bits(
    sketches: Dataset, tables: Mapping[str, pa.Table], signatures: SignatureSet
) -> dict[tuple[str, str], float]:
    """Campaign and member -> bits of who sends its requests; those without any are left out.

    Args:
        sketches: SKETCHES in account partitions, as `stillhunt.pipeline.hunt` hands them to `after`.
    """
    if not signatures.signatures:
        return {}
    members = tables["members"]
    names = pa.array(sorted(set(members["account_id"].to_pylist())), pa.string())
    wanted = WeighedMembers(names, tuple(signatures.signatures))
    found = sketches.gather(weigh_members, _WEIGHED, wanted, MATCHED_COLUMNS)
    pairs = set(zip(members["campaign_id"].to_pylist(), members["account_id"].to_pylist(), strict=True))
    rows = zip(*(found[name].to_pylist() for name in _WEIGHED.names), strict=True)
    return {(campaign, account): bits for campaign, account, bits in rows if bits and (campaign, account) in pairs}


def weigh_members(table: pa.Table, wanted: WeighedMembers) -> pa.Table:
    """The same for one partition, members of other campaigns among them.

    Args:
        table: MATCHED_COLUMNS of one partition.
    """
    matcher = Matcher(wanted.signatures, most_accounts=table.num_rows + 1)
    matcher.match(table.filter(pc.is_in(table["account_id"].cast(pa.string()), value_set=wanted.members)))
    rows = [
        {"campaign_id": one.campaign_id, "account_id": one.account_id, "bits": one.sender_bits}
        for one in matcher.linked()
    ]
    return pa.Table.from_pylist(rows, _WEIGHED)


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
