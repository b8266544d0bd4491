"""A real `stillhunt serve` for benchmarks, and senders that cost it as little of the machine as they can."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TOKEN = re.compile(rb"stillhunt_[A-Za-z0-9_-]+")
WORDS = "explain how the tide the moon and the shape of a bay change what a harbour pilot sees each hour of the day "


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Served:
    """A running server.

    Attributes:
        port: on 127.0.0.1.
        token: for everything.
        process: of the server.
        data: its folder.
    """

    port: int
    token: str
    process: psutil.Process
    data: Path

    def call(self, method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> bytes:
        """The answer to one request; raises where it is no success."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {content[:200]!r}")
        return content

    def status(self) -> dict[str, Any]:
        """What /v1/status says."""
        found: dict[str, Any] = json.loads(self.call("GET", "/v1/status"))
        return found

    def metric(self, name: str) -> float:
        """The sum of one metric over its labels."""
        lines = self.call("GET", "/metrics").decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(rf"{name}[{{ ]", line))

    def hunt(self) -> dict[str, Any]:
        """Hunt now and wait for the outcome."""
        before = sum(self.status()["hunts"]["hunts"].values())
        self.call("POST", "/v1/hunts")
        while True:
            hunts = self.status()["hunts"]
            if sum(hunts["hunts"].values()) > before and hunts["running_since"] is None:
                last: dict[str, Any] = hunts["last"]
                return last
            time.sleep(0.2)


@contextmanager
def served(data: Path, options: Sequence[str] = ()) -> Iterator[Served]:
    """Start a server on a data folder, and stop it at the end.

    Args:
        data: the folder; the first start makes the token.
        options: further words of the command.
    """
    port = free_port()
    log = data.with_suffix(".log")
    words = [sys.executable, "-m", "stillhunt", "serve", "--data", str(data), "--listen", f"127.0.0.1:{port}", *options]
    with log.open("ab") as errors:
        process = subprocess.Popen(words, stderr=errors, stdout=errors)
    try:
        token_file = data.with_suffix(".token")
        while True:
            if process.poll() is not None:
                raise RuntimeError(log.read_text()[-2000:])
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        if not token_file.exists():
            found = TOKEN.search(log.read_bytes())
            if found is None:
                raise RuntimeError("the server printed no token")
            token_file.write_bytes(found[0])
        yield Served(port, token_file.read_text(), psutil.Process(process.pid), data)
    finally:
        process.terminate()
        process.wait(60)


class SpanBatches:
    """Export requests of as many spans, whose ids differ in every one that is sent.

    Args:
        spans: spans of a batch.
        accounts: accounts that send in turn.
    """

    def __init__(self, spans: int, accounts: int = 500) -> None:
        request = ExportTraceServiceRequest()
        scope = request.resource_spans.add().scope_spans.add()
        for number in range(spans):
            span = scope.spans.add(name="chat m1", kind=3, trace_id=b"T" * 16, span_id=b"%08d" % number)
            span.start_time_unix_nano = 1_700_000_000_000_000_000
            span.end_time_unix_nano = span.start_time_unix_nano + 2_000_000_000
            prompt = f"{number} {WORDS * 4}"
            attributes = {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "m1",
                "user.id": f"account-{number % accounts}",
                "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": prompt}]}]),
                "client.address": f"203.0.113.{number % 250}",
            }
            for name, value in attributes.items():
                span.attributes.add(key=name).value.string_value = value
            span.attributes.add(key="gen_ai.usage.output_tokens").value.int_value = 300
        self._body = bytearray(request.SerializeToString())
        self._places = [found.start() for found in re.finditer(b"T" * 16, self._body)]
        self._spans = spans

    def next(self) -> bytes:
        """One batch with new trace ids and the time of now, as far as a hunt needs them to be new."""
        fresh = os.urandom(16 * self._spans)
        for number, place in enumerate(self._places):
            self._body[place : place + 16] = fresh[16 * number : 16 * number + 16]
        return bytes(self._body)
