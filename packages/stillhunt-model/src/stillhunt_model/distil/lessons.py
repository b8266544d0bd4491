"""What teachers say that a student learns from: answers, and with them what each teacher would have said instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from stillhunt import ConfigError
from stillhunt.tools import Progress
from stillhunt_model.distil.aligned import SpokenToken, aligned_top_logits, spoken_by_net
from stillhunt_model.distil.recipe import DistilRecipe
from stillhunt_model.distil.served_teacher import ServedTeacher
from stillhunt_model.distil.students import vocabulary_difference
from stillhunt_model.distil.top_logits import FORWARD, TopLogits
from stillhunt_model.distil.work_folder import draw_answers, read_answers, write_answers
from stillhunt_model.nets.net import Net
from stillhunt_model.training.generating import Sampling
from stillhunt_model.training.pairs import TextPair, encode

Teacher = Net | ServedTeacher
"""A model that runs here, or one behind a server."""


@dataclass(frozen=True)
class Lessons:
    """What a student learns from."""

    pairs: list[TextPair]
    # what teachers would have said at each token of the answers; None where one teacher is asked while it learns
    stored: TopLogits | None = None


def needs_stored_tokens(teachers: Sequence[Teacher], student: Net, recipe: DistilRecipe) -> bool:
    """Whether logits can be compared only as likeliest tokens, which are stored before the student learns.

    That is so for a served teacher, several teachers, and one with other tokens than the student's. Raises ConfigError:
    it is so, and the recipe asks for more than that.
    """
    alone = teachers[0] if len(teachers) == 1 else None
    if recipe.method == "sequence" or (isinstance(alone, Net) and not vocabulary_difference(alone, student)):
        return False
    why = "several teachers" if alone is None else "a teacher behind a server"
    if isinstance(alone, Net):
        why = f"a teacher with other tokens than the student's ({vocabulary_difference(alone, student)})"
    wrong = ""
    if recipe.method == "on-policy" and not (isinstance(alone, Net)):
        wrong = f"{why} cannot correct what the student says: that needs one teacher that runs here"
    elif recipe.method == "logits" and not recipe.top:
        wrong = f"of {why} only the likeliest tokens can be compared, and the recipe stores none"
    elif recipe.method == "logits" and (recipe.beta != FORWARD or recipe.temperature != 1 or recipe.own_answers):
        wrong = f"of {why} only the forward divergence at temperature 1 over its answers can be compared"
    if wrong:
        raise ConfigError(
            wrong,
            next_step="store the likeliest tokens, compare them by the forward divergence, or learn from answers",
            command_step="use --method logits --top-logits 20 without other options of the method, or --method "
            "sequence, or one teacher folder with --student tiny",
        )
    return recipe.method == "logits"


def lessons_of(
    teachers: Sequence[Teacher],
    student: Net,
    prompts: Sequence[str],
    recipe: DistilRecipe,
    work: Path | None,
    progress: Progress,
) -> Lessons:
    """The answers of all teachers to all prompts, with their likeliest tokens where these are stored."""
    stores = needs_stored_tokens(teachers, student, recipe)
    pairs: list[TextPair] = []
    spoken: list[Sequence[SpokenToken]] = []
    sampling = Sampling(tokens=recipe.answer_tokens, temperature=recipe.answer_temperature, seed=recipe.training.seed)
    for number, teacher in enumerate(teachers):
        if isinstance(teacher, ServedTeacher):
            answers = teacher.ask_prompts(prompts, sampling, recipe.top if stores else 0, progress)
            pairs += [TextPair(prompt, one.text) for prompt, one in zip(prompts, answers, strict=True)]
            spoken += [one.tokens for one in answers]
            continue
        own = _kept_or_drawn(teacher, prompts, sampling, work and work / answers_file(number), progress)
        pairs += own
        if stores:
            spoken += spoken_by_net(teacher, own, recipe.top)
    if not stores:
        return Lessons(pairs)
    with torch.no_grad():
        return Lessons(pairs, aligned_top_logits(student, encode(student, pairs), spoken, recipe.top))


def answers_file(number: int) -> str:
    """Name of the file with the answers of a teacher that runs here."""
    return f"answers-{number + 1}.jsonl" if number else "answers.jsonl"


def _kept_or_drawn(
    teacher: Net, prompts: Sequence[str], sampling: Sampling, kept: Path | None, progress: Progress
) -> list[TextPair]:
    if kept is not None and kept.is_file():
        return read_answers(kept, prompts)
    answers = draw_answers(teacher, prompts, sampling, progress)
    pairs = [TextPair(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
    if kept is not None:
        write_answers(pairs, kept)
    return pairs
