"""Networks and countries from MMDB files, which the tests write themselves."""

from __future__ import annotations

import builtins
import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import maxminddb
import netaddr
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mmdb_writer import MMDBWriter
from tests.collect.gathering import collected, config, content, engine, opened, row, write_lines

from stillhunt.base.errors import ConfigError
from stillhunt.base.progress import Silent
from stillhunt.collect import open_accounts
from stillhunt.collect.inspection import LOOK_UP, coverage
from stillhunt.collect.normalise import networks as mmdb_files
from stillhunt.collect.normalise.networks import Networks, network_of
from stillhunt.extract import sketch_requests
from stillhunt.extract.store.partials import Partials
from stillhunt.pipeline import hunt, inspect_logs
from stillhunt.score import evidence_needs

MAXMIND_COUNTRY = {"country": {"iso_code": "DE"}, "registered_country": {"iso_code": "FR"}}
MAXMIND_ASN = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example"}
IPINFO = {"asn": "AS64501", "country": "us", "country_name": "United States"}
IPINFO_LITE = {"asn": "AS64502", "country": "France", "country_code": "FR"}
ENTERPRISE = {"country": {"iso_code": "JP"}, "traits": {"autonomous_system_number": 64503}}


def mmdb(path: Path, records: dict[str, Any], version: int = 6) -> str:
    writer = MMDBWriter(ip_version=version, ipv4_compatible=version == 6, database_type="Test")
    for network, record in records.items():
        writer.insert_network(netaddr.IPSet([network]), record)
    writer.to_db_file(str(path))
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    countries = mmdb(tmp_path / "country.mmdb", {"192.0.2.0/24": MAXMIND_COUNTRY, "2001:db8::/32": IPINFO_LITE})
    numbers = mmdb(tmp_path / "asn.mmdb", {"192.0.2.0/24": MAXMIND_ASN, "198.51.100.0/24": IPINFO}, 4)
    return countries, numbers


def looked_up(paths: tuple[str, ...], *addresses: str | None) -> list[tuple[int | None, str | None]]:
    found = Networks(paths).of(pa.array(addresses, pa.string()), 1024)
    return list(zip(found["asn"].to_pylist(), found["country"].to_pylist(), strict=True))


def test_addresses_in_every_form(files: tuple[str, ...]) -> None:
    forms = ("192.0.2.7", "192.0.2.7:443", "::ffff:192.0.2.7", "for=192.0.2.7", "192.0.2.7, 198.51.100.1")
    assert looked_up(files, *forms) == [(64500, "DE")] * len(forms)
    assert looked_up(files, "198.51.100.9", "[2001:db8::1]:80") == [(64501, "US"), (64502, "FR")]


def test_unknown_addresses_stay_null(files: tuple[str, ...]) -> None:
    nothing = ("203.0.113.1", "10.0.0.1", "not an address", "", None, "x" * 5000)
    assert looked_up(files, *nothing) == [(None, None)] * len(nothing)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (ENTERPRISE, (64503, "JP")),
        ({"asn": 64504, "country": None}, (64504, None)),
        ({"asn": 0, "country": {"iso_code": None}}, (None, None)),
        ({"asn": "", "country": ""}, (None, None)),
        ({"asn": "AS99999999999", "country": "DEU"}, (None, None)),
        ({"asn": True, "country": ["DE"], "traits": "x"}, (None, None)),
        ({"registered_country": {"iso_code": "FR"}}, (None, None)),
    ],
)
def test_layouts(record: dict[str, Any], expected: tuple[int | None, str | None]) -> None:
    found = network_of(record)
    assert (found.asn, found.country) == expected


def test_layouts_in_files(tmp_path: Path) -> None:
    file = mmdb(tmp_path / "a.mmdb", {"192.0.2.0/24": ENTERPRISE, "198.51.100.0/24": "a text"})
    assert looked_up((file,), "192.0.2.1", "198.51.100.1") == [(64503, "JP"), (None, None)]


def test_the_first_file_that_knows_a_value_counts(tmp_path: Path) -> None:
    first = mmdb(tmp_path / "a.mmdb", {"192.0.2.0/24": MAXMIND_COUNTRY})
    second = mmdb(tmp_path / "b.mmdb", {"192.0.2.0/24": IPINFO})
    assert looked_up((first, second), "192.0.2.1") == [(64501, "DE")]
    assert looked_up((second, first), "192.0.2.1") == [(64501, "US")]


def test_the_log_is_believed_before_the_file(tmp_path: Path, files: tuple[str, ...]) -> None:
    rows = [
        row(0, client_ip="192.0.2.1"),
        row(1, client_ip="192.0.2.1", country="IT"),
        row(2, client_ip="192.0.2.1", asn="AS64999"),
        row(3, client_ip=None),
        row(4, client_ip="203.0.113.1"),
    ]
    write_lines(tmp_path / "log.jsonl", rows)
    found, log = collected(tmp_path / "log.jsonl", settings=config(mmdb=files))
    assert [(r["asn"], r["country"]) for r in found] == [
        (64500, "DE"),
        (64500, "IT"),
        (64999, "DE"),
        (None, None),
        (None, None),
    ]
    assert {"asn", "country"} <= log.facts.columns.present
    assert [r["asn_name"] for r in found] == ["Example", "Example", None, None, None]
    plain, _ = collected(tmp_path / "log.jsonl")
    assert [r["client_ip"] for r in plain] == [r["client_ip"] for r in found]


