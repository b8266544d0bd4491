"""What a first hunt costs before it hunts: compiling every kernel, in one process after the other and at the same time.

    python benchmarks/speed/first_run.py

Each measurement starts with an empty cache. Takes three to five minutes.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from stillhunt.cli.compiling import COMPILED_PARTS


def _seconds(parts: Sequence[str]) -> tuple[float, float]:
    """Wall and CPU seconds of compiling parts at the same time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        code = f"from stillhunt.cli.compiling import compile_parts as c; assert c(lambda _: None, {list(parts)!r})"
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
        wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print wall and CPU seconds of each part alone, and of all together."""
    for parts in (*([part] for part in COMPILED_PARTS), list(COMPILED_PARTS)):
        wall, cpu = _seconds(parts)
        print(f"{' + '.join(parts):<16} {wall:6.1f} s wall  {cpu:6.1f} s CPU")


if __name__ == "__main__":
    main()
