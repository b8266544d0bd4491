"""`stillhunt serve` and `stillhunt watch`: the parts of the watch in one process, until it is stopped."""

from __future__ import annotations

import glob
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.base.errors import InputError, OutputError, StillhuntError
from stillhunt.base.formatting import shorten
from stillhunt.base.memory import keep_little_memory
from stillhunt.cli.compiling import compile_once
from stillhunt.cli.findings import EXIT_ERROR, EXIT_NOTHING, EXIT_PARTIAL
from stillhunt.cli.first_start import FirstStart
from stillhunt.cli.hunting import nested_settings
from stillhunt.cli.interrupts import allow_draining
from stillhunt.cli.live_screen import open_screen
from stillhunt.cli.ports import check_port
from stillhunt.cli.progress import open_progress
from stillhunt.cli.serving_parts import (
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
from stillhunt.watch.alerts.sender import receivers_with
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

FAILED_START_FILE = "failed-start"
"""Touched in a data folder when an alert said that its server does not start."""
_SHOWN_CHARACTERS = 80
SERVE_PARTS = ("ingest", "hunt", "web")


@dataclass(frozen=True)
class ServeOrder:
    """What was asked for on the command line.

    Attributes:
        watched: logs that are read in place.
        settings: dotted name -> text of the value.
        settings_file: file of settings in place of ./stillhunt.toml.
    """

    data: Path
    parts: frozenset[str]
    watched: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    settings_file: Path | None = None
    quiet: bool = False


def run_serve(order: ServeOrder, *, check: bool) -> int:
    """Serve until the process is stopped.

    Args:
        check: check everything that can be checked, and stop.

    Raises:
        StillhuntError: settings, folder, database or port cannot be used, or another process does the same work.
    """
    allow_draining()
    config = Config.load(nested_settings(order.settings), file=order.settings_file)
    _check_watched(order.watched)
    folder = DataFolder(order.data)
    try:
        database = open_database(folder.path, config.watch.database, later=True)
    except OutputError as error:
        if not check:
            _tell_refused(folder, config, error)
        raise
    policy_of(folder, config)
    if check:
        return _checked(order, config, database)
    keep_little_memory()
    with ExitStack() as opened:
        _serve(opened, order, config, folder, database)
    return 0


def _serve(opened: ExitStack, order: ServeOrder, config: Config, folder: DataFolder, database: WatchDatabase) -> None:
    """Begin the parts of a server one after the other, and serve."""
    for part in sorted(order.parts):
        opened.enter_context(folder.role(f"serve-{part}"))
    check_port(config.serve.listen)
    if "hunt" in order.parts:
        with open_progress(quiet=order.quiet) as progress:
            compile_once(progress)
    traffic, limits, faults = Traffic(), Limits(config.serve, folder.spool), ServiceFaults()
    threading.excepthook = partial(thread_ended, faults)
    screen = opened.enter_context(open_screen(traffic, quiet=order.quiet))
    first = FirstStart(database, screen, with_user="web" in order.parts and config.console.sign_in == "local")
    tokens, receives = KnownTokens(database, folder.tokens), "ingest" in order.parts
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
    screen.started(config.serve.listen, folder.path, token, order.parts)
    screen.warned(_warnings(order, config))
    if "hunt" in order.parts:
        plan = HuntPlan(folder, config, order.watched)
        schedule = opened.enter_context(hunting(plan, database, traffic, screen, faults))
    looks = [ClockSteps().faults, DatabaseFiles(database, folder.path).faults]
    looks.append(SnapshotFiles(folder, schedule.ask if schedule is not None else None).faults)
    opened.enter_context(telling_of_faults(faults, looks, config, screen))
    inlet = (traffic, limits) if receives else (None, None)
    served = PageSources(folder, tokens, inlet[0], inlet[1], schedule, database, faults=faults)
    console: Application | None = None
    if "web" in order.parts:
        screen.console_ready(config.serve.listen, password)
        served, console = console_of(opened, served, database, config)
    receiver = None
    if receives:
        receiver = receiver_of(opened, served, limits, traffic, config, screen)
    screen.watch(schedule, folder, database)
    run_server(server_of(dispatcher(receiver, pages_of(served), served.gateways, console), config.serve.listen))


def _checked(order: ServeOrder, config: Config, database: WatchDatabase) -> int:
    database.open_now()
    check_port(config.serve.listen)
    check_broker(config.serve)
    for text in _warnings(order, config):
        message_console().print(f"Warning: {text}.", markup=False, soft_wrap=True)
    message_console().print(f"settings, data folder, database and {config.serve.listen} can be used")
    return 0


def _tell_refused(folder: DataFolder, config: Config, error: StillhuntError) -> None:
    """Tell everybody who gets alerts that this server does not start, so that nothing is enforced."""
    tell_failed_start(folder.path / FAILED_START_FILE, error.what, config.alerts, receivers_with(config.alerts))


def _warnings(order: ServeOrder, config: Config) -> list[str]:
    """What is allowed, and weaker than it could be."""
    raise_descriptor_limit()
    shown = config.console.warnings() if "web" in order.parts else []
    return [*shown, *filter(None, (descriptor_warning(),))]


def run_watch(order: ServeOrder, *, once: bool) -> int:
    """Hunt in logs that grow until the process is stopped.

    Returns:
        The exit code of a single hunt: 1 where it failed, 4 where acknowledged requests are missing or damaged.

    Raises:
        StillhuntError: settings, folder or database cannot be used, or another process does the same work.
    """
    allow_draining()
    config = Config.load(nested_settings(order.settings), file=order.settings_file)
    _check_watched(order.watched)
    folder = DataFolder(order.data)
    database = open_database(folder.path, config.watch.database, later=True)
    policy_of(folder, config)
    with ExitStack() as opened:
        opened.enter_context(folder.role("serve-hunt"))
        with open_progress(quiet=order.quiet) as progress:
            compile_once(progress)
        screen = opened.enter_context(open_screen(None, quiet=order.quiet))
        if once:
            database.open_now()
            outcome = hunt_in_child(HuntPlan(folder, config, order.watched, time.time_ns() // 1000))
            screen.hunted(outcome, folder)
            if outcome.sequence is not None:
                decide_found(HuntPlan(folder, config, order.watched), database, screen)
            return EXIT_ERROR if outcome.failure else EXIT_PARTIAL if outcome.damage else EXIT_NOTHING
        screen.started("", folder.path, "", order.parts)
        plan, faults = HuntPlan(folder, config, order.watched), ServiceFaults()
        opened.enter_context(reaching(database, DatabaseProbe(database, KnownTokens(database), faults), screen))
        with hunting(plan, database, Traffic(), screen, faults) as schedule:
            screen.watch(schedule, folder, database)
            threading.Event().wait()
    return 0


def _check_watched(paths: Sequence[str]) -> None:
    """Refuse a path that is not there: later, one that has no logs yet is waited for."""
    for text in paths:
        if "://" not in text and not glob.has_magic(text) and not Path(text).exists():
            raise InputError(
                "no such file or folder", where=shorten(text, _SHOWN_CHARACTERS), next_step="check the path"
            )
