"""Network, country and kind of addresses from the user's MMDB files; values that the log has are never replaced.

No network request is made. The address that is looked up is the one that is hashed (`identity.address_in_text`). Of
several files the first that has a value counts, so a file of networks and a file of countries complete each other.

Fields are named by the publishers of the files: MaxMind (dev.maxmind.com/geoip/docs/databases: country, asn,
anonymous-ip, anonymous-plus, connection-type, enterprise), DB-IP (db-ip.com/db/format: the same names), IPinfo
(ipinfo.io/developers: lite, standard, privacy, company, core, plus; all values may be text), and IP2Location and
IP2Proxy (ip2location.com: usage_type, proxy_type), whose own columns keep their names when they are written as MMDB.
"""

from __future__ import annotations

import functools
import re
import threading
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from stillhunt.base.errors import ConfigError
from stillhunt.base.ids import cut_at
from stillhunt.base.installing import install_command
from stillhunt.collect.normalise.identity import address_in_text
from stillhunt.collect.values.fields import Column
from stillhunt.collect.values.strings import as_text

SETTING = "setting collect.mmdb"
CACHED_ADDRESSES = 1 << 18
"""Distinct texts whose result is cached; bounds the memory and changes no result."""
LOOKED_UP = pa.schema(
    [("asn", pa.int64()), ("asn_name", pa.string()), ("country", pa.string()), ("ip_kind", pa.string())]
)
"""Columns that are looked up for an address, in the order of `Network`."""


class Networks:
    """Opened MMDB files, the most trusted first, for several threads; a ConfigError where one cannot be read."""

    def __init__(self, paths: Sequence[str]) -> None:
        opened = [(Path(path).name, _open_mmdb_file(path)) for path in paths]
        self._readers = [(name, reader, reader.metadata().ip_version == 4) for name, reader in opened]
        self._known: dict[str, Network] = {}
        self._lock = threading.Lock()

    def of(self, values: Column, limit: int) -> pa.RecordBatch:
        """What the files say of client addresses: columns of `LOOKED_UP`, null where they know nothing."""
        coded = as_text(values)[0].dictionary_encode()
        found = [self._look_up(text, limit) for text in coded.dictionary.to_pylist()]
        columns = [
            pa.array([network[place] for network in found], field.type).take(coded.indices)
            for place, field in enumerate(LOOKED_UP)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=LOOKED_UP)

    def _look_up(self, text: str, limit: int) -> Network:
        known = self._known.get(text)
        if known is not None:
            return known
        address = address_in_text(cut_at(text.encode(), limit))
        network = UNKNOWN_NETWORK if address is None else self._look_up_network(str(address))
        with self._lock:
            if len(self._known) >= CACHED_ADDRESSES:
                self._known = {}
            self._known[text] = network
        return network

    def _look_up_network(self, address: str) -> Network:
        known = UNKNOWN_NETWORK
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
                known = known.completed(network_of(record))
        return known


def open_networks(paths: Sequence[str]) -> Networks | None:
    """Networks from the files that the settings name; None if they name none."""
    return Networks(paths) if paths else None


def _open_mmdb_file(path: str) -> Any:
    try:
        import maxminddb  # an extra, which is not needed if the log names countries
    except ImportError as error:
        raise ConfigError(
            "reading MMDB files needs an extra", where=SETTING, next_step=install_command("enrich")
        ) from error
    try:
        return maxminddb.open_database(path)
    except OSError as error:
        raise _make_mmdb_error(path, error.strerror or "it cannot be read") from error
    except (ValueError, RuntimeError, KeyError, TypeError) as error:  # the library's own error is a RuntimeError
        raise _make_mmdb_error(path, "it is not an MMDB file, or it is cut short") from error


def _make_mmdb_error(path: str, reason: str) -> ConfigError:
    return ConfigError(
        f"the MMDB file cannot be used: {reason}",
        where=f"{SETTING}: {Path(path).name}",
        next_step="name MMDB files, such as GeoLite2-Country.mmdb and GeoLite2-ASN.mmdb",
    )


