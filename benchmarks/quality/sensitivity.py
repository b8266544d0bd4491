"""What changes when a parameter is a quarter smaller or larger: which ones do nothing, and which are fragile.

    python benchmarks/quality/sensitivity.py --out FOLDER                       rungs 0, 2, 4, 6, 8; 600 accounts
    python benchmarks/quality/sensitivity.py --out FOLDER --only score. --rungs 6 --accounts 300
    python benchmarks/quality/sensitivity.py --out FOLDER sample_a sample_b     worlds on disk
    python benchmarks/quality/sensitivity.py --out FOLDER --only-report         the table of the rows that are there

Every number of the tables (`parameters.toml` of each room) is moved by -25 % and +25 %, one at a time, each in a
fresh process. Whole numbers move by 1 at least. A share stays within 0 and 1. The numbers of a tuple move together,
except where they sum to 1: there the first moves and the others make up for it. What has no number, and a value that
cannot move (0, or a share of 1 upwards), is named below the table.

Parameters of `score.*` are moved with the kept input of score, those of `resolve.*` with that of resolve, all others
with a whole hunt. `FOLDER/rows.jsonl` gets a row for each parameter, direction and world; an interrupted run goes on
where it stopped. Rows of another state of the detector are refused.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from hunt_worlds import FIRST_SEED, read_rungs, stored_world

from stillhunt.base.parameters import Parameter, all_parameters
from stillhunt_lab.bench.rows import source_hash
from stillhunt_lab.worlds.build import World, build_world, spec_for_rung

WORKER = Path(__file__).with_name("sensitivity_worker.py")
FACTORS = {"down": 0.75, "up": 1.25}
RECALL_LOSS = 0.05
"""A move of a quarter that costs more recall than this, in any world, makes a parameter fragile."""
_SHARE = re.compile(r"^1$|share|probability|correlation|Jaccard")
Row = dict[str, Any]


@dataclass(frozen=True)
class Move:
    """One parameter with another value.

    Attributes:
        name: `table.name`.
        declared, value: before and after.
        direction: down or up.
    """

    name: str
    declared: Any
    value: Any
    direction: str

    @property
    def start(self) -> str:
        """First room that must run again."""
        room = self.name.partition(".")[0]
        return room if room in ("resolve", "score") else "hunt"


DECLARED = Move("", None, None, "")
"""Nothing moved: its rows are what the others are compared with."""


def moves_of(parameter: Parameter) -> list[Move]:
    """The moves that a parameter allows: two, one or none."""
    name = f"{parameter.table}.{parameter.name}"
    values = {direction: moved_value(parameter.value, factor, parameter.unit) for direction, factor in FACTORS.items()}
    return [
        Move(name, parameter.value, value, direction)
        for direction, value in values.items()
        if value is not None and value != parameter.value
    ]


def moved_value(value: Any, factor: float, unit: str) -> Any:
    """A value a quarter smaller or larger; None where it is no number.

    Args:
        value: a number, or a tuple of them.
        factor: 0.75 or 1.25.
        unit: as declared; says whether it is a share.
    """
    if isinstance(value, tuple):
        if len(value) > 1 and all(isinstance(one, float) for one in value) and math.isclose(sum(value), 1.0):
            first = moved_value(value[0], factor, unit)
            return (first, *(one * (1.0 - first) / (1.0 - value[0]) for one in value[1:]))
        parts = tuple(moved_value(one, factor, unit) for one in value)
        return None if None in parts or not parts else parts
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        step = max(1, round(abs(value) / 4)) if value else 0
        return value + (step if factor > 1 else -step)
    is_share = 0.0 <= value <= 1.0 and _SHARE.search(unit) is not None
    return min(max(value * factor, 0.0), 1.0) if is_share else value * factor


def prepared(arguments: argparse.Namespace, home: Path) -> list[Path]:
    """Folders of the worlds, each with its log and its truth."""
    folders = []
    for name, world in worlds(arguments):
        folder = home / name
        if not (folder / "harvesting.json").exists():
            write_world(world(), folder)
        folders.append(folder)
    return folders


def worlds(arguments: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """Name and builder of each world that was asked for."""
    for folder in arguments.folders:
        yield folder.name, lambda folder=folder: stored_world(folder)
    for rung in () if arguments.folders else arguments.rungs:
        for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds):
            sizes = {"accounts": arguments.accounts, "campaign_accounts": arguments.campaign_accounts}
            spec = spec_for_rung(rung, days=arguments.days, seed=seed, **sizes)
            name = f"rung{rung}-{arguments.accounts}-{arguments.campaign_accounts}-{arguments.days}d-{seed}"
            yield name, lambda spec=spec: build_world(spec)


def write_world(world: World, folder: Path) -> None:
    """Write what a worker needs of a world."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(world.requests, folder / "requests.parquet")
    pq.write_table(world.accounts, folder / "accounts.parquet")
    names = json.dumps(list(world.sanctioned))
    (folder / "stillhunt.toml").write_text(f"[sanctioned]\norganizations = {names}\n", "utf-8")
    truth = world.truth_accounts
    pairs = zip(truth["account_id"].to_pylist(), truth["campaign"].to_pylist(), strict=True)
    harvesting = sorted(account for account, campaign in pairs if campaign)
    (folder / "harvesting.json").write_text(json.dumps(harvesting), "utf-8")


