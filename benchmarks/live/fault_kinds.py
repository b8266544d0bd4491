"""The kinds of faults: each begins something, says how long it lasts, and ends it; for faults.py."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
from fault_load import TRICKS
from fault_rig import Rig, Server, free_port, mount

from stillhunt.watch.child import order_text
from stillhunt.watch.following import FOLLOW
from stillhunt.watch.hunting import HuntPlan
from stillhunt.watch.spool.parts import open_parts

Strike = Callable[[Rig], Iterator[float]]
"""Begins a fault, yields the seconds that it lasts, and ends it; yields nothing where it is not possible now."""
TORN = (
    b'{"request_id": "torn',
    b"\0" * 4096,
    b'{"request_id": "' + b"\0" * 512 + b'"}\n{"request_id": "x"}\n',
    b"\xff\xfe",
)
"""What a power failure may leave after what was synced: a write cut short, zeros within, bytes of another file."""
CLOCK_OFFSETS = ("-90m", "+90m", "-20d", "+20d", "-400d", "+400d", "-1d", "+3d")


def kill_ingest(rig: Rig) -> Iterator[float]:
    return _kill(rig, rig.ingest)


def kill_hunt(rig: Rig) -> Iterator[float]:
    return _kill(rig, rig.hunt)


def _kill(rig: Rig, server: Server) -> Iterator[float]:
    if server.serving():
        server.end(signal.SIGKILL)
        yield rig.random.random()
        server.start()


def kill_child(rig: Rig) -> Iterator[float]:
    """Kill a hunt at any moment, or while it publishes, which takes only a small part of its time."""
    for child in rig.hunt.children():
        end = time.monotonic() + (3.0 if rig.random.random() < 0.5 else 0.0)
        while time.monotonic() < end and not any(rig.folder.snapshots.glob(".*.part")):
            time.sleep(0.01)
        time.sleep(0.15 * rig.random.random())
        with suppress(psutil.Error):
            child.kill()
            yield 0.0


def kill_follower(rig: Rig) -> Iterator[float]:
    for child in rig.hunt.children(FOLLOW):
        with suppress(psutil.Error):
            child.kill()
            yield 0.0


def pause_ingest(rig: Rig) -> Iterator[float]:
    return _pause(rig, rig.ingest.process.pid if rig.ingest.process else 0)


def pause_hunt(rig: Rig) -> Iterator[float]:
    return _pause(rig, rig.hunt.process.pid if rig.hunt.process else 0)


def pause_child(rig: Rig) -> Iterator[float]:
    return _pause(rig, next((child.pid for child in rig.hunt.children()), 0))


def _pause(rig: Rig, pid: int) -> Iterator[float]:
    with suppress(psutil.Error):
        process = psutil.Process(pid) if pid else None
        if process is None or process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE):
            return
        process.suspend()
        yield 0.3 + 3.0 * rig.random.random()
        process.resume()  # psutil makes sure that it is still the same process


def fill_disk(rig: Rig) -> Iterator[float]:
    filler = rig.disk / f"filler-{rig.random.random()}"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(b"x" * size):
                    pass
    yield 0.3 + 2.0 * rig.random.random()
    filler.unlink()


def make_read_only(rig: Rig) -> Iterator[float]:
    spool = str(rig.folder.spool)
    if os.path.ismount(spool):
        return
    mount("--bind", spool, spool)
    mount("-o", "remount,bind,ro", spool)
    yield 0.3 + 2.0 * rig.random.random()
    subprocess.run(["/usr/bin/umount", "-l", spool], check=True)


def jump_clock(rig: Rig) -> Iterator[float]:
    clock = rig.random.choice(rig.servers).clock
    if clock is not None and clock.read_text() == "+0":
        clock.write_text(rig.random.choice(CLOCK_OFFSETS))
        yield 2.0 + 4.0 * rig.random.random()
        clock.write_text("+0")


def tear_parts(rig: Rig) -> Iterator[float]:
    if rig.ingest.serving():
        rig.ingest.end(signal.SIGKILL)
        torn = [_append(path, rig.random.choice(TORN)) for path in open_parts(rig.folder.spool)]
        if any(torn):
            yield rig.random.random()
        rig.ingest.start()


def _append(path: Path, garbage: bytes) -> bool:
    """Append to a part that nobody holds, as a write that a power failure cut short; whether it was one."""
    with suppress(OSError):
        handle = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists():  # else a hunt has closed it
                return os.write(handle, garbage) > 0
        finally:
            os.close(handle)
    return False


def lock_database(rig: Rig) -> Iterator[float]:
    connection = sqlite3.connect(rig.folder.database, timeout=1.0, isolation_level=None)
    try:
        with suppress(sqlite3.Error):
            if rig.random.random() < 0.5:
                connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            yield 0.5 + 3.0 * rig.random.random()
    finally:
        connection.close()


def hunt_beside(rig: Rig) -> Iterator[float]:
    hunt = [sys.executable, "-m", "stillhunt.watch"]
    with (rig.place / "beside.log").open("ab") as log:
        child = subprocess.Popen(hunt, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log)
    assert child.stdin is not None  # noqa: S101 - it was asked for
    child.stdin.write(order_text(HuntPlan(rig.folder, rig.config, (), time.time_ns() // 1000)).encode())
    child.stdin.close()
    yield 5.0
    if rig.random.random() < 0.3:
        child.kill()
    child.wait()


def serve_beside(rig: Rig) -> Iterator[float]:
    if not (rig.ingest.serving() and rig.hunt.serving()):
        return
    first = rig.ingest.process
    second = subprocess.Popen(rig.ingest.command(free_port()), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    yield 6.0
    ended = second.poll() is not None
    second.kill()
    said = second.communicate()[0].decode()
    if not ended and rig.ingest.process is first and rig.ingest.alive() and "listening on" in said:
        rig.wrong.append("a second server on the folder was not refused")
    if ended and "another process" not in said and "cannot be used" not in said and "No space" not in said:
        rig.wrong.append(f"a second server ended with: {said[-300:]}")


def tear_state(rig: Rig) -> Iterator[float]:
    """Fill a file of what a hunt kept with zeros, or cut it short: what a power failure may leave."""
    with suppress(OSError):
        files = sorted(path for path in rig.folder.state.glob("*/*") if len(path.parent.name) == 64)
        files += [path for name in ("digests", "together") if (path := rig.folder.state / name).exists()]
        if not files:
            return
        path = rig.random.choice(files)
        size = path.stat().st_size
        with path.open("r+b") as file:
            if rig.random.random() < 0.5:
                file.truncate(size // 2)
            else:
                file.write(b"\0" * size)
        yield 0.0


def _deliver(trick: str, rig: Rig) -> Iterator[float]:
    rig.load.play(trick)
    yield 0.0


SELDOM = (
    "kill -9 of the receiver",
    "kill -9 of the server that hunts",
    "kill -9 and torn bytes after the open parts",
    "two hunts at once",
    "second server on the folder",
)
"""Kinds that start a process; they are chosen a third as often, or the servers would hardly ever come to work."""
EVERYWHERE: dict[str, Strike] = {
    "kill -9 of the receiver": kill_ingest,
    "kill -9 of the server that hunts": kill_hunt,
    "kill -9 of a hunt": kill_child,
    "kill -9 of the follower": kill_follower,
    "receiver stopped and continued": pause_ingest,
    "server that hunts stopped and continued": pause_hunt,
    "hunt stopped and continued": pause_child,
    "kill -9 and torn bytes after the open parts": tear_parts,
    "database locked": lock_database,
    "two hunts at once": hunt_beside,
    "second server on the folder": serve_beside,
    "torn state": tear_state,
    **{trick: partial(_deliver, trick) for trick in TRICKS},
}
ROOT_ONLY: dict[str, Strike] = {"disk full": fill_disk, "read-only spool": make_read_only}
CLOCKS: dict[str, Strike] = {"clock jump": jump_clock}


def kinds_for(*, private: bool, clocks: bool) -> dict[str, Strike]:
    """The kinds that are possible.

    Args:
        private: whether file systems may be mounted.
        clocks: whether the clocks of the servers can be changed.
    """
    return {**EVERYWHERE, **(ROOT_ONLY if private else {}), **(CLOCKS if clocks else {})}


def weights(kinds: dict[str, Strike]) -> list[str]:
    """Each kind as often as it is to be chosen, in a fixed order."""
    often = {**dict.fromkeys(kinds, 3), **dict.fromkeys(SELDOM, 1), **dict.fromkeys(CLOCKS, 12)}
    return [kind for kind in sorted(kinds) for _ in range(often[kind])]
