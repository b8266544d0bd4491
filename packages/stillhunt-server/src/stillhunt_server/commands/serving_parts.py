"""Parts of `stillhunt serve`: each is begun, runs in threads of its own, and is ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from stillhunt.base.config import Config
from stillhunt.commands import MEGABYTE, Screen
from stillhunt.decide.running import policy_of
from stillhunt.decide.verified import VERIFIED_FILE
from stillhunt.watch.alerts.receivers import receivers_with
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.shared.snapshots import shared_store
from stillhunt.watch.spool.closing import close_left_behind
from stillhunt_server.api.api_routes import ApiSources
from stillhunt_server.api.gateway_home import GatewayHome
from stillhunt_server.api.gateways import Gateways
from stillhunt_server.api.pages import PageSources
from stillhunt_server.console.app import console_app
from stillhunt_server.console.context import Console
from stillhunt_server.console.snapshot import LatestSource
from stillhunt_server.database_threads import DatabaseThreads
from stillhunt_server.enforcing.hearing import DecisionHearing
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.enforcing.signature_answers import SignatureAnswers
from stillhunt_server.fault_alerts import FaultAlerts
from stillhunt_server.fault_looks import FaultLook, FaultLooks
from stillhunt_server.people.people import people_of
from stillhunt_server.people.users import first_admin
from stillhunt_server.receiving.brokers import Intake, fetching
from stillhunt_server.receiving.dead_letters import DeadLetters
from stillhunt_server.receiving.decoders import Decoders
from stillhunt_server.receiving.receiver import Receiver
from stillhunt_server.receiving.snapshot_fetcher import SnapshotFetcher
from stillhunt_server.receiving.stores import fetching_stored, open_sink
from stillhunt_server.receiving.traffic import CallCounts, Limits, Traffic
from stillhunt_server.server import Application
from stillhunt_server.tokens import ADMIN, INGEST, has_tokens, make_token

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


def console_of(
    opened: ExitStack, served: PageSources, database: WatchDatabase, config: Config
) -> tuple[PageSources, Application]:
    """The API, what gateways ask, and the console."""
    folder = served.folder
    answering, decisions, threads = _answer_gateways(opened, served, database, config)
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
    return answering, console_app(shown, people)


def decider_of(opened: ExitStack, served: PageSources, database: WatchDatabase, config: Config) -> PageSources:
    """What gateways ask and the API, without pages for people."""
    return _answer_gateways(opened, served, database, config)[0]


def _answer_gateways(
    opened: ExitStack, served: PageSources, database: WatchDatabase, config: Config
) -> tuple[PageSources, LiveDecisions, DatabaseThreads]:
    folder, tokens, threads = served.folder, served.tokens, DatabaseThreads(served.faults)
    signatures = SignatureAnswers(folder, database, config)
    decisions = opened.enter_context(_follow_live_decisions(served, database, signatures, config))
    decisions.thread.report_to(served.faults)
    hearing = DecisionHearing(database, decisions.wake, served.faults)
    hearing.start()
    opened.callback(hearing.stop)
    calls = served.traffic.calls if served.traffic is not None else None
    home = GatewayHome(folder, database, config)
    gateways = Gateways(decisions, tokens, config.decide, signatures, calls, home)
    opened.enter_context(_watch_call_counts(gateways.calls, served.faults))
    opened.callback(gateways.stop)
    answering = replace(served, api=ApiSources(database, tokens, decisions, threads), gateways=gateways)
    return answering, decisions, threads


def follow_snapshots(
    opened: ExitStack, folder: DataFolder, database: WatchDatabase, config: Config, faults: ServiceFaults
) -> None:
    """Follow the snapshots of a hunter on another machine; do nothing where none are shared."""
    if (store := shared_store(config)) is not None:
        fetcher = SnapshotFetcher(folder, database, store, faults)
        fetcher.start()
        opened.callback(fetcher.stop)


@contextmanager
def _follow_live_decisions(
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
def _watch_call_counts(calls: CallCounts, faults: ServiceFaults) -> Iterator[None]:
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
    """What takes records over HTTP, and from brokers where they are set."""
    if not config.serve.store:
        screen.recovered(close_left_behind(served.folder.spool))
    sink = opened.enter_context(open_sink(config.serve, served.folder, served.faults))
    letters = DeadLetters(served.folder.dead_letters)
    opened.enter_context(fetching(config.serve, sink, Intake(limits, traffic, letters, served.faults)))
    decoders = Decoders(int(config.serve.max_body_mb * MEGABYTE))
    opened.callback(decoders.stop)
    return Receiver(sink, served.tokens, limits, traffic, decoders, letters)


@contextmanager
def fetching_for_hunts(
    folder: DataFolder, config: Config, traffic: Traffic, faults: ServiceFaults, leads: Callable[[], bool]
) -> Iterator[None]:
    """Bring what receivers of other machines stored into the spool; do nothing where no store is set."""
    if config.serve.store:
        close_left_behind(folder.spool)
    letters, limits = DeadLetters(folder.dead_letters), Limits(config.serve, folder.spool)
    with fetching_stored(config, folder, Intake(limits, traffic, letters, faults), leads):
        yield
