"""Tables of `damage.py`'s rows: what is true of each world by construction, and what the command said of it."""

from __future__ import annotations

from typing import Any

Rows = list[dict[str, Any]]
TRUE = {
    "plain": "{samples:,} different questions; no honest answer is of the task",
    "copies": "{questions:,} different questions, four near-copies of each: worth as many honest answers, which are to "
    "other questions of the task",
    "rewordings": "{questions:,} different questions in four wordings: worth as many honest answers, which are to "
    "other questions of the task",
    "prose": "what honest customers take: worth as many honest answers, an advantage of 0",
}
"""World -> what is true of it."""
WORLD_TITLES = (
    "world",
    "task",
    "true by construction",
    "samples learned from",
    "updates",
    "worth in honest answers",
    "advantage over them, nats a byte",
    "bend by loss",
    "bend by right answers",
    "share of the gain at a quarter",
)
POINT_TITLES = ("world", "task", "samples", "loss, nats a byte", "right answers", "honest answers: loss")


def world_cells(rows: Rows) -> list[tuple[str, ...]]:
    """Titles, and the cells of each world and task.

    Args:
        rows: of `damage.py`.
    """
    return [WORLD_TITLES, *map(_world, rows)]


def point_cells(rows: Rows) -> list[tuple[str, ...]]:
    """Titles, and the cells of each point of each learning curve.

    Args:
        rows: of `damage.py`.
    """
    return [POINT_TITLES, *(_point(row, one) for row in rows for one in _curve(row, "harvested"))]


def _world(row: dict[str, Any]) -> tuple[str, ...]:
    reached = [one for one in row["reached"] if one[0] == row["samples"] // 4]
    return (
        row["world"],
        "" if row["world"] == "prose" else row["task"],
        TRUE[row["world"]].format(**row),
        f"{row['samples']:,}",
        f"{row['settings']['steps']:,}",
        _honest_answers(row),
        _bounded(row["advantage"]),
        _bend(row["bend"]),
        _bend(row["bend_by_right_answers"]),
        f"{reached[0][1]:.0%} ({reached[0][2]:.0%} to {reached[0][3]:.0%})" if reached else "no certain gain",
    )


def _honest_answers(row: dict[str, Any]) -> str:
    """The worth in honest answers, with its interval."""
    worth, honest = row["honest_worth"], _curve(row, "honest")
    least, most = honest[0]["count"], honest[-1]["count"]

    def shown(value: float | None) -> str:
        if value is None:
            return f"more than {most:,}"
        return f"fewer than {least:,}" if value == 0 else f"{value:,.0f}"

    ends = [shown(worth[name]) for name in ("low", "high")]
    value = shown(worth["value"])
    return value if ends == [value, value] else f"{value} ({ends[0]} to {ends[1]})"


def _point(row: dict[str, Any], point: dict[str, Any]) -> tuple[str, ...]:
    honest = next((one for one in _curve(row, "honest") if one["count"] == point["count"]), None)
    return (
        row["world"],
        "" if row["world"] == "prose" else row["task"],
        f"{point['count']:,}",
        _bounded(point["loss_by_byte"]),
        f"{point['right'][0]:.0%} ({point['right'][1]:.0%} to {point['right'][2]:.0%})" if point["right"] else "",
        "" if honest is None else _bounded(honest["loss_by_byte"]),
    )


def _curve(row: dict[str, Any], kind: str) -> Rows:
    """Points of one kind, the smallest count first."""
    return sorted((one for one in row["points"] if one["kind"] == kind), key=lambda one: one["count"])


def _bounded(one: list[float]) -> str:
    return f"{one[0]:.3f} ({one[1]:.3f} to {one[2]:.3f})"


def _bend(bend: dict[str, float | None] | None) -> str:
    """A count with its interval; a bend beyond all counts is none."""
    if bend is None:
        return ""
    value, low, high = ("none" if bend[name] is None else f"{bend[name]:,.0f}" for name in ("value", "low", "high"))
    return value if value == low == high else f"{value} ({low} to {high})"
