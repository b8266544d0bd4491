"""How much memory the control groups of this process allow, and whether the kernel killed for it (cgroup v1 and v2).

Source: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_MACHINE = Path("/proc/vmstat")
_LIMITS = ("memory.max", "memory.limit_in_bytes")
"""Files with the limit: of version 2, which says "max" where there is none, and of version 1, a very large number."""
_KILLS = ("memory.events", "memory.oom_control")
_KILLED = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def container_memory(groups: Path = _GROUPS, membership: Path = _MEMBERSHIP) -> int:
    """Bytes that the control groups of this process allow: the least along their paths; `sys.maxsize` without a limit.

    Args:
        groups: where control groups are mounted.
        membership: file that names the groups of this process.
    """
    found = [_read(folder / name) for folder in _folders(groups, membership) for name in _LIMITS]
    return min((int(text) for text in found if text.strip().isdigit()), default=sys.maxsize)


def memory_kills(groups: Path = _GROUPS, membership: Path = _MEMBERSHIP, machine: Path = _MACHINE) -> int:
    """Processes that the kernel has killed for lack of memory in these groups and on the machine; it only grows.

    Args:
        groups: where control groups are mounted.
        membership: file that names the groups of this process.
        machine: file with the counts of the whole machine.
    """
    files = [folder / name for folder in _folders(groups, membership) for name in _KILLS]
    return sum(int(count) for file in [*files, machine] for count in _KILLED.findall(_read(file)))


def _folders(groups: Path, membership: Path) -> Iterator[Path]:
    """Folders of the memory groups of this process and of those above; in a container, often only the mount itself."""
    for line in _read(membership).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        mounts: tuple[Path, ...] = ()
        if number == "0" and not controllers:
            mounts = (groups, groups / "unified")
        elif "memory" in controllers.split(","):
            mounts = (groups / "memory",)
        for mount in mounts:
            inner = mount / path.strip("/")
            yield from (folder for folder in (inner, *inner.parents) if folder == mount or mount in folder.parents)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # no such file on this system, or not for us
        return ""
