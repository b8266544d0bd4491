"""Receivers without state: what any of them acknowledged is in one count of every hunter, however often it was sent."""

from __future__ import annotations

import errno
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import stillhunt
from server.shared_stores import Shared, bucket_server, kafka_servers, shared  # noqa: F401 - fixtures
from stillhunt.base.config import Config
from stillhunt.base.config_live import ServeSettings
from stillhunt.base.errors import ConfigError
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.shared.objects import open_object_store
from stillhunt.watch.spool.parts import Stream, all_parts, closed_parts
from stillhunt_server.receiving.brokers import Intake, check_broker
from stillhunt_server.receiving.dead_letters import DeadLetters
from stillhunt_server.receiving.messages import BrokerMessage, decode_message, encode_messages
from stillhunt_server.receiving.object_records import RECORDS, FetchedNames, RecordObjects
from stillhunt_server.receiving.sinks import OBJECT_PACE, RecordSink, SharedSink, StoredTogether
from stillhunt_server.receiving.stores import fetching_stored, open_sink
from stillhunt_server.receiving.traffic import Limits, Traffic
from watch.forked_code import Forked, forking
from watch.small_world import lines

pytestmark = pytest.mark.service
CALLS = Stream("gateway-eu", "jsonl", "jsonl")


def until(held: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not held():
        assert time.monotonic() < end, "it did not happen in time"
        threading.Event().wait(0.05)


def store_all(sink: RecordSink, stream: Stream, data: bytes, records: int) -> None:
    together = StoredTogether()
    together.submit(sink, stream, data, records)
    together.wait()


@contextmanager
def receiving(config: Config, path: Path) -> Iterator[RecordSink]:
    with open_sink(config.serve, DataFolder(path), ServiceFaults()) as sink:
        yield sink


@contextmanager
def hunter(config: Config, path: Path) -> Iterator[tuple[DataFolder, Traffic, ServiceFaults]]:
    folder, traffic, faults = DataFolder(path), Traffic(), ServiceFaults()
    intake = Intake(Limits(config.serve, folder.spool), traffic, DeadLetters(folder.dead_letters), faults)
    with fetching_stored(config, folder, intake):
        yield folder, traffic, faults


def counted(folder: DataFolder) -> int:
    return int(stillhunt.hunt([str(part) for part in closed_parts(folder.spool)]).run["counts"]["requests"])


def spooled(folder: DataFolder) -> list[bytes]:
    return b"".join(part.read_bytes() for part in all_parts(folder.spool) if ".jsonl" in part.name).splitlines(True)


def test_two_receivers_and_two_hunters_count_each_request_once(shared: Shared, tmp_path: Path) -> None:  # noqa: F811 - a fixture
    sent, config = lines()[:900], shared.config()
    with receiving(config, tmp_path / "r1") as one, receiving(config, tmp_path / "r2") as two:
        for at in range(0, len(sent), 100):  # every batch over one receiver, and every other one over both
            data = b"".join(sent[at : at + 100])
            store_all((one, two)[at // 100 % 2], CALLS, data, 100)
            if at // 100 % 2:
                store_all(one, CALLS, data, 100)
    assert not any(all_parts(DataFolder(tmp_path / name).spool) for name in ("r1", "r2"))
    for name in ("h1", "h2"):
        with hunter(config, tmp_path / name) as (folder, traffic, faults):
            until(lambda: len(set(spooled(folder))) == len(sent) and traffic.total() >= len(sent))
            assert {part.parent.parent.name for part in all_parts(folder.spool)} == {"gateway-eu"}
            assert faults.current() == ()
        assert counted(folder) == len(sent)


def test_a_hunter_that_comes_back_fetches_only_what_is_new(shared: Shared, tmp_path: Path) -> None:  # noqa: F811 - a fixture
    sent, config = lines()[:200], shared.config()
    for at in (0, 100):
        with receiving(config, tmp_path / "r") as sink:
            store_all(sink, CALLS, b"".join(sent[at : at + 100]), 100)
        with hunter(config, tmp_path / "h") as (folder, traffic, _):
            until(lambda: traffic.total() == 100)
    assert len(spooled(folder)) == len(sent)


CHILDREN = """
import os, signal, threading
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
import nats.aio.msg
from pathlib import Path
from stillhunt.base.config import Config
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.spool.parts import Stream
from stillhunt_server.receiving import broker_inlet, kafka_topic, nats_inlet, object_records
from stillhunt_server.receiving.brokers import Intake
from stillhunt_server.receiving.dead_letters import DeadLetters
from stillhunt_server.receiving.sinks import StoredTogether
from stillhunt_server.receiving.stores import fetching_stored, open_sink
from stillhunt_server.receiving.traffic import Limits, Traffic

def killed(*_given, **_named):
    os.kill(os.getpid(), signal.SIGKILL)

def receive(folder, settings, lines, acknowledged):
    config = Config.load({"serve": settings}, environ={})
    with open_sink(config.serve, DataFolder(Path(folder)), ServiceFaults()) as sink, open(acknowledged, "ab") as notes:
        for line in lines:
            together = StoredTogether()
            together.submit(sink, Stream("gateway-eu", "jsonl", "jsonl"), line, 1)
            if line is lines[-1]:
                killed()
            together.wait()
            notes.write(line)
            notes.flush()

def hunt(folder, settings):
    config, folder = Config.load({"serve": settings}, environ={}), DataFolder(Path(folder))
    object_records.FetchedNames.note = killed
    async def killed_later(_message):
        killed()
    nats.aio.msg.Msg.ack = killed_later
    nats_inlet.NatsInlet.__init__.__defaults__ = (broker_inlet.INLET_PACE._replace(acknowledge_seconds=2.0),)
    class Dying(kafka_topic.Consumer):
        commit = killed
    kafka_topic.Consumer = Dying
    faults = ServiceFaults()
    intake = Intake(Limits(config.serve, folder.spool), Traffic(), DeadLetters(folder.dead_letters), faults)
    with fetching_stored(config, folder, intake):
        threading.Event().wait(60)
"""
"""A receiver that notes which records last and is killed behind the last one, of which nobody will ever know; and a
hunter that dies between the sync of its spool and its note, or its acknowledgement."""


@pytest.fixture(scope="module")
def forked() -> Iterator[Forked]:
    with forking(CHILDREN) as run:
        yield run


def test_what_a_killed_receiver_acknowledged_is_there(shared: Shared, forked: Forked, tmp_path: Path) -> None:  # noqa: F811 - a fixture
    sent, notes = list(lines()[:4]), tmp_path / "acknowledged"
    ended = forked(f"receive({str(tmp_path / 'r')!r}, {shared.settings!r}, {sent!r}, {str(notes)!r})")
    assert ended == -signal.SIGKILL
    assert notes.read_bytes().splitlines(keepends=True) == sent[:3]
    with receiving(shared.config(), tmp_path / "r2") as sink:  # the sender sends it again, to another receiver
        store_all(sink, CALLS, sent[3], 1)
    with hunter(shared.config(), tmp_path / "h") as (folder, _, _faults):
        until(lambda: set(spooled(folder)) == set(sent))


@pytest.mark.slow
def test_a_hunter_killed_between_sync_and_note_counts_each_request_once(
    shared: Shared,  # noqa: F811 - a fixture
    forked: Forked,
    tmp_path: Path,
) -> None:
    sent = lines()[:300]
    with receiving(shared.config(), tmp_path / "r") as sink:
        store_all(sink, CALLS, b"".join(sent), len(sent))
    assert forked(f"hunt({str(tmp_path / 'h')!r}, {shared.settings!r})") == -signal.SIGKILL
    with hunter(shared.config(), tmp_path / "h") as (folder, traffic, _):
        until(lambda: traffic.total() == len(sent), seconds=90)
        copies = len(spooled(folder))
    assert copies == 2 * len(sent)
    assert counted(folder) == len(sent)


def test_spans_and_sources_survive_every_store(shared: Shared, tmp_path: Path) -> None:  # noqa: F811 - a fixture
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="chat")
    data, config = request.SerializeToString(), shared.config()
    with receiving(config, tmp_path / "r") as sink:
        store_all(sink, Stream("gateway-us", "traces", "pb"), data, 1)
    with hunter(config, tmp_path / "h") as (folder, traffic, _):
        until(lambda: traffic.total() == 1)
        (part,) = all_parts(folder.spool)
    (part,) = closed_parts(folder.spool)
    assert (part.parent.parent.name, part.name.split("-")[-1], part.read_bytes()) == ("gateway-us", "traces.pb", data)


def test_a_store_that_is_away_is_said_and_nothing_is_acknowledged(shared: Shared, tmp_path: Path) -> None:  # noqa: F811 - a fixture
    if shared.cut is None:
        pytest.skip("only the broker that the test started can be killed")
    faults = ServiceFaults()
    with open_sink(shared.config().serve, DataFolder(tmp_path / "r"), faults) as sink:
        store_all(sink, CALLS, lines()[0], 1)
        shared.cut()
        with pytest.raises(OSError, match="NATS"):
            store_all(sink, CALLS, lines()[1], 1)
        assert "is refused: NATS" in faults.current()[0].statement


def test_a_damaged_object_is_left_out_and_said(tmp_path: Path) -> None:
    config = Shared({"store": (tmp_path / "shared").as_uri()}).config()
    (tmp_path / "shared").mkdir()
    store = open_object_store(config.serve.store)
    RecordObjects(store).store_records(CALLS, lines()[0], 1)
    RecordObjects(store).store_records(CALLS, lines()[1], 1)
    damaged = store.list_objects(RECORDS)[0]
    (tmp_path / "shared" / damaged.name).write_bytes(b"something else\n")
    (tmp_path / "shared" / RECORDS / "gateway-eu" / "2026-01-01T00" / "no-record.txt").parent.mkdir()
    with hunter(config, tmp_path / "h") as (folder, traffic, faults):
        until(lambda: traffic.total() == 1)
        assert spooled(folder) == [lines()[1]]
        assert traffic.refused["gateway-eu", "damaged object"] == 1
        assert [fault.name for fault in faults.current()] == ["store objects"]


def test_a_name_that_was_cut_by_a_kill_is_fetched_again(tmp_path: Path) -> None:
    names = FetchedNames(tmp_path)
    names.note("eu", "2026-11-30T04", ["one", "two"])
    with (tmp_path / "eu" / "2026-11-30T04").open("a") as file:
        file.write("thr")
    again = FetchedNames(tmp_path)
    assert {"one", "two"} <= again.of_hour("eu", "2026-11-30T04")
    assert "thr" not in again.of_hour("eu", "2026-11-30T04")
    again.note("eu", "2026-11-30T04", ["three"])
    assert "three" in FetchedNames(tmp_path).of_hour("eu", "2026-11-30T04")
    again.forget_before("2026-11-30T05")
    assert FetchedNames(tmp_path).of_hour("eu", "2026-11-30T04") == set()


def test_without_a_store_folder_the_hunter_says_so(tmp_path: Path) -> None:
    config = Shared({"store": (tmp_path / "away").as_uri()}).config()
    with hunter(config, tmp_path / "h") as (_, _, faults):
        until(lambda: [fault.name for fault in faults.current()] == ["store"])


def _failing(_stream: Stream, _data: bytes, _records: int) -> None:
    raise RuntimeError("a fault of ours")


def test_a_sink_answers_whatever_its_store_does() -> None:
    faults = ServiceFaults()
    sink = SharedSink(_failing, OBJECT_PACE._replace(gather_seconds=0.0), faults)
    with pytest.raises(OSError, match="RuntimeError"):
        store_all(sink, CALLS, b"{}\n", 1)
    sink.stop()
    assert faults.current()[0].name == "spool writes"


def test_records_are_gathered_into_one_object_for_a_moment() -> None:
    stored: list[bytes] = []
    sink = SharedSink(lambda _stream, data, _records: stored.append(data), OBJECT_PACE, ServiceFaults())
    together = StoredTogether()
    for number in range(5):
        together.submit(sink, CALLS, b"%d\n" % number, 1)
    together.wait()
    sink.stop()
    assert stored == [b"0\n1\n2\n3\n4\n"]


def test_messages_hold_whole_records_and_no_more_than_the_broker_takes() -> None:
    data = b"".join(b'{"id": "%d", "text": "%s"}\n' % (n, b"x" * 90_000) for n in range(20))
    messages = encode_messages(CALLS, data, "calls", 1_000_000)
    assert len(messages) == 4
    found = [decode_message(one, "kafka", 1 << 22, ours=True) for one in messages]
    assert {stream for stream, _ in found} == {CALLS}
    assert b"".join(records.data for _, records in found) == data
    foreign = BrokerMessage("calls", messages[0].data, {**messages[0].headers, "stillhunt-source": "../../etc"})
    assert decode_message(foreign, "kafka", 1 << 22, ours=True)[0].source == "kafka"
    assert decode_message(messages[0], "kafka", 1 << 22)[0].source == "kafka"
    with pytest.raises(OSError) as error:  # noqa: PT011 - its number says which
        encode_messages(CALLS, json.dumps({"noise": "".join(map(chr, range(256, 9000)))}).encode() + b"\n", "c", 100)
    assert error.value.errno == errno.EMSGSIZE


def test_settings_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for given, said in (
        ({"store": "nats"}, "serve.nats_url and serve.nats_subject"),
        ({"store": "kafka"}, "serve.kafka_servers"),
        ({"kafka_servers": "h:9092"}, "serve.kafka_topic"),
        ({"store": "/some/folder"}, "store"),
    ):
        with pytest.raises(ConfigError) as error:
            Config.load({"serve": given}, environ={})
        assert said in str(error.value)
    check_broker(ServeSettings(store=tmp_path.as_uri()))
    with pytest.raises(ConfigError, match="Kafka"):
        check_broker(ServeSettings(kafka_servers="127.0.0.1:1", kafka_topic="calls"))
