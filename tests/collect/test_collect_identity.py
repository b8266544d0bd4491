"""Addresses, prefixes and mail addresses: what counts as the same."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.collect import identity
from stillhunt.collect.identity import IdentityHasher, address_and_prefix


@pytest.mark.parametrize(
    ("text", "address", "prefix"),
    [
        ("93.184.216.34", "93.184.216.34", "93.184.216.0/24"),
        (" 93.184.216.34:8080 ", "93.184.216.34", "93.184.216.0/24"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::9", "2001:db8:1::/48"),
        ("2001:0DB8:1:2:0::9", "2001:db8:1:2::9", "2001:db8:1::/48"),
        ("::ffff:93.184.216.34", "93.184.216.34", "93.184.216.0/24"),
        ("[::ffff:93.184.216.34]:1", "93.184.216.34", "93.184.216.0/24"),
        ("fe80::1%eth0", "fe80::1", "fe80::/48"),
        ("10.0.0.1, 93.184.216.34, 1.1.1.1", "93.184.216.34", "93.184.216.0/24"),
        ("10.0.0.1, 192.168.0.1", "10.0.0.1", "10.0.0.0/24"),
        ("unknown, 93.184.216.34", "93.184.216.34", "93.184.216.0/24"),
        ('for="[2001:db8::1]:80"', "2001:db8::1", "2001:db8::/48"),
        ("Office-Network", "office-network", None),
        ("300.1.2.3", "300.1.2.3", None),
        ("093.184.216.34", "093.184.216.34", None),
    ],
)
def test_addresses(text: str, address: str, prefix: str | None) -> None:
    assert address_and_prefix(text) == (address, prefix)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.one_of(st.ip_addresses(v=4).map(str), st.text("0123456789.", max_size=15), st.text(max_size=12)))
def test_the_quick_way_agrees_with_the_standard_library(text: str) -> None:
    address, prefix = address_and_prefix(text)
    try:
        parsed = ipaddress.IPv4Address(text)
    except ValueError:
        return
    assert (address, prefix) == (str(parsed), str(ipaddress.ip_network((parsed, 24), strict=False)))


def test_hashes_are_those_of_hmac_sha256() -> None:
    digest = hmac.new(b"secret", b"address\x0093.184.216.34", hashlib.sha256).digest()
    found, prefixes, _broken = IdentityHasher("secret").addresses(pa.array(["93.184.216.34:1", None, "", "  "]), 64)
    assert found.to_pylist() == [int.from_bytes(digest[:8], "big"), None, None, None]
    assert prefixes.null_count == 3
    assert IdentityHasher("secret").hash("card", "x") != IdentityHasher("secret").hash("email", "x")


def test_one_random_key_serves_the_whole_process() -> None:
    assert IdentityHasher("").hash("card", "x") == IdentityHasher("").hash("card", "x")
    assert IdentityHasher("").hash("card", "x") != IdentityHasher("other").hash("card", "x")


def test_many_addresses_over_many_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "CACHED_VALUES", 700)  # so that the memory is emptied on the way
    hasher, fresh = IdentityHasher("k"), IdentityHasher("k")
    for start in range(0, 6_000, 500):
        texts = [f"20.{n // 250 % 250}.{n % 250}.7" for n in range(start - 200, start + 500) if n >= 0] * 2
        found = hasher.addresses(pa.array([*texts, None]), 64)[0].to_pylist()
        assert found == [*(fresh.hash("address", text) for text in texts), None]
