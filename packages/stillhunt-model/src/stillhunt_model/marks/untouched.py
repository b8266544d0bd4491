"""Parts of a text in which no wording is changed: code, data, mathematics, quotations, addresses, headings, numbers."""

from __future__ import annotations

import json
import re

LONGEST_ANSWER = 1_000_000
"""Characters of an answer that is read; a longer one is left as it is."""

_FENCE_LINE = re.compile(r"^[ \t]*(?:[-*+>][ \t]+)*(`{3,}|~{3,})")
_CLOSED_LINE = re.compile(
    r"^(?: {4}|\t| {0,3}(?:[#>|]|\*\*[^*\n]*\*\*:?\s*$))|[{}\\|=]|^\s*[=-]{3,}\s*$|[;:]\s*$|\w\(|->|=>"
    r"|^\s*[—–―]|^[^:,.!?;\n]*:\s*\S|\s/\s"
)
"""Lines that are left as they are: indented ones, headings and titles, quoted lines, tables, those with signs of code
or data, dialogue after a dash, lines that begin with a name and a colon, and verse in one line."""
_LIST_LINE = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s")
_UNDERLINE = re.compile(r"^[ \t]*(?:=+|-+)[ \t]*$")
_SPANS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"\$[^$]*(?:\$|\Z)",
        r'"[^"]*(?:"|\Z)',
        r"»[^«]*(?:«|\Z)",
        r"‘.*",  # its closing sign is an apostrophe, too: up to the end of the paragraph
        r"(?<!\w)'(?=\S).*",
        r"<[^>]*(?:>|\Z)",
        r"\[[^\]]*(?:\]\([^)]*(?:\)|\Z)|\]|\Z)",
        r"(?<=[.!?…:])\s*[—―–]\s.*",  # what somebody says after a dash
    )
)
"""Parts of a paragraph."""
_QUOTATIONS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"“[^”]*(?:”|\Z)",
        r"„[^“”]*(?:[“”]|\Z)",
        r"«[^»]*(?:»|\Z)",
        r"‹[^›]*(?:›|\Z)",
        r"›[^‹]*(?:‹|\Z)",
        r"‚[^‘’]*(?:[‘’]|\Z)",
        r"「[^」]*(?:」|\Z)",
        r"『[^』]*(?:』|\Z)",
        r"‘(?:[^’]++|’(?=\w))*+(?:’|\Z)",
        r"(?<!\w)'(?=\w)(?:[^']++|'(?=\w))*+(?:'|\Z)",
    )
)
"""Quotations that go on over paragraphs until they are closed."""
_TICKS = re.compile(r"`+")
_WORD_OF_SIGNS = re.compile(r"\S+")
_ADDRESS = ("://", "www.", "@")
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")
_SENTENCE_END = re.compile(r"""(?<=[.!?])\s+(?=[A-Z"'“(*_])|\n(?=[ \t]*[-*+•][ \t])""")
_DIGIT = re.compile(r"\d")


def untouched_signs(text: str) -> bytearray:
    """Which characters of a text belong to a part that is left as it is.

    It depends on nothing that the exchange of wordings changes, so that it is the same before and after.

    Returns:
        One byte for each character, 1 where it is left as it is.
    """
    mask = bytearray(len(text))
    if len(text) > LONGEST_ANSWER or _is_data(text):
        return bytearray(b"\1" * len(text))
    fences = _close_lines(text, mask)
    _close_quotations("".join(" " if fenced else sign for sign, fenced in zip(text, fences, strict=True)), mask)
    start, is_open = 0, False
    for end in [*(found.start() for found in _PARAGRAPH_END.finditer(text)), len(text)]:
        paragraph = text[start:end]
        is_open = _close_straight(paragraph, start, (mask, fences), is_open=is_open)
        _close_ticks(paragraph, start, mask)
        for pattern in _SPANS:
            for found in pattern.finditer(paragraph):
                _close_mask_span(mask, start + found.start(), start + found.end())
        for found in _WORD_OF_SIGNS.finditer(paragraph):
            if any(sign in found[0] for sign in _ADDRESS):
                _close_mask_span(mask, start + found.start(), start + found.end())
        _close_numbers(paragraph, start, mask)
        start = end
    return mask


