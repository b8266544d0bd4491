"""Excerpts of prompts, redacted by `stillhunt.base.redaction`, and account ids that are personal data.

An excerpt is there to show the shape of a request, so what looks like a secret, an identifier, a name or an address
gives way to a label. What redaction does not find remains: docs/howto/privacy.md says how much that is.
"""

import ipaddress
import re
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.formatting import ELLIPSIS, UNSAFE
from stillhunt.base.redaction import REDACTIONS, Span, edited_with_spans, tidy_spans
from stillhunt.base.redaction.edits import Edit

_EMAIL = r"^\s*<?[^@\s<>]{1,64}@[^@\s<>]+\.[^@\s<>.]{2,63}>?\s*$"
_MAY_BE_ADDRESS = r"(?i)^[0-9a-f]{0,4}[.:][0-9a-f.:]{1,40}$"
WHAT_IT_MEANS = (
    "They stand as they are in the case, the report and exports, because the id is what you act on: handle them as "
    "personal data."
)
_KINDS = (
    ("emails", "is an e-mail address", "are e-mail addresses"),
    ("addresses", "is an IP address", "are IP addresses"),
)


def personal_ids(account_ids: pa.ChunkedArray) -> dict[str, int]:
    """How many ids are personal data: `emails` and (IP) `addresses`."""
    emails = pc.sum(pc.match_substring_regex(account_ids, _EMAIL)).as_py() or 0
    candidates = account_ids.filter(pc.match_substring_regex(account_ids, _MAY_BE_ADDRESS))
    return {"emails": int(emails), "addresses": sum(map(_is_address, candidates.to_pylist()))}


def personal_ids_note(account_ids: pa.ChunkedArray) -> str:
    """Such ids in a few words: `12 are e-mail addresses`; empty where there are none."""
    found = personal_ids(account_ids)
    kinds = [
        f"{formatting.count(found[name])} {formatting.verb(found[name], one, many)}"
        for name, one, many in _KINDS
        if found[name]
    ]
    return formatting.join_words(kinds)


def personal_ids_sentence(account_ids: pa.ChunkedArray) -> str:
    """What to say of such ids; empty where there are none."""
    note = personal_ids_note(account_ids)
    return f"Of {formatting.plural(len(account_ids), 'account id')} {note}. {WHAT_IT_MEANS}" if note else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_MARGIN = 4096
"""Characters kept around the excerpt while redacting, so that no secret is cut in two and slips through."""

_TERMINAL_SEQUENCE = re.compile(
    r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor
    r"|\x9b[0-?]{0,64}[ -/]{0,8}[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, SOS, PM, APC: titles, links
    r"|\x1b[ -/]{0,4}[0-~]"
)
_LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_SPACE_RUN = re.compile(r"[\s\x1c-\x1f\x85\u2028\u2029]+")
_LINE_END = re.compile("\n")


def excerpt(text: str, chars: int, marks: Iterable[Span] = ()) -> tuple[str, list[Span]]:
    """A short piece of a prompt that is safe to show, around its first mark where it has one.

    Args:
        chars: most characters of the result, ellipses included; at least 8.
        marks: spans of `text` to carry over, in characters; those outside it are clipped.

    Returns:
        The excerpt and its marks: sorted, not empty, not overlapping, within the excerpt.
    """
    chars = max(chars, 8)
    spans = tidy_spans(marks, len(text))
    focus = spans[0][0] if spans and spans[0][1] > chars else 0
    window_start = max(0, focus - chars - _MARGIN)
    window = text[window_start : focus + 4 * chars + _MARGIN]
    spans = tidy_spans(((start - window_start, end - window_start) for start, end in spans), len(window))
    focus -= window_start

    rules = (_terminal_edits, _control_edits, _space_edits, *(find for _, find in REDACTIONS), _line_edits)
    for edits_of in rules:
        edits = edits_of(window)
        if edits:
            window, spans, focus = edited_with_spans(window, spans, focus, edits)

    cut_before = window_start > 0 or focus > chars // 2
    start = _word_start(window, max(0, focus - chars // 4)) if cut_before else 0
    lead = ELLIPSIS if start > 0 or window_start > 0 else ""
    room = chars - len(lead)
    cut_after = len(window) - start > room or window_start + 4 * chars + _MARGIN < len(text)
    body = window[start : start + room - 1].rstrip() + ELLIPSIS if cut_after else window[start:]
    shift = len(lead) - start
    shown_end = len(lead) + len(body) - (1 if cut_after else 0)
    kept = ((max(s + shift, len(lead)), min(e + shift, shown_end)) for s, e in spans)
    return lead + body, tidy_spans(kept, shown_end)


def _terminal_edits(text: str) -> list[Edit]:
    return [(m.start(), m.end(), "") for m in _TERMINAL_SEQUENCE.finditer(text)]


def _control_edits(text: str) -> list[Edit]:
    return [
        (m.start(), m.end(), "") for m in UNSAFE.finditer(text) if m.group() not in "\t\n\r\x0b\x0c\u2028\u2029\x85"
    ]


def _space_edits(text: str) -> list[Edit]:
    """Runs of spaces as one, and as one line end where there is one: names and addresses end with their line."""
    runs = (
        (m, "\n" if any(end in m.group() for end in _LINE_ENDS) else " ")
        for m in _SPACE_RUN.finditer(text)
        if m.group() != " "
    )
    return [(m.start(), m.end(), kept) for m, kept in runs if m.group() != kept]


def _line_edits(text: str) -> list[Edit]:
    return [(m.start(), m.end(), " ") for m in _LINE_END.finditer(text)]


def _word_start(text: str, position: int) -> int:
    """The next beginning of a word within 24 characters, so that an excerpt does not start inside one."""
    space = text.find(" ", position, position + 24) if position > 0 else -1
    return space + 1 if space >= 0 else position
