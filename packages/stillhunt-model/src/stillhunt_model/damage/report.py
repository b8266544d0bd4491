"""What the students say, as JSON, a table, sentences and a page; no prompt or answer is in any of them."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stillhunt import __version__
from stillhunt.tools import count, number, percent, plural, shorten, write_whole
from stillhunt_model.damage.curve import CurvePoint, Interval, LabelGain
from stillhunt_model.damage.measuring import DamageResult
from stillhunt_model.damage.parameters import BEND_SHARE, LEAST_GAIN_SAMPLES
from stillhunt_model.damage.splitting import HARVESTED, HONEST
from stillhunt_model.data_files import read_data

SHOWN_CHARS = 60
"""Characters shown of an id or a name."""
_TEXTS = read_data("damage")
_FOUND: dict[str, str] = _TEXTS["found"]
NOT_SHOWN: list[str] = _TEXTS["not_shown"]


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
    return [
        _describe_damage_basis(result),
        *_describe_different_samples(result),
        _describe_sample_worth(result),
        _describe_reached_shares(result),
        _describe_curve_bend(result),
        _describe_largest_gain(result),
        *_describe_exact_answers(result),
    ]


def _find_largest_point(result: DamageResult, kind: str) -> CurvePoint:
    return max((one for one in result.curve.points if one.kind == kind), key=lambda one: one.count)


def _describe_damage_basis(result: DamageResult) -> str:
    most, honest = (_find_largest_point(result, kind).count for kind in (HARVESTED, HONEST))
    return _FOUND["basis"].format(
        students=plural(result.students, "student"),
        parameters=count(result.parameters),
        samples=plural(most, "useful sample"),
        whole="" if result.useful is None else _FOUND["whole"].format(useful=count(result.useful)),
        honest=plural(honest, "random honest answer"),
        updates=plural(result.spec.steps, "update"),
        asked=plural(result.asked, "harvested answer"),
    )


def _describe_different_samples(result: DamageResult) -> list[str]:
    if result.different == result.samples:
        return []
    samples = plural(result.samples, "useful sample")
    return [_FOUND["different"].format(samples=samples, different=count(result.different))]


def _describe_sample_worth(result: DamageResult) -> str:
    curve, difference = result.curve, bounded(result.curve.advantage)
    if curve.advantage.low <= 0:
        return _FOUND["no_advantage"].format(difference=difference)
    most, honest = (_find_largest_point(result, kind).count for kind in (HARVESTED, HONEST))
    smallest = min(one.count for one in curve.points)
    worth = _format_answer_interval(curve.honest_worth, (smallest, honest), "honest answers")
    inverse = _format_answer_interval(curve.harvested_worth, (smallest, most), "harvested samples")
    counts = {"most": count(most), "honest": count(honest)}
    return _FOUND["worth"].format(**counts, worth=worth, inverse=inverse, difference=difference)


def _format_answer_interval(worth: Interval, tried: tuple[int, int], what: str) -> str:
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


def _describe_reached_shares(result: DamageResult) -> str:
    reached = result.curve.reached.items()
    parts = [f"{count(at)} samples {percent(one.value) if one.value > 0 else 'none'}" for at, one in reached]
    return _FOUND["reached" if parts else "none_reached"].format(parts=", ".join(parts))


def _describe_curve_bend(result: DamageResult) -> str:
    curve, share = result.curve, percent(BEND_SHARE)
    if curve.learned.low <= 0:
        return _FOUND["no_curve"]
    if math.isinf(curve.bend.value):
        return _FOUND["no_bend"].format(share=share, bent=percent(curve.bent))
    return _FOUND["bend"].format(bend=_bend_count(curve.bend), share=share)


def _describe_largest_gain(result: DamageResult) -> str:
    if not result.curve.gains:
        return _FOUND["few_of_each"].format(pairs=LEAST_GAIN_SAMPLES)
    sure = [one for one in result.curve.gains if one.gain.low > 0]
    if not sure:
        return _FOUND["no_gain"]
    best = max(sure, key=lambda one: (one.gain.value, one.name))
    shown = f"{best.aspect} {shorten(best.name, SHOWN_CHARS)!r}"
    share, asked = number(100 * best.share.value, 0), plural(best.asked, "held-out answer")
    return _FOUND["gain"].format(shown=shown, gain=bounded(best.gain), share=share, asked=asked)


def _describe_exact_answers(result: DamageResult) -> list[str]:
    best, honest = (_find_largest_point(result, kind) for kind in (HARVESTED, HONEST))
    if best.exact is None:
        return []
    said, bend = [_FOUND["exact"].format(best=exact_share(best), honest=exact_share(honest))], result.curve.exact_bend
    if bend is not None and math.isinf(bend.value):
        low = "" if math.isinf(bend.low) else f" (95 % interval: from {count(round(bend.low))})"
        said.append(_FOUND["exact_no_bend"].format(low=low))
    elif bend is not None:
        said.append(_FOUND["exact_bend"].format(bend=_bend_count(bend)))
    return said


def _bend_count(bend: Interval) -> str:
    high = "beyond all" if math.isinf(bend.high) else count(round(bend.high))
    low = "beyond all" if math.isinf(bend.low) else count(round(bend.low))
    return f"{count(round(bend.value))} useful samples (95 % interval: {low} to {high})"


STUDENTS_FOLDER = "students"
"""Where finished students are kept, in the folder of the results."""
CURVE_COLUMNS = ("samples", "harvested: nats per byte", "honest: nats per byte", "harvested: exact", "honest: exact")
GAIN_COLUMNS = ("what", "held-out answers", "gain, nats per byte", "share of the loss")


def damage_document(result: DamageResult) -> dict[str, Any]:
    """The result as JSON can hold it: an infinite figure is null, and beside it stands that it lies beyond."""
    spec = {**asdict(result.spec), "base": None if result.spec.base is None else result.spec.base.name}
    document = {"version": __version__, **asdict(result), "spec": spec, "sentences": damage_sentences(result)}
    document["curve"]["reached"] = [{"count": at, **asdict(reached)} for at, reached in result.curve.reached.items()]
    document["bend_share"] = BEND_SHARE
    plain: dict[str, Any] = _convert_to_plain_values(document)
    return plain


def _convert_to_plain_values(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {key: _convert_to_plain_values(one) for key, one in value.items()}
        if isinstance(value.get("value"), float) and math.isinf(value["value"]):
            plain["beyond"] = True
        return plain
    if isinstance(value, list | tuple):
        return [_convert_to_plain_values(one) for one in value]
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
        cells = [count(at), *("" if one is None else bounded(one.loss_by_byte) for one in pair)]
        rows.append((*cells, *([exact_share(one) for one in pair] if exact else [])))
    return rows


def gain_rows(result: DamageResult) -> list[tuple[str, ...]]:
    """A heading and one row for each skill and subject; the heading alone where none has enough held-out answers."""
    return [GAIN_COLUMNS, *(_gain_row(one) for one in result.curve.gains)]


def _gain_row(one: LabelGain) -> tuple[str, ...]:
    name = f"{one.aspect}: {shorten(one.name, SHOWN_CHARS)}"
    return (name, count(one.asked), bounded(one.gain), f"{number(100 * one.share.value, 0)} %")


def damage_page(result: DamageResult) -> str:
    """The page `damage.md`."""
    spec, losses, page = result.spec, result.curve.honest_loss, _TEXTS["page"]
    kinds = {kind: bounded(loss) for kind, loss in losses.items()}
    honest_loss = page["honest_loss"].format(asked=count(result.asked_honest), **kinds) if losses else ""
    text: str = page["text"].format(
        campaign=shorten(result.campaign, SHOWN_CHARS),
        sentences="\n".join(f"- {one}" for one in damage_sentences(result)),
        curve="\n".join(_format_markdown_table(curve_rows(result))),
        gains="\n".join(_format_markdown_table(gain_rows(result))),
        requests=count(result.requests),
        read=count(result.requests_read),
        samples=count(result.samples),
        asked=count(result.asked),
        choosing=count(result.chosen_by),
        honest=count(result.honest),
        overlapping=count(result.overlapping),
        seeds=count(spec.seeds),
        steps=count(spec.steps),
        batch=count(spec.batch),
        student=_describe_student_model(result),
        seed=spec.seed,
        honest_loss=honest_loss,
        not_shown="\n\n".join(NOT_SHOWN),
    )
    return text


def _describe_student_model(result: DamageResult) -> str:
    spec = result.spec
    if spec.base is not None:
        return f"students that start from {shorten(spec.base.name, SHOWN_CHARS)}"
    shape = f"{plural(spec.layers, 'layer')} of width {spec.width}"
    return f"students made from nothing ({shape}, at most {spec.longest} tokens)"


def _format_markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    safe = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [
        "| " + " | ".join(safe[0]) + " |",
        "|---" + "|---:" * (len(safe[0]) - 1) + "|",
        *("| " + " | ".join(row) + " |" for row in safe[1:]),
    ]


def write_damage(result: DamageResult, folder: Path) -> None:
    """Write damage.json and damage.md into a folder.

    Raises OutputError: a file cannot be written.
    """
    document = json.dumps(damage_document(result), indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False)
    write_whole(folder / "damage.json", [document.encode(), b"\n"])
    write_whole(folder / "damage.md", [damage_page(result).encode("utf-8", "backslashreplace")])
