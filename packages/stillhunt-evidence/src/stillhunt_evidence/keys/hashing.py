"""Keyed hashes of ids and values, so that a file names the same thing the same way and nobody by name."""

from __future__ import annotations

import hashlib
import hmac

import pyarrow as pa
import pyarrow.compute as pc

HASH_DIGITS = 16
"""Hexadecimal digits of a keyed hash: of a million values, two share one with a chance of 3 in 100 million."""


def keyed_hash(key: bytes, kind: str, value: str) -> str:
    """HMAC-SHA256 of a value (RFC 2104), shortened to 16 hexadecimal digits.

    It hides a value from those who lack the key. Who has the key can try values: of an IPv4 address, all there are.

    Args:
        kind: what the value is, such as account: equal values of two kinds have unrelated hashes.
    """
    text = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:HASH_DIGITS]


def keyed_hashes(key: bytes, kind: str, values: pa.ChunkedArray | pa.Array, prefix: str = "") -> pa.Array:
    """The keyed hash of each value; each different value is hashed once.

    Args:
        values: strings; null stays null.
    """
    coded = pc.dictionary_encode(values)
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.unify_dictionaries().combine_chunks()
    if isinstance(coded, pa.ChunkedArray):  # an empty one stays in chunks
        return pa.array([], pa.string())
    hashed = [prefix + keyed_hash(key, kind, value) for value in coded.dictionary.to_pylist()]
    return pa.array(hashed, pa.string()).take(coded.indices)
