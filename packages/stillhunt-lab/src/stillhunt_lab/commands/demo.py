"""`stillhunt demo`: a simulated world, hunted and compared with the truth."""

import dataclasses
import hashlib
import re
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import typer
from rich.console import Console

import stillhunt
from stillhunt import CaseError, Config, OutputError
from stillhunt.case import RUN_FILE, read_run
from stillhunt.commands import (
    OPEN_LISTEN,
    QuietFlag,
    check_existing,
    compile_once,
    open_progress,
    output_console,
    part_of_another,
    write_and_show,
)
from stillhunt.live import (
    DATABASE,
    SPOOL,
    DataFolder,
    HuntPlan,
    after_hunt,
    hunt_in_child,
    latest_snapshot,
    open_database,
)
from stillhunt.tools import formatting
from stillhunt_lab.commands.worlds import build_and_write, settings_of_world
from stillhunt_lab.worlds.build import SANCTIONED_FILE, World, build_world, demo_spec

WORLD_FOLDER = "world"

CASE_FOLDER = "case"

DATA_FOLDER = "data"

_WORLD_FILE = re.compile(
    rf"requests/part-\d+\.parquet|(truth/)?accounts\.parquet|truth/requests\.parquet|{re.escape(SANCTIONED_FILE)}"
)


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the world and the case.")] = Path(
        "stillhunt-demo"
    ),
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of another world of the same kind.")] = None,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Then show the findings in the browser, where you can work on the campaigns."),
    ] = False,
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS:PORT", help="Where to listen with --serve.")
    ] = OPEN_LISTEN,
    quiet: QuietFlag = False,
) -> None:
    """Hunt a simulated world and compare the findings with the truth.

    Builds a seeded world with three campaigns among honest customers, hunts it like any logs, and prints what was
    found, what was missed and who was wrongly accused. One campaign shows too little to act on, and one customer with
    ten accounts is up for review, too. Takes less than a minute and needs no network.
    """
    started = time.monotonic()
    serve_demo = part_of_another("serve_demo", "server") if serve else None
    clear_earlier_demo(out)
    spec = demo_spec() if seed is None else dataclasses.replace(demo_spec(), seed=seed)
    world = build_and_write(partial(build_world, spec), out / WORLD_FOLDER, quiet=quiet)
    config = Config.load(file=settings_of_world(out / WORLD_FOLDER))
    with open_progress(quiet=quiet) as progress:
        compile_once(progress)
        logs, accounts = str(out / WORLD_FOLDER / "requests"), str(out / WORLD_FOLDER / "accounts.parquet")
        case = stillhunt.hunt([logs], accounts, config, progress=progress)
    write_and_show(case, config, out / CASE_FOLDER, quiet=quiet)
    console = output_console()
    _print_truth(console, world, case.accounts)
    console.print(f"The demo took {time.monotonic() - started:.0f} s. Its logs are in {out / WORLD_FOLDER}.")
    if serve_demo is not None:
        folder, config = _hunt_for_console(out, quiet=quiet)
        serve_demo(folder, config, listen)


def _hunt_for_console(out: Path, *, quiet: bool) -> tuple[DataFolder, Config]:
    """Hunt the demo's world into a data folder, for work on its campaigns in the browser."""
    folder = DataFolder(out / DATA_FOLDER)
    settings = {"watch": {"accounts": str(out / WORLD_FOLDER / "accounts.parquet")}}
    config = Config.load(settings, file=settings_of_world(out / WORLD_FOLDER))
    plan = HuntPlan(folder, config, (str(out / WORLD_FOLDER / "requests"),), time.time_ns() // 1000)
    if latest_snapshot(folder) is None:
        with open_progress(quiet=quiet) as progress, progress.stage("hunting for the console", None, "requests"):
            outcome = hunt_in_child(plan)
        if outcome.failure:
            raise OutputError(outcome.failure, where=outcome.where, next_step=outcome.next_step)
        database = open_database(folder.path, "")
        after_hunt(plan, database, outcome, 0)
        database.close()
    return folder, config


def clear_earlier_demo(out: Path) -> None:
    """Remove an earlier demo from its folder; refuse a folder that holds anything else.

    Raises OutputError: a file is there that no demo wrote, or a case of other logs than those of the world beside it.
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
