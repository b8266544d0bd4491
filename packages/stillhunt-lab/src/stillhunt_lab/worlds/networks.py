"""Countries, networks and client programs that honest users and campaigns share.

Autonomous system and address numbers are inventions of this world, except that they look like real ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stillhunt_lab.arrays import Array
from stillhunt_lab.worlds.grammar import read_data

_PLACES = read_data("places")


@dataclass(frozen=True)
class Channel:
    """One channel to the models.

    Args:
        name: value of the column `channel`; the clouds and the aggregator are inventions.
        account: shape of its account ids, with `{}` for sixteen hexadecimal digits.
        hidden: columns of the log that it does not pass on to the provider.
        withheld: columns of the customer table that it does not pass on.
    """

    name: str
    account: str
    request: str
    hidden: Sequence[str] = ()
    withheld: Sequence[str] = ()


CHANNELS = tuple(Channel(**way) for way in _PLACES["channels"])
"""All channels; accounts hold codes into them."""

API, SUBSCRIPTION = 0, 1

PROGRAM_CHANNELS = (0.80, 0.09, 0.05, 0.03, 0.03)
"""Share of each channel among honest accounts that run programs; whoever uses a browser has a subscription."""

SPREAD_CHANNELS = (0.38, 0.22, 0.12, 0.18, 0.10)
"""The same for a campaign that spreads over all of them."""


def hides(column: str, part: str) -> Array:
    """Whether each channel holds a column back, shape (channels,) bool.

    `part`: "hidden" for the log, "withheld" for the table of accounts.
    """
    return np.array([column in getattr(way, part) for way in CHANNELS])


@dataclass(frozen=True)
class Places:
    """The world's map.

    `language`: language code (grammar's names) per country. `network_of_block`: network of each /16 block, -1 where
    unused.
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

    `weight`: popularity of each client among programs; 0 for browsers. `browser_weight`: popularity of each client
    among browsers; 0 for programs.
    """

    user_agents: tuple[str, ...]
    fingerprints: tuple[str, ...]
    weight: Array
    browser_weight: Array


def draw_places(rng: np.random.Generator) -> Places:
    """A map: household networks of unequal size per country, and data centres."""
    codes = tuple(row[0] for row in _PLACES["countries"])
    kinds = [country for country in range(len(codes)) for _ in range(4 + (country < 8) * 4)]
    kinds += [codes.index(code) for code in _PLACES["cloud_homes"] for _ in range(2)]
    network_country = np.array(kinds)
    cloud_start = len(kinds) - 2 * len(_PLACES["cloud_homes"])
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
    share = np.array([row[1] for row in _PLACES["countries"]])
    return Places(
        countries=codes,
        share=share / share.sum(),
        zone=np.array([row[2] for row in _PLACES["countries"]]),
        language=tuple(row[3] for row in _PLACES["countries"]),
        asn=rng.permutation(np.arange(3_000, 60_000))[: len(kinds)],
        network_country=network_country,
        home=home,
        cloud=tuple(range(cloud_start, len(kinds))),
        network_of_block=network_of_block,
        blocks=tuple(blocks),
    )


def draw_clients(rng: np.random.Generator) -> Clients:
    """All client fingerprints; programs of one runtime share TLS fingerprints, and newer versions are more common."""
    sizes = sorted({runtime for *_, runtime in _PLACES["clients"]})
    runtimes = {size: [_draw_tls_fingerprint(rng) for _ in range(size)] for size in sizes}
    agents: list[str] = []
    prints: list[str] = []
    weights: list[float] = []
    for name, versions, weight, runtime in _PLACES["clients"]:
        recency = np.exp(0.25 * np.arange(len(versions)))
        for version, part in zip(versions, recency / recency.sum(), strict=True):
            common = 0.6 * 0.4 ** np.arange(runtime)
            for place in range(runtime):
                agents.append(name.format(version))
                prints.append(runtimes[runtime][place])
                weights.append(weight * part * common[place] / common.sum())
    programs = len(agents)
    browser = _PLACES["browser"]
    agents += [browser.format(machine, number) for machine in _PLACES["machines"] for number in range(126, 134)]
    browsers = [_draw_tls_fingerprint(rng) for _ in range(5)]
    prints += [browsers[place % 5] for place in range(len(agents) - programs)]
    weight_array = np.array(weights + [0.0] * (len(agents) - programs))
    browser_weight = np.r_[np.zeros(programs), rng.gamma(1.0, 1.0, len(agents) - programs)]
    return Clients(
        tuple(agents), tuple(prints), weight_array / weight_array.sum(), browser_weight / browser_weight.sum()
    )


def draw_home_addresses(rng: np.random.Generator, places: Places, country: Array) -> Array:
    """A household address per entry.

    Returns iPv4 addresses as integers, shape (n,).
    """
    options = [places.home[code] for code in country.tolist()]
    # A country's first provider has about half of the households.
    networks = [own[min(int(rng.geometric(0.45)) - 1, len(own) - 1)] for own in options]
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


def _draw_tls_fingerprint(rng: np.random.Generator) -> str:
    return f"t13d{int(rng.integers(11, 20))}{int(rng.integers(8, 18)):02d}h2_{int(rng.integers(0, 1 << 48)):012x}"
