"""Whether the addresses of a log are those of proxies before the server that wrote it, and not of clients."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from ipaddress import ip_address, ip_network

from stillhunt.collect.decode.raw_batch import RawBatch
from stillhunt.collect.formats.shared.addresses import LONGEST_REMEMBERED, is_public, without_port

MOST = 4
"""Different addresses that are told apart; a log with more has clients' addresses as far as their number tells."""
FEW = 3
"""Addresses up to which a log with many calls looks like one behind proxies."""
LEAST_CALLS = 200
"""Calls from which so few addresses are worth a word: a small log may have few clients."""
LEAST_OF_PROXIES = 20
MOSTLY = 0.9
"""Share of calls from addresses that no client on the internet has, from which the log is one behind proxies."""
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
    "envoy": "tell Envoy how many proxies stand before it (xff_num_trusted_hops, use_remote_address)",
}
_OTHERS_ADVICE = "let the proxy hand on the client's address, and the gateway log it (X-Forwarded-For)"


class ProxyCheck:
    """What is counted of the addresses of one input; bounded whatever they are."""

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
            if len(self._known) < MOST:
                self._known.add(address)
            whose = _owner(address) if len(address) <= LONGEST_REMEMBERED else ""
            if whose:
                self._of[whose] += calls

    def doubt(self, source: str, *, edge: bool) -> str:
        """What speaks against that these are clients, in one sentence; empty where nothing does.

        Args:
            source: kind of the log.
            edge: whether it is written where clients connect, so that many calls have many addresses.
        """
        whose = max(self._of, key=lambda name: (self._of[name], name), default="")
        share = sum(self._of.values()) / self.calls if self.calls else 0.0
        proxies = "probably of proxies, and no client's"
        if self.calls >= LEAST_OF_PROXIES and share >= MOSTLY:
            said = f"{_percent(share)} its calls come from addresses of {whose}, {proxies}"
            if whose == _PRIVATE:
                said = (
                    f"{_percent(share)} its calls come from private addresses, of clients in your network or {proxies}"
                )
        elif edge and self.calls >= LEAST_CALLS and len(self._known) <= FEW:
            said = f"all its {self.calls:,} calls come from {_counted(len(self._known))}, {proxies}"
        else:
            return ""
        return f"{said}; {_ADVICE.get(source, _OTHERS_ADVICE)}"


_PRIVATE = "private"


def _percent(share: float) -> str:
    return "all" if share >= 1.0 else f"{100 * share:.0f} % of"


def _counted(addresses: int) -> str:
    return "1 address" if addresses == 1 else f"{addresses} addresses"


@lru_cache(1 << 14)
def _owner(text: str) -> str:
    """Whose proxies have this address; private for networks that no client on the internet comes from."""
    word = without_port(text)
    try:
        address = ip_address(word)
    except ValueError:
        return ""
    if not is_public(word):
        return _PRIVATE
    return next((name for name, network in _NETWORKS if address in network), "")
