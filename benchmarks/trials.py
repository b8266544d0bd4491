"""Trials of attacks and faults: each holds or falls, and a run ends with one table of what was tried.

A suite is a module with a function `trials(seed)`; `make attack` and `make faults` run all suites of their folder.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


class Fell(Exception):  # noqa: N818 - a result, not an error
    """What was tried did what must not happen; the text says what."""


@dataclass(frozen=True)
class Trial:
    """One attack or fault.

    Attributes:
        group: row of the table, such as "long fields".
        name: what is tried.
        run: tries it; raises Fell where it does not hold. Whatever else it raises counts as a fall, too.
    """

    group: str
    name: str
    run: Callable[[], None]


@dataclass
class Tally:
    """Row of the table."""

    tried: int = 0
    seconds: float = 0.0
    fell: int = 0


def run_trials(trials: Iterable[Trial], tallies: dict[str, Tally]) -> None:
    """Run trials one after the other; each fall is printed when it happens.

    Args:
        trials: what is tried.
        tallies: group -> counts so far; added to.
    """
    for trial in trials:
        tally = tallies.setdefault(trial.group, Tally())
        began = time.monotonic()
        try:
            trial.run()
        except Fell as fall:
            tally.fell += 1
            print(f"FELL  {trial.group}: {trial.name}: {fall}", flush=True)
        except Exception:
            tally.fell += 1
            print(f"FELL  {trial.group}: {trial.name}: unexpected\n{traceback.format_exc()}", flush=True)
        tally.tried += 1
        tally.seconds += time.monotonic() - began


def table_of(tallies: dict[str, Tally]) -> str:
    """The closing table: tried, held, fell."""
    rows = [(name, tally.tried, tally.tried - tally.fell, tally.fell, tally.seconds) for name, tally in tallies.items()]
    rows.append(("all", *(sum(row[place] for row in rows) for place in (1, 2, 3)), sum(row[4] for row in rows)))
    width = max(len(row[0]) for row in rows)
    head = f"{'':{width}}  {'tried':>7}  {'held':>7}  {'fell':>5}  {'s':>6}"
    return "\n".join(
        [head, *(f"{name:{width}}  {tried:7}  {held:7}  {fell:5}  {s:6.0f}" for name, tried, held, fell, s in rows)]
    )


def main(folder: Path, words: Sequence[str] | None = None) -> int:
    """Run the suites of a folder and print the table.

    Args:
        folder: its modules with a function `trials` are the suites.
        words: of the command line.

    Returns:
        The exit code: 1 where something fell.
    """
    suites = {path.stem: path for path in sorted(folder.glob("*.py")) if "def trials(" in path.read_text()}
    options = argparse.ArgumentParser(description=f"Suites: {', '.join(suites)}.")
    options.add_argument("--only", default="", help="names of suites, separated by commas")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args(words)
    sys.path.insert(0, str(folder))
    tallies: dict[str, Tally] = {}
    for name in filter(None, chosen.only.split(",")) if chosen.only else suites:
        spec = importlib.util.spec_from_file_location(name, suites[name])
        if spec is None or spec.loader is None:
            raise ImportError(name)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        print(f"== {name}", flush=True)
        run_trials(module.trials(chosen.seed), tallies)
    print(table_of(tallies))
    return 1 if any(tally.fell for tally in tallies.values()) else 0
