"""Entries of a ledger: each has its place, the hash of the one before, and a hash of all this.

Whoever can write a ledger can cut off its end, or write it anew with new hashes. So the place of its last entry is kept
elsewhere, too.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

FIRST_HASH = "0" * 64
"""Stands before the first entry."""


class LedgerPlace(NamedTuple):
    """An entry by its number, from 1, and its hash, which fixes all that came before; kept, it is a checkpoint."""

    seq: int
    digest: str


LEDGER_START = LedgerPlace(0, FIRST_HASH)


def digest_of(entry: Mapping[str, Any]) -> str:
    """SHA-256 of an entry with the hash of the one before it, in hexadecimal; its own hash is left out."""
    content = {name: value for name, value in entry.items() if name != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def entry_place(entry: Mapping[str, Any]) -> LedgerPlace:
    """Where an entry stands."""
    return LedgerPlace(entry["seq"], entry["digest"])


def placed(content: Mapping[str, Any], last: LedgerPlace) -> dict[str, Any]:
    """An entry that follows another one, or LEDGER_START; place and hashes in the content are replaced."""
    entry = {**content, "seq": last.seq + 1, "before": last.digest}
    return {**entry, "digest": digest_of(entry)}


def misfit(entry: Mapping[str, Any], last: LedgerPlace) -> str:
    """What is wrong with an entry in the place behind another one; empty where it is as it was written."""
    place, seq = last.seq + 1, entry["seq"]
    if seq != place:
        return f"entry {place} is missing" if seq > place else f"entry {seq} is there twice"
    if entry["before"] != last.digest:
        return "it does not follow the entry before it"
    return "" if digest_of(entry) == entry["digest"] else "its content is not what was hashed"


def verified_end(entries: Iterable[Mapping[str, Any]], last: LedgerPlace = LEDGER_START) -> tuple[LedgerPlace, str]:
    """The last entry after `last` that is as it was written, and what is wrong with the next; "" if none is."""
    for entry in entries:
        if wrong := misfit(entry, last):
            return last, wrong
        last = entry_place(entry)
    return last, ""
