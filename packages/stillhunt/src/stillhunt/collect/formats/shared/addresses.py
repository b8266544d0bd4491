"""The client's address among those in a record; addresses that the client itself may have written are trusted last."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeAlias

MAX_CACHED, MAX_CACHED_CHARACTERS = 1 << 16, 128
"""Addresses, or lists of them, whose reading is cached, and the length of the longest."""
_Address: TypeAlias = IPv4Address | IPv6Address
_PRIVATE_NETWORKS = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.168.0.0/16", "::/128", "::1/128", "fc00::/7", "fe80::/10"),
        ),
    )
)
"""Networks that no client on the internet has: RFC 1122, 1918, 3927, 4193, 4291, 6598."""
CLIENT_ADDRESS = "the last public address of its list and the connection; the first of the list if none is public"
"""How the address is found, for `Source.carries`."""


def client_address(forwarded: Any, connection: Any = None) -> str | None:
    """The client's address: the last public one, since a client may have forged every address to its left.

    Each proxy appends the address that called it to X-Forwarded-For, and a client may send that header with any
    content, so what our own proxies wrote stands at the right end (RFC 7239, section 8.1; nginx with
    `real_ip_recursive` and private networks trusted gives the same).

    Args:
        forwarded: X-Forwarded-For, a comma-separated list or a list of such.
        connection: address of the other end of the connection, with or without a port.

    Returns:
        The first public address from the right, the connection's being the rightmost. If none is public, the first of
        the list, or the connection's if there is no list.
    """
    end = without_port(connection) if isinstance(connection, str) else ""
    if end and is_public(end):
        return end
    if not forwarded:
        return end or None
    if isinstance(forwarded, str) and len(forwarded) <= MAX_CACHED_CHARACTERS:
        last_public, first_address, first_word = _cached_hops(forwarded)  # a client's calls repeat the same list
    else:
        last_public, first_address, first_word = _hops(",".join(_texts(forwarded)))
    return last_public or first_address or end or first_word


def without_port(word: str) -> str:
    """An address without its port and brackets; empty for a dash, which proxies write when there is no address."""
    word = word.strip().strip('"')
    if word == "-":
        return ""
    host, colon, port = word.rpartition(":")
    if colon and port.isdigit() and (":" not in host or (host.startswith("[") and host.endswith("]"))):
        word = host
    return word.removeprefix("[").removesuffix("]")


def _hops(forwarded: str) -> tuple[str | None, str | None, str | None]:
    """Last public address of a list, first address, and first word."""
    hops = [hop for word in forwarded.split(",") if (hop := without_port(word))]
    last_public = next((hop for hop in reversed(hops) if is_public(hop)), None)
    first_address = next((hop for hop in hops if _parsed(hop) is not None), None)
    return last_public, first_address, hops[0] if hops else None


_cached_hops = lru_cache(MAX_CACHED)(_hops)


def _texts(value: Any) -> list[str]:
    found = value if isinstance(value, (list, tuple)) else [value]
    return [text for text in found if isinstance(text, str)]


def is_public(word: str) -> bool:
    """Whether a text is an address that a client on the internet may have.

    Args:
        word: an address without a port.
    """
    return _cached_is_public(word) if len(word) <= MAX_CACHED_CHARACTERS else _is_public(word)


def _is_public(word: str) -> bool:
    address = _parsed(word)
    return address is not None and not any(address in network for network in _PRIVATE_NETWORKS)


_cached_is_public = lru_cache(MAX_CACHED)(_is_public)


def _parsed(word: str) -> _Address | None:
    try:
        address = ip_address(word)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
