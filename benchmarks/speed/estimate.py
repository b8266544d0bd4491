"""How right the forecast of a hunt is: ten logs of other shapes, hunted, beside what was told of them before.

    python benchmarks/speed/estimate.py                 error of time and memory for each log; ten minutes
    python benchmarks/speed/estimate.py --write         fit the constants on twelve more logs first, and write them

The constants are in `packages/stillhunt/src/stillhunt/forecast.toml`, and are fitted on logs of other seeds, sizes and
shapes than those that are printed. Processor seconds and peak memory are those of a whole `stillhunt hunt`. Wall
seconds say something only on a quiet machine; `--write` takes the share of work that threads share from them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import made_logs
import numpy as np
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from processes import hunt, machine, print_table, scratch_folder, succeeded
from scipy.optimize import nnls

from stillhunt import forecast
from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.collect.locate.catalog import find_inputs
from stillhunt.collect.values.rejects import Rejects
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import build_world, spec_for_rung
from stillhunt_lab.worlds.build import write_world as write_world_files

CONSTANTS = Path(forecast.__file__).parent / "forecast.toml"
NAMES = ("hunt", "requests", "text", "files")


@dataclass(frozen=True)
class Shape:
    """A log.

    Attributes:
        rows: requests; accounts of a world of the lab.
        accounts: 0 = one for 32 requests.
        words: typical words of a prompt.
        form: parquet, jsonl.gz, jsonl, csv, or a generator of the lab with its rung.
        prompts: different prompts; 0 = each is new.
        operations: as in the log of `quick.py`.
    """

    name: str
    rows: int
    accounts: int = 0
    words: float = 37.0
    form: str = "parquet"
    prompts: int = 0
    operations: bool = False


LEARNED = (
    Shape("plain, short log", 40_000),
    Shape("plain, longer", 300_000),
    Shape("many accounts", 150_000, accounts=75_000),
    Shape("few accounts", 150_000, accounts=400),
    Shape("long prompts", 40_000, words=600),
    Shape("short prompts", 250_000, words=10),
    Shape("JSON lines", 120_000, form="jsonl"),
    Shape("CSV", 80_000, form="csv"),
    Shape("two million, with operations", 2_000_000, operations=True),
    Shape("eight million, with operations", 8_000_000, operations=True),
    Shape("honest world", 1_500, form="first-0"),
    Shape("world with a campaign", 1_200, form="first-2"),
)
TOLD = (
    Shape("plain", 200_000),
    Shape("every second request a new account", 120_000, accounts=60_000),
    Shape("150 accounts", 120_000, accounts=150),
    Shape("prompts of 8 words", 200_000, words=8),
    Shape("prompts of 400 words", 50_000, words=400),
    Shape("gzip of JSON lines", 100_000, form="jsonl.gz"),
    Shape("CSV, long prompts", 40_000, words=150, form="csv"),
    Shape("2,000 prompts again and again", 150_000, prompts=2_000),
    Shape("world of the lab, rung 4", 1_000, form="first-4"),
    Shape("world of the second generator, rung 1", 1_000, form="second-1"),
)


def write_shape(shape: Shape, folder: Path, seed: int) -> None:
    """Write a log with its table of accounts."""
    generator, _, rung = shape.form.partition("-")
    if rung:
        write_world(generator, int(rung), shape.rows, folder, seed)
        return
    draw = np.random.default_rng(seed)

    def bend(columns: made_logs.Columns) -> None:
        rows = len(columns["request_id"])
        if shape.operations:
            made_logs.bend_operations(columns)
        if shape.accounts:
            columns["account_id"] = made_logs.numbered("acc-", draw.integers(0, shape.accounts, rows))
        if shape.words != Shape.words:
            lengths = np.clip(draw.lognormal(np.log(shape.words), 0.9, rows), 3, 20_000).astype(np.int64)
            columns["prompt"] = made_logs.texts(draw, made_logs.vocabulary(), lengths)
        if shape.prompts:
            columns["prompt"] = columns["prompt"].take(draw.integers(0, shape.prompts, rows))

    made_logs.write_log(folder, shape.rows, seed, bend)
    if shape.form != "parquet":
        for part in sorted((folder / "requests").glob("*.parquet")):
            write_text(part, shape.form)


def write_text(part: Path, form: str) -> None:
    """A file of a log in another form, in place of the Parquet file."""
    table, path = pq.read_table(part), part.with_name(f"{part.stem}.{form}")
    part.unlink()
    if form == "csv":
        pacsv.write_csv(table, path)
        return
    with gzip.open(path, "wb", 6) if form.endswith(".gz") else path.open("wb") as file:
        for row in table.to_pylist():
            file.write(json.dumps({**row, "timestamp": row["timestamp"].isoformat()}).encode() + b"\n")


def write_world(generator: str, rung: int, accounts: int, folder: Path, seed: int) -> None:
    """Write a world of the lab."""
    if generator == "second":
        world = build_second_world(SecondSpec(rung, accounts=accounts, days=14, seed=seed))
    else:
        world = build_world(spec_for_rung(rung, accounts=accounts, days=14, seed=seed))
    write_world_files(world, folder)


@dataclass(frozen=True)
class Measured:
    """One log: what was seen of it before, and what its hunt took."""

    name: str
    size: forecast.LogSize
    slowness: float
    cpu: float
    wall: float
    peak_mb: float


def measure(shapes: tuple[Shape, ...], seed: int) -> Iterator[Measured]:
    """Hunt in logs, one after the other."""
    for place, shape in enumerate(shapes):
        with scratch_folder() as folder:
            # In a process of its own: the peak that the system tells of a hunt is at least that of this process.
            words = ["--make", shape.name, str(folder / "log"), "--seed", str(seed + place)]
            subprocess.run([sys.executable, __file__, *words], check=True)
            parts = sorted((folder / "log" / "requests").iterdir())
            accounts = folder / "log" / "accounts.parquet"
            with DuckDBEngine(threads=1) as engine:
                found = find_inputs([str(part) for part in parts], engine, Rejects())
                told = forecast.measure_log(found, None, Config.load({}, environ={}), engine)
            if told is None:
                sys.exit(f"nothing is known of the log '{shape.name}' before its hunt")
            run = succeeded(hunt(parts, accounts))
            slowness = forecast.measure_sketch_ms() / forecast.read_constants().sketch_ms
            yield Measured(shape.name, told, slowness, run.cpu, run.wall, run.peak_mb)


def fit(amounts: list[tuple[float, ...]], costs: list[float]) -> list[float]:
    """What each amount costs, none below 0, with the least squares of relative errors."""
    weights = 1 / np.array(costs)
    return [float(value) for value in nnls(np.array(amounts) * weights[:, None], np.ones(len(costs)))[0]]


def write_constants(seed: int) -> None:
    """Measure and fit, and write the file."""
    old, rows = forecast.read_constants(), []
    for row in measure(LEARNED, seed):
        rows.append(row)
        print(f"learned from: {row.name}, {row.cpu:.1f} s of processors, {row.peak_mb:,.0f} MB", flush=True)
    amounts = [forecast.size_amounts(row.size) for row in rows]
    roots = [tuple(math.sqrt(amount) for amount in row) for row in amounts]
    costs = {
        "cpu_seconds": fit(amounts, [row.cpu / row.slowness for row in rows]),
        "memory_mb": fit(roots, [row.peak_mb for row in rows]),
    }
    speed = float(np.median([row.slowness for row in rows]))
    beyond = [row.cpu - row.slowness * costs["cpu_seconds"][0] for row in rows]
    share = float(np.median([2 * (row.cpu - row.wall) / more for row, more in zip(rows, beyond, strict=True)]))
    if share <= 0:
        share = old.parallel_share  # others used this machine, too: wall seconds say nothing
    lines = [
        "# What hunts cost: of any hunt, of a million requests, of a GB of text, of a GB of text files when unpacked;",
        "# memory by the square roots of these amounts. Read by stillhunt/forecast.py.",
        "# Written by benchmarks/speed/estimate.py --write, which says how it was measured; wall seconds of",
        f"# {machine()}",
    ]
    for key, values in costs.items():
        scale = speed if key == "cpu_seconds" else 1.0
        lines += [f"[{key}]", *(f"{name} = {value * scale:.4g}" for name, value in zip(NAMES, values, strict=True))]
    lines += ["[machine]", f"parallel_share = {min(share, 1.0):.2f}",
              f"sketch_ms = {speed * old.sketch_ms:.4g}"]  # fmt: skip
    CONSTANTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    forecast.read_constants.cache_clear()


def main() -> None:
    """Fit, if asked to, and print a row for each log."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--make", nargs=2, metavar=("NAME", "FOLDER"), help="only write the log of that name")
    options = parser.parse_args()
    if options.make:
        (shape,) = (one for one in (*LEARNED, *TOLD) if one.name == options.make[0])
        write_shape(shape, Path(options.make[1]), options.seed)
        return
    print(machine() + "\n", flush=True)
    if options.write:
        write_constants(options.seed)
    constants, table, wrong = forecast.read_constants(), [], 0
    for row in measure(TOLD, options.seed + 100):
        told = forecast.forecast_hunt(row.size, row.slowness, 2, constants)
        errors = told.cpu_seconds / row.cpu - 1, told.memory_bytes / 1e6 / row.peak_mb - 1
        wrong += any(abs(error) > 0.25 for error in errors)
        table.append(
            [row.name, f"{row.size.requests:,.0f}", f"{row.size.text_bytes / 1e6:,.0f}", f"{row.slowness:.2f}",
             f"{told.cpu_seconds:.1f}", f"{row.cpu:.1f}", f"{errors[0]:+.0%}",
             f"{told.memory_bytes / 1e6:,.0f}", f"{row.peak_mb:,.0f}", f"{errors[1]:+.0%}",
             f"{told.seconds:.1f}", f"{row.wall:.1f}"]
        )  # fmt: skip
        print(f"hunted: {row.name}", flush=True)
    heads = ["log", "requests", "MB of text", "slowness", "told CPU s", "CPU s", "error",
             "told MB", "MB", "error", "told wall s", "wall s"]  # fmt: skip
    print_table(heads, table)
    print(f"\n{len(TOLD) - wrong} of {len(TOLD)} logs are right to 25 %.")


if __name__ == "__main__":
    main()
