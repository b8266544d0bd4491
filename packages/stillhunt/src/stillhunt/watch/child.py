"""A hunt in a child process: what is sent to it, its memory limit, and what comes back."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from stillhunt.base.config import Config
from stillhunt.base.container_memory import container_memory, memory_kills
from stillhunt.base.units import GIB
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan
from stillhunt.watch.prepared import HuntCopy, PreparedProcess

MEMORY_SHARE = 0.75
"""Of the memory of this machine or container, for a hunt without a limit of its own. Judgement: the rest serves."""
_POLL_SECONDS = 0.5
_LONGEST_ERROR = 2000
LESS_MEMORY = "shorten watch.window_days, give it more memory, or hunt on Spark"


@dataclass(frozen=True)
class HuntOutcome:
    """How a hunt ended."""

    sequence: int | None = None  # number of the snapshot; None where there was nothing to read, or where it failed
    failure: str = ""  # why it failed; empty where it did not
    where: str = ""  # file, table or setting at fault; empty if there is no place. It may quote what was read.
    next_step: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of its process; 0 where it was ended
    peak_bytes: int = 0
    damage: tuple[str, ...] = ()  # what is missing or damaged of what was acknowledged, in sentences
    warm: str = ""  # what a warm hunt did, or why it was cold, in a few words; empty where it was to be cold


def order_text(plan: HuntPlan) -> str:
    """What is written to the child's stdin; it holds secrets, so it is never an argument or a file."""
    return json.dumps(
        {
            "data": str(plan.data.path),
            "config": plan.config.model_dump(mode="json"),
            "watched": list(plan.watched),
            "now": plan.now,
            "term": plan.term,
            "warm": plan.warm,
            "only_reads": plan.only_reads,
        }
    )


def order_of(text: str) -> HuntPlan:
    """The plan in what `order_text` made."""
    order: dict[str, Any] = json.loads(text)
    folder, config = DataFolder(Path(order["data"]), make=False), Config(**order["config"])
    rest = {name: order[name] for name in ("now", "term", "warm", "only_reads")}
    return HuntPlan(folder, config, tuple(order["watched"]), **rest)


def memory_limit(config: Config) -> int:
    """Bytes that a hunt may take."""
    limit = config.watch.memory_limit_gb
    return int(limit * GIB) if limit else int(MEMORY_SHARE * min(psutil.virtual_memory().total, container_memory()))


def hunt_in_child(
    plan: HuntPlan, stop: threading.Event | None = None, prepared: PreparedProcess | None = None
) -> HuntOutcome:
    """Hunt in a process of its own, and wait.

    Args:
        stop: ends it early; a later hunt goes on from what it kept.
        prepared: what the process is to be a copy of, where it can be one; otherwise it begins anew.
    """
    began, killed_before = time.monotonic(), memory_kills()
    try:
        child = _start_hunt_process(plan.data, prepared, stop)
    except OSError as error:
        return HuntOutcome(
            failure=f"the hunt cannot be started: {error.strerror}", next_step="it is tried again; check free memory"
        )
    watcher = _Watcher(child, memory_limit(plan.config), stop)
    watcher.start()
    out, errors = child.communicate(order_text(plan))
    watcher.end()
    used: dict[str, Any] = {"seconds": round(time.monotonic() - began, 3), "peak_bytes": watcher.peak}
    if watcher.reason:
        return HuntOutcome(failure=watcher.reason, next_step=watcher.next_step, **used)
    try:
        found = json.loads(out.splitlines()[-1])
    except (IndexError, ValueError):
        failure, next_step = _unexpected_end(child.poll(), errors, out_of_memory=memory_kills() > killed_before)
        return HuntOutcome(failure=failure, next_step=next_step, **used)
    return HuntOutcome(**{**found, **used, "damage": tuple(found["damage"])})


def _unexpected_end(code: int | None, errors: str, *, out_of_memory: bool) -> tuple[str, str]:
    """Why a hunt ended without an outcome, and what can be done about it."""
    if code == -signal.SIGKILL and out_of_memory:
        most = min(psutil.virtual_memory().total, container_memory())
        whose = "this container may take" if most == container_memory() else "this machine has"
        return f"the kernel ended the hunt for lack of memory: {most / GIB:.1f} GiB is all that {whose}", LESS_MEMORY
    last = errors.strip().splitlines()[-1:] or [f"exit code {code}"]
    again = "it is tried again; if that fails too, run 'stillhunt hunt' over the spool folder"
    return f"the hunt ended unexpectedly: {last[0][:_LONGEST_ERROR]}", again


def _start_hunt_process(
    folder: DataFolder, prepared: PreparedProcess | None, stop: threading.Event | None
) -> subprocess.Popen[str] | HuntCopy:
    """The process; its temporary files are in the data folder, where the next hunt clears what a killed one left."""
    pipe = subprocess.PIPE
    folder.scratch.mkdir(mode=0o700, exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(folder.scratch)}
    if prepared is not None and (copy := prepared.start_hunt(environment, stop)) is not None:
        return copy
    words = [sys.executable, "-m", "stillhunt.watch", str(os.getpid())]
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)  # noqa: S603 - our own module


class _Watcher(threading.Thread):
    """Ends a child that takes too much memory, or that is no longer wanted."""

    def __init__(self, child: subprocess.Popen[str] | HuntCopy, limit: int, stop: threading.Event | None) -> None:
        super().__init__(name="stillhunt-memory", daemon=True)
        self._child, self._limit, self._stop_wanted = child, limit, stop
        self._over = threading.Event()
        self.peak, self.reason, self.next_step = 0, "", ""

    def end(self) -> None:
        """Look no more, for the child has ended."""
        self._over.set()
        self.join()

    def run(self) -> None:
        while self._child.poll() is None:
            with suppress(psutil.Error):  # it just ended
                self.peak = max(self.peak, psutil.Process(self._child.pid).memory_info().rss)
            if self.peak > self._limit:
                self._end_child_process(
                    f"the hunt took more than {self._limit / GIB:.1f} GiB of memory",
                    f"raise watch.memory_limit_gb, or {LESS_MEMORY}",
                )
            elif self._stop_wanted is not None and self._stop_wanted.wait(0):
                self._end_child_process("the hunt was stopped", "the next one goes on from what this one kept")
            self._over.wait(_POLL_SECONDS)

    def _end_child_process(self, reason: str, next_step: str) -> None:
        self.reason, self.next_step = reason, next_step
        self._child.kill()
        self._child.wait()
