"""Parts of `stillhunt serve` that work on traffic; they bring the libraries of hunts, 150 MB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from stillhunt.base.config import Config
from stillhunt.commands import MEGABYTE, Screen, compile_once, open_progress
from stillhunt.decide.running import policy_of
from stillhunt.decide.verified import VERIFIED_FILE
from stillhunt.live import HuntPlan, hunt_on_schedule
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.schedule import HuntSchedule
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.shared.snapshots import shared_store
from stillhunt.watch.spool.closing import close_left_behind
from stillhunt_server.api.api_routes import ApiSources
from stillhunt_server.api.gateway_home import GatewayHome
from stillhunt_server.api.gateways import Gateways
from stillhunt_server.api.pages import PageSources
from stillhunt_server.database_threads import DatabaseThreads
from stillhunt_server.enforcing.hearing import DecisionHearing
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.enforcing.signature_answers import SignatureAnswers
from stillhunt_server.fault_looks import FaultLooks
from stillhunt_server.receiving.brokers import Intake, fetching
from stillhunt_server.receiving.dead_letters import DeadLetters
from stillhunt_server.receiving.decoders import Decoders
from stillhunt_server.receiving.receiver import Receiver
from stillhunt_server.receiving.snapshot_fetcher import SnapshotFetcher
from stillhunt_server.receiving.stores import fetching_stored, open_sink
from stillhunt_server.receiving.traffic import CallCounts, Limits, Traffic


def answer_gateways(opened: ExitStack, served: PageSources, database: WatchDatabase, config: Config) -> PageSources:
    """What gateways ask, and the API."""
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
    return replace(served, api=ApiSources(database, tokens, decisions, threads, folder), gateways=gateways)


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


def begin_hunts(
    opened: ExitStack,
    folder: DataFolder,
    config: Config,
    paths: tuple[str, ...],
    database: WatchDatabase,
    traffic: Traffic,
    screen: Screen,
    faults: ServiceFaults,
) -> HuntSchedule:
    """Hunt on schedule, also in what receivers of other machines stored.

    Args:
        paths: of logs that are read in place.
    """
    begun: list[HuntSchedule] = []

    def leads() -> bool:
        return bool(begun) and begun[0].progress.leads

    opened.enter_context(_fetching_for_hunts(folder, config, traffic, faults, leads))
    plan = HuntPlan(folder, config, paths)
    begun.append(opened.enter_context(hunt_on_schedule(plan, database, traffic.total, screen, faults)))
    return begun[0]


def compile_kernels(*, quiet: bool) -> None:
    """Compile what was not compiled yet on this machine."""
    with open_progress(quiet=quiet) as progress:
        compile_once(progress)


@contextmanager
def _fetching_for_hunts(
    folder: DataFolder, config: Config, traffic: Traffic, faults: ServiceFaults, leads: Callable[[], bool]
) -> Iterator[None]:
    """Bring what receivers of other machines stored into the spool; do nothing where no store is set."""
    if config.serve.store:
        close_left_behind(folder.spool)
    letters, limits = DeadLetters(folder.dead_letters), Limits(config.serve, folder.spool)
    with fetching_stored(config, folder, Intake(limits, traffic, letters, faults), leads):
        yield
