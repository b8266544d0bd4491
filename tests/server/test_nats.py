"""NATS JetStream as an inlet, with a real server: what is acknowledged is on disk, and a hunt counts it once."""

from __future__ import annotations

import errno
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import stillhunt
from stillhunt.base.config import Config
from stillhunt.base.config_live import ServeSettings
from stillhunt.base.errors import ConfigError
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.spool.closing import close_left_behind
from stillhunt.watch.spool.parts import Stream, closed_parts, open_parts
from stillhunt_server.receiving import committer as committer_module
from stillhunt_server.receiving.bodies import Records
from stillhunt_server.receiving.brokers import check_broker
from stillhunt_server.receiving.committer import Committer
from stillhunt_server.receiving.dead_letters import DeadLetters
from stillhunt_server.receiving.messages import BrokerMessage
from stillhunt_server.receiving.traffic import Limits, Traffic
from watch.small_world import lines

pytest.importorskip("nats", reason="nats-py is not installed: pip install 'stillhunt[nats]'")

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from server.nats_servers import STREAM, Broker, broker
from stillhunt_server.receiving import broker_inlet
from stillhunt_server.receiving.broker_inlet import INLET_PACE
from stillhunt_server.receiving.nats_inlet import NatsInlet

pytestmark = pytest.mark.service
QUICK = INLET_PACE._replace(fetch_seconds=0.2, acknowledge_seconds=2.0, first_wait=0.2, longest_wait=0.5)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path / "broker") as running:
        yield running


def settings_of(server: Broker, **others: object) -> ServeSettings:
    return ServeSettings(nats_url=server.url, nats_stream=STREAM, **others)


@contextmanager
def fetching(
    server: Broker, folder: DataFolder, settings: ServeSettings | None = None, faults: ServiceFaults | None = None
) -> Iterator[tuple[Traffic, Committer]]:
    settings = settings or settings_of(server)
    committer, traffic, letters = Committer(folder.spool), Traffic(), DeadLetters(folder.dead_letters)
    inlet = NatsInlet(settings, committer, Limits(settings, folder.spool), traffic, letters, QUICK)
    inlet.thread.report_to(faults or ServiceFaults())
    inlet.start()
    try:
        yield traffic, committer
    finally:
        inlet.stop()
        committer.stop()


