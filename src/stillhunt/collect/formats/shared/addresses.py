"""Which of the addresses in a record is the client's: what the client itself may write is not believed first."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeAlias

REMEMBERED, LONGEST_REMEMBERED = 1 << 16, 128
"""Addresses, or lists of them, kept with what they are, and the characters of the longest."""
_Address: TypeAlias = IPv4Address | IPv6Address
_INNER = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.168.0.0/16", "::/128", "::1/128", "fc00::/7", "fe80::/10"),
        ),
    )
)
"""Networks that no client on the internet comes from: RFC 1122, 1918, 3927, 4193, 4291, 6598."""
CLIENT_ADDRESS = "of its addresses and then the connection's, the last that is public; else its first"
"""How the address is found, for `carries`."""


def client_address(forwarded: Any, peer: Any = None) -> str | None:
    """The client's address: the nearest to us that is public, since every hop to its left is only told.

    A proxy appends the address that it was called from to X-Forwarded-For, and a client may send the header with
    whatever it likes: what our own proxies wrote stands at the right end (RFC 7239, section 8.1; the same reckoning as
    `real_ip_recursive` of nginx with private networks trusted).

    Args:
        forwarded: X-Forwarded-For, a comma-separated list or a list of such.
        peer: the other end of the connection, with or without a port.

    Returns:
        The first public address from the right, the peer being the rightmost. If none is public the first of the list,
        or the peer where there is no list.
    """
    end = without_port(peer) if isinstance(peer, str) else ""
    if end and is_public(end):
        return end
    if not forwarded:
        return end or None
    if isinstance(forwarded, str) and len(forwarded) <= LONGEST_REMEMBERED:
        public, named, told = _known_hops(forwarded)  # a client's calls come with the same list
    else:
        public, named, told = _hops(",".join(_texts(forwarded)))
    return public or named or end or told


def without_port(word: str) -> str:
    """An address as proxies write it, without its port and brackets; empty for a dash."""
    word = word.strip().strip('"')
    if word == "-":
        return ""
    host, colon, port = word.rpartition(":")
    if colon and port.isdigit() and (":" not in host or (host.startswith("[") and host.endswith("]"))):
        word = host
    return word.removeprefix("[").removesuffix("]")


def _hops(forwarded: str) -> tuple[str | None, str | None, str | None]:
    """Of a list of addresses the last that is public, the first that is an address, and the first word."""
    hops = [hop for word in forwarded.split(",") if (hop := without_port(word))]
    public = next((hop for hop in reversed(hops) if is_public(hop)), None)
    named = next((hop for hop in hops if _parsed(hop) is not None), None)
    return public, named, hops[0] if hops else None


_known_hops = lru_cache(REMEMBERED)(_hops)


def _texts(value: Any) -> list[str]:
    found = value if isinstance(value, (list, tuple)) else [value]
    return [text for text in found if isinstance(text, str)]


def is_public(word: str) -> bool:
    """Whether a text is an address from which a client on the internet may come.

    Args:
        word: an address without a port.
    """
    return _known_public(word) if len(word) <= LONGEST_REMEMBERED else _public(word)


def _public(word: str) -> bool:
    address = _parsed(word)
    return address is not None and not any(address in network for network in _INNER)


_known_public = lru_cache(REMEMBERED)(_public)


def _parsed(word: str) -> _Address | None:
    try:
        address = ip_address(word)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
