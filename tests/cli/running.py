"""Running stillhunt as a user does: a real process, in a folder of its own, with a clean environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cli.forking import ForkedProcess, forker

UNWANTED = ("STILLHUNT_", "COLUMNS", "NO_COLOR", "FORCE_COLOR")
PROGRAM = [sys.executable, "-m", "stillhunt"]
SECONDS = 120.0
FORKING = sys.platform == "linux"


def clean_environment(**changes: str) -> dict[str, str]:
    """The environment without settings of ours and without the width of somebody's terminal."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(UNWANTED)}
    return {**kept, **changes}


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run stillhunt to its end, forked from a process that has the libraries."""
    if not FORKING or not all(name.startswith("STILLHUNT_") for name in environment):
        return run_anew(*arguments, cwd=cwd, **environment)
    return forker().run(arguments, cwd, clean_environment(**environment), SECONDS)


def start(*arguments: str, cwd: Path, **environment: str) -> ForkedProcess | subprocess.Popen[bytes]:
    """Start stillhunt as `run` does, to be watched while it works; only one at a time."""
    if not FORKING or not all(name.startswith("STILLHUNT_") for name in environment):
        return start_anew(*arguments, cwd=cwd, **environment)
    return forker().start(arguments, cwd, clean_environment(**environment))


def start_anew(*arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start `python -m stillhunt`, of which many may work at the same time."""
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        cwd=cwd,
        env=clean_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )


def run_anew(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m stillhunt` to its end: for tests of the process itself, of its start and of its variables."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=cwd,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
