"""What signatures read of a request: its phrases, each once, and hashes of its settings, model and client."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.coded import codes
from stillhunt.base.shared_parameters import SAMPLING_PARAMETERS
from stillhunt.link.requests.arrays import Array, Hashes, Ints, lists, values
from stillhunt.watch.signatures.signature import STYLE_FEATURES

PHRASE_COLUMNS = ("phrases", "system_phrases")
STYLE_COLUMNS = (*SAMPLING_PARAMETERS, "model", "user_agent", "tls_fingerprint")
_READ_CHARACTERS = 256
"""Characters of a User-Agent or fingerprint that are read: a client may send any length."""
_NUMBERS = r"[0-9][0-9.]*"
_FILTER_BITS = 18
_FIRST, _SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_HALF = np.uint64(33)
_UNSET = np.uint64(0x9E3779B97F4A7C15)


def known_phrases_of(table: pa.Table, known: Hashes) -> tuple[Ints, Ints]:
    """Where known phrases stand in requests, each once a request, whether in the prompt or the system prompt.

    Args:
        table: requests with `PHRASE_COLUMNS`.

    Returns:
        Row and place in `known` of each, ascending by both.
    """
    if not len(known):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    passes = np.zeros(1 << _FILTER_BITS, bool)
    shift = np.uint32(32 - _FILTER_BITS)
    passes[known.astype(np.uint32) >> shift] = True  # most phrases of a log are passed over by this alone
    found = []
    for name in PHRASE_COLUMNS:
        begins, phrases = lists(table, name)
        near = np.flatnonzero(passes[phrases >> shift])
        place = np.minimum(np.searchsorted(known, phrases[near]), len(known) - 1)
        hits = known[place] == phrases[near]
        rows = np.searchsorted(begins, near[hits], side="right") - 1
        found.append(rows.astype(np.int64) * len(known) + place[hits])
    keys = distinct(np.concatenate(found))
    return keys // len(known), keys % len(known)


def style_hashes(table: pa.Table) -> dict[str, Hashes]:
    """Hash of each request's value of each feature of style; unknown is a value like others.

    Args:
        table: requests with `STYLE_COLUMNS`.
    """
    agents = _hashed(table.column("user_agent"), "client")
    found = (_settings(table), _hashed(table.column("model"), "model"), agents)
    return dict(zip(STYLE_FEATURES, (*found, _hashed(table.column("tls_fingerprint"), "tls")), strict=True))


def distinct(keys: Array) -> Array:
    """Distinct whole numbers, ascending; by sorting, which for many keys is far faster than numpy's hash table."""
    keys = np.sort(keys)
    return keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys


def mixed(hashes: Hashes) -> Hashes:
    """Well-mixed 64-bit values, equal for equal ones (the finaliser of MurmurHash3)."""
    hashes = (hashes ^ (hashes >> _HALF)) * _FIRST
    hashes = (hashes ^ (hashes >> _HALF)) * _SECOND
    return hashes ^ (hashes >> _HALF)


def _settings(table: pa.Table) -> Hashes:
    result = np.zeros(table.num_rows, np.uint64)
    for name in SAMPLING_PARAMETERS:
        column = table.column(name)
        known = column.is_valid().to_numpy()
        number = values(table, name, pa.float64(), fill=0) + 0.0  # -0.0 and 0.0 are one setting
        result = mixed(result * np.uint64(3) + np.where(known, np.ascontiguousarray(number).view(np.uint64), _UNSET))
    return result


def _hashed(column: pa.ChunkedArray, feature: str) -> Hashes:
    code, names = codes(column)
    names = pc.utf8_slice_codeunits(names, 0, _READ_CHARACTERS)
    if feature == "client":  # the versions of a client change from week to week
        names = pc.replace_substring_regex(names, _NUMBERS, "#")
    hashes = [_hash(f"{feature}:{name}") for name in names.to_pylist()]
    return np.array([*hashes, _hash(feature)], np.uint64)[code]  # code -1 is the last: unknown


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def hash_text(value: Any) -> str:
    """A hash as signature files write it."""
    return f"{int(value):016x}"
