"""`stillhunt serve`: the parts of the watch and of the server in one process, until it is stopped.

What works on traffic is loaded late, where it is asked for: it brings the libraries of hunts, 150 MB, which a process
that only shows the console does without.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from stillhunt.base.config import Config
from stillhunt.base.container_memory import keep_little_memory
from stillhunt.base.errors import OutputError, StillhuntError
from stillhunt.base.no_pandas import refuse_pandas
from stillhunt.commands import (
    DEFAULT_DATA,
    NewDataOption,
    QuietFlag,
    SetOption,
    SettingsOption,
    WatchedAccountsOption,
    allow_draining,
    load_config,
    message_console,
    open_screen,
    refuse_unused,
)
from stillhunt.decide.running import policy_of
from stillhunt.live import reach_database
from stillhunt.watch.alerts.receivers import receivers_with
from stillhunt.watch.database.probe import DatabaseProbe
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.known_database import open_database
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt_server.api.pages import PageSources, pages_of
from stillhunt_server.commands.pasteable import pasteable_lines, reachable
from stillhunt_server.commands.serving_parts import FirstStart, telling_of_faults, thread_ended
from stillhunt_server.console_process import ConsoleProcess
from stillhunt_server.fault_alerts import tell_failed_start
from stillhunt_server.fault_looks import ClockSteps, DatabaseFiles, SnapshotFiles
from stillhunt_server.people.people import people_of
from stillhunt_server.receiving.descriptors import descriptor_warning, raise_descriptor_limit
from stillhunt_server.receiving.traffic import Limits, Traffic
from stillhunt_server.server import Application, check_port, dispatcher, run_server, server_of
from stillhunt_server.server_news import news_of
from stillhunt_server.tokens import KnownTokens

if TYPE_CHECKING:  # as above
    from stillhunt.watch.schedule import HuntSchedule


class Part(StrEnum):
    """What one process of several does."""

    INGEST = "ingest"
    HUNT = "hunt"
    WEB = "web"
    DECIDE = "decide"
    CONSOLE = "console"


WHOLE = frozenset((Part.INGEST, Part.HUNT, Part.WEB))
"""What one process does alone; the part web answers gateways as well, and has the console in a process of its own."""

FAILED_START_FILE = "failed-start"
"""Touched in a data folder when an alert said that its server does not start."""


def serve(
    context: typer.Context,
    data: NewDataOption = DEFAULT_DATA,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="ADDRESS:PORT", help="Where to listen (serve.listen).")
    ] = None,
    accounts: WatchedAccountsOption = None,
    only: Annotated[
        list[Part] | None,
        typer.Option(
            "--only",
            help="Do only ingest, hunt, web (console and gateways), decide or console; other processes do the rest.",
        ),
    ] = None,
    watched: Annotated[
        list[str] | None,
        typer.Option("--logs", metavar="PATH", help="Also hunt in these logs, in place; may be repeated."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check settings, folder, database and port, and exit.")
    ] = False,
    settings: SetOption = None,
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
) -> None:
    """Receive traffic over HTTP, hunt in it repeatedly, and show what is found.

    Everything is kept in one data folder. The first start prints a token for sending; the lines to paste into LiteLLM
    or an OpenTelemetry collector are printed each time.
    """
    if only and Part.HUNT not in only:
        refuse_unused(context, ("watched",), "only the part 'hunt' reads logs")
    parts, paths = frozenset(only or WHOLE), tuple(watched or ())
    allow_draining()
    config = load_config(settings, settings_file, serve__listen=listen, watch__accounts=accounts)
    if paths:
        from stillhunt.commands import check_watched  # late, see above

        check_watched(paths)
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
    if parts == {"console"}:
        refuse_pandas()
    with ExitStack() as opened:
        _run_server_parts(opened, parts, folder, config, paths, database, quiet=quiet)


def _run_server_parts(
    opened: ExitStack,
    parts: frozenset[str],
    folder: DataFolder,
    config: Config,
    paths: tuple[str, ...],
    database: WatchDatabase,
    *,
    quiet: bool,
) -> None:
    """Begin the parts of a server one after the other, and serve."""
    for part in sorted(parts):
        opened.enter_context(folder.role(f"serve-{part}"))
    check_port(config.serve.listen)
    _compile_kernels(parts, quiet=quiet)
    traffic, limits, faults = Traffic(), Limits(config.serve, folder.spool), ServiceFaults()
    threading.excepthook = partial(thread_ended, faults)
    screen = opened.enter_context(open_screen(traffic, quiet=quiet))
    first = FirstStart(database, screen, with_user=_has_console(parts) and config.console.sign_in == "local")
    tokens, receives = KnownTokens(database, folder.tokens), "ingest" in parts
    schedule: HuntSchedule | None = None

    def again() -> None:
        if schedule is not None and schedule.progress.failures:
            schedule.ask()  # it failed for want of the database, perhaps

    def starts() -> None:
        (folder.path / FAILED_START_FILE).unlink(missing_ok=True)
        first.make()

    probe = DatabaseProbe(
        database, faults, opened=starts, answers_again=again, refresh=tokens.refresh, meanwhile=tokens.tell_age
    )
    opened.enter_context(reach_database(database, probe, screen, partial(_tell_refused, folder, config)))
    token, password = first.begin()
    listen = config.serve.listen
    screen.started(listen, folder.path, parts, pasteable_lines(listen, folder.path, token, parts))
    screen.warned(_list_start_warnings(parts, config))
    if "hunt" in parts:
        from stillhunt_server.commands.traffic_parts import begin_hunts  # late, see above

        schedule = begin_hunts(opened, folder, config, paths, database, traffic, screen, faults)
    files = SnapshotFiles(folder, schedule.ask if schedule is not None else None)
    looks = [ClockSteps().faults, DatabaseFiles(database, folder.path).faults, files.faults]
    opened.enter_context(telling_of_faults(faults, looks, config, screen))
    inlet = (traffic, limits) if receives or config.serve.store else (None, None)
    served = PageSources(folder, tokens, inlet[0], inlet[1], schedule, database, faults=faults)
    if _has_console(parts):
        screen.console_ready(f"http://{reachable(listen)}/", password)
    served = _answer_programs(opened, parts, served, config)
    console = _open_console(opened, parts, served, config)
    receiver = None
    if receives:
        from stillhunt_server.commands.traffic_parts import receiver_of  # late, see above

        receiver = receiver_of(opened, served, limits, traffic, config, screen)
    screen.watch(schedule, folder, database)
    run_server(server_of(dispatcher(receiver, pages_of(served), served.gateways, console), listen))


def _compile_kernels(parts: frozenset[str], *, quiet: bool) -> None:
    """Compile the kernels of hunts, by which signatures are weighed as well, where this process needs them."""
    if not parts <= {"ingest", "console"}:
        from stillhunt_server.commands.traffic_parts import compile_kernels  # late, see above

        compile_kernels(quiet=quiet)


def _has_console(parts: frozenset[str]) -> bool:
    return bool(parts & {"web", "console"})


def _answer_programs(opened: ExitStack, parts: frozenset[str], served: PageSources, config: Config) -> PageSources:
    """Begin what answers gateways, and follow the snapshots of a hunter elsewhere, where this process needs them."""
    database = served.database
    answers, shared = parts & {"web", "decide"}, config.watch.shared or config.serve.store
    if database is None or not (answers or ("console" in parts and shared)):
        return served
    from stillhunt_server.commands.traffic_parts import answer_gateways, follow_snapshots  # late, see above

    if "hunt" not in parts:
        follow_snapshots(opened, served.folder, database, config, served.faults)
    return answer_gateways(opened, served, database, config) if answers else served


def _open_console(opened: ExitStack, parts: frozenset[str], served: PageSources, config: Config) -> Application | None:
    """The console: here, if this process does nothing else, and otherwise in one of its own."""
    if served.database is None or not _has_console(parts):
        return None
    if parts == {"console"}:
        from stillhunt_server.console.data_console import open_data_console  # late: other processes do without

        return open_data_console(served.folder, config, served.database, served.faults)[1]
    people_of(served.database, config.console)  # raises here what the process could only log
    news = partial(news_of, served.schedule, served.traffic, served.limits, served.faults)
    process = ConsoleProcess(served.folder, config, news, served.faults)
    process.start()
    opened.callback(process.stop)
    return process


def _check_server(parts: frozenset[str], config: Config, database: WatchDatabase) -> None:
    database.open_now()
    check_port(config.serve.listen)
    from stillhunt_server.receiving.brokers import check_broker  # late, see above

    check_broker(config.serve)
    for text in _list_start_warnings(parts, config):
        message_console().print(f"Warning: {text}.", markup=False, soft_wrap=True)
    message_console().print(f"settings, data folder, database and {config.serve.listen} can be used")


def _tell_refused(folder: DataFolder, config: Config, error: StillhuntError) -> None:
    """Tell everybody who gets alerts that this server does not start, so that nothing is enforced."""
    tell_failed_start(folder.path / FAILED_START_FILE, error.what, config.alerts, receivers_with(config.alerts))


def _list_start_warnings(parts: frozenset[str], config: Config) -> list[str]:
    """What is allowed, and weaker than it could be."""
    raise_descriptor_limit()
    shown = config.console.warnings() if _has_console(parts) else []
    return [*shown, *filter(None, (descriptor_warning(),))]
