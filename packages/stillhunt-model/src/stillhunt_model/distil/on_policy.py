"""On-policy distillation: the student answers, and learns what the teacher would have said at each token.

The trainer is TRL's `DistillationTrainer`. It is given prompts as texts, with the teacher's chat template applied where
there is one, as everything else here asks.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datasets import Dataset
from datasets.utils.logging import disable_progress_bar, enable_progress_bar, is_progress_bar_enabled
from trl import DistillationConfig, DistillationTrainer

from stillhunt_model.distil.students import check_vocabularies
from stillhunt_model.nets.net import Net, prompt_ids
from stillhunt_model.training.run import Trained, TrainingMeter, TrainingRecipe, Watch, run_trainer, trainer_settings


@dataclass(frozen=True)
class OnPolicy:
    """What on-policy distillation needs beside the recipe.

    Attributes:
        beta: which divergence; 1 is the reverse one.
        temperature: of the student's answers and of the divergence.
    """

    beta: float = 1.0
    temperature: float = 1.0
    tokens: int = 64


def fitting_prompts(student: Net, prompts: Sequence[str], tokens: int) -> list[str]:
    """Prompts that leave room for an answer."""
    lengths = map(len, prompt_ids(student, prompts))
    return [prompt for prompt, length in zip(prompts, lengths, strict=True) if length + tokens <= student.longest]


def train_on_policy(
    teacher: Net,
    student: Net,
    prompts: Sequence[str],
    recipe: TrainingRecipe,
    settings: OnPolicy,
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
    texts = student.tokenizer.batch_decode(prompt_ids(student, fitting_prompts(student, prompts, settings.tokens)))
    meter = _OnPolicyMeter(watch)
    with TemporaryDirectory(prefix="stillhunt-training-") as scratch, _quietly():
        arguments = _config(recipe, settings, folder or Path(scratch), checkpoints=folder is not None)
        trainer = DistillationTrainer(
            model=student.model,
            teacher_model=teacher.model,
            args=arguments,
            train_dataset=Dataset.from_dict({"prompt": texts}),
            processing_class=student.tokenizer,
            callbacks=[meter],
        )
        return run_trainer(trainer, meter, folder)


def _config(recipe: TrainingRecipe, settings: OnPolicy, folder: Path, *, checkpoints: bool) -> Any:
    return DistillationConfig(
        **trainer_settings(recipe, folder, checkpoints=checkpoints),
        beta=settings.beta,
        temperature=settings.temperature,
        max_completion_length=settings.tokens,
        bf16=False,
        gradient_checkpointing=False,  # it trades time for memory that small students do not need
    )


@contextmanager
def _quietly() -> Iterator[None]:
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
