"""Writes the power curve as JSON, Markdown and SVG, without any text of the logs."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stillhunt import OutputError, __version__
from stillhunt.tools import plural
from stillhunt_lab.baselines.method import MIN_ACCOUNTS
from stillhunt_lab.drill.run import CellResult, DrillResult
from stillhunt_lab.worlds.grammar import read_data

REPORT_COLUMNS = ("kind", "a day", "accounts", "found", "recall", "first call", "planted", "honest touched")
LARGE_CAMPAIGN_SHARE = 0.1
"""Share of the log's accounts from which a planted campaign changes what ordinary traffic is."""
_TEXTS = read_data("drill")
IMPURE, NOT_FLAGGED, FEW_FLAGGED = "impure", "no (not flagged)", "no (few flagged)"
"""What becomes of a planted campaign whose group has the verdict act and that still does not count as found."""
_COLOURS = ("#1b6ca8", "#c2571a", "#3d8b40", "#7a4ea3", "#8a6d3b", "#b0306a")
_PANEL, _HEIGHT, _MARGIN = 280, 220, 46


def document(result: DrillResult) -> dict[str, Any]:
    """The result as JSON can hold it."""
    return {"version": __version__, **asdict(result), "smallest_found": _list_smallest_found(result)}


def _list_smallest_found(result: DrillResult) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "pace": pace, "accounts": result.smallest_found(kind, pace)}
        for kind in result.spec.kinds
        for pace in result.spec.paces
    ]


def table_rows(result: DrillResult) -> list[tuple[str, ...]]:
    """A heading and one row per cell, as text."""
    return [REPORT_COLUMNS, *(_format_cell_row(cell) for cell in result.cells)]


def _format_cell_row(cell: CellResult) -> tuple[str, ...]:
    return (
        cell.kind,
        f"{cell.pace:g}",
        f"{cell.accounts:,}",
        _found_words(cell),
        f"{100 * cell.recall:.0f} %",
        "never" if cell.first_call is None else f"{cell.first_call:,}",
        f"{cell.requests:,}",
        f"{cell.touched:,}",
    )


def _found_words(cell: CellResult) -> str:
    if cell.found:
        return "yes"
    if cell.verdict == "act" and round(cell.recall * cell.accounts) < MIN_ACCOUNTS:
        return FEW_FLAGGED if cell.recall else NOT_FLAGGED
    return {"act": IMPURE, "unseen": "no"}.get(cell.verdict, f"no ({cell.verdict})")


def sentences(result: DrillResult) -> list[str]:
    """Sentences that say what the table means and where it misleads."""
    spec = result.spec
    found = []
    for kind in spec.kinds:
        sizes = [(pace, result.smallest_found(kind, pace)) for pace in spec.paces]
        seen = [f"{size} accounts at {pace:g} a day" for pace, size in sizes if size is not None]
        unseen = [f"{pace:g}" for pace, size in sizes if size is None]
        text = f"{kind}: found from " + ", from ".join(seen) if seen else f"{kind}:"
        if unseen:
            text += f"{';' if seen else ''} not found up to {max(spec.sizes)} accounts at {', '.join(unseen)} a day"
        found.append(text + ".")
    notes: dict[str, str] = _TEXTS["notes"]
    words = {_found_words(cell) for cell in result.cells}
    large = [size for size in sorted(spec.sizes) if size > LARGE_CAMPAIGN_SHARE * result.accounts]
    said = {
        "suspects": result.suspects > 0,
        "not_flagged": bool(words & {NOT_FLAGGED, FEW_FLAGGED}),
        "impure": IMPURE in words,
        "large": bool(large),
        "sample": result.is_sample,
    }
    values = {
        "who": plural(result.suspects, "account is", "accounts are"),
        "not_flagged": NOT_FLAGGED,
        "few_flagged": FEW_FLAGGED,
        "least": MIN_ACCOUNTS,
        "sizes": ", ".join(map(str, large)),
        "share": 100 * LARGE_CAMPAIGN_SHARE,
        "accounts": result.accounts,
    }
    return [*found, *(notes[name].format(**values) for name, holds in said.items() if holds)]


