"""What may be wrong with an input: addresses of proxies in place of clients, and edge logs of the same calls.

Two edge logs may record the same calls without a common id, so that every call would count twice. Their times need not
match: one log has the moment at which a call arrived, the other the moment at which it was answered, in whole seconds.
But a client has the same number of calls on a day in both logs. Two servers that share the load also have the same
clients, though seldom the same number of calls of each. A hash chooses the clients that are compared, so memory is
bounded and the same clients are chosen from each log.
"""

import itertools
import tomllib
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.formatting import percent, plural
from stillhunt.collect.formats.shared.http import MAX_CACHED_CHARACTERS, PRIVATE_NETWORKS, without_port
from stillhunt.collect.normalise.identity import random_words
from stillhunt.collect.normalise.kernels_identity import read_ipv4
from stillhunt.collect.values.address_ranges import AddressRanges, parse_address
from stillhunt.collect.values.fields import RawBatch
from stillhunt.collect.values.kernels import KEYS, hash_rows
from stillhunt.collect.values.strings import text_buffers

COUNTED_ADDRESSES = 4
"""Different addresses that are counted; a log with more addresses is taken to have those of clients."""
MAX_PROXY_ADDRESSES = 3
"""Most different addresses with which a log of many calls looks like one behind proxies."""
MIN_CALLS_BEHIND_PROXIES = 200
"""Fewest calls from which so few addresses are reported: a small log may really have few clients."""
MIN_PROXY_CALLS = 20
MIN_PROXY_SHARE = 0.9
"""Smallest share of calls from addresses of one proxy operator, or from private addresses, that is reported."""
_PROXIES = tomllib.loads((files(__package__) / "proxies.toml").read_text("utf-8"))
_PRIVATE = "private"
_OWNERS = AddressRanges(
    (owner, network)
    for owner, networks in ((_PRIVATE, PRIVATE_NETWORKS), *_PROXIES["networks"].items())
    for network in networks
)
_OTHERS_ADVICE = "make the proxy pass on the client's address and the gateway log it (X-Forwarded-For)"


class ProxyCheck:
    """Counts the client addresses of one input, in bounded memory."""

    def __init__(self) -> None:
        self.calls = 0  # calls with an address
        self._known: set[str] = set()
        self._of: Counter[str] = Counter()

    def note(self, raw: RawBatch) -> None:
        """Count the client addresses of some calls."""
        column = raw.columns.get("client_ip")
        if column is not None and not isinstance(column, list) and pa.types.is_large_string(column.type):
            column = self._note_plain(column.drop_null())
        values = column if isinstance(column, list) else () if column is None else column.to_pylist()
        for address, calls in Counter(value for value in values if isinstance(value, str)).items():
            self.calls += calls
            if len(self._known) < COUNTED_ADDRESSES:
                self._known.add(address)
            whose = _find_proxy_owner(address) if len(address) <= MAX_CACHED_CHARACTERS else ""
            if whose:
                self._of[whose] += calls

    def _note_plain(self, addresses: pa.Array) -> pa.Array:
        """Count the texts that are IPv4 addresses, and return the others."""
        numbers, others = np.empty(len(addresses), np.int64), np.empty(len(addresses), np.bool_)
        read_ipv4(*text_buffers(addresses), numbers, others)
        plain = numbers[~others]
        self.calls += len(plain)
        self._of += _OWNERS.count_ipv4(plain)
        if len(self._known) < COUNTED_ADDRESSES:
            self._known.update(addresses.filter(pa.array(~others)).unique()[:COUNTED_ADDRESSES].to_pylist())
        return addresses.filter(pa.array(others))

    def doubt(self, source: str, *, edge: bool) -> str:
        """A sentence if the addresses are probably not of clients, else ""; an `edge` log should have many of them."""
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
        return f"{said}; {_PROXIES['advice'].get(source, _OTHERS_ADVICE)}"


def _find_proxy_owner(text: str) -> str:
    """Owner of the proxies that have this address; private for networks that are not on the internet."""
    address = parse_address(text) or parse_address(without_port(text))
    return "" if address is None else _OWNERS.owner_of(address)


MAX_CLIENT_DAYS = 16_384
"""Most pairs of client and day that are compared of each log."""
MIN_COMPARED_CALLS = 100
MIN_SHARED_CALLS = 0.8
"""Smallest share of calls by clients with equally many calls that day in both logs, for the logs to be duplicates."""
_DAY = 86_400_000_000
_Keys = npt.NDArray[np.uint64]
_Counts = npt.NDArray[np.int64]


class DuplicateInputs:
    """Calls of each client and day in each of some logs."""

    def __init__(self) -> None:
        self._secret = random_words(KEYS)
        self._logs: dict[int, tuple[_Keys, _Counts]] = {}

    def note(self, index: int, table: pa.Table) -> None:
        """Count the calls of one input."""
        known = table.filter(pc.is_valid(table["client_ip"]))
        if not known.num_rows:
            return
        keys = known["client_ip"].cast(pa.uint64()).to_numpy().copy()
        day = known["timestamp"].cast(pa.int64()).to_numpy() // _DAY
        status = pc.fill_null(known["status"], -1).to_numpy()
        for texts in (known["user_agent"], pa.array([f"{d} {s}" for d, s in zip(day, status, strict=True)])):
            column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
            column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
            hash_rows(*text_buffers(pc.fill_null(column, "").cast(pa.large_string())), self._secret, keys)
        own, counts = np.unique(keys, return_counts=True)
        earlier = self._logs.get(index)
        if earlier is not None:
            both = np.concatenate([earlier[0], own])
            weights = np.concatenate([earlier[1], counts])
            own, place = np.unique(both, return_inverse=True)
            counts = np.zeros(len(own), np.int64)
            np.add.at(counts, place, weights)
        # The smallest keys are kept. A key that is kept at the end was kept from its first call on, so all are counted.
        self._logs[index] = own[:MAX_CLIENT_DAYS], counts[:MAX_CLIENT_DAYS]

    def doubts(self, names: Mapping[int, str]) -> dict[int, str]:
        """A sentence for each input that seems to repeat an earlier one."""
        found: dict[int, str] = {}
        for one, other in itertools.combinations(sorted(self._logs), 2):
            share = _compute_alike_share(self._logs[one], self._logs[other])
            if share >= MIN_SHARED_CALLS and other not in found:
                found[other] = (
                    f"it seems to repeat the calls of {names[one]}: {percent(share)} of the calls are by clients with "
                    "as many calls there on that day; no id joins the two logs, so name only one of them, or each call "
                    "counts twice"
                )
        return found


def _compute_alike_share(one: tuple[_Keys, _Counts], other: tuple[_Keys, _Counts]) -> float:
    """Share of the smaller log's calls by clients with the same number of calls on that day in the other log."""
    last = min(log[0][-1] if len(log[0]) == MAX_CLIENT_DAYS else np.iinfo(np.uint64).max for log in (one, other))
    (a, in_a), (b, in_b) = ((keys[keys <= last], counts[keys <= last]) for keys, counts in (one, other))
    smaller = min(int(in_a.sum()), int(in_b.sum()))
    if smaller < MIN_COMPARED_CALLS:
        return 0.0
    _, of_a, of_b = np.intersect1d(a, b, assume_unique=True, return_indices=True)
    return float(in_a[of_a][in_a[of_a] == in_b[of_b]].sum() / smaller)
