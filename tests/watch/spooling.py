"""A writer of the spool whose records are acknowledged one by one, and a process that dies with its parts open."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from stillhunt.watch.spool.parts import Stream, closed_parts
from stillhunt_server.receiving.committer import Committer

LINES = Stream("gateway", "jsonl", "jsonl")
SPANS = Stream("gateway", "traces", "pb")
DYING = """
import pathlib, os, signal, sys, threading
from stillhunt_server.receiving.committer import Committer
from stillhunt.watch.spool.parts import Stream
committer, stream = Committer(pathlib.Path(sys.argv[1])), Stream("gateway", *sys.argv[2:4])
for batch in bytes.fromhex(sys.stdin.read()).split(b"|"):
    came = []
    done = threading.Event()
    committer.submit(stream, batch, lambda error: (came.append(error), done.set()), batch.count(b"\\n") or 1)
    done.wait()
    assert came == [None]
os.kill(os.getpid(), signal.SIGKILL)
"""


def commit(committer: Committer, record: bytes, stream: Stream = LINES, records: int = 1) -> OSError | None:
    """Submit what was received together, and wait for what is said of it."""
    answers: list[OSError | None] = []
    came = threading.Event()

    def done(error: OSError | None) -> None:
        answers.append(error)
        came.set()

    committer.submit(stream, record, done, records)
    assert came.wait(10)
    return answers[0]


def killed_with(spool: Path, batches: Iterable[bytes], stream: Stream = LINES) -> None:
    """Acknowledge batches in a process that is killed while its part is open; no batch holds a bar."""
    spool.mkdir(exist_ok=True)
    words = [sys.executable, "-c", DYING, str(spool), stream.kind, stream.ending]
    subprocess.run(words, input=b"|".join(batches).hex().encode(), check=False, env={**os.environ})


def contents(spool: Path) -> bytes:
    """What all closed parts hold, in the order of their names."""
    return b"".join(part.read_bytes() for part in closed_parts(spool))


def flip(path: Path, at: int, bits: int = 1) -> None:
    """Change bits of one byte of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= bits
    path.write_bytes(bytes(data))
