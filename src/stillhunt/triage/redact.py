"""Excerpts of prompts: bounded, without control characters, and with labels where a pattern matches.

Logs of proxied traffic hold other people's names, addresses and live credentials. An excerpt is there to
show the shape of a request, so what looks like a secret or an identifier gives way to a label. The patterns
over-redact on purpose; but names, postal addresses and other free text match none of them, and remain.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from stillhunt.base.formatting import ELLIPSIS, UNSAFE

Span = tuple[int, int]
"""Start and end in characters; end is exclusive."""

_Edit = tuple[int, int, str]
"""A span and the text that takes its place."""

_MARGIN = 4096
"""Characters kept around the excerpt while redacting, so that no secret is cut in two and slips through."""

_TERMINAL_SEQUENCE = re.compile(
    r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor
    r"|\x9b[0-?]{0,64}[ -/]{0,8}[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, SOS, PM, APC: titles, links
    r"|\x1b[ -/]{0,4}[0-~]"
)
_SPACE_RUN = re.compile(r"[\s\x1c-\x1f\x85\u2028\u2029]+")

_NAMED_SECRET = re.compile(
    r"(?i)(?:pass(?:word|wd|phrase)?|pwd|secret|api[_ -]?key|access[_ -]?key"
    r"|(?:access|auth|session|refresh)?[_ -]?token|authorization|cookie|credential)s?"
    r"[\"'`]?\s{0,4}(?:[:=]|\bis\b)\s{0,4}[\"'`]?(?:(?:Bearer|Basic|Token)\s{1,4})?"
    r"(?P<hide>[^\s\"'`,;<>\[]{4,})"
)
_URL = re.compile(
    r"(?i)\b[a-z][a-z0-9+.-]{1,15}://(?P<user>[^\s/?#@]{0,256}@)?[^\s?#]{0,2048}(?P<query>[?#][^\s\[]{1,})?"
)
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "[private key]",
        re.compile(r"(?s)-----BEGIN [A-Z0-9 ]{0,40}KEY[A-Z ]{0,10}-----.{0,8192}?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)"),
    ),
    ("[token]", re.compile(r"\beyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)*")),
    ("[key]", re.compile(r"(?i)(?<![a-z0-9])(?:sk|pk|rk|gsk|r8|xai|nvapi|pplx|whsec)[-_][\w-]{10,}")),
    (
        "[key]",
        re.compile(
            r"(?<![A-Za-z0-9])(?:gh[opsur]|github_pat|glpat|hf|npm|pypi|dop_v1|shp[a-z]{2}|xox[a-z]|SG)[-_.][\w.-]{8,}"
        ),
    ),
    ("[key]", re.compile(r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z0-9]{12,}|AIza[\w-]{16,}|ya29\.[\w-]{8,})")),
    ("[token]", re.compile(r"(?i)\b(?:bearer|basic)\s{1,4}[a-z0-9._~+/=-]{8,}")),
    (
        "[uuid]",
        re.compile(r"(?i)(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])"),
    ),
    ("[e-mail]", re.compile(r"[\w.+%'-]{1,64}(?:@|\s?[\[(]at[\])]\s?)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")),
    ("[bank account]", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")),
    ("[id number]", re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")),
    ("[long number]", re.compile(r"(?<![\d.])\d{13,}")),
    ("[phone]", re.compile(r"(?<![\w+])(?:\+|00)\d[\d ()./-]{5,18}\d(?!\d)")),
    ("[phone]", re.compile(r"(?<![\w(])\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?!\w)")),
    ("[phone]", re.compile(r"(?<![\w.])0\d{2,4}[ /-]\d{3,8}(?:[ -]\d{2,6})?(?!\w)")),
    ("[hex]", re.compile(r"(?<![0-9A-Za-z])(?:0x)?[0-9a-fA-F]{20,}(?![G-Zg-z])")),
)
WHAT_IS_REPLACED = (
    "keys, tokens and private keys; passwords and other secrets that follow their name; e-mail and IP addresses; "
    "phone, bank account, card, identity and other long numbers; the user and the query in a web address; UUIDs, long "
    "hex and encoded strings"
)
"""What the patterns replace, in words; a test holds it beside the labels."""
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d)")
_IPV6 = re.compile(r"(?i)(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{28,}={0,2}")


def excerpt(text: str, chars: int, marks: Iterable[Span] = ()) -> tuple[str, list[Span]]:
    """A short piece of a prompt that is safe to show, around its first mark where it has one.

    Args:
        text: raw prompt; may be hostile and megabytes long.
        chars: most characters of the result, ellipses included; at least 8.
        marks: spans of `text` to carry over, in characters; those outside it are clipped.

    Returns:
        The excerpt and its marks: sorted, not empty, not overlapping, within the excerpt.
    """
    chars = max(chars, 8)
    spans = _tidy(marks, len(text))
    focus = spans[0][0] if spans and spans[0][1] > chars else 0
    window_start = max(0, focus - chars - _MARGIN)
    window = text[window_start : focus + 4 * chars + _MARGIN]
    spans = _tidy(((start - window_start, end - window_start) for start, end in spans), len(window))
    focus -= window_start

    for edits_of in (_terminal_edits, _control_edits, _space_edits, *_REDACTIONS):
        edits = edits_of(window)
        if edits:
            window, spans, focus = _apply(window, spans, focus, edits)

    cut_before = window_start > 0 or focus > chars // 2
    start = _word_start(window, max(0, focus - chars // 4)) if cut_before else 0
    lead = ELLIPSIS if start > 0 or window_start > 0 else ""
    room = chars - len(lead)
    cut_after = len(window) - start > room or window_start + 4 * chars + _MARGIN < len(text)
    body = window[start : start + room - 1].rstrip() + ELLIPSIS if cut_after else window[start:]
    shift = len(lead) - start
    shown_end = len(lead) + len(body) - (1 if cut_after else 0)
    kept = ((max(s + shift, len(lead)), min(e + shift, shown_end)) for s, e in spans)
    return lead + body, _tidy(kept, shown_end)


def _terminal_edits(text: str) -> list[_Edit]:
    return [(m.start(), m.end(), "") for m in _TERMINAL_SEQUENCE.finditer(text)]


def _control_edits(text: str) -> list[_Edit]:
    return [
        (m.start(), m.end(), "") for m in UNSAFE.finditer(text) if m.group() not in "\t\n\r\x0b\x0c\u2028\u2029\x85"
    ]


def _space_edits(text: str) -> list[_Edit]:
    return [(m.start(), m.end(), " ") for m in _SPACE_RUN.finditer(text) if m.group() != " "]


def _url_edits(text: str) -> list[_Edit]:
    edits = []
    for match in _URL.finditer(text):
        if match.group("user"):
            edits.append((*match.span("user"), "[user]@"))
        if match.group("query"):
            edits.append((*match.span("query"), "?[query]"))
    return [edit for edit in edits if text[edit[0] : edit[1]] != edit[2]]


def _secret_edits(text: str) -> list[_Edit]:
    return [(*m.span("hide"), "[secret]") for m in _NAMED_SECRET.finditer(text)]


def _card_edits(text: str) -> list[_Edit]:
    return [(m.start(), m.end(), "[card number]") for m in _CARD.finditer(text) if _passes_luhn(m.group())]


def _address_edits(text: str) -> list[_Edit]:
    found = [
        m for pattern in (_IPV4, _IPV6) for m in pattern.finditer(text) if len(m.group()) > 3 and _is_ip(m.group())
    ]
    return [(m.start(), m.end(), "[address]") for m in sorted(found, key=lambda m: m.start())]


def _base64_edits(text: str) -> list[_Edit]:
    return [(m.start(), m.end(), "[encoded]") for m in _BASE64.finditer(text) if _looks_random(m.group())]


def _rule_edits(label: str, pattern: re.Pattern[str]) -> Callable[[str], list[_Edit]]:
    return lambda text: [(m.start(), m.end(), label) for m in pattern.finditer(text)]


_REDACTIONS: tuple[Callable[[str], list[_Edit]], ...] = (
    *(_rule_edits(label, pattern) for label, pattern in _RULES[:1]),
    _url_edits,
    *(_rule_edits(label, pattern) for label, pattern in _RULES[1:6]),
    _secret_edits,
    *(_rule_edits(label, pattern) for label, pattern in _RULES[6:8]),
    _address_edits,
    _card_edits,
    *(_rule_edits(label, pattern) for label, pattern in _RULES[8:]),
    _base64_edits,
)


def _passes_luhn(number: str) -> bool:
    digits = [int(character) for character in number if character.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_ip(text: str) -> bool:
    if len(text) < 4:  # "::" alone is punctuation
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _looks_random(text: str) -> bool:
    """True for keys and encoded bytes, false for long words, paths and identifiers in plain words."""
    kinds = (any(c.isdigit() for c in text), any(c.isupper() for c in text), any(c.islower() for c in text))
    return sum(kinds) == 3 or (len(text) >= 40 and kinds[0])


def _apply(text: str, spans: Sequence[Span], focus: int, edits: Sequence[_Edit]) -> tuple[str, list[Span], int]:
    """Replace spans of a text and move other spans along; what touches a replaced piece covers its label."""
    pieces, starts, ends, new_starts, new_ends = [], [], [], [], []
    position = length = 0
    for start, end, label in edits:
        if start < position:  # overlaps the edit before it: that one already hid the beginning
            continue
        pieces += [text[position:start], label]
        length += start - position
        starts.append(start)
        ends.append(end)
        new_starts.append(length)
        length += len(label)
        new_ends.append(length)
        position = end
    pieces.append(text[position:])
    new_text = "".join(pieces)

    def moved(offset: int, *, is_end: bool) -> int:
        index = bisect_right(starts, offset - 1 if is_end else offset) - 1
        if index < 0:
            return offset
        if offset < ends[index]:
            return new_ends[index] if is_end else new_starts[index]
        return offset - ends[index] + new_ends[index]

    moved_spans = ((moved(start, is_end=False), moved(end, is_end=True)) for start, end in spans)
    return new_text, _tidy(moved_spans, len(new_text)), moved(focus, is_end=False)


def _tidy(spans: Iterable[Span], length: int) -> list[Span]:
    """Spans clipped to 0..length, sorted, merged where they touch, empty ones dropped."""
    tidy: list[Span] = []
    for start, end in sorted((max(0, start), min(end, length)) for start, end in spans):
        if start >= end:
            continue
        if tidy and start <= tidy[-1][1]:
            tidy[-1] = (tidy[-1][0], max(end, tidy[-1][1]))
        else:
            tidy.append((start, end))
    return tidy


def _word_start(text: str, position: int) -> int:
    """The next beginning of a word within 24 characters, so that an excerpt does not start inside one."""
    space = text.find(" ", position, position + 24) if position > 0 else -1
    return space + 1 if space >= 0 else position
