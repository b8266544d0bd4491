"""The folder of a run that can be resumed: checkpoints, the teacher's answers, and of what run they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from stillhunt import ConfigError, OutputError
from stillhunt.tools import write_whole

WORK_FILE = "distillation.json"
_LONGEST = 1 << 20
_STATE = "trainer_state.json"
"""The last file of a checkpoint of transformers."""


def open_work(folder: Path, about: dict[str, Any], *, resume: bool) -> None:
    """Begin a folder of checkpoints, or go on in one of the same run.

    Args:
        about: what the run is: teacher, data, recipe; in what JSON has.
        resume: go on where it stopped.

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
    there = _read(file)
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


def _read(file: Path) -> dict[str, Any] | None:
    try:
        if file.stat().st_size > _LONGEST:
            return None
        there = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return there if isinstance(there, dict) else None
