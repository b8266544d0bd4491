"""`stillhunt serve` and `stillhunt watch`: the parts of the watch in one process, until it is stopped."""

from __future__ import annotations

import glob
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from stillhunt.base.config import Config
from stillhunt.base.container_memory import keep_little_memory
from stillhunt.base.errors import InputError, OutputError, StillhuntError
from stillhunt.base.formatting import shorten
from stillhunt.cli.compiling import compile_once
from stillhunt.cli.findings import EXIT_ERROR, EXIT_NOTHING, EXIT_PARTIAL
from stillhunt.cli.interrupts import allow_draining
from stillhunt.cli.live_screen import open_screen
from stillhunt.cli.moments import read_clock
from stillhunt.cli.opening import check_port
from stillhunt.cli.options import (
    DEFAULT_DATA,
    NewDataOption,
    QuietFlag,
    SetOption,
    SettingsOption,
    WatchedAccountsOption,
    load_config,
    refuse_unused,
)
from stillhunt.cli.progress import open_progress
from stillhunt.cli.serving_parts import (
    FirstStart,
    console_of,
    decide_found,
    hunting,
    reaching,
    receiver_of,
    telling_of_faults,
    thread_ended,
)
from stillhunt.cli.terminal import message_console
from stillhunt.decide.running import policy_of
from stillhunt.watch.alerts.fault_alerts import tell_failed_start
from stillhunt.watch.alerts.receivers import receivers_with
from stillhunt.watch.believed_time import ClockSteps
from stillhunt.watch.child import hunt_in_child
from stillhunt.watch.database.probe import DatabaseProbe
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan
from stillhunt.watch.known_database import DatabaseFiles, open_database
from stillhunt.watch.schedule import HuntSchedule
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.snapshots import SnapshotFiles
from stillhunt.watch.tokens import KnownTokens
from stillhunt.web.brokers import check_broker
from stillhunt.web.descriptors import descriptor_warning, raise_descriptor_limit
from stillhunt.web.pages import PageSources, pages_of
from stillhunt.web.server import Application, dispatcher, run_server, server_of
from stillhunt.web.traffic import Limits, Traffic


class Part(StrEnum):
    """What one process of several does."""

    INGEST = "ingest"
    HUNT = "hunt"
    WEB = "web"


FAILED_START_FILE = "failed-start"
"""Touched in a data folder when an alert said that its server does not start."""

_SHOWN_CHARACTERS = 80


def serve(
    context: typer.Context,
    data: NewDataOption = DEFAULT_DATA,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="ADDRESS:PORT", help="Where to listen (serve.listen).")
    ] = None,
    accounts: WatchedAccountsOption = None,
    only: Annotated[
        list[Part] | None,
        typer.Option("--only", help="Do this part only; other processes on the same folder do the others."),
    ] = None,
    watched: Annotated[
        list[str] | None,
        typer.Option("--logs", metavar="PATH", help="Also hunt in these logs, where they lie; may be repeated."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check settings, folder, database and port, and exit.")
    ] = False,
    settings: SetOption = None,
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
) -> None:
    """Receive traffic over HTTP, hunt in it again and again, and show what is found.

    Everything is kept in one data folder. The first start prints a token with which to send; the lines to paste into
    LiteLLM or an OpenTelemetry collector are printed each time.
    """
    if only and Part.HUNT not in only:
        refuse_unused(context, ("watched",), "only the part 'hunt' reads logs")
    parts, paths = frozenset(only or Part), tuple(watched or ())
    allow_draining()
    config = load_config(settings, settings_file, serve__listen=listen, watch__accounts=accounts)
    _check_watched(paths)
    folder = DataFolder(data)
    try:
        database = open_database(folder.path, config.watch.database, later=True)
    except OutputError as error:
        if not check:
            _tell_refused(folder, config, error)
        raise
    policy_of(folder, config)
    if check:
        _check_server(parts, config, database)
        return
    keep_little_memory()
    with ExitStack() as opened:
        _serve(opened, parts, HuntPlan(folder, config, paths), database, quiet=quiet)


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
    """Hunt again and again in logs that grow, without receiving anything.

    Writes a snapshot into the data folder after each hunt, with campaigns that keep their ids.
    """
    allow_draining()
    config = load_config(settings, settings_file, watch__accounts=accounts)
    _check_watched(logs)
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
        screen.started("", folder.path, "", frozenset((Part.HUNT,)))
        faults = ServiceFaults()
        opened.enter_context(reaching(database, DatabaseProbe(database, KnownTokens(database), faults), screen))
        with hunting(plan, database, Traffic(), screen, faults) as schedule:
            screen.watch(schedule, folder, database)
            threading.Event().wait()