def run_worker(move: Move, folders: Sequence[Path], modules: Sequence[str]) -> list[Row]:
    """One row for each world; a process that fails gives rows with its last line of error."""
    order = {
        "worlds": [str(folder) for folder in folders],
        "moved": {move.name: move.value} if move.name else {},
        "start": move.start,
        "modules": list(modules),
    }
    done = subprocess.run(
        [sys.executable, str(WORKER)], input=json.dumps(order), capture_output=True, text=True, check=False
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode and not move.name:
        raise SystemExit(f"the hunt with declared values failed:\n{done.stderr}")
    error = (done.stderr.strip().splitlines() or ["no output"])[-1]
    rows += [{"world": folder.name, "error": error} for folder in folders[len(rows) :]]
    known = {"parameter": move.name, "direction": move.direction, "declared": move.declared, "value": move.value}
    return [{**known, **row} for row in rows]


def read_rows(path: Path, detector: str) -> list[Row]:
    """Rows of earlier runs.

    Raises:
        SystemExit: they were measured with another state of the detector.
    """
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    if any(row["detector"] != detector for row in rows):
        raise SystemExit(f"{path} holds rows of another state of the detector: name another folder with --out")
    return rows


def report(rows: Sequence[Row], declared: dict[str, Row], unmoved: Sequence[str]) -> str:
    """The table, sorted by effect, and the lists below it, in Markdown.

    Args:
        rows: of all moves.
        declared: world -> row of the declared values.
        unmoved: parameters that cannot be moved.
    """
    by_move: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_move[row["parameter"], row["direction"]].append(row)
    lines, effect, fragile, failed = [], defaultdict(float), set(), []
    for (name, direction), own in by_move.items():
        failed += [f"{name} {direction} in {row['world']}: {row['error']}" for row in own if "error" in row]
        good = [row for row in own if "error" not in row]
        sums = {what: sum(row[what] for row in good) for what in ("verdicts", "honest", "campaigns")}
        bits = max((row["bits"] for row in good), default=0.0)
        effect[name] = max(effect[name], sums["verdicts"] + sums["campaigns"] + bits)
        if any(is_worse(row, declared[row["world"]]) for row in good):
            fragile.add(name)
        change = f"{shown(own[0]['declared'])} -> {shown(own[0]['value'])}"
        cells = (f"`{name}`", change, str(sums["verdicts"]), str(sums["honest"]), mean_recall(good))
        key = (-sums["verdicts"], -sums["campaigns"], -bits, name, direction)
        lines.append((key, (*cells, f"{bits:.2f}", str(sums["campaigns"]))))
    head = ("parameter", "value", "verdicts changed", "honest flagged", "recall", "largest change, bits", "lost or new")
    table = [head, ("---",) * len(head), *(cells for _, cells in sorted(lines))]
    measured = list(declared.values())
    parts = [
        (
            f"Declared values, {len(declared)} worlds: {sum(row['honest'] for row in measured)} honest accounts "
            f"flagged, recall {mean_recall(measured)}.\n"
        ),
        "\n".join("| " + " | ".join(cells) + " |" for cells in table),
    ]
    for title, names in (
        ("Fragile: more honest accounts flagged, or recall lower by more than 5 points in a world", sorted(fragile)),
        ("Changes nothing in these worlds", sorted(name for name, size in effect.items() if not size)),
        ("Cannot be moved", list(unmoved)),
        ("Failed", failed),
    ):
        parts.append(f"\n## {title}\n\n" + ("\n".join(f"- {name}" for name in names) or "none"))
    return "\n".join(parts) + "\n"


def is_worse(row: Row, declared: Row) -> bool:
    """Whether a move flags more honest accounts than the declared value, or loses recall."""
    lost = (declared["recall"] or 0.0) - (row["recall"] or 0.0)
    return row["honest"] > declared["honest"] or lost > RECALL_LOSS


def mean_recall(rows: Sequence[Row]) -> str:
    """Mean recall over the worlds that have campaigns."""
    known = [row["recall"] for row in rows if row["recall"] is not None]
    return f"{sum(known) / len(known):.3f}" if known else "-"


def shown(value: Any) -> str:
    """A value in few characters."""
    if isinstance(value, list | tuple):
        return "(" + ", ".join(map(shown, value)) + ")"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def read_arguments(words: list[str] | None) -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="worlds on disk; none = build lab worlds")
    parser.add_argument("--out", type=Path, required=True, help="folder of the rows and of the prepared worlds")
    parser.add_argument("--only", default="", metavar="PREFIXES", help="begins of full names: score. or score.,link.")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--rungs", type=read_rungs, default=[0, 2, 4, 6, 8], help="0-6 or 1,3,6")
    parser.add_argument("--seeds", type=int, default=1, help="worlds of each rung")
    parser.add_argument("--accounts", type=int, default=600, help="honest accounts of a world")
    parser.add_argument("--campaign-accounts", type=int, default=40)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--also-import", nargs="*", default=[], metavar="MODULE", help="modules with further tables")
    parser.add_argument("--only-report", action="store_true", help="print the table of the rows that are there")
    return parser.parse_args(words)


