"""Training of a local model, by the trainer of transformers: seeded, with checkpoints, resumed where it stopped."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from stillhunt_model.nets.net import Net
from stillhunt_model.training.pairs import NOT_LEARNED, EncodedPair, TextPair, collate, encode

CHECKPOINTS_KEPT = 2
LossOf = Callable[[Any, dict[str, Any]], Any]
"""Loss of a model on a batch from `collate`; `rows` of the batch are the places of its pairs."""


@dataclass(frozen=True)
class TrainingRecipe:
    """How a model is trained."""

    steps: int
    batch: int = 32
    learning_rate: float = 2e-3  # highest one, reached after the first tenth of the steps; then it falls as a cosine
    seed: int = 0
    checkpoint_every: int = 0


@dataclass(frozen=True)
class Trained:
    """What a training did."""

    loss: float  # mean over the last steps that were reported, in nats a token
    tokens: int  # tokens that went through the model, prompts included; of this run, not of one that it resumes
    seconds: float
    resumed_at: int  # step of the checkpoint from which it went on; 0 where it began


Watch = Callable[[int, float, float], None]
"""Called with the step, the loss in nats a token, and tokens a second."""


def train(
    net: Net,
    pairs: Sequence[TextPair],
    recipe: TrainingRecipe,
    *,
    folder: Path | None = None,
    loss: LossOf | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Train a model on pairs, in place.

    Args:
        folder: where checkpoints are kept, and looked for; None for none.
        loss: of a batch; None for the cross entropy of answers.

    Returns:
        What was done. Repeated on one machine with the same number of threads it gives the same weights; another number
        of threads adds floats in another order.
    """
    encoded = encode(net, pairs)
    with TemporaryDirectory(prefix="stillhunt-training-") as scratch:
        settings = trainer_settings(recipe, folder or Path(scratch), checkpoints=folder is not None)
        arguments = TrainingArguments(**settings, remove_unused_columns=False)
        meter = TrainingMeter(watch)
        trainer = _PairTrainer(
            model=net.model,
            args=arguments,
            train_dataset=list(enumerate(encoded)),
            data_collator=_Collator(net.tokenizer.pad_token_id, meter),
            callbacks=[meter],
        )
        trainer.batch_loss = loss
        return run_trainer(trainer, meter, folder)


def run_trainer(trainer: Any, meter: TrainingMeter, folder: Path | None) -> Trained:
    """Let a trainer of transformers train, from the last checkpoint of a folder if there is one."""
    trainer.remove_callback(PrinterCallback)  # what is shown is for the caller to say
    last = get_last_checkpoint(str(folder)) if folder is not None and folder.is_dir() else None
    _set_libraries_aside()
    trainer.train(resume_from_checkpoint=last)
    return Trained(meter.loss, meter.tokens, meter.seconds, int(last.rsplit("-", 1)[1]) if last else 0)


@cache
def _set_libraries_aside() -> None:
    """Keep the objects of PyTorch and its libraries out of searches for garbage, once in a process.

    The trainer of transformers searches whenever it begins: half a second, which dozens of small students feel.
    """
    gc.collect()
    gc.freeze()


class _PairTrainer(Trainer):  # type: ignore[misc]  # transformers is not typed here
    batch_loss: LossOf | None = None

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        del return_outputs, num_items_in_batch  # asked for by evaluation alone, and by gradient accumulation
        if self.batch_loss is not None:
            return self.batch_loss(model, inputs)
        logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits[:, :-1]
        labels = inputs["labels"][:, 1:]
        # The vocabulary is the dearest part: only tokens that are learned pay for it.
        learned = labels != NOT_LEARNED
        return torch.nn.functional.cross_entropy(logits[learned].float(), labels[learned])


class TrainingMeter(TrainerCallback):  # type: ignore[misc]  # transformers is not typed here
    """Takes the loss and the time, and tells of progress; `tokens` are counted by whoever makes the batches."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self._begun = time.perf_counter()
        self.loss, self.tokens, self.seconds = math.nan, 0, 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Begin to take the time."""
        self._begun = time.perf_counter()

    def on_log(self, _args: Any, state: Any, _control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Keep what the trainer reports."""
        if logs and "loss" in logs:
            self.loss = float(logs["loss"])
            self.seconds = time.perf_counter() - self._begun
            if self._watch is not None:
                self._watch(state.global_step, self.loss, self.tokens / max(self.seconds, 1e-9))

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Take the time of the whole."""
        self.seconds = time.perf_counter() - self._begun


class _Collator:
    def __init__(self, padding: int, meter: TrainingMeter) -> None:
        self._padding, self._meter = padding, meter

    def __call__(self, numbered: list[tuple[int, EncodedPair]]) -> dict[str, Any]:
        batch = collate([one for _, one in numbered], self._padding)
        batch["rows"] = torch.tensor([place for place, _ in numbered])
        self._meter.tokens += int(batch["attention_mask"].sum())
        return batch


def trainer_settings(recipe: TrainingRecipe, folder: Path, *, checkpoints: bool) -> dict[str, Any]:
    """What every trainer of transformers is given here."""
    keeps = checkpoints and recipe.checkpoint_every > 0
    return {
        "output_dir": str(folder),
        "max_steps": recipe.steps,
        "per_device_train_batch_size": recipe.batch,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": max(1, recipe.steps // 10),
        "weight_decay": 0.01,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "save_strategy": "steps" if keeps else "no",
        "save_steps": recipe.checkpoint_every or recipe.steps,
        "save_total_limit": CHECKPOINTS_KEPT,
        "logging_steps": max(1, min(10, recipe.steps // 10)),
        "optim": "adamw_torch_fused",
        "dataloader_pin_memory": False,
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": True,
    }
