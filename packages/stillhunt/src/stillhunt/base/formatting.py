"""How numbers, dates and log text are shown: one format each, for every sentence, table and page.

Text from a log is hostile: ids and prompts may hold terminal escapes, invisible characters and megabytes. It passes
through `escape_controls` or `shorten` before anybody sees it.
"""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

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
    (0x200B, 0x200B),  # zero width
    (0x200E, 0x200F),  # bidirectional marks
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
_UNSAFE_CLASS = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in _UNSAFE_RANGES)
UNSAFE = re.compile(f"[{_UNSAFE_CLASS}]|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])")
"""Characters that may command a terminal, turn the reading direction, or be invisible.

The joiners U+200C and U+200D pass between characters outside ASCII, because Persian, Hindi and emoji need them.
"""
ELLIPSIS = "\u2026"
MINUS = "\u2212"
_SURE = 0.999
"""Shares above this, or below its complement, are shown as bounds: rounding would claim certainty."""
MOST_TOLD = 0.98
"""From here on a probability is told as this bound: all 105 groups of 88 simulated worlds of four kinds that were
stated at 98 % or more were campaigns (ADR 38). That shows 97 % or more (95 % interval), so what is higher cannot be
told from it."""
_LEAST_MONEY = 0.01
"""Smaller amounts of money are shown as a bound, in units of the currency."""


def escape_controls(text: str) -> str:
    r"""Text with every unsafe character as a visible escape, such as `\x1b` or `\u202e`.

    >>> escape_controls("a\x1b[31m")
    'a\\x1b[31m'
    """
    if text.isascii() and text.isprintable():  # most ids and statements
        return text
    return UNSAFE.sub(lambda match: _escape_code_point(ord(match.group())), text)


