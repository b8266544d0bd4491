"""Rows that cannot be used, and values that cannot be kept: counted, with a reason each, and bounded in memory."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import pyarrow as pa

from stillhunt.base.formatting import ELLIPSIS, shorten
from stillhunt.base.redaction import redacted
from stillhunt.base.schema_case import REJECTS

MOST_ACCOUNTS = 1 << 16
"""Accounts that are counted, some 10 MB. Judgement: a log with more accounts whose rows are set aside is broken."""


class AccountCounts:
    """Rows of each account.

    Of too many accounts those with the smallest hashes stay, and their counts are exact: an account that stays at last
    was never left out before. So the result depends neither on the order of rows nor on how they were split.
    """

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()

    def add(self, rows: Mapping[str, int]) -> None:
        """Count rows."""
        self._rows.update(rows)
        if len(self._rows) > 2 * MOST_ACCOUNTS:
            self._rows = Counter(self.rows())

    def rows(self) -> dict[str, int]:
        """Account -> its rows, for at most `MOST_ACCOUNTS` accounts."""
        if len(self._rows) <= MOST_ACCOUNTS:
            return dict(self._rows)
        kept = sorted(self._rows, key=lambda account: hashlib.blake2b(account.encode(), digest_size=8).digest())
        return {account: self._rows[account] for account in kept[:MOST_ACCOUNTS]}


KEPT_ROWS = 100_000
"""Rejects kept; further ones are only counted, so that a broken log cannot fill the memory."""
SHOWN_ROWS = 1_000
"""Rejects of a log that show their row, redacted; further ones have place and reason. Judgement: redaction takes some
milliseconds a row, so that a log with nothing but broken rows costs a few seconds."""
RAW_CHARACTERS = 200
NAME_CHARACTERS = 200
REASON_CHARACTERS = 400
_MARGIN = RAW_CHARACTERS
"""Characters beside a cut that are read and not shown, so that no half of a secret is left: a half has another form."""
_WINDOW = 4 * RAW_CHARACTERS
"""Characters that are read of the beginning of a row, and of its end; readers of lines hand on no more."""
_LONGEST_LETTER = 4
"""Bytes of a letter in UTF-8: a reader that cuts a row in bytes may leave so many out."""
_ESCAPED_LETTER = re.compile(r"\\u(?:[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[0-9a-fA-F]{4})")
_SMALLEST_LETTER = 0x20
"""Codes below are controls, which stay escapes."""
_CACHED_REASONS = 4096


def _shown_row(raw: str) -> str:
    """Beginning and end of a row, redacted."""
    if len(raw.encode("utf-8", "replace")) < _WINDOW - _LONGEST_LETTER:
        return shorten(_redacted_json(raw), RAW_CHARACTERS)
    head = _redacted_json(raw[:_WINDOW])[:-_MARGIN]
    tail = _redacted_json(raw[-_WINDOW:])[_MARGIN:] if len(raw) > 2 * _WINDOW else ""
    return shorten(f"{head.rstrip()}{ELLIPSIS}{tail}", RAW_CHARACTERS)


def _redacted_json(raw: str) -> str:
    """A piece of a row redacted; JSON writes letters and line ends as escapes, which would tear names apart."""
    text = _ESCAPED_LETTER.sub(_decode_escaped_letter, raw).replace("\\n", "\n")
    return redacted(text).replace("\n", "\\n")


def _decode_escaped_letter(escape: re.Match[str]) -> str:
    units = bytes.fromhex("".join(escape[0].split("\\u")))
    decoded = units.decode("utf-16-be", "replace")
    return decoded if decoded >= chr(_SMALLEST_LETTER) else escape[0]


@lru_cache(_CACHED_REASONS)
def _shown_reason(reason: str) -> str:
    """A reason; it may quote a value."""
    return shorten(redacted(shorten(reason, REASON_CHARACTERS)), REASON_CHARACTERS)


@dataclass
class Rejects:
    """Collector of rejected rows, in the order in which they are found."""

    rows: int = 0
    first: str = ""
    replaced_texts: int = 0  # values (in text files: records) that were kept with broken UTF-8 replaced
    changed: Counter[str] = field(default_factory=Counter)
    """"COLUMN: what became of the value" -> values of kept rows that could not be kept as they were."""
    by_account: AccountCounts = field(default_factory=AccountCounts)
    """Rejected rows by account, where the account can be read."""
    _kept: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in REJECTS.names})
    _shown: int = 0  # rejects from the first one on whose rows are as they are shown

    def add(
        self, source: str, place: str, reason: str, raw: str = "", *, rows: int = 1, account: str | None = None
    ) -> None:
        """Reject `rows` rows of an account (None where nobody knows), or a damaged part of a file.

        `source` is the file's name, not its path. Reason and raw row are redacted here, for they may quote a value.
        """
        self.rows += rows
        if account is not None:
            self.by_account.add({account: rows})
        if len(self._kept["source"]) >= KEPT_ROWS:
            return
        source, place = shorten(source, NAME_CHARACTERS), shorten(place, NAME_CHARACTERS)
        reason = _shown_reason(reason)
        self.first = self.first or f"{source}, {place}: {reason}"
        raw = raw if len(raw) <= 2 * _WINDOW else f"{raw[:_WINDOW]}{ELLIPSIS}{raw[-_WINDOW:]}"
        for name, value in zip(REJECTS.names, (source, place, reason, raw), strict=True):
            self._kept[name].append(value)

    def take(self) -> Rejects:
        """The rejects collected so far; this collector is empty afterwards."""
        taken = replace(self)
        vars(self).update(vars(Rejects()))
        return taken

    def absorb(self, other: Rejects) -> None:
        """Add the rejects of another collector, as if they had been added here."""
        self.count(other)
        room = KEPT_ROWS - len(self._kept["source"])
        for name, values in other._kept.items():
            self._kept[name] += values[:room]

    def count(self, other: Rejects) -> None:
        """Add the counts of another collector, and not its rows."""
        self.rows += other.rows
        self.first = self.first or other.first
        self.replaced_texts += other.replaced_texts
        self.changed.update(other.changed)
        self.by_account.add(other.by_account.rows())

    def table(self) -> pa.Table:
        """REJECTS, at most KEPT_ROWS rows; the first SHOWN_ROWS show their raw row."""
        raws = self._kept["raw"]
        shown = [_shown_row(raw) for raw in raws[self._shown : SHOWN_ROWS]]
        raws[self._shown :] = [*shown, *[""] * (len(raws) - self._shown - len(shown))]
        self._shown = len(raws)
        return REJECTS.build(**self._kept)
