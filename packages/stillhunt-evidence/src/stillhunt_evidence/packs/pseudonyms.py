"""Ids in an evidence pack: keyed hashes, the same in every pack that was made with the same key."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.tools import escape_controls
from stillhunt_evidence.keys.hashing import keyed_hash, keyed_hashes

PREFIXES = {
    "account": "a-",
    "request": "r-",
    "organisation": "o-",
    "domain": "d-",
    "campaign": "c-",
    "set of campaigns": "s-",
}
"""Kind of an id -> what its pseudonyms begin with."""


@dataclass(frozen=True)
class Pseudonyms:
    """What ids are called in a pack.

    Attributes:
        key: 32 secret bytes; None leaves ids as they are.
    """

    key: bytes | None

    def one(self, kind: str, value: str) -> str:
        """What an id is called.

        Args:
            kind: a key of `PREFIXES`.
        """
        return value if self.key is None else PREFIXES[kind] + keyed_hash(self.key, kind, value)

    def column(self, kind: str, values: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
        """What the ids of a column are called; null stays null.

        Args:
            kind: a key of `PREFIXES`.
            values: strings, or lists of strings.
        """
        if self.key is None:
            return values
        if pa.types.is_list(values.type):
            ends = np.cumsum(pc.list_value_length(values).to_numpy(), dtype=np.int32)
            hashed = self.column(kind, pa.chunked_array([pc.list_flatten(values)], pa.string()))
            return pa.ListArray.from_arrays(np.append(np.int32(0), ends), hashed)
        return keyed_hashes(self.key, kind, values, PREFIXES[kind])

    def who_is_who(self, accounts: list[str]) -> bytes:
        """A table of pseudonyms and accounts, for those alone who may know: CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["pseudonym", "account_id"])
        writer.writerows([self.one("account", one), escape_controls(one)] for one in sorted(accounts))
        return text.getvalue().encode()