def _serve(opened: ExitStack, parts: frozenset[str], plan: HuntPlan, database: WatchDatabase, *, quiet: bool) -> None:
    """Begin the parts of a server one after the other, and serve."""
    folder, config = plan.data, plan.config
    for part in sorted(parts):
        opened.enter_context(folder.role(f"serve-{part}"))
    check_port(config.serve.listen)
    if "hunt" in parts:
        with open_progress(quiet=quiet) as progress:
            compile_once(progress)
    traffic, limits, faults = Traffic(), Limits(config.serve, folder.spool), ServiceFaults()
    threading.excepthook = partial(thread_ended, faults)
    screen = opened.enter_context(open_screen(traffic, quiet=quiet))
    first = FirstStart(database, screen, with_user="web" in parts and config.console.sign_in == "local")
    tokens, receives = KnownTokens(database, folder.tokens), "ingest" in parts
    schedule: HuntSchedule | None = None

    def again() -> None:
        if schedule is not None and schedule.progress.failures:
            schedule.ask()  # it failed for want of the database, perhaps

    def starts() -> None:
        (folder.path / FAILED_START_FILE).unlink(missing_ok=True)
        first.make()

    probe = DatabaseProbe(database, tokens, faults, starts, again)
    opened.enter_context(reaching(database, probe, screen, partial(_tell_refused, folder, config)))
    token, password = first.begin()
    screen.started(config.serve.listen, folder.path, token, parts)
    screen.warned(_warnings(parts, config))
    if "hunt" in parts:
        schedule = opened.enter_context(hunting(plan, database, traffic, screen, faults))
    looks = [ClockSteps().faults, DatabaseFiles(database, folder.path).faults]
    looks.append(SnapshotFiles(folder, schedule.ask if schedule is not None else None).faults)
    opened.enter_context(telling_of_faults(faults, looks, config, screen))
    inlet = (traffic, limits) if receives else (None, None)
    served = PageSources(folder, tokens, inlet[0], inlet[1], schedule, database, faults=faults)
    console: Application | None = None
    if "web" in parts:
        screen.console_ready(config.serve.listen, password)
        served, console = console_of(opened, served, database, config)
    receiver = None
    if receives:
        receiver = receiver_of(opened, served, limits, traffic, config, screen)
    screen.watch(schedule, folder, database)
    run_server(server_of(dispatcher(receiver, pages_of(served), served.gateways, console), config.serve.listen))


def _check_server(parts: frozenset[str], config: Config, database: WatchDatabase) -> None:
    database.open_now()
    check_port(config.serve.listen)
    check_broker(config.serve)
    for text in _warnings(parts, config):
        message_console().print(f"Warning: {text}.", markup=False, soft_wrap=True)
    message_console().print(f"settings, data folder, database and {config.serve.listen} can be used")


def _tell_refused(folder: DataFolder, config: Config, error: StillhuntError) -> None:
    """Tell everybody who gets alerts that this server does not start, so that nothing is enforced."""
    tell_failed_start(folder.path / FAILED_START_FILE, error.what, config.alerts, receivers_with(config.alerts))


def _warnings(parts: frozenset[str], config: Config) -> list[str]:
    """What is allowed, and weaker than it could be."""
    raise_descriptor_limit()
    shown = config.console.warnings() if "web" in parts else []
    return [*shown, *filter(None, (descriptor_warning(),))]


def _check_watched(paths: Sequence[str]) -> None:
    """Refuse a path that is not there: later, one that has no logs yet is waited for."""
    for text in paths:
        if "://" not in text and not glob.has_magic(text) and not Path(text).exists():
            raise InputError(
                "no such file or folder", where=shorten(text, _SHOWN_CHARACTERS), next_step="check the path"
            )
