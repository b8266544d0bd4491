"""Running stillhunt as a user does: a real process, in a folder of its own, with a clean environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

UNWANTED = ("STILLHUNT_", "COLUMNS", "NO_COLOR", "FORCE_COLOR")
PROGRAM = [sys.executable, "-m", "stillhunt"]


def clean_environment(**changes: str) -> dict[str, str]:
    """The environment without settings of ours and without the width of somebody's terminal."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(UNWANTED)}
    return {**kept, **changes}


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run stillhunt to its end."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=cwd,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
