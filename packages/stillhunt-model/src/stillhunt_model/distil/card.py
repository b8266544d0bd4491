"""The model card of a student: whose answers, which data, under which terms, permitted by whom, and how good it is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from stillhunt._version import __version__
from stillhunt.base import formatting
from stillhunt.base.formatting import shorten
from stillhunt_model.distil.job import DistilJob, Distilled
from stillhunt_model.distil.judging import Spread
from stillhunt_model.distil.parameters import P

CARD_FILE, FACTS_FILE = "README.md", "distillation.json"
_LONGEST = 300
_LEGEND = (
    "Bits a byte are what a model needs for the teacher's answers; fewer are better. The gap is that between the "
    "untrained student and the teacher. In brackets: intervals of 95 % (too few: fewer than "
    f"{P.fewest_asked} prompts give none), and shares of the teacher's cost. Operations are without those of attention "
    "over the context; seconds are those of the processor of one machine."
)
HEADINGS = ("model", "parameters", "right", "bits a byte", "of the gap", "operations a token", "CPU s for 1,000 tokens")


@dataclass(frozen=True)
class Permit:
    """Who permits a distillation, and of what.

    Attributes:
        day: of the run, ISO 8601.
    """

    permission: str
    by: str
    teacher: str
    teacher_terms: str
    day: str


def result_cells(done: Distilled) -> list[tuple[str, ...]]:
    """The table of results as texts, its headings first."""
    first = done.rows[0].asked
    rows: list[tuple[str, ...]] = [HEADINGS]
    for row in done.rows:
        one = row.asked
        rows.append(
            (
                one.name,
                formatting.count(one.parameters),
                _shares(one.share_right),
                _numbers(one.bits_per_byte),
                _shares(row.recovered, bounded=False),
                f"{formatting.amount(one.flops)} ({_of_teacher(one.flops, first.flops)})",
                f"{formatting.number(one.seconds, 3)} ({_of_teacher(one.seconds, first.seconds)})",
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
            "loss": _plain(done.trained.loss),
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
                "right": _spread(row.asked.share_right),
                "bits per byte": _spread(row.asked.bits_per_byte),
                "of the gap": _spread(row.recovered),
                "operations per token": row.asked.flops,
                "seconds per 1000 tokens": round(row.asked.seconds, 4),
            }
            for row in done.rows
        ],
        "notes": done.notes,
    }


def model_card(facts: dict[str, Any], done: Distilled) -> str:
    """The card in Markdown, with the front matter of Hugging Face."""
    data, recipe, training = facts["data"], facts["recipe"]["training"], facts["training"]
    table, steps = result_cells(done), formatting.plural(recipe["steps"], "step")
    lines = [
        "---",
        "library_name: transformers",
        "pipeline_tag: text-generation",
        "tags: [distillation, stillhunt]",
        "---",
        "",
        "# A distilled student",
        "",
        f"Made on {facts['day']} by {_text(facts['by'])} with stillhunt {facts['version']}.",
        "",
        "## Teacher and permission",
        "",
        f"- teacher: {_text(facts['teacher']['name'])}, SHA-256 `{facts['teacher']['sha256']}`",
        f"- terms of the teacher: {_text(facts['teacher']['terms'])}",
        f"- permission: {_text(facts['permission'])}",
        "",
        "## Data",
        "",
        *(f"- {_text(name)}, SHA-256 `{digest}`" for name, digest in data["files"].items()),
        f"- {formatting.plural(data['rows'], 'row')} taught and judged",
        *(f"- terms {_text(name)}: {_text(why)}" for name, why in data["terms"].items()),
        *(f"- {formatting.plural(count, 'row')} left out: {why}" for why, count in data["rejects"].items()),
        *_unchecked(data["rows that name neither account nor request"]),
        "",
        "## Training",
        "",
        f"- {facts['recipe']['in words']}",
        f"- {steps} of {recipe['batch']}, learning rate {recipe['learning_rate']:g}, seed {recipe['seed']}",
        f"- last loss {training['loss'] if training['loss'] is not None else 'unknown'} nats a token",
        "",
        "## Results",
        "",
        f"Asked {formatting.plural(facts['questions'], 'prompt')} that no student saw. {_LEGEND}",
        f"An answer is right where it is {facts['right means']}.",
        "",
        "| " + " | ".join(table[0]) + " |",
        "|" + "---|" * len(table[0]),
        *("| " + " | ".join(row) + " |" for row in table[1:]),
        "",
        *(f"{note}\n" for note in facts["notes"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def facts_text(facts: dict[str, Any]) -> str:
    """The facts as a JSON document."""
    return json.dumps(facts, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _unchecked(rows: int) -> list[str]:
    if not rows:
        return []
    named = formatting.verb(rows, "names", "name")
    return [f"- {formatting.plural(rows, 'row')} {named} neither account nor request, and were not compared with cases"]


def _text(text: str) -> str:
    """Somebody's text as code of Markdown, so that nothing in it is markup."""
    return "`" + shorten(text, _LONGEST).replace("`", "'").replace("|", "/") + "`"


def _shares(one: Spread, *, bounded: bool = True) -> str:
    shown = formatting.percent if bounded else _any_percent
    if not math.isfinite(one.value):
        return "unknown"
    return f"{shown(one.value)} ({_ends(one, shown)})"


def _any_percent(share: float) -> str:
    """A share that may lie below 0 or above 1."""
    return f"{formatting.number(100 * share, 1)} %" if math.isfinite(share) else "unknown"


def _numbers(one: Spread) -> str:
    def shown(value: float) -> str:
        return formatting.number(value, 3)

    return f"{shown(one.value)} ({_ends(one, shown)})"


def _ends(one: Spread, shown: Callable[[float], str]) -> str:
    """The ends of an interval, or that there are too few prompts for one."""
    return f"{shown(one.low)} to {shown(one.high)}" if math.isfinite(one.low + one.high) else "too few"


def _of_teacher(cost: float, teacher: float) -> str:
    """A share of the teacher's cost, which may lie above 100 %."""
    if not teacher:
        return "unknown"
    share = cost / teacher
    return formatting.percent(share) if share <= 1 else f"{formatting.number(100 * share, 0)} %"


def _spread(one: Spread) -> dict[str, float | None]:
    return {"value": _plain(one.value), "low": _plain(one.low), "high": _plain(one.high)}


def _plain(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
