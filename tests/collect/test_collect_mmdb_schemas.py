"""Kinds of addresses and names of networks in the layouts of those who publish such files."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from tests.collect.test_collect_enrich import mmdb

from stillhunt.base.clients import tells_browsers
from stillhunt.collect.inspection import unenriched
from stillhunt.collect.normalise.networks import (
    MAX_NETWORK_NAME_CHARACTERS,
    NETWORK_KINDS,
    UNKNOWN_NETWORK,
    Network,
    Networks,
    network_of,
)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        # GeoIP2-Anonymous-IP and Anonymous-Plus: flags are there when true
        ({"is_anonymous": True, "is_anonymous_vpn": True, "is_hosting_provider": True}, "vpn"),
        ({"is_anonymous": True, "is_tor_exit_node": True}, "tor"),
        ({"is_anonymous": True, "is_public_proxy": True}, "proxy"),
        ({"is_anonymous": True, "is_residential_proxy": True}, "residential proxy"),
        ({"is_hosting_provider": True}, "hosting"),
        ({"is_anonymous": True}, "anonymous"),
        ({"is_anonymous": True, "is_anonymous_vpn": True, "anonymizer_confidence": 99, "provider_name": "x"}, "vpn"),
        # GeoIP2-Connection-Type, Enterprise and DB-IP
        ({"connection_type": "Cable/DSL"}, "isp"),
        ({"connection_type": "Cellular"}, "mobile"),
        ({"connection_type": "Corporate"}, "business"),
        ({"traits": {"user_type": "residential", "connection_type": "Cable/DSL"}}, "residential"),
        ({"traits": {"user_type": "content_delivery_network"}}, "cdn"),
        ({"traits": {"user_type": "search_engine_spider"}}, "crawler"),
        ({"traits": {"user_type": "hosting", "is_anonymous_vpn": True}}, "vpn"),
        # IPinfo: privacy (text), nested as in standard, core and plus
        ({"vpn": "true", "proxy": "", "tor": "", "relay": "", "hosting": "true", "service": "NordVPN"}, "vpn"),
        ({"vpn": "", "proxy": "", "tor": "", "relay": "", "hosting": "true", "service": ""}, "hosting"),
        ({"hosting": "", "proxy": "", "relay": "true", "service": "Private Relay", "tor": "", "vpn": ""}, "relay"),
        ({"privacy": {"vpn": False, "proxy": False, "tor": True, "hosting": True}}, "tor"),
        ({"is_anonymous": True, "anonymous": {"is_vpn": False, "is_proxy": True}, "is_hosting": True}, "proxy"),
        ({"is_mobile": True, "is_hosting": False, "as": {"asn": "AS1", "type": "isp"}}, "mobile"),
        ({"asn": {"asn": "AS1", "type": "isp"}, "company": {"name": "x", "type": "business"}}, "business"),
        ({"asn": "AS1", "name": "Example", "domain": "example.com", "type": "hosting"}, "hosting"),
        ({"asn": "AS1", "as_name": "Example", "as_type": "education"}, "education"),
        # IP2Location and IP2Proxy
        ({"usage_type": "DCH"}, "hosting"),
        ({"usage_type": "ISP/MOB"}, "isp"),
        ({"usage_type": "MOB"}, "mobile"),
        ({"proxy_type": "PUB", "usage_type": "DCH"}, "proxy"),
        ({"proxy_type": "CPN", "usage_type": "CDN"}, "relay"),
        ({"proxy_type": "-", "usage_type": "COM"}, "business"),
        # nothing, or nothing that can be believed
        ({"is_hosting_provider": False, "connection_type": ""}, None),
        ({"usage_type": "RSV"}, None),
        ({"type": "country"}, None),
        ({"hosting": ["true"], "traits": [], "usage_type": 7, "connection_type": "\x1b[31m"}, None),
        ({"usage_type": "x" * 5000}, None),
        ({"user_type": "quantum relay"}, "quantum relay"),
    ],
)
def test_kinds(record: dict[str, Any], expected: str | None) -> None:
    assert network_of(record).kind == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"autonomous_system_number": 64500, "autonomous_system_organization": "Example"}, (64500, "Example")),
        ({"traits": {"autonomous_system_number": 1, "autonomous_system_organization": "T"}}, (1, "T")),
        (
            {"asn": "AS174", "as_name": "Cogent Communications", "as_domain": "cogentco.com"},
            (174, "Cogent Communications"),
        ),
        ({"asn": "AS15169", "name": "Google LLC", "domain": "google.com", "type": "hosting"}, (15169, "Google LLC")),
        ({"asn": {"asn": "AS7", "name": "Seven"}, "company": {"name": "not this"}}, (7, "Seven")),
        ({"org": "AS15169 Google LLC"}, (15169, "Google LLC")),
        ({"asn": "13335", "as": "CLOUDFLARENET"}, (13335, "CLOUDFLARENET")),
        ({"asn": "-", "as": "-"}, (None, None)),
        ({"asn": 5, "as_name": "a\nb\x1b" + "c" * 500}, (5, "a b " + "c" * (MAX_NETWORK_NAME_CHARACTERS - 4))),
    ],
)
def test_numbers_and_names(record: dict[str, Any], expected: tuple[int | None, str | None]) -> None:
    found = network_of(record)
    assert (found.asn, found.name) == expected


def test_of_several_files_the_most_telling_kind_counts(tmp_path: Any) -> None:
    lines = mmdb(tmp_path / "lines.mmdb", {"192.0.2.0/24": {"connection_type": "Cable/DSL"}})
    flags = mmdb(tmp_path / "flags.mmdb", {"192.0.2.0/25": {"is_anonymous": True, "is_anonymous_vpn": True}})
    for paths in ((lines, flags), (flags, lines)):
        found = Networks(paths).of(pa.array(["192.0.2.1", "192.0.2.200", None]), 1024)
        assert found["ip_kind"].to_pylist() == ["vpn", "isp", None]


def test_a_name_belongs_to_its_number() -> None:
    known = Network(asn=1).completed(Network(2, "Two"))
    assert (known.asn, known.name) == (1, None)
    assert UNKNOWN_NETWORK.completed(Network(2, "Two", "DE", "isp")) == (2, "Two", "DE", "isp")
    assert len(set(NETWORK_KINDS)) == len(NETWORK_KINDS)


def test_what_is_not_looked_up_is_named() -> None:
    browsers = tells_browsers()
    assert unenriched(frozenset({"client_ip", "user_agent"}), browsers=False) == [
        (
            "kinds of addresses (hosting, vpn, tor, mobile): add a file such as GeoIP2-Anonymous-IP or IPinfo privacy "
            "to collect.mmdb"
        ),
        "names of networks: add a file such as GeoLite2-ASN or IPinfo lite to collect.mmdb",
        "names of browsers: they need stillhunt[enrich]; 'stillhunt doctor' says how to install it",
    ]
    assert unenriched(frozenset({"client_ip", "ip_kind", "asn_name"}), browsers=browsers) == []
    assert unenriched(frozenset({"user_agent"}), browsers=True) == []
