"""Stores that several machines share, each real or as its makers test it, as fixtures."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import boto3
import pytest
from moto.server import ThreadedMotoServer

from server.nats_servers import STREAM, broker
from stillhunt.base.config import Config
from stillhunt_server.receiving import stores
from stillhunt_server.receiving.sinks import OBJECT_PACE

numbers = itertools.count()
BUCKET = "records"
KAFKA_CLUSTER = """
import sys
from confluent_kafka import Producer
client = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 3})
brokers = client.list_topics(timeout=20).brokers.values()
print(",".join(f"{one.host}:{one.port}" for one in brokers), flush=True)
sys.stdin.read()
"""
"""Its brokers live as long as the client that has them."""


@dataclass(frozen=True)
class Shared:
    """A store.

    Attributes:
        settings: values of `serve` that name it.
        cut: makes it unreachable; None where that is not tried.
    """

    settings: dict[str, object]
    cut: Callable[[], None] | None = None

    def config(self, **others: object) -> Config:
        return Config.load({"serve": {**self.settings, **others}}, environ={})


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="key",
        aws_secret_access_key="s3cret",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    yield f"{host}:{port}"
    server.stop()


def address_of(endpoint: str, prefix: str) -> str:
    options = f"scheme=http&region=us-east-1&endpoint_override={quote(endpoint)}"
    return f"s3://key:s3cret@{BUCKET}/{prefix}?{options}"


@pytest.fixture(scope="session")
def kafka_servers() -> Iterator[str]:
    """The mock cluster of librdkafka, three brokers that speak the protocol, in a process of its own."""
    words = [sys.executable, "-c", KAFKA_CLUSTER]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cluster:
        assert cluster.stdout is not None
        yield cluster.stdout.readline().strip()
        cluster.kill()


@pytest.fixture(params=["folder", "bucket", "nats", "kafka"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shared]:
    """An empty store of each kind."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(stores, "OBJECT_PACE", OBJECT_PACE._replace(gather_seconds=0.05))
    if request.param == "folder":
        (tmp_path / "shared").mkdir()
        yield Shared({"store": (tmp_path / "shared").as_uri()})
    elif request.param == "bucket":
        endpoint = request.getfixturevalue("bucket_server")
        yield Shared({"store": address_of(endpoint, f"p{next(numbers)}")})
    elif request.param == "nats":
        with broker(tmp_path / "broker") as server:
            named = {"nats_url": server.url, "nats_stream": STREAM, "nats_subject": "calls.>"}
            yield Shared({"store": "nats", **named}, server.kill)
    else:
        servers = request.getfixturevalue("kafka_servers")
        yield Shared({"store": "kafka", "kafka_servers": servers, "kafka_topic": f"calls-{next(numbers)}"})
