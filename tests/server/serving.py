"""A real server on loopback, with the receiver and the pages of `stillhunt serve`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.decide.running import policy_of
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt_server.api.api_routes import ApiSources
from stillhunt_server.api.gateway_home import GatewayHome
from stillhunt_server.api.gateways import Gateways
from stillhunt_server.api.pages import PageSources, pages_of
from stillhunt_server.database_threads import DatabaseThreads
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.enforcing.signature_answers import SignatureAnswers
from stillhunt_server.receiving.committer import Committer
from stillhunt_server.receiving.dead_letters import DeadLetters
from stillhunt_server.receiving.decoders import Decoders
from stillhunt_server.receiving.receiver import Receiver
from stillhunt_server.receiving.traffic import Limits, Traffic
from stillhunt_server.server import dispatcher, server_of
from stillhunt_server.tokens import ADMIN, INGEST, KnownTokens, make_token


@dataclass(frozen=True)
class Running:
    """A running server and what is behind it."""

    port: int
    token: str
    admin: str
    folder: DataFolder
    database: WatchDatabase
    traffic: Traffic
    committer: Committer
    decisions: LiveDecisions
    faults: ServiceFaults


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(data: Path, config: Config | None = None, port: int = 0) -> Iterator[Running]:
    config = config or Config()
    folder = DataFolder(data)
    database = WatchDatabase("", folder.database)
    token = make_token(database, "gateway", frozenset((INGEST,)), "gateway")
    admin = make_token(database, "admin", frozenset((ADMIN,)))
    committer, traffic, limits = Committer(folder.spool), Traffic(), Limits(config.serve, folder.spool)
    tokens = KnownTokens(database)
    decoders, letters = Decoders(int(config.serve.max_body_mb * 1e6)), DeadLetters(folder.dead_letters)
    receiver = Receiver(committer, tokens, limits, traffic, decoders, letters)
    port = port or free_port()
    signatures = SignatureAnswers(folder, database, config)
    others = {"tokens": tokens.refresh, "signatures": signatures.refresh}
    decisions = LiveDecisions(database, partial(policy_of, folder, config), others=others)
    decisions.start()
    faults = ServiceFaults()
    api = ApiSources(database, tokens, decisions, DatabaseThreads(faults), folder)
    home = GatewayHome(folder, database, config)
    gateways = Gateways(decisions, tokens, config.decide, signatures, traffic.calls, home)
    pages = pages_of(PageSources(folder, tokens, traffic, limits, None, database, api, gateways, faults))
    server = server_of(dispatcher(receiver, pages, gateways), f"127.0.0.1:{port}")
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    try:
        yield Running(port, token, admin, folder, database, traffic, committer, decisions, faults)
    finally:
        server.should_exit = True
        thread.join()
        decisions.stop()
        committer.stop()
        decoders.stop()
        gateways.stop()
        database.close()
