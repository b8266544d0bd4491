"""A process whose children decide snapshots and are killed, again and again; `test_deciding_kills.py` runs it."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import tempfile
import time
from pathlib import Path

from decide.scenes import DAY, NOW, findings, member, policy
from stillhunt.decide.log import log_locked, read_log
from stillhunt.decide.rules import Findings
from stillhunt.decide.running import apply_rules
from stillhunt.watch.database.store import WatchDatabase

MOST_DECIDED = 2
"""A child is killed after up to this many snapshots and a part of the time that one takes on this machine, however fast
it is: some before they write, some while they do, some after several snapshots."""


def snapshot(sequence: int) -> tuple[Findings, int]:
    """Four accounts, half of which were in the snapshot before, and its time."""
    rows = [member(f"acct-{number:04d}") for number in range(sequence * 2, sequence * 2 + 4)]
    return findings(rows, sequence), NOW + sequence * DAY // 4


def decide_next(database: WatchDatabase) -> int:
    """Decide the first snapshot that is not decided yet, as a server does after its start; its number."""
    sequence = 1 + max((entry.snapshot for entry in read_log(database)), default=0)
    found, now = snapshot(sequence)
    with log_locked(database) as log:
        if max((entry.snapshot for entry in log.lately(now, now)), default=0) < sequence:
            apply_rules(log, policy(), found, now)
    return sequence


def killed_child(url: str, file: Path, decided: int, part: float) -> list[int]:
    """Snapshots that a child said were decided before it was killed.

    Args:
        decided: snapshots that it decides before.
        part: of the time that its last step took, after which it is killed.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        database = WatchDatabase(url, file)
        os.write(writing, b"\n")
        while True:
            os.write(writing, b"%d\n" % decide_next(database))
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as said:
        began = time.monotonic()
        lines = [said.readline()]  # it has opened the database
        for _ in range(decided):
            began = time.monotonic()
            lines.append(said.readline())
        select.select([], [], [], part * (time.monotonic() - began))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return [int(line) for line in (b"".join(lines) + said.read()).split()]


def warm_up() -> None:
    """Do what each child would do for the first time, so that a child decides within milliseconds."""
    with tempfile.TemporaryDirectory() as made:
        database = WatchDatabase("", Path(made) / "warm.db")
        decide_next(database)
        database.close()


def main() -> None:
    """Kill children of the database that is named, and print what they acknowledged."""
    url, file, kills = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    warm_up()
    chance, acknowledged = random.Random(16), list[int]()
    for _ in range(kills):
        acknowledged += killed_child(url, file, chance.randint(0, MOST_DECIDED), chance.random())
    sys.stdout.write(json.dumps({"kills": kills, "acknowledged": acknowledged}))


if __name__ == "__main__":
    main()
