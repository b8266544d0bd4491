"""Network, country and kind of addresses from the user's MMDB files; values that the log has are never replaced.

No network request is made. The address that is looked up is the one that is hashed (`identity.address_in_text`). Of
several files the first that has a value counts, so a file of networks and a file of countries complete each other.
`mmdb_schemas.py` knows the fields of the files.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillhunt.base.errors import ConfigError
from stillhunt.collect.normalise.identity import address_in_text
from stillhunt.collect.normalise.mmdb_schemas import UNKNOWN_NETWORK, Network, network_of
from stillhunt.collect.values.fields import Column
from stillhunt.collect.values.strings import as_text, cut_at

SETTING = "setting collect.mmdb"
CACHED_ADDRESSES = 1 << 18
"""Distinct texts whose result is cached; bounds the memory and changes no result."""
LOOKED_UP = pa.schema(
    [
        pa.field("asn", pa.int64()),
        pa.field("asn_name", pa.string()),
        pa.field("country", pa.string()),
        pa.field("ip_kind", pa.string()),
    ]
)
"""Columns that are looked up for an address, in the order of `Network`."""


class Networks:
    """Opened MMDB files; may be used by several threads.

    Args:
        paths: MMDB files, the most trusted first.

    Raises:
        ConfigError: the reader is not installed, or a file is missing or not an MMDB file.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        opened = [(Path(path).name, _opened(path)) for path in paths]
        self._readers = [(name, reader, reader.metadata().ip_version == 4) for name, reader in opened]
        self._known: dict[str, Network] = {}
        self._lock = threading.Lock()

    def of(self, values: Column, limit: int) -> pa.RecordBatch:
        """What the files say about a column of client addresses.

        Args:
            values: text; null stays null.

        Returns:
            Columns of `LOOKED_UP`; null if the text is no address or the files do not know it.

        Raises:
            ConfigError: a file is damaged.
        """
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
        network = UNKNOWN_NETWORK if address is None else self._ask(str(address))
        with self._lock:
            if len(self._known) >= CACHED_ADDRESSES:
                self._known = {}
            self._known[text] = network
        return network

    def _ask(self, address: str) -> Network:
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


def _opened(path: str) -> Any:
    try:
        import maxminddb  # an extra, which is not needed if the log names countries
    except ImportError as error:
        raise ConfigError(
            "reading MMDB files needs an extra", where=SETTING, next_step="pip install 'stillhunt[enrich]'"
        ) from error
    try:
        return maxminddb.open_database(path)
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be read") from error
    except (ValueError, RuntimeError, KeyError, TypeError) as error:  # the library's own error is a RuntimeError
        raise _unusable(path, "it is not an MMDB file, or it is cut short") from error


def _unusable(path: str, reason: str) -> ConfigError:
    return ConfigError(
        f"the MMDB file cannot be used: {reason}",
        where=f"{SETTING}: {Path(path).name}",
        next_step="name MMDB files, such as GeoLite2-Country.mmdb and GeoLite2-ASN.mmdb",
    )
