"""Limits and kills of control groups: both versions, nested groups, containers, and a group of this machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillhunt.base import container_memory as groups
from stillhunt.base.container_memory import container_memory, memory_kills

MEGABYTE = 1 << 20
ENDLESS = "9223372036854771712\n"
"""What version 1 says where there is no limit."""


def make(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("membership", "files", "limit"),
    [
        ("0::/\n", {"memory.max": "1048576\n"}, MEGABYTE),
        ("0::/\n", {"memory.max": "max\n"}, sys.maxsize),
        ("0::/pod/app\n", {"pod/memory.max": "1048576\n", "pod/app/memory.max": "max\n"}, MEGABYTE),
        ("0::/pod/app\n", {"pod/memory.max": "2097152\n", "pod/app/memory.max": "1048576\n"}, MEGABYTE),
        ("0::/host/path/of/container\n", {"memory.max": "1048576\n"}, MEGABYTE),
        ("0::/pod\n", {"unified/pod/memory.max": "1048576\n"}, MEGABYTE),
        ("4:memory:/docker/1\n0::/\n", {"memory/docker/1/memory.limit_in_bytes": "1048576\n"}, MEGABYTE),
        ("4:cpu,memory:/\n", {"memory/memory.limit_in_bytes": "1048576\n"}, MEGABYTE),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": ENDLESS}, int(ENDLESS)),
        ("4:cpu:/a\n", {"memory/a/memory.limit_in_bytes": "1048576\n"}, sys.maxsize),
        ("0::/../../etc\n", {"memory.max": "max\n"}, sys.maxsize),
        ("", {}, sys.maxsize),
    ],
)
def test_the_least_limit_along_the_path_counts(
    tmp_path: Path, membership: str, files: dict[str, str], limit: int
) -> None:
    make(tmp_path / "groups", files)
    make(tmp_path, {"membership": membership})
    assert container_memory(tmp_path / "groups", tmp_path / "membership") == limit


def test_kills_are_counted_in_both_versions_and_on_the_machine(tmp_path: Path) -> None:
    make(tmp_path, {"membership": "4:memory:/a\n0::/b\n", "vmstat": "nr_free 5\noom_kill 7\n"})
    make(tmp_path / "groups", {"memory/a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"})
    make(tmp_path / "groups", {"b/memory.events": "low 0\noom 9\noom_kill 3\noom_group_kill 0\n"})
    assert memory_kills(tmp_path / "groups", tmp_path / "membership", tmp_path / "vmstat") == 12


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group of this machine that allows 64 MB."""
    membership = groups._MEMBERSHIP
    inner = next(
        (folder for folder in groups._iterate_group_folders(groups._GROUPS, membership) if folder.is_dir()), None
    )
    if inner is None:
        pytest.skip("this system has no control groups of memory")
    group = inner / f"stillhunt-test-{os.getpid()}"
    try:
        group.mkdir()
        name = next(name for name in ("memory.limit_in_bytes", "memory.max") if (group / name).exists())
        (group / name).write_text(str(64 * MEGABYTE))
    except (OSError, StopIteration):
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip("no control group with a limit of memory can be made here")
    yield group
    group.rmdir()


def test_a_real_kill_is_seen(small_group: Path) -> None:
    before = memory_kills()
    into, size = small_group / "cgroup.procs", 512 * MEGABYTE
    program = f"open({str(into)!r}, 'w').write('0'); kept = bytearray({size})"
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert done.returncode == -9
    assert memory_kills() > before
