"""HTTP as logs keep it: headers, client addresses (what a client may have written is trusted last), and errors."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from stillhunt.collect.values.address_ranges import AddressRanges, parse_address
from stillhunt.collect.values.json_values import decoded, is_list

NOT_A_POST = "not a POST, so no model call"  # why an entry of an access log is skipped


def user_agent(value: Any) -> Any:
    """A User-Agent header; nginx and Envoy write a dash when there is none."""
    return None if value == "-" else value


def header(headers: Any, *names: str) -> str | None:
    """Value of the first of these headers, given as object, list of {name, value} or JSON, whatever their case."""
    return header_in(lower_case(headers), *names) if headers else None


def lower_case(headers: Any) -> Mapping[str, Any]:
    """Headers with their names in lower case; see `header`."""
    headers = decoded(headers)
    if is_list(headers):
        headers = {h.get("name"): h.get("value") for h in headers if isinstance(h, dict)}
    if not isinstance(headers, dict):
        return {}
    return {name.lower(): value for name, value in headers.items() if isinstance(name, str)}


def header_in(headers: Mapping[str, Any], *names: str) -> str | None:
    """As `header`, for headers whose names are in lower case already."""
    for name in names:
        value = headers.get(name)
        if value:
            value = value[0] if is_list(value) else value
            if value and isinstance(value, str):
                return value
    return None


MAX_CACHED, MAX_CACHED_CHARACTERS = 1 << 16, 128
"""Addresses, or lists of them, whose reading is cached, and the length of the longest."""
PRIVATE_NETWORKS = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.168.0.0/16", "::/128", "::1/128", "fc00::/7", "fe80::/10"),
)
"""Networks that no client on the internet has: RFC 1122, 1918, 3927, 4193, 4291, 6598."""


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
        texts = [text for text in (forwarded if is_list(forwarded) else [forwarded]) if isinstance(text, str)]
        last_public, first_address, first_word = _parse_forwarded_hops(",".join(texts))
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


def _parse_forwarded_hops(forwarded: str) -> tuple[str | None, str | None, str | None]:
    """Last public address of a list, first address, and first word."""
    hops = [hop for word in forwarded.split(",") if (hop := without_port(word))]
    last_public = next((hop for hop in reversed(hops) if is_public(hop)), None)
    first_address = next((hop for hop in hops if parse_address(hop) is not None), None)
    return last_public, first_address, hops[0] if hops else None


_cached_hops = lru_cache(MAX_CACHED)(_parse_forwarded_hops)


def is_public(word: str) -> bool:
    """Whether a text is an address, without a port, that a client on the internet may have."""
    address = parse_address(word)
    return address is not None and not _PRIVATE.owner_of(address)


_PRIVATE = AddressRanges(("private", network) for network in PRIVATE_NETWORKS)


_ERRORS = {
    "BadRequestError": 400,
    "AuthenticationError": 401,
    "PermissionDeniedError": 403,
    "NotFoundError": 404,
    "ConflictError": 409,
    "UnprocessableEntityError": 422,
    "RateLimitError": 429,
    "InternalServerError": 500,
}
"""Error classes of the OpenAI and Anthropic SDKs, which one generator writes (their READMEs, "Handling errors")."""
_SDK_CODE = re.compile(r"Error code: ([45]\d\d)(?!\d)")
"""What the SDKs write before the text of the answer, which clients may influence."""
_STATUS_LINE = re.compile(
    r"^(?:HTTP(?:/\d(?:\.\d)?)? |status(?: code)?[ :=]+)?([45]\d\d)(?= (?-i:[A-Z])|:|$)", re.IGNORECASE
)
_CLASS = re.compile(r"\w+Error")
_CHARACTERS_READ = 400
"""Characters of a message that are searched; what follows is the text of the answer."""


def error_code(text: Any) -> int | None:
    """HTTP status in an error message, or of the error class that it names; None if there is none.

    `text`: such as "RateLimitError: Error code: 429 - ...", "openai.BadRequestError" or "503 Service Unavailable".
    """
    if not isinstance(text, str):
        return None
    text = text[:_CHARACTERS_READ]
    if (found := _SDK_CODE.search(text) or _STATUS_LINE.search(text)) is not None:
        return int(found[1])
    return next((_ERRORS[name] for name in _CLASS.findall(text) if name in _ERRORS), None)
