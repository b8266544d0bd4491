"""Rows that cannot be used: counted, with a reason each, and bounded in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pyarrow as pa

from stillhunt.base.formatting import ELLIPSIS, shorten
from stillhunt.base.schema_case import REJECTS

KEPT_ROWS = 100_000
"""Rejects kept; further ones are only counted, so that a broken log cannot fill the memory."""
RAW_CHARACTERS = 200
NAME_CHARACTERS = 200
REASON_CHARACTERS = 400


_ADDRESSES = re.compile(
    r"(?P<email>[\w.+%'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})"
    r"|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![.\d])"
    r"|(?i:(?<![\w:.])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){1,7}:(?:[0-9a-f:]{0,34}))(?![\w:]))"
)
"""E-mail and IP addresses; IPv6 in full or with two colons, so that a time of day is none."""


def _without_addresses(raw: str) -> str:
    """Beginning and end of a row, with labels in place of addresses."""
    if len(raw) > 4 * RAW_CHARACTERS:
        raw = raw[: 2 * RAW_CHARACTERS] + ELLIPSIS + raw[-2 * RAW_CHARACTERS :]
    hidden = _ADDRESSES.sub(lambda found: "[e-mail]" if found["email"] else "[address]", raw)
    return shorten(hidden, RAW_CHARACTERS)


@dataclass
class Rejects:
    """Collector of rejected rows, in the order in which they are found."""

    rows: int = 0
    first: str = ""
    replaced_texts: int = 0
    """Values (in text files: records) that were kept with broken UTF-8 replaced."""
    _kept: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in REJECTS.names})

    def add(self, source: str, place: str, reason: str, raw: str = "", *, rows: int = 1) -> None:
        """Reject one row, or a damaged part of a file.

        Args:
            source: name of the file or table, not its full path.
            place: line or row, and the column at fault if there is one.
            reason: why, in words.
            raw: the row; addresses are hidden, controls are escaped and the middle is cut out here.
            rows: how many rows are lost.
        """
        self.rows += rows
        if len(self._kept["source"]) >= KEPT_ROWS:
            return
        source, place = shorten(source, NAME_CHARACTERS), shorten(place, NAME_CHARACTERS)
        reason = shorten(reason, REASON_CHARACTERS)
        self.first = self.first or f"{source}, {place}: {reason}"
        for name, value in zip(REJECTS.names, (source, place, reason, _without_addresses(raw)), strict=True):
            self._kept[name].append(value)

    def take(self) -> Rejects:
        """The rejects collected so far; this collector is empty afterwards."""
        taken = Rejects(self.rows, self.first, self.replaced_texts, self._kept)
        self.rows, self.first, self.replaced_texts = 0, "", 0
        self._kept = {name: [] for name in REJECTS.names}
        return taken

    def absorb(self, other: Rejects) -> None:
        """Add the rejects of another collector, as if they had been added here."""
        self.rows += other.rows
        self.first = self.first or other.first
        self.replaced_texts += other.replaced_texts
        room = KEPT_ROWS - len(self._kept["source"])
        for name, values in other._kept.items():
            self._kept[name] += values[:room]

    def table(self) -> pa.Table:
        """REJECTS, at most KEPT_ROWS rows."""
        return REJECTS.build(**self._kept)
