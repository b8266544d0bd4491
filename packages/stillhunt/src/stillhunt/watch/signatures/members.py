"""Who sends the requests of a campaign's own members: weighed by its signature, as for accounts that it links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.dataset import Dataset
from stillhunt.watch.signatures.matcher import MATCHED_COLUMNS, Matcher
from stillhunt.watch.signatures.signature import Signature, SignatureSet

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
        tables: the case tables of the same hunt.
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
