"""What the students say, as JSON, a table, sentences and a page; no prompt or answer is in any of them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stillhunt import __version__
from stillhunt.tools import count, number, plural, shorten, write_whole
from stillhunt_model.damage.curve import CurvePoint, LabelGain
from stillhunt_model.damage.measuring import DamageResult
from stillhunt_model.damage.parameters import BEND_SHARE
from stillhunt_model.damage.sentences import NOT_SHOWN, SHOWN_CHARS, bounded, damage_sentences, exact_share
from stillhunt_model.damage.splitting import HARVESTED, HONEST

STUDENTS_FOLDER = "students"
"""Where finished students are kept, in the folder of the results."""
CURVE_COLUMNS = ("samples", "harvested: nats a byte", "honest: nats a byte", "harvested: exact", "honest: exact")
GAIN_COLUMNS = ("what", "held-out answers", "gain, nats a byte", "share of the loss")


def damage_document(result: DamageResult) -> dict[str, Any]:
    """The result as JSON can hold it: an infinite figure is null, and beside it stands that it lies beyond."""
    spec = {**asdict(result.spec), "base": None if result.spec.base is None else result.spec.base.name}
    document = {"version": __version__, **asdict(result), "spec": spec, "sentences": damage_sentences(result)}
    document["curve"]["reached"] = [{"count": at, **asdict(reached)} for at, reached in result.curve.reached.items()]
    document["bend_share"] = BEND_SHARE
    plain: dict[str, Any] = _plain(document)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {key: _plain(one) for key, one in value.items()}
        if isinstance(value.get("value"), float) and math.isinf(value["value"]):
            plain["beyond"] = True
        return plain
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def curve_rows(result: DamageResult) -> list[tuple[str, ...]]:
    """A heading and one row for each count."""
    points = result.curve.points
    counts = sorted({one.count for one in points})
    exact = any(one.exact for one in points)
    rows: list[tuple[str, ...]] = [CURVE_COLUMNS if exact else CURVE_COLUMNS[:3]]
    for at in counts:
        pair = [
            next((one for one in points if (one.kind, one.count) == (kind, at)), None) for kind in (HARVESTED, HONEST)
        ]
        cells = [count(at), *(_loss_cell(one) for one in pair)]
        rows.append((*cells, *([exact_share(one) for one in pair] if exact else [])))
    return rows


def _loss_cell(point: CurvePoint | None) -> str:
    return "" if point is None else bounded(point.loss_by_byte)


def gain_rows(result: DamageResult) -> list[tuple[str, ...]]:
    """A heading and one row for each skill and subject; the heading alone where none has enough held-out answers."""
    return [GAIN_COLUMNS, *(_gain_row(one) for one in result.curve.gains)]


def _gain_row(one: LabelGain) -> tuple[str, ...]:
    name = f"{one.aspect}: {shorten(one.name, SHOWN_CHARS)}"
    return (name, count(one.asked), bounded(one.gain), f"{number(100 * one.share.value, 0)} %")


def damage_page(result: DamageResult) -> str:
    """The page `damage.md`."""
    lines = [
        f"# What the harvest of campaign {shorten(result.campaign, SHOWN_CHARS)} is worth",
        "",
        *(f"- {one}" for one in damage_sentences(result)),
        "",
        "## Learning curve",
        "",
        *_table(curve_rows(result)),
        "",
        (
            "Loss of held-out harvested answers, with 95 % intervals over seeds and held-out answers; lower is better. "
            "Each student is taken at its best moment, which other held-out answers chose. Counts are equal, tokens "
            "are not: a long answer gives more to learn than a short one."
        ),
        "",
        "## What was taught",
        "",
        *_table(gain_rows(result)),
        "",
        (
            "Gain: by how much students of all harvested samples beat those of honest answers. A request may show "
            "several skills. It belongs to the subject of whose name it has the most words, an approximation."
        ),
        "",
        "## Basis",
        "",
        *_basis_lines(result),
        *_honest_line(result),
        "",
        *(f"{one}\n" for one in NOT_SHOWN),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _basis_lines(result: DamageResult) -> list[str]:
    spec = result.spec
    return [
        (
            f"- {count(result.requests)} harvested requests in the case, {count(result.requests_read)} read with an "
            f"answer; {count(result.samples)} useful samples to learn from, {count(result.asked)} held out to ask and "
            f"{count(result.chosen_by)} to choose the best moment. Samples that belong together are on one side."
        ),
        (
            f"- {count(result.honest)} honest answers to learn from, of alike prompts one, of accounts in no campaign "
            f"and no group left alone; {count(result.overlapping)} more belong with held-out harvested ones and were "
            "not used."
        ),
        (
            f"- {count(spec.seeds)} seeds, {count(spec.steps)} updates of {count(spec.batch)} answers, "
            f"{_student(result)}, seed {spec.seed}."
        ),
    ]


def _student(result: DamageResult) -> str:
    spec = result.spec
    if spec.base is not None:
        return f"students that start from {shorten(spec.base.name, SHOWN_CHARS)}"
    shape = f"{plural(spec.layers, 'layer')} of width {spec.width}"
    return f"students made from nothing ({shape}, at most {spec.longest} tokens)"


def _honest_line(result: DamageResult) -> list[str]:
    losses = result.curve.honest_loss
    if not losses:
        return []
    return [
        (
            f"- On {count(result.asked_honest)} held-out honest answers, students of the harvest have "
            f"{bounded(losses[HARVESTED])} nats a byte, those of honest answers {bounded(losses[HONEST])}."
        )
    ]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    safe = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [
        "| " + " | ".join(safe[0]) + " |",
        "|---" + "|---:" * (len(safe[0]) - 1) + "|",
        *("| " + " | ".join(row) + " |" for row in safe[1:]),
    ]


def write_damage(result: DamageResult, folder: Path) -> None:
    """Write damage.json and damage.md into a folder.

    Raises:
        OutputError: a file cannot be written.
    """
    document = json.dumps(damage_document(result), indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False)
    write_whole(folder / "damage.json", [document.encode(), b"\n"])
    write_whole(folder / "damage.md", [damage_page(result).encode("utf-8", "backslashreplace")])
