"""What passive and adaptive students gain under each countermeasure, over tasks and seeds.

    python benchmarks/model/blunt.py OUT.jsonl [--tasks sums programs] [--seeds 0 1 2] [--workers 2] [--leak 0.1]

One JSON line for each finished condition; run again with the same file, it goes on where it stopped. Without --workers
one process does all. The table is printed at the end, and again with --seeds that are all in the file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TOKENIZERS_PARALLELISM="false")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tasks", nargs="+", default=["sums", "programs"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--queries", type=int, default=800)
    parser.add_argument("--data", type=int, default=200)
    parser.add_argument("--leak", type=float, default=0.1)
    parser.add_argument("--keep", type=int, default=100)
    parser.add_argument("--steps", type=int, default=None)
    given = parser.parse_args()
    jobs = [(given, task, seed) for task, seed in product(reversed(given.tasks), given.seeds)]  # the longest first
    if given.workers > 1:
        with ProcessPoolExecutor(given.workers, get_context("spawn")) as pool:
            list(pool.map(measure, jobs))
    else:
        list(map(measure, jobs))
    print_table(rows_of(given.out), given)


def measure(job: tuple[argparse.Namespace, str, int]) -> None:
    """Measure what one task and seed still lack, and append each finished condition to the file."""
    import torch

    from stillhunt_model.blunt.adaptive import Budgets
    from stillhunt_model.blunt.experiment import BluntPlan, run_blunt_cells, student_size

    given, task, seed = job
    torch.set_num_threads(1)
    budgets = Budgets(given.queries, given.data, given.leak)
    plan = BluntPlan(task, seed, budgets, given.keep, student_size(task, given.steps))
    done = [
        row["condition"] for row in rows_of(given.out) if of_plan(row, given) and (row["task"], row["seed"]) == job[1:]
    ]
    if all(one.name in done for one in plan.conditions()):
        return
    for row in run_blunt_cells(plan, base_model(), done):
        with given.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(task, seed, row["condition"], f"{row['seconds']:.0f} s", file=sys.stderr, flush=True)


@cache
def base_model() -> Any:
    """The model with which every student begins; one for each process."""
    from stillhunt_model.blunt.students import StudentSize, copying_base

    return copying_base(StudentSize())


def rows_of(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def of_plan(row: dict[str, Any], given: argparse.Namespace) -> bool:
    """Whether a row was measured with these budgets."""
    budgets = (given.queries, given.data, given.leak, given.keep)
    steps = given.steps is None or row["size"]["steps"] == given.steps
    return steps and (row["queries"], row["data"], row["leak"], row["cap"]) == budgets


def print_table(rows: list[dict[str, Any]], given: argparse.Namespace) -> None:
    from stillhunt_model.blunt.blunt_table import blunt_cells, blunt_results

    results = blunt_results([row for row in rows if of_plan(row, given) and row["seed"] in given.seeds])
    print(f"{given.queries} queries, {given.data} questions of its own, leak {given.leak:g}, cap {given.keep}")
    for place, cells in enumerate(blunt_cells(results)):
        print("| " + " | ".join(cells) + " |")
        if not place:
            print("|" + "---|" * len(cells))


if __name__ == "__main__":
    main()
