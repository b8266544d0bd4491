"""`stillhunt demo` and `stillhunt lab world`: seeded worlds, hunted and compared with their truth."""

from __future__ import annotations

import dataclasses
import shlex
import shutil
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError
from stillhunt.base.progress import Progress
from stillhunt.cli.findings import Findings
from stillhunt.cli.hunting import HuntOrder, hunt_and_write
from stillhunt.cli.progress import open_progress
from stillhunt.cli.screen import print_findings
from stillhunt.cli.terminal import output_console
from stillhunt.lab.second_worlds.build import build_second_world
from stillhunt.lab.second_worlds.spec import SecondSpec
from stillhunt.lab.worlds.build import SANCTIONED_FILE, World, build_world, demo_spec, spec_for_rung, write_world

WORLD_FOLDER = "world"
CASE_FOLDER = "case"


def run_demo(out: Path, *, seed: int | None, quiet: bool) -> None:
    """Build the demo world, hunt it like anybody's logs, and set the findings beside the truth.

    Args:
        out: folder for the world and the case; an earlier demo in it is replaced.
        seed: seed of the world; the demo's own when None.
        quiet: no progress.

    Raises:
        OutputError: the folder holds something else.
    """
    started = time.monotonic()
    clear_earlier_demo(out)
    spec = demo_spec() if seed is None else dataclasses.replace(demo_spec(), seed=seed)
    world = _build_and_write(partial(build_world, spec), out / WORLD_FOLDER, quiet=quiet)
    order = HuntOrder(
        logs=(str(out / WORLD_FOLDER / "requests"),),
        accounts=str(out / WORLD_FOLDER / "accounts.parquet"),
        out=out / CASE_FOLDER,
        quiet=quiet,
    )
    case, findings = hunt_and_write(order, Config.load(file=_settings_of_world(out / WORLD_FOLDER)))
    console = output_console()
    print_findings(console, findings, str(out / CASE_FOLDER))
    _print_truth(console, world, case.tables, findings)
    console.print(f"the demo took {time.monotonic() - started:.0f} s; its logs lie in {out / WORLD_FOLDER}")


def run_lab_world(
    out: Path, spec_options: Mapping[str, int], *, second: bool = False, texts: Path | None = None, quiet: bool
) -> None:
    """Build one world of the ladder and write it.

    Args:
        out: folder to write; must not exist or be empty.
        spec_options: rung, accounts, days and seed.
        second: by the second generator.
        texts: real texts for the second generator; its own text model when None.
        quiet: no progress.

    Raises:
        OutputError: the folder exists and is not empty, or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):  # before the work; write_world would say it after
        raise OutputError("the folder is not empty", where=str(out), next_step="name another one, or empty it")
    options = dict(spec_options)
    if second:
        order = SecondSpec(**options, texts=texts)
        world = _build_and_write(partial(build_second_world, order), out, quiet=quiet)
    else:
        spec = spec_for_rung(options.pop("rung"), **options)
        world = _build_and_write(partial(build_world, spec), out, quiet=quiet)
    console = output_console()
    console.print(f"{world.requests.num_rows:,} requests of {world.accounts.num_rows:,} accounts in {out}")
    file = _settings_of_world(out)
    settings = "" if file is None else f" --settings {shlex.quote(str(file))}"
    logs, accounts = shlex.quote(str(out / "requests")), shlex.quote(str(out / "accounts.parquet"))
    console.print(f"next: stillhunt hunt {logs} --accounts {accounts}{settings} --out CASE")


def _build_and_write(build: Callable[[Progress], World], out: Path, *, quiet: bool) -> World:
    with open_progress(quiet=quiet) as progress:
        world = build(progress)
        with progress.stage("writing the world", None, "requests") as advance:
            write_world(world, out)
            advance(world.requests.num_rows)
    return world


def _settings_of_world(folder: Path) -> Path | None:
    """The settings that a world brings: the programmes that its operator allows."""
    file = folder / SANCTIONED_FILE
    return file if file.exists() else None


def clear_earlier_demo(out: Path) -> None:
    """Remove an earlier demo from its folder; refuse a folder that holds anything else."""
    if not out.exists():
        return
    expected = {WORLD_FOLDER, CASE_FOLDER}
    if not out.is_dir() or {entry.name for entry in out.iterdir()} - expected:
        raise OutputError(
            "the folder holds something that is not a demo", where=str(out), next_step="name another one with --out"
        )
    for name in sorted(expected):
        shutil.rmtree(out / name, ignore_errors=True)


def _print_truth(console: Console, world: World, tables: Mapping[str, Any], findings: Findings) -> None:
    """What only a simulator can say: how many of the planted accounts were found, and who was wronged."""
    truth = world.truth_accounts
    planted = {
        account
        for account, campaign in zip(
            truth.column("account_id").to_pylist(), truth.column("campaign").to_pylist(), strict=True
        )
        if campaign
    }
    accounts = tables["accounts"]
    flagged = {
        account
        for account, is_flagged in zip(
            accounts.column("account_id").to_pylist(), accounts.column("flagged").to_pylist(), strict=True
        )
        if is_flagged
    }
    honest = findings.count("accounts") - len(planted)
    console.print(
        f"\nAgainst the truth of this simulated world: {len(flagged & planted)} of {len(planted)} planted accounts"
        f" flagged, {len(flagged - planted)} of {honest:,} honest ones."
    )
