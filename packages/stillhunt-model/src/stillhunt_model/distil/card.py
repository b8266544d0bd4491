"""The model card of a student: whose answers, which data, under which terms, permitted by whom, and how good it is."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stillhunt import __version__
from stillhunt.tools import formatting, shorten
from stillhunt_model.data_files import read_data
from stillhunt_model.distil.job import DistilJob, Distilled
from stillhunt_model.distil.judging import Spread
from stillhunt_model.distil.parameters import FEWEST_ASKED_PROMPTS

CARD_FILE, FACTS_FILE = "README.md", "distillation.json"
_LONGEST = 300
_TEXTS: dict[str, str] = read_data("model_card")
HEADINGS = ("model", "parameters", "right", "bits a byte", "of the gap", "operations a token", "CPU s for 1,000 tokens")


@dataclass(frozen=True)
class Permit:
    """Who permits a distillation, and of what."""

    permission: str
    by: str
    teacher: str
    teacher_terms: str
    day: str  # of the run, ISO 8601


def result_cells(done: Distilled) -> list[tuple[str, ...]]:
    """The table of results as texts, its headings first."""
    first = done.rows[0].asked
    rows: list[tuple[str, ...]] = [HEADINGS]
    for row in done.rows:
        one = row.asked
        rows.append(
            (
                one.name,
                formatting.count(one.parameters) if one.parameters else "unknown",
                _format_share_spread(one.share_right),
                _format_number_spread(one.bits_per_byte),
                _format_share_spread(row.recovered, bounded=False),
                _format_cost(formatting.amount(one.flops), one.flops, first.flops),
                _format_cost(formatting.number(one.seconds, 3), one.seconds, first.seconds),
            )
        )
    return rows


def facts_of(job: DistilJob, permit: Permit, done: Distilled) -> dict[str, Any]:
    """Everything that the card says, in what JSON has."""
    return {
        "version": __version__,
        "day": permit.day,
        "teacher": {"name": permit.teacher, "sha256": job.teacher_hash, "terms": permit.teacher_terms},
        "permission": permit.permission,
        "by": permit.by,
        "data": {
            "files": job.data.files,
            "rows": len(job.data.rows),
            "terms": job.data.terms,
            "rejects": job.data.rejects,
            "rows that name neither account nor request": job.data.unchecked,
        },
        "recipe": {**asdict(job.recipe), "in words": job.recipe.in_words()},
        "training": {
            "loss": _round_finite_value(done.trained.loss),
            "tokens": done.trained.tokens,
            "seconds": round(done.trained.seconds, 1),
            "resumed at step": done.trained.resumed_at,
        },
        "questions": done.questions,
        "right means": done.right_means,
        "results": [
            {
                "model": row.asked.name,
                "parameters": row.asked.parameters,
                "right": _build_spread_facts(row.asked.share_right),
                "bits per byte": _build_spread_facts(row.asked.bits_per_byte),
                "of the gap": _build_spread_facts(row.recovered),
                "operations per token": row.asked.flops,
                "seconds per 1000 tokens": _round_finite_value(row.asked.seconds),
            }
            for row in done.rows
        ],
        "notes": done.notes,
    }


def model_card(facts: dict[str, Any], done: Distilled) -> str:
    """The card in Markdown, with the front matter of Hugging Face."""
    data, recipe, training = facts["data"], facts["recipe"]["training"], facts["training"]
    head, *rows = result_cells(done)
    card = _TEXTS["card"].format(
        day=facts["day"],
        by=_format_text_as_code(facts["by"]),
        version=facts["version"],
        teacher=_format_text_as_code(facts["teacher"]["name"]),
        digest=facts["teacher"]["sha256"],
        terms=_format_text_as_code(facts["teacher"]["terms"]),
        permission=_format_text_as_code(facts["permission"]),
        data="\n".join(_data_lines(data)),
        words=facts["recipe"]["in words"],
        steps=formatting.plural(recipe["steps"], "step"),
        batch=recipe["batch"],
        rate=recipe["learning_rate"],
        seed=recipe["seed"],
        loss=training["loss"] if training["loss"] is not None else "unknown",
        questions=formatting.plural(facts["questions"], "prompt"),
        legend=_TEXTS["legend"].format(fewest=FEWEST_ASKED_PROMPTS),
        right=facts["right means"],
        table="\n".join([_format_table_line(head), "|" + "---|" * len(head), *map(_format_table_line, rows)]),
        notes="\n\n".join(facts["notes"]),
    )
    return card.rstrip() + "\n"


def facts_text(facts: dict[str, Any]) -> str:
    """The facts as a JSON document."""
    return json.dumps(facts, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _format_table_line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _data_lines(data: dict[str, Any]) -> list[str]:
    unchecked = data["rows that name neither account nor request"]
    lines = [
        *(f"- {_format_text_as_code(name)}, SHA-256 `{digest}`" for name, digest in data["files"].items()),
        f"- {formatting.plural(data['rows'], 'row')} taught and judged",
        *(f"- terms {_format_text_as_code(name)}: {_format_text_as_code(why)}" for name, why in data["terms"].items()),
        *(f"- {formatting.plural(count, 'row')} left out: {why}" for why, count in data["rejects"].items()),
    ]
    if unchecked:
        rows, named = formatting.plural(unchecked, "row"), formatting.verb(unchecked, "names", "name")
        lines.append(f"- {rows} {named} neither account nor request, and were not compared with cases")
    return lines


def _format_text_as_code(text: str) -> str:
    """Somebody's text as code of Markdown, so that nothing in it is markup."""
    return "`" + shorten(text, _LONGEST).replace("`", "'").replace("|", "/") + "`"


def _format_share_spread(one: Spread, *, bounded: bool = True) -> str:
    shown = formatting.percent if bounded else _any_percent
    if not math.isfinite(one.value):
        return "unknown"
    return f"{shown(one.value)} ({_format_interval_ends(one, shown)})"


def _any_percent(share: float) -> str:
    """A share that may lie below 0 or above 1."""
    return f"{formatting.number(100 * share, 1)} %" if math.isfinite(share) else "unknown"


def _format_number_spread(one: Spread) -> str:
    def shown(value: float) -> str:
        return formatting.number(value, 3)

    return "unknown" if not math.isfinite(one.value) else f"{shown(one.value)} ({_format_interval_ends(one, shown)})"


def _format_interval_ends(one: Spread, shown: Callable[[float], str]) -> str:
    """The ends of an interval, or that there are too few prompts for one."""
    return f"{shown(one.low)} to {shown(one.high)}" if math.isfinite(one.low + one.high) else "too few"


def _format_cost(shown: str, cost: float, teacher: float) -> str:
    """A cost with its share of the teacher's, where both are known."""
    if not cost or not math.isfinite(cost):
        return "unknown"
    return f"{shown} ({_of_teacher(cost, teacher)})" if teacher and math.isfinite(teacher) else shown


def _of_teacher(cost: float, teacher: float) -> str:
    """A share of the teacher's cost, which may lie above 100 %."""
    share = cost / teacher
    return formatting.percent(share) if share <= 1 else f"{formatting.number(100 * share, 0)} %"


def _build_spread_facts(one: Spread) -> dict[str, float | None]:
    return {name: _round_finite_value(value) for name, value in asdict(one).items()}


def _round_finite_value(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
