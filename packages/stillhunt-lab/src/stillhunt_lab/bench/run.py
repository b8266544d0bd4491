"""Runs a benchmark: builds each world once, runs what is missing on it, and writes a row for each run."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillhunt import ConfigError
from stillhunt.tools import Progress, Silent
from stillhunt_lab.baselines import MethodSettings
from stillhunt_lab.bench.measures import Quality, Truth, measure
from stillhunt_lab.bench.methods import VARIANTS, method_of, poorer_log, run_timed, stillhunt_method
from stillhunt_lab.bench.replay import first_calls
from stillhunt_lab.bench.rows import BenchSpec, Run, WorldKey, is_measured, open_folder, runs_of, write_row
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import World, WorldSpec, build_world, spec_for_rung

HISTORY_SEEDS_FROM = 900_000
"""Added to a world's seed for the honest history that some baselines are given: other accounts of the same kind."""
HISTORY_SHARE = 4
HISTORY_LEAST = 100
WARM_ACCOUNTS = 40


def run_bench(spec: BenchSpec, out: Path, progress: Progress | None = None) -> tuple[int, int]:
    """Run what is missing of a benchmark.

    Returns:
        Number of runs done now, and of runs that were there already.

    Raises:
        ConfigError: the folder holds runs of other sizes; a library that a baseline needs is missing.
        OutputError: a row cannot be written.
    """
    progress = progress or Silent()
    open_folder(out, spec)
    worlds = [(key, runs, [run for run in runs if not is_measured(out, run)]) for key, runs in runs_of(spec)]
    total = sum(len(runs) for _, runs, _ in worlds)
    done = 0
    warm = False
    with progress.stage("bench", total, "runs") as advance:
        for key, runs, missing in worlds:
            advance(len(runs) - len(missing))
            if not missing:
                continue
            if not warm:
                _warm_up()
                warm = True
            try:
                world = world_of(key, spec)
            except ConfigError as error:
                if not key.rung:  # every generator has honest worlds
                    raise
                progress.note(f"{key.generator} rung {key.rung} is left out: {error.what}")
                advance(len(missing))
                continue
            done += _run_world(world, missing, spec, out, progress, advance)
    return done, total - sum(len(missing) for _, _, missing in worlds)


def _run_world(
    world: World, missing: list[Run], spec: BenchSpec, out: Path, progress: Progress, advance: Callable[[int], None]
) -> int:
    """Do every missing run on one world; returns their number."""
    truth = Truth(world.truth_accounts, world.truth_requests)
    key = missing[0].world
    settings = MethodSettings(key.seed, lambda: _build_honest_history(key, spec), world.sanctioned)
    for run in missing:
        measured = _measure_bench_run(run, world, truth, settings)
        write_row(out, run, {"rows": world.requests.num_rows, "days": spec.days, **measured})
        advance(1)
        progress.note(
            f"{key.generator} rung {key.rung} seed {key.seed} {run.part} {run.method}: {_summarise_measures(measured)}"
        )
    return len(missing)


def _measure_bench_run(run: Run, world: World, truth: Truth, settings: MethodSettings) -> dict[str, Any]:
    """What one run measured."""
    if run.part == "replay":
        calls = first_calls(method_of(run.method), (world.requests, world.accounts), truth, settings)
        return {"calls": [asdict(call) for call in calls]}
    requests: pa.Table
    accounts: pa.Table | None
    requests, accounts = world.requests, world.accounts
    method = None
    if run.part == "ablation":
        variant = VARIANTS[run.method]
        requests, accounts = poorer_log(variant, world.requests, world.accounts, run.world.seed)
        method = stillhunt_method(variant.overrides)
    elif run.method == "mmd":
        len(settings.history)  # built before the clock starts: a provider would have it
    timed = run_timed(method or method_of(run.method), requests, accounts, settings)
    quality = measure(timed.result, truth)
    return {"cpu_seconds": timed.cpu_seconds, "seconds": timed.seconds, "quality": asdict(quality)}


def _summarise_measures(measured: dict[str, Any]) -> str:
    """One line of what was measured."""
    if "calls" in measured:
        return ", ".join(
            "never" if call["requests"] is None else f"after {call['requests']:,} of {call['harvested']:,} requests"
            for call in measured["calls"]
        )
    quality = Quality(**measured["quality"])
    shares = [
        f"{name} {value:.3f}"
        for name, value in (("recall", quality.recall), ("precision", quality.precision))
        if value is not None
    ]
    return ", ".join([*shares, f"{quality.false_accounts} false accounts", f"{measured['seconds']:.1f} s"])


def world_of(key: WorldKey, spec: BenchSpec) -> World:
    """Build one world of a benchmark.

    Raises ConfigError: the generator has no such rung.
    """
    sizes = {
        "accounts": spec.accounts if key.rung else spec.honest_accounts,
        "days": spec.days,
        "seed": key.seed,
        "campaign_accounts": spec.campaign_accounts,
        "campaigns": spec.campaigns,
    }
    if key.generator == "first":
        return build_world(spec_for_rung(key.rung, **sizes))
    return build_second_world(SecondSpec(key.rung, **sizes, texts=spec.texts if key.generator == "texts" else None))


def _build_honest_history(key: WorldKey, spec: BenchSpec) -> pa.Table:
    """Requests of an honest world of the same generator, a quarter as large."""
    smaller = replace(spec, honest_accounts=max(HISTORY_LEAST, spec.accounts // HISTORY_SHARE))
    return world_of(replace(key, rung=0, seed=HISTORY_SEEDS_FROM + key.seed), smaller).requests


def _warm_up() -> None:
    """Load and compile everything that would otherwise count as a cost of the first hunt."""
    world = build_world(WorldSpec(accounts=WARM_ACCOUNTS, days=2))
    stillhunt_method()(world.requests, world.accounts, MethodSettings(0, lambda: world.requests))
