"""Rows that cannot be used: counted, with a reason each, and bounded in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pyarrow as pa

from stillhunt.base.schema_case import REJECTS

KEPT_ROWS = 100_000
"""Rejects kept; further ones are only counted, so that a broken log cannot fill the memory."""
RAW_CHARACTERS = 200
NAME_CHARACTERS = 200
REASON_CHARACTERS = 400

REPLACEMENT = "\ufffd"
UNPRINTABLE = re.compile(
    # Control characters of both sets, then invisible, direction-changing and tag characters, with which a log line
    # can repaint a terminal or make two ids look alike. Lone surrogates cannot be written as UTF-8 at all.
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)


def printable(text: str, limit: int) -> str:
    """The beginning of a text, without control characters.

    Args:
        text: anything from a log.
        limit: characters kept; a longer text ends in an ellipsis and is not longer than this.
    """
    if len(text) <= limit and text.isprintable():
        return text
    # Cut first: cleaning 50 MB to show 200 characters would be slow. Cleaning only removes characters.
    cleaned = UNPRINTABLE.sub("", text[: 4 * limit])
    if len(cleaned) > limit or (len(text) > 4 * limit):
        return cleaned[: limit - 1] + "…"
    return cleaned


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
            raw: the beginning of the row; cleaned and cut here.
            rows: how many rows are lost.
        """
        self.rows += rows
        if len(self._kept["source"]) >= KEPT_ROWS:
            return
        source, place = printable(source, NAME_CHARACTERS), printable(place, NAME_CHARACTERS)
        reason = printable(reason, REASON_CHARACTERS)
        self.first = self.first or f"{source}, {place}: {reason}"
        for name, value in zip(REJECTS.names, (source, place, reason, printable(raw, RAW_CHARACTERS)), strict=True):
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
