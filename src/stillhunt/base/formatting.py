"""Log text made safe to show: control characters as visible escapes, bounded length, plain numbers and dates."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

_KEPT_FORMAT_CHARACTERS = {0x200C, 0x200D}  # joiners that Persian, Hindi and emoji need to be readable

_UNSAFE_RANGES = (
    (0x00, 0x1F),  # C0: terminal escapes, line breaks
    (0x7F, 0x9F),  # DEL and C1: 8-bit terminal escapes
    (0xAD, 0xAD),  # soft hyphen: hides inside words
    (0x600, 0x605),
    (0x61C, 0x61C),  # bidirectional marks
    (0x6DD, 0x6DD),
    (0x70F, 0x70F),
    (0x890, 0x891),
    (0x8E2, 0x8E2),
    (0x180E, 0x180E),
    (0x200B, 0x200F),  # zero width and bidirectional marks
    (0x2028, 0x202E),  # line separators, bidirectional overrides
    (0x2060, 0x206F),  # invisible operators, bidirectional isolates
    (0xD800, 0xDFFF),  # lone surrogates cannot be encoded
    (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB),
    (0xFFFE, 0xFFFF),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE007F),  # invisible tag characters
)
_UNSAFE_CODES = [
    code for low, high in _UNSAFE_RANGES for code in range(low, high + 1) if code not in _KEPT_FORMAT_CHARACTERS
]
UNSAFE = re.compile("[" + "".join(f"\\U{code:08x}" for code in _UNSAFE_CODES) + "]")
"""Characters that may command a terminal, turn the reading direction, or be invisible."""

ELLIPSIS = "\u2026"


def escape_controls(text: str) -> str:
    r"""Text with every unsafe character as a visible escape, such as `\x1b` or `\u202e`."""
    if text.isascii() and text.isprintable():  # most ids and statements
        return text
    return UNSAFE.sub(lambda match: _visible(ord(match.group())), text)


def _visible(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of a text, controls escaped, with an ellipsis where it was cut.

    The middle is dropped rather than the end where there is room for both: ids differ in their tails.
    """
    if len(text) > limit * 2:  # hostile fields may be megabytes: cut before any work per character
        text = text[:limit] + ELLIPSIS + text[-limit:]
    shown = escape_controls(text)
    if len(shown) <= limit:
        return shown
    tail = limit // 4 if limit >= 24 else 0
    return shown[: limit - tail - 1] + ELLIPSIS + (shown[-tail:] if tail else "")


def sentence_case(text: str) -> str:
    """A statement with a capital at its beginning, as it stands in a table of sentences."""
    return text[:1].upper() + text[1:]


def count(number: int) -> str:
    """A whole number with thousands separators."""
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Number and noun: `1 account`, `4,896 accounts`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def amount(number: int) -> str:
    """A large count to three figures: `48.1 million`."""
    for size, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if number >= size:
            return f"{number / size:.3g} {word}"
    return count(number)


def money(value: float, currency: str) -> str:
    """A value at list price: `USD 1,204`, `USD 3.20`."""
    if not math.isfinite(value):
        return f"{currency} unknown"
    return f"{currency} {value:,.0f}" if abs(value) >= 100 else f"{currency} {value:,.2f}"


def percent(share: float) -> str:
    """A share of one in percent, never rounded to a false 0 % or 100 %."""
    if not math.isfinite(share):
        return "unknown"
    if share <= 0:
        return "0 %"
    if share >= 1:
        return "100 %"
    if share < 0.001:
        return "under 0.1 %"
    if share > 0.99:
        return "over 99 %"
    return f"{share * 100:.2g} %" if share < 0.1 else f"{share * 100:.0f} %"


def probability(value: float) -> str:
    """A probability as a number that never claims certainty."""
    if not math.isfinite(value):
        return "unknown"
    if value > 0.9999:
        return "over 99.99 %"
    if value < 0.0001:
        return "under 0.01 %"
    if value > 0.99 or value < 0.01:
        return f"{math.floor(value * 10_000) / 100:.2f} %"
    return f"{math.floor(value * 1000) / 10:.1f} %"


def exact_probability(log2_odds: float) -> str:
    """A probability with enough digits to multiply by hand; near one, as its distance from one."""
    if log2_odds < 13:
        return f"{1 / (1 + 2**-log2_odds):.6f}" if log2_odds > -13 else f"{math.exp2(max(log2_odds, -1000.0)):.2g}"
    return f"1 \u2212 {math.exp2(max(-log2_odds, -1000.0)):.2g}"


def bits(value: float) -> str:
    """Bits with sign and one decimal; a true minus, so that columns align."""
    rounded = round(value, 1)
    if rounded == 0:
        return "0.0"
    return ("+" if rounded > 0 else "\u2212") + f"{abs(rounded):.1f}"


def day(moment: datetime) -> str:
    """A date in words: `3 March 2026`."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%B} {moment.year}"


def period(first: datetime, last: datetime) -> str:
    """Two dates in words, without repeating what they share: `3 to 16 March 2026`, `3 March 2026`."""
    first, last = first.astimezone(UTC), last.astimezone(UTC)
    if first.date() == last.date():
        return day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {day(last)}"
    if first.year == last.year:
        return f"{first.day} {first:%B} to {day(last)}"
    return f"{day(first)} to {day(last)}"


def during(first: datetime, last: datetime) -> str:
    """The period with its preposition: `from 3 to 16 March 2026`, `on 3 March 2026`."""
    words = period(first, last)
    return f"from {words}" if " to " in words else f"on {words}"


def join_words(parts: list[str]) -> str:
    """A list in words: `a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]