def markdown(result: DrillResult) -> str:
    """The page `drill.md`."""
    spec = result.spec
    rows = table_rows(result)
    size = f"{result.requests:,} requests of {result.accounts:,} accounts over {result.days:.1f} days"
    terms = f"cover {100 * spec.cover:.0f} %, at most {spec.queue:,} harvest requests per campaign"
    lines = [
        "# What a hunt would find in these logs",
        "",
        f"{size}; {result.hunts} hunts, seed {spec.seed}, {terms}.",
        "",
        *(f"- {sentence}" for sentence in sentences(result)),
        "",
        "![Recall by campaign size](drill.svg)",
        "",
        "| " + " | ".join(rows[0]) + " |",
        "|" + "---|" * len(rows[0]),
        *("| " + " | ".join(row) + " |" for row in rows[1:]),
        "",
        _TEXTS["legend"],
        "",
    ]
    return "\n".join(lines)


def picture(result: DrillResult) -> str:
    """The power curve: recall by campaign size, with a panel per kind and a line per pace.

    Returns a self-contained SVG.
    """
    kinds, sizes = result.spec.kinds, sorted(result.spec.sizes)
    width = _MARGIN + len(kinds) * (_PANEL + _MARGIN)
    height = _HEIGHT + 3 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
        "<style>text { font-family: sans-serif; font-size: 12px }</style>",
        "<title>Recall by campaign size; a full dot is a campaign that was found</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for place, kind in enumerate(kinds):
        left = _MARGIN + place * (_PANEL + _MARGIN)
        parts.append(f'<text x="{left}" y="{_MARGIN - 14}" font-weight="bold">{kind}</text>')
        parts += _draw_chart_axes(left, sizes)
        for line, pace in enumerate(result.spec.paces):
            cells = [cell for cell in result.cells if (cell.kind, cell.pace) == (kind, pace)]
            parts += _draw_recall_line(left, sizes, cells, _COLOURS[line % len(_COLOURS)])
    for line, pace in enumerate(result.spec.paces):
        x, y = _MARGIN + 120 * line, _HEIGHT + 2.5 * _MARGIN
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{_COLOURS[line % len(_COLOURS)]}"/>')
        parts.append(f'<text x="{x + 10}" y="{y}">{pace:g} a day</text>')
    return "\n".join([*parts, "</svg>\n"])


def _compute_x_position(left: int, sizes: Sequence[int], size: int) -> float:
    low, high = math.log(sizes[0]), math.log(sizes[-1])
    return left + (_PANEL / 2 if high == low else _PANEL * (math.log(size) - low) / (high - low))


def _compute_y_position(recall: float) -> float:
    return _MARGIN + _HEIGHT * (1 - recall)


def _draw_chart_axes(left: int, sizes: Sequence[int]) -> list[str]:
    parts = []
    for share in (0.0, 0.5, 1.0):
        parts.append(f'<path d="M{left} {_compute_y_position(share):.1f}h{_PANEL}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{left - 6}" y="{_compute_y_position(share) + 4:.1f}" text-anchor="end">'
            f"{100 * share:.0f} %</text>"
        )
    below = _HEIGHT + _MARGIN
    parts += [
        f'<text x="{_compute_x_position(left, sizes, size):.1f}" y="{below + 18}" text-anchor="middle">{size}</text>'
        for size in sizes
    ]
    parts.append(f'<text x="{left + _PANEL / 2}" y="{below + 36}" text-anchor="middle">accounts</text>')
    return parts


def _draw_recall_line(left: int, sizes: Sequence[int], cells: Sequence[CellResult], colour: str) -> list[str]:
    points = [
        (_compute_x_position(left, sizes, cell.accounts), _compute_y_position(cell.recall), cell.found)
        for cell in cells
    ]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in points)
    dots = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" stroke="{colour}" fill="{colour if found else "#fff"}"/>'
        for x, y, found in points
    ]
    return [f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>', *dots]


def refuse_folder(out: Path, logs: Sequence[str]) -> None:
    """Refuse a folder that must not be written to, before any work is done.

    Raises OutputError: the folder holds something, or lies among the logs, where the next hunt would read it.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(
            "the folder is not empty",
            where=str(out),
            next_step="name another folder, or empty it",
            command_step="name another --out, or empty it",
        )
    for log in map(Path, logs):
        if log.is_dir() and out.resolve().is_relative_to(log.resolve()):
            raise OutputError(
                "the folder lies inside the logs",
                where=str(out),
                next_step="name a folder outside of them",
                command_step="name an --out outside of them",
            )


def write_results(result: DrillResult, out: Path) -> None:
    """Write `drill.json`, `drill.md` and `drill.svg`.

    Raises OutputError: it cannot be written.
    """
    files = {
        "drill.json": json.dumps(document(result), indent=2) + "\n",
        "drill.md": markdown(result),
        "drill.svg": picture(result),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"the results cannot be written: {error}", where=str(out), next_step="check space and permissions"
        ) from error
