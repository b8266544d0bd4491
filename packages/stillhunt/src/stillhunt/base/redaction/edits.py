"""Spans of a text, and what takes their place."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias

Span = tuple[int, int]  # start and end in characters; end is exclusive
Edit = tuple[int, int, str]  # a span and the text that takes its place
FindEdits: TypeAlias = Callable[[str], list[Edit]]  # edits of a text, ascending
NO_WORD_BEFORE = r"(?<![^\W\u3040-\uffff])"
NO_WORD_BEHIND = r"(?![^\W\u3040-\uffff])"
"""Where a word may begin, and where it may end; Chinese, Japanese and Korean put no space there."""
_DIGIT = re.compile(r"\d")


def labelled(label: str, *patterns: re.Pattern[str]) -> FindEdits:
    """A rule that puts a label in place of what linear-time patterns match, or of their group `hide`."""

    def edits(text: str) -> list[Edit]:
        found = (match for one in patterns for match in one.finditer(text))
        return non_overlapping((*match.span("hide" if "hide" in match.re.groupindex else 0), label) for match in found)

    return edits


def only_with(find: FindEdits, *signs: str) -> FindEdits:
    """The same rule, tried only on texts with one of these signs, in small letters; any digit counts as "0"."""
    digit = "0" in signs

    def edits(text: str) -> list[Edit]:
        lowered, has_digit = _lowered(text)
        if (digit and has_digit) or any(sign in lowered for sign in signs):
            return find(text)
        return []

    return edits


@lru_cache(maxsize=1)
def _lowered(text: str) -> tuple[str, bool]:
    """The text in small letters, and whether it has a digit: most rules ask for it, and few change the text."""
    return text.lower(), _DIGIT.search(text) is not None


def non_overlapping(edits: Iterable[Edit]) -> list[Edit]:
    """The edits in order, joined where they overlap: so nothing that one of them hides is left."""
    kept: list[Edit] = []
    for start, end, label in sorted(edits):
        if start >= end:
            continue
        if kept and start < kept[-1][1]:
            first, last, earlier = kept[-1]
            kept[-1] = (first, max(last, end), earlier)
        else:
            kept.append((start, end, label))
    return kept


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with these edits."""
    return "".join(_iterate_edited_pieces(text, edits))


def _iterate_edited_pieces(text: str, edits: Iterable[Edit]) -> Iterator[str]:
    position = 0
    for start, end, label in edits:
        yield text[position:start]
        yield label
        position = end
    yield text[position:]


def edited_with_spans(
    text: str, spans: Sequence[Span], focus: int, edits: Sequence[Edit]
) -> tuple[str, list[Span], int]:
    """Replace spans, ascending, and move other spans and a place along; of overlapping edits the first counts.

    What touches a replaced piece covers its label.
    """
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
    return new_text, tidy_spans(moved_spans, len(new_text)), moved(focus, is_end=False)


def tidy_spans(spans: Iterable[Span], length: int) -> list[Span]:
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
