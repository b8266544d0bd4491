"""Hunts and other programs in processes of their own, timed by the system, for the scripts beside it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOUND = 3
"""Exit code of a hunt with findings; 0 is one without."""
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which the system counts the memory of a process."""
DECODE = """
import sys
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
threads = int(sys.argv[1])
pa.set_cpu_count(threads)
size = 0
for path in sys.argv[2:]:
    for batch in pq.ParquetFile(path).iter_batches(65536, columns=["prompt"], use_threads=threads > 1):
        size += pc.sum(pc.binary_length(batch.column(0))).as_py() or 0
print(size)
"""
"""Only decodes the prompt column: the floor under whatever reads the texts. Columns are decoded in parallel, so with
one column a second thread can only help where files are read side by side; see DECODE_BESIDE."""
DECODE_BESIDE = """
import sys
from concurrent.futures import ThreadPoolExecutor
import pyarrow.compute as pc
import pyarrow.parquet as pq
def size(job):
    path, group = job
    table = pq.ParquetFile(path).read_row_group(group, columns=["prompt"], use_threads=False)
    return pc.sum(pc.binary_length(table.column(0))).as_py() or 0
jobs = [(p, g) for p in sys.argv[2:] for g in range(pq.ParquetFile(p).num_row_groups)]
with ThreadPoolExecutor(int(sys.argv[1])) as pool:
    print(sum(pool.map(size, jobs)))
"""


@dataclass(frozen=True)
class Run:
    """One finished process.

    Attributes:
        wall: seconds from its start to its end.
        cpu: seconds of user and system, all threads.
        peak_mb: largest resident set, MB.
        exit_code: as the system tells it; below 0 where a signal ended it.
        record: run.json of the case, where there is one.
        errors: the end of what it wrote to stderr.
        output: what it wrote to stdout.
    """

    wall: float
    cpu: float
    peak_mb: float
    exit_code: int
    record: dict[str, Any]
    errors: str
    output: str

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """Timings of run.json by stage."""
        return {timing["stage"]: timing for timing in self.record.get("timings", [])}


def run_process(words: Sequence[str], *, environment: dict[str, str] | None = None) -> Run:
    """Run a program to its end.

    The peak that the system tells of a process is at least that of the process that started it, so scripts that make
    much data do it in a process of its own.
    """
    with tempfile.TemporaryDirectory() as scratch:
        out, err = Path(scratch) / "out", Path(scratch) / "err"
        flags = os.O_WRONLY | os.O_CREAT
        started = time.perf_counter()
        process = os.posix_spawn(
            words[0],
            list(words),
            {**os.environ, **(environment or {})},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, str(out), flags, 0o600),
                (os.POSIX_SPAWN_OPEN, 2, str(err), flags, 0o600),
            ],
        )
        _, status, usage = os.wait4(process, 0)
        wall = time.perf_counter() - started
        code = os.waitstatus_to_exitcode(status)
        texts = [path.read_text("utf-8", "replace") for path in (err, out)]
    cpu = usage.ru_utime + usage.ru_stime
    return Run(wall, cpu, usage.ru_maxrss * RSS_UNIT / 1e6, code, {}, texts[0][-2000:], texts[1])


def hunt(
    logs: Iterable[Path],
    accounts: Path | None,
    *,
    state: Path | None = None,
    options: Sequence[str] = (),
    threads: int = 0,
) -> Run:
    """A hunt that writes a case, in a process of its own; one that fails tells so by its exit code.

    Args:
        logs: files or folders.
        accounts: table of accounts.
        state: folder that keeps sketches.
        options: further words of the command.
        threads: worker threads; 0 = one per core.
    """
    with tempfile.TemporaryDirectory() as scratch:
        case = Path(scratch) / "case"
        words = [sys.executable, "-m", "stillhunt", "hunt", *map(str, logs), "--out", str(case), "--quiet", *options]
        words += [] if accounts is None else ["--accounts", str(accounts)]
        words += [] if state is None else ["--state", str(state)]
        run = run_process(words, environment={"STILLHUNT_THREADS": str(threads)})
        told = case / "run.json"
        record = json.loads(told.read_text("utf-8")) if told.exists() else {}
    return Run(run.wall, run.cpu, run.peak_mb, run.exit_code, record, run.errors, run.output)


def succeeded(run: Run) -> Run:
    """The same run.

    Raises:
        SystemExit: it failed.
    """
    if run.exit_code not in (0, FOUND):
        raise SystemExit(f"stillhunt ended with exit code {run.exit_code}: {run.errors}")
    return run


def decode_prompts(parts: Sequence[Path], threads: int) -> Run:
    """Only decode the prompt column of Parquet files, in a new process; `output` is their bytes."""
    code = DECODE if threads == 1 else DECODE_BESIDE
    return run_process([sys.executable, "-c", code, str(threads), *map(str, parts)])


def request_files(folder: Path | None) -> tuple[list[Path], Path | None]:
    """Request files and accounts of a log folder as the speed log has them; leaves quietly where there are none.

    Args:
        folder: holds requests/*.parquet and perhaps accounts.parquet.
    """
    parts = [] if folder is None else sorted((folder / "requests").glob("*.parquet"))
    if folder is None or not parts:
        print(f"Left out: {folder or 'no folder named'}; it needs requests/*.parquet, as the speed log has them.")
        raise SystemExit(0)
    accounts = folder / "accounts.parquet"
    return parts, accounts if accounts.exists() else None


@contextmanager
def scratch_folder(near: Path | None = None) -> Iterator[Path]:
    """A folder that is gone afterwards, on the same disk as another one."""
    folder = Path(tempfile.mkdtemp(prefix="stillhunt-bench-", dir=near))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A Markdown table; numbers stand to the right."""
    print("| " + " | ".join(heads) + " |")
    print("|---|" + "---:|" * (len(heads) - 1))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def machine() -> str:
    """What the figures were measured on, one line."""
    load = os.getloadavg()[0]
    advice = "CPU seconds compare, wall seconds only on a quiet machine."
    return f"{os.cpu_count()} cores, load {load:.1f} before the run. {advice}"
