"""How fast logs of every source are read: MB per CPU second from the open file to checked rows.

    python benchmarks/speed/sources.py                        64 MB of every source
    python benchmarks/speed/sources.py --megabytes 16 --only otlp,bedrock

The records are those of the tests, repeated as calls of other customers with texts of their own; captures of real
software, where they lie beside the repository, are repeated with other ids. A row is read in a process of its own, on
one thread, twice: the second reading counts, the first loads compiled kernels. The floor beside it is msgspec decoding
the same lines (pyarrow the same Parquet columns; of protobuf, its messages cut apart) and nothing else. Peak memory is
that of the process, with about 200 MB of imports in it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from captured import captured, write
from processes import machine, run_process, scratch_folder

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.collect import open_requests
from stillhunt.collect.decode.record_readers import messages

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.collect.sources.fixtures import FIXTURES  # the records of the tests

QUESTIONS = ("How tall is a lighthouse?", "Question 1", "Which heron is this?")
ANSWERS = ("Often some thirty metres.", "An answer", "A grey one.")
PARQUET = ("litellm-spendlogs", "langfuse", "helicone")
WORDS = (
    "harbour",
    "signal",
    "lantern",
    "granite",
    "tide",
    "keeper",
    "mirror",
    "fog",
    "north",
    "timber",
    "rope",
    "chart",
)
VARIANTS = 200
"""Texts of either kind; more would only slow the making."""


def texts(draw: random.Random, words: int) -> list[str]:
    """Made-up texts of about so many words."""
    return [" ".join(draw.choices(WORDS, k=draw.randrange(words // 2, words * 2))) for _ in range(VARIANTS)]


def copies(name: str) -> Iterator[bytes]:
    """Lines of the source without end, a few calls at a time."""
    fixture, draw = FIXTURES[name], random.Random(7)  # noqa: S311  # made-up words, no secret
    questions, answers = texts(draw, 120), texts(draw, 60)
    for number in itertools.count(1):
        data = fixture.lines(fixture.copy(f"{number:07d}")).decode()
        for old, new in ((QUESTIONS, questions), (ANSWERS, answers)):
            for text in old:
                data = data.replace(text, new[number % VARIANTS])
        yield data.encode()


def make(name: str, megabytes: int, folder: Path) -> Path:
    """A log of that size."""
    if name in captured():
        path = folder / f"log{Path(name).suffix}"
        write(captured()[name], megabytes, path)
        return path
    base, _, packed = name.partition("+")
    path = folder / f"log.{packed or FIXTURES[base].extension}"
    parts, size = [], 0
    for data in copies(base):
        parts.append(data)
        size += len(data)
        if size >= megabytes * 10**6:
            break
    if packed == "parquet":
        pq.write_table(pa.Table.from_pylist([json.loads(x) for x in b"".join(parts).splitlines()]), path)
    else:
        path.write_bytes(b"".join(parts))
    if FIXTURES[base].beside:
        marked = [FIXTURES[base].copy_beside(f"{n:07d}") for n in range(1, len(parts) + 1)]
        (folder / "beside.jsonl").write_bytes(b"".join(map(FIXTURES[base].lines, marked)))
    return path


def read(folder: Path) -> tuple[int, float, float]:
    """Rows, and CPU seconds of the whole reading: of the first, which loads compiled kernels, and of the second."""
    config = Config.load({"collect": {"identity_key": "speed"}})
    rows, seconds = 0, []
    for _turn in range(2):
        with DuckDBEngine(threads=1) as engine:
            started = time.process_time()
            log = open_requests([str(folder)], mapping=None, config=config, engine=engine, progress=Silent())
            rows = sum(table.num_rows for table in log.batches())
            seconds.append(time.process_time() - started)
    return rows, *seconds


def floor(path: Path) -> float:
    """CPU seconds of decoding and nothing else."""
    if path.suffix == ".parquet":
        started = time.process_time()
        pq.read_table(path, use_threads=False)
        return time.process_time() - started
    if path.suffix == ".pb":
        started = time.process_time()
        for _message in messages(iter([path.read_bytes()]), path.stat().st_size):
            pass
        return time.process_time() - started
    found = path.read_bytes().splitlines()
    decode = bytes.decode if path.suffix == ".log" else msgspec.json.Decoder(Any).decode
    started = time.process_time()
    for line in found:
        decode(line)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = [name for name in FIXTURES if name != "litellm-accounts"] + [f"{name}+parquet" for name in PARQUET]
    kinds += captured()
    parser.add_argument("--megabytes", type=int, default=64)
    parser.add_argument("--only", default=",".join(kinds), help=f"of {', '.join(kinds)}")
    parser.add_argument("--make", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--read", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--floor", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.make:
        make(arguments.make[0], arguments.megabytes, Path(arguments.make[1]))
    elif arguments.read:
        print(json.dumps(read(arguments.read)))
    elif arguments.floor:
        print(floor(arguments.floor))
    else:
        table(arguments.only.split(","), arguments.megabytes)


def table(names: list[str], megabytes: int) -> None:
    """One row for each source."""
    print(f"{megabytes} MB each; {machine()}\n")
    print(
        "| source | MB | rows | first CPU s | CPU s | MB/s | rows/s | decoding only, MB/s | times decoding | peak MB |"
    )
    print("|---|" + "---:|" * 9, flush=True)
    with scratch_folder() as scratch:
        for name in names:
            folder = scratch / name
            folder.mkdir(parents=True)
            own = [sys.executable, __file__, "--megabytes", str(megabytes)]
            subprocess.run([*own, "--make", name, str(folder)], check=True)
            path = next(folder.glob("log.*"))
            size = sum(one.stat().st_size for one in folder.iterdir()) / 1e6
            run = run_process([*own, "--read", str(folder)], environment={"OPENBLAS_NUM_THREADS": "1"})
            if run.exit_code:
                print(
                    f"| {name} | {size:.0f} | **ended with {run.exit_code}** {run.errors.strip()[-120:]} |", flush=True
                )
                continue
            rows, first, seconds = json.loads(run.output)
            decoding = float(run_process([*own, "--floor", str(path)]).output)
            share = path.stat().st_size / 1e6
            print(
                f"| {name} | {size:.0f} | {rows:,} | {first:.2f} | {seconds:.2f} | {size / seconds:.0f} "
                f"| {rows / seconds:,.0f} | {share / decoding:.0f} | {seconds / decoding:.1f} | {run.peak_mb:,.0f} |",
                flush=True,
            )
            for one in folder.iterdir():
                one.unlink()


if __name__ == "__main__":
    main()
