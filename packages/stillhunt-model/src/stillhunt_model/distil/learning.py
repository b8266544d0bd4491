"""The three methods of distillation, each on a student in place."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datasets import Dataset
from datasets.utils.logging import disable_progress_bar, enable_progress_bar, is_progress_bar_enabled
from trl import DistillationConfig, DistillationTrainer

from stillhunt import ConfigError, InputError, StillhuntError
from stillhunt_model.distil.lessons import Lessons, Teacher, needs_stored_tokens
from stillhunt_model.distil.recipe import DistilRecipe
from stillhunt_model.distil.students import check_lengths, check_vocabularies
from stillhunt_model.distil.top_logits import (
    TopLogits,
    online_loss,
    read_top_logits,
    stored_loss,
    top_logits,
    write_top_logits,
)
from stillhunt_model.nets.net import Net, prompt_ids
from stillhunt_model.training.pairs import EncodedPair, TextPair, encode
from stillhunt_model.training.run import (
    Trained,
    TrainingMeter,
    Watch,
    run_trainer,
    train,
    trainer_settings,
)


def fitting_prompts(student: Net, prompts: Sequence[str], tokens: int) -> list[str]:
    """Prompts that leave room for an answer."""
    lengths = map(len, prompt_ids(student, prompts))
    return [prompt for prompt, length in zip(prompts, lengths, strict=True) if length + tokens <= student.longest]


def train_on_policy(
    teacher: Net,
    student: Net,
    prompts: Sequence[str],
    recipe: DistilRecipe,
    *,
    folder: Path | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Distil on the student's own answers, in place.

    Args:
        prompts: what is asked; those without room for an answer are left out.
        folder: where checkpoints are kept, and looked for; None for none.

    Raises:
        ConfigError: the vocabularies differ.
    """
    check_vocabularies(teacher, student, rows=True)
    asked = fitting_prompts(student, prompts, recipe.answer_tokens)
    texts = student.tokenizer.batch_decode(prompt_ids(student, asked))
    meter = _OnPolicyMeter(watch)
    with TemporaryDirectory(prefix="stillhunt-training-") as scratch, _silence_library_output():
        arguments = _build_trainer_config(recipe, folder or Path(scratch), checkpoints=folder is not None)
        trainer = DistillationTrainer(
            model=student.model,
            teacher_model=teacher.model,
            args=arguments,
            train_dataset=Dataset.from_dict({"prompt": texts}),
            processing_class=student.tokenizer,
            callbacks=[meter],
        )
        return run_trainer(trainer, meter, folder)


def _build_trainer_config(recipe: DistilRecipe, folder: Path, *, checkpoints: bool) -> Any:
    return DistillationConfig(
        **trainer_settings(recipe.training, folder, checkpoints=checkpoints),
        beta=recipe.beta,
        temperature=recipe.temperature,
        max_completion_length=recipe.answer_tokens,
        bf16=False,
        gradient_checkpointing=False,  # it trades time for memory that small students do not need
    )


@contextmanager
def _silence_library_output() -> Iterator[None]:
    shown = is_progress_bar_enabled()
    disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # TRL 1.16 still uses names of transformers that its next major version drops.
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        if shown:
            enable_progress_bar()


class _OnPolicyMeter(TrainingMeter):
    """Counts the tokens of the student's own answers, too, as the trainer does."""

    _before = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self._before = int(state.num_input_tokens_seen)
        super().on_train_begin(args, state, control, **more)

    def on_log(self, _args: Any, state: Any, _control: Any, logs: dict[str, Any] | None = None, **more: Any) -> None:
        if logs and "loss" in logs:
            self.tokens = int(state.num_input_tokens_seen) - self._before
        super().on_log(_args, state, _control, logs, **more)


STORED_LOGITS = "top-logits.safetensors"
_STEPS, _WARM_UP = "steps", "warm-up"


def check_recipe(teachers: Sequence[Teacher], student: Net, recipe: DistilRecipe, prompts: Sequence[str]) -> None:
    """Refuse what cannot work, before time is spent.

    Raises ConfigError: the method compares logits in a way that these teachers do not allow, or no prompt leaves room
    for an answer.
    """
    stores = needs_stored_tokens(teachers, student, recipe)
    here = [one for one in teachers if isinstance(one, Net)]
    if recipe.method != "sequence" and not stores:
        check_vocabularies(here[0], student, rows=recipe.method == "on-policy")
    if recipe.method == "on-policy" and not fitting_prompts(student, prompts, recipe.answer_tokens):
        raise ConfigError(
            f"no prompt leaves room for an answer of {recipe.answer_tokens:,} tokens: the student takes "
            f"{student.longest:,} of both",
            next_step="allow shorter answers, or take a student that takes more",
        )
    for name, net in (*((one.name, one) for one in here), ("student", student)):
        if recipe.answer_tokens >= net.longest:
            raise ConfigError(
                f"an answer of {recipe.answer_tokens:,} tokens leaves no room for a prompt: the {name} takes "
                f"{net.longest:,} of both",
                next_step="allow shorter answers",
                command_step=f"allow shorter answers with --answer-tokens, at most {net.longest - 1:,}",
            )


