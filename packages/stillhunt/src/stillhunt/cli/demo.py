"""`stillhunt demo` and `stillhunt lab world`: seeded worlds, and a hunt compared with the truth."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shlex
import shutil
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console

from stillhunt.base import formatting
from stillhunt.base.case_folder import RUN_FILE
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, OutputError
from stillhunt.base.progress import Progress
from stillhunt.cli.hunting import HuntOrder, hunt_and_show
from stillhunt.cli.opening import serve_demo
from stillhunt.cli.progress import open_progress
from stillhunt.cli.terminal import output_console
from stillhunt.triage.case_target import check_existing
from stillhunt.triage.folder import read_run
from stillhunt.watch.child import hunt_in_child
from stillhunt.watch.folder import DATABASE, SPOOL, DataFolder
from stillhunt.watch.hunting import HuntPlan
from stillhunt.watch.known_database import open_database
from stillhunt.watch.schedule import after_hunt
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt_lab.founding.build import FoundingSpec, write_founding_case
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import SANCTIONED_FILE, World, build_world, demo_spec, spec_for_rung, write_world

WORLD_FOLDER = "world"
CASE_FOLDER = "case"
DATA_FOLDER = "data"
_WORLD_FILE = re.compile(
    rf"requests/part-\d+\.parquet|(truth/)?accounts\.parquet|truth/requests\.parquet|{re.escape(SANCTIONED_FILE)}"
)


def run_demo(out: Path, *, seed: int | None, quiet: bool) -> None:
    """Build the demo world, hunt it like any logs, and compare the findings with the truth.

    Args:
        out: folder for the world and the case; an earlier demo in it is replaced.
        seed: seed of the world; the demo's own when None.

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
    config = Config.load(file=_settings_of_world(out / WORLD_FOLDER))
    case = hunt_and_show(order, config)
    console = output_console()
    _print_truth(console, world, case.accounts)
    console.print(f"The demo took {time.monotonic() - started:.0f} s. Its logs are in {out / WORLD_FOLDER}.")