def run_missing(
    arguments: argparse.Namespace, moves: Sequence[Move], rows: Sequence[Row], path: Path, detector: str
) -> list[Row]:
    """Run what has no row yet, the declared values first, and append its rows in the order of the moves."""
    folders = prepared(arguments, arguments.out / "worlds" / detector)
    done = {(row["parameter"], row["direction"], row["world"]) for row in rows}
    new: list[Row] = []

    def run_all(wanted: Sequence[Move], jobs: int) -> None:
        missing = [(move, [f for f in folders if (move.name, move.direction, f.name) not in done]) for move in wanted]
        missing = [(move, own) for move, own in missing if own]
        with ThreadPoolExecutor(jobs) as pool, path.open("a", encoding="utf-8") as file:
            results = pool.map(lambda job: run_worker(*job, arguments.also_import), missing)
            for place, own in enumerate(results, start=1):
                new.extend(own)
                file.write("".join(json.dumps({"detector": detector, **row}) + "\n" for row in own))
                file.flush()
                print(
                    f"{place}/{len(missing)} {own[0]['parameter'] or 'declared values'} {own[0]['direction']}",
                    flush=True,
                )

    run_all([DECLARED], 1)
    run_all(moves, arguments.jobs)
    return new


def main(words: list[str] | None = None) -> int:
    """Move what is missing and print the table; 1 where a move failed."""
    arguments = read_arguments(words)
    for name in (*arguments.also_import, "stillhunt.pipeline"):
        import_module(name)
    detector = source_hash(detecting=True)
    path = arguments.out / "rows.jsonl"
    rows = read_rows(path, detector)
    wanted = [one for _, table in all_parameters().values() for one in table]
    only = tuple(arguments.only.split(","))
    wanted = [one for one in wanted if f"{one.table}.{one.name}".startswith(only)]
    moves = [move for one in wanted for move in moves_of(one)]
    if not arguments.only_report:
        rows += run_missing(arguments, moves, rows, path, detector)
    declared = {row["world"]: row for row in rows if not row["parameter"]}
    own = [row for row in rows if row["parameter"].startswith(only) and row["parameter"]]
    fixed = [f"`{one.table}.{one.name}`" for one in wanted if not moves_of(one)]
    print(report(own, declared, fixed))
    return int(any("error" in row for row in own))


if __name__ == "__main__":
    sys.exit(main())
