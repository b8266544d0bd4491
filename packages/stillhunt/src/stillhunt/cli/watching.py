"""`stillhunt watch`: hunts again and again in logs that grow; and the parts of it that `serve` has, too."""

import glob
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from stillhunt.base.errors import InputError, StillhuntError
from stillhunt.base.formatting import shorten
from stillhunt.cli.compiling import compile_once
from stillhunt.cli.database import reach_database
from stillhunt.cli.findings import EXIT_ERROR, EXIT_LEASE_LOST, EXIT_NOTHING, EXIT_PARTIAL
from stillhunt.cli.interrupts import allow_draining, end_with_code
from stillhunt.cli.live_screen import Screen, open_screen
from stillhunt.cli.moments import read_clock
from stillhunt.cli.options import (
    DEFAULT_DATA,
    NewDataOption,
    QuietFlag,
    SetOption,
    SettingsOption,
    WatchedAccountsOption,
    load_config,
)
from stillhunt.cli.progress import open_progress
from stillhunt.decide.between_hunts import BetweenHunts
from stillhunt.decide.running import decide_latest, policy_of
from stillhunt.watch.alerts.receivers import receivers_with
from stillhunt.watch.alerts.sender import Sender
from stillhunt.watch.child import HuntOutcome, hunt_in_child
from stillhunt.watch.database.probe import DatabaseProbe
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.following import following
from stillhunt.watch.hunting import HuntPlan
from stillhunt.watch.known_database import open_database
from stillhunt.watch.schedule import HuntSchedule, after_hunt, delete_expired, report_damage
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.shared.lease import LeaseKeeper, name_hunter, needs_lease

_SHOWN_CHARACTERS = 80


def watch(
    logs: Annotated[
        list[str],
        typer.Argument(metavar="LOGS", help="Folders, files, patterns or object stores that grow; read in place."),
    ],
    data: NewDataOption = DEFAULT_DATA,
    accounts: WatchedAccountsOption = None,
    once: Annotated[bool, typer.Option("--once", help="Hunt once and exit, for a scheduler of your own.")] = False,
    settings: SetOption = None,
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
) -> None:
    """Hunt repeatedly in growing logs, without receiving anything.

    Writes a snapshot into the data folder after each hunt, with campaigns that keep their ids.
    """
    allow_draining()
    config = load_config(settings, settings_file, watch__accounts=accounts)
    check_watched(logs)
    folder = DataFolder(data)
    plan = HuntPlan(folder, config, tuple(logs))
    database = open_database(folder.path, config.watch.database, later=True)
    policy_of(folder, config)
    with ExitStack() as opened:
        opened.enter_context(folder.role("serve-hunt"))
        with open_progress(quiet=quiet) as progress:
            compile_once(progress)
        screen = opened.enter_context(open_screen(None, quiet=quiet))
        if once:
            database.open_now()
            outcome = hunt_in_child(replace(plan, now=read_clock()))
            screen.hunted(outcome, folder)
            if outcome.sequence is not None:
                decide_found(plan, database, screen)
            raise typer.Exit(EXIT_ERROR if outcome.failure else EXIT_PARTIAL if outcome.damage else EXIT_NOTHING)
        screen.started("", folder.path, frozenset(("hunt",)))
        faults = ServiceFaults()
        opened.enter_context(reach_database(database, DatabaseProbe(database, faults), screen))
        with hunt_on_schedule(plan, database, lambda: 0, screen, faults) as schedule:
            screen.watch(schedule, folder, database)
            threading.Event().wait()


def check_watched(paths: Sequence[str]) -> None:
    """Refuse a path that is not there: later, one that has no logs yet is waited for."""
    for text in paths:
        if "://" not in text and not glob.has_magic(text) and not Path(text).exists():
            raise InputError(
                "no such file or folder", where=shorten(text, _SHOWN_CHARACTERS), next_step="check the path"
            )


@contextmanager
def hunt_on_schedule(
    plan: HuntPlan, database: WatchDatabase, received: Callable[[], int], screen: Screen, faults: ServiceFaults
) -> Iterator[HuntSchedule]:
    """Hunts on schedule, what follows each of them, and the sending of alerts.

    Where several machines may hunt, all of it begins when this one gets the lease. If another one has it afterwards,
    this process says so and ends with EXIT_LEASE_LOST, so that whoever started it starts one that waits.
    """

    def after(done: HuntPlan, outcome: HuntOutcome, failures: int) -> None:
        report_damage(faults, outcome.damage)
        after_hunt(done, database, outcome, failures)
        screen.hunted(outcome, done.data)
        if outcome.sequence is not None:
            decide_found(done, database, screen)

    sender = Sender(plan.data, database, receivers_with(plan.config.alerts))
    schedule = HuntSchedule(plan, received, after)
    between = BetweenHunts(plan.data, database, plan.config, screen.decided, screen.undecided)
    for thread in (*sender.threads, schedule.thread, between.thread):
        thread.report_to(faults)
    with ExitStack() as opened:
        opened.callback(sender.stop)
        opened.callback(schedule.stop)
        opened.callback(between.stop)

        def begin(term: int | None) -> None:
            sender.start()
            schedule.start(term)
            between.start()
            opened.enter_context(following(plan, faults, schedule.hear_arrivals))

        def end(reason: str) -> None:
            screen.lease_lost(reason)
            end_with_code(EXIT_LEASE_LOST)

        if needs_lease(database):
            tidy = partial(delete_expired, plan, database)
            keeper = LeaseKeeper(database, name_hunter(plan.data.path), begin, end, tidy)
            keeper.thread.report_to(faults)
            keeper.start()
            opened.callback(keeper.stop)
        else:
            begin(None)
        yield schedule


def decide_found(plan: HuntPlan, database: WatchDatabase, screen: Screen) -> None:
    """Apply the policy to what was just found; one that cannot be used now decides nothing, and the screen says so."""
    try:
        policy = policy_of(plan.data, plan.config)
        if policy is not None:
            screen.decided(decide_latest(plan.data, database, plan.config, policy, time.time_ns() // 1000))
    except StillhuntError as error:
        screen.undecided(error)