def _is_data(text: str) -> bool:
    """Whether the whole text is JSON other than a number or a word, or begins as markup does."""
    begun = text.lstrip()[:1]
    if begun == "<":
        return True
    if begun not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return begun == "{"
    return True


def _close_lines(text: str, mask: bytearray) -> bytearray:
    """Close what is left as it is by its lines.

    Returns:
        One byte for each character, 1 in fences, where quotes open nothing.
    """
    fence, start, before = "", 0, 0
    fences = bytearray(len(text))
    verse: list[tuple[int, int]] = []
    for line in text.splitlines(keepends=True):
        end = start + len(line)
        found = _FENCE_LINE.match(line)
        closed = bool(fence or found or _CLOSED_LINE.search(line))
        if closed:
            _close_mask_span(mask, start, end)
        if fence or found:
            _close_mask_span(fences, start, end)
        if found and not fence:
            fence = found[1]
        elif found and found[1][0] == fence[0] and len(found[1]) >= len(fence):
            fence = ""
        if _UNDERLINE.match(line):
            _close_mask_span(mask, before, end)  # the line above is a heading
        if closed or not line.strip() or _LIST_LINE.match(line):
            verse = []
        else:
            verse.append((start, end))
            if len(verse) > 1:  # lines under one another without an empty one are verse, or data
                _close_mask_span(mask, verse[-2][0], end)
        start, before = end, start
    return fences


def _close_quotations(open_text: str, mask: bytearray) -> None:
    """Quotations in the text without its fences."""
    for pattern in _QUOTATIONS:
        for found in pattern.finditer(open_text):
            _close_mask_span(mask, found.start(), found.end())


def _close_straight(paragraph: str, start: int, masks: tuple[bytearray, bytearray], *, is_open: bool) -> bool:
    """Straight quotes open and close alike: from an odd one on, all is closed up to the paragraph with its partner.

    Returns:
        Whether a quotation is open after the paragraph.
    """
    mask, fences = masks
    places = [place for place, sign in enumerate(paragraph) if sign == '"' and not fences[start + place]]
    if is_open:
        _close_mask_span(mask, start, start + len(paragraph))
        # each paragraph of a long quotation may open it anew
        return is_open != bool((len(places) - paragraph.lstrip().startswith('"')) % 2)
    if len(places) % 2:
        _close_mask_span(mask, start + places[0], start + len(paragraph))
    return bool(len(places) % 2)


def _close_ticks(paragraph: str, start: int, mask: bytearray) -> None:
    """Inline code: from a run of backticks to the next of its length, or to the end of the paragraph."""
    runs = [found.span() for found in _TICKS.finditer(paragraph)]
    place = 0
    while place < len(runs):
        begin, end = runs[place]
        size = end - begin
        place = next((at for at in range(place + 1, len(runs)) if runs[at][1] - runs[at][0] == size), len(runs))
        _close_mask_span(mask, start + begin, start + (runs[place][1] if place < len(runs) else len(paragraph)))
        place += 1


def _close_numbers(paragraph: str, start: int, mask: bytearray) -> None:
    """A sentence with a digit is left as it is: what stands beside a number may belong to it."""
    begin = 0
    for end in [*(found.start() for found in _SENTENCE_END.finditer(paragraph)), len(paragraph)]:
        if _DIGIT.search(paragraph, begin, end):
            _close_mask_span(mask, start + begin, start + end)
        begin = end


def _close_mask_span(mask: bytearray, start: int, end: int) -> None:
    mask[start:end] = b"\1" * (end - start)
