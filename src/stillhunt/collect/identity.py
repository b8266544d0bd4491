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
import numpy.typing as npt
import pyarrow as pa

from stillhunt.collect.fields import Column
from stillhunt.collect.kernels import I64, KEYS, U64, enter, hash_rows, look_up
from stillhunt.collect.strings import as_text, cut_at, text_buffers

IPV4_PREFIX_BITS = 24
IPV6_PREFIX_BITS = 48
LONGEST_LIST = 32
"""Addresses of one list that are looked at."""
CACHED_VALUES = 1 << 20
"""Distinct values whose hash is remembered; bounds memory, changes no result."""

_FIRST_SLOTS = 1 << 10
_PROCESS_KEY = secrets.token_bytes(32)
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


class _Memory:
    """Pairs of hashes known for texts, by a hash of the text."""

    def __init__(self) -> None:
        self._keys = np.zeros(_FIRST_SLOTS, np.uint64)
        self._indices = np.zeros(_FIRST_SLOTS, np.int64)
        self._count = 0
        self.pairs: npt.NDArray[np.uint64] = np.zeros((_FIRST_SLOTS // 2, 2), np.uint64)

    def places(self, names: U64) -> I64:
        """Index into `pairs` of each name, -1 where it is unknown."""
        found = np.empty(names.size, np.int64)
        look_up(names, self._keys, self._indices, found)
        return found

    def add(self, names: U64, pairs: npt.NDArray[np.uint64]) -> None:
        """Remember distinct new names."""
        known, values = self._keys[self._keys != 0], self.pairs
        order = self._indices[self._keys != 0]
        if self._count + names.size > len(self.pairs):
            slots = _FIRST_SLOTS
            while slots < 4 * (self._count + names.size):
                slots *= 2
            self._keys, self._indices = np.zeros(slots, np.uint64), np.zeros(slots, np.int64)
            self.pairs = np.zeros((slots // 2, 2), np.uint64)
            self.pairs[: self._count] = values[: self._count]
            enter(known, order, self._keys, self._indices)
        enter(names, np.arange(self._count, self._count + names.size), self._keys, self._indices)
        self.pairs[self._count : self._count + names.size] = pairs
        self._count += names.size

    @property
    def full(self) -> bool:
        """Whether it is time to start anew."""
        return self._count > CACHED_VALUES


class IdentityHasher:
    """Keyed hashes of identity values.

    Args:
        key: the user's secret; empty for a random one that lives as long as the process, so that the addresses of
            requests and of accounts still compare.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode() if key else _PROCESS_KEY
        self._words = random_words(KEYS)
        self._memory = _Memory()

    def hash(self, domain: str, value: str) -> int:
        """Hash of one value, 1 to 2^64 - 1.

        Args:
            domain: kind of value ("address", "card"); equal texts of two kinds get unrelated hashes.
            value: the normalised value.
        """
        digest = hmac.digest(self._key, f"{domain}\x00{value}".encode("utf-8", "surrogatepass"), "sha256")
        return int.from_bytes(digest[:8], "big") or 1

    def _address(self, text: str, limit: int) -> tuple[int, int]:
        short = cut_at(text.encode(), limit).strip()
        if not short:
            return 0, 0
        address, prefix = address_and_prefix(short)
        return self.hash("address", address), 0 if prefix is None else self.hash("prefix", prefix)

    def addresses(self, values: Column, limit: int) -> tuple[pa.Array, pa.Array, int]:
        """Keyed hashes of a column of client addresses and of their prefixes.

        Args:
            values: text; null stays null.
            limit: bytes looked at; lists of proxies can be long and are written by clients.

        Returns:
            (addresses uint64, prefixes uint64, values with replaced UTF-8).
        """
        text, broken = as_text(values)
        if text.null_count == len(text):
            return pa.nulls(len(text), pa.uint64()), pa.nulls(len(text), pa.uint64()), broken
        names = np.zeros(len(text), np.uint64)
        hash_rows(*text_buffers(text), self._words, names)
        if self._memory.full:
            self._memory = _Memory()
        places = self._memory.places(names)
        if int(places.min()) < 0:
            unknown, rows = np.unique(names[places < 0], return_index=True)
            rows = np.flatnonzero(places < 0)[rows]
            new = [self._address(t or "", limit) for t in text.take(pa.array(rows)).to_pylist()]
            self._memory.add(unknown, np.array(new, np.uint64))
            places = self._memory.places(names)
        pairs = self._memory.pairs[places]
        return _or_null(pairs[:, 0]), _or_null(pairs[:, 1]), broken

    def secrets(self, values: Column, domain: str, limit: int) -> tuple[pa.Array, int]:
        """Keyed hashes of a column of card or e-mail values; (uint64, values with replaced UTF-8)."""
        text, broken = as_text(values)
        coded = text.dictionary_encode()
        clean = [cut_at(value.strip().encode(), limit) for value in coded.dictionary.to_pylist()]
        hashes = pa.array([self.hash(domain, value) if value else None for value in clean], pa.uint64())
        return hashes.take(coded.indices), broken


def _or_null(hashes: U64) -> pa.Array:
    return pa.array(hashes, mask=hashes == 0)


def random_words(count: int) -> U64:
    """Secret words for hashes that never leave the process."""
    return np.frombuffer(secrets.token_bytes(8 * count), np.uint64).copy()
