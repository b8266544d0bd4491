"""Addresses of members: what is listed is what was sent, bounded, and the same for any order of rows."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any

import pyarrow as pa

from stillhunt.base.schema_case import ADDRESS_KINDS, ADDRESSES, MEMBERS
from stillhunt.triage.excerpts import ADDRESS_COLUMNS, ADDRESSES_OF_MEMBER, member_addresses
from stillhunt.triage.folder import canonical_order

Request = tuple[str, str, int | None, int | None]
"""Campaign, account, hash of the address, hash of its network; a text that is no address has no network."""
NAMES = [("c-1", "anna"), ("c-1", "bert"), ("c-2", "anna"), ("c-3", "carl")]
MEMBERS_TABLE = MEMBERS.build(
    campaign_id=[campaign for campaign, _ in NAMES],
    account_id=[account for _, account in NAMES],
    role=["dedicated"] * 4,
    requests=[1] * 4,
    share=[1.0] * 4,
    score=[0.9] * 4,
)


def listed(requests: list[Request]) -> pa.Table:
    campaigns, accounts, addresses, networks = list(zip(*requests, strict=True)) or [()] * 4
    traffic = pa.table(
        {
            "account_id": pa.array(accounts, pa.string()).dictionary_encode(),
            "client_ip": pa.array(addresses, pa.uint64()),
            "client_prefix": pa.array(networks, pa.uint64()),
        }
    )
    found = member_addresses(MEMBERS_TABLE, pa.chunked_array([pa.array(campaigns, pa.string())]), traffic)
    return canonical_order("addresses", ADDRESSES.check(found))


def counted(requests: list[Request]) -> list[dict[str, Any]]:
    """The same, counted one by one."""
    sent: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for campaign, account, address, network in requests:
        if network is not None:
            for kind, value in zip(ADDRESS_KINDS, (address, network), strict=True):
                sent[campaign, account, kind][format(value, "016x")] += 1
    rows = []
    for campaign, account, kind in sorted(sent):
        values = sent[campaign, account, kind]
        for value, times in sorted(values.items(), key=lambda item: (-item[1], item[0]))[:ADDRESSES_OF_MEMBER]:
            own = {"campaign_id": campaign, "account_id": account, "kind": kind}
            rows.append({**own, "hash": value, "requests": times, "different": len(values)})
    return rows


def drawn(seed: int, *, most: int) -> list[Request]:
    draw = random.Random(seed)
    requests: list[Request] = []
    for _ in range(600):
        address = draw.randrange(most)
        pair = draw.choice([(None, None), (1 << 63, None), *[(2**64 - 1 - address, 7 + address // 3)] * 8])
        requests.append((*draw.choice(NAMES[:3]), *pair))
    return requests


def test_what_is_listed_is_what_was_sent() -> None:
    assert set(ADDRESS_COLUMNS) == set(ADDRESS_KINDS)
    for seed, most in enumerate((3, 25, 500)):
        requests = drawn(seed, most=most)
        assert listed(requests).to_pylist() == counted(requests)


def test_endless_addresses_do_not_grow_the_table() -> None:
    used: list[Request] = [("c-1", "anna", 5, 6)] * 2
    flood: list[Request] = [("c-1", "anna", 100 + n, 10**9 + n) for n in range(5_000)]
    rows = listed([*flood, *used]).to_pylist()
    assert len(rows) == 2 * ADDRESSES_OF_MEMBER
    assert {row["different"] for row in rows} == {5_001}
    first = {row["kind"]: (row["hash"], row["requests"]) for row in reversed(rows)}
    assert first == {"address": (f"{5:016x}", 2), "network": (f"{6:016x}", 2)}
    # of those that are equally frequent, the smallest hashes stay
    assert [row["hash"] for row in rows][1:ADDRESSES_OF_MEMBER] == [f"{100 + n:016x}" for n in range(19)]


def test_the_order_of_rows_changes_nothing() -> None:
    requests = drawn(9, most=80)
    turned = random.Random(1).sample(requests, len(requests))
    assert listed(turned).equals(listed(requests))


def test_a_log_without_addresses_lists_none() -> None:
    assert listed([("c-1", "anna", None, None), ("c-1", "bert", 1 << 63, None)]).num_rows == 0
    assert listed([]).num_rows == 0
