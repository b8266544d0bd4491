"""`stillhunt serve` and `stillhunt watch`: the parts of the watch in one process, until it is stopped."""

from __future__ import annotations

import glob
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.base.errors import InputError, StillhuntError
from stillhunt.base.formatting import shorten
from stillhunt.base.memory import keep_little_memory
from stillhunt.cli.compiling import compile_once
from stillhunt.cli.findings import EXIT_ERROR
from stillhunt.cli.hunting import nested_settings
from stillhunt.cli.live_screen import Screen, open_screen
from stillhunt.cli.ports import check_port
from stillhunt.cli.progress import MEGABYTE, open_progress
from stillhunt.cli.terminal import message_console
from stillhunt.decide.between_hunts import BetweenHunts
from stillhunt.decide.live import LiveDecisions
from stillhunt.decide.running import decide_latest, policy_of
from stillhunt.decide.signature_answers import SignatureAnswers
from stillhunt.watch.after_hunt import after_hunt
from stillhunt.watch.alerts.sender import Sender, receivers_with
from stillhunt.watch.child import HuntOutcome, hunt_in_child
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.following import following
from stillhunt.watch.hunting import HuntPlan
from stillhunt.watch.schedule import HuntSchedule
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.spool.committer import Committer
from stillhunt.watch.spool.dead_letters import DeadLetters
from stillhunt.watch.spool.parts import close_left_behind
from stillhunt.watch.tokens import ADMIN, INGEST, KnownTokens, has_tokens, make_token
from stillhunt.web.api_routes import ApiSources
from stillhunt.web.brokers import check_broker, fetching
from stillhunt.web.console.app import console_app
from stillhunt.web.console.context import Console
from stillhunt.web.console.snapshot import LatestSource
from stillhunt.web.decoders import Decoders
from stillhunt.web.descriptors import descriptor_warning, raise_descriptor_limit
from stillhunt.web.gateways import Gateways
from stillhunt.web.pages import PageSources, pages_of
from stillhunt.web.people.people import people_of
from stillhunt.web.people.users import first_admin
from stillhunt.web.receiver import Receiver
from stillhunt.web.server import Application, dispatcher, run_server, server_of
from stillhunt.web.traffic import Limits, Traffic

FIRST_NAME = "first start"
_SHOWN_CHARACTERS = 80
SERVE_PARTS = ("ingest", "hunt", "web")


@dataclass(frozen=True)
class ServeOrder:
    """What was asked for on the command line.

    Attributes:
        data: the data folder.
        parts: of SERVE_PARTS.
        watched: logs that are read in place.
        settings: dotted name -> text of the value.
        settings_file: file of settings in place of ./stillhunt.toml.
        quiet: print errors only.
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
        order: what was asked for.
        check: check everything that can be checked, and stop.

    Returns:
        The exit code.

    Raises:
        StillhuntError: settings, folder, database or port cannot be used, or another process does the same work.
    """
    config = Config.load(nested_settings(order.settings), file=order.settings_file)
    _check_watched(order.watched)
    folder = DataFolder(order.data)
    database = WatchDatabase(config.watch.database, folder.database)
    policy_of(folder, config)
    if check:
        check_port(config.serve.listen)
        check_broker(config.serve)
        for text in _warnings(order, config):
            message_console().print(f"Warning: {text}.", markup=False, soft_wrap=True)
        message_console().print(f"settings, data folder, database and {config.serve.listen} can be used")
        return 0
    keep_little_memory()
    with ExitStack() as opened:
        for part in sorted(order.parts):
            opened.enter_context(folder.role(f"serve-{part}"))
        check_port(config.serve.listen)
        token = _first_token(database)
        if "hunt" in order.parts:
            with open_progress(quiet=order.quiet) as progress:
                compile_once(progress)
        traffic, limits, faults = Traffic(), Limits(config.serve, folder.spool), ServiceFaults()
        screen = opened.enter_context(open_screen(traffic, quiet=order.quiet))
        screen.started(config.serve.listen, folder.path, token, order.parts)
        screen.warned(_warnings(order, config))
        schedule = None
        if "hunt" in order.parts:
            plan = HuntPlan(folder, config, order.watched)
            schedule = opened.enter_context(_hunting(plan, database, traffic, screen))
        tokens, receives = KnownTokens(database), "ingest" in order.parts
        inlet = (traffic, limits) if receives else (None, None)
        served = PageSources(folder, tokens, inlet[0], inlet[1], schedule, database, faults=faults)
        console: Application | None = None
        if "web" in order.parts:
            served, console = _web(opened, served, (database, config), screen)
        receiver = None
        if receives:
            close_left_behind(folder.spool)
            committer = opened.enter_context(_committing(folder))
            opened.enter_context(fetching(config.serve, committer, limits, traffic))
            letters = DeadLetters(folder.dead_letters)
            receiver = Receiver(committer, tokens, limits, traffic, _decoders(opened, config), letters)
        screen.watch(schedule, folder, database)
        run_server(server_of(dispatcher(receiver, pages_of(served), served.gateways, console), config.serve.listen))
    return 0


def _decoders(opened: ExitStack, config: Config) -> Decoders:
    decoders = Decoders(int(config.serve.max_body_mb * MEGABYTE))
    opened.callback(decoders.stop)
    return decoders


