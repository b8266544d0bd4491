"""Memory: how much the control groups of this process allow, and how what is unused is given back.

Source: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

import ctypes
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pyarrow as pa

from stillhunt.base.column_files import release_mapped

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""Names of options in malloc.h of glibc."""
_MAPPED_BYTES = 1 << 18
"""Longer pieces of memory are given back when they are freed. Twice what glibc begins with, before it raises it to what
was freed last, up to 32 MB; judgement."""
_ARENAS = 2
"""Parts of memory that threads share. Judgement: as many as compute at a time."""


def give_back() -> None:
    """Give back freed memory that Arrow and the C library keep for later use.

    A pass over all requests frees much more memory than the next step needs: before the traffic was gathered from a log
    of 4 million requests, half of the process's memory (measured).
    """
    release_mapped()
    pa.default_memory_pool().release_unused()
    _of_c_library("malloc_trim")(0)


def keep_little_memory() -> None:
    """Let Arrow take memory from the C library, and this give it back soon: for a process that serves for weeks.

    Both keep room for each thread that has read or computed. Reading a case of 52,000 accounts, 97 MB of tables, the
    process grew by 140 to 170 MB with Arrow's own allocator, and by 103 so (measured).
    """
    pa.set_memory_pool(pa.system_memory_pool())
    for option, value in ((_MMAP_THRESHOLD, _MAPPED_BYTES), (_ARENA_MAX, _ARENAS)):
        _of_c_library("mallopt")(option, value)


@cache
def _of_c_library(name: str) -> Callable[..., object]:
    """A function of the C library; one that does nothing if there is none."""
    try:
        found: Callable[..., object] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):  # glibc alone has it; Windows has no handle of the process itself
        return lambda *_: None
    return found


_GROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_MACHINE = Path("/proc/vmstat")
_LIMITS = ("memory.max", "memory.limit_in_bytes")
"""Files with the limit: of version 2, which says "max" where there is none, and of version 1, a very large number."""
_KILLS = ("memory.events", "memory.oom_control")
_KILLED = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def container_memory(groups: Path = _GROUPS, membership: Path = _MEMBERSHIP) -> int:
    """Bytes that the control groups of this process allow: the least along their paths, else `sys.maxsize`."""
    found = [
        _read_optional_file(folder / name) for folder in _iterate_group_folders(groups, membership) for name in _LIMITS
    ]
    return min((int(text) for text in found if text.strip().isdigit()), default=sys.maxsize)


def memory_kills(groups: Path = _GROUPS, membership: Path = _MEMBERSHIP, machine: Path = _MACHINE) -> int:
    """Processes that the kernel has killed for lack of memory in these groups and on the machine; it only grows."""
    files = [folder / name for folder in _iterate_group_folders(groups, membership) for name in _KILLS]
    return sum(int(count) for file in [*files, machine] for count in _KILLED.findall(_read_optional_file(file)))


def _iterate_group_folders(groups: Path, membership: Path) -> Iterator[Path]:
    """Folders of the memory groups of this process and of those above; in a container, often only the mount itself."""
    for line in _read_optional_file(membership).splitlines():
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


def _read_optional_file(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # no such file on this system, or not for us
        return ""
