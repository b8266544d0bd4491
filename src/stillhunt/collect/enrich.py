"""Network and country of addresses, from MMDB files that the user gives: the log's own values are never replaced.

The layouts of GeoLite2 and GeoIP2 (MaxMind), DB-IP and IPinfo are known. Nothing is asked over a network. An address
is looked up as it is compared (`identity.client_address`); of several files the first that tells a value counts, so
one of networks and one of countries stand side by side. What an address is used for (hosting, VPN) is not taken: no
evidence is read from it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from stillhunt.base.errors import ConfigError
from stillhunt.collect.fields import Column
from stillhunt.collect.identity import client_address
from stillhunt.collect.strings import as_text, cut_at

SETTING = "setting collect.mmdb"
LARGEST_ASN = 2**32 - 1
CACHED_ADDRESSES = 1 << 18
"""Distinct texts whose answer is remembered; bounds memory, changes no result."""
_ASN = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_COUNTRY = re.compile(r"[A-Za-z]{2}")


class Network(NamedTuple):
    """What is known of one address; None where nothing is."""

    asn: int | None
    country: str | None


_UNKNOWN = Network(None, None)


class Networks:
    """Opened MMDB files; may be used by several threads.

    Args:
        paths: MMDB files, the most trusted first.

    Raises:
        ConfigError: the reader is not installed, or a file is missing or no MMDB file.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        opened = [(Path(path).name, _opened(path)) for path in paths]
        self._readers = [(name, reader, reader.metadata().ip_version == 4) for name, reader in opened]
        self._known: dict[str, Network] = {}
        self._lock = threading.Lock()

    def of(self, values: Column, limit: int) -> tuple[pa.Array, pa.Array]:
        """Networks and countries of a column of client addresses.

        Args:
            values: text; null stays null.
            limit: bytes looked at of each.

        Returns:
            (ASN int64, two-letter countries); null where the address is none or not known.

        Raises:
            ConfigError: a file is damaged.
        """
        coded = as_text(values)[0].dictionary_encode()
        found = [self._look_up(text, limit) for text in coded.dictionary.to_pylist()]
        numbers = pa.array([network.asn for network in found], pa.int64())
        countries = pa.array([network.country for network in found], pa.string())
        return numbers.take(coded.indices), countries.take(coded.indices)

    def _look_up(self, text: str, limit: int) -> Network:
        known = self._known.get(text)
        if known is not None:
            return known
        address = client_address(cut_at(text.encode(), limit))
        network = _UNKNOWN if address is None else self._ask(str(address))
        with self._lock:
            if len(self._known) >= CACHED_ADDRESSES:
                self._known = {}
            self._known[text] = network
        return network

    def _ask(self, address: str) -> Network:
        asn, country = _UNKNOWN
        for name, reader, only_ipv4 in self._readers:
            if only_ipv4 and ":" in address:
                continue
            try:
                record = reader.get(address)
            except (ValueError, RuntimeError, OSError) as error:  # the library's own error is a RuntimeError
                raise ConfigError(
                    "this MMDB file is damaged", where=f"{SETTING}: {name}", next_step="download it again"
                ) from error
            if isinstance(record, Mapping):
                asn = _asn_of(record) if asn is None else asn
                country = _country_of(record) if country is None else country
        return Network(asn, country)


def open_networks(paths: Sequence[str]) -> Networks | None:
    """Networks of the files that the settings name; None where they name none."""
    return Networks(paths) if paths else None


def _opened(path: str) -> Any:
    try:
        import maxminddb  # an extra; logs that name countries do without
    except ImportError as error:
        raise ConfigError(
            "MMDB files need the reader of them", where=SETTING, next_step="pip install 'stillhunt[enrich]'"
        ) from error
    try:
        return maxminddb.open_database(path)
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be read") from error
    except (ValueError, RuntimeError, KeyError, TypeError) as error:  # the library's own error is a RuntimeError
        raise _unusable(path, "it is no MMDB file, or cut short") from error


def _unusable(path: str, reason: str) -> ConfigError:
    return ConfigError(
        f"the MMDB file cannot be used: {reason}",
        where=f"{SETTING}: {Path(path).name}",
        next_step="name MMDB files, such as GeoLite2-Country.mmdb and GeoLite2-ASN.mmdb",
    )


def _asn_of(record: Mapping[str, Any]) -> int | None:
    """The number of GeoLite2-ASN and DB-IP, of GeoIP2 Enterprise (under traits), or of IPinfo ("AS15169")."""
    traits = record.get("traits")
    inner = traits.get("autonomous_system_number") if isinstance(traits, Mapping) else None
    for value in (record.get("autonomous_system_number"), inner, record.get("asn")):
        match = _ASN.fullmatch(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
        if match and 0 < int(match[1]) <= LARGEST_ASN:
            return int(match[1])
    return None


def _country_of(record: Mapping[str, Any]) -> str | None:
    """Where the address is, not where its block is registered: of GeoLite2, GeoIP2 and DB-IP, or of IPinfo."""
    place = record.get("country")
    inner = place.get("iso_code") if isinstance(place, Mapping) else place
    for value in (record.get("country_code"), inner):
        if isinstance(value, str) and _COUNTRY.fullmatch(value):
            return value.upper()
    return None
