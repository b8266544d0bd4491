"""Countries, carriers, addresses and client programs; every name and number is invented."""

from dataclasses import dataclass, field

import numpy as np

from stillhunt_lab.arrays import Array
from stillhunt_lab.second_worlds.spec import open_stream
from stillhunt_lab.worlds.grammar import read_data

_DATA = read_data("second_network")
COUNTRIES: list[tuple[str, int, int, str]] = _DATA["countries"]
CODES = np.array([code for code, *_ in COUNTRIES], object)
ZONES = np.array([zone for _, zone, *_ in COUNTRIES])
WEIGHTS = np.array([weight for _, _, weight, _ in COUNTRIES]) / sum(weight for _, _, weight, _ in COUNTRIES)

CLIENTS: list[tuple[str, str, int, int]] = _DATA["clients"]
PEOPLE_CLIENTS = np.array([people for _, _, people, _ in CLIENTS]) / sum(people for _, _, people, _ in CLIENTS)
PROGRAM_CLIENTS = np.array([code for *_, code in CLIENTS]) / sum(code for *_, code in CLIENTS)

_FIRST_ASN = 4_200_000_000  # private numbers
_CARRIERS = 3
_CLOUDS = 7
_TUNNELS = 6


@dataclass
class AddressBook:
    """Addresses handed out so far, and who hands them out."""

    seed: int
    text: list[str] = field(default_factory=list)
    asn: list[int] = field(default_factory=list)
    country: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = open_stream(self.seed, "network")
        blocks = rng.permutation(np.arange(11 * 256, 224 * 256))
        blocks = blocks[(blocks // 256 != 127) & (blocks // 256 != 172) & (blocks // 256 != 192)]
        count = len(COUNTRIES)
        self._home = blocks[: count * _CARRIERS * 4].reshape(count, _CARRIERS, 4)
        rest = blocks[count * _CARRIERS * 4 :]
        self._cloud, self._tunnel, self._office = rest[:_CLOUDS], rest[_CLOUDS : _CLOUDS + _TUNNELS], rest[100:400]
        self._mobile = rest[400 : 400 + count]
        self._cloud_country = rng.choice(count, _CLOUDS, p=WEIGHTS)
        self._tunnel_country = rng.choice(count, _TUNNELS, p=WEIGHTS)

    def _append_addresses(self, text: list[str], asn: Array, country: Array) -> Array:
        first = len(self.text)
        self.text += text
        self.asn += (_FIRST_ASN + asn).tolist()
        self.country += country.tolist()
        return np.arange(first, len(self.text))

    def homes(self, rng: np.random.Generator, country: Array) -> Array:
        """A household address for each, of its own; some are IPv6.

        Returns address codes, shape (n,).
        """
        n = len(country)
        carrier = rng.choice(_CARRIERS, n, p=(0.55, 0.3, 0.15))
        block = self._home[country, carrier, rng.integers(0, 4, n)]
        host = rng.integers(1, 65535, n)
        tail = rng.integers(0, 1 << 16, (n, 5))
        text = [
            f"2a{b >> 8:02x}:{b & 255:x}:{h:x}:{t[0]:x}:{t[1]:x}:{t[2]:x}:{t[3]:x}:{t[4]:x}"
            if c == 2
            else _format_ipv4_address(b, h)
            for b, h, c, t in zip(block.tolist(), host.tolist(), carrier.tolist(), tail.tolist(), strict=True)
        ]
        return self._append_addresses(text, country * _CARRIERS + carrier, country)

    def pool(self, rng: np.random.Generator, kind: str, country: int, size: int) -> Array:
        """Addresses that many share.

        Args:
            kind: "cloud", "tunnel" (consumer VPN), "mobile" (carrier-grade NAT) or "office".
            country: index of the country; not used for clouds and tunnels, which have countries of their own.

        Returns:
            Address codes, shape (size,).
        """
        number = 0
        if kind == "cloud":
            number = int(rng.integers(0, _CLOUDS))
            block, asn, country = self._cloud[number], 500 + number, int(self._cloud_country[number])
        elif kind == "tunnel":
            number = int(rng.integers(0, _TUNNELS))
            block, asn, country = self._tunnel[number], 520 + number, int(self._tunnel_country[number])
        elif kind == "mobile":
            block, asn = self._mobile[country], 300 + country
        else:
            block, asn = rng.choice(self._office), country * _CARRIERS + int(rng.integers(0, _CARRIERS))
        hosts = rng.choice(np.arange(256, 65279), size, replace=False)
        text = [_format_ipv4_address(int(block), int(host)) for host in hosts]
        return self._append_addresses(text, np.full(size, asn), np.full(size, country))

    def leases(self, rng: np.random.Generator, country: Array, owner: Array, time: Array, days: Array) -> Array:
        """Household addresses that the carrier changes now and then.

        `days`: how long an account keeps its address, days, shape (accounts,). Returns address codes, shape (n,).
        """
        length = np.maximum(days, 0.1) * 86_400e6
        number = ((time - time.min(initial=0)) / length[owner] + rng.random(len(days))[owner]).astype(np.int64)
        pairs, place = np.unique(np.stack([owner, number]), axis=1, return_inverse=True)
        codes: Array = self.homes(rng, country[pairs[0]])[place.reshape(-1)]
        return codes


def _format_ipv4_address(block: int, host: int) -> str:
    return f"{block >> 8}.{block & 255}.{host >> 8}.{host & 255}"
