"""A case is searched by address under the key of its hunt, and holds nothing from which an address can be read."""

from __future__ import annotations

import hashlib
import ipaddress
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from state_logs import settings, shuffled_rows, small_world

import stillhunt
from stillhunt.base.schema_case import CASE_TABLES, CASE_VIEWS
from stillhunt.collect.normalise.kernels_identity import siphash
from stillhunt.extract import identity_key
from stillhunt.triage.excerpts import ADDRESSES_OF_MEMBER
from stillhunt.watch.searched_address import hash_for_search
from stillhunt_lab.worlds.build import World

WRITTEN = (
    ("198.51.100.7", "198.51.100.7"),
    ("::ffff:198.51.100.7", "198.51.100.7"),
    ("198.51.100.7:8443", "198.51.100.7"),
    ("2001:DB8:1:2:0:0:0:9", "2001:db8:1:2::9"),
    ("[2001:db8:1:2::9]:443", "2001:db8:1:2::9"),
    (None, None),
    ("", None),
    ("<script>alert(1)</script>", None),
    ("'; drop table addresses; --", None),
    ("300.1.2.3", None),
    ("198.51.100.7/24", None),
    ("1" * 900, None),
)
"""What a log has as the client's address, and the address that it is."""


@pytest.fixture(scope="module")
def world() -> World:
    return small_world()


@pytest.fixture(scope="module")
def addressed(world: World) -> tuple[pa.Table, dict[str, str | None]]:
    """The world's requests with planted addresses, and by request id what they are; one account has very many."""
    rows = world.requests.to_pylist()
    truth = {row["account_id"]: row["campaign"] for row in world.truth_accounts.to_pylist()}
    restless = min(account for account, campaign in truth.items() if campaign)
    meant: dict[str, str | None] = {}
    for number, row in enumerate(rows):
        text, address = WRITTEN[number % len(WRITTEN)]
        if row["account_id"] == restless:
            text = address = f"203.0.{number % 40}.{number % 90}"
        row["client_ip"], meant[row["request_id"]] = text, address
    return pa.Table.from_pylist(rows, schema=world.requests.schema), meant


@pytest.fixture(scope="module")
def hunted(
    world: World, addressed: tuple[pa.Table, dict[str, str | None]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[stillhunt.Case, Path, Path]:
    """The case, its log and its state folder."""
    folder = tmp_path_factory.mktemp("hunted")
    pq.write_table(addressed[0], folder / "log.parquet")
    config = settings(world, folder / "state")
    return stillhunt.hunt(folder / "log.parquet", world.accounts, config), folder / "log.parquet", folder / "state"


def network_of(address: str) -> str:
    bits = 24 if "." in address else 48
    return str(ipaddress.ip_network((address, bits), strict=False))


def test_each_address_is_found_by_its_hash(
    hunted: tuple[stillhunt.Case, Path, Path], addressed: tuple[pa.Table, dict[str, str | None]], world: World
) -> None:
    case, _, state = hunted
    requests, meant = addressed
    owner = dict(zip(*(requests[name].to_pylist() for name in ("request_id", "account_id")), strict=True))
    sent: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for row in case.harvest.to_pylist():
        address = meant[row["request_id"]]
        if address is not None:
            for kind, text in (("address", address), ("network", network_of(address))):
                sent[row["campaign_id"], owner[row["request_id"]], kind][text] += 1
    config = settings(world, state)
    hashes = {text: hash_for_search(None, config, text) for counts in sent.values() for text in counts}
    expected = set()
    for (campaign, account, kind), counts in sent.items():
        rows = [(-times, hashes[text][kind == "network"] or "") for text, times in counts.items()]
        expected |= {
            (campaign, account, kind, value, -times, len(counts)) for times, value in sorted(rows)[:ADDRESSES_OF_MEMBER]
        }
    assert {tuple(row.values()) for row in case.addresses.to_pylist()} == expected
    assert max(row[5] for row in expected) > ADDRESSES_OF_MEMBER
    assert hashes["198.51.100.7"] == hash_for_search(None, config, "::ffff:198.51.100.7")


def test_hashes_stay_over_hunts_orders_and_threads(
    hunted: tuple[stillhunt.Case, Path, Path],
    addressed: tuple[pa.Table, dict[str, str | None]],
    world: World,
    tmp_path: Path,
) -> None:
    case, log, state = hunted
    written = case.write(tmp_path / "first") / "addresses.parquet"
    kept = stillhunt.hunt(log, world.accounts, settings(world, state)).write(tmp_path / "kept")
    rows = pa.Table.from_pylist(shuffled_rows(addressed[0].to_pylist(), 3), schema=addressed[0].schema)
    same = settings(world, threads=1, collect={"identity_key": identity_key(state), "batch_rows": 777})
    turned = stillhunt.hunt(rows, world.accounts, same).write(tmp_path / "turned")
    for other in (kept, turned):
        assert (other / "addresses.parquet").read_bytes() == written.read_bytes()


def test_another_key_gives_other_hashes_of_the_same_addresses(
    hunted: tuple[stillhunt.Case, Path, Path], world: World
) -> None:
    case, log, _ = hunted
    other = stillhunt.hunt(log, world.accounts, settings(world, collect={"identity_key": "another"}))
    assert not {*case.addresses["hash"].to_pylist()} & {*other.addresses["hash"].to_pylist()}
    left, right = (
        Counter(tuple(row[name] for name in row if name != "hash") for row in one.addresses.to_pylist())
        for one in (case, other)
    )
    assert left == right


def unkeyed(text: str) -> set[str]:
    """What could stand for a text without a secret."""
    data = text.encode()
    plain = siphash(np.frombuffer(data, np.uint8), 0, len(data), np.uint64(0), np.uint64(0))
    digests = [hashlib.new(name, data).hexdigest() for name in ("md5", "sha1", "sha256", "blake2b")]
    number = str(int(ipaddress.ip_address(text.partition("/")[0])))
    return {text, number, format(int(plain), "016x"), *digests, *(digest[:16] for digest in digests)}


def words_of(value: Any) -> set[str]:
    if isinstance(value, list | dict):
        return set().union(*map(words_of, value.values() if isinstance(value, dict) else value))
    return {str(value)}


def test_no_file_of_the_case_holds_an_address_or_a_hash_without_a_key(
    hunted: tuple[stillhunt.Case, Path, Path], addressed: tuple[pa.Table, dict[str, str | None]], tmp_path: Path
) -> None:
    case, _, state = hunted
    folder = case.write(tmp_path / "case")
    addresses = {address for address in addressed[1].values() if address}
    assert len(addresses) > 30
    forbidden = set().union(*map(unkeyed, addresses | set(map(network_of, addresses))), {identity_key(state)})
    cells: set[str] = set()
    for stem in (*CASE_TABLES, *CASE_VIEWS):
        for row in pq.read_table(folder / f"{stem}.parquet").to_pylist():
            cells |= words_of(row)
    assert not cells & forbidden
    everything = "\n".join([*cells, (folder / "run.json").read_text(), (folder / "report.html").read_text()])
    assert not [text for text in forbidden if len(text) > 8 and text in everything]
    assert not [text for text in addresses if any(text.encode() in path.read_bytes() for path in folder.iterdir())]