def until(held: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not held():
        assert time.monotonic() < end, "it did not happen in time"
        threading.Event().wait(0.05)


def stored(folder: DataFolder) -> list[bytes]:
    """Lines on disk, whether their part is closed or not."""
    parts = [*closed_parts(folder.spool), *open_parts(folder.spool)]
    return b"".join(part.read_bytes() for part in parts if ".jsonl" in part.name).splitlines()


def test_records_of_every_kind_are_on_disk_before_they_are_acknowledged(server: Broker, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="chat")
    server.publish(
        [
            ("calls.app", b'{"request_id": "1"}\n{"request_id": "2"}\n', {}),
            ("calls.litellm", b'[{"id": "a"}]', {"Content-Type": "application/json"}),
            ("calls.eu.traces", request.SerializeToString(), {"Content-Type": "application/x-protobuf"}),
            ("calls.app", gzip.compress(b'{"request_id": "3"}'), {"Content-Encoding": "gzip"}),
        ]
    )
    with fetching(server, folder) as (traffic, _):
        until(lambda: traffic.total() == 5)
        until(lambda: server.unacknowledged() == 0)
        kinds = {part.name.split("-")[-1] for part in open_parts(folder.spool)}
        assert kinds == {"jsonl.jsonl.open", "litellm.jsonl.open", "traces.pb.open"}
        assert {part.parent.parent.name for part in open_parts(folder.spool)} == {"nats"}
        assert traffic.problems == {}
        assert len(traffic.lag_seconds) > 0
    assert sorted(stored(folder)) == [b'{"id": "a"}', *(b'{"request_id": "%d"}' % n for n in (1, 2, 3))]


def test_what_cannot_be_decoded_is_counted_and_never_comes_again(server: Broker, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    server.publish(
        [
            ("calls.app", b"no JSON", {}),
            ("calls.app", b"\x1f\x8b broken", {"Content-Encoding": "gzip"}),
            ("calls.app", gzip.compress(b"[" * 40_000_000), {"Content-Encoding": "gzip"}),
            ("calls.traces", b"\xff\xff", {"Content-Type": "application/x-protobuf"}),
            ("calls.app", b'{"request_id": "1"}\n[]\n', {}),
            ("calls.app", b"", {}),
        ]
    )
    with fetching(server, folder) as (traffic, _):
        until(lambda: traffic.total() == 1 and traffic.refused["nats", "not decodable"] == 5)
        until(lambda: server.unacknowledged() == 0)  # and what is acknowledged is never delivered again
        assert traffic.refused["nats", "not decodable"] == 5
        assert traffic.total() == 1


def test_records_nested_to_any_depth_do_not_end_the_inlet(server: Broker, tmp_path: Path) -> None:
    folder, deep = DataFolder(tmp_path / "data"), range(900, 1010)
    nested = [b'{"litellm_call_id": "deep", "a": NaN,\n "b": ' + b"[" * depth + b"]" * depth + b"}" for depth in deep]
    server.publish([("calls.litellm", body, {}) for body in (*nested, b'{"id": "after"}')])
    with fetching(server, folder) as (traffic, _):
        until(lambda: not traffic.problems and server.unacknowledged() == 0)
    found = stored(folder)
    assert sum(b"after" in line for line in found) == 1
    assert len(found) - 1 + sum(traffic.refused.values()) == len(deep)


def test_a_fetch_without_messages_does_not_end_the_inlet(
    server: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that dies while it is asked leaves an empty list."""
    folder, subscription = DataFolder(tmp_path / "data"), JetStreamContext.PullSubscription
    usual, fetched = subscription.fetch, [0]

    async def fetch(self: Any, *words: Any, **named: Any) -> list[Msg]:
        fetched[0] += 1
        return [] if fetched[0] == 1 else await usual(self, *words, **named)

    monkeypatch.setattr(subscription, "fetch", fetch)
    server.publish([("calls.litellm", b'{"id": "a"}', {})])
    faults = ServiceFaults()
    with fetching(server, folder, faults=faults):
        until(lambda: len(stored(folder)) == 1)
    assert faults.current() == ()


@pytest.fixture
def undecodable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours: messages that hold the word poison cannot be decoded."""
    usual = broker_inlet.decode_message

    def fails(message: BrokerMessage, source: str, longest: int, **named: bool) -> tuple[Stream, Records]:
        if b"poison" in message.data:
            raise RecursionError("maximum recursion depth exceeded")
        return usual(message, source, longest, **named)

    monkeypatch.setattr(broker_inlet, "decode_message", fails)


@pytest.mark.usefixtures("undecodable")
def test_what_a_fault_of_ours_keeps_from_being_decoded_is_a_dead_letter(server: Broker, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    server.publish([("calls.litellm", body, {}) for body in (b'{"id": "poison"}', b'{"id": "a"}', b'{"id": "b"}')])
    with fetching(server, folder) as (traffic, _):
        until(lambda: not traffic.problems and server.unacknowledged() == 0)
    assert (len(stored(folder)), dict(traffic.refused)) == (2, {("nats", "dead letter"): 1})
    (letter,) = folder.dead_letters.iterdir()
    assert letter.read_bytes().endswith(b'{"id": "poison"}')


@pytest.mark.usefixtures("undecodable")
def test_a_message_that_cannot_be_kept_stays_with_the_broker(
    server: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = DataFolder(tmp_path / "data")
    monkeypatch.setattr(DeadLetters, "keep", lambda *_: False)
    server.publish([("calls.litellm", body, {}) for body in (b'{"id": "poison"}', b'{"id": "a"}')])
    with fetching(server, folder):
        until(lambda: bool(stored(folder)) and server.unacknowledged() == 1)
    assert len(stored(folder)) == 1


def test_a_server_that_is_killed_is_found_again(server: Broker, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    batches = [[("calls.app", json.dumps({"request_id": f"{b}-{n}"}).encode(), {}) for n in range(300)] for b in (0, 1)]
    server.publish(batches[0])
    with fetching(server, folder) as (traffic, _):
        until(lambda: traffic.total() >= 1)
        server.kill()
        until(lambda: "nats" in traffic.problems)
        assert "s3cret" not in traffic.problems["nats"]
        server.start()
        server.publish(batches[1])
        until(lambda: len(set(stored(folder))) == 600)
        until(lambda: server.unacknowledged() == 0)
        assert traffic.problems == {}


KILLED = """
import os, signal, sys, threading
from pathlib import Path
import nats.aio.msg
from stillhunt.base.config_live import ServeSettings
from stillhunt.watch.folder import DataFolder
from stillhunt_server.receiving.committer import Committer
from stillhunt_server.receiving.dead_letters import DeadLetters
from stillhunt_server.receiving.nats_inlet import NatsInlet
from stillhunt_server.receiving.traffic import Limits, Traffic

async def killed(_message):
    os.kill(os.getpid(), signal.SIGKILL)

nats.aio.msg.Msg.ack = killed
folder, settings = DataFolder(Path(sys.argv[1])), ServeSettings(nats_url=sys.argv[2], nats_stream="calls")
letters = DeadLetters(folder.dead_letters)
NatsInlet(settings, Committer(folder.spool), Limits(settings, folder.spool), Traffic(), letters).start()
threading.Event().wait(60)
"""
"""A consumer that dies after the sync and before the acknowledgement of the first batch."""


def test_killed_between_sync_and_acknowledgement_it_counts_each_request_once(server: Broker, tmp_path: Path) -> None:
    folder, sent = DataFolder(tmp_path / "data"), lines()[:600]
    with fetching(server, folder) as (traffic, _):  # makes the consumer, with a short time until messages come again
        until(lambda: not traffic.problems)
    server.publish([("calls.app", b"".join(sent[at : at + 100]), {}) for at in range(0, len(sent), 100)])
    died = subprocess.run([sys.executable, "-c", KILLED, str(folder.path), server.url], timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL
    close_left_behind(folder.spool)
    before = len(stored(folder))
    assert before > 0
    with fetching(server, folder) as (traffic, _):
        until(lambda: traffic.total() == len(sent))
        until(lambda: server.unacknowledged() == 0)
    assert len(stored(folder)) == before + len(sent)
    case = stillhunt.hunt([str(part) for part in closed_parts(folder.spool)])
    assert case.run["counts"]["requests"] == len(sent)


def test_without_room_messages_stay_with_the_broker(
    server: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, synced = DataFolder(tmp_path / "data"), os.fdatasync
    server.publish([("calls.app", b'{"request_id": "%d"}' % n, {}) for n in range(20)])
    with fetching(server, folder, settings_of(server, free_gb=1e9)) as (traffic, _):
        until(lambda: traffic.waiting.get("nats") == 20 and "serve.free_gb" in traffic.problems.get("nats", ""))
        assert stored(folder) == []

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with fetching(server, folder) as (traffic, _):
        monkeypatch.setattr(committer_module.os, "fdatasync", full)
        until(lambda: "No space left" in traffic.problems.get("nats", ""))
        assert traffic.total() == 0
        monkeypatch.setattr(committer_module.os, "fdatasync", synced)
        until(lambda: traffic.total() == 20)
        until(lambda: server.unacknowledged() == 0)
    assert len(set(stored(folder))) == 20


def test_what_is_wrong_is_said_without_the_password(server: Broker, tmp_path: Path) -> None:
    check_broker(settings_of(server))
    check_broker(ServeSettings())
    wrong = {
        "no stream 'absent'": {"nats_stream": "absent"},
        "Authorization Violation": {"nats_url": server.url.replace("s3cret", "s4cret")},
        "NATS: ": {"nats_url": "nats://warden:s3cret@127.0.0.1:1"},
        "no address": {"nats_url": "nats://warden:s3cret@127.0.0.1:s3cret"},
    }
    for said, values in wrong.items():
        given = ServeSettings(**{"nats_url": server.url, "nats_stream": STREAM, **values})
        with pytest.raises(ConfigError, match=said) as error:
            check_broker(given)
        assert "s3cret" not in str(error.value)
        assert "s4cret" not in str(error.value)
    with pytest.raises(ConfigError, match="no stream: name it"):
        Config.load({"serve": {"nats_url": server.url}}, environ={})


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stillhunt_server.receiving.nats_inlet", None)
    with pytest.raises(ConfigError) as error:
        check_broker(ServeSettings(nats_url="nats://127.0.0.1", nats_stream="calls"))
    assert "stillhunt-server[nats]" in str(error.value.next_step)