def test_split_order_cache_and_threads_change_nothing(
    tmp_path: Path, files: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(n, client_ip=f"{('192.0.2', '198.51.100', '203.0.113')[n % 3]}.{n}") for n in range(60)]
    write_lines(tmp_path / "whole.jsonl", rows)
    parts = tmp_path / "parts"
    parts.mkdir()
    write_lines(parts / "1.jsonl", rows[40:])
    write_lines(parts / "2.jsonl", rows[:40])
    whole, _ = collected(tmp_path / "whole.jsonl", settings=config(mmdb=files))
    monkeypatch.setattr(mmdb_files, "CACHED_ADDRESSES", 3)
    split, _ = collected(parts, settings=config(mmdb=files, batch_rows=7))
    assert content(whole) == content(split)
    networks = Networks(files)
    column = pa.array([r["client_ip"] for r in rows])
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: networks.of(column, 1024), range(16)))
    assert all(answer == answers[0] for answer in answers)


def test_where_accounts_were_opened(tmp_path: Path, files: tuple[str, ...]) -> None:
    table = pa.table(
        {
            "account_id": ["a", "b", "c"],
            "signup_ip": ["192.0.2.4", "192.0.2.4", "203.0.113.1"],
            "signup_country": [None, "IT", None],
        }
    )
    settings = config(mmdb=files)
    accounts, _ = open_accounts(table, mapping=None, config=settings, engine=engine(), progress=Silent())
    assert accounts is not None
    assert accounts.column("signup_country").to_pylist() == ["DE", "IT", None]


def test_files_that_are_none(tmp_path: Path) -> None:
    text = tmp_path / "text.mmdb"
    text.write_text("no such thing")
    for path, reason in (
        (tmp_path / "absent.mmdb", "No such file"),
        (text, "not an MMDB file"),
        (tmp_path, "not an MMDB file"),
    ):
        with pytest.raises(ConfigError, match=reason) as told:
            Networks((str(path),))
        assert "collect.mmdb" in str(told.value)
        assert str(tmp_path) not in str(told.value)


def test_damaged_files_are_told(files: tuple[str, ...], tmp_path: Path) -> None:
    whole = Path(files[0]).read_bytes()
    for cut in range(1, len(whole), 97):
        short = tmp_path / "short.mmdb"
        short.write_bytes(whole[:cut] + whole[cut + 40 :])
        with contextlib.suppress(ConfigError):  # nothing else may come out
            looked_up((str(short),), "192.0.2.1", "2001:db8::1", "203.0.113.9")


def test_without_the_reader(files: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name == "maxminddb":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ConfigError, match=r"stillhunt\[enrich\]"):
        Networks(files)
    assert mmdb_files.open_networks(()) is None


def test_kept_work_knows_the_files(tmp_path: Path, files: tuple[str, ...]) -> None:
    def digest() -> str:
        with Partials(config(mmdb=files)) as partials:
            return partials._settings

    before = digest()
    assert before == digest()
    mmdb(Path(files[0]), {"192.0.2.0/24": ENTERPRISE})
    assert before != digest()
    with Partials(config()) as none, Partials(config(mmdb=files[:1])) as one:
        assert len({none._settings, one._settings, digest()}) == 3


def test_what_is_absent_is_named(tmp_path: Path, files: tuple[str, ...]) -> None:
    def network(present: set[str]) -> str:
        return next(
            part.sentence for part in coverage(evidence_needs(), frozenset(present), None) if part.family == "network"
        )

    assert LOOK_UP in network({"client_ip"})
    assert LOOK_UP not in network({"client_ip", "country"})
    assert LOOK_UP not in network({"user_agent"})
    write_lines(tmp_path / "log.jsonl", [row(n, client_ip="192.0.2.1") for n in range(3)])
    found = inspect_logs(tmp_path / "log.jsonl", config=config(mmdb=files))
    assert found.inputs[0].filled["country"] == 3
    assert LOOK_UP not in " ".join(part.sentence for part in found.coverage)


def test_run_json_has_names_only(tmp_path: Path, files: tuple[str, ...]) -> None:
    log = tmp_path / "log.parquet"
    pq.write_table(pa.Table.from_pylist([row(n, client_ip="192.0.2.1") for n in range(30)]), log)
    case = hunt(log, config=config(mmdb=files))
    assert case.run["settings"]["collect"]["mmdb"] == ["country.mmdb", "asn.mmdb"]


def test_the_reader_agrees_with_the_files(files: tuple[str, ...]) -> None:
    with maxminddb.open_database(files[0]) as reader:
        assert reader.get("192.0.2.1") == MAXMIND_COUNTRY


def test_kinds_and_names_reach_the_case(tmp_path: Path) -> None:
    """What a log says of its own addresses stays; the rest is looked up, and hunts tell it."""
    file = mmdb(
        tmp_path / "net.mmdb", {"192.0.2.0/24": {**MAXMIND_ASN, "is_anonymous": True, "is_anonymous_vpn": True}}
    )
    rows = [
        row(0, client_ip="192.0.2.1"),
        row(1, client_ip="192.0.2.1", ip_kind="residential", asn_name="Own name", asn=64500),
        row(2, client_ip="192.0.2.1", asn=7),
    ]
    write_lines(tmp_path / "log.jsonl", rows)
    found, log = collected(tmp_path / "log.jsonl", settings=config(mmdb=[file]))
    assert [(r["ip_kind"], r["asn_name"]) for r in found] == [
        ("vpn", "Example"),
        ("residential", "Own name"),
        ("vpn", None),
    ]
    assert {"ip_kind", "asn_name"} <= log.facts.columns.present
    tables = pa.concat_tables(list(opened(tmp_path / "log.jsonl", settings=config(mmdb=[file])).batches()))
    sketches = sketch_requests(tables, config())
    assert sketches["network"].to_pylist() == ["AS64500 Example", "AS64500 Own name", "AS7"]
