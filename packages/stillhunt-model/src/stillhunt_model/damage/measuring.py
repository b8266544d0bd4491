"""What one campaign's harvest is worth, from the case and the logs to the figures."""

from dataclasses import dataclass
from pathlib import Path

from stillhunt import Config, ConfigError
from stillhunt.tools import Progress
from stillhunt_model.damage.curve import LearningCurve, learning_curve
from stillhunt_model.damage.samples import GatheredAnswers, HarvestSource, count_different, gather_answers
from stillhunt_model.damage.splitting import HARVESTED, HONEST, HeldOut, hold_out
from stillhunt_model.damage.students import Students, StudentSpec, train_students

_BOUNDS_OF_SPEC = {
    "samples": (32, 10_000),
    "seeds": (3, 100),
    "steps": (20, 100_000),
    "batch": (1, 1024),
    "width": (16, 1024),
    "layers": (1, 24),
    "longest": (32, 4096),
    "vocabulary": (300, 65_536),
    "seed": (0, 1_000_000_000),
}
"""Least and largest value of each number of a specification."""


@dataclass(frozen=True)
class DamageResult:
    """What was measured, and on what."""

    campaign: str
    spec: StudentSpec
    curve: LearningCurve
    # requests, requests_read: harvested requests of the case, and those that were read
    requests: int
    requests_read: int
    useful: int | None  # useful samples of the whole campaign as the case counts them; None where it does not
    samples: int
    different: int  # of these samples, those with the same words or the same answer counted once
    honest: int  # honest answers that were read, of alike prompts one
    # asked, asked_honest: held-out answers by which students were measured
    asked: int
    asked_honest: int
    chosen_by: int  # held-out answers that chose the best moment of each training
    overlapping: int  # honest answers that no student learned from since they belong with held-out harvested ones
    parameters: int
    kept: int
    students: int


def measure_damage(
    source: HarvestSource, spec: StudentSpec, config: Config, progress: Progress, work: Path | None = None
) -> DamageResult:
    """Train students on a campaign's harvest, on honest answers and on fewer, and say what the harvest is worth.

    `work`: folder for finished students, from which a run that was stopped goes on; None for none. Raises
    StillhuntError: the case, the logs or the specification cannot be used; the logs hold no responses.
    """
    check_spec(spec)
    gathered = gather_answers(source, config, progress, spec.seed)
    held = hold_out(gathered, spec.seed)
    students = train_students(held, spec, progress, work)
    return result_of_students(gathered, held, students, spec)


def check_spec(spec: StudentSpec) -> None:
    """Refuse numbers with which nothing can be measured.

    Raises ConfigError: one is out of its range.
    """
    for name, (least, most) in _BOUNDS_OF_SPEC.items():
        value = getattr(spec, name)
        if not least <= value <= most:
            raise ConfigError(f"{name} is {value:,}", where="damage", next_step=f"use {least:,} to {most:,}")
    if spec.width % 8:
        raise ConfigError(f"width is {spec.width}", where="damage", next_step="use a multiple of 8")


def result_of_students(gathered: GatheredAnswers, held: HeldOut, students: Students, spec: StudentSpec) -> DamageResult:
    """The figures of students that were trained."""
    asked = (*held.choosing, *held.asked)
    groups, ties = {one.group for one in asked}, frozenset[bytes]().union(*(one.ties for one in asked))
    return DamageResult(
        campaign=gathered.campaign,
        spec=spec,
        curve=learning_curve(students, held, spec.seed),
        requests=gathered.requests,
        requests_read=gathered.requests_read,
        useful=gathered.useful,
        samples=len(held.training[HARVESTED]),
        different=count_different(held.training[HARVESTED]),
        honest=len(held.training[HONEST]),
        asked=len(held.asked),
        asked_honest=len(held.asked_honest),
        chosen_by=len(held.choosing),
        overlapping=sum(one.group in groups or bool(one.ties & ties) for one in gathered.honest),
        parameters=students.parameters,
        kept=students.kept,
        students=len(students.scores),
    )
