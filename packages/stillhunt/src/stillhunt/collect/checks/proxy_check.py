"""Whether the addresses in a log are those of proxies in front of the server, and not those of clients."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from ipaddress import ip_address, ip_network

from stillhunt.base.formatting import percent, plural
from stillhunt.collect.formats.shared.http import MAX_CACHED_CHARACTERS, is_public, without_port
from stillhunt.collect.values.fields import RawBatch

COUNTED_ADDRESSES = 4
"""Different addresses that are counted; a log with more addresses is taken to have those of clients."""
MAX_PROXY_ADDRESSES = 3
"""Most different addresses with which a log of many calls looks like one behind proxies."""
MIN_CALLS_BEHIND_PROXIES = 200
"""Fewest calls from which so few addresses are reported: a small log may really have few clients."""
MIN_PROXY_CALLS = 20
MIN_PROXY_SHARE = 0.9
"""Smallest share of calls from addresses of one proxy operator, or from private addresses, that is reported."""
_PROXIES = {
    "Cloudflare": (  # cloudflare.com/ips
        *("173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "141.101.64.0/18"),
        *("108.162.192.0/18", "190.93.240.0/20", "188.114.96.0/20", "197.234.240.0/22", "198.41.128.0/17"),
        *("162.158.0.0/15", "104.16.0.0/13", "104.24.0.0/14", "172.64.0.0/13", "131.0.72.0/22", "2400:cb00::/32"),
        *("2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2405:8100::/32", "2a06:98c0::/29", "2c0f:f248::/32"),
    ),
    "Fastly": (  # api.fastly.com/public-ip-list
        *("23.235.32.0/20", "43.249.72.0/22", "103.244.50.0/24", "103.245.222.0/23", "103.245.224.0/24"),
        *("104.156.80.0/20", "140.248.64.0/18", "140.248.128.0/17", "146.75.0.0/17", "151.101.0.0/16"),
        *("157.52.64.0/18", "167.82.0.0/17", "172.111.64.0/18", "185.31.16.0/22", "199.27.72.0/21"),
        *("199.232.0.0/16", "2a04:4e40::/32", "2a04:4e42::/32"),
    ),
    "Google's load balancers": ("35.191.0.0/16", "130.211.0.0/22"),  # cloud.google.com/load-balancing/docs/https
}
_NETWORKS = tuple((name, ip_network(text)) for name, texts in _PROXIES.items() for text in texts)
_ADVICE = {
    "nginx": "let nginx take the client's address from the header (set_real_ip_from, real_ip_header)",
    "nginx-combined": "let nginx take the client's address from the header (set_real_ip_from, real_ip_header; Apache: "
    "mod_remoteip)",
    "envoy": "tell Envoy how many proxies stand in front of it (xff_num_trusted_hops, use_remote_address)",
}
_OTHERS_ADVICE = "make the proxy pass on the client's address and the gateway log it (X-Forwarded-For)"


class ProxyCheck:
    """Counts the client addresses of one input, in bounded memory."""

    def __init__(self) -> None:
        self.calls = 0
        """Calls with an address."""
        self._known: set[str] = set()
        self._of: Counter[str] = Counter()

    def note(self, raw: RawBatch) -> None:
        """Count the client addresses of some calls.

        Args:
            raw: rows as the source gives them.
        """
        column = raw.columns.get("client_ip")
        values = column if isinstance(column, list) else () if column is None else column.to_pylist()
        for address, calls in Counter(value for value in values if isinstance(value, str)).items():
            self.calls += calls
            if len(self._known) < COUNTED_ADDRESSES:
                self._known.add(address)
            whose = _owner(address) if len(address) <= MAX_CACHED_CHARACTERS else ""
            if whose:
                self._of[whose] += calls

    def doubt(self, source: str, *, edge: bool) -> str:
        """A sentence if the addresses are probably not those of clients; else the empty string.

        Args:
            edge: whether the log is written where clients connect, so that many calls should have many addresses.
        """
        whose = max(self._of, key=lambda name: (self._of[name], name), default="")
        share = sum(self._of.values()) / self.calls if self.calls else 0.0
        proxies = "probably those of proxies and not of clients"
        if self.calls >= MIN_PROXY_CALLS and share >= MIN_PROXY_SHARE:
            kind = "private addresses" if whose == _PRIVATE else f"addresses of {whose}"
            own = "clients in your own network, or " if whose == _PRIVATE else ""
            calls = "all calls" if share >= 1.0 else f"{percent(share)} of the calls"
            said = f"{calls} come from {kind}: {own}{proxies}"
        elif edge and self.calls >= MIN_CALLS_BEHIND_PROXIES and len(self._known) <= MAX_PROXY_ADDRESSES:
            addresses = plural(len(self._known), "address", "addresses")
            said = f"all {plural(self.calls, 'call')} come from {addresses}: {proxies}"
        else:
            return ""
        return f"{said}; {_ADVICE.get(source, _OTHERS_ADVICE)}"


_PRIVATE = "private"


@lru_cache(1 << 14)
def _owner(text: str) -> str:
    """Owner of the proxies that have this address; private for networks that are not on the internet."""
    word = without_port(text)
    try:
        address = ip_address(word)
    except ValueError:
        return ""
    if not is_public(word):
        return _PRIVATE
    return next((name for name, network in _NETWORKS if address in network), "")
