"""The teacher's answers, drawn once and kept for a run that is resumed."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stillhunt import ConfigError, InputError, OutputError
from stillhunt.tools import Progress, write_whole
from stillhunt_model.nets.net import Net
from stillhunt_model.training.generating import PROMPTS_TOGETHER, Sampling, generate
from stillhunt_model.training.pairs import TextPair

WORK_FILE = "distillation.json"
_LONGEST = 1 << 20
_STATE = "trainer_state.json"
"""The last file of a checkpoint of transformers."""


def open_work(folder: Path, about: dict[str, Any], *, resume: bool) -> None:
    """Begin a folder of checkpoints, or go on in one of the same run.

    Args:
        about: what the run is: teacher, data, recipe; in what JSON has.

    Raises:
        ConfigError: there is nothing to resume, or a run that is not to be resumed or is another one.
        OutputError: the folder cannot be written.
    """
    file = folder / WORK_FILE
    if not resume:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(
                "the folder for checkpoints is not empty",
                where=str(folder),
                next_step="resume what is there, or name another folder",
                command_step="go on with --resume, or name another folder with --checkpoints",
            )
        _for_its_owner(folder)
        write_whole(file, [json.dumps(about, indent=2).encode()])
        return
    there = _read_json_object(file)
    if there is None:
        raise ConfigError(
            "there is no distillation to resume",
            where=str(folder),
            next_step="name the folder of checkpoints of the run that stopped, or begin a new one",
            command_step="name the folder of checkpoints of the run that stopped, or leave out --resume",
        )
    changed = sorted(key for key in about.keys() | there.keys() if about.get(key) != there.get(key))
    if changed:
        raise ConfigError(
            f"the run that stopped had another {', '.join(changed)}",
            where=str(folder),
            next_step="resume it as it was begun, or begin a new one in another folder",
        )
    _for_its_owner(folder)
    for checkpoint in folder.glob("*/checkpoint-*"):
        if not (checkpoint / _STATE).is_file():  # the run was stopped while it wrote this one
            shutil.rmtree(checkpoint)


def _for_its_owner(folder: Path) -> None:
    """Make the folder if need be, closed to others: it holds prompts and answers."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise OutputError(
            f"the folder for checkpoints cannot be made: {error.strerror or error}",
            where=str(folder),
            next_step="name a folder of your own",
            command_step="name a folder of your own with --checkpoints",
        ) from error


def _read_json_object(file: Path) -> dict[str, Any] | None:
    try:
        if file.stat().st_size > _LONGEST:
            return None
        there = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return there if isinstance(there, dict) else None


LARGE_MODEL, LARGE_BATCH = 20_000_000, 16
"""Parameters from which fewer prompts are answered together, and how many."""
_TOGETHER = 4
"""Batches between two steps of progress."""


def draw_answers(net: Net, prompts: Sequence[str], sampling: Sampling, progress: Progress) -> list[str]:
    """A model's answers, with progress."""
    batch = PROMPTS_TOGETHER if net.parameters < LARGE_MODEL else LARGE_BATCH
    answers: list[str] = []
    with progress.stage(f"{net.name} answers", len(prompts), "prompts") as advance:
        for first in range(0, len(prompts), batch * _TOGETHER):
            part = prompts[first : first + batch * _TOGETHER]
            answers += generate(net, part, replace(sampling, seed=sampling.seed + first, batch=batch))
            advance(len(part))
    return answers


def write_answers(pairs: Sequence[TextPair], path: Path) -> None:
    """Write prompts and answers as JSON lines.

    Raises OutputError: it cannot be written.
    """
    lines = (json.dumps({"prompt": one.prompt, "answer": one.answer}).encode() + b"\n" for one in pairs)
    write_whole(path, lines)


def read_answers(path: Path, prompts: Sequence[str]) -> list[TextPair]:
    """Read answers that were kept, to the same prompts.

    Raises InputError: it is damaged, or of other prompts.
    """
    try:
        rows = [json.loads(line) for line in path.read_bytes().splitlines()]
        pairs = [TextPair(str(row["prompt"]), str(row["answer"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "the answers that were kept are damaged", where=str(path), next_step="begin again in another folder"
        ) from error
    if [one.prompt for one in pairs] != list(prompts):
        raise InputError(
            "the answers that were kept are of other prompts",
            where=str(path),
            next_step="begin again in another folder",
        )
    return pairs
