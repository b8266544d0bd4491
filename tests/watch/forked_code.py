"""Code that runs in processes of its own, such as one that dies at a chosen step, without importing for each anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_FORKING = """
import json, os, sys
for line in sys.stdin:
    child = os.fork()
    if not child:
        exec(json.loads(line))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

Forked = Callable[[str], int]
"""Runs statements in a process, one at a time, and gives its exit code, negative where a signal ended it."""


@contextmanager
def forking(definitions: str) -> Iterator[Forked]:
    """A process that runs definitions, with their imports, and then forks for each call; it starts no threads."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", definitions + _FORKING]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        orders, ends = process.stdin, process.stdout

        def run(statements: str) -> int:
            orders.write(json.dumps(statements) + "\n")
            orders.flush()
            return int(ends.readline())

        yield run
