"""What the students say, as JSON, a table, sentences and a page; no prompt or answer is in any of them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stillhunt._version import __version__
from stillhunt.base.formatting import count, number, percent, plural, shorten
from stillhunt.base.whole_files import write_whole
from stillhunt_model.damage.curve import CurvePoint, Interval, LabelGain
from stillhunt_model.damage.measuring import DamageResult
from stillhunt_model.damage.parameters import P
from stillhunt_model.damage.splitting import HARVESTED, HONEST

SHOWN_CHARS = 60
"""Characters shown of an id or a name."""
NOT_SHOWN = (
    (
        "This does not show what a large model gained. A small student shows that the answers teach, and from which "
        "count on they teach little more; a model that knows much already needs fewer samples and gains other things."
    ),
    "It does not show that a model was trained on the harvest: 'prove' tests that.",
    (
        "Loss is measured on answers of the campaign's own kind: it says how well they can be imitated, not whether "
        "they are right."
    ),
)


def bounded(one: Interval) -> str:
    """A figure with its bounds: `0.870 (0.857 to 0.883)`."""
    return f"{number(one.value, 3)} ({number(one.low, 3)} to {number(one.high, 3)})"


def exact_share(point: CurvePoint | None) -> str:
    """The share of short answers that students give exactly, with its bounds; empty where it is not known."""
    if point is None or point.exact is None:
        return ""
    return f"{percent(point.exact.value)} ({percent(point.exact.low)} to {percent(point.exact.high)})"


def damage_sentences(result: DamageResult) -> list[str]:
    """What was found, in sentences."""
    return [_basis(result), _worth(result), _reached(result), _bend(result), *_skills(result), *_exactness(result)]


def _largest(result: DamageResult, kind: str) -> CurvePoint:
    return max((one for one in result.curve.points if one.kind == kind), key=lambda one: one.count)


def _basis(result: DamageResult) -> str:
    most, honest = (_largest(result, kind).count for kind in (HARVESTED, HONEST))
    whole = "" if result.useful is None else f" of {count(result.useful)} that the campaign took"
    return (
        f"{plural(result.students, 'student')} of {count(result.parameters)} parameters learned from up to "
        f"{plural(most, 'useful sample')}{whole}, or from up to {plural(honest, 'random honest answer')}, with "
        f"{plural(result.spec.steps, 'update')} each whatever the count, and were asked "
        f"{plural(result.asked, 'harvested answer')} that none of them had seen."
    )


def _worth(result: DamageResult) -> str:
    curve = result.curve
    most, honest = (_largest(result, kind).count for kind in (HARVESTED, HONEST))
    difference = bounded(curve.advantage)
    if curve.advantage.low <= 0:
        return (
            "It is not certain that the harvest taught these students more than honest answers did: the difference is "
            f"{difference} nats a byte, and more seeds make its interval narrower."
        )
    smallest = min(one.count for one in curve.points)
    worth = _answers(curve.honest_worth, (smallest, honest), "honest answers")
    inverse = _answers(curve.harvested_worth, (smallest, most), "harvested samples")
    return (
        f"{count(most)} harvested samples are worth {worth}; {count(honest)} honest answers are worth {inverse}. The "
        f"difference is {difference} nats a byte."
    )


def _answers(worth: Interval, tried: tuple[int, int], what: str) -> str:
    value, low, high = (_answer_count(one, tried) for one in (worth.value, worth.low, worth.high))
    if value == low == high:
        return f"{value} {what}"
    about = "about " if 0 < worth.value < math.inf else ""
    return f"{about}{value} {what} (95 % interval: {low} to {high})"


def _answer_count(one: float, tried: tuple[int, int]) -> str:
    """A count of answers, or that it lies beyond those that were tried."""
    smallest, most = tried
    if math.isinf(one):
        return f"more than {count(most)}"
    return count(round(one)) if one else f"fewer than {count(smallest)}"


def _reached(result: DamageResult) -> str:
    if not result.curve.reached:
        return "Since no gain over honest answers is certain, there is no share of it that fewer samples reach."
    parts = [
        f"{count(at)} samples {percent(one.value) if one.value > 0 else 'none'}"
        for at, one in result.curve.reached.items()
    ]
    return f"Of the gain of all harvested samples over honest answers, fewer samples reach: {', '.join(parts)}."


def _bend(result: DamageResult) -> str:
    curve, share = result.curve, percent(P.bend_share)
    if curve.learned.low <= 0:
        return "More harvested samples taught nothing beyond chance, so that there is no curve to bend."
    if math.isinf(curve.bend.value):
        return (
            f"The curve does not bend within these counts: the last doubling still brings {share} or more of what the "
            f"best one brought (it bends in {percent(curve.bent)} of the draws). More samples would teach more."
        )
    return (
        f"The curve bends at {_bend_count(curve.bend)}: from there on a doubling brings less than {share} of what the "
        "best one brought."
    )


def _skills(result: DamageResult) -> list[str]:
    if not result.curve.gains:
        return [f"No skill or subject has {P.least_pairs} held-out answers, so that none can be compared with another."]
    sure = [one for one in result.curve.gains if one.gain.low > 0]
    if not sure:
        return ["No skill or subject has a gain beyond chance."]
    best = max(sure, key=lambda one: (one.gain.value, one.name))
    shown = f"{best.aspect} {shorten(best.name, SHOWN_CHARS)!r}"
    part = f"{number(100 * best.share.value, 0)} % of the loss, on {plural(best.asked, 'held-out answer')}"
    return [f"The largest gain is in {shown}: {bounded(best.gain)} nats a byte, {part}."]


def _exactness(result: DamageResult) -> list[str]:
    best, honest = (_largest(result, kind) for kind in (HARVESTED, HONEST))
    if best.exact is None:
        return []
    parts = f"students of all harvested samples give {exact_share(best)} exactly, those of honest answers"
    return [f"Of the short held-out answers, {parts} {exact_share(honest)}.", *_exact_bend(result)]


def _exact_bend(result: DamageResult) -> list[str]:
    bend = result.curve.exact_bend
    if bend is None:
        return []
    if math.isinf(bend.value):
        low = "" if math.isinf(bend.low) else f" (95 % interval: from {count(round(bend.low))})"
        return [f"By answers that are given exactly, the curve bends beyond these counts{low}: they still become more."]
    return [f"By answers that are given exactly, the curve bends at {_bend_count(bend)}."]


def _bend_count(bend: Interval) -> str:
    high = "beyond all" if math.isinf(bend.high) else count(round(bend.high))
    low = "beyond all" if math.isinf(bend.low) else count(round(bend.low))
    return f"{count(round(bend.value))} useful samples (95 % interval: {low} to {high})"


STUDENTS_FOLDER = "students"
"""Where finished students are kept, in the folder of the results."""
CURVE_COLUMNS = ("samples", "harvested: nats a byte", "honest: nats a byte", "harvested: exact", "honest: exact")
GAIN_COLUMNS = ("what", "held-out answers", "gain, nats a byte", "share of the loss")


def damage_document(result: DamageResult) -> dict[str, Any]:
    """The result as JSON can hold it: an infinite figure is null, and beside it stands that it lies beyond."""
    spec = {**asdict(result.spec), "base": None if result.spec.base is None else result.spec.base.name}
    document = {"version": __version__, **asdict(result), "spec": spec, "sentences": damage_sentences(result)}
    document["curve"]["reached"] = [{"count": at, **asdict(reached)} for at, reached in result.curve.reached.items()]
    document["bend_share"] = P.bend_share
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
