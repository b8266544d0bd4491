"""What each stage of a hunt cost, as a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console

from stillhunt.base import formatting

_HEADS = ("stage", "wall s", "CPU s", "rows", "peak MB")
_INDENT = "  "


def print_stages(console: Console, timings: Sequence[Mapping[str, Any]]) -> None:
    """Print the stages in run.json with their steps, and all of them together."""
    rows = [_HEADS, *_stage_rows(timings)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADS))]
    for name, *figures in rows:
        cells = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True))]
        console.print("  ".join(cells).rstrip(), soft_wrap=True)


def _stage_rows(timings: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for stage in timings:
        yield _row(stage["stage"], stage, formatting.number(stage["rows"], 0) if stage["rows"] else "")
        for step in stage["steps"]:
            done = f"{formatting.number(step['done'], 0)} {step['unit']}" if step["done"] else ""
            yield _row(_INDENT + step["step"], step, done)
    whole = {key: sum(stage[key] for stage in timings) for key in ("seconds", "cpu_seconds")}
    yield _row("all stages", {**whole, "peak_mb": max(stage["peak_mb"] for stage in timings)}, "")


def _row(name: str, cost: Mapping[str, Any], rows: str) -> tuple[str, ...]:
    wall, cpu = (f"{cost[key]:.2f}" for key in ("seconds", "cpu_seconds"))
    return formatting.escape_controls(name), wall, cpu, rows, formatting.number(cost["peak_mb"], 0)
