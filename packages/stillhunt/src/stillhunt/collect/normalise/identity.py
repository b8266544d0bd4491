"""Addresses, cards and e-mail addresses are only compared, so only keyed hashes of them are kept.

The hash is SipHash-2-4 under keys that are derived from the user's by HMAC-SHA256, one for each kind of value
(docs/adr/0013). The prefix of an address is derived before hashing: /24 for IPv4 and /48 for IPv6, the sizes in which
providers commonly assign addresses. Which values are equal does not depend on the key, and no result may depend on it.
"""

import hmac
import ipaddress
import secrets
import threading

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.arrays import I64, U64
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError, InputError
from stillhunt.base.formatting import hash_digits
from stillhunt.base.ids import cut_at
from stillhunt.collect.normalise.kernels_identity import LONGEST_ADDRESS, hash_addresses, hash_all, hash_texts
from stillhunt.collect.values.fields import Column
from stillhunt.collect.values.kernels import KEYS, Flags, hash_rows
from stillhunt.collect.values.strings import as_text, text_buffers

IPV4_PREFIX_BITS = 24
IPV6_PREFIX_BITS = 48
MAX_LISTED_ADDRESSES = 32
"""Addresses that are read of a list."""
CACHED_VALUES = 1 << 17
"""Distinct unusual addresses whose hash is cached; bounds the memory and changes no result."""
_PROCESS_KEY = secrets.token_bytes(32)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def with_identity_key(config: Config) -> Config:
    """The settings with a key for hashes of identities: a new random key if the user set none.

    Each executor is a process of its own, so with a key of the process equal addresses would get different hashes.
    """
    if config.collect.identity_key:
        return config
    collect = config.collect.model_copy(update={"identity_key": secrets.token_hex(32)})
    return config.model_copy(update={"collect": collect})


def address_and_prefix(text: str) -> tuple[str, str | None]:
    """Canonical form of a client address and of its prefix; of other texts the small letters, and None."""
    first = address_in_text(text)
    if first is None:
        return text.strip().lower(), None
    bits = IPV4_PREFIX_BITS if first.version == 4 else IPV6_PREFIX_BITS
    return str(first), str(ipaddress.ip_network((first, bits), strict=False))


def address_in_text(text: str) -> Address | None:
    """The client's address in a text; None if there is none.

    Ports and brackets are removed, and IPv4-mapped IPv6 becomes IPv4. Of a list ("client, proxy, proxy", the form of
    X-Forwarded-For) the first public address counts, else the first address. A client can forge the beginning of the
    list: whose log has the address of the connection should map that instead.
    """
    parts = text.split(",")[:MAX_LISTED_ADDRESSES]
    parsed = [address for part in parts if (address := _parse_address_text(part)) is not None]
    # Finding out whether an address is public is slow, and not needed for a single one.
    return parsed[0] if len(parsed) == 1 else next((a for a in parsed if a.is_global), parsed[0] if parsed else None)


def _parse_address_text(text: str) -> Address | None:
    text = text.strip().strip('"')
    if text.lower().startswith("for="):  # RFC 7239 Forwarded
        text = text[4:].strip('"')
    if text.startswith("["):
        text = text[1:].split("]", 1)[0]
    elif text.count(":") == 1:
        text = text.split(":", 1)[0]
    text = text.split("%", 1)[0]  # an interface name
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def normal_email(text: str) -> str:
    """An e-mail address in the form that is compared: lower case, without surrounding blanks."""
    return text.strip().strip("<>").lower()


def email_domain(text: str) -> str:
    """The part after the last @, lower case, without a final dot."""
    return text.strip().strip("<>").lower().rsplit("@", 1)[-1].rstrip(".")