def serve_world(out: Path, listen: str, *, quiet: bool) -> None:
    """Hunt the demo's world into a data folder, and show that in the browser with work on its campaigns.

    Args:
        listen: ADDRESS:PORT.

    Raises:
        OutputError: the hunt failed, or the port cannot be used.
    """
    folder = DataFolder(out / DATA_FOLDER)
    settings = {"watch": {"accounts": str(out / WORLD_FOLDER / "accounts.parquet")}}
    config = Config.load(settings, file=_settings_of_world(out / WORLD_FOLDER))
    plan = HuntPlan(folder, config, (str(out / WORLD_FOLDER / "requests"),), time.time_ns() // 1000)
    if latest_snapshot(folder) is None:
        with open_progress(quiet=quiet) as progress, progress.stage("hunting for the console", None, "requests"):
            outcome = hunt_in_child(plan)
        if outcome.failure:
            raise OutputError(outcome.failure, where=outcome.where, next_step=outcome.next_step)
        database = open_database(folder.path, "")
        after_hunt(plan, database, outcome, 0)
        database.close()
    serve_demo(folder, config, listen)


def run_lab_world(
    out: Path, spec_options: Mapping[str, int], *, second: bool = False, texts: Path | None = None, quiet: bool
) -> None:
    """Build one world of the ladder and write it.

    Args:
        out: folder to write; must not exist or be empty.
        spec_options: rung, accounts, days and seed.
        texts: real texts for the second generator; its own text model when None.

    Raises:
        OutputError: the folder exists and is not empty, or cannot be written.
    """
    _refuse_filled(out)  # before the work; write_world would say it after
    options = dict(spec_options)
    if second:
        order = SecondSpec(**options, texts=texts)
        world = _build_and_write(partial(build_second_world, order), out, quiet=quiet)
    else:
        spec = spec_for_rung(options.pop("rung"), **options)
        world = _build_and_write(partial(build_world, spec), out, quiet=quiet)
    _print_next(out, world.requests.num_rows, world.accounts.num_rows)


def run_founding_case(out: Path, scale: float, seed: int, *, quiet: bool) -> None:
    """Build the founding case and write it block by block.

    Args:
        out: folder to write; must not exist or be empty.

    Raises:
        OutputError: the folder exists and is not empty, or cannot be written.
    """
    with open_progress(quiet=quiet) as progress:
        size = write_founding_case(FoundingSpec(scale, seed), out, progress)
    _print_next(out, size.requests, size.accounts)


def _refuse_filled(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError("the folder is not empty", where=str(out), next_step="name another one, or empty it")


def _print_next(out: Path, requests: int, accounts: int) -> None:
    console = output_console()
    console.print(f"{formatting.volume(requests, accounts)} in {out}")
    file = _settings_of_world(out)
    settings = "" if file is None else f" --settings {shlex.quote(str(file))}"
    logs, table = shlex.quote(str(out / "requests")), shlex.quote(str(out / "accounts.parquet"))
    console.print(f"next: stillhunt hunt {logs} --accounts {table}{settings} --out CASE")


def _build_and_write(build: Callable[[Progress], World], out: Path, *, quiet: bool) -> World:
    with open_progress(quiet=quiet) as progress:
        world = build(progress)
        with progress.stage("writing the world", None, "requests") as advance:
            write_world(world, out)
            advance(world.requests.num_rows)
    return world


def _settings_of_world(folder: Path) -> Path | None:
    """The settings file of a world: it declares the programmes that are allowed; None where it has none."""
    file = folder / SANCTIONED_FILE
    return file if file.exists() else None


def clear_earlier_demo(out: Path) -> None:
    """Remove an earlier demo from its folder; refuse a folder that holds anything else.

    Raises:
        OutputError: a file is there that no demo wrote, or a case of other logs than those of the world beside it.
    """
    if not out.exists():
        return
    world, case, data = out / WORLD_FOLDER, out / CASE_FOLDER, out / DATA_FOLDER
    check_existing(case, force=True)
    if (
        not out.is_dir()
        or {entry.name for entry in out.iterdir()} - {WORLD_FOLDER, CASE_FOLDER, DATA_FOLDER}
        or (data.exists() and (not (data / DATABASE).is_file() or _files_in(data / SPOOL)))
        or not all(_WORLD_FILE.fullmatch(file.relative_to(world).as_posix()) for file in _files_in(world))
        or not _is_case_of(case, world)
    ):
        raise OutputError(
            "the folder holds something that is not a demo", where=str(out), next_step="name another one with --out"
        )
    for folder in (data, case, world):  # what was received came from elsewhere; what a demo hunted can be hunted again
        shutil.rmtree(folder, ignore_errors=True)


def _files_in(folder: Path) -> list[Path]:
    """Everything below a folder but plain folders."""
    return [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]


def _is_case_of(case: Path, world: Path) -> bool:
    """True if a case is missing or empty, or was made of the files of this world."""
    if not (case / RUN_FILE).exists():
        return True
    of_world = {hashlib.sha256(file.read_bytes()).hexdigest() for file in _files_in(world)}
    try:
        inputs = read_run(case).get("inputs", [])
    except CaseError:
        return False
    return bool(inputs) and all(one.get("sha256") in of_world for one in inputs)


def _print_truth(console: Console, world: World, accounts: pa.Table) -> None:
    """What only a simulator knows: how many of the planted accounts were found, and how many honest ones accused."""
    truth = world.truth_accounts
    planted = truth.filter(pc.not_equal(pc.fill_null(truth["campaign"], ""), ""))["account_id"]
    flagged = accounts.filter(accounts["flagged"])["account_id"]
    found = int(pc.sum(pc.is_in(flagged, value_set=planted)).as_py() or 0)
    wronged, honest = len(flagged) - found, accounts.num_rows - len(planted)
    console.print(
        "\nCompared with the truth of this simulated world: "
        f"{formatting.part_of(found, len(planted), 'planted account')} flagged, "
        f"and {formatting.count(wronged)} of {formatting.plural(honest, 'honest account')}."
    )
