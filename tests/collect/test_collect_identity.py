"""Addresses, prefixes and mail addresses: what counts as the same."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.errors import ConfigError, InputError
from stillhunt.collect.normalise import identity, kernels_identity
from stillhunt.collect.normalise.identity import IdentityHasher, address_and_prefix, address_hashes
from thoroughness import examples


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


MASK = 2**64 - 1


def siphash(key: bytes, data: bytes) -> int:
    """SipHash-2-4 as its paper gives it, on Python integers."""

    def turn(value: int, bits: int) -> int:
        return (value << bits | value >> 64 - bits) & MASK

    def rounds(count: int) -> None:
        for _ in range(count):
            v[0], v[2] = v[0] + v[1] & MASK, v[2] + v[3] & MASK
            v[1], v[3] = turn(v[1], 13) ^ v[0], turn(v[3], 16) ^ v[2]
            v[0] = turn(v[0], 32)
            v[2], v[0] = v[2] + v[1] & MASK, v[0] + v[3] & MASK
            v[1], v[3] = turn(v[1], 17) ^ v[2], turn(v[3], 21) ^ v[0]
            v[2] = turn(v[2], 32)

    halves = [int.from_bytes(key[i : i + 8], "little") for i in (0, 8)] * 2
    text = b"somepseudorandomlygeneratedbytes"
    v = [half ^ int.from_bytes(text[8 * i : 8 * i + 8], "big") for i, half in enumerate(halves)]
    padded = data + b"\0" * (7 - len(data) % 8) + bytes([len(data) % 256])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def keyed(key: str, domain: str, text: str | None) -> int | None:
    """What the hash of a normalised value must be."""
    derived = hmac.new(key.encode(), f"{domain}\0siphash-2-4".encode(), hashlib.sha256).digest()[:16]
    return (siphash(derived, text.encode()) or 1) if text else None


def test_siphash_gives_the_values_of_its_paper() -> None:
    key, data = bytes(range(16)), np.arange(64, dtype=np.uint8)
    low, high = np.frombuffer(key, np.uint64)
    assert kernels_identity.siphash(data, 0, 15, low, high) == 0xA129CA6149BE45E5  # appendix A
    for size in range(64):
        assert kernels_identity.siphash(data, 0, size, low, high) == siphash(key, data[:size].tobytes())
        assert kernels_identity.siphash(data, 3, size - size // 8, low, high) == siphash(
            key, data[3 : 3 + size - size // 8].tobytes()
        )


def expected(text: str, limit: int) -> tuple[int | None, int | None]:
    """The general way for one address."""
    cut = text.encode()[:limit].decode("utf-8", "ignore").strip()
    address, prefix = address_and_prefix(cut) if cut else (None, None)
    return keyed("k", "address", address), keyed("k", "prefix", prefix)


_groups = st.lists(st.one_of(st.just("0"), st.from_regex(r"[0-9a-fA-F]{1,4}", fullmatch=True)), min_size=1, max_size=9)
_six = st.builds(
    lambda groups, gap: ":".join(groups[:gap]) + "::" + ":".join(groups[gap:]) if gap else ":".join(groups),
    _groups,
    st.integers(0, 8),
)
_four = st.one_of(
    st.ip_addresses(v=4).map(str), st.lists(st.integers(0, 300).map(str), min_size=3, max_size=5).map(".".join)
)
_plain = st.one_of(_four, _six, st.ip_addresses(v=6).map(str), st.ip_addresses(v=6).map(lambda a: a.exploded))
_texts = st.one_of(
    _plain,
    st.tuples(_plain, st.sampled_from([":80", ":", ":8x", "/24", " ", ",", "%eth0", "]", "]:1"])).map("".join),
    st.tuples(st.sampled_from(["[", " ", "::ffff:", "::", ":", "0"]), _plain).map("".join),
    _plain.map(lambda text: f"[{text}]:443"),
    st.text("0123456789.:af[]", max_size=24),
    st.text(max_size=12),
)


@settings(derandomize=True, deadline=None, max_examples=examples(100))
@given(st.lists(_texts, min_size=1, max_size=20), st.sampled_from([5, 16, 256]))
def test_plain_addresses_are_hashed_as_the_general_way_does(texts: list[str], limit: int) -> None:
    found, prefixes, _broken = IdentityHasher("k").addresses(pa.array(texts), limit)
    assert list(zip(found.to_pylist(), prefixes.to_pylist(), strict=True)) == [expected(text, limit) for text in texts]


@settings(derandomize=True, deadline=None, max_examples=examples(100))
@given(st.lists(st.one_of(st.none(), st.text(max_size=9), st.text(" \t\x1f\x85ab", max_size=6)), max_size=9))
def test_cards_are_trimmed_and_cut(texts: list[str | None]) -> None:
    found, _broken = IdentityHasher("k").secrets(pa.array(texts, pa.string()), "card", 8)
    cut = [None if t is None else t.strip().encode()[:8].decode("utf-8", "ignore") for t in texts]
    assert found.to_pylist() == [keyed("k", "card", t) for t in cut]


def test_nulls_have_no_hash_whatever_lies_beneath_them() -> None:
    data = b"1.1.1.1weird2.2.2.2"
    offsets, validity = np.array([0, 7, 12, 19], np.int64), pa.array([False, False, True]).buffers()[1]
    texts = pa.Array.from_buffers(pa.large_string(), 3, [validity, pa.py_buffer(offsets), pa.py_buffer(data)])
    found, prefixes, _broken = IdentityHasher("k").addresses(texts, 64)
    assert found.to_pylist() == [None, None, keyed("k", "address", "2.2.2.2")]
    assert prefixes.null_count == 2
    assert IdentityHasher("k").secrets(texts, "card", 64)[0].null_count == 2


def test_kinds_of_values_get_unrelated_hashes() -> None:
    hasher, text = IdentityHasher("secret"), pa.array(["93.184.216.34"])
    kinds = {hasher.secrets(text, kind, 64)[0][0].as_py() for kind in ("card", "email", "address")}
    assert len(kinds) == 3
    assert hasher.addresses(text, 64)[0][0].as_py() in kinds  # derived alike
    assert hasher.addresses(pa.array([None, "", "  "], pa.string()), 64)[0].null_count == 3


def test_one_random_key_serves_the_whole_process() -> None:
    text = pa.array(["x"])
    assert IdentityHasher("").secrets(text, "card", 9) == IdentityHasher("").secrets(text, "card", 9)
    assert IdentityHasher("").secrets(text, "card", 9) != IdentityHasher("other").secrets(text, "card", 9)


def test_many_unusual_addresses_over_many_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "CACHED_VALUES", 700)  # so that the memory is emptied on the way
    hasher = IdentityHasher("k")
    for start in range(0, 3_000, 500):
        texts = [f"20.{n // 250 % 250}.{n % 250}.7, 1.1.1.1" for n in range(start - 200, start + 500) if n >= 0] * 2
        found = hasher.addresses(pa.array([*texts, None]), 64)[0].to_pylist()
        assert found == [*(keyed("k", "address", text.split(",")[0]) for text in texts), None]


@pytest.mark.parametrize(
    ("text", "address", "network"),
    [
        (" 93.184.216.34:8080 ", "93.184.216.34", "93.184.216.0/24"),
        ("::ffff:93.184.216.34", "93.184.216.34", "93.184.216.0/24"),
        ("2001:0DB8:1:2:0::9", "2001:db8:1:2::9", "2001:db8:1::/48"),
        ("93.184.216.0/24", None, "93.184.216.0/24"),
        ("2001:db8:1:: /48", None, "2001:db8:1::/48"),
    ],
)
def test_a_search_has_the_hashes_of_the_log(text: str, address: str | None, network: str) -> None:
    expected_hashes = (keyed("k", "address", address), keyed("k", "prefix", network))
    found = address_hashes(text, "k")
    assert tuple(None if one is None else int(one, 16) for one in found) == expected_hashes
    assert {len(one) for one in found if one} == {16}
    logged = IdentityHasher("k").addresses(pa.array([text.replace(" /48", "9").partition("/")[0]]), 256)
    assert f"{logged[1][0].as_py():016x}" == found[1]
    assert address_hashes(text, "another")[1] != found[1]


@pytest.mark.parametrize(
    "text", ["", " ", "unknown", "300.1.2.3", "93.184.216.0/16", "2001:db8::/24", "1.2.3.4/", "/24"]
)
def test_a_search_for_what_is_no_address_says_so(text: str) -> None:
    with pytest.raises(InputError, match="no IP address"):
        address_hashes(text, "k")


def test_a_search_without_a_key_says_so() -> None:
    with pytest.raises(ConfigError, match="key"):
        address_hashes("93.184.216.34", "")
