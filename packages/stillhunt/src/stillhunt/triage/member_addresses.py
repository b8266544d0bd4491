"""From which addresses and networks each member's requests in a campaign came, as keyed hashes, for a search."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import I32, I64, U64
from stillhunt.base.formatting import hash_digits
from stillhunt.base.schema_case import ADDRESS_KINDS, ADDRESSES
from stillhunt.triage.member_details import row_of_member

ADDRESS_COLUMNS = dict(zip(ADDRESS_KINDS, ("client_ip", "client_prefix"), strict=True))
"""Kind -> the column of TRAFFIC that holds its hashes."""
ADDRESSES_OF_MEMBER = 20
"""Addresses, and as many networks, that are kept of each member: an attacker can have any number. Judgement: whoever
searches has an address from a log, and one that is used often is found; a table of 5,000 members has 200,000 rows."""
_BLOCK_ROWS = 1 << 13
"""Requests that are counted at a time. In the processor's cache it costs a third; it changes no result."""


def member_addresses(members: pa.Table, campaigns: pa.ChunkedArray, traffic: pa.Table) -> pa.Table:
    """The addresses and networks that each member uses most in a campaign, as the log's own keyed hashes.

    Misleads: members behind one proxy or one carrier have equal hashes and need not know of each other.

    Args:
        campaigns: campaign of each harvested request.
        traffic: account_id and the columns of `ADDRESS_COLUMNS` of the same requests, row for row.

    Returns:
        An ADDRESSES table: by kind, member, requests (most first) and hash. Requests whose log names no IP address are
        left out; a text in its place has a hash as well, but no network.
    """
    member = row_of_member(members, campaigns, traffic["account_id"]).to_numpy(zero_copy_only=False)
    known = np.flatnonzero(traffic["client_prefix"].is_valid().to_numpy())
    order = known[np.argsort(member[known], kind="stable")]
    member = member[order].astype(np.int32)
    starts = np.unique(np.searchsorted(member, member[::_BLOCK_ROWS])).tolist()
    bounds = [0, *starts[1:], len(member)]
    parts = []
    for kind, column in ADDRESS_COLUMNS.items():
        value = pc.fill_null(traffic[column], 0).to_numpy()[order]
        blocks = [_most_used(member[first:last], value[first:last]) for first, last in pairwise(bounds)]
        owner, hashes, requests, different = map(np.concatenate, zip(*blocks, strict=True))
        whose = members.take(pa.array(owner))
        parts.append(
            ADDRESSES.build(
                campaign_id=whose["campaign_id"],
                account_id=whose["account_id"],
                kind=[kind] * len(owner),
                hash=[hash_digits(one) for one in hashes.tolist()],
                requests=requests,
                different=different,
            )
        )
    return pa.concat_tables(parts)


def _most_used(owner: I32, value: U64) -> tuple[I32, U64, I64, I64]:
    """Owner, value, how often, and how many values the owner has; equally frequent values by number."""
    order = np.lexsort((value, owner))
    owner, value = owner[order], value[order]
    begins = np.ones(len(owner), np.bool_)
    begins[1:] = (owner[1:] != owner[:-1]) | (value[1:] != value[:-1])
    first = np.flatnonzero(begins)
    count = np.diff(first, append=len(owner))
    owner, value = owner[first], value[first]
    order = np.lexsort((-count, owner))  # stable: equally frequent values stay in order
    owner, value, count = owner[order], value[order], count[order]
    start = np.searchsorted(owner, owner)
    kept = np.arange(len(owner)) - start < ADDRESSES_OF_MEMBER
    different = np.searchsorted(owner, owner[kept], "right") - start[kept]
    return owner[kept], value[kept], count[kept], different
