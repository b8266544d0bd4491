"""Hunts in a control group with too little memory: the kernel kills them, and the outcome says so.

Left out where no control group can be made, which needs root.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
from trials import Fell, Trial

from stillhunt.base import container_memory as groups
from stillhunt_lab.worlds.build import build_world, spec_for_rung

MEGABYTE = 1 << 20
LIMITS = (300, 400)
"""MB that are less than a hunt of the world below needs, and more than the process that starts it."""


def _hunt_in(folder: Path, limit: int) -> None:
    inner = next(one for one in groups._iterate_group_folders(groups._GROUPS, groups._MEMBERSHIP) if one.is_dir())
    group = inner / f"stillhunt-trial-{os.getpid()}"
    group.mkdir()
    try:
        name = next(name for name in groups._LIMITS if (group / name).exists())
        (group / name).write_text(str(limit * MEGABYTE))
        words = [sys.executable, "-m", "stillhunt", "watch", str(folder / "requests.parquet")]
        words += ["--once", "--data", str(folder / f"data-{limit}"), "--set", "watch.memory_limit_gb=64"]
        enter = partial((group / "cgroup.procs").write_text, "0")
        done = subprocess.run(words, check=False, capture_output=True, text=True, preexec_fn=enter)
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()
    said = done.stdout + done.stderr
    if "lack of memory" not in said and "out of memory" not in said:
        raise Fell(f"exit code {done.returncode}, and memory is not named: {said[-400:]}")


def trials(seed: int) -> Iterator[Trial]:
    """Hunts with several limits."""
    if os.geteuid() != 0 or not any(
        one.is_dir() for one in groups._iterate_group_folders(groups._GROUPS, groups._MEMBERSHIP)
    ):
        print("left out: no control group can be made here")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world = build_world(spec_for_rung(1, accounts=2000, days=10, campaign_accounts=40, seed=seed))
        pq.write_table(world.requests, folder / "requests.parquet")
        for limit in LIMITS:
            yield Trial("memory of a container", f"{limit} MB", partial(_hunt_in, folder, limit))
