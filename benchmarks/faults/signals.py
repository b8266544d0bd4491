"""SIGINT and SIGTERM at random times of hunts: each ends within two seconds, and nothing half-done is left.

The world is that of `stillhunt demo`. A third of the hunts keep state, a third write a case over an older one. The
seconds from the signal to the end are printed when all were tried.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
from trials import Fell, Trial

ENDS = 60
MOST_SECONDS = 2.0
LONGEST_HUNT = 120.0


class Hunts:
    """Hunts of one world, each of which is ended by a signal.

    Args:
        place: an empty folder.
    """

    def __init__(self, place: Path) -> None:
        self.place, self.seconds = place, []
        self.run("demo", "--out", str(place / "demo"), "--quiet").communicate()
        self.world = place / "demo" / "world"
        began = time.monotonic()
        self.hunt(place / "first").communicate()
        self.length = min(time.monotonic() - began, LONGEST_HUNT)

    def run(self, *words: str) -> subprocess.Popen[str]:
        """Start a command, whose temporary files have a folder of their own."""
        temporary = self.place / "temporary"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        command = [sys.executable, "-m", "stillhunt", *words]
        environment = {**os.environ, "TMPDIR": str(temporary)}
        return subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
        )

    def hunt(self, out: Path, *words: str) -> subprocess.Popen[str]:
        """Start a hunt of the world."""
        accounts = str(self.world / "accounts.parquet")
        return self.run("hunt", str(self.world / "requests"), "--accounts", accounts, "--out", str(out), *words)

    def end_one(self, number: signal.Signals, share: float, form: str) -> None:
        """End a hunt at a share of its length.

        Args:
            number: the signal.
            share: of the length of a whole hunt.
            form: "new", "state" or "force".
        """
        out = self.place / ("first" if form == "force" else "out")
        state = self.place / "state"
        words = {"new": (), "state": ("--state", str(state)), "force": ("--force",)}[form]
        hunt = self.hunt(out, *words)
        time.sleep(share * self.length)
        children = psutil.Process(hunt.pid).children(recursive=True) if hunt.poll() is None else []
        began = time.monotonic()
        hunt.send_signal(number)
        _, said = hunt.communicate(timeout=60)
        seconds = time.monotonic() - began
        if hunt.returncode in (0, 3):
            shutil.rmtree(self.place / "out", ignore_errors=True)
            return  # it was faster than expected
        self.seconds.append(seconds)
        self._check(hunt.returncode, 128 + number, said, seconds)
        _, alive = psutil.wait_procs(children, timeout=1)
        if alive:
            raise Fell(f"{len(alive)} children live on")
        left = [path.name for path in (self.place / "temporary").iterdir()]
        beside = {path.name for path in self.place.iterdir()} - {"demo", "first", "state", "temporary"}
        if left or beside:
            raise Fell(f"left behind: {left or sorted(beside)}")
        if not (self.place / "first" / "run.json").is_file():
            raise Fell("the older case is gone")

    def _check(self, code: int, wanted: int, said: str, seconds: float) -> None:
        if code != wanted:
            raise Fell(f"exit code {code} in place of {wanted}: {said[-300:]}")
        if "interrupted" not in said:
            raise Fell(f"it does not say so: {said[-300:]}")
        if seconds > MOST_SECONDS:
            raise Fell(f"it ended after {seconds:.1f} s")

    def complete(self) -> None:
        """A hunt with the state that was left by those that were ended gives the case of a plain one."""
        self.hunt(self.place / "whole", "--state", str(self.place / "state")).communicate()
        for name in ("campaigns", "accounts", "evidence"):
            one, other = (self.place / case / f"{name}.parquet" for case in ("first", "whole"))
            if one.read_bytes() != other.read_bytes():
                raise Fell(f"{name}.parquet differs from that of a hunt without state")


def trials(seed: int) -> Iterator[Trial]:
    """Signals at random times."""
    chosen = random.Random(seed)  # noqa: S311 - a test
    with tempfile.TemporaryDirectory() as folder:
        hunts = Hunts(Path(folder))
        for number in range(ENDS):
            sent = chosen.choice((signal.SIGINT, signal.SIGTERM))
            share, form = chosen.random(), ("new", "state", "force")[number % 3]
            run = partial(hunts.end_one, sent, share, form)
            yield Trial("signals to hunts", f"{sent.name} at {share:.0%}, {form}", run)
        yield Trial("a hunt after all of them", "with their state", hunts.complete)
        seconds = sorted(hunts.seconds)
        print(f"seconds to the end: median {seconds[len(seconds) // 2]:.2f}, longest {seconds[-1]:.2f}")
