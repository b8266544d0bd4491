"""Running stillhunt as a user does, in a folder of its own and with a clean environment: here, or in a new process."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TextIO
from unittest import mock

from cli.forking import ForkedProcess, forker
from stillhunt.cli import start as program

UNWANTED = ("STILLHUNT_", "COLUMNS", "NO_COLOR", "FORCE_COLOR")
PROGRAM = [sys.executable, "-m", "stillhunt"]
SECONDS = 120.0
FORKING = sys.platform == "linux"


def clean_environment(**changes: str) -> dict[str, str]:
    """The environment without settings of ours and without the width of somebody's terminal."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(UNWANTED)}
    return {**kept, **changes}


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run stillhunt to its end in this process, from its `main` to its exit code; nobody can send it a signal.

    What a process is needed for is only seen with `run_process` or `run_anew`: its start, its streams, its end.
    """
    with io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) as out:
        done = run_into(out, *arguments, cwd=cwd, **environment)
        done.stdout = out.buffer.getvalue().decode()  # type: ignore[attr-defined] # BytesIO
    return done


def run_into(out: TextIO, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run stillhunt as `run` does, with a stdout of somebody's choice.

    Args:
        out: becomes its stdout, and stays open.
    """
    errors = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with (
        contextlib.chdir(cwd),
        mock.patch.dict(os.environ, clean_environment(**environment), clear=True),
        mock.patch.object(sys, "argv", ["stillhunt", *arguments]),
        mock.patch.object(program, "watch_signals", list),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
    ):
        try:
            program.main()
        except SystemExit as left:
            code = left.code
    said = errors.buffer.getvalue().decode()  # type: ignore[attr-defined] # BytesIO
    return subprocess.CompletedProcess(["stillhunt", *arguments], int(code or 0), "", said)


def run_process(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run stillhunt to its end in a process, forked from one that has the libraries."""
    if not FORKING or not all(name.startswith("STILLHUNT_") for name in environment):
        return run_anew(*arguments, cwd=cwd, **environment)
    return forker().run(arguments, cwd, clean_environment(**environment), SECONDS)


def start(*arguments: str, cwd: Path, **environment: str) -> ForkedProcess | subprocess.Popen[bytes]:
    """Start stillhunt as `run_process` does, to be watched while it works; only one at a time."""
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
