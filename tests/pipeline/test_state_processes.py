"""Kept sketches and real processes: killed at any moment, two at once, and what they leave behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from state_logs import crooked_rows, kept_folders, small_world, write_rows

from cli import running
from cli.forking import ForkedProcess
from stillhunt.extract.store.folders import FORGOTTEN_SECONDS, MARKED, MARKER, host_tag

Process = ForkedProcess | subprocess.Popen[bytes]

FILES = 6
KILLS = 2
FOUND = 3
TABLES = ("accounts", "campaigns", "evidence", "harvest", "members", "rejects", "slices")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs in six files, text and Parquet, and the case of a hunt that keeps nothing."""
    base = tmp_path_factory.mktemp("base")
    world = small_world()
    (base / "logs").mkdir()
    pq.write_table(world.accounts, base / "accounts.parquet")
    rows = crooked_rows(world)
    cuts = [len(rows) * n // FILES for n in range(FILES + 1)]
    for number in range(FILES):
        ending = ".jsonl" if number in (0, 3) else ".parquet"
        # Conversations over files would tie them into one: each is to be finished by itself here.
        own = [
            {**row, "conversation_id": f"{row.get('conversation_id') or row['request_id']} of file {number}"}
            for row in rows[cuts[number] : cuts[number + 1]]
        ]
        write_rows(base / "logs" / f"part-{number}{ending}", own)
    assert finished(start(base, "plain", None)) == FOUND
    return base


def start(base: Path, case: str, state: Path | None, begin: Callable[..., Process] = running.start) -> Process:
    """A hunt in a process of its own, in small batches, so that it takes a while."""
    order = ["hunt", "logs", "--accounts", "accounts.parquet", "--out", case, "--quiet"]
    order += [] if state is None else ["--state", str(state)]
    return begin(*order, cwd=base, STILLHUNT_COLLECT__BATCH_ROWS="40", STILLHUNT_THREADS="2")


def finished(process: Process) -> int | None:
    """Exit code of a process that is waited for."""
    _, errors = process.communicate(timeout=120)
    assert b"Traceback" not in errors, errors.decode()
    return process.returncode


def assert_same_tables(one: Path, other: Path) -> None:
    for name in TABLES:
        assert pq.read_table(one / f"{name}.parquet").equals(pq.read_table(other / f"{name}.parquet")), name


def working_folders(state: Path) -> list[str]:
    return sorted(path.name for path in state.glob("stillhunt-*"))


def kill_in_the_middle(base: Path, state: Path, draw: random.Random) -> None:
    """Kill a hunt shortly after it began to work or finished one more file."""
    before = len(kept_folders(state)) if state.exists() else 0
    wanted = before + draw.choice([0, 1, 1, 2])
    process = start(base, "never", state)
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            at_work = any(name.startswith(f"stillhunt-{process.pid}-") for name in working_folders(state))
            if at_work and len(names_of(state)) >= wanted:
                break
            watch(process, 0.002)
        watch(process, draw.random() * 0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def leave_half_written(state: Path) -> list[str]:
    """What a kill may leave in a working folder, one of a dead process and one of a process that lives.

    Folders of another machine may be of a process that lives as long as they are no week old.

    Returns:
        Names of those that have to stay.
    """
    dead = subprocess.Popen(["true"])
    dead.wait()
    place = state / f"stillhunt-{dead.pid}-{host_tag()}-of_dead0" / "00000"
    place.mkdir(parents=True)
    (place.parent / MARKER).write_text(MARKED)
    for name, content in (("00000.segment.part", b"x" * 99), ("00000.segment", b""), ("keys.npy.part", b"")):
        (place / name).write_bytes(content)
    living, young, old = (
        state / f"stillhunt-{name}"
        for name in (f"{os.getpid()}-{host_tag()}-living00", "1-0ddb0851-of_young", "1-0ddb0851-of_old00")
    )
    for folder, age in ((living, 0.0), (young, 0.9), (old, 1.1)):
        folder.mkdir()
        (folder / MARKER).write_text(MARKED)
        then = time.time() - age * FORGOTTEN_SECONDS
        os.utime(folder, (then, then))
    return sorted([living.name, young.name])


def watch(process: Process, seconds: float) -> None:
    """Let a process work; it may end meanwhile."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def names_of(state: Path) -> list[str]:
    return [name for name in os.listdir(state) if len(name) == 64]  # noqa: PTH208  # watched closely


def test_a_hunt_that_is_killed_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    state, draw = tmp_path / "state", random.Random(4)
    staying = leave_half_written(state)
    counts = []
    for _ in range(KILLS):
        kept = kept_folders(state) if state.exists() else {}
        kill_in_the_middle(folder, state, draw)
        now = kept_folders(state)
        assert kept.items() <= now.items(), "a finished file was made again"
        assert len(working_folders(state)) <= len(staying) + 1, "what a dead process left was not cleared"
        counts.append(len(now))
    assert 0 < counts[-1] < FILES, f"killed too early or too late to prove anything: {counts}"
    kept = kept_folders(state)
    assert finished(start(folder, str(tmp_path / "case"), state)) == FOUND
    assert kept.items() <= kept_folders(state).items()
    assert len(kept_folders(state)) == FILES
    assert working_folders(state) == staying
    assert_same_tables(tmp_path / "case", folder / "plain")


def test_an_interrupted_hunt_clears_its_own_folder_and_keeps_what_is_whole(folder: Path, tmp_path: Path) -> None:
    for attempt in range(5):  # on a busy machine a hunt may end before this process sees how far it was
        state = tmp_path / f"state-{attempt}"
        process = start(folder, "never", state)
        while process.poll() is None and not (state.exists() and len(names_of(state)) >= 2):
            watch(process, 0.002)
        process.send_signal(signal.SIGINT)
        code = finished(process)
        if code != FOUND:
            break
    assert code == 130
    assert len(kept_folders(state)) >= 2
    assert not working_folders(state)


def test_two_hunts_at_once(folder: Path, tmp_path: Path) -> None:
    state = folder / "2026"  # a number where settings are read, a name here
    ways = (running.start_anew, running.start)
    both = [start(folder, str(tmp_path / f"case-{n}"), Path("2026"), begin) for n, begin in enumerate(ways)]
    assert [finished(process) for process in both] == [FOUND, FOUND]
    for number in range(2):
        assert_same_tables(tmp_path / f"case-{number}", folder / "plain")
    assert len(kept_folders(state)) == FILES
    assert not working_folders(state)
    for kept in (state, *state.iterdir()):  # as confidential as the logs
        assert kept.stat().st_mode & 0o077 == 0, kept