def _web(
    opened: ExitStack, served: PageSources, kept: tuple[WatchDatabase, Config], screen: Screen
) -> tuple[PageSources, Application]:
    """The API, what gateways ask, and the console."""
    (database, config), folder, tokens = kept, served.folder, served.tokens
    signatures = SignatureAnswers(folder, database, config)
    decisions = opened.enter_context(_decisions(folder, database, (tokens, signatures), config))
    people, source = people_of(database, config.console), LatestSource(folder)
    source.begin()
    shown = Console(source, config, folder, database, served.schedule, served.traffic, served.limits, decisions)
    screen.console_ready(config.serve.listen, first_admin(database) if people.desk is not None else "")
    api = ApiSources(database, tokens, decisions)
    gateways = Gateways(decisions, tokens, config.decide, signatures)
    opened.callback(gateways.stop)
    return replace(served, api=api, gateways=gateways), console_app(shown, people)


def _warnings(order: ServeOrder, config: Config) -> list[str]:
    """What is allowed, and weaker than it could be."""
    raise_descriptor_limit()
    shown = config.console.warnings() if "web" in order.parts else []
    return [*shown, *filter(None, (descriptor_warning(),))]


def run_watch(order: ServeOrder, *, once: bool) -> int:
    """Hunt in logs that grow until the process is stopped.

    Args:
        order: what was asked for.
        once: hunt once only.

    Returns:
        The exit code: 1 where a single hunt failed.

    Raises:
        StillhuntError: settings, folder or database cannot be used, or another process does the same work.
    """
    config = Config.load(nested_settings(order.settings), file=order.settings_file)
    _check_watched(order.watched)
    folder = DataFolder(order.data)
    database = WatchDatabase(config.watch.database, folder.database)
    policy_of(folder, config)
    with ExitStack() as opened:
        opened.enter_context(folder.role("serve-hunt"))
        with open_progress(quiet=order.quiet) as progress:
            compile_once(progress)
        screen = opened.enter_context(open_screen(None, quiet=order.quiet))
        if once:
            outcome = hunt_in_child(HuntPlan(folder, config, order.watched, time.time_ns() // 1000))
            screen.hunted(outcome, folder)
            if outcome.sequence is not None:
                _decide(HuntPlan(folder, config, order.watched), database, screen)
            return EXIT_ERROR if outcome.failure else 0
        screen.started("", folder.path, "", order.parts)
        plan = HuntPlan(folder, config, order.watched)
        with _hunting(plan, database, Traffic(), screen) as schedule:
            screen.watch(schedule, folder, database)
            threading.Event().wait()
    return 0


@contextmanager
def _hunting(plan: HuntPlan, database: WatchDatabase, traffic: Traffic, screen: Screen) -> Iterator[HuntSchedule]:
    """Hunts on schedule, what follows each of them, and the sending of alerts."""

    def after(done: HuntPlan, outcome: HuntOutcome, failures: int) -> None:
        after_hunt(done, database, outcome, failures)
        screen.hunted(outcome, done.data)
        if outcome.sequence is not None:
            _decide(done, database, screen)

    sender = Sender(plan.data, database, receivers_with(plan.config.alerts))
    schedule = HuntSchedule(plan, traffic.total, after)
    between = BetweenHunts(plan.data, database, plan.config, screen.decided, screen.undecided)
    sender.start()
    schedule.start()
    between.start()
    try:
        with following(plan):
            yield schedule
    finally:
        between.stop()
        schedule.stop()
        sender.stop()


def _decide(plan: HuntPlan, database: WatchDatabase, screen: Screen) -> None:
    """Apply the policy to what was just found; one that cannot be used now decides nothing, and the screen says so."""
    try:
        policy = policy_of(plan.data, plan.config)
        if policy is not None:
            screen.decided(decide_latest(plan.data, database, policy, time.time_ns() // 1000))
    except StillhuntError as error:
        screen.undecided(error)


@contextmanager
def _decisions(
    folder: DataFolder, database: WatchDatabase, beside: tuple[KnownTokens, SignatureAnswers], config: Config
) -> Iterator[LiveDecisions]:
    """Decisions in memory that follow the database, and what is read with them."""
    others = {"tokens": beside[0].refresh, "signatures": beside[1].refresh}
    allowed = frozenset(config.sanctioned.accounts)
    decisions = LiveDecisions(database, partial(policy_of, folder, config), allowed, others)
    decisions.start()
    try:
        yield decisions
    finally:
        decisions.stop()


@contextmanager
def _committing(folder: DataFolder) -> Iterator[Committer]:
    committer = Committer(folder.spool)
    try:
        yield committer
    finally:
        committer.stop()


def _first_token(database: WatchDatabase) -> str:
    """A token for a folder that has none yet; empty for others."""
    return "" if has_tokens(database) else make_token(database, FIRST_NAME, frozenset((INGEST, ADMIN)))


def _check_watched(paths: Sequence[str]) -> None:
    """Refuse a path that is not there: later, one that has no logs yet is waited for."""
    for text in paths:
        if "://" not in text and not glob.has_magic(text) and not Path(text).exists():
            raise InputError(
                "no such file or folder", where=shorten(text, _SHOWN_CHARACTERS), next_step="check the path"
            )
