"""What a proof will take on this machine, told before it begins: memory, time, and how much is asked."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stillhunt import ConfigError
from stillhunt.tools import container_memory, formatting
from stillhunt_model.nets.net import Net
from stillhunt_model.proof.compared_answers import most_honest, plan_compared
from stillhunt_model.proof.own_models import EPOCHS
from stillhunt_model.proof.parameters import MOST_CONTROL_ANSWERS
from stillhunt_model.proof.proving import CampaignHarvest, ProofContext
from stillhunt_model.training.likelihood import BATCH_LOGITS, answer_logprobs
from stillhunt_model.training.pairs import TextPair

_FLOAT, _TRAINED = 4, 16
"""Bytes of a weight in 32 bits; and of one that is trained: itself, its gradient and the two moments of Adam
(derived)."""
_WORKING = 3 * _FLOAT * BATCH_LOGITS
"""Bytes of a batch while it is read, at most: its logits, their logarithms and their chances (derived)."""
_MEMORY = Path("/proc/meminfo")
_TIMED = 8  # answers that the teacher reads to take the time
_TRAINING = 3  # times as long as to read a text is to learn it (derived: backwards costs twice as much as forwards)


@dataclass(frozen=True)
class ProofModels:
    """Weights of the models that are opened for a proof."""

    teacher: int  # 0 where its weights are not here
    teacher_bytes: int  # of one of them
    references: tuple[int, ...]
    suspect: int  # 0 behind an endpoint, of which a surrogate is trained

    @property
    def memory(self) -> int:
        """Bytes that they take at most while they are read."""
        held = self.teacher * self.teacher_bytes + _FLOAT * (sum(self.references) + self.suspect)
        return held + min(held, _WORKING)

    @property
    def training(self) -> int:
        """Bytes more for a surrogate, if the suspect gives text alone; only asking shows whether it does."""
        return 0 if self.suspect else _TRAINED * max(self.references or (self.teacher,))


def free_memory(machine: Path = _MEMORY) -> int:
    """Bytes that this process may still take; `sys.maxsize` where the system does not say."""
    try:
        lines = dict(line.split(":", 1) for line in machine.read_text().splitlines() if ":" in line)
        free = int(lines["MemAvailable"].split()[0]) << 10
    except (OSError, KeyError, ValueError):
        free = sys.maxsize
    return min(free, container_memory())


def check_memory(models: ProofModels, free: int) -> str:
    """Say what memory models take, and what is too little for a surrogate, before one is opened; nothing without any.

    Raises ConfigError: there is less.
    """
    parts = [("teacher", models.teacher), ("suspect", models.suspect), ("references", sum(models.references))]
    sizes = ", ".join(f"the {name} {formatting.count(weights)}" for name, weights in parts if weights)
    told = f"{_gigabytes(models.memory)} GB for the weights (of {sizes}) and reading"
    if models.memory > free:
        raise ConfigError(
            f"the models need up to {told}, and {_gigabytes(free)} GB of memory are free",
            where="teacher",
            next_step="use the teacher in bfloat16 or behind a server, smaller references, or a machine with more "
            "memory; no place in the register was used",
            command_step="give --teacher-dtype bfloat16, or --teacher the address of a server that has it, or smaller "
            "references; no place in the register was used",
        )
    if not models.memory:
        return ""
    whole = f"Memory: up to {told}" + ("" if free == sys.maxsize else f"; {_gigabytes(free)} GB are free")
    if not models.training:
        return whole
    whole += f"; {_gigabytes(models.training)} GB more to train a surrogate, if the suspect gives text alone"
    return whole + (", which does not fit" if models.memory + models.training > free else "")


def describe_effort(harvests: Sequence[CampaignHarvest], context: ProofContext, *, is_endpoint: bool) -> list[str]:
    """How many texts are drawn, asked for and read, and how long that takes about."""
    lines: list[str] = []
    seconds = 0.0
    queries = context.config.model.queries // max(1, len(harvests))
    for one in harvests:
        plan = plan_compared(one, queries, context)
        honest = most_honest(plan.answers, context)
        draws = MOST_CONTROL_ANSWERS * (plan.answers + min(honest, len(one.honest)))
        by = "the teacher" if context.drawn_by is None else context.drawn_by.name
        lines.append(f"Control answers for {one.campaign_id}: {draws:,}, drawn by {by}")
        asked = plan.each * plan.asked * is_endpoint
        if is_endpoint:
            hours = asked / _TOGETHER_HOUR
            lines.append(
                f"Replies, if it gives text alone: {asked:,}, {plan.each:,} to each of {plan.asked:,} prompts, and as "
                f"many to honest prompts if these could accuse; {hours:.1f} hours for each second that a reply takes"
            )
        # The teacher draws, or what stands for it learns the draws; these are read twice; a surrogate learns replies.
        first = draws if context.drawn_by is None else _TRAINING * EPOCHS * draws
        seconds += _seconds_of_text(context.teacher, one) * (first + 2 * draws + _TRAINING * EPOCHS * 2 * asked)
    minutes = formatting.plural(max(1, round(seconds / 60)), "minute")
    lines.append(f"Time: about {minutes} of computing here, as fast as it is now")
    return lines


_TOGETHER_HOUR = 4 * 3600
"""Replies of a second each that arrive in an hour, four at a time."""


def _seconds_of_text(net: Net, harvest: CampaignHarvest) -> float:
    """Seconds in which a model reads one text of a harvest."""
    pairs = [TextPair(one.prompt, one.answer) for one in harvest.answers[:_TIMED]]
    begun = time.perf_counter()
    answer_logprobs(net, pairs)
    return (time.perf_counter() - begun) / max(1, len(pairs))


def _gigabytes(size: int) -> str:
    return f"{max(0.1, size / 1e9):,.1f}"