LARGEST_ASN = 2**32 - 1
MAX_NETWORK_NAME_CHARACTERS = 96
NETWORK_KINDS = ("tor", "vpn", "residential proxy", "relay", "proxy", "anonymous", "hosting", "cdn", "crawler")
"""Kinds of addresses that matter more than what the network is used for, in order: of several the first counts,
whichever file has it."""
_ASN = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_BEFORE_NAME = re.compile(r"AS([0-9]{1,10})\s+(.+)", re.DOTALL)
_WORD = re.compile(r"[a-z][a-z /-]{1,23}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_KINDS = tomllib.loads((files(__package__) / "network_kinds.toml").read_text("utf-8"))
_NO_KIND = frozenset(("rsv", "inactive", "unknown", "none", "no", "other"))


class Network(NamedTuple):
    """What is known about an address: number and operator of its autonomous system, country in two letters."""

    asn: int | None = None
    name: str | None = None
    country: str | None = None
    kind: str | None = None

    def completed(self, other: Network) -> Network:
        """This network, with gaps filled from another file; a name only if it belongs to the same number."""
        alike = self.asn is None or other.asn is None or self.asn == other.asn
        return Network(
            self.asn if self.asn is not None else other.asn,
            self.name if self.name is not None or not alike else other.name,
            self.country if self.country is not None else other.country,
            _choose_stronger_kind(self.kind, other.kind),
        )


UNKNOWN_NETWORK = Network()


def network_of(record: Mapping[str, Any]) -> Network:
    """Network from a record."""
    number, name = _number_and_name(record)
    # The kind that matters most among those in the record; else the first word for what the network is used for.
    kind = functools.reduce(_choose_stronger_kind, _iterate_network_kinds(record), None)
    return Network(number, name, _country_of(record), kind)


def _number_and_name(record: Mapping[str, Any]) -> tuple[int | None, str | None]:
    """Number and organisation as in GeoLite2-ASN and DB-IP, GeoIP2 Enterprise (traits) or IPinfo ("AS15169")."""
    traits, system, owner = (_get_inner_record(record, name) for name in ("traits", "asn", "as"))
    leading = _BEFORE_NAME.fullmatch(org) if isinstance(org := record.get("org"), str) else None
    numbers = (
        record.get("autonomous_system_number"),
        traits.get("autonomous_system_number"),
        record.get("asn"),
        system.get("asn"),
        owner.get("asn"),
        leading[1] if leading else None,
    )
    names = (
        record.get("autonomous_system_organization"),
        traits.get("autonomous_system_organization"),
        record.get("as_name"),
        system.get("name"),
        owner.get("name"),
        record.get("as"),
        record.get("name") if isinstance(record.get("asn"), str) else None,
        leading[2] if leading else None,
    )
    number = next((known for known in map(_parse_network_number, numbers) if known is not None), None)
    return number, next((known for known in map(_clean_network_name, names) if known is not None), None)


def _parse_network_number(value: Any) -> int | None:
    match = _ASN.fullmatch(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    return int(match[1]) if match and 0 < int(match[1]) <= LARGEST_ASN else None


def _clean_network_name(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    text = _UNPRINTABLE.sub(" ", value[: 4 * MAX_NETWORK_NAME_CHARACTERS]).strip()[:MAX_NETWORK_NAME_CHARACTERS].strip()
    return text if text not in ("", "-") else None


def _country_of(record: Mapping[str, Any]) -> str | None:
    """Country of the address, not of the registration of its block, as in GeoLite2, GeoIP2, DB-IP or IPinfo."""
    place = record.get("country")
    inner = place.get("iso_code") if isinstance(place, Mapping) else place
    for value in (record.get("country_code"), inner, _get_inner_record(record, "geo").get("country_code")):
        if isinstance(value, str) and _COUNTRY.fullmatch(value):
            return value.upper()
    return None


def _iterate_network_kinds(record: Mapping[str, Any]) -> Iterator[str]:
    traits = _get_inner_record(record, "traits")
    for part in (record, traits, *(_get_inner_record(record, name) for name in ("privacy", "anonymous", "anonymizer"))):
        for name, kind in _KINDS["flags"].items():
            if name in part and _is_set(part[name]):
                yield kind
    words = (
        record.get("proxy_type"),
        traits.get("user_type"),
        record.get("user_type"),
        record.get("usage_type"),
        _get_inner_record(record, "company").get("type"),
        record.get("company_type"),
        traits.get("connection_type"),
        record.get("connection_type"),
        _get_inner_record(record, "asn").get("type"),
        _get_inner_record(record, "as").get("type"),
        record.get("type") if "asn" in record or "domain" in record else None,
        record.get("as_type"),
    )
    yield from (kind for kind in map(_translate_kind_word, words) if kind is not None)


def _is_set(value: Any) -> bool:
    return value is True or (type(value) is int and value == 1) or (isinstance(value, str) and value.lower() in _TRUE)


_TRUE = frozenset(("true", "1", "yes", "t"))


def _translate_kind_word(value: Any) -> str | None:
    """A kind from a publisher's word for it; unknown words are kept."""
    if not isinstance(value, str) or len(value) > MAX_NETWORK_NAME_CHARACTERS:
        return None
    word = value.strip().lower().replace("_", " ")
    word = str(_KINDS["words"].get(word, word))
    return word if _WORD.fullmatch(word) and word not in _NO_KIND else None


def _choose_stronger_kind(one: str | None, other: str | None) -> str | None:
    """The kind that matters more; the first of two that only say what a network is used for."""
    if one is None or other is None:
        return other if one is None else one
    ranks = [NETWORK_KINDS.index(kind) if kind in NETWORK_KINDS else len(NETWORK_KINDS) for kind in (one, other)]
    return other if ranks[1] < ranks[0] else one


def _get_inner_record(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = record.get(name)
    return value if isinstance(value, Mapping) else {}