def _escape_code_point(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of a text, controls escaped, with an ellipsis where something was cut.

    From 24 characters on the middle is cut rather than the end, because ids differ in their tails.

    >>> shorten("a long account id", 8)
    'a long …'
    """
    if len(text) > limit * 2:  # hostile fields may be megabytes: cut before any work per character
        text = text[:limit] + ELLIPSIS + text[-limit:]
    shown = escape_controls(text)
    if len(shown) <= limit:
        return shown
    tail = limit // 4 if limit >= 24 else 0
    return shown[: limit - tail - 1] + ELLIPSIS + (shown[-tail:] if tail else "")


def sentence_case(text: str) -> str:
    """The text with a capital at its beginning, unless it begins with the name of a column."""
    return text if "_" in text.split(" ", 1)[0] else text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """A statement as a full sentence: a capital at its beginning and a full stop at its end.

    >>> sentence("70 accounts share a card")
    '70 accounts share a card.'
    """
    return sentence_case(text) + ("" if text.endswith((".", "!", "?", ELLIPSIS)) else ".")


def hash_digits(value: int) -> str:
    """A hash of 64 bits as 16 hexadecimal digits, of which the order is that of the numbers."""
    return f"{value:016x}"


def count(number: int) -> str:
    """A whole number with thousands separators: `4,896`.

    >>> count(4896)
    '4,896'
    """
    return f"{number:,}"


def number(value: float, digits: int = 1) -> str:
    """A number with a fixed number of decimals, thousands separators and a true minus: `1,204.5`, `\u22120.01`.

    >>> number(1204.5)
    '1,204.5'
    >>> number(-0.01, 2)
    '−0.01'

    Args:
        value: any number; one that is not finite is shown as `unknown`.
    """
    if not math.isfinite(value):
        return "unknown"
    shown = f"{abs(value):,.{digits}f}"
    return MINUS + shown if value < 0 and shown.strip("0.,") else shown


def exact_number(value: float) -> str:
    """A number that somebody set, with all its digits and without an exponent: `0.05`, `1,000,000,000,000`."""
    if not math.isfinite(value):
        return number(value)
    decimals = -int(Decimal(repr(float(value))).normalize().as_tuple().exponent)
    return number(value, max(decimals, 0))


def plural(number: int, one: str, many: str | None = None) -> str:
    """A count with its noun: `1 account`, `4,896 accounts`.

    >>> plural(1, "account")
    '1 account'
    >>> plural(4896, "account")
    '4,896 accounts'
    """
    return f"{count(number)} {verb(number, one, many or one + 's')}"


def verb(number: int, one: str, many: str) -> str:
    """The word that agrees with a count: `one` for exactly 1, else `many`.

    >>> verb(1, "is", "are")
    'is'
    """
    return one if number == 1 else many


def part_of(part: int, total: int, one: str, many: str | None = None) -> str:
    """A part of a group in words: `59 of 70 accounts`, `all 70 accounts`, `both accounts`, `the only account`.

    >>> part_of(59, 70, "account")
    '59 of 70 accounts'
    >>> part_of(2, 2, "account")
    'both accounts'
    """
    if part != total or total == 0:
        return f"{count(part)} of {plural(total, one, many)}"
    noun = verb(total, one, many or one + "s")
    return {1: f"the only {noun}", 2: f"both {noun}"}.get(total, f"all {count(total)} {noun}")


def in_words(number: int, one: str, many: str | None = None) -> str:
    """A count with its noun, written out below ten: `no cases`, `one case`, `twelve` stays `12 cases`.

    >>> in_words(1, "case")
    'one case'
    >>> in_words(12, "case")
    '12 cases'
    """
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return (
        f"{words[number]} {verb(number, one, many or one + 's')}" if number < len(words) else plural(number, one, many)
    )


def volume(requests: int, accounts: int) -> str:
    """How much traffic there is: `147,220 requests from 3,000 accounts`.

    >>> volume(147220, 3000)
    '147,220 requests from 3,000 accounts'
    """
    return f"{plural(requests, 'request')} from {plural(accounts, 'account')}"


def amount(number: int) -> str:
    """A large count to three figures: `48.1 million`; below a million the count itself.

    >>> amount(48_123_456)
    '48.1 million'
    """
    for size, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if number >= size:
            return f"{number / size:.3g} {word}"
    return count(number)


def money(value: float, currency: str) -> str:
    """An amount of money, its cents only below 100: `USD 1,204`, `USD 3.20`.

    Only an exact 0 is shown as zero; what rounding would make zero is `less than USD 0.01`.

    >>> money(1204.2, "USD")
    'USD 1,204'
    """
    if 0 < value < _LEAST_MONEY:
        return f"less than {currency} {number(_LEAST_MONEY, 2)}"
    return f"{currency} {number(value, 0 if abs(value) >= 100 else 2)}"


def percent(share: float) -> str:
    """A share in percent with at most one decimal: `6 %`, `8.6 %`, `23.4 %`.

    Only an exact 0 or 1 is shown as `0 %` or `100 %`; what rounding would make one of them is `< 0.1 %` or `> 99.9 %`.

    >>> percent(0.0861)
    '8.6 %'

    Args:
        share: 0 to 1; what lies outside is taken as the nearer of them.
    """
    if not math.isfinite(share):
        return "unknown"
    if share <= 0 or share >= 1:
        return "0 %" if share <= 0 else "100 %"
    if share > _SURE:
        return f"> {_SURE * 100:g} %"
    return "< 0.1 %" if share < 0.001 else f"{math.floor(share * 1000 + 0.5) / 10:g} %"


def share_of(part: float, total: float) -> str:
    """A part of a total in percent; `unknown` where there is no total.

    >>> share_of(722, 147220)
    '0.5 %'
    """
    return percent(part / total) if total else "unknown"


def exact_percent(share: float) -> str:
    """A share that somebody set, such as a threshold, with all its digits: `99.95 %`."""
    return f"{share * 100:.6g} %"


def probability(value: float) -> str:
    """A probability in percent, rounded down to one decimal; what cannot be told apart is a bound.

    >>> probability(0.99999)
    'at least 98 %'
    """
    if not math.isfinite(value):
        return "unknown"
    if value >= MOST_TOLD:
        return f"at least {MOST_TOLD * 100:g} %"
    return "< 0.1 %" if value < 0.001 else f"{math.floor(value * 1000 + 1e-9) / 10:g} %"


_EVEN_RATIO = 1.1  # Ratio of two likelihoods below which they are said to be equal
_WHOLE_RATIO = 10.0  # Ratio from which it is said without a decimal
_MOST_ODDS_BITS = math.log2(MOST_TOLD / (1.0 - MOST_TOLD))  # Bits of odds said at most: those of the bound above


def likelihood(value: float) -> str:
    """A probability in the words of US Intelligence Community Directive 203 (2015), section D.6.e."""
    scale = (
        (0.95, "almost certain"),
        (0.8, "very likely"),
        (0.55, "likely"),
        (0.45, "a roughly even chance"),
        (0.2, "unlikely"),
        (0.05, "very unlikely"),
    )
    return next((words for least, words in scale if value >= least), "almost no chance")


def odds_in_words(odds: float) -> str:
    """Log2 odds against something as words before its name: `3.4 times less likely than`, `as likely as`."""
    ratio = 2.0 ** min(abs(odds), _MOST_ODDS_BITS)
    if ratio < _EVEN_RATIO:
        return "as likely as"
    shown = count(round(ratio)) if ratio >= _WHOLE_RATIO else number(ratio, 1)
    more = "more than " if abs(odds) > _MOST_ODDS_BITS else ""
    return f"{more}{shown} times {'less' if odds > 0 else 'more'} likely than"


def bits(value: float) -> str:
    """Bits of evidence with sign and one decimal: `+8.0`, `\u22120.5`; `0.0` where they round to nothing.

    >>> bits(8.04)
    '+8.0'
    """
    shown = number(value, 1)
    return shown if shown == "0.0" or value < 0 else f"+{shown}"


def distance_bits(value: float) -> str:
    """A distance in bits, without a sign: `3.7 bits`."""
    return f"{number(abs(value), 1)} bits"


def day(moment: datetime) -> str:
    """A date in words: `3 March 2026`."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%B} {moment.year}"


def minute(moment: datetime) -> str:
    """A moment to the minute, for tables: `2026-03-03 14:05 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def between(first: datetime, last: datetime) -> str:
    """Two moments to the minute, with the time zone said once: `2026-03-03 14:05 to 2026-03-16 08:00 UTC`."""
    return f"{minute(first).removesuffix(' UTC')} to {minute(last)}"


def period(first: datetime, last: datetime) -> str:
    """Two dates in words, without repeating what they share: `3 to 16 March 2026`, `3 March 2026`.

    >>> period(datetime(2026, 3, 3), datetime(2026, 3, 16))
    '3 to 16 March 2026'
    """
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


def join_words(parts: Sequence[str]) -> str:
    """A list in words: `a`, `a and b`, `a, b and c`.

    >>> join_words(["a", "b", "c"])
    'a, b and c'
    """
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def join_some(parts: Sequence[str], shown: int, none: str = "none") -> str:
    """The first parts of a list and how many more there are: `a, b and 3 more`; `none` for an empty list.

    >>> join_some(["a", "b", "c", "d"], 2)
    'a, b and 2 more'
    """
    rest = len(parts) - shown
    return join_words([*parts[:shown], *([f"{count(rest)} more"] if rest > 0 else [])]) or none
