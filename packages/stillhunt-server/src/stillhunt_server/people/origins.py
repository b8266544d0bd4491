"""Where a request comes from: its address, the page that sent it, and where it may be led."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

Network = IPv4Network | IPv6Network
_LONGEST_PATH = 1024
"""Characters of a path to be led to: three times as many bytes in a form, beside a name and a password."""
_MOST_FORWARDED = 20
_HOME_BITS = 64
"""Bits of an IPv6 address that one customer of a provider has all of: RFC 6177."""


def networks_of(addresses: Sequence[str]) -> tuple[Network, ...]:
    """Networks of a setting, which are valid.

    Args:
        addresses: such as 10.0.0.1, 10.0.0.0/8 or ::1.
    """
    return tuple(ip_network(one) for one in addresses)


def comes_from(connection: HTTPConnection, networks: Sequence[Network]) -> bool:
    """Whether the other end of the connection, not what a header says, is in one of the networks."""
    address = _parse_host_address(connection.client.host if connection.client is not None else "")
    return address is not None and _is_in(address, networks)


def client_address(connection: HTTPConnection, proxies: Sequence[Network]) -> str:
    """Address of the client: of IPv6 the network of its home, since a home has as many addresses as it likes.

    Behind a proxy that is trusted, it is the last one in X-Forwarded-For that is no such proxy: those before it are
    what the client says. "" where it is not known.
    """
    host = connection.client.host if connection.client is not None else ""
    if comes_from(connection, proxies):
        forwarded = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
        for text in reversed(forwarded[-_MOST_FORWARDED:]):
            found = _parse_host_address(text.strip())
            if found is None:
                break
            host = str(found)
            if not _is_in(found, proxies):
                break
    address = _parse_host_address(host)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _HOME_BITS), strict=False))
    return "" if address is None else str(address)


def is_secure(connection: HTTPConnection, url: str) -> bool:
    """Whether people reach the console over TLS."""
    return url.startswith("https://") if url else connection.url.scheme == "https"


def is_own_host(connection: HTTPConnection, url: str) -> bool:
    """Whether a request names this console as its host: otherwise a page of another name could ask as if it were ours.

    Addresses and localhost are no names that somebody else could let point to this machine (DNS rebinding).

    Args:
        url: address of the console; "" where it is not set, and then every host is its own.
    """
    if not url:
        return True
    try:
        host = urlsplit("//" + connection.headers.get("host", "").lower()).hostname or ""
    except ValueError:
        return False
    return host in (urlsplit(url).hostname, "localhost") or _parse_host_address(host) is not None


def is_same_site(connection: HTTPConnection, url: str) -> bool:
    """Whether a request that changes something was sent by one of our pages, or by no browser.

    Browsers say it in Sec-Fetch-Site, older ones in Origin alone; no page can forge either. Each that is there must be
    right. Programs send neither, and have no cookie that a page could misuse.

    Args:
        url: address of the console; "" for what Host says.
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    if url:
        return origin.lower() == url
    try:
        host = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    return bool(host) and host == connection.headers.get("host", "").lower()


def local_path(text: str | None) -> str:
    r"""A path of this site to lead somebody to, as it was given; "/" for anything else.

    Browsers read `\` as `/` and drop line ends, so that `/\evil` and `//evil` would lead elsewhere.
    """
    path = text or ""
    harmless = path.isascii() and path.isprintable() and "\\" not in path and len(path) <= _LONGEST_PATH
    if not harmless or not path.startswith("/") or path.startswith("//"):
        return "/"
    return path


def _parse_host_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_in(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
