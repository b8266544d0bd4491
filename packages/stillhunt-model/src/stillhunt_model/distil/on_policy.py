"""On-policy distillation: the student answers, and learns what the teacher would have said at each token.

The trainer is TRL's `DistillationTrainer`. It is given prompts as texts, with the teacher's chat template applied where
there is one, as everything else here asks.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datasets import Dataset
from datasets.utils.logging import disable_progress_bar, enable_progress_bar, is_progress_bar_enabled
from transformers import PrinterCallback, TrainerCallback
from transformers.trainer_utils import get_last_checkpoint
from trl import DistillationConfig, DistillationTrainer

from stillhunt_model.distil.students import check_vocabularies
from stillhunt_model.nets.net import Net, prompt_ids
from stillhunt_model.training.run import Trained, TrainingRecipe, Watch, trainer_settings


@dataclass(frozen=True)
class OnPolicy:
    """What on-policy distillation needs beside the recipe.

    Attributes:
        beta: which divergence; 1 is the reverse one.
        temperature: of the student's answers and of the divergence.
        tokens: most tokens of one answer.
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
        trainer.remove_callback(PrinterCallback)  # what is shown is for the caller to say
        last = get_last_checkpoint(str(folder)) if folder is not None and folder.is_dir() else None
        resumed_at = int(last.rsplit("-", 1)[1]) if last else 0
        trainer.train(resume_from_checkpoint=last)
    return Trained(meter.loss, meter.tokens, meter.seconds, resumed_at)


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


class _OnPolicyMeter(TrainerCallback):  # type: ignore[misc]  # transformers is not typed here
    """Counts tokens and time, and tells of progress."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self._begun, self._before = time.perf_counter(), 0
        self.loss, self.tokens, self.seconds = math.nan, 0, 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        del args, control
        self._begun, self._before = time.perf_counter(), int(state.num_input_tokens_seen)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        del args, control
        if logs and "loss" in logs:
            self.loss = float(logs["loss"])
            self.tokens = int(state.num_input_tokens_seen) - self._before
            self.seconds = time.perf_counter() - self._begun
            if self._watch is not None:
                self._watch(state.global_step, self.loss, self.tokens / max(self.seconds, 1e-9))

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.seconds = time.perf_counter() - self._begun