class IdentityHasher:
    """Keyed hashes of identity values; may be used by several threads.

    `key`: the user's secret; empty for a random one that lives as long as the process, so that the addresses of
    requests and of accounts still compare.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode() if key else _PROCESS_KEY
        self._address_keys = np.concatenate([self._words_of("address"), self._words_of("prefix")])
        self._words = random_words(KEYS)
        self._known: dict[int, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def _words_of(self, domain: str) -> U64:
        """Key of one kind of value: equal texts of two kinds get unrelated hashes."""
        digest = hmac.digest(self._key, f"{domain}\x00siphash-2-4".encode(), "sha256")
        return np.frombuffer(digest[:16], "<u8").astype(np.uint64)

    def addresses(self, values: Column, limit: int) -> tuple[pa.Array, pa.Array, int]:
        """Keyed hashes of client addresses and of their prefixes, null stays null; and how many had broken UTF-8.

        `limit` is in bytes read, since clients can make lists of proxies long.
        """
        text, broken = as_text(values)
        if text.null_count == len(text):
            return pa.nulls(len(text), pa.uint64()), pa.nulls(len(text), pa.uint64()), broken
        pairs, unusual = np.zeros((len(text), 2), np.uint64), np.zeros(len(text), np.bool_)
        hash_addresses(*text_buffers(text), self._address_keys, limit, pairs, unusual)
        rows = _hide_nulls(text, pairs, unusual)
        if rows.size:
            pairs[rows] = self._unusual_addresses(text.take(pa.array(rows)), limit)
        return _or_null(pairs[:, 0]), _or_null(pairs[:, 1]), broken

    def _unusual_addresses(self, text: pa.Array, limit: int) -> npt.NDArray[np.uint64]:
        names = np.zeros(len(text), np.uint64)
        hash_rows(*text_buffers(text), self._words, names)
        distinct, first, place = np.unique(names, return_index=True, return_inverse=True)
        wanted = distinct.tolist()
        with self._lock:
            if len(self._known) > CACHED_VALUES:
                self._known = {}
            rows = {name: row for name, row in zip(wanted, first.tolist(), strict=True) if name not in self._known}
            if rows:
                shown = [cut_at(t.encode(), limit).strip() for t in text.take(pa.array(rows.values())).to_pylist()]
                found = [address_and_prefix(t) if t else (None, None) for t in shown]
                pairs = [
                    self._hash_text_column(
                        pa.array([pair[i] for pair in found], pa.large_string()), self._address_keys[2 * i :]
                    )
                    for i in (0, 1)
                ]
                self._known.update(zip(rows, zip(*(hashes.tolist() for hashes in pairs), strict=True), strict=True))
            known = np.array([self._known[name] for name in wanted], np.uint64)
        return known[place.reshape(-1)]

    def secrets(self, values: Column, domain: str, limit: int) -> tuple[pa.Array, int]:
        """Keyed hashes of cards or e-mails, unrelated between kinds (`domain`); how many had broken UTF-8."""
        text, broken = as_text(values)
        hashes, unusual = np.zeros(len(text), np.uint64), np.zeros(len(text), np.bool_)
        hash_texts(*text_buffers(text), self._words_of(domain), limit, hashes, unusual)
        rows = _hide_nulls(text, hashes, unusual)
        if rows.size:
            clean = [cut_at(t.strip().encode(), limit) for t in text.take(pa.array(rows)).to_pylist()]
            hashes[rows] = self._hash_text_column(pa.array(clean, pa.large_string()), self._words_of(domain))
        return _or_null(hashes), broken

    def _hash_text_column(self, text: pa.Array, key: U64) -> U64:
        """Hashes of texts, 0 for null and empty ones."""
        hashes = np.zeros(len(text), np.uint64)
        hash_all(*text_buffers(text), key, hashes)
        return hashes


def address_hashes(text: str, key: str) -> tuple[str | None, str]:
    """Hashes by which an address is found in the table `addresses` of a case that was made under the same key.

    Args:
        text: an IPv4 or IPv6 address in any form that a log may have, or a network with its size: /24 or /48.
        key: the key of the hunt, as in the setting `collect.identity_key` or in the state folder.

    Returns:
        (hash of the address, None where a network is given; hash of its /24 or /48), each 16 hexadecimal digits.

    Raises:
        ConfigError: the key is empty.
        InputError: the text is no address, or a network of another size.
    """
    if not key:
        raise ConfigError(
            "addresses cannot be searched for: the key of their hashes is not here",
            where="collect.identity_key",
            next_step="name the hunt's state folder in the setting state, or set collect.identity_key as for the hunt; "
            "a hunt with neither keeps no hashes of addresses",
        )
    shown, slash, size = text.partition("/")
    canonical, network = address_and_prefix(shown)
    if network is None or (slash and size.strip() != network.rpartition("/")[2]):
        raise InputError(
            "this is no IP address",
            next_step="give an address such as 192.0.2.7 or 2001:db8::7, or a network: /24 for IPv4, /48 for IPv6",
        )
    address, prefix, _ = IdentityHasher(key).addresses(pa.array([canonical]), LONGEST_ADDRESS)
    return None if slash else hash_digits(address[0].as_py()), hash_digits(prefix[0].as_py())


def _hide_nulls(text: pa.Array, hashes: npt.NDArray[np.uint64], unusual: Flags) -> I64:
    """Rows that remain to be hashed; nulls get no hash, though a null may have bytes beneath it (valid Arrow)."""
    if text.null_count:
        null = text.is_null().to_numpy(zero_copy_only=False)
        hashes[null] = 0
        unusual &= ~null
    return np.flatnonzero(unusual)


def _or_null(hashes: U64) -> pa.Array:
    return pa.array(hashes, mask=hashes == 0)


def random_words(count: int) -> U64:
    """Secret words for hashes that never leave the process."""
    return np.frombuffer(secrets.token_bytes(8 * count), np.uint64).copy()
