"""Countries, networks and client programs that honest users and campaigns share.

Autonomous system and address numbers are inventions of this world, except that they look like real ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

# code, share of users, hours ahead of UTC, main language
_COUNTRIES: tuple[tuple[str, float, float, str], ...] = (
    ("US", 0.26, -6.0, "en"), ("GB", 0.06, 0.0, "en"), ("DE", 0.06, 1.0, "de"), ("FR", 0.05, 1.0, "fr"),
    ("IN", 0.10, 5.5, "en"), ("BR", 0.06, -3.0, "pt"), ("JP", 0.06, 9.0, "ja"), ("CA", 0.03, -5.0, "en"),
    ("AU", 0.025, 10.0, "en"), ("ES", 0.03, 1.0, "es"), ("MX", 0.03, -6.0, "es"), ("AR", 0.015, -3.0, "es"),
    ("CO", 0.015, -5.0, "es"), ("SG", 0.03, 8.0, "zh"), ("TW", 0.03, 8.0, "zh"), ("HK", 0.02, 8.0, "zh"),
    ("KZ", 0.01, 5.0, "ru"), ("RS", 0.01, 1.0, "ru"), ("EG", 0.015, 2.0, "ar"), ("SA", 0.015, 3.0, "ar"),
    ("AE", 0.015, 4.0, "ar"), ("TH", 0.02, 7.0, "th"), ("NL", 0.02, 1.0, "en"), ("PT", 0.01, 0.0, "pt"),
    ("NG", 0.015, 1.0, "en"), ("ID", 0.02, 7.0, "en"), ("PH", 0.015, 8.0, "en"),
)  # fmt: skip
_CLOUD_HOMES = ("US", "US", "DE", "SG", "NL", "JP", "GB", "IN")

# name, versions (the newest last), weight, transport fingerprints
_CLIENTS: tuple[tuple[str, tuple[str, ...], float, int], ...] = (
    ("openai-python/{}", tuple(f"1.{minor}.0" for minor in range(30, 100, 6)), 0.30, 5),
    ("anthropic-python/{}", tuple(f"0.{minor}.1" for minor in range(20, 60, 5)), 0.14, 5),
    ("openai-node/{}", tuple(f"4.{minor}.2" for minor in range(40, 90, 8)), 0.15, 4),
    ("langchain/{}", ("0.1.20", "0.2.11", "0.2.17", "0.3.1", "0.3.9"), 0.08, 5),
    ("litellm/{}", ("1.40.9", "1.48.2", "1.55.0", "1.60.4"), 0.08, 5),
    ("okhttp/{}", ("4.9.3", "4.11.0", "4.12.0"), 0.06, 2),
    ("axios/{}", ("1.5.1", "1.6.8", "1.7.7"), 0.05, 4),
    ("python-httpx/{}", ("0.25.2", "0.27.0", "0.28.1"), 0.05, 5),
    ("Go-http-client/{}", ("1.1", "2.0"), 0.05, 2),
    ("curl/{}", ("7.88.1", "8.5.0", "8.9.1"), 0.04, 3),
)
_BROWSER = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
_MACHINES = ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64")


@dataclass(frozen=True)
class Places:
    """The world's map.

    Args:
        share: share of users per country.
        zone: hours ahead of UTC per country.
        language: language code (grammar's names) per country.
        asn: autonomous system number of each network.
        home: networks of households, by country.
        network_of_block: network of each /16 block, -1 where unused.
        blocks: /16 blocks of each network.
    """

    countries: tuple[str, ...]
    share: Array
    zone: Array
    language: tuple[str, ...]
    asn: Array
    network_country: Array
    home: tuple[tuple[int, ...], ...]
    cloud: tuple[int, ...]
    network_of_block: Array
    blocks: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Clients:
    """Client programs with their user agents and TLS fingerprints.

    Args:
        weight: popularity of each client among programs; 0 for browsers.
        browser_weight: popularity of each client among browsers; 0 for programs.
    """

    user_agents: tuple[str, ...]
    fingerprints: tuple[str, ...]
    weight: Array
    browser_weight: Array


def draw_places(rng: np.random.Generator) -> Places:
    """A map: household networks of unequal size per country, and data centres."""
    codes = tuple(row[0] for row in _COUNTRIES)
    kinds = [country for country in range(len(codes)) for _ in range(4 + (country < 8) * 4)]
    kinds += [codes.index(code) for code in _CLOUD_HOMES for _ in range(2)]
    network_country = np.array(kinds)
    cloud_start = len(kinds) - 2 * len(_CLOUD_HOMES)
    octets = [first for first in range(11, 223) if first not in (100, 127, 169, 172, 192, 198, 203)]
    order = rng.permutation(len(octets) * 256)
    blocks: list[tuple[int, ...]] = []
    network_of_block = np.full(65_536, -1)
    used = 0
    for network in range(len(kinds)):
        width = 1 + int(rng.integers(0, 6))
        mine = tuple(octets[int(place) // 256] * 256 + int(place) % 256 for place in order[used : used + width])
        used += width
        network_of_block[list(mine)] = network
        blocks.append(mine)
    home = tuple(tuple(n for n in range(cloud_start) if network_country[n] == country) for country in range(len(codes)))
    share = np.array([row[1] for row in _COUNTRIES])
    return Places(
        countries=codes,
        share=share / share.sum(),
        zone=np.array([row[2] for row in _COUNTRIES]),
        language=tuple(row[3] for row in _COUNTRIES),
        asn=rng.permutation(np.arange(3_000, 60_000))[: len(kinds)],
        network_country=network_country,
        home=home,
        cloud=tuple(range(cloud_start, len(kinds))),
        network_of_block=network_of_block,
        blocks=tuple(blocks),
    )


def draw_clients(rng: np.random.Generator) -> Clients:
    """All client fingerprints; programs of one runtime share TLS fingerprints, and newer versions are more common."""
    runtimes = {size: [_fingerprint(rng) for _ in range(size)] for size in sorted({row[3] for row in _CLIENTS})}
    agents: list[str] = []
    prints: list[str] = []
    weights: list[float] = []
    for name, versions, weight, runtime in _CLIENTS:
        recency = np.exp(0.25 * np.arange(len(versions)))
        for version, part in zip(versions, recency / recency.sum(), strict=True):
            common = 0.6 * 0.4 ** np.arange(runtime)
            for place in range(runtime):
                agents.append(name.format(version))
                prints.append(runtimes[runtime][place])
                weights.append(weight * part * common[place] / common.sum())
    programs = len(agents)
    agents.extend(_BROWSER.format(machine, number) for machine in _MACHINES for number in range(126, 134))
    browsers = [_fingerprint(rng) for _ in range(5)]
    prints += [browsers[place % 5] for place in range(len(agents) - programs)]
    weight_array = np.array(weights + [0.0] * (len(agents) - programs))
    browser_weight = np.r_[np.zeros(programs), rng.gamma(1.0, 1.0, len(agents) - programs)]
    return Clients(
        tuple(agents), tuple(prints), weight_array / weight_array.sum(), browser_weight / browser_weight.sum()
    )


def draw_home_addresses(rng: np.random.Generator, places: Places, country: Array) -> Array:
    """A household address per entry.

    Args:
        country: country code per entry, shape (n,).

    Returns:
        IPv4 addresses as integers, shape (n,).
    """
    networks = [_unequal(rng, places.home[code]) for code in country.tolist()]
    return draw_addresses(rng, places, np.array(networks, np.int64))


def draw_cloud_addresses(rng: np.random.Generator, places: Places, count: int) -> Array:
    """Data-centre addresses, shape (count,)."""
    return draw_addresses(rng, places, rng.choice(np.array(places.cloud), count))


def draw_addresses(rng: np.random.Generator, places: Places, networks: Array) -> Array:
    """An address of each given network, shape (n,)."""
    blocks = [places.blocks[n][int(rng.integers(0, len(places.blocks[n])))] for n in networks.tolist()]
    low = rng.integers(0, 256, len(networks)) * 256 + rng.integers(1, 255, len(networks))
    return np.array(blocks, np.int64) * 65_536 + low


def format_address(address: int) -> str:
    """Dotted form of an IPv4 address."""
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


def _unequal(rng: np.random.Generator, options: tuple[int, ...]) -> int:
    # A country's first provider has about half of the households.
    return options[min(int(rng.geometric(0.45)) - 1, len(options) - 1)]


def _fingerprint(rng: np.random.Generator) -> str:
    return f"t13d{int(rng.integers(11, 20))}{int(rng.integers(8, 18)):02d}h2_{int(rng.integers(0, 1 << 48)):012x}"
