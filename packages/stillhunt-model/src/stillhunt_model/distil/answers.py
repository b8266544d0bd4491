"""The teacher's answers, drawn once and kept for a run that is resumed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stillhunt import InputError
from stillhunt.tools import Progress, write_whole
from stillhunt_model.nets.net import Net
from stillhunt_model.training.generating import PROMPTS_TOGETHER, Sampling, generate
from stillhunt_model.training.pairs import TextPair

LARGE_MODEL, LARGE_BATCH = 20_000_000, 16
"""Parameters from which fewer prompts are answered together, and how many."""
_TOGETHER = 4
"""Batches between two steps of progress."""


def draw_answers(net: Net, prompts: Sequence[str], sampling: Sampling, progress: Progress) -> list[str]:
    """A model's answers, with progress.

    Args:
        sampling: how; the batch is chosen here.
    """
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

    Raises:
        OutputError: it cannot be written.
    """
    lines = (json.dumps({"prompt": one.prompt, "answer": one.answer}).encode() + b"\n" for one in pairs)
    write_whole(path, lines)


def read_answers(path: Path, prompts: Sequence[str]) -> list[TextPair]:
    """Read answers that were kept, to the same prompts.

    Raises:
        InputError: it is damaged, or of other prompts.
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
