"""Parts of `stillhunt serve` and `watch`: each is begun, runs in threads of its own, and is ended."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from stillhunt.base.config import Config
from stillhunt.base.errors import StillhuntError
from stillhunt.cli.live_screen import Screen
from stillhunt.cli.progress import MEGABYTE
from stillhunt.decide.between_hunts import BetweenHunts
from stillhunt.decide.live import LiveDecisions
from stillhunt.decide.running import decide_latest, policy_of
from stillhunt.decide.signature_answers import SignatureAnswers
from stillhunt.decide.verified import VERIFIED_FILE
from stillhunt.watch.alerts.fault_alerts import FaultAlerts
from stillhunt.watch.alerts.sender import Sender, receivers_with
from stillhunt.watch.child import HuntOutcome
from stillhunt.watch.database.probe import DatabaseProbe
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.following import following
from stillhunt.watch.hunting import HuntPlan
from stillhunt.watch.schedule import HuntSchedule, after_hunt, report_damage
from stillhunt.watch.service_faults import FaultLook, FaultLooks, ServiceFaults
from stillhunt.watch.spool.committer import Committer
from stillhunt.watch.spool.dead_letters import DeadLetters
from stillhunt.watch.spool.open_part import close_left_behind
from stillhunt.watch.tokens import ADMIN, INGEST, has_tokens, make_token
from stillhunt.web.api_routes import ApiSources
from stillhunt.web.brokers import fetching
from stillhunt.web.console.app import console_app
from stillhunt.web.console.context import Console
from stillhunt.web.console.snapshot import LatestSource
from stillhunt.web.database_threads import DatabaseThreads
from stillhunt.web.decoders import Decoders
from stillhunt.web.gateways import Gateways
from stillhunt.web.pages import PageSources
from stillhunt.web.people.people import people_of
from stillhunt.web.people.users import first_admin
from stillhunt.web.receiver import Receiver
from stillhunt.web.server import Application
from stillhunt.web.traffic import CallCounts, Limits, Traffic

FIRST_NAME = "first start"


class FirstStart:
    """Makes what a new data folder needs as soon as its database is open, which may be after the server began.

    Args:
        screen: shows what is made late.
        with_user: whether people sign in with passwords of this console.
    """

    def __init__(self, database: WatchDatabase, screen: Screen, *, with_user: bool) -> None:
        self._database, self._screen, self._with_user = database, screen, with_user
        self._lock = threading.Lock()
        self._begun = False
        self._token = self._password = ""

    def make(self) -> None:
        """Make what is not there yet.

        Raises:
            OutputError: the database cannot be used now.
        """
        token = "" if has_tokens(self._database) else make_token(self._database, FIRST_NAME, frozenset((INGEST, ADMIN)))
        password = first_admin(self._database) if self._with_user else ""
        with self._lock:
            self._token, self._password, late = token, password, self._begun
        if late:
            self._screen.database_came(token, password)

    def begin(self) -> tuple[str, str]:
        """The token and the password to be shown now, "" for what was not made; later ones are shown by themselves."""
        with self._lock:
            self._begun = True
            return self._token, self._password


@contextmanager
def reaching(
    database: WatchDatabase,
    probe: DatabaseProbe,
    screen: Screen,
    refused: Callable[[StillhuntError], None] = lambda _: None,
) -> Iterator[None]:
    """The database, opened as soon as it is there; a server that is just starting is waited for."""
    probe.start()
    try:
        if probe.failure is not None:
            if not database.may_come(probe.failure):
                refused(probe.failure)
                raise probe.failure
            screen.waits(probe.failure)
        yield
    finally:
        probe.stop()


def thread_ended(faults: ServiceFaults, ended: threading.ExceptHookArgs) -> None:
    """What Python calls where a thread ends by an error that nothing in it caught."""
    name = ended.thread.name if ended.thread is not None else ""
    if name.startswith("stillhunt-"):
        faults.begin(f"thread {name.removeprefix('stillhunt-')}", f"the thread '{name}' ended; restart the server")
    if ended.exc_value is not None:
        logging.getLogger("uvicorn.error").error("thread %s", name, exc_info=ended.exc_value)


@contextmanager
def telling_of_faults(
    faults: ServiceFaults, looks: Sequence[FaultLook], config: Config, screen: Screen
) -> Iterator[None]:
    """Everybody who gets alerts hears of faults of this process, and the screen shows them."""
    alerts = FaultAlerts(faults, config.alerts, receivers_with(config.alerts), screen.fault)
    looking = FaultLooks(faults, looks)
    alerts.start()
    looking.start()
    try:
        yield
    finally:
        looking.stop()
        alerts.stop()


@contextmanager
def hunting(
    plan: HuntPlan, database: WatchDatabase, traffic: Traffic, screen: Screen, faults: ServiceFaults
) -> Iterator[HuntSchedule]:
    """Hunts on schedule, what follows each of them, and the sending of alerts."""

    def after(done: HuntPlan, outcome: HuntOutcome, failures: int) -> None:
        report_damage(faults, outcome.damage)
        after_hunt(done, database, outcome, failures)
        screen.hunted(outcome, done.data)
        if outcome.sequence is not None:
            decide_found(done, database, screen)

    sender = Sender(plan.data, database, receivers_with(plan.config.alerts))
    schedule = HuntSchedule(plan, traffic.total, after)
    between = BetweenHunts(plan.data, database, plan.config, screen.decided, screen.undecided)
    for thread in (*sender.threads, schedule.thread, between.thread):
        thread.report_to(faults)
    sender.start()
    schedule.start()
    between.start()
    try:
        with following(plan, faults):
            yield schedule
    finally:
        between.stop()
        schedule.stop()
        sender.stop()


def decide_found(plan: HuntPlan, database: WatchDatabase, screen: Screen) -> None:
    """Apply the policy to what was just found; one that cannot be used now decides nothing, and the screen says so."""
    try:
        policy = policy_of(plan.data, plan.config)
        if policy is not None:
            screen.decided(decide_latest(plan.data, database, plan.config, policy, time.time_ns() // 1000))
    except StillhuntError as error:
        screen.undecided(error)


def console_of(
    opened: ExitStack, served: PageSources, database: WatchDatabase, config: Config
) -> tuple[PageSources, Application]:
    """The API, what gateways ask, and the console."""
    folder, tokens, threads = served.folder, served.tokens, DatabaseThreads(served.faults)
    signatures = SignatureAnswers(folder, database, config)
    decisions = opened.enter_context(_decisions(served, database, signatures, config))
    decisions.thread.report_to(served.faults)
    people, source = people_of(database, config.console, threads), LatestSource(folder)
    source.begin()
    shown = Console(
        source,
        config,
        folder,
        database,
        served.schedule,
        served.traffic,
        served.limits,
        decisions,
        served.faults,
        threads,
    )
    api = ApiSources(database, tokens, decisions, threads)
    calls = served.traffic.calls if served.traffic is not None else None
    gateways = Gateways(decisions, tokens, config.decide, signatures, calls)
    opened.enter_context(_comparing(gateways.calls, served.faults))
    opened.callback(gateways.stop)
    return replace(served, api=api, gateways=gateways), console_app(shown, people)


@contextmanager
def _decisions(
    served: PageSources, database: WatchDatabase, signatures: SignatureAnswers, config: Config
) -> Iterator[LiveDecisions]:
    """Decisions in memory that follow the database, and what is read with them."""
    folder = served.folder
    others = {"tokens": served.tokens.refresh, "signatures": signatures.refresh}
    allowed = frozenset(config.sanctioned.accounts)
    kept = folder.path / VERIFIED_FILE
    decisions = LiveDecisions(database, partial(policy_of, folder, config), allowed, others, kept)
    decisions.start()
    looks = FaultLooks(served.faults, [decisions.faults])
    looks.start()
    try:
        yield decisions
    finally:
        looks.stop()
        decisions.stop()


@contextmanager
def _comparing(calls: CallCounts, faults: ServiceFaults) -> Iterator[None]:
    """Calls that arrive, against questions of gateways."""
    watching = FaultLooks(faults, [calls.faults])
    watching.start()
    try:
        yield
    finally:
        watching.stop()


def receiver_of(
    opened: ExitStack, served: PageSources, limits: Limits, traffic: Traffic, config: Config, screen: Screen
) -> Receiver:
    """What takes records over HTTP, and from a broker where one is set."""
    screen.recovered(close_left_behind(served.folder.spool))
    committer = opened.enter_context(_committing(served.folder, served.faults))
    letters = DeadLetters(served.folder.dead_letters)
    opened.enter_context(fetching(config.serve, committer, limits, traffic, letters, served.faults))
    decoders = Decoders(int(config.serve.max_body_mb * MEGABYTE))
    opened.callback(decoders.stop)
    return Receiver(committer, served.tokens, limits, traffic, decoders, letters)


@contextmanager
def _committing(folder: DataFolder, faults: ServiceFaults) -> Iterator[Committer]:
    committer = Committer(folder.spool, faults=faults)
    committer.thread.report_to(faults)
    try:
        yield committer
    finally:
        committer.stop()
