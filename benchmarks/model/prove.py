"""Power and error rate of `prove`: thieves with marked and unmarked harvests of several sizes, and innocents.

    STILLHUNT_TEXTS=texts.parquet python benchmarks/model/prove.py OUT --seeds 10 --innocents 20 --workers 2

Each cell trains one model of a million parameters and tries it on ten campaigns. Rows are written to OUT/prove.jsonl as
they are finished; a run that ended goes on. `figure_rows.py` makes tables of them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from pathlib import Path
from typing import Any

import torch
from prove_cells import Cell, all_cells, run_cell
from prove_world import CAMPAIGNS, SCHEMES, World

_world: list[World] = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--innocents", type=int, default=20, help="of each of five kinds")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="kind of cells, or scheme of thieves")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = options.out / "prove.jsonl"
    prepare(World(options.out))
    done = {key_of(json.loads(line)) for line in rows.read_text().splitlines()} if rows.exists() else set()
    cells = [one for one in all_cells(options.seeds, options.innocents) if key_of(vars(one)) not in done]
    cells = [one for one in cells if options.only in ("", one.kind, one.scheme)]
    print(f"{len(done)} cells are done, {len(cells)} to do", flush=True)
    with multiprocessing.get_context("spawn").Pool(options.workers, _begin, (options.out,)) as pool:
        for row in pool.imap_unordered(_run, cells):
            with rows.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(summary(row), flush=True)


def prepare(world: World) -> None:
    """Everything that workers share, made once.

    Args:
        world: what cells share.
    """
    for name in ("teacher-0", "sibling-1", "base-0", "kin-1"):
        world.net(name)
    for campaign in range(CAMPAIGNS):
        for scheme in (*SCHEMES, "none"):
            world.harvest(campaign, scheme)
            world.controls(campaign, scheme)
        world.harvest(campaign, "none", "honest")
        world.harvest(campaign, "none", "sibling", "sibling-1")


def key_of(row: dict[str, Any]) -> tuple[Any, ...]:
    """What tells cells apart.

    Args:
        row: of a cell.
    """
    return tuple(row[name] for name in ("kind", "scheme", "share", "paraphrase", "seed"))


def summary(row: dict[str, Any]) -> str:
    """One line about a finished cell.

    Args:
        row: of the cell.
    """
    own = row["seed"] % CAMPAIGNS
    tests = row["tests"]
    if row["kind"] != "thief":
        return f"{row['kind']} {row['seed']}: smallest p {min(one['p'] for one in tests):.2g} of {len(tests)}"
    true = [f"{one['test']} {one['p']:.1e}" for one in tests if one["campaign"] == own]
    rest = min(one["p"] for one in tests if one["campaign"] != own)
    return f"{row['scheme']} {row['share']} {row['paraphrase']} {row['seed']}: {', '.join(true)}; others {rest:.2g}"


def _begin(out: Path) -> None:
    torch.set_num_threads(1)
    _world.append(World(out))


def _run(cell: Cell) -> dict[str, Any]:
    return run_cell(_world[0], cell)


if __name__ == "__main__":
    main()
