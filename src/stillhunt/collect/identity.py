"""Addresses, cards and e-mail: only ever compared, so only keyed hashes leave this room.

HMAC-SHA256 (RFC 2104) under the user's key, cut to 64 bits, over distinct values. A prefix of the address is derived
before hashing: /24 for IPv4, /48 for IPv6, the sizes in which providers commonly hand out addresses. Which rows
are equal never depends on the key, and nothing else may.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket

import numpy as np
import pyarrow as pa

from stillhunt.collect.fields import Column
from stillhunt.collect.strings import as_text, cut_at

IPV4_PREFIX_BITS = 24
IPV6_PREFIX_BITS = 48
LONGEST_LIST = 32
"""Addresses of one list that are looked at."""
CACHED_VALUES = 1 << 18
"""Distinct values whose hash is remembered; bounds memory, changes no result."""

_Pair = tuple[int | None, int | None]
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_and_prefix(text: str) -> tuple[str, str | None]:
    """Canonical form of a client address and of its prefix.

    Ports and brackets are stripped, IPv4-mapped IPv6 is unwrapped, and of a list ("client, proxy, proxy", the form
    of x-forwarded-for) the first public address counts, else the first address. The list's head is written
    by the client and can be forged; operators who have the peer's address should map that instead.

    Returns:
        (address, prefix); for text that holds no address the text itself in lower case, and None.
    """
    try:  # nearly all addresses in a log; ten times as fast as the general way
        packed = socket.inet_pton(socket.AF_INET, text)
        return text, f"{packed[0]}.{packed[1]}.{packed[2]}.0/24"
    except (OSError, ValueError):
        parts = text.split(",")[:LONGEST_LIST]
    parsed = [address for part in parts if (address := _parse(part)) is not None]
    if not parsed:
        return text.strip().lower(), None
    # Asking whether an address is public is slow; where there is but one, it does not matter.
    first = parsed[0] if len(parsed) == 1 else next((a for a in parsed if a.is_global), parsed[0])
    bits = IPV4_PREFIX_BITS if first.version == 4 else IPV6_PREFIX_BITS
    return str(first), str(ipaddress.ip_network((first, bits), strict=False))


def _parse(text: str) -> _Address | None:
    text = text.strip().strip('"')
    if text.lower().startswith("for="):  # RFC 7239 Forwarded
        text = text[4:].strip('"')
    if text.startswith("["):
        text = text[1:].split("]", 1)[0]
    elif text.count(":") == 1:
        text = text.split(":", 1)[0]
    text = text.split("%", 1)[0]  # an interface name
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def normal_email(text: str) -> str:
    """An e-mail address as compared: no surrounding blanks, lower case."""
    return text.strip().strip("<>").lower()


def email_domain(text: str) -> str:
    """The part after the last @, lower case, without a final dot."""
    return text.strip().strip("<>").lower().rsplit("@", 1)[-1].rstrip(".")


class IdentityHasher:
    """Keyed hashes of identity values.

    Args:
        key: the user's secret; empty for a random one that lives as long as this object.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode() if key else secrets.token_bytes(32)
        self._pairs: dict[str, _Pair] = {}

    def hash(self, domain: str, value: str) -> int:
        """Hash of one value, 1 to 2^64 - 1.

        Args:
            domain: kind of value ("address", "card"); equal texts of two kinds get unrelated hashes.
            value: the normalised value.
        """
        digest = hmac.digest(self._key, f"{domain}\x00{value}".encode("utf-8", "surrogatepass"), "sha256")
        return int.from_bytes(digest[:8], "big") or 1

    def _address(self, text: str, limit: int) -> _Pair:
        pair: _Pair = (None, None)
        short = cut_at(text.encode(), limit)
        if short.strip():
            address, prefix = address_and_prefix(short)
            pair = self.hash("address", address), None if prefix is None else self.hash("prefix", prefix)
        if len(self._pairs) >= CACHED_VALUES:
            self._pairs.clear()
        if short == text:  # longer texts would let a client choose how much memory this takes
            self._pairs[text] = pair
        return pair

    def addresses(self, values: Column, limit: int) -> tuple[pa.Array, pa.Array, int]:
        """Keyed hashes of a column of client addresses and of their prefixes.

        Args:
            values: text; null stays null.
            limit: bytes looked at; lists of proxies can be long and are written by clients.

        Returns:
            (addresses uint64, prefixes uint64, values with replaced UTF-8).
        """
        coded, texts, broken = _distinct(values)
        known = self._pairs
        pairs = [known.get(text) or self._address(text, limit) for text in texts]
        return _spread([a for a, _p in pairs], coded), _spread([p for _a, p in pairs], coded), broken

    def secrets(self, values: Column, domain: str, limit: int) -> tuple[pa.Array, int]:
        """Keyed hashes of a column of card or e-mail values; (uint64, values with replaced UTF-8)."""
        coded, texts, broken = _distinct(values)
        clean = [cut_at(text.strip().encode(), limit) for text in texts]
        return _spread([self.hash(domain, text) if text else None for text in clean], coded), broken


def _distinct(values: Column) -> tuple[pa.DictionaryArray, list[str], int]:
    text, broken = as_text(values)
    coded = text.dictionary_encode()
    return coded, coded.dictionary.to_pylist(), broken


def _spread(distinct: list[int | None], coded: pa.DictionaryArray) -> pa.Array:
    return pa.array(distinct, pa.uint64()).take(coded.indices)


def random_words(count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Secret words for hashes that never leave the process."""
    return np.frombuffer(secrets.token_bytes(8 * count), np.uint64).copy()