def distil_net(
    teacher: Net | None,
    student: Net,
    lessons: Lessons,
    recipe: DistilRecipe,
    *,
    folder: Path | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Distil a teacher into a student, in place.

    Args:
        teacher: which corrects the student while it learns; None where nothing does, because lessons have it all.
        folder: where checkpoints and stored logits are kept, and looked for; None for none.

    Raises:
        ConfigError: the vocabularies differ and the method compares logits.
        InputError: a checkpoint of the folder is damaged.
    """
    if folder is not None and any(folder.glob("*/checkpoint-*")):
        return _resume_student_training(teacher, student, lessons, recipe, folder, watch)
    return _train_distilled_student(teacher, student, lessons, recipe, folder, watch)


def _resume_student_training(
    teacher: Net | None, student: Net, lessons: Lessons, recipe: DistilRecipe, folder: Path, watch: Watch | None
) -> Trained:
    """Go on from a checkpoint; files of it that are damaged fail in whatever way before the first step."""
    learned = False

    def watching(step: int, loss: float, rate: float) -> None:
        nonlocal learned
        learned = True
        if watch is not None:
            watch(step, loss, rate)

    try:
        return _train_distilled_student(teacher, student, lessons, recipe, folder, watching)
    except StillhuntError:
        raise
    except Exception as error:  # what a library says of a damaged file, such as to load it without care, helps nobody
        if learned:
            raise
        raise InputError(
            f"the checkpoint is damaged and cannot be resumed ({type(error).__name__})",
            where=str(folder),
            next_step="remove the newest folder of checkpoints to go on from the one before it, or begin again",
        ) from error


def _train_distilled_student(
    teacher: Net | None,
    student: Net,
    lessons: Lessons,
    recipe: DistilRecipe,
    folder: Path | None,
    watch: Watch | None,
) -> Trained:
    steps, pairs = folder / _STEPS if folder else None, lessons.pairs
    if lessons.stored is not None:
        loss = stored_loss(lessons.stored, recipe.beta, len(student.tokenizer))
        return train(student, pairs, recipe.training, folder=steps, loss=loss, watch=watch)
    if recipe.method == "sequence" or teacher is None:
        return train(student, pairs, recipe.training, folder=steps, watch=watch)
    if recipe.method == "on-policy":
        return _on_policy(teacher, student, pairs, recipe, folder, watch)
    check_vocabularies(teacher, student)
    encoded = encode(student, pairs)
    check_lengths(teacher, encoded)
    if recipe.top:
        stored = _prepare_stored_logits(teacher, student, encoded, recipe, folder)
        loss = stored_loss(stored, recipe.beta, len(student.tokenizer))
    else:
        loss = online_loss(teacher, recipe.beta, recipe.temperature)
    return train(student, pairs, recipe.training, folder=steps, loss=loss, watch=watch)


def _prepare_stored_logits(
    teacher: Net, student: Net, encoded: Sequence[EncodedPair], recipe: DistilRecipe, folder: Path | None
) -> TopLogits:
    """Stored logits; those of an interrupted run where it kept them."""
    path = folder / STORED_LOGITS if folder else None
    if path is not None and path.is_file():
        return read_top_logits(path, encoded, len(student.tokenizer))
    stored = top_logits(teacher, encoded, recipe.top, recipe.temperature)
    if path is not None:
        write_top_logits(stored, path)
    return stored


def _on_policy(
    teacher: Net,
    student: Net,
    pairs: Sequence[TextPair],
    recipe: DistilRecipe,
    folder: Path | None,
    watch: Watch | None,
) -> Trained:
    before = None
    if recipe.warm_up:
        warm = replace(recipe.training, steps=recipe.warm_up)
        if folder and warm.checkpoint_every:  # so that a resumed run has the end of the warm-up
            warm = replace(warm, checkpoint_every=min(warm.checkpoint_every, warm.steps))
        before = train(student, pairs, warm, folder=folder / _WARM_UP if folder else None, watch=watch)
        if recipe.warm_up == recipe.training.steps:
            return before
    rest = replace(recipe.training, steps=recipe.training.steps - recipe.warm_up)
    own = replace(recipe, training=rest, warm_up=0)
    prompts = [one.prompt for one in pairs]

    def later(step: int, loss: float, rate: float) -> None:
        if watch is not None:
            watch(step + recipe.warm_up, loss, rate)

    steps = folder / _STEPS if folder else None
    after = train_on_policy(teacher, student, prompts, own, folder=steps, watch=later)
    if before is None:
        return after
    resumed_at = after.resumed_at + recipe.warm_up if after.resumed_at else before.resumed_at
    return Trained(after.loss, before.tokens + after.tokens, before.seconds + after.seconds, resumed_at)
