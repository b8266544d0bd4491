"""Inputs of one kind as one: `inspect` shows a block a kind, and names what differs between the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from stillhunt.base import formatting
from stillhunt.collect.formats import CANONICAL_FORMAT
from stillhunt.collect.inspection import InspectedInput
from stillhunt.triage.model import NAME_CHARS

NAMES_SHOWN = 3


@dataclass(frozen=True)
class LogKind:
    """Files of one format, or a single file.

    Attributes:
        files: what was found in each.
        whole: all of them as one input: sums of rows and counts, and every origin of a column.
    """

    files: tuple[InspectedInput, ...]
    whole: InspectedInput

    @property
    def heading(self) -> str:
        """Which files these are."""
        if len(self.files) == 1:
            return _names(self.files)
        return f"{formatting.plural(len(self.files), 'file')}: {_names(self.files)}"

    @property
    def is_unread(self) -> bool:
        """Whether no format was recognised and no row used, so that no field fills a column."""
        return self.whole.file.format == CANONICAL_FORMAT and not self.whole.file.rows

    @property
    def idle(self) -> str:
        """Which of several files gave neither a request nor anything to one; empty where all gave something."""
        idle = [one for one in self.files if not one.file.rows and not one.completes]
        return f"nothing in {_counted(idle)}" if idle and len(idle) < len(self.files) else ""

    def where_filled(self, column: str) -> str:
        """Which files fill a column, in words; empty where all of them do or none does."""
        used = [one for one in self.files if one.file.rows]
        filling = [one for one in used if one.filled[column]]
        lacking = [one for one in used if not one.filled[column]]
        return _difference(filling, lacking)

    def doubts(self) -> list[str]:
        """What may be wrong, each with the files of which it is said where those are not all."""
        said = dict.fromkeys(doubt for one in self.files for doubt in one.file.doubts)
        lines = []
        for doubt in said:
            having = [one for one in self.files if doubt in one.file.doubts]
            lines.append(f"{formatting.shorten(doubt, 400)}{_only(having) if len(having) < len(self.files) else ''}")
        return lines


def log_kinds(inputs: Sequence[InspectedInput], *, every_file: bool = False) -> list[LogKind]:
    """The kinds of some inputs, in the order in which they come first.

    Args:
        every_file: show each file by itself.
    """
    kinds: dict[tuple[object, ...], list[InspectedInput]] = {}
    for place, one in enumerate(inputs):
        unread = one.file.format == CANONICAL_FORMAT and not one.file.rows
        key = (place,) if every_file else (one.file.format, unread)
        kinds.setdefault(key, []).append(one)
    return [LogKind(tuple(files), _merged(files)) for files in kinds.values()]


def _merged(files: Sequence[InspectedInput]) -> InspectedInput:
    first = files[0]
    if len(files) == 1:
        return first
    filled: Counter[str] = Counter()
    passed_over: Counter[str] = Counter()
    origins: dict[str, dict[str, None]] = {}
    for one in files:
        filled.update(one.filled)
        passed_over.update(one.file.passed_over)
        for column, origin in one.carries.items():
            origins.setdefault(column, {})[origin] = None
    file = replace(
        first.file,
        rows=sum(one.file.rows for one in files),
        passed_over=dict(passed_over),
        by_address=sum(one.file.by_address for one in files),
    )
    return replace(
        first,
        file=file,
        filled=dict(filled),
        carries={column: "; or ".join(found) for column, found in origins.items()},
        rejected=sum(one.rejected for one in files),
        completes=sum(one.completes for one in files),
    )


def _difference(filling: Sequence[InspectedInput], lacking: Sequence[InspectedInput]) -> str:
    if not filling or not lacking:
        return ""
    return _only(filling) if len(filling) <= len(lacking) else f" (not in {_counted(lacking)})"


def _only(files: Sequence[InspectedInput]) -> str:
    return f" (only in {_counted(files)})"


def _counted(files: Sequence[InspectedInput]) -> str:
    names = _names(files)
    return names if len(files) <= NAMES_SHOWN else f"{formatting.plural(len(files), 'file')}: {names}"


def _names(files: Iterable[InspectedInput]) -> str:
    return formatting.join_some([formatting.shorten(one.file.name, NAME_CHARS) for one in files], NAMES_SHOWN)
