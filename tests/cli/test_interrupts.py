"""A command ends soon after SIGINT or SIGTERM, also where its calls cannot be unwound, and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ENDLESS = 60
"""Seconds after which what hangs would go on: much longer than any machine takes to end a process."""

HANGS = {
    "a pool whose worker does not end": """
with ThreadPoolExecutor(1) as pool:
    pool.submit(time.sleep, ENDLESS)
    begin()
    time.sleep(ENDLESS)
""",
    "a main thread inside foreign code": """
library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
library.pthread_mutex_lock(mutex)
try:
    begin()
    library.pthread_mutex_lock(mutex)
except BaseException:  # the signal came before it was inside
    library.pthread_mutex_lock(mutex)
""",
    "an interrupt that is taken for an error": """
try:  # also while it begins: the signal comes as soon as it says so
    begin()
    time.sleep(ENDLESS)
except BaseException:
    time.sleep(ENDLESS)
""",
}

PROGRAM = """
import ctypes, os, signal, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from stillhunt.base.forced_end import kill_at_forced_end, remove_at_forced_end
from stillhunt.cli.interrupts import watch_signals

ENDLESS = {endless}
signal.signal(signal.SIGINT, signal.SIG_DFL)
watch_signals()
temporary = Path({temporary!r})
temporary.mkdir()
(temporary / "file").touch()
remove_at_forced_end(temporary)
child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({{ENDLESS}})"], text=True)
kill_at_forced_end(child)
def begin():
    print(child.pid, flush=True)
{hangs}
"""


def alive(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def stays_alive(process: int) -> bool:
    """Whether a process is there for long: one that was killed goes when the machine has time for it."""
    end = time.monotonic() + ENDLESS / 6
    while alive(process):
        if time.monotonic() > end:
            return True
        threading.Event().wait(0.01)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("hangs", HANGS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whatever_hangs_is_ended(tmp_path: Path, hangs: str, number: signal.Signals) -> None:
    temporary = tmp_path / "temporary"
    program = PROGRAM.format(endless=ENDLESS, temporary=str(temporary), hangs=HANGS[hangs])
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.send_signal(number)
        process.stdout.close()
        _, said = process.communicate(timeout=ENDLESS / 2)
    assert process.returncode == 128 + number
    assert said.splitlines()[-1] == "interrupted: no incomplete output was left behind"
    assert not temporary.exists()
    assert not stays_alive(child)
